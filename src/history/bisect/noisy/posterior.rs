//! What the runs make of the hypotheses, and what the next run would tell.

use super::hypotheses::Hypotheses;
use super::rates::{Own, Rates, Scale, entropy};
use super::verdict::Tally;

/// How likely each kind of hypothesis is before anything was run.
pub struct Priors {
    pub none: f64,
    pub one: f64,
    pub removed: f64,
    pub twice: f64,
    pub scattered: f64,
}

/// Chosen by simulation, so that answers are right as often as they say (`docs/noisy-bisect.md`).
pub const PRIORS: Priors =
    Priors { none: 0.46, one: 0.38, removed: 0.045, twice: 0.085, scattered: 0.03 };

/// All that was seen, by content and by node.
pub struct Seen {
    /// The runs of each content.
    pub contents: Vec<Tally>,
    /// The runs of what each node's labelling holds.
    pub nodes: Vec<Tally>,
    /// All runs.
    pub all: Tally,
}

/// A pair of nodes and its probability.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pair {
    pub first: usize,
    pub second: usize,
    pub probability: f64,
}

/// Probabilities.
pub struct Posterior {
    pub none: f64,
    /// That each node brought it.
    pub one: Vec<f64>,
    pub removed: f64,
    pub twice: f64,
    pub scattered: f64,
    /// The likeliest pair that brought and removed it.
    pub best_removed: Option<Pair>,
    /// The likeliest two changes.
    pub best_twice: Option<Pair>,
    /// By how much a run of each content lowers the entropy over all hypotheses, in nats.
    pub gains: Vec<f64>,
    /// By how much it lowers the entropy of whether the likeliest hypothesis holds.
    pub leader_gains: Vec<f64>,
}

/// How much is weighed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Extent {
    /// All hypotheses.
    All,
    /// Single commits alone: where it lies, if one brought it.
    Where,
}

/// The mean rates and entropies that the hypotheses predict, summed by weight: those of every
/// content, and what is to be added for contents that a node holds.
struct Predicted {
    mean: f64,
    entropy: f64,
    nodes: Vec<[f64; 2]>,
}

impl Predicted {
    fn everywhere(&mut self, weight: f64, mean: f64, entropy: f64) {
        self.mean += weight * mean;
        self.entropy += weight * entropy;
    }

    fn below(&mut self, node: usize, weight: f64, mean: f64, entropy: f64) {
        let [means, entropies] = &mut self.nodes[node];
        *means += weight * mean;
        *entropies += weight * entropy;
    }
}

fn scattered(seen: &Seen, scale: &Scale) -> f64 {
    let own = seen.contents.iter().map(|tally| scale.own(*tally).likelihood);
    PRIORS.scattered * own.product::<f64>()
}

/// A hypothesis that may become the answer.
#[derive(Clone, Copy)]
enum Leader {
    None,
    One(usize),
    Removed(usize, usize),
}

impl Leader {
    /// Whether a content has the fault.
    fn holds(self, hypotheses: &Hypotheses, content: usize) -> bool {
        let holds = |node| hypotheses.holders.has(content, node);
        match self {
            Self::None => false,
            Self::One(node) => holds(node),
            Self::Removed(node, other) => holds(node) && !holds(other),
        }
    }
}

impl Posterior {
    /// Weighs the hypotheses: a table look-up for each.
    ///
    /// The gain of a run is the mutual information of its outcome and the hypotheses: the
    /// entropy of the mean chance less the mean entropy of the chances. Both sums run over
    /// labellings that are `below(c)` or `below(c)` less `below(d)`, so they are sums over nodes
    /// that hold the content.
    pub fn new(hypotheses: &Hypotheses, rates: &Rates, seen: &Seen, extent: Extent) -> Self {
        let nodes = &hypotheses.nodes;
        let scale = &rates.scale;
        let all = scale.own(rates.all());
        let mut predicted =
            Predicted { mean: 0.0, entropy: 0.0, nodes: vec![[0.0; 2]; nodes.len()] };
        let whole = extent == Extent::All;
        let none = if whole { PRIORS.none * all.likelihood } else { 0.0 };
        predicted.everywhere(none, all.mean, all.entropy);
        let mut one = vec![0.0; nodes.len()];
        for (at, node) in nodes.iter().enumerate().filter(|(_, node)| node.whole) {
            let split = &rates.split(seen.nodes[at]).0;
            let weight = PRIORS.one * node.weight / hypotheses.all_whole * split.likelihood;
            let ([fault, rest], [fault_entropy, rest_entropy]) = (split.means, split.entropies);
            one[at] = weight;
            predicted.everywhere(weight, rest, rest_entropy);
            predicted.below(at, weight, fault - rest, fault_entropy - rest_entropy);
        }
        let mut posterior = Self {
            none,
            one,
            removed: 0.0,
            twice: 0.0,
            scattered: if whole { scattered(seen, scale) } else { 0.0 },
            best_removed: None,
            best_twice: None,
            gains: Vec::new(),
            leader_gains: Vec::new(),
        };
        if whole {
            posterior.weigh_pairs(hypotheses, rates, seen, &mut predicted);
        }
        posterior.gain(hypotheses, rates, seen, &predicted);
        posterior.normalise();
        posterior
    }

