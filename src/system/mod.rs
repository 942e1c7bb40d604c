//! The system that a folder holds: so far the manifest, and of it what it asks for.
//!
//! A manifest is versioned, so it only asks; whether anything runs, the user says (`trust`). Uses
//! `trust` and `disk`.

mod manifest;

pub use manifest::{MANIFEST_FILE, Manifest, ManifestError};
