//! What can go wrong with a bisection.

use std::path::PathBuf;

use thiserror::Error;

use crate::disk::DiskError;
use crate::history::WalkError;
use crate::object::CommitId;
use crate::repo::RepoError;

use super::session::LineError;

/// What can go wrong with a bisection.
#[derive(Debug, Error)]
pub enum BisectError {
    /// None is under way.
    #[error("no bisection is under way")]
    NoSession,
    /// One is under way.
    #[error("a bisection is under way")]
    UnderWay,
    /// The file of the session is damaged.
    #[error("{} cannot be read: {source}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        source: LineError,
    },
    /// A good commit follows a bad one.
    #[error(
        "the commits are not in order: {} is {good_word}, but it follows {}, which is {bad_word}",
        &good.to_hex()[..8], &bad.to_hex()[..8]
    )]
    NotMonotone {
        /// The good one.
        good: CommitId,
        /// What good is called.
        good_word: String,
        /// The bad one behind it.
        bad: CommitId,
        /// What bad is called.
        bad_word: String,
    },
    /// A commit on the way cannot be read.
    #[error(transparent)]
    Walk(#[from] WalkError),
    /// There are more commits than the commit graph takes.
    #[error("the history behind {} is too long to be bisected", &from.to_hex()[..8])]
    TooLong {
        /// Where it begins.
        from: CommitId,
    },
    /// The repository said no.
    #[error(transparent)]
    Repo(#[from] RepoError),
    /// The disk said no.
    #[error(transparent)]
    Disk(#[from] DiskError),
}
