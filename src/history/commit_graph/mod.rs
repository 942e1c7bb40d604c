//! The commit graph: what walks ask of commits, in one derived file (`docs/format.md`, "The commit
//! graph").
//!
//! `.aisr/local/commit-graph` says of each commit its parents, its time, its directory tree, its
//! generation (1 more than the greatest of its parents'; git's topological level) and which paths it
//! changed. It is built from objects alone and may be deleted. It is a claim
//! about objects that never change: what is shown of a commit is read from the store, and checks
//! of a repository do not ask it.

mod changed_paths;
mod file;
mod filter;
mod graph;
mod saved;

pub use filter::{Changed, PathKey, SystemKey};
pub use graph::{CommitGraph, Position, Row};
pub use saved::{Saved, add_to_commit_graph};
