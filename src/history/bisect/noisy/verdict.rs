//! What may have happened, and what is answered.

use serde::Serialize;

/// What may have happened to the tested part. Commits are places in
/// [`Search::commits`](super::Search::commits).
///
/// Where several commits are named together, no test can tell them apart.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "what", rename_all = "kebab-case")]
pub enum Hypothesis {
    /// All of it passes equally often.
    NoChange,
    /// One of these commits brought it, and all that descends from it has it.
    Brought {
        /// The commits, in the order of the search.
        commits: Vec<usize>,
    },
    /// One commit brought it and another, which descends from it, removed it.
    BroughtAndRemoved {
        /// Who brought it.
        brought: Vec<usize>,
        /// Who removed it.
        removed: Vec<usize>,
    },
    /// The pass rate changed twice, to three different values.
    ChangedTwice {
        /// The earlier change.
        first: Vec<usize>,
        /// The later.
        second: Vec<usize>,
    },
    /// Each content has a pass rate of its own.
    Scattered,
}

/// A hypothesis and what it is worth by what was seen.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Weighed {
    /// The hypothesis.
    pub hypothesis: Hypothesis,
    /// Its probability.
    pub probability: f64,
}

/// The probability of each kind of hypothesis; they add up to 1.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Kinds {
    /// That all of it passes equally often.
    pub no_change: f64,
    /// That one commit brought it.
    pub brought: f64,
    /// That one brought it and another removed it.
    pub brought_and_removed: f64,
    /// That the pass rate changed twice.
    pub changed_twice: f64,
    /// That each content has a pass rate of its own.
    pub scattered: f64,
}

/// Runs that passed and that failed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Tally {
    /// How many passed.
    pub good: u32,
    /// How many failed.
    pub bad: u32,
}

/// What the search has come to.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "verdict", rename_all = "kebab-case")]
pub enum Verdict {
    /// Not sure enough yet, and there are runs left.
    Open,
    /// One commit, or several that no test can tell apart, brought it.
    Brought {
        /// The commits.
        commits: Vec<usize>,
        /// How sure that is.
        probability: f64,
        /// Runs of what does not have it.
        before: Tally,
        /// Runs of what has it.
        after: Tally,
    },
    /// One commit brought it and another removed it.
    BroughtAndRemoved {
        /// Who brought it.
        brought: Vec<usize>,
        /// Who removed it.
        removed: Vec<usize>,
        /// How sure that is.
        probability: f64,
        /// Runs of what does not have it.
        without: Tally,
        /// Runs of what has it.
        with: Tally,
    },
    /// The pass rate is the same everywhere.
    NoChange {
        /// How sure that is.
        probability: f64,
        /// All runs.
        all: Tally,
    },
    /// No one commit explains what was seen.
    NotOneCommit {
        /// How sure that is.
        probability: f64,
        /// The two changes that fit best, if two fit better than any other number.
        likeliest: Option<Hypothesis>,
    },
    /// The budget is spent, or nothing is left to be tested, and nothing is sure enough. The
    /// posterior says what is likely.
    Undecided,
}
