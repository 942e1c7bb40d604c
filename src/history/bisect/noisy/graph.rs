//! The history with all commits folded away that cannot have done anything.

use std::collections::HashMap;

use super::bit_matrix::BitMatrix;
use super::search::{Class, NoisyError, Search};

/// How many vertices may be compared: their reach takes an eighth of this, squared, in bytes.
const MOST_VERTICES: usize = 20_000;

/// What is left of the history: commits whose content differs from their parent's, merges of
/// parents that differ, and roots.
pub struct Graph {
    /// Those that may have brought a change, parents first.
    pub candidates: Vec<Candidate>,
    /// For each candidate the candidates that descend from it, itself among them.
    pub reach: BitMatrix,
    /// All contents.
    pub contents: Vec<Content>,
    /// Which of them the bad end has.
    pub bad: usize,
    /// Which of them the good ends have.
    pub goods: Vec<usize>,
}

/// A commit that may have brought a change.
pub struct Candidate {
    /// Its place in the search.
    pub commit: usize,
    /// Its weight, from 1 to 10.
    pub weight: f64,
}

/// A content, and who has it.
pub struct Content {
    pub class: Class,
    /// The place of the first commit that has it.
    pub commit: usize,
    /// Whether a commit has it that is held to be good or lies behind one.
    pub fixed: bool,
    /// The candidates that have it, ascending.
    pub members: Vec<usize>,
}

/// Where a commit went.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    /// It plays no part.
    Outside,
    /// It is good: the content.
    Fixed(usize),
    /// It is a candidate, or like one.
    Candidate(usize),
}

impl Graph {
    /// Checks the history and folds it.
    ///
    /// A commit is folded into its parents' vertex if they share one and its content: it can
    /// neither have brought nor removed anything, since one content would get two labels.
    pub fn new(search: &Search) -> Result<Self, NoisyError> {
        check(search)?;
        let in_range = behind(search, [search.bad]);
        let good = behind(search, search.goods.iter().copied());
        if good[search.bad] {
            return Err(NoisyError::Nothing);
        }
        let mut graph = Self {
            candidates: Vec::new(),
            reach: BitMatrix::new(0, 0),
            contents: Vec::new(),
            bad: 0,
            goods: Vec::new(),
        };
        let mut known = HashMap::new();
        let mut places = vec![Place::Outside; search.commits.len()];
        let mut content_of = Vec::new();
        let mut edges = Vec::new();
        for (at, commit) in search.commits.iter().enumerate() {
            if !in_range[at] && !good[at] {
                continue;
            }
            let content = *known.entry(commit.class).or_insert_with(|| {
                graph.contents.push(Content {
                    class: commit.class,
                    commit: at,
                    fixed: false,
                    members: Vec::new(),
                });
                graph.contents.len() - 1
            });
            if good[at] {
                graph.contents[content].fixed = true;
                places[at] = Place::Fixed(content);
                continue;
            }
            let mut parents: Vec<Place> = commit.parents.iter().map(|p| places[*p]).collect();
            parents.retain(|place| *place != Place::Outside);
            if let Some((first, others)) = parents.split_first() {
                let same = match first {
                    Place::Candidate(candidate) => content_of[*candidate] == content,
                    Place::Fixed(theirs) => *theirs == content,
                    Place::Outside => false,
                };
                if same && others.iter().all(|other| other == first) {
                    places[at] = *first;
                    continue;
                }
            }
            let candidate = graph.candidates.len();
            places[at] = Place::Candidate(candidate);
            graph.contents[content].members.push(candidate);
            graph.candidates.push(Candidate { commit: at, weight: bounded(commit.weight) });
            content_of.push(content);
            edges.push(parents);
        }
        let count = graph.candidates.len();
        if count > MOST_VERTICES {
            return Err(NoisyError::TooMany { found: count, most: MOST_VERTICES });
        }
        let at = |end: usize| known.get(&search.commits[end].class).copied().unwrap_or_default();
        graph.bad = at(search.bad);
        graph.goods = search.goods.iter().map(|good| at(*good)).collect();
        graph.goods.sort_unstable();
        graph.goods.dedup();
        graph.reach = BitMatrix::new(count, count);
        for (child, parents) in edges.iter().enumerate().rev() {
            graph.reach.insert(child, child);
            for parent in parents {
                if let Place::Candidate(parent) = parent {
                    graph.reach.absorb(*parent, child);
                }
            }
        }
        Ok(graph)
    }
}

fn bounded(weight: f64) -> f64 {
    if weight.is_nan() { 1.0 } else { weight.clamp(1.0, 10.0) }
}

fn check(search: &Search) -> Result<(), NoisyError> {
    for (commit, searched) in search.commits.iter().enumerate() {
        if let Some(parent) = searched.parents.iter().find(|parent| **parent >= commit) {
            return Err(NoisyError::Order { commit, parent: *parent });
        }
    }
    if search.goods.is_empty() {
        return Err(NoisyError::NoGood);
    }
    let mut ends = search.goods.iter().chain([&search.bad]);
    match ends.find(|end| **end >= search.commits.len()) {
        Some(end) => Err(NoisyError::NoSuchEnd(*end)),
        None => Ok(()),
    }
}

/// Which commits are these or lie behind them.
fn behind(search: &Search, ends: impl IntoIterator<Item = usize>) -> Vec<bool> {
    let mut marked = vec![false; search.commits.len()];
    for end in ends {
        marked[end] = true;
    }
    for (at, commit) in search.commits.iter().enumerate().rev() {
        if marked[at] {
            for parent in &commit.parents {
                marked[*parent] = true;
            }
        }
    }
    marked
}
