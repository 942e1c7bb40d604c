//! Why a repository cannot be repaired.

use std::path::PathBuf;

use thiserror::Error;

use crate::capture::CaptureError;
use crate::disk::DiskError;
use crate::log::LogError;
use crate::sign::SignError;
use crate::store::StoreError;

use super::fsck::FsckError;

/// Why a repository cannot be repaired. What is lost is no error: the report names it.
#[derive(Debug, Error)]
pub enum RepairError {
    /// It cannot be checked.
    #[error(transparent)]
    Fsck(#[from] FsckError),
    /// The disk said no.
    #[error(transparent)]
    Disk(#[from] DiskError),
    /// The store said no.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The log said no.
    #[error(transparent)]
    Log(#[from] LogError),
    /// A new key of this clone cannot be made or sign.
    #[error(transparent)]
    Sign(#[from] SignError),
    /// A file of the working folder cannot be read or stored.
    #[error(transparent)]
    Capture(#[from] CaptureError),
    /// The format file says that a newer version wrote it.
    #[error("{} was written by a newer version of aisr: {why}", path.display())]
    Newer {
        /// The file.
        path: PathBuf,
        /// What it says.
        why: String,
    },
    /// There is no second copy where one was named.
    #[error("{} is no repository and no place of one", place.display())]
    NoSecondCopy {
        /// The place.
        place: PathBuf,
    },
    /// The second copy is the repository itself.
    #[error("{} is the repository that is repaired", place.display())]
    SameCopy {
        /// The place.
        place: PathBuf,
    },
    /// The system has no random numbers.
    #[error("the system gives no random numbers")]
    NoRandomness(#[source] getrandom::Error),
}
