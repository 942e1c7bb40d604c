//! The hypotheses about a history, as labellings of its contents.

use std::collections::HashMap;

use super::bit_matrix::BitMatrix;
use super::graph::Graph;
use super::random::Random;

/// How many pairs of commits are weighed; of longer histories only every so manieth commit is
/// taken for the pairs.
const MOST_PAIRS: usize = 1 << 22;

/// All single commits and pairs that label every content one way.
pub struct Hypotheses {
    /// What descends from a commit, once for each labelling.
    pub nodes: Vec<Node>,
    /// The nodes that may have removed what a node brought: those of node `n` are
    /// `removers[starts[n]..starts[n + 1]]`. If `n` is whole, all of them are.
    pub removers: Vec<u32>,
    pub starts: Vec<usize>,
    /// For each content the nodes whose labelling holds it.
    pub holders: BitMatrix,
    /// The sums of weights that make the priors add up to 1.
    pub all_whole: f64,
    pub all_removed: f64,
    pub all_twice: f64,
}

/// Commits from which the same contents descend.
pub struct Node {
    /// Their places in the search, ascending.
    pub commits: Vec<usize>,
    /// The sum of their weights.
    pub weight: f64,
    /// Whether their descendants have no content that others have too: alone they label each
    /// content one way.
    pub whole: bool,
}

impl Hypotheses {
    /// Finds them. Contents that are not `visible` tell nothing apart.
    ///
    /// Whether a set of commits splits a content, and which contents it holds, are found by sums
    /// of random numbers of 128 bits: those of one content's commits add up to 0, so a set whose
    /// sum is 0 holds each content whole or not at all. Sums of nested sets subtract, so that a
    /// pair costs one comparison.
    pub fn new(graph: &Graph, visible: &[bool]) -> Self {
        let count = graph.candidates.len();
        let mut random = Random::new(0);
        let mut splits = vec![0u128; count];
        let mut holds = vec![0u128; count];
        let mut first = vec![None; graph.contents.len()];
        for (at, content) in graph.contents.iter().enumerate() {
            let mut sum = 0u128;
            // A good commit's content is never held whole: its own number is missing in every sum.
            let (last, others) = match content.members.split_last() {
                Some((last, others)) if !content.fixed => (Some(*last), others),
                _ => (None, content.members.as_slice()),
            };
            for member in others {
                splits[*member] = random.wide();
                sum = sum.wrapping_add(splits[*member]);
            }
            if let Some(last) = last {
                splits[last] = sum.wrapping_neg();
            }
            if let Some(member) = content.members.first().filter(|_| !content.fixed) {
                let number = random.wide();
                if visible[at] {
                    holds[*member] = number;
                    first[at] = Some(*member);
                }
            }
        }
        let mut nodes: Vec<(Node, u128, u128)> = Vec::new();
        let mut known = HashMap::new();
        let mut node_of = Vec::with_capacity(count);
        for (at, candidate) in graph.candidates.iter().enumerate() {
            let (mut split, mut held) = (0u128, 0u128);
            for below in graph.reach.row(at) {
                split = split.wrapping_add(splits[below]);
                held = held.wrapping_add(holds[below]);
            }
            let node = *known.entry((split, held)).or_insert_with(|| {
                let whole = split == 0 && held != 0;
                nodes.push((Node { commits: Vec::new(), weight: 0.0, whole }, split, held));
                nodes.len() - 1
            });
            nodes[node].0.commits.push(candidate.commit);
            nodes[node].0.weight += candidate.weight;
            node_of.push(node);
        }
        let mut holders = BitMatrix::new(graph.contents.len(), nodes.len());
        let mut below = BitMatrix::new(nodes.len(), nodes.len());
        let firsts: HashMap<usize, usize> =
            first.iter().enumerate().filter_map(|(at, member)| Some(((*member)?, at))).collect();
        for (at, node) in node_of.iter().enumerate() {
            for descendant in graph.reach.row(at) {
                below.insert(*node, node_of[descendant]);
                if let Some(content) = firsts.get(&descendant) {
                    holders.insert(*content, *node);
                }
            }
        }
        let mut hypotheses = Self {
            all_whole: nodes.iter().filter(|(n, ..)| n.whole).map(|(n, ..)| n.weight).sum(),
            nodes: Vec::new(),
            removers: Vec::new(),
            starts: vec![0],
            holders,
            all_removed: 0.0,
            all_twice: 0.0,
        };
        hypotheses.pair(&nodes, &below);
        hypotheses.nodes = nodes.into_iter().map(|(node, ..)| node).collect();
        hypotheses
    }

    fn pair(&mut self, nodes: &[(Node, u128, u128)], below: &BitMatrix) {
        let fits = |node: usize, other: usize| {
            let ((_, split, held), (_, other_split, other_held)) = (&nodes[node], &nodes[other]);
            // A remover that nothing seen descends from leaves the labelling of the node alone.
            let seen = *other_held != 0 || *split != 0;
            split == other_split && held != other_held && seen
        };
        let pairs =
            |node| below.row(node).filter(move |other| *other != node && fits(node, *other));
        let all: usize = (0..nodes.len()).map(|node| pairs(node).count()).sum();
        let mut step = 1;
        while all / (step * step) > MOST_PAIRS {
            step += 1;
        }
        for (at, (node, ..)) in nodes.iter().enumerate() {
            if at % step == 0 {
                for other in pairs(at).filter(|other| other % step == 0) {
                    self.removers.push(other as u32);
                    let weight = node.weight * nodes[other].0.weight;
                    self.all_removed += weight;
                    if node.whole {
                        self.all_twice += weight;
                    }
                }
            }
            self.starts.push(self.removers.len());
        }
    }

    /// The nodes that may have removed what this one brought.
    pub fn removers(&self, node: usize) -> &[u32] {
        &self.removers[self.starts[node]..self.starts[node + 1]]
    }
}

#[cfg(test)]
mod tests {
    use super::super::search::{Class, Search, Searched};
    use super::*;

    #[test]
    fn who_removes_only_what_cannot_be_tested_makes_no_pair() {
        let commit = |at: usize| Searched {
            parents: at.checked_sub(1).into_iter().collect(),
            class: Class(at as u32),
            weight: 1.0,
        };
        let search = Search { commits: (0..5).map(commit).collect(), bad: 4, goods: vec![0] };
        let graph = Graph::new(&search).unwrap();
        let pairs = |visible: &[bool]| Hypotheses::new(&graph, visible).removers.len();
        assert_eq!(pairs(&[true; 5]), 6);
        // Without the last commit 1, 2 and 3 are left, and three pairs of them.
        assert_eq!(pairs(&[true, true, true, true, false]), 3);
    }
}
