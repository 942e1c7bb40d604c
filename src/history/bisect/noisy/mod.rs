//! Bisection by a test that passes only sometimes.
//!
//! Pure: works on plain data, touches no disk and asks no clock. `docs/noisy-bisect.md` has the
//! model. Uses no other room.
//
// let mut noisy = Noisy::new(&search, options)?;          // or Noisy::resume(&search, options, &observations)?
// while let Some(class) = noisy.next() {                   // None: decided or budget spent
//     let at = noisy.commit_of(class);                     // place of a commit that has this content
//     noisy.observe(Observation { class, outcome })?;      // save observations() after each
// }
// noisy.next_many(n) -> Vec<Class>                         // for --jobs; may name a class twice
// noisy.verdict() -> Verdict; noisy.posterior() -> Vec<Weighed> (likeliest first, at most 100)
// noisy.drift() -> Option<Drift>

mod search;
mod verdict;

pub use search::{Class, NoisyError, Observation, Options, Outcome, Search, Searched};
pub use verdict::{Hypothesis, Tally, Verdict, Weighed};
