//! Rules over what changed, and what signatures and a log prove.
//!
//! Uses `history`, `repo` and the rooms below; what it finds are plain values that serialise.

mod verify;

pub(crate) use verify::with_sources;
pub use verify::{
    CommitVerdict, LogVerdict, RefProblem, TagVerdict, UnknownKeys, Verdict, VerifyReport, verdict,
    verify,
};
