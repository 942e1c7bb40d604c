//! Reading what is captured: one file per kind of source. So far: files.
//!
//! A small file is read whole by one worker. A large one is read once, in order, by the caller;
//! workers hash and code it piece by piece. A guard may be asked before a file is stored. Uses `chunk`, `object` and `store`.

mod error;
mod large;
mod pool;
pub mod secrets;
mod small;
mod stat;
mod whole_hash;

pub use error::CaptureError;
pub use pool::{Captured, Outcome, Pool, Request, Ticket};
pub use small::WHOLE_LIMIT;
pub use stat::StatKey;
