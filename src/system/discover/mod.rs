//! What a folder holds, found by looking: models, prompts, memory, tools, identities, agents, and
//! the relations that their own files state (`docs/manifest.md`, "What init finds").
//!
//! Pure but for [`Files`], through which heads of files are read. Everything that is looked at is
//! untrusted, so reads, counts, sizes and depths are bounded, and where a bound cut something off
//! the answer says so ([`Told`]). Uses `object` and the manifest's types.

mod agents;
mod append;
mod classify;
mod document;
mod draft;
mod finder;
mod front_matter;
mod identities;
mod memory;
mod models;
mod names;
mod place;
mod prompts;
mod references;
mod resolve;
mod tools;
mod write;
mod yaml;

use std::collections::BTreeSet;

use crate::object::ComponentKind;

use super::{Declared, Manifest};
use finder::Finder;

pub use append::{AppendError, Places, append};
pub use classify::is_of_interest;
pub use document::{Document, Format, parse_document};
pub use write::{first_manifest, written};

/// The most entries of a folder that are looked at.
pub const MOST_ENTRIES: usize = 1_000_000;
/// The most files of interest that are kept in mind.
pub const MOST_FILES: usize = 200_000;

/// How the files of a folder are read.
pub trait Files {
    /// The first bytes of the file at `path`, at most `len`, and how long it is in bytes. `None`
    /// where it cannot be read.
    fn head(&self, path: &str, len: usize) -> Option<Head>;
}

/// The start of a file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Head {
    /// Its first bytes.
    pub bytes: Vec<u8>,
    /// How long the whole file is, in bytes.
    pub size: u64,
}

/// The files of a folder that are of interest by their names ([`is_of_interest`]).
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Listing {
    /// Their paths from the root, with `/` between parts.
    pub paths: BTreeSet<String>,
    /// There are more than [`MOST_ENTRIES`] or [`MOST_FILES`]: what came after is not looked at.
    pub cut: bool,
}

/// What was found.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Discovery {
    /// The components, with the edges that begin at them; by kind, then by name.
    pub components: Vec<Declared>,
    /// Files of interest that are part of none.
    pub unplaced: Vec<String>,
    /// How many tools the tool lists hold.
    pub tools: usize,
    /// What the memories are: `sqlite`, `jsonl`, …; each once, sorted.
    pub memory_formats: Vec<&'static str>,
    /// What a component is beyond its path, to be said in a comment: the id of an identity.
    pub remarks: Vec<(crate::object::ComponentKey, String)>,
    /// What was not looked at, or not understood.
    pub told: Told,
}

/// What was not looked at, or not understood.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Told {
    /// Files that are too long to be read as what their names say.
    pub too_large: Vec<String>,
    /// Files that are not what their names say: path and why.
    pub broken: Vec<(String, String)>,
    /// So many files were not looked into, because there are so many of their kind.
    pub passed_over: usize,
    /// The folder has more entries than are looked at.
    pub cut: bool,
}

/// Looks at what is listed.
pub fn discover(listing: &Listing, files: &dyn Files) -> Discovery {
    let mut finder = Finder::new(listing, files);
    memory::find_stores(&mut finder);
    models::find(&mut finder);
    prompts::find(&mut finder);
    memory::find_databases(&mut finder);
    finder.read_documents();
    memory::find_records(&mut finder);
    let resolved = resolve::resolve(&mut finder);
    let unplaced = finder.unplaced();
    let told = Told { cut: listing.cut, ..finder.told };
    Discovery { unplaced, told, ..resolved }
}

impl Discovery {
    /// How many components of a kind were found.
    pub fn count(&self, kind: ComponentKind) -> usize {
        self.components.iter().filter(|declared| declared.key.kind() == kind).count()
    }

    /// What of it a manifest does not say yet.
    pub fn beyond(&self, manifest: &Manifest) -> Self {
        append::proposals(self, manifest)
    }
}
