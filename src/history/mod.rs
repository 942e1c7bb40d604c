//! Revisions and walks: which commit a word names, and what lies behind it.
//!
//! A revision is what a person types: an id or the start of one, a ref, `HEAD`, with git's
//! suffixes. Uses `repo` and the rooms below; writes nothing.

mod error;
mod revision;
mod unique;
mod walk;

pub use error::HistoryError;
pub use revision::{Found, Range, Revisions, split_path};
pub use unique::{SHOWN_DIGITS, Shortest, shortest};
pub use walk::{CommitWalk, Tips, WalkError, tips};
