//! The upkeep of a whole repository: checking all of it, and telling of it in figures.
//!
//! Uses `policy`, `history`, `repo` and the rooms below.

mod connectivity;
mod figures;
mod fsck;
mod report;

pub use figures::{
    Amount, Figures, FileSystems, FormatFigures, LocalFigures, LogFigures, PackFigures, Part,
    TrustFigures, figures,
};
pub use fsck::{FsckError, fsck};
pub use report::{Affected, FsckReport, Problem, ProblemKind};
