//! What can go wrong with the folder.

use std::path::PathBuf;

use bstr::BString;
use thiserror::Error;

use crate::capture::CaptureError;
use crate::capture::secrets::Secret;
use crate::disk::DiskError;
use crate::log::LogError;
use crate::map::MapError;
use crate::object::{CommitId, NameError};
use crate::repo::RepoError;
use crate::sign::SignError;
use crate::store::StoreError;

/// What can go wrong with the folder.
#[derive(Debug, Error)]
pub enum WorktreeError {
    /// A file or folder cannot be read.
    #[error("cannot read {path}")]
    Read {
        /// Its path inside the root.
        path: BString,
        /// Why.
        source: std::io::Error,
    },
    /// A path is longer or deeper than the format allows.
    #[error("{path} cannot be captured: {source}")]
    Path {
        /// Its path inside the root.
        path: BString,
        /// Why.
        source: NameError,
    },
    /// An ignore file cannot be understood.
    #[error("{path} is not valid: {why}")]
    Ignore {
        /// Its path inside the root.
        path: BString,
        /// What is wrong.
        why: String,
    },
    /// A file cannot be captured.
    #[error(transparent)]
    Capture(#[from] CaptureError),
    /// New content holds secrets. It was not stored.
    #[error("the folder holds {} that would be kept for ever", secrets_in_words(secrets.len() as u64 + more))]
    Secrets {
        /// Where, by path and line.
        secrets: Vec<Secret>,
        /// How many more.
        more: u64,
    },
    /// A map cannot be written or read.
    #[error(transparent)]
    Map(#[from] Box<MapError<StoreError>>),
    /// The repository said no.
    #[error(transparent)]
    Repo(#[from] RepoError),
    /// The disk said no.
    #[error(transparent)]
    Disk(#[from] DiskError),
    /// The key cannot sign.
    #[error(transparent)]
    Sign(#[from] SignError),
    /// The message, author or another text is too long for a commit.
    #[error("the commit would be {size} bytes, and {limit} is the limit: the message is too long")]
    TooLong {
        /// Its size in bytes.
        size: usize,
        /// The limit.
        limit: usize,
    },
    /// Others committed each time while this was captured.
    #[error("the branch moved {times} times while the folder was captured")]
    BranchKeepsMoving {
        /// How often.
        times: usize,
    },
    /// HEAD does not hold it.
    #[error("{path} is not in HEAD")]
    NotInHead {
        /// Its path inside the root.
        path: BString,
    },
    /// No pattern leaves it out, so the next commit would capture it again.
    #[error("{path} is not ignored, so the next commit would capture it again")]
    NotIgnored {
        /// Its path inside the root.
        path: BString,
    },
    /// There is no commit yet whose place another could take.
    #[error("there is no commit to amend")]
    NothingToAmend,
    /// Others moved the branch, so another commit would be replaced than the one that was meant.
    #[error("the branch moved while the folder was captured, so nothing is amended")]
    AmendedMoved,
    /// HEAD names something that is no commit.
    #[error("HEAD names {0}, which is no commit that can be read")]
    NoCommit(CommitId),
    /// The place to check out to has something in it.
    #[error("{} exists and is not an empty folder", path.display())]
    NotEmpty {
        /// The place.
        path: PathBuf,
    },
    /// The place to check out to lies in the repository's own folder.
    #[error("{} lies inside .aisr", path.display())]
    InsideRepository {
        /// The place.
        path: PathBuf,
    },
    /// Too little room on the disk.
    #[error("{} needs {needed} bytes, and {free} are free", path.display())]
    NoRoom {
        /// The place.
        path: PathBuf,
        /// What the state takes.
        needed: u64,
        /// What is free.
        free: u64,
    },
    /// A thread failed; the first error says why.
    #[error("stopped after an error in another thread")]
    Stopped,
}

fn secrets_in_words(count: u64) -> String {
    if count == 1 { "a secret".into() } else { format!("{count} secrets") }
}

impl From<StoreError> for WorktreeError {
    fn from(error: StoreError) -> Self {
        Self::Repo(error.into())
    }
}

impl From<LogError> for WorktreeError {
    fn from(error: LogError) -> Self {
        Self::Repo(error.into())
    }
}

impl From<MapError<StoreError>> for WorktreeError {
    fn from(error: MapError<StoreError>) -> Self {
        Self::Map(Box::new(error))
    }
}
