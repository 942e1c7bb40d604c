//! Why a content cannot be read as what it seems to be.

use thiserror::Error;

use crate::store::StoreError;

/// Why a view ends.
#[derive(Debug, Error)]
pub enum ViewError {
    /// The bytes cannot be had.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The bytes cannot be read.
    #[error("cannot read: {0}")]
    Read(#[from] std::io::Error),
    /// The content breaks the rules of its kind: `at` is a byte of it.
    #[error("not a sound {what}: {why} (at byte {at})")]
    Malformed {
        /// What it seemed to be.
        what: &'static str,
        /// What is wrong.
        why: String,
        /// Where, from the beginning of the content.
        at: u64,
    },
    /// The content is larger, deeper or slower to read than a view goes.
    #[error("{what} beyond what is looked at: {limit}")]
    Limit {
        /// What there is too much of.
        what: &'static str,
        /// How much is looked at.
        limit: String,
    },
}
