//! Reading what is captured: one file per kind of source. So far: files, and SQLite databases.
//!
//! A small file is read whole by one worker. A large one is read once, in order, by the caller;
//! workers hash and code it piece by piece. A guard may be asked before a file is stored. What is
//! read through SQLite is also written back through it. Uses `chunk`, `object`,
//! `store` and `view`.

mod error;
mod large;
mod open_elsewhere;
mod pool;
pub mod secrets;
mod small;
mod sqlite;
mod sqlite_aside;
mod sqlite_btree;
mod sqlite_header;
mod sqlite_main_file;
#[cfg(test)]
mod sqlite_main_file_tests;
mod sqlite_owner;
mod sqlite_pages;
mod sqlite_secrets;
mod sqlite_source;
mod sqlite_write;
mod stat;

pub use error::CaptureError;
pub use open_elsewhere::is_open_elsewhere;
pub use pool::{Captured, Databases, Outcome, Pool, Request, Ticket};
pub use small::{WHOLE_LIMIT, capture_one};
pub use sqlite::{
    BESIDE_DATABASES, ClosedDatabase, DatabaseState, Mode, OpenDatabase, Refused, is_database_at,
};
pub use sqlite_header::{DatabaseHeader, HEADER_LEN};
pub use sqlite_pages::{DatabaseImage, ImageHasher, StateId, state_of_blob};
pub use sqlite_source::DatabaseSource;
pub use sqlite_write::{LockedDatabase, PageWriter};
pub use stat::{CLOCK_STEP, StatKey, now_nanos};
