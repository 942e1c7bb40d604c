//! `cargo xtask vectors`: the test vectors, read by two programs that share no code.

use std::path::Path;
use std::process::Command;

use crate::process::{self, cargo};
use crate::{Result, root};

const READER: &str = "tests/reader/check_vectors.py";
const TEST: &str = "vectors";

/// Lets the Python reader check the vectors, then the library.
pub fn run() -> Result {
    let root = root();
    for (path, what) in [(READER, "the second reader"), ("tests/vectors.rs", "the library's test")]
    {
        require(&root, path, what)?;
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

fn require(root: &Path, path: &str, what: &str) -> Result {
    if root.join(path).exists() {
        return Ok(());
    }
    Err(format!("{path} is missing: {what} for the test vectors is not in this tree"))
}
