//! The commit graph in memory: rows of commits, parents before children.

use std::cell::OnceCell;
use std::collections::HashMap;
use std::ops::Range;

use crate::object::{CommitId, NodeId, RepositoryId};
use crate::repo::{Repository, StoredCommit};

use super::changed_paths::{State, changed_paths};
use super::file::{HEADER_LEN, MOST_COMMITS, decode_layer, encode_layer, header};
use super::filter::{self, Changed, PathKey};

/// Where a commit stands in the graph.
pub type Position = u32;

/// Of this many commits, the last ones, one is looked for before all are sorted to find it.
const LATE: usize = 2048;

/// What the graph says of a commit.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Row {
    /// The commit.
    pub id: CommitId,
    /// Its directory tree; `None` where its root map could not be read.
    pub files: Option<NodeId>,
    /// The map of its system, where it has one and its root map could be read.
    pub system: Option<NodeId>,
    /// When it was made, in microseconds since the epoch.
    pub time: i64,
    /// 1 more than the greatest generation of its parents; 1 without any.
    pub generation: u32,
    pub(super) parents: Parents,
    /// Where its filter lies among all filters.
    pub(super) filter: Range<usize>,
}

/// The parents of a commit, by their places.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Parents {
    None,
    One(Position),
    Two([Position; 2]),
    More(Box<[Position]>),
}

impl Parents {
    fn of(places: &[Position]) -> Self {
        match *places {
            [] => Self::None,
            [one] => Self::One(one),
            [one, two] => Self::Two([one, two]),
            _ => Self::More(places.into()),
        }
    }

    fn as_slice(&self) -> &[Position] {
        match self {
            Self::None => &[],
            Self::One(one) => std::slice::from_ref(one),
            Self::Two(two) => two,
            Self::More(all) => all,
        }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = Position> + '_ {
        self.as_slice().iter().copied()
    }
}

/// The commit graph: every row comes behind those of its parents.
#[derive(Default)]
pub struct CommitGraph {
    rows: Vec<Row>,
    /// Where filters lie: the file as it was read, and behind it those that came since.
    filters: Vec<u8>,
    layers: usize,
    /// Starts of ids, sorted, each with its place; made at the first look-up.
    places: OnceCell<Vec<(u64, Position)>>,
}

impl CommitGraph {
    /// Reads the file of the graph of `repo`, up to the first layer that is not sound; gives the
    /// length up to there too, which is 0 where the file is no such graph at all.
    pub fn decode(bytes: Vec<u8>, repo: RepositoryId) -> (Self, usize) {
        if !bytes.starts_with(&header(repo)) {
            return (Self::default(), 0);
        }
        let mut graph = Self { filters: bytes, ..Self::default() };
        let mut end = HEADER_LEN;
        while let Some(layer_end) = decode_layer(&graph.filters, end, &mut graph.rows) {
            end = layer_end;
            graph.layers += 1;
        }
        (graph, end)
    }

    /// How many commits it knows.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether it knows none.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// In how many layers they were read.
    pub fn layers(&self) -> usize {
        self.layers
    }

    /// The rows behind the first `before`, as a layer.
    pub fn layer(&self, before: usize) -> Vec<u8> {
        encode_layer(before, &self.rows[before..], &self.filters)
    }

    /// What is known of the commit at a place that this graph gave.
    pub fn row(&self, at: Position) -> &Row {
        &self.rows[at as usize]
    }

    /// The places of its parents, in the commit's order.
    pub fn parents(&self, at: Position) -> &[Position] {
        self.row(at).parents.as_slice()
    }

    /// Whether the commit changed the path, component or edge against its first parent; one without
    /// parents, against nothing.
    pub fn changed(&self, at: Position, path: &PathKey) -> Changed {
        filter::changed(&self.filters[self.row(at).filter.clone()], path)
    }

    /// Where the commit stands.
    pub fn find(&self, id: CommitId) -> Option<Position> {
        let places = match self.places.get() {
            Some(places) => places,
            None => {
                // What is asked for most came lately.
                let early = self.rows.len().saturating_sub(LATE);
                let late = self.rows[early..].iter().rposition(|row| row.id == id);
                if let Some(at) = late {
                    return Some((early + at) as Position);
                }
                self.places.get_or_init(|| {
                    let starts = self.rows.iter().map(|row| row.id.id().prefix());
                    let mut places: Vec<_> = starts.zip(0..).collect();
                    places.sort_unstable();
                    places
                })
            }
        };
        let start = id.id().prefix();
        let from = places.partition_point(|(other, _)| *other < start);
        let near = places[from..].iter().take_while(|(other, _)| *other == start);
        near.map(|(_, at)| *at).find(|at| self.row(*at).id == id)
    }

