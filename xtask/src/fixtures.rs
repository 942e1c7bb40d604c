//! `cargo xtask fixtures`: the small repositories that `tests/fixtures.rs` opens.

use crate::Result;
use crate::process::{self, cargo};

/// Replaces the repositories of tests/fixtures; the same code makes the same bytes.
pub fn run() -> Result {
    process::run(cargo().args(["run", "--quiet", "--package", "aisr", "--example", "fixtures"]))
}
