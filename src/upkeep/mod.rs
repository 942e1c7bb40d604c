//! The upkeep of a whole repository: checking and repairing all of it, merging packs, collecting
//! what nothing leads to, and telling of it in figures.
//!
//! Uses `policy`, `worktree`, `capture`, `repo` and the rooms below.

mod aside;
mod collected;
mod compact;
mod connectivity;
mod contents;
mod error;
mod figures;
mod fsck;
mod gc;
mod gc_report;
mod heal;
mod index;
mod layout;
mod mark;
mod places;
mod repair;
mod repair_files;
mod repair_log;
mod report;
mod roots;
mod shelf;
mod sweep;

pub use collected::Collected;
pub use compact::{Compacted, CompactionBounds, compact_if_due};
pub use error::RepairError;
pub use figures::{
    Amount, Figures, FileSystems, FormatFigures, LocalFigures, LogFigures, PackFigures, Part,
    TrustFigures, figures,
};
pub use fsck::{FsckError, fsck};
pub use gc::{GcError, GcOptions, gc};
pub use gc_report::{GcReport, Removed};
pub use repair::{RepairOptions, RepairReport, RepairStep, RepairedPack, repair};
pub use report::{Affected, AffectedPlace, FsckReport, Problem, ProblemKind};
