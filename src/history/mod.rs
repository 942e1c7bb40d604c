//! Revisions and walks: which commit a word names, and what lies behind it.
//!
//! A revision is what a person types: an id or the start of one, a ref, `HEAD`, with git's
//! suffixes. Branches and tags are made, renamed and deleted here, by entries of the clone's log.
//! Uses `system`, `repo` and the rooms below.

mod ancestry;
pub mod bisect;
pub mod blame;
mod branches;
pub mod commit_graph;
mod content_search;
mod error;
mod every;
mod follow;
pub mod grep;
mod operations;
mod path_changes;
pub mod query;
mod ref_error;
mod revision;
mod system_changes;
mod tags;
mod unique;
mod walk;
pub mod when;

pub use branches::{Unmerged, create_branch, delete_branch, rename_branch};
pub use commit_graph::add_to_commit_graph;
pub use content_search::{ContentSearch, Sought};
pub use error::HistoryError;
pub use every::{Every, Holds, Known, Unread};
pub use follow::{Followed, follow};
pub use operations::{LoggedOperation, operations};
pub use ref_error::RefError;
pub use revision::{Found, Range, Revisions, split_path};
pub use system_changes::{Subject, SubjectWalk, Touched};
pub use tags::{TagOptions, create_tag, delete_tag};
pub use unique::{SHOWN_DIGITS, Shortest, shortest};
pub use walk::{CommitWalk, Tips, WalkError, Walked, tips};
