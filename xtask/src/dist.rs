//! `cargo xtask dist`: one static binary, with what a package of it holds.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::process::{self, cargo};
use crate::{Result, root};

/// Linked with no shared library, so that it runs on any Linux of its architecture.
const TARGET: &str = "x86_64-unknown-linux-musl";

/// Build the static binary, its manual pages and its completions, into one folder.
///
/// The binary is linked with musl and needs nothing of the system that it runs on. Building it
/// takes the target (`rustup target add x86_64-unknown-linux-musl`) and a C compiler for it, since
/// SQLite and zstd are compiled in (`apt-get install musl-tools`). It says of itself which
/// revision it was built from (`aisr version --json`).
#[derive(clap::Args)]
pub struct Arguments {
    /// Where to put it; replaced if it exists
    #[arg(long, value_name = "DIR", default_value = "target/dist")]
    out: PathBuf,
}

/// Builds, checks that the binary is static, and lays everything out.
pub fn run(arguments: &Arguments) -> Result {
    ensure_target()?;
    let built = build()?;
    ensure_static(&built)?;
    let out = root().join(&arguments.out);
    if out.exists() {
        fs::remove_dir_all(&out).map_err(|e| format!("cannot replace {}: {e}", out.display()))?;
    }
    make(&out.join("completions"))?;
    let binary = out.join("aisr");
    copy(&built, &binary)?;
    for license in ["LICENSE-MIT", "LICENSE-APACHE"] {
        copy(&root().join(license), &out.join(license))?;
    }
    let aisr = || {
        let mut command = Command::new(&binary);
        // Nothing of the builder's own settings shows in what is made.
        command.env("AISR_CONFIG_DIR", &out);
        command
    };
    process::run(aisr().arg("--quiet").arg("man").arg(out.join("man1")))?;
    for (shell, name) in [("bash", "aisr"), ("zsh", "_aisr"), ("fish", "aisr.fish")] {
        let script = process::output(aisr().args(["completions", shell]))?;
        let path = out.join("completions").join(name);
        fs::write(&path, script).map_err(|e| format!("cannot write {}: {e}", path.display()))?;
    }
    let size = fs::metadata(&binary).map_or(0, |found| found.len());
    println!("{}: static, {:.1} MiB", binary.display(), size as f64 / f64::from(1 << 20));
    Ok(())
}

/// Says what is missing before a long build fails for it.
fn ensure_target() -> Result {
    let rustc = std::env::var_os("RUSTC").unwrap_or("rustc".into());
    let mut print = Command::new(rustc);
    print.args(["--print", "target-libdir", "--target", TARGET]).current_dir(root());
    let library = process::output(&mut print)?;
    if !Path::new(library.trim()).exists() {
        return Err(format!("the target is not installed: `rustup target add {TARGET}`"));
    }
    let compiler = Command::new("musl-gcc").arg("--version").stdout(Stdio::null()).status();
    match compiler {
        Ok(_) => Ok(()),
        Err(_) => Err("there is no musl-gcc, which compiles SQLite and zstd: on Debian, \
                       `apt-get install musl-tools`"
            .into()),
    }
}

fn build() -> Result<PathBuf> {
    let revision = Command::new("git")
        .args(["describe", "--always", "--dirty", "--abbrev=10"])
        .current_dir(root())
        .output();
    let revision = revision.ok().filter(|ran| ran.status.success());
    let revision = revision.map(|ran| String::from_utf8_lossy(&ran.stdout).trim().to_owned());
    // A folder of its own: the flags of both builds differ, and neither throws the other's away.
    let target = root().join("target/dist-build");
    let mut command = cargo();
    command
        .args(["build", "--quiet", "--release", "--locked", "--package", "aisr", "--bin", "aisr"])
        .args(["--target", TARGET, "--target-dir"])
        .arg(&target)
        // Names of functions stay, lines go: they are most of the file.
        .env("CARGO_PROFILE_RELEASE_STRIP", "debuginfo");
    if let Some(revision) = revision {
        command.env("AISR_BUILD_COMMIT", revision);
    }
    process::run(&mut command)?;
    Ok(target.join(TARGET).join("release/aisr"))
}

/// A program that needs a loader names it in a program header of type `PT_INTERP` (elf(5)).
fn ensure_static(binary: &Path) -> Result {
    let bytes = fs::read(binary).map_err(|e| format!("cannot read {}: {e}", binary.display()))?;
    let number = |at: usize, len: usize| {
        let bytes = bytes.get(at..at + len).unwrap_or_default();
        bytes.iter().rev().fold(0usize, |number, byte| (number << 8) | usize::from(*byte))
    };
    if !bytes.starts_with(b"\x7fELF\x02\x01") {
        return Err(format!("{} is no ELF file of 64 bits", binary.display()));
    }
    let (table, entry, entries) = (number(0x20, 8), number(0x36, 2), number(0x38, 2));
    let mut types = (0..entries).map(|n| number(table + n * entry, 4));
    match types.any(|kind| kind == 3) {
        true => Err(format!("{} is not static: it names a loader", binary.display())),
        false => Ok(()),
    }
}

fn make(folder: &Path) -> Result {
    fs::create_dir_all(folder).map_err(|e| format!("cannot make {}: {e}", folder.display()))
}

fn copy(from: &Path, to: &Path) -> Result {
    let copied = fs::copy(from, to).map(drop);
    copied.map_err(|e| format!("cannot copy {} to {}: {e}", from.display(), to.display()))
}
