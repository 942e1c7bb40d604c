//! The fast sums beside the plain definition: every hypothesis by itself, over every commit, with
//! the pass rates integrated on a grid.

use std::collections::HashMap;

use proptest::prelude::*;

use super::graph::Graph;
use super::hypotheses::Hypotheses;
use super::posterior::{Extent, PRIORS, Posterior, Seen};
use super::rates::{Rates, entropy};
use super::search::{Class, Search, Searched};
use super::verdict::Tally;

const GRID: usize = 150;

/// Which commits share a pass rate; `ordered`: those of rate 1 pass less often than those of 0.
struct Labelling {
    prior: f64,
    labels: Vec<usize>,
    ordered: bool,
}

/// A weight, labels, and the commit that brought it if it was one.
type Weighted = (f64, Vec<usize>, Option<usize>);

fn below(search: &Search, from: usize) -> Vec<bool> {
    let mut marked = vec![false; search.commits.len()];
    marked[from] = true;
    for at in from + 1..marked.len() {
        marked[at] = search.commits[at].parents.iter().any(|parent| marked[*parent]);
    }
    marked
}

/// One label for each content, or nothing if one gets two.
fn by_class(search: &Search, of: impl Fn(usize) -> usize) -> Option<Vec<usize>> {
    let mut labels = HashMap::new();
    for (at, commit) in search.commits.iter().enumerate() {
        if *labels.entry(commit.class.0).or_insert(of(at)) != of(at) {
            return None;
        }
    }
    let classes = search.commits.iter().map(|commit| commit.class.0).max()? as usize + 1;
    Some((0..classes).map(|class| labels.get(&(class as u32)).copied().unwrap_or(0)).collect())
}

/// All hypotheses; commit 0 is the good end. Of those that one commit brought also which.
fn hypotheses(search: &Search) -> (Vec<Labelling>, Vec<Option<usize>>) {
    let count = search.commits.len();
    let sets: Vec<_> = (0..count).map(|at| below(search, at)).collect();
    let weight = |at: usize| search.commits[at].weight;
    let mut kinds: [Vec<Weighted>; 3] = Default::default();
    for one in 1..count {
        let alone = by_class(search, |at| usize::from(sets[one][at]));
        if let Some(labels) = alone.clone() {
            kinds[0].push((weight(one), labels, Some(one)));
        }
        for other in (one + 1..count).filter(|other| sets[one][*other]) {
            let both = weight(one) * weight(other);
            let between = |at: usize| sets[one][at] && !sets[other][at];
            if let Some(labels) = by_class(search, |at| usize::from(between(at))) {
                kinds[1].push((both, labels, None));
            }
            let alone_too = by_class(search, |at| usize::from(sets[other][at]));
            if alone.is_some() && alone_too.is_some() {
                let label = |at: usize| usize::from(sets[one][at]) + usize::from(sets[other][at]);
                kinds[2].push((both, by_class(search, label).unwrap(), None));
            }
        }
    }
    let classes = search.commits.iter().map(|commit| commit.class.0).max().unwrap() as usize + 1;
    let plain = |prior, labels| Labelling { prior, labels, ordered: false };
    let mut all =
        vec![plain(PRIORS.none, vec![0; classes]), plain(PRIORS.scattered, (0..classes).collect())];
    let mut brought = vec![None, None];
    let priors = [(PRIORS.one, true), (PRIORS.removed, true), (PRIORS.twice, false)];
    for (kind, (prior, ordered)) in kinds.into_iter().zip(priors) {
        let sum: f64 = kind.iter().map(|(weight, ..)| weight).sum();
        for (weight, labels, one) in kind {
            all.push(Labelling { prior: prior * weight / sum, labels, ordered });
            brought.push(one);
        }
    }
    (all, brought)
}

fn term(rate: f64, tally: Tally) -> f64 {
    rate.powi(tally.good as i32) * (1.0 - rate).powi(tally.bad as i32)
}

fn likelihood(labelling: &Labelling, tallies: &[Tally]) -> f64 {
    let mut sums: HashMap<usize, Tally> = HashMap::new();
    for (label, tally) in labelling.labels.iter().zip(tallies) {
        let sum = sums.entry(*label).or_default();
        sum.good += tally.good;
        sum.bad += tally.bad;
    }
    let rates = || (0..GRID).map(|n| (n as f64 + 0.5) / GRID as f64);
    if !labelling.ordered {
        let own = |tally: &Tally| rates().map(|x| term(x, *tally)).sum::<f64>() / GRID as f64;
        return sums.values().map(own).product();
    }
    let of = |label| sums.get(&label).copied().unwrap_or_default();
    let (rest, fault) = (of(0), of(1));
    let mut below = 0.0;
    let mut sum = 0.0;
    for rate in rates() {
        let here = term(rate, fault);
        sum += term(rate, rest) * (below + here / 2.0);
        below += here;
    }
    2.0 * sum / (GRID * GRID) as f64
}

