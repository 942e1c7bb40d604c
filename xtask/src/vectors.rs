//! `cargo xtask vectors`: the test vectors, read by two programs that share no code.

use std::process::Command;

use crate::process::{self, cargo};
use crate::{Result, root};

const READER: &str = "tests/reader/check_vectors.py";
const TEST: &str = "vectors";

/// Lets the Python reader check the vectors, then the library.
pub fn run() -> Result {
    let root = root();
    let needed = [(READER, "the second reader"), ("tests/vectors.rs", "the library's own test")];
    let missing = needed.iter().filter(|(path, _)| !root.join(path).exists());
    let missing: Vec<_> = missing.map(|(path, what)| format!("{path} ({what})")).collect();
    if !missing.is_empty() {
        return Err(format!("not in this tree: {}", missing.join(", ")));
    }
    let python = root.join("target/venv/bin/python");
    if !python.exists() {
        return Err(
            "the independent reader has no Python packages: run `bash xtask/setup` first".into()
        );
    }
    process::run(Command::new(python).arg(READER).current_dir(&root))?;
    process::run(cargo().args(["test", "--quiet", "--package", "aisr", "--test", TEST]))
}
