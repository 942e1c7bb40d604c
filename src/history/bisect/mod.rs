//! Bisection: which commit brought a change that a test shows.

pub mod noisy;