fn searches() -> impl Strategy<Value = (Search, Vec<Tally>)> {
    let commit = (any::<[u8; 2]>(), 0u32..7, 1.0..10.0f64);
    let tally = (0u32..4, 0u32..4).prop_map(|(good, bad)| Tally { good, bad });
    (prop::collection::vec(commit, 2..8), prop::collection::vec(tally, 8)).prop_map(
        |(drawn, tallies)| {
            let commit = |(at, (parents, class, weight)): (usize, ([u8; 2], u32, f64))| {
                let mut parents = parents.map(|n| at - 1 - n as usize % at.min(3)).to_vec();
                parents.dedup();
                Searched { parents, class: Class(class), weight }
            };
            let first = Searched { parents: Vec::new(), class: Class(7), weight: 1.0 };
            let mut commits = vec![first];
            commits.extend(drawn.into_iter().enumerate().map(|(at, one)| commit((at + 1, one))));
            // The last commit merges all that nothing else goes on from.
            let last = commits.len() - 1;
            let tips: Vec<usize> = (0..last)
                .filter(|at| !commits.iter().any(|commit| commit.parents.contains(at)))
                .collect();
            commits[last].parents.extend(tips);
            (Search { commits, bad: last, goods: vec![0] }, tallies)
        },
    )
}

fn weighed(search: &Search, tallies: &[Tally]) -> (Posterior, Graph, Hypotheses) {
    let graph = Graph::new(search).unwrap();
    let hypotheses = Hypotheses::new(&graph, &vec![true; graph.contents.len()]);
    let contents: Vec<Tally> =
        graph.contents.iter().map(|content| tallies[content.class.0 as usize]).collect();
    let add = |a: Tally, b: &Tally| Tally { good: a.good + b.good, bad: a.bad + b.bad };
    let all = contents.iter().fold(Tally::default(), add);
    let held = |node| {
        let held = (0..contents.len()).filter(|content| hypotheses.holders.has(*content, node));
        held.map(|content| &contents[content]).fold(Tally::default(), add)
    };
    let nodes = (0..hypotheses.nodes.len()).map(held).collect();
    let seen = Seen { contents, nodes, all };
    let posterior = Posterior::new(&hypotheses, &Rates::new(all), &seen, Extent::All);
    (posterior, graph, hypotheses)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn sums_equal_every_hypothesis_by_itself((search, tallies) in searches()) {
        let (posterior, graph, nodes) = weighed(&search, &tallies);
        let mut present = tallies.clone();
        let classes: Vec<u32> = search.commits.iter().map(|commit| commit.class.0).collect();
        for (class, tally) in present.iter_mut().enumerate() {
            if !classes.contains(&(class as u32)) {
                *tally = Tally::default();
            }
        }
        let (all, brought) = hypotheses(&search);
        let tallies = &present[..all[0].labels.len()];
        let weights: Vec<f64> =
            all.iter().map(|one| one.prior * likelihood(one, tallies)).collect();
        let total: f64 = weights.iter().sum();
        let near = |a: f64, b: f64| (a - b).abs() < 3e-3;
        prop_assert!(near(posterior.none, weights[0] / total));
        prop_assert!(near(posterior.scattered, weights[1] / total));
        for (weight, commit) in weights.iter().zip(&brought) {
            let Some(commit) = commit else { continue };
            let node = nodes.nodes.iter().position(|node| node.commits.contains(commit));
            prop_assert!(near(posterior.one[node.unwrap()], weight / total));
        }
        let one: f64 = posterior.any_one();
        let singles: f64 =
            weights.iter().zip(&brought).filter(|(_, one)| one.is_some()).map(|(w, _)| w).sum();
        prop_assert!(near(one, singles / total));
        let pairs = |ordered| -> f64 {
            let of = all.iter().zip(&weights).zip(&brought).skip(2);
            of.filter(|((one, _), commit)| commit.is_none() && one.ordered == ordered)
                .map(|((_, weight), _)| weight / total)
                .sum()
        };
        prop_assert!(near(posterior.removed, pairs(true)));
        prop_assert!(near(posterior.twice, pairs(false)));
        for (content, gain) in graph.contents.iter().zip(&posterior.gains) {
            let mut more = tallies.to_vec();
            more[content.class.0 as usize].good += 1;
            let (mut mean, mut mean_entropy) = (0.0, 0.0);
            for (one, weight) in all.iter().zip(&weights) {
                let chance = likelihood(one, &more) / likelihood(one, tallies);
                mean += weight / total * chance;
                mean_entropy += weight / total * entropy(chance);
            }
            prop_assert!((gain - (entropy(mean) - mean_entropy)).abs() < 3e-3);
        }
    }
}
