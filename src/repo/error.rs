//! What can go wrong with a repository as a whole.

use std::path::PathBuf;

use thiserror::Error;

use crate::disk::DiskError;
use crate::log::LogError;
use crate::map::MapError;
use crate::object::{DecodeError, FormatId, Id, NameError, NodeId};
use crate::sign::SignError;
use crate::store::StoreError;
use crate::trust::TrustError;

use super::format::FormatError;

/// What can go wrong with a repository as a whole.
#[derive(Debug, Error)]
pub enum RepoError {
    /// No folder from here upwards has a repository.
    #[error("no repository in {} or any folder above it", from.display())]
    NotFound {
        /// Where the search began.
        from: PathBuf,
    },
    /// There is one already.
    #[error("{} is a repository already", folder.display())]
    Exists {
        /// Its `.aisr`.
        folder: PathBuf,
    },
    /// The `.aisr` belongs to somebody else, who could have prepared it.
    #[error("{} belongs to another user (uid {uid})", folder.display())]
    ForeignOwner {
        /// Its `.aisr`.
        folder: PathBuf,
        /// Who owns it.
        uid: u32,
    },
    /// The format file is damaged.
    #[error("{} is damaged: {source}", path.display())]
    Format {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        source: FormatError,
    },
    /// Whoever opens the repository must know something that this version does not know.
    #[error("this repository was made by a later aisr: opening it needs {what}")]
    Requires {
        /// What it needs.
        what: String,
    },
    /// Whoever writes to the repository must know something that this version does not know.
    #[error("a later aisr has written to this repository: writing to it needs {what}")]
    RequiresToWrite {
        /// What it needs.
        what: String,
    },
    /// The format file is not the one that the repository was founded with.
    #[error("the identity part of .aisr/format is {found}, but the genesis names {expected}")]
    ForeignFormat {
        /// The hash of the file's identity part.
        found: FormatId,
        /// The hash in the genesis.
        expected: FormatId,
    },
    /// A shared place has no working copy, and its refs move by pushes alone.
    #[error("{} is a shared place, without a working copy", root.display())]
    SharedPlace {
        /// The folder that it lies in.
        root: PathBuf,
    },
    /// An object does not decode.
    #[error("{what} {id} is not sound: {source}")]
    Object {
        /// Its type.
        what: &'static str,
        /// Its id.
        id: Id,
        /// Why.
        source: DecodeError,
    },
    /// A map is not sound, or a node of it cannot be read.
    #[error(transparent)]
    Map(Box<MapError<StoreError>>),
    /// A commit's root map has no directory tree.
    #[error("the root map {root} has no directory tree")]
    NoFiles {
        /// The root map.
        root: NodeId,
    },
    /// An entry of a directory does not decode.
    #[error("an entry of a directory is not sound: {0}")]
    TreeEntry(#[source] DecodeError),
    /// A path in a tree breaks a limit.
    #[error("a path under the directory {folder} is not valid: {source}")]
    Name {
        /// The directory.
        folder: NodeId,
        /// Why.
        source: NameError,
    },
    /// The key cannot sign or be read.
    #[error(transparent)]
    Sign(#[from] SignError),
    /// The disk said no.
    #[error(transparent)]
    Disk(#[from] DiskError),
    /// The store said no.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The log said no.
    #[error(transparent)]
    Log(#[from] LogError),
    /// The trust root said no.
    #[error(transparent)]
    Trust(#[from] TrustError),
    /// The content of a commit was collected.
    #[error("the content of commit {commit} was collected: only its statement is kept")]
    Expired {
        /// The commit.
        commit: Id,
    },
    /// The list of commits whose content was collected is damaged.
    #[error("{} is damaged: {source}", path.display())]
    ExpiredList {
        /// The file.
        path: PathBuf,
        /// Why.
        source: DecodeError,
    },
    /// The system has no random numbers.
    #[error("the system gives no random numbers")]
    NoRandomness(#[source] getrandom::Error),
}
