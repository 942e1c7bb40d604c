//! The upkeep of a whole repository: checking all of it.
//!
//! Uses `policy`, `history`, `repo` and the rooms below.

mod connectivity;
mod fsck;
mod report;

pub use fsck::{FsckError, fsck};
pub use report::{Affected, FsckReport, Problem, ProblemKind};
