//! Two versions side by side. Results are plain data: how they are shown is the edge's business.
//!
//! Uses `view`, `repo`, `map` and `object`.

mod contents;
mod records;
mod renames;
mod tensors;
mod text;
mod tree;
mod words;

pub use contents::{
    RecordsDiff, TensorChange, TensorsDiff, diff_records, diff_tensors, has_tensors,
};
pub use records::{
    Counts, FieldChange, RecordChange, RecordChanges, TablePair, field_changes, is_same,
    pair_tables,
};
pub use renames::{FileChange, SIMILARITY_LIMIT, exact_renames, renames};
pub use tensors::{Moved, TensorDelta, TensorPair, Unit, compare_tensors};
pub use text::{Hunk, Line, LineKind, TextOptions, changed_lines, count_lines, diff_text};
pub use tree::{PathChange, diff_trees};
