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

/// Prints what is to be known of a folder that was only looked at. What holds for good is told when
/// it is committed, and here to who wants to know more.
pub fn warn_of_folder(warnings: &[Warning], verbose: bool) {
    let told = |warning: &&Warning| verbose || warning.is_skip() || warning.is_passing();
    warnings.iter().filter(told).for_each(warn);
}
