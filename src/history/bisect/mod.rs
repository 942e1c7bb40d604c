//! Bisection: which commit brought what is looked for, found by testing few of them
//! (`docs/bisect.md`).
//!
//! The core is pure: who follows whom ([`Dag`]), what was said of commits ([`Verdict`]), and what
//! comes [`next`]. No clock has a say in it. [`noisy`] is the core for tests that pass only
//! sometimes. Around them: the [`Session`] on disk, the [`Search`] of a repository, what a test
//! needs of a state ([`Needed`]), and which states are alike to it ([`Contents`]).

mod candidates;
mod choice;
mod contents;
mod dag;
mod error;
mod lookahead;
mod need;
pub mod noisy;
#[cfg(test)]
mod random;
mod saved;
mod search;
mod session;
#[cfg(test)]
mod tests;
mod verdicts;
mod weights;
mod words;

pub use choice::{Found, Next, next, search};
pub use contents::Contents;
pub use dag::Dag;
pub use error::BisectError;
pub use need::{Need, Needed};
pub use saved::folder;
pub use search::{FoundCommits, Search, Step, Test};
pub use session::{LineError, Only, Said, Session, Terms};
pub use verdicts::{NotMonotone, Open, Suspects, Verdict, first_bad, open};
pub use weights::weights;
