//! What can go wrong in the store.

use std::path::PathBuf;
use std::sync::Arc;

use thiserror::Error;

use crate::chunk::CodecError;
use crate::disk::DiskError;
use crate::object::{DecodeError, Id, ObjectType, PackId, RecipeId};

use super::lookup::Reason;

/// Why the bytes of a pack are not a pack.
#[derive(Debug, Error, Clone, PartialEq, Eq)]
pub enum PackDamage {
    /// The file is shorter than what it says it holds.
    #[error("the file ends early")]
    Truncated,
    /// A fixed mark does not stand where it must.
    #[error("no {0} where one must be")]
    Magic(&'static str),
    /// The pack was written by a version that this one does not know.
    #[error("{what} {found} is not known to this version of aisr")]
    Version {
        /// What carries the number.
        what: &'static str,
        /// The number.
        found: u8,
    },
    /// A checksum does not match.
    #[error("the {0} does not match its checksum")]
    Checksum(&'static str),
    /// A number contradicts another.
    #[error("{0}")]
    Inconsistent(&'static str),
}

/// What can go wrong in the store.
#[derive(Debug, Error)]
pub enum StoreError {
    /// The disk said no.
    #[error(transparent)]
    Disk(#[from] DiskError),
    /// A pack is damaged.
    #[error("pack {pack} is damaged at byte {offset}: {damage}")]
    Damaged {
        /// Its name.
        pack: String,
        /// Where.
        offset: u64,
        /// How.
        damage: PackDamage,
    },
    /// A record does not decode.
    #[error("pack {pack} is damaged: the record at byte {offset} does not decode: {source}")]
    Record {
        /// The pack.
        pack: PackId,
        /// Where the record starts.
        offset: u64,
        /// Why.
        source: CodecError,
    },
    /// Bytes do not hash to the id under which they are stored.
    #[error("pack {pack} is damaged: the {} at byte {offset} does not have the id {id}", kind.name())]
    WrongId {
        /// The pack.
        pack: PackId,
        /// Where the record starts.
        offset: u64,
        /// The id that was looked up.
        id: Id,
        /// The object's type.
        kind: ObjectType,
    },
    /// An object is not in the store.
    #[error("{what} {id} is {reason}{}", damaged_note(damaged))]
    Absent {
        /// The type that was looked for.
        what: &'static str,
        /// Its id.
        id: Id,
        /// Why it is not there.
        reason: Reason,
        /// Packs that could not be opened and may have held it.
        damaged: Vec<String>,
    },
    /// An object is there, but of another type.
    #[error("{id} is a {}, not a {}", found.name(), wanted.name())]
    WrongType {
        /// The id.
        id: Id,
        /// What it is.
        found: ObjectType,
        /// What it should be.
        wanted: ObjectType,
    },
    /// A recipe does not decode.
    #[error("recipe {id} is not sound: {source}")]
    Recipe {
        /// The node.
        id: RecipeId,
        /// Why.
        source: DecodeError,
    },
    /// Recipes of a blob exist, but none builds it.
    #[error("no recipe builds blob {id}: {}", recipes.join(", "))]
    FalseRecipes {
        /// The blob.
        id: Id,
        /// The recipes, each with what is wrong with it.
        recipes: Vec<String>,
    },
    /// There is more of something than can be numbered.
    #[error("there are more than {limit} {what}")]
    TooMany {
        /// What there is too much of.
        what: &'static str,
        /// How many there may be.
        limit: u64,
    },
    /// Writing has stopped: every thread is told the first error.
    #[error(transparent)]
    Writing(Arc<StoreError>),
    /// A folder of packs holds something that cannot be read as a name.
    #[error("{} cannot be listed", path.display())]
    Listing {
        /// The folder.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
}

impl StoreError {
    /// Whether a pack is damaged, and not the disk or the machine at fault.
    pub fn is_damage(&self) -> bool {
        matches!(self, Self::Damaged { .. } | Self::Record { .. } | Self::WrongId { .. })
    }
}

fn damaged_note(damaged: &[String]) -> String {
    match damaged {
        [] => String::new(),
        packs => format!(", and damaged packs may hold it: {}", packs.join(", ")),
    }
}

/// A result of the store.
pub type Result<T, E = StoreError> = std::result::Result<T, E>;