    fn weigh_pairs(
        &mut self,
        hypotheses: &Hypotheses,
        rates: &Rates,
        seen: &Seen,
        predicted: &mut Predicted,
    ) {
        let later: Vec<Own> = seen.nodes.iter().map(|tally| rates.scale.own(*tally)).collect();
        let mut best_removed = 0.0;
        let mut best_twice = 0.0;
        for (at, node) in hypotheses.nodes.iter().enumerate() {
            let tally = seen.nodes[at];
            let removed_prior = PRIORS.removed * node.weight / hypotheses.all_removed;
            let twice_prior = PRIORS.twice * node.weight / hypotheses.all_twice;
            let before = rates.scale.own(rates.all().without(tally));
            let (mut removed, mut twice) = (0.0, 0.0);
            let (mut node_mean, mut node_entropy) = (0.0, 0.0);
            let (mut base_mean, mut base_entropy) = (0.0, 0.0);
            // Neighbours mostly have the same runs behind them.
            let mut last = seen.nodes[at];
            let mut found = rates.split(Tally::default());
            for remover in hypotheses.removers(at) {
                let other = *remover as usize;
                let weight = hypotheses.nodes[other].weight;
                if seen.nodes[other] != last {
                    last = seen.nodes[other];
                    found = rates.split(tally.without(last));
                }
                let (split, between) = found;
                let ([fault, rest], [fault_entropy, rest_entropy]) = (split.means, split.entropies);
                let with = removed_prior * weight * split.likelihood;
                removed += with;
                base_mean += with * rest;
                base_entropy += with * rest_entropy;
                let mean = with * (fault - rest);
                let entropy = with * (fault_entropy - rest_entropy);
                node_mean += mean;
                node_entropy += entropy;
                let [other_mean, other_entropy] = &mut predicted.nodes[other];
                *other_mean -= mean;
                *other_entropy -= entropy;
                if with > best_removed {
                    best_removed = with;
                    self.best_removed = Some(Pair { first: at, second: other, probability: with });
                }
                if node.whole {
                    let after = &later[other];
                    let with = twice_prior
                        * weight
                        * (before.likelihood * between.likelihood * after.likelihood);
                    twice += with;
                    node_mean += with * (between.mean - before.mean);
                    node_entropy += with * (between.entropy - before.entropy);
                    *other_mean += with * (after.mean - between.mean);
                    *other_entropy += with * (after.entropy - between.entropy);
                    if with > best_twice {
                        best_twice = with;
                        self.best_twice =
                            Some(Pair { first: at, second: other, probability: with });
                    }
                }
            }
            self.removed += removed;
            self.twice += twice;
            predicted.everywhere(1.0, base_mean, base_entropy);
            predicted.everywhere(twice, before.mean, before.entropy);
            predicted.below(at, 1.0, node_mean, node_entropy);
        }
    }

    fn gain(&mut self, hypotheses: &Hypotheses, rates: &Rates, seen: &Seen, predicted: &Predicted) {
        let total = self.total();
        let (leader, leader_weight) = self.leader();
        let (with, without) = self.leader_rates(leader, rates, seen);
        for (at, tally) in seen.contents.iter().enumerate() {
            let own = rates.scale.own(*tally);
            let (mut mean, mut mean_entropy) = (predicted.mean, predicted.entropy);
            mean += self.scattered * own.mean;
            mean_entropy += self.scattered * own.entropy;
            for node in hypotheses.holders.row(at) {
                let [means, entropies] = predicted.nodes[node];
                mean += means;
                mean_entropy += entropies;
            }
            let all = entropy((mean / total).clamp(0.0, 1.0));
            self.gains.push(all - mean_entropy / total);
            let theirs = if leader.holds(hypotheses, at) { with } else { without };
            let others_weight = (total - leader_weight).max(f64::MIN_POSITIVE);
            let others = ((mean - leader_weight * theirs) / others_weight).clamp(0.0, 1.0);
            let apart = leader_weight * entropy(theirs) + others_weight * entropy(others);
            self.leader_gains.push(all - apart / total);
        }
    }

    /// The likeliest hypothesis and its weight.
    fn leader(&self) -> (Leader, f64) {
        let one = self.best_one().map(|(node, weight)| (Leader::One(node), weight));
        let removed = self
            .best_removed
            .map(|pair| (Leader::Removed(pair.first, pair.second), pair.probability));
        [one, removed]
            .into_iter()
            .flatten()
            .fold((Leader::None, self.none), |a, b| if b.1 > a.1 { b } else { a })
    }

    fn leader_rates(&self, leader: Leader, rates: &Rates, seen: &Seen) -> (f64, f64) {
        let fault = match leader {
            Leader::None => {
                let mean = rates.scale.own(rates.all()).mean;
                return (mean, mean);
            }
            Leader::One(node) => seen.nodes[node],
            Leader::Removed(node, other) => seen.nodes[node].without(seen.nodes[other]),
        };
        let [fault, rest] = rates.split(fault).0.means;
        (fault, rest)
    }

    fn total(&self) -> f64 {
        let one: f64 = self.one.iter().sum();
        self.none + one + self.removed + self.twice + self.scattered
    }

    fn normalise(&mut self) {
        let total = self.total();
        if total == 0.0 {
            return;
        }
        self.none /= total;
        self.one.iter_mut().for_each(|weight| *weight /= total);
        self.removed /= total;
        self.twice /= total;
        self.scattered /= total;
        for pair in [&mut self.best_removed, &mut self.best_twice].into_iter().flatten() {
            pair.probability /= total;
        }
    }

    /// The probability of the likeliest answer.
    pub fn lead(&self) -> f64 {
        self.leader().1
    }

    /// That some node brought it alone.
    pub fn any_one(&self) -> f64 {
        self.one.iter().sum()
    }

    /// The node that is likeliest to have brought it alone.
    pub fn best_one(&self) -> Option<(usize, f64)> {
        let one = self.one.iter().copied().enumerate();
        one.filter(|(_, weight)| *weight > 0.0).max_by(|a, b| a.1.total_cmp(&b.1))
    }
}
