//! Test support: what a crash leaves behind.
//!
//! Killing a process keeps the page cache and proves nothing about syncs. So a recording disk
//! ([`super::Disk::recording`]) writes down every operation, and [`CrashStates`] plays the record to
//! each of its prefixes and builds the folders that a power loss there could leave: unsynced content
//! absent, whole or torn at a block; each unsynced change of a folder absent or done, in any
//! combination. A test opens each such folder and says whether it is as promised.
//!
//! The model is stricter than common file systems: syncing a file does not make its name durable,
//! syncing a folder does not make the folder's own name durable, unsynced changes of folders reach
//! the disk in any order, and a rename between folders is durable only once the *target* is synced.
//! It grants two things: a rename is never half done, and a block of 4 KiB is never torn.
//!
//! [`CrashStates::needless_syncs`] leaves out one sync after the other and names those whose absence
//! no check noticed. In a test:
//!
//! ```
//! # use aisr::disk::{Disk, crash::Budget};
//! # let root = tempfile::tempdir()?;
//! # let scratch = tempfile::tempdir()?;
//! let (disk, recorder) = Disk::recording(root.path())?;
//! disk.replace_whole(&root.path().join("refs"), b"new", 0o600)?;
//! disk.mark("acknowledged");
//!
//! let states = recorder.crash_states(Budget::seeded(7));
//! let needless = states.needless_syncs(scratch.path(), |state, folder| {
//!     match std::fs::read(folder.join("refs")) {
//!         Ok(bytes) if bytes == b"new" => Ok(()),
//!         Err(_) if !state.has_mark("acknowledged") => Ok(()),
//!         other => Err(format!("refs are {other:?}").into()),
//!     }
//! })?;
//! assert!(needless.is_empty(), "{needless:?}");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod file_content;
mod model;
#[cfg(test)]
mod model_tests;
mod recorder;
mod states;
mod tree;

pub use recorder::Recorder;
pub use states::{Budget, CheckResult, Checked, CrashError, CrashStates, StateInfo};