    /// Takes in all commits that `starts` are and lead to. One that cannot be read stays out, and
    /// so do its descendants.
    pub fn extend(&mut self, repo: &Repository, starts: &[CommitId]) {
        // What is new; the list of places may know it or not.
        let mut added: HashMap<CommitId, Option<Position>> = HashMap::new();
        let mut stack: Vec<Visit> = starts.iter().map(|id| Visit::Enter(*id)).collect();
        while let Some(visit) = stack.pop() {
            match visit {
                Visit::Enter(id) if added.contains_key(&id) || self.find(id).is_some() => {}
                Visit::Enter(id) => match repo.commit(id) {
                    Ok(stored) => {
                        let parents = stored.commit.parents.clone();
                        let state = State::of(repo, &stored.commit).ok();
                        stack.push(Visit::Leave(Box::new(Pending::of(stored, state))));
                        stack.extend(parents.into_iter().map(Visit::Enter));
                    }
                    Err(_) => drop(added.insert(id, None)),
                },
                // Two ways may lead to it.
                Visit::Leave(pending) if added.contains_key(&pending.id) => {}
                Visit::Leave(pending) => {
                    let place = |id: &CommitId| match added.get(id) {
                        Some(place) => *place,
                        None => self.find(*id),
                    };
                    let parents: Option<Vec<_>> = pending.parents.iter().map(place).collect();
                    let at = parents.and_then(|parents| self.push(repo, &pending, &parents));
                    added.insert(pending.id, at);
                }
            }
        }
        if !added.is_empty() {
            self.places = OnceCell::new();
        }
    }

    fn push(
        &mut self,
        repo: &Repository,
        pending: &Pending,
        parents: &[Position],
    ) -> Option<Position> {
        let at = self.rows.len();
        if at >= MOST_COMMITS {
            return None;
        }
        let highest = parents.iter().map(|at| self.row(*at).generation).max().unwrap_or(0);
        let before = parents.first().map(|at| State::of_row(self.row(*at)));
        let start = self.filters.len();
        self.filters.extend(changed_paths(repo, before, pending.state));
        self.rows.push(Row {
            id: pending.id,
            files: pending.state.map(|state| state.files),
            system: pending.state.and_then(|state| state.system),
            time: pending.time,
            generation: highest + 1,
            parents: Parents::of(parents),
            filter: start..self.filters.len(),
        });
        Some(at as Position)
    }
}

/// A commit whose parents come first.
enum Visit {
    Enter(CommitId),
    Leave(Box<Pending>),
}

struct Pending {
    id: CommitId,
    parents: Vec<CommitId>,
    state: Option<State>,
    time: i64,
}

impl Pending {
    fn of(stored: StoredCommit, state: Option<State>) -> Self {
        Self {
            id: stored.id,
            state,
            time: stored.commit.committed.micros,
            parents: stored.commit.parents,
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::object::Id;

    use super::*;

    #[test]
    fn commits_are_found_wherever_they_stand() {
        let repo = RepositoryId::from_id(Id::new([7; 32]));
        let id = |n: u32| CommitId::of(&n.to_le_bytes());
        let count = 2 * LATE as u32;
        let row = |n: u32| Row {
            id: id(n),
            files: None,
            system: None,
            time: i64::from(n),
            generation: n + 1,
            parents: Parents::of(n.checked_sub(1).as_slice()),
            filter: 0..0,
        };
        let graph = CommitGraph { rows: (0..count).map(row).collect(), ..CommitGraph::default() };
        let bytes = [&header(repo)[..], &graph.layer(0)].concat();
        // A late one alone; then the others, after which all are known by their places.
        for asked in [vec![count - 1], (0..count).collect()] {
            let (graph, end) = CommitGraph::decode(bytes.clone(), repo);
            assert_eq!((graph.len(), end), (count as usize, bytes.len()));
            for n in asked {
                assert_eq!(graph.find(id(n)), Some(n));
            }
            assert_eq!(graph.find(id(count)), None);
        }
    }
}
