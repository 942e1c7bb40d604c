//! The upkeep of a whole repository: checking all of it.
//!
//! Uses `policy`, `history`, `repo` and the rooms below.

mod connectivity;
mod contents;
mod fsck;
mod layout;
mod places;
mod report;
mod shelf;

pub use fsck::{FsckError, fsck};
pub use report::{Affected, AffectedPlace, FsckReport, Problem, ProblemKind};
