//! Changes of the working folder: planned first, then done whole or not at all.
//!
//! What comes is written beside (`.aisr/undo/pending/files`) and made durable together with a
//! plan. Then each path changes place with what was written for it, in one step; what lay there
//! is set aside. A database that takes on another version of itself is written through SQLite
//! instead, whose lock is had before the plan is durable. The log entry comes last. A crash before
//! the plan is durable leaves the folder as it was; after it, the next command that works in the
//! folder goes on to the end.

mod databases;
mod folders;
mod look;
mod pending;
mod perform;
mod plan;
mod recover;
mod steps;
mod tidy;

/// The kinds of log entries whose operations change the folder: each leaves a plan.
pub const KINDS: [&str; 4] = ["checkout", "redo", "restore", "undo"];

pub use pending::{each_kept, load};
pub use perform::{Performed, Performing, perform};
pub use plan::{Conflict, Wanted, plan};
pub use recover::{Recovered, is_interrupted, recover};
