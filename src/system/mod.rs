//! The system that a folder holds: its components and the relations between them, as the manifest
//! names them and as a commit's root map holds them.
//!
//! A manifest is versioned, so it only asks; whether anything runs, the user says (`trust`). What
//! the map `system` says can be made again from `files`, and whoever receives it does so. Uses
//! `diff`, `repo`, `trust`, `store`, `map`, `object` and `disk`.

mod borne_out;
mod change;
mod check;
pub mod discover;
mod manifest;
mod maps;
mod narrowed;
mod nearest;
mod paths;
mod relation;
mod resolve;
mod source;

pub use borne_out::{SystemChecker, SystemFault, touched};
pub use change::{
    ChangeWord, ComponentChange, EdgeChange, SystemChanges, changed_keys, changes, changes_of,
};
pub use check::{Finding, Severity, check_names, check_origins};
pub use manifest::{
    Declared, DeclaredEdge, Glob, GlobError, MANIFEST_FILE, MANIFEST_LIMIT, Manifest,
    ManifestError, Mistake, Pattern,
};
pub use maps::{Graph, SYSTEM, SystemMaps, build_root};
pub use narrowed::{Narrowed, ReadFile, narrowed};
pub use nearest::nearest;
pub use relation::{RELATIONS, Relation};
pub use resolve::{Resolved, affected, content_id, graph, origin_sizes, resolve};
pub use source::{Fresh, GraphSource};
