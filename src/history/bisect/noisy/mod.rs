//! Bisection by a test that passes only sometimes.
//!
//! Pure: works on plain data, touches no disk and asks no clock. `docs/noisy-bisect.md` has the
//! model. Uses no other room.

mod bit_matrix;
mod engine;
mod graph;
mod hypotheses;
mod posterior;
mod random;
mod rates;
mod search;
mod verdict;

pub use engine::{MOST_RUNS, Noisy};
pub use search::{Class, NoisyError, Observation, Options, Outcome, Search, Searched};
pub use verdict::{Hypothesis, Tally, Verdict, Weighed};
