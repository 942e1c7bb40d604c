//! `cargo xtask fuzz`: libFuzzer over the targets of `tests/fuzz`, on a stable toolchain.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

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
/// At the end a table says of each target how many inputs it ran in how many seconds, what of that
/// was new, and whether something was found.
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
    let mut rows = Vec::new();
    for target in chosen {
        println!("== {target}, {} s", arguments.time);
        let row = fuzz(&folder, &built, target, arguments.time)?;
        if let Some(failure) = &row.failure {
            eprintln!("error: {failure}");
        }
        rows.push(row);
    }
    print!("\n{}", table(&rows));
    let failed: Vec<_> = rows.iter().filter(|row| row.failure.is_some()).collect();
    if failed.is_empty() {
        return Ok(());
    }
    let failed: Vec<_> = failed.iter().map(|row| row.target.as_str()).collect();
    Err(format!("{} failed; the inputs are in tests/fuzz/artifacts", failed.join(", ")))
}

/// What a run of a target came to.
struct Row {
    target: String,
    /// As libFuzzer counts them; `None` where it did not come to that.
    runs: Option<u64>,
    new_inputs: Option<u64>,
    peak_mib: Option<u64>,
    seconds: f64,
    failure: Option<String>,
}

/// One line for each target, and one for all.
fn table(rows: &[Row]) -> String {
    let number = |number: Option<u64>| number.map_or_else(|| "?".into(), |n| n.to_string());
    let line = |cells: [&str; 6]| {
        let [target, runs, new, seconds, peak, found] = cells;
        format!("{target:<20} {runs:>14} {new:>8} {seconds:>8} {peak:>9}  {found}\n")
    };
    let mut out = line(["target", "executions", "new", "seconds", "peak MiB", "found"]);
    for row in rows {
        let seconds = format!("{:.1}", row.seconds);
        let found = if row.failure.is_some() { "a failure" } else { "nothing" };
        let (runs, new) = (number(row.runs), number(row.new_inputs));
        out += &line([&row.target, &runs, &new, &seconds, &number(row.peak_mib), found]);
    }
    let runs: u64 = rows.iter().filter_map(|row| row.runs).sum();
    let new: u64 = rows.iter().filter_map(|row| row.new_inputs).sum();
    let seconds: f64 = rows.iter().map(|row| row.seconds).sum();
    let failures = rows.iter().filter(|row| row.failure.is_some()).count();
    let found = if failures == 0 { "nothing".into() } else { format!("{failures} with failures") };
    let all = format!("{} targets", rows.len());
    out + &line([&all, &runs.to_string(), &new.to_string(), &format!("{seconds:.1}"), "", &found])
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

fn fuzz(folder: &Path, built: &Path, target: &str, seconds: u32) -> Result<Row> {
    let own = |name: &str| folder.join(name).join(target);
    for dir in [own("corpus"), own("artifacts")] {
        fs::create_dir_all(&dir).map_err(|e| format!("cannot make {}: {e}", dir.display()))?;
    }
    let mut prefix = OsString::from("-artifact_prefix=");
    prefix.push(own("artifacts"));
    prefix.push("/");
    let begun = Instant::now();
    let out = Command::new(built.join(target))
        .arg(format!("-max_total_time={seconds}"))
        .args(["-use_value_profile=1", "-timeout=20", "-rss_limit_mb=1024"])
        .arg("-print_final_stats=1")
        .arg(prefix)
        .arg(own("corpus"))
        .output()
        .map_err(|e| format!("cannot start {target}: {e}"))?;
    let seconds = begun.elapsed().as_secs_f64();
    let told = String::from_utf8_lossy(&out.stderr);
    // Also of a run that ends with a finding.
    let stat = |name: &str| {
        let line = told.lines().find_map(|line| line.strip_prefix(&format!("stat::{name}:")));
        line.and_then(|value| value.trim().parse().ok())
    };
    let failure = (!out.status.success())
        .then(|| format!("{target}: {}\n{}", out.status, last_lines(&told, 40)));
    Ok(Row {
        target: target.into(),
        runs: stat("number_of_executed_units"),
        new_inputs: stat("new_units_added"),
        peak_mib: stat("peak_rss_mb"),
        seconds,
        failure,
    })
}

fn last_lines(text: &str, count: usize) -> String {
    let lines: Vec<_> = text.lines().collect();
    lines[lines.len().saturating_sub(count)..].join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_has_a_line_for_each_target_and_one_for_all() {
        let good = Row {
            target: "cbor".into(),
            runs: Some(1_234_567),
            new_inputs: Some(12),
            peak_mib: Some(48),
            seconds: 60.21,
            failure: None,
        };
        let bad = Row {
            target: "format_file".into(),
            runs: None,
            new_inputs: None,
            peak_mib: None,
            seconds: 1.5,
            failure: Some("it ended with a panic".into()),
        };
        let wanted = "\
target                   executions      new  seconds  peak MiB  found
cbor                        1234567       12     60.2        48  nothing
format_file                       ?        ?      1.5         ?  a failure
2 targets                   1234567       12     61.7            1 with failures
";
        assert_eq!(table(&[good, bad]), wanted);
    }
}
