//! Warnings: of a capture, and of what could not be read.

use std::error::Error as _;

use aisr::history::Unread;
use aisr::worktree::Warning;

use super::color::{BAD, HINT, WARNING};
use super::escape::Escaped;
use crate::cli::run_command::CommandFailure;

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

/// Prints that the command which lets a folder's writers go on failed, and what it had printed.
pub fn warn_of_command(failure: &CommandFailure) {
    let text = failure.to_string();
    anstream::eprintln!(
        "{BAD}warning:{BAD:#} {}: what was stopped for the commit may still stand still",
        Escaped(text.as_bytes())
    );
    lines_of(&failure.output).for_each(|line| anstream::eprintln!("  {line}"));
    anstream::eprintln!("{HINT}hint:{HINT:#} look after it, and let it go on by hand");
}

/// What a command printed, line by line, made safe to show.
pub fn lines_of(output: &str) -> impl Iterator<Item = String> {
    output.lines().map(|line| Escaped(line.as_bytes()).to_string())
}

/// Prints what of the history could not be read, so that something may be missing.
pub fn warn_of_unread(unread: &[Unread]) {
    for unread in unread {
        let why = unread.source().map(|why| format!(": {why}")).unwrap_or_default();
        let text = format!("{unread}{why}");
        anstream::eprintln!("{WARNING}warning:{WARNING:#} {}", Escaped(text.as_bytes()));
    }
}
