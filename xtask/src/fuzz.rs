//! `cargo xtask fuzz`: libFuzzer over the targets of `tests/fuzz`, on a stable toolchain.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::process::{self, cargo};
use crate::{Result, root};

/// What cargo-fuzz passes too, without its sanitizers, which alone need a nightly compiler.
const INSTRUMENT: &str = "--cfg fuzzing -Cpasses=sancov-module \
    -Cllvm-args=-sanitizer-coverage-level=4 \
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters \
    -Cllvm-args=-sanitizer-coverage-pc-table \
    -Cllvm-args=-sanitizer-coverage-trace-compares";

/// Run the fuzz targets of tests/fuzz one after the other.
///
/// Needs the toolchain that builds aisr and a C++ compiler (libFuzzer is compiled from the crate
/// libfuzzer-sys); neither a nightly toolchain nor cargo-fuzz. Coverage is compiled in, a
/// sanitizer is not: the code under test is safe Rust but for a few small files. With both
/// installed, `cargo +nightly fuzz run --fuzz-dir tests/fuzz TARGET` adds the address sanitizer.
///
/// Every target asserts more than the absence of panics: what decodes must encode to the same
/// bytes. What is found is kept in tests/fuzz/corpus and, if it fails, in tests/fuzz/artifacts.
#[derive(clap::Args)]
pub struct Arguments {
    /// The targets; all of them when none is named
    targets: Vec<String>,
    /// How long each target runs
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    time: u32,
    /// Only print the names of the targets
    #[arg(long)]
    list: bool,
}

/// Runs the targets; the first finding ends its target, the others run all the same.
pub fn run(arguments: &Arguments) -> Result {
    let folder = root().join("tests/fuzz");
    let known = targets(&folder)?;
    if arguments.list {
        known.iter().for_each(|target| println!("{target}"));
        return Ok(());
    }
    if let Some(unknown) = arguments.targets.iter().find(|t| !known.contains(t)) {
        return Err(format!("no fuzz target {unknown}; there are: {}", known.join(", ")));
    }
    let chosen = if arguments.targets.is_empty() { &known } else { &arguments.targets };
    let built = build(&folder)?;
    process::run(Command::new(built.join("examples/seeds")).arg(folder.join("corpus")))?;
    let mut failed = Vec::new();
    for target in chosen {
        println!("== {target}, {} s", arguments.time);
        if let Err(error) = fuzz(&folder, &built, target, arguments.time) {
            eprintln!("error: {error}");
            failed.push(target.as_str());
        }
    }
    if failed.is_empty() {
        println!("{} targets ran for {} s each: nothing found", chosen.len(), arguments.time);
        return Ok(());
    }
    Err(format!("{} failed; the inputs are in tests/fuzz/artifacts", failed.join(", ")))
}

/// The names of the targets, which are those of the files.
fn targets(folder: &Path) -> Result<Vec<String>> {
    let folder = folder.join("fuzz_targets");
    let unreadable = |e| format!("cannot read {}: {e}", folder.display());
    let mut names = Vec::new();
    for file in fs::read_dir(&folder).map_err(unreadable)? {
        let path = file.map_err(unreadable)?.path();
        if path.extension().is_some_and(|extension| extension == "rs") {
            names.extend(path.file_stem().map(|stem| stem.to_string_lossy().into_owned()));
        }
    }
    names.sort();
    Ok(names)
}

/// Builds all targets, instrumented, and says in which folder they lie.
fn build(folder: &Path) -> Result<PathBuf> {
    let host = host()?;
    // Naming the target keeps the flags away from build scripts and procedural macros.
    process::run(
        cargo()
            .args(["build", "--quiet", "--release", "--bins", "--examples", "--target", &host])
            .arg("--manifest-path")
            .arg(folder.join("Cargo.toml"))
            .arg("--target-dir")
            .arg(folder.join("target"))
            .env("RUSTFLAGS", INSTRUMENT)
            .env_remove("CARGO_ENCODED_RUSTFLAGS"),
    )?;
    Ok(folder.join("target").join(host).join("release"))
}

fn host() -> Result<String> {
    let rustc = std::env::var_os("RUSTC").unwrap_or("rustc".into());
    let version = process::output(Command::new(rustc).arg("-vV").current_dir(root()))?;
    let host = version.lines().find_map(|line| line.strip_prefix("host: "));
    host.map(str::to_owned).ok_or_else(|| "rustc does not say what its host is".into())
}

fn fuzz(folder: &Path, built: &Path, target: &str, seconds: u32) -> Result {
    let own = |name: &str| folder.join(name).join(target);
    for dir in [own("corpus"), own("artifacts")] {
        fs::create_dir_all(&dir).map_err(|e| format!("cannot make {}: {e}", dir.display()))?;
    }
    let mut prefix = OsString::from("-artifact_prefix=");
    prefix.push(own("artifacts"));
    prefix.push("/");
    let out = Command::new(built.join(target))
        .arg(format!("-max_total_time={seconds}"))
        .args(["-use_value_profile=1", "-timeout=20", "-rss_limit_mb=1024"])
        .arg("-print_final_stats=1")
        .arg(prefix)
        .arg(own("corpus"))
        .output()
        .map_err(|e| format!("cannot start {target}: {e}"))?;
    let told = String::from_utf8_lossy(&out.stderr);
    if !out.status.success() {
        return Err(format!("{target}: {}\n{}", out.status, last_lines(&told, 40)));
    }
    let stat = |name: &str| {
        let line = told.lines().find_map(|line| line.strip_prefix(&format!("stat::{name}:")));
        line.unwrap_or("?").trim().to_owned()
    };
    println!("{} runs, peak {} MiB", stat("number_of_executed_units"), stat("peak_rss_mb"));
    Ok(())
}

fn last_lines(text: &str, count: usize) -> String {
    let lines: Vec<_> = text.lines().collect();
    lines[lines.len().saturating_sub(count)..].join("\n")
}
