//! The upkeep of a whole repository: checking all of it, and repairing it.
//!
//! Uses `policy`, `worktree`, `capture`, `repo` and the rooms below.

mod aside;
mod connectivity;
mod contents;
mod error;
mod fsck;
mod heal;
mod layout;
mod places;
mod repair;
mod repair_files;
mod repair_log;
mod report;
mod shelf;

pub use error::RepairError;
pub use fsck::{FsckError, fsck};
pub use repair::{RepairOptions, RepairReport, RepairStep, RepairedPack, repair};
pub use report::{Affected, AffectedPlace, FsckReport, Problem, ProblemKind};
