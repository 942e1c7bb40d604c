//! `cargo xtask test`: every test of the project, as the README and CI run them.

use std::process::Command;

use crate::Result;

/// Runs the test suite; `arguments` go to `cargo test`.
pub fn run(arguments: &[String]) -> Result {
    let python = crate::root().join("target/venv/bin/python");
    if !python.exists() {
        return Err(
            "the independent reader has no Python packages: run `bash xtask/setup` first".into()
        );
    }
    let status = Command::new(env!("CARGO"))
        .args(["test", "--workspace", "--locked"])
        .args(arguments)
        .current_dir(crate::root())
        .status()
        .map_err(|e| format!("cannot start cargo: {e}"))?;
    match status.success() {
        true => Ok(()),
        false => Err("tests failed".into()),
    }
}
