//! Reading what is captured: one file per kind of source. So far: files, and SQLite databases.
//!
//! A small file is read whole by one worker. A large one is read once, in order, by the caller;
//! workers hash and code it piece by piece. A guard may be asked before a file is stored. Uses `chunk`, `object` and `store`.

mod error;
mod large;
mod pool;
pub mod secrets;
mod small;
mod sqlite;
mod sqlite_btree;
mod sqlite_owner;
mod sqlite_pages;
mod sqlite_secrets;
mod stat;
mod whole_hash;

pub use error::CaptureError;
pub use pool::{Captured, Databases, Outcome, Pool, Request, Ticket};
pub use small::WHOLE_LIMIT;
pub use sqlite::{BESIDE_DATABASES, DatabaseState, Mode, OpenDatabase, Refused, begins_like_one};
pub use sqlite_pages::{DatabaseImage, StateId, state_of_blob};
pub use stat::{CLOCK_STEP, StatKey, now_nanos};
