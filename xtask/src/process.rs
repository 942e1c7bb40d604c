//! Starting other programs.

use std::ffi::OsStr;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use crate::{Result, root};

/// Runs a command to its end; what it prints is shown.
pub fn run(command: &mut Command) -> Result {
    let status = command.status().map_err(|e| not_started(command, &e))?;
    if status.success() { Ok(()) } else { Err(format!("{} failed: {status}", shown(command))) }
}

/// Runs a command to its end and gives what it printed to stdout.
pub fn output(command: &mut Command) -> Result<String> {
    let out = command.stderr(Stdio::inherit()).output().map_err(|e| not_started(command, &e))?;
    if !out.status.success() {
        return Err(format!("{} failed: {}", shown(command), out.status));
    }
    Ok(String::from_utf8_lossy(&out.stdout).into_owned())
}

/// A `cargo` that works in the workspace.
pub fn cargo() -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or("cargo".into()));
    command.current_dir(root());
    command
}

/// Builds aisr in release, installs it in the target folder and says where it is.
///
/// To install a program is to copy it, as `cargo install` does. One that still lies as the linker
/// wrote it, page by page, is also mapped page by page, and starts up to 0.1 ms later.
pub fn install_aisr() -> Result<PathBuf> {
    run(cargo().args(["build", "--quiet", "--release", "--package", "aisr", "--bin", "aisr"]))?;
    let name = format!("aisr{}", std::env::consts::EXE_SUFFIX);
    let (built, folder) = (release().join(&name), release().join("installed"));
    let installed = folder.join(&name);
    let failed = |e| format!("cannot install {}: {e}", installed.display());
    std::fs::create_dir_all(&folder).map_err(failed)?;
    // What runs at the moment is not written to.
    let new = folder.join(format!("{name}.new"));
    std::fs::copy(&built, &new).and_then(|_| std::fs::rename(&new, &installed)).map_err(failed)?;
    Ok(installed)
}

/// Builds an example of aisr in release and says where it is.
pub fn build_example(name: &str) -> Result<PathBuf> {
    let words = ["build", "--quiet", "--release", "--package", "aisr", "--example", name];
    run(cargo().args(words))?;
    Ok(release().join("examples").join(format!("{name}{}", std::env::consts::EXE_SUFFIX)))
}

/// Where what is built in release goes.
fn release() -> PathBuf {
    let target = match std::env::var_os("CARGO_TARGET_DIR") {
        Some(dir) => root().join(dir),
        None => root().join("target"),
    };
    target.join("release")
}

fn not_started(command: &Command, error: &std::io::Error) -> String {
    format!("cannot start {}: {error}", command.get_program().to_string_lossy())
}

fn shown(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(OsStr::to_string_lossy).collect::<Vec<_>>().join(" ")
}
