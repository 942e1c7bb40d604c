//! Warnings of a capture.

use aisr::worktree::Warning;

use super::color::{HINT, WARNING};

/// Prints a warning, and what can be done about it, to stderr.
pub fn warn(warning: &Warning) {
    // Paths in it are escaped already.
    anstream::eprintln!("{WARNING}warning:{WARNING:#} {warning}");
    if let Some(hint) = warning.hint() {
        anstream::eprintln!("{HINT}hint:{HINT:#} {hint}");
    }
}
