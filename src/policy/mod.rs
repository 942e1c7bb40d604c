//! Rules over what changed, and what signatures and a log prove.
//!
//! Uses `history`, `repo` and the rooms below; what it finds are plain values that serialise.

mod trust_report;
mod verify;

pub use trust_report::{
    KeyReport, PrincipalReport, RetiredReport, RoleReport, RootReport, TrustReport, trust_report,
};
pub use verify::{
    CommitVerdict, LogVerdict, RefProblem, TagVerdict, UnknownKeys, Verdict, VerifyReport, verdict,
    verify,
};
pub(crate) use verify::{TrustOrder, with_sources};
