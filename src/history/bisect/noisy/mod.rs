//! Bisection by a test that passes only sometimes.
//!
//! Pure: works on plain data, touches no disk and asks no clock. `docs/noisy-bisect.md` has the
//! model.
//!
//! ```
//! use aisr::history::bisect::noisy::{
//!     Class, Noisy, Observation, Options, Outcome, Search, Searched, Verdict,
//! };
//!
//! let commit = |at: usize| Searched {
//!     parents: at.checked_sub(1).into_iter().collect(),
//!     class: Class(at as u32),
//!     weight: 1.0,
//! };
//! let search = Search { commits: (0..9).map(commit).collect(), bad: 8, goods: vec![0] };
//! let mut noisy = Noisy::new(&search, Options::default())?;
//! while let Some(class) = noisy.next() {
//!     // Here the test is run; this one passes before commit 6, and never from it on.
//!     let passes = noisy.commit_of(class).is_some_and(|commit| commit < 6);
//!     let outcome = if passes { Outcome::Good } else { Outcome::Bad };
//!     noisy.observe(Observation { class, outcome })?;
//! }
//! assert!(matches!(noisy.verdict(), Verdict::Brought { commits, .. } if commits == [6]));
//! # Ok::<(), aisr::history::bisect::noisy::NoisyError>(())
//! ```

mod bit_matrix;
#[cfg(test)]
mod brute_force;
mod drift;
mod engine;
mod graph;
mod hypotheses;
mod posterior;
mod random;
mod rates;
mod search;
mod verdict;

pub use drift::Drift;
pub use engine::{MOST_RUNS, Noisy};
pub use search::{Class, NoisyError, Observation, Options, Outcome, Search, Searched};
pub use verdict::{Hypothesis, Kinds, Tally, Verdict, Weighed};
