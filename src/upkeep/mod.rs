//! The upkeep of a whole repository: checking all of it, merging packs, collecting what nothing
//! leads to, and telling of it in figures.
//!
//! Uses `policy`, `history`, `repo` and the rooms below.

mod collected;
mod compact;
mod connectivity;
mod figures;
mod fsck;
mod gc;
mod gc_report;
mod index;
mod mark;
mod report;
mod roots;
mod sweep;

pub use collected::Collected;
pub use compact::{Compacted, CompactionBounds, compact_if_due};
pub use figures::{
    Amount, Figures, FileSystems, FormatFigures, LocalFigures, LogFigures, PackFigures, Part,
    TrustFigures, figures,
};
pub use fsck::{FsckError, fsck};
pub use gc::{GcError, GcOptions, gc};
pub use gc_report::{GcReport, Removed};
pub use report::{Affected, FsckReport, Problem, ProblemKind};
