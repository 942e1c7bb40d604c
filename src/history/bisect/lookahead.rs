//! The choice among few: each is tried out to the end.
//!
//! To halve what is left is best in the long run only; on a history with branches and merges,
//! commits that halve alike may leave very different rests. So among up to 64 commits each choice
//! is followed to the end by plain halving, the last sixteen mostly by the best way there is, for every commit
//! that may be the first bad one, and the one with the fewest tests in all is taken, as long as the
//! longest way is no longer for it. By the policy improvement theorem (Howard, 1960) that is never
//! worse than plain halving.

use std::collections::HashMap;

use super::dag::Dag;

/// So many commits are few: they are the bits of one word.
pub const FEW: usize = 64;
/// From so many on down, every way is tried and not only plain halving,
const EXACT: u32 = 16;
/// as long as no more sets than these were looked at.
const MOST_SETS: usize = 1 << 12;

/// What a way of testing costs, over all commits that may be the first bad one.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
struct Cost {
    /// How many tests for all of them together.
    total: u32,
    /// How many for the one that takes longest.
    worst: u32,
}

impl Cost {
    /// One test, then one of two ways.
    fn after_test(of: u64, bad: Self, good: Self) -> Self {
        Self {
            total: of.count_ones() + bad.total + good.total,
            worst: 1 + bad.worst.max(good.worst),
        }
    }
}

/// A few commits that count, as the bits of words.
pub struct Few {
    /// Where each stands in the graph.
    places: Vec<usize>,
    /// Which of them each is or leads to.
    behind: Vec<u64>,
    testable: u64,
    /// What a set costs.
    known: HashMap<u64, Cost>,
}

impl Few {
    /// Those of `dag` that count; there must be no more than [`FEW`].
    pub fn new(dag: &Dag, counted: &[bool], testable: &[bool]) -> Self {
        let mut few =
            Self { places: Vec::new(), behind: Vec::new(), testable: 0, known: HashMap::new() };
        let mut behind = vec![0u64; dag.len()];
        for at in 0..dag.len() {
            let parents = dag.parents(at).iter();
            let mut reached = parents.fold(0, |all, parent| all | behind[*parent as usize]);
            if counted[at] && few.places.len() < FEW {
                let bit = 1 << few.places.len();
                reached |= bit;
                few.places.push(at);
                few.behind.push(reached);
                few.testable |= if testable[at] { bit } else { 0 };
            }
            behind[at] = reached;
        }
        few
    }

    /// The place of the best choice.
    pub fn choose(mut self) -> Option<usize> {
        let all = u64::MAX >> (FEW - self.places.len().clamp(1, FEW));
        let plain = self.halving(all)?;
        let limit = self.cost_of(all, plain).worst;
        let mut best = (plain, self.cost_of(all, plain));
        for at in self.choices(all) {
            let cost = self.cost_of(all, at);
            let better = (cost.total, cost.worst, at) < (best.1.total, best.1.worst, best.0);
            if cost.worst <= limit && better {
                best = (at, cost);
            }
        }
        self.places.get(best.0).copied()
    }

    /// Those that tell something about `set`.
    fn choices(&self, set: u64) -> Vec<usize> {
        bits(set & self.testable).filter(|at| self.behind[*at] & set != set).collect()
    }

    /// The one whose worse outcome leaves the fewest; of several the first.
    fn halving(&self, set: u64) -> Option<usize> {
        let count = set.count_ones();
        let halves = |at: usize| {
            let weight = (self.behind[at] & set).count_ones();
            weight.min(count - weight)
        };
        let mut best: Option<(u32, usize)> = None;
        for at in bits(set & self.testable) {
            let halves = halves(at);
            if halves > best.map_or(0, |(most, _)| most) {
                best = Some((halves, at));
            }
        }
        best.map(|(_, at)| at)
    }

    fn cost_of(&mut self, set: u64, at: usize) -> Cost {
        let behind = self.behind[at];
        Cost::after_test(set, self.cost(set & behind), self.cost(set & !behind))
    }

    /// What a set costs by plain halving, or, where it is small, at best.
    fn cost(&mut self, set: u64) -> Cost {
        if let Some(cost) = self.known.get(&set) {
            return *cost;
        }
        let exact = set.count_ones() <= EXACT && self.known.len() < MOST_SETS;
        let cost = match self.halving(set) {
            None => Cost::default(),
            Some(at) if !exact => self.cost_of(set, at),
            Some(_) => {
                let costs = self.choices(set).into_iter().map(|at| self.cost_of(set, at));
                costs.min_by_key(|cost| (cost.total, cost.worst)).unwrap_or_default()
            }
        };
        self.known.insert(set, cost);
        cost
    }
}

fn bits(mut word: u64) -> impl Iterator<Item = usize> {
    std::iter::from_fn(move || {
        if word == 0 {
            return None;
        }
        let bit = word.trailing_zeros() as usize;
        word &= word - 1;
        Some(bit)
    })
}
