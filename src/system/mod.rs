//! The system that a folder holds: its components and the relations between them, as the manifest
//! names them.
//!
//! A manifest is versioned, so it only asks; whether anything runs, the user says (`trust`). Uses
//! `trust`, `object` and `disk`.

pub mod discover;
mod manifest;
mod nearest;
mod relation;

pub use manifest::{
    Declared, DeclaredEdge, Glob, GlobError, MANIFEST_FILE, MANIFEST_LIMIT, Manifest,
    ManifestError, Mistake, Pattern,
};
pub use nearest::nearest;
pub use relation::{RELATIONS, Relation};
