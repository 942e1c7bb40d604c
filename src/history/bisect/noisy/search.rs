//! What is searched, what was seen, and how far to go: plain data.

use serde::{Deserialize, Serialize};

/// Which content a test sees: commits of one class are one and the same to it.
///
/// The caller numbers the distinct contents as it likes, for example by the ids of all that the
/// tested agent reaches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Class(pub u32);

/// A commit of the history that is searched.
#[derive(Clone, Debug)]
pub struct Searched {
    /// Its parents, by their places in [`Search::commits`]; those outside are left out.
    pub parents: Vec<usize>,
    /// What a test of it sees.
    pub class: Class,
    /// How likely it is to have brought a change, beside others: from 1 to 10. What lies outside
    /// counts as the nearer end, what is no number as 1.
    pub weight: f64,
}

/// A history to be searched.
#[derive(Clone, Debug)]
pub struct Search {
    /// The commits, parents before children. Those that the bad end does not reach play no part,
    /// except for the good ends; whoever has the good ends' ancestors may leave them out.
    pub commits: Vec<Searched>,
    /// The place of the commit that is held to be bad.
    pub bad: usize,
    /// The places of the commits that are held to be good; at least one.
    pub goods: Vec<usize>,
}

/// What one run of the test said.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// The test passed.
    Good,
    /// The test failed.
    Bad,
    /// This content cannot be tested: it is not asked for again.
    Untestable,
}

/// One run of the test.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Observation {
    /// What was tested.
    pub class: Class,
    /// What came out.
    pub outcome: Outcome,
}

/// How sure to be, and how long to try.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Options {
    /// The probability at which an answer is given, over 0.5 and below 1.
    pub confidence: f64,
    /// The number of runs after which to stop without an answer.
    pub budget: u32,
    /// What the order of tests is drawn from: same seed and same outcomes, same tests.
    pub seed: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self { confidence: 0.95, budget: 300, seed: 0 }
    }
}

/// Why a history cannot be searched.
#[derive(Debug, PartialEq, thiserror::Error)]
pub enum NoisyError {
    /// A parent does not come before its child.
    #[error("commit {commit} of the search has the parent {parent}, which does not come before it")]
    Order {
        /// The child's place.
        commit: usize,
        /// The parent's.
        parent: usize,
    },
    /// An end is no commit of the search.
    #[error("commit {0} is an end of the search and not among its commits")]
    NoSuchEnd(usize),
    /// There is no good end.
    #[error("a search needs a commit that is held to be good")]
    NoGood,
    /// The bad end is a good one or lies behind one.
    #[error("the bad end of the search lies behind a good one, so there is nothing between them")]
    Nothing,
    /// The confidence is no probability that an answer can have.
    #[error("a confidence of {0} is not between 0.5 and 1")]
    Confidence(f64),
    /// The budget allows no run, or more than can be weighed.
    #[error("a budget of {asked} runs is not between 1 and {most}")]
    Budget {
        /// What was asked for.
        asked: u32,
        /// The most.
        most: u32,
    },
    /// Something was observed that is not in the search.
    #[error("what was tested (class {0}) is not in the history that is searched")]
    NoSuchClass(u32),
    /// More contents than can be compared pair by pair.
    #[error(
        "the tested part differs in {found} places of this history; at most {most} can be searched at once"
    )]
    TooMany {
        /// How many there are.
        found: usize,
        /// How many there may be.
        most: usize,
    },
}
