//! What can go wrong with a log.

use std::path::PathBuf;

use thiserror::Error;

use crate::disk::DiskError;
use crate::object::{DecodeError, LogEntryId};
use crate::sign::SignError;

/// What can go wrong with a log.
#[derive(Debug, Error)]
pub enum LogError {
    /// The disk said no.
    #[error(transparent)]
    Disk(#[from] DiskError),
    /// The refs file is damaged.
    #[error("{} is damaged: {why}", path.display())]
    Refs {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        why: String,
    },
    /// The log file is damaged.
    #[error("{} is damaged at byte {offset}: {why}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Where.
        offset: u64,
        /// What is wrong.
        why: String,
    },
    /// The log is shorter than the refs file says: history is gone.
    #[error(
        "{} ends at byte {len}, but entry {head} ends at byte {expected}: the end of the log is missing",
        path.display()
    )]
    Short {
        /// The file.
        path: PathBuf,
        /// Its length.
        len: u64,
        /// The length it must have at least.
        expected: u64,
        /// The entry that is missing, in whole or in part.
        head: u64,
    },
    /// An entry does not decode.
    #[error("log entry {sequence} is not sound: {source}")]
    Entry {
        /// Its number.
        sequence: u64,
        /// Why.
        source: DecodeError,
    },
    /// An entry is not signed by the key that entry 0 names.
    #[error("log entry {sequence} has no good signature: {source}")]
    Signature {
        /// Its number.
        sequence: u64,
        /// Why.
        source: SignError,
    },
    /// An entry breaks the chain.
    #[error("log entry {sequence} ({id}) breaks the chain: {why}")]
    Chain {
        /// Its number.
        sequence: u64,
        /// Its id.
        id: LogEntryId,
        /// How.
        why: String,
    },
    /// A ref moved since the caller read it.
    #[error("refs moved meanwhile: {why}")]
    Moved {
        /// Which, and how.
        why: String,
    },
    /// The replica key is not the one whose log this is: an entry of it would break the chain.
    #[error("the key of this clone is not the one that signs {}", path.display())]
    OtherKey {
        /// The log.
        path: PathBuf,
    },
    /// The refs of a shared place move by pushes alone.
    #[error("{} is a shared place: its refs move by pushes alone", folder.display())]
    Shared {
        /// Its folder.
        folder: PathBuf,
    },
    /// The file that makes a folder a shared place is damaged.
    #[error("{} is damaged: {why}", path.display())]
    Place {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        why: String,
    },
    /// The replica key cannot sign.
    #[error("the key of this clone cannot sign: {0}")]
    ReplicaKey(#[source] SignError),
    /// The entry of a shared place is not signed.
    #[error("the log entry is not signed: {0}")]
    Sign(#[source] SignError),
}
