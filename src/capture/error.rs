//! What can go wrong while a file is read.

use bstr::BString;
use thiserror::Error;

use crate::store::StoreError;

/// What can go wrong while a file is read.
#[derive(Debug, Error)]
pub enum CaptureError {
    /// The file cannot be read.
    #[error("cannot read {path}")]
    Read {
        /// Its path inside the root.
        path: BString,
        /// Why.
        source: std::io::Error,
    },
    /// The store cannot take it.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// SQLite cannot go on reading a database.
    #[error("cannot read the database {path}")]
    Database {
        /// Its path inside the root.
        path: BString,
        /// Why.
        source: rusqlite::Error,
    },
    /// SQLite cannot write a database. Its transaction is taken back.
    #[error("cannot write the database {path}")]
    DatabaseWrite {
        /// Its path inside the root.
        path: BString,
        /// Why.
        source: rusqlite::Error,
    },
    /// A worker is gone; the first error says why.
    #[error("capturing stopped after an error in another thread")]
    Stopped,
}
