//! How far text-like contents are looked at. Contents come from anywhere: what lies beyond is told
//! as [`ViewError::Limit`].

use super::error::ViewError;

/// Bytes of a content that is read as text, or as a format made of text.
pub(super) const CONTENT: u64 = 64 << 20;

/// How deep values may lie in each other.
pub(super) const DEPTH: usize = 128;

/// How many values a document, or a single record, may have; each repetition by an alias counts.
pub(super) const NODES: usize = 1 << 20;

/// Bytes of all keys of a document together: each record repeats the names above it.
pub(super) const KEY_BYTES: usize = 256 << 20;

/// How many fields a record of a CSV file may have.
pub(super) const COLUMNS: usize = 10_000;

/// Deeper than [`DEPTH`].
pub(super) fn too_deep() -> ViewError {
    ViewError::Limit { what: "nesting", limit: format!("{DEPTH} levels") }
}

/// More than [`NODES`].
pub(super) fn too_many() -> ViewError {
    ViewError::Limit { what: "values", limit: NODES.to_string() }
}
