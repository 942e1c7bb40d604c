//! Durable writes, locks, handles: the only room that writes files.
//!
//! Every write of the store, the log, the refs and the working copy goes through a [`Disk`], so one
//! place decides what *durable* means: a file is written under a temporary name, synced, renamed, and
//! its folder synced. The room uses no other room.
//!
//! What it promises:
//! - when [`NewFile::persist`], [`Disk::replace_whole`] or [`Disk::create_whole`] return, content and
//!   name survive a power loss; when they fail, the old target is whole and no temporary file stays;
//! - a failed sync is an error and is not tried again on the same file: the handle is spent;
//! - nothing below a [`Dir`] is reached through a symbolic link;
//! - every error names the operation and the path and keeps what the system said.
//!
//! A disk can also record what it does and inject failures, so that tests see what a crash leaves
//! behind: [`crash`].

pub mod crash;
mod dir;
mod error;
mod fault;
mod file;
mod file_system;
mod handle;
mod hook;
mod lock;
mod name_rules;
mod new_file;
mod operation;
mod read_file;
#[cfg(test)]
mod tests;

pub use dir::Dir;
pub use error::{Action, DiskError, Result};
pub use fault::{Calls, Fault, FaultPlan, InvalidFaultPlan};
pub use file::DurableFile;
pub use file_system::file_system_name;
pub use handle::{Disk, OnExisting};
pub use lock::{Lock, Wait};
pub use name_rules::NameRules;
pub use new_file::NewFile;
pub use operation::{FileId, Operation, RenameKind};
pub use read_file::ReadFile;
