//! What walks ask of commits, out of the commit graph or else out of the commits themselves.

use std::collections::{BinaryHeap, HashMap, HashSet};

use smallvec::SmallVec;

use crate::object::{CommitId, NodeId};
use crate::repo::{RepoError, Repository, StoredCommit};

use super::commit_graph::{CommitGraph, Position, Saved};

/// A commit, and where the graph has it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Spot {
    /// The commit.
    pub id: CommitId,
    /// Its place in the graph, which answers for it then.
    pub at: Option<Position>,
}

/// Parents of a commit: hardly ever more than two.
pub type Spots = SmallVec<[Spot; 2]>;

/// What a walk needs to know of a commit.
pub struct Facts {
    /// Its parents, in the commit's order.
    pub parents: Spots,
    /// When it was made, in microseconds since the epoch.
    pub time: i64,
    /// The commit, where it had to be read.
    pub stored: Option<Box<StoredCommit>>,
}

/// Who follows whom in a repository.
pub struct Ancestry<'r> {
    repo: &'r Repository,
    graph: CommitGraph,
}

impl<'r> Ancestry<'r> {
    /// What the commits themselves say.
    pub fn of_objects(repo: &'r Repository) -> Self {
        Self { repo, graph: CommitGraph::default() }
    }

    /// What this graph says; the commits themselves say the rest.
    pub fn with(repo: &'r Repository, graph: CommitGraph) -> Self {
        Self { repo, graph }
    }

    /// The commit graph, taken out.
    pub fn into_graph(self) -> CommitGraph {
        self.graph
    }

    /// What the commit graph says as it is; the commits themselves say the rest.
    pub fn load(repo: &'r Repository) -> Self {
        Self { repo, graph: Saved::load(repo).graph }
    }

    /// What the commit graph says, once it knows what `starts` lead to.
    pub fn load_reaching(repo: &'r Repository, starts: &[CommitId]) -> Self {
        let mut saved = Saved::load(repo);
        saved.extend(repo, starts);
        Self { repo, graph: saved.graph }
    }

    /// The same, where a graph was read before; it is read anew only if it does not know `starts`.
    pub fn reaching(repo: &'r Repository, known: Option<CommitGraph>, starts: &[CommitId]) -> Self {
        match known {
            Some(graph) if starts.iter().all(|id| graph.find(*id).is_some()) => {
                Self { repo, graph }
            }
            _ => Self::load_reaching(repo, starts),
        }
    }

    /// The repository.
    pub fn repo(&self) -> &'r Repository {
        self.repo
    }

    /// The commit graph, perhaps of nothing.
    pub fn graph(&self) -> &CommitGraph {
        &self.graph
    }

    /// Where a commit stands.
    pub fn spot(&self, id: CommitId) -> Spot {
        Spot { id, at: self.graph.find(id) }
    }

    /// What a walk needs to know of the commit.
    ///
    /// # Errors
    /// When it must be read and cannot be.
    pub fn facts(&self, spot: Spot) -> Result<Facts, RepoError> {
        let Some(at) = spot.at else {
            let stored = self.repo.commit(spot.id)?;
            let parents = stored.commit.parents.iter().map(|id| self.spot(*id)).collect();
            let time = stored.commit.committed.micros;
            return Ok(Facts { parents, time, stored: Some(Box::new(stored)) });
        };
        let parents = self.graph.parents(at).iter().map(|at| self.known(*at)).collect();
        Ok(Facts { parents, time: self.graph.row(at).time, stored: None })
    }

    fn known(&self, at: Position) -> Spot {
        Spot { id: self.graph.row(at).id, at: Some(at) }
    }

    /// The directory tree of the commit.
    ///
    /// # Errors
    /// When the commit must be read and cannot be.
    pub fn files(&self, spot: Spot) -> Result<NodeId, RepoError> {
        match spot.at.and_then(|at| self.graph.row(at).files) {
            Some(files) => Ok(files),
            None => self.repo.files_of(spot.id),
        }
    }

    /// The commit that is `back` first parents before `from`, or the last one on the way that the
    /// graph knows, and how many are left to go.
    pub fn first_parent(&self, from: Spot, back: u64) -> (CommitId, u64) {
        let (mut spot, mut left) = (from, back);
        while let Some(parent) = spot.at.and_then(|at| self.graph.parents(at).first()) {
            if left == 0 {
                break;
            }
            (spot, left) = (self.known(*parent), left - 1);
        }
        (spot.id, left)
    }

    /// The commits that `exclude` are and lead to, as far as a walk from `include` meets them. What
    /// cannot be read ends its line.
    pub fn hidden(&self, include: &[CommitId], exclude: &[CommitId]) -> HashSet<CommitId> {
        if exclude.is_empty() {
            return HashSet::new();
        }
        let places = |ids: &[CommitId]| {
            ids.iter().map(|id| self.graph.find(*id)).collect::<Option<Vec<_>>>()
        };
        match (places(include), places(exclude)) {
            (Some(include), Some(exclude)) => self.paint(&include, &exclude),
            _ => self.behind(exclude),
        }
    }

    /// Goes down from both sides, children before parents by their generations, until nothing is
    /// left that only `include` leads to (git's `paint_down_to_common`).
    fn paint(&self, include: &[Position], exclude: &[Position]) -> HashSet<CommitId> {
        let mut paint =
            Paint { ancestry: self, queue: BinaryHeap::new(), open: 0, hidden: HashMap::new() };
        include.iter().for_each(|at| paint.reach(*at, false));
        exclude.iter().for_each(|at| paint.reach(*at, true));
        while paint.open > 0
            && let Some((_, at)) = paint.queue.pop()
        {
            let hidden = paint.hidden.get(&at) == Some(&true);
            if !hidden {
                paint.open -= 1;
            }
            for parent in self.graph.parents(at) {
                paint.reach(*parent, hidden);
            }
        }
        let hidden = paint.hidden.iter().filter(|(_, hidden)| **hidden);
        hidden.map(|(at, _)| self.graph.row(*at).id).collect()
    }

    fn behind(&self, starts: &[CommitId]) -> HashSet<CommitId> {
        let mut seen: HashSet<CommitId> = starts.iter().copied().collect();
        let mut stack: Vec<Spot> = starts.iter().map(|id| self.spot(*id)).collect();
        while let Some(spot) = stack.pop() {
            let Ok(facts) = self.facts(spot) else { continue };
            stack.extend(facts.parents.into_iter().filter(|parent| seen.insert(parent.id)));
        }
        seen
    }
}

/// What is still to be looked at, and whether what was seen is hidden.
struct Paint<'a, 'r> {
    ancestry: &'a Ancestry<'r>,
    queue: BinaryHeap<(u32, Position)>,
    /// How many in the queue are not hidden.
    open: usize,
    hidden: HashMap<Position, bool>,
}

impl Paint<'_, '_> {
    fn reach(&mut self, at: Position, hidden: bool) {
        match self.hidden.insert(at, hidden) {
            None => {
                self.queue.push((self.ancestry.graph.row(at).generation, at));
                self.open += usize::from(!hidden);
            }
            // It is still in the queue: all its children come before it.
            Some(false) if hidden => self.open -= 1,
            Some(was_hidden) => {
                self.hidden.insert(at, was_hidden);
            }
        }
    }
}
