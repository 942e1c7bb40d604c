//! What can go wrong with blame.

use thiserror::Error;

use crate::object::{CommitId, RepoPath};
use crate::repo::RepoError;
use crate::store::StoreError;
use crate::view::ViewError;

/// What can go wrong with blame.
#[derive(Debug, Error)]
pub enum BlameError {
    /// The commit has no file there.
    #[error("{path} is no file in {}", &commit.to_hex()[..8])]
    NoFile {
        /// The path.
        path: RepoPath,
        /// The commit.
        commit: CommitId,
    },
    /// It is no text, so it has no lines.
    #[error("{path} is no text")]
    NoText {
        /// The path.
        path: RepoPath,
    },
    /// The file is larger than what is compared line by line.
    #[error("{path} is too large to be compared line by line: more than {} MiB", limit >> 20)]
    TooLarge {
        /// The path.
        path: RepoPath,
        /// How many bytes are compared.
        limit: u64,
    },
    /// The content has no such table.
    #[error("{path} has no table `{name}`")]
    NoTable {
        /// The path.
        path: RepoPath,
        /// The name.
        name: String,
    },
    /// The content of a commit was collected, or the commit cannot be read.
    #[error("what {} holds is not here", &commit.to_hex()[..8])]
    NotHere {
        /// The commit.
        commit: CommitId,
    },
    /// The repository said no.
    #[error(transparent)]
    Repo(#[from] RepoError),
    /// The content cannot be read.
    #[error(transparent)]
    View(#[from] ViewError),
}

impl From<StoreError> for BlameError {
    fn from(error: StoreError) -> Self {
        Self::Repo(error.into())
    }
}

/// A parent that could not be looked at: what is told of its children may be older.
#[derive(Debug)]
pub struct Unread {
    /// The commit that could not be looked at.
    pub commit: CommitId,
    /// Why.
    pub why: BlameError,
}
