//! Two versions side by side. Results are plain data: how they are shown is the edge's business.
//!
//! Uses `repo`, `map` and `object`.

mod tree;

pub use tree::{PathChange, diff_trees};
