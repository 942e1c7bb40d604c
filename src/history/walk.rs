//! Commits behind others, newest first.

use std::cmp::Ordering;
use std::collections::{BinaryHeap, HashMap, HashSet};

use smallvec::SmallVec;
use thiserror::Error;

use crate::log::Refs;
use crate::object::{CommitId, Id, ObjectType, RepoPath, TagId};
use crate::repo::{RepoError, Repository, StoredCommit};
use crate::store::Lookup;

use super::ancestry::{Ancestry, Facts, Spot, Spots};
use super::commit_graph::{CommitGraph, Position};
use super::path_changes::PathChanges;
use super::revision::Range;

/// A commit that a walk could not read; what lies behind it stays unseen.
#[derive(Debug, Error)]
#[error("commit {id} cannot be read")]
pub struct WalkError {
    /// The commit.
    pub id: CommitId,
    /// Why.
    #[source]
    pub source: Box<RepoError>,
}

/// A walk over commits in which no commit comes before one of its children.
///
/// Among commits that are free to come next, the newest by its own clock comes first, then the one
/// with the greatest id: clocks choose only where history does not. While history is a single
/// line, commits stream; from the first merge on the rest of the walk is counted first (Kahn's
/// algorithm), at eight bytes for each commit of the commit graph.
///
/// A walk of paths shows the commits that changed one of them, simplified as git does by default
/// (git-log(1), "History Simplification"): where a merge has what one of its parents has, only that
/// parent is followed, and a merge is shown only if it differs from all.
pub struct CommitWalk<'r> {
    ancestry: Ancestry<'r>,
    /// The graph as it was read before.
    known: Option<CommitGraph>,
    graph: GraphUse,
    paths: Option<PathChanges>,
    range: Range,
    hidden: HashSet<CommitId>,
    ready: BinaryHeap<Ready>,
    /// Of the commits that are not out yet, how many of their children are still to come.
    waiting: Option<Waiting>,
    /// What was found of commits while they were counted.
    steps: HashMap<CommitId, Step>,
    failed: Vec<WalkError>,
    /// If there is such a set, only commits in it are shown.
    only: Option<HashSet<CommitId>>,
    lines: Lines,
}

/// Whether a walk asks the commit graph.
#[derive(Clone, Copy, PartialEq, Eq)]
enum GraphUse {
    Never,
    WhereItHelps,
    AtOnce,
    Loaded,
}

/// Where a walk of paths goes from a merge that has what one of its parents has.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Lines {
    /// To that parent alone.
    Simplified,
    /// To every parent.
    All,
}

/// A commit that may come next.
struct Ready {
    time: i64,
    spot: Spot,
    facts: Facts,
}

impl Ready {
    fn key(&self) -> (i64, CommitId) {
        (self.time, self.spot.id)
    }
}

impl PartialEq for Ready {
    fn eq(&self, other: &Self) -> bool {
        self.key() == other.key()
    }
}

impl Eq for Ready {}

impl PartialOrd for Ready {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Ready {
    fn cmp(&self, other: &Self) -> Ordering {
        self.key().cmp(&other.key())
    }
}

/// How many children of each commit are still to come.
#[derive(Default)]
struct Waiting {
    /// Of those in the graph, by their places; none where it is not known to be on the way.
    places: Vec<Option<u32>>,
    /// Of the others.
    others: HashMap<CommitId, u32>,
}

impl Waiting {
    fn count(&mut self, spot: Spot) -> Option<&mut u32> {
        match spot.at {
            Some(at) => self.places.get_mut(at as usize)?.as_mut(),
            None => self.others.get_mut(&spot.id),
        }
    }

    /// Puts a commit on the way, no child of which is known yet.
    fn enter(&mut self, spot: Spot) {
        let Some(at) = spot.at.map(|at| at as usize) else {
            self.others.insert(spot.id, 0);
            return;
        };
        if self.places.len() <= at {
            self.places.resize(at + 1, None);
        }
        self.places[at] = Some(0);
    }
}

/// Where a walk goes from a commit.
struct Step {
    /// The parents that are followed, each once.
    follow: Spots,
    /// Whether the commit itself is shown.
    shown: bool,
}

impl<'r> CommitWalk<'r> {
    /// Begins a walk over `range` that believes nothing but commits.
    pub fn new(repo: &'r Repository, range: &Range) -> Self {
        Self::begin(repo, range, GraphUse::Never, None, Lines::All, None)
    }

    /// Begins a walk over `range` that asks the commit graph where that is quicker.
    pub fn by_graph(repo: &'r Repository, range: &Range) -> Self {
        Self::by_known_graph(repo, range, None)
    }

    /// The same, for a caller who may have read the graph before.
    pub fn by_known_graph(repo: &'r Repository, range: &Range, known: Option<CommitGraph>) -> Self {
        Self::begin(repo, range, GraphUse::WhereItHelps, None, Lines::All, known)
    }

    /// Begins a walk over `range` that asks the commit graph from the start, for a caller who goes
    /// past most commits ([`CommitWalk::next_if`]).
    pub fn over_graph(repo: &'r Repository, range: &Range) -> Self {
        Self::begin(repo, range, GraphUse::AtOnce, None, Lines::All, None)
    }

    /// Begins a walk over those commits of `range` that changed one of the paths, by the commit
    /// graph.
    pub fn of_paths(repo: &'r Repository, range: &Range, paths: &[RepoPath]) -> Self {
        let paths = PathChanges::new(paths);
        Self::begin(repo, range, GraphUse::WhereItHelps, Some(paths), Lines::Simplified, None)
    }

    /// The same, not simplified: what a merge left behind is shown as well.
    pub fn of_paths_on_all_lines(repo: &'r Repository, range: &Range, paths: &[RepoPath]) -> Self {
        let paths = PathChanges::new(paths);
        Self::begin(repo, range, GraphUse::WhereItHelps, Some(paths), Lines::All, None)
    }

    /// The same, without the graph: what it must find, slowly.
    pub fn of_paths_in_objects(repo: &'r Repository, range: &Range, paths: &[RepoPath]) -> Self {
        let paths = PathChanges::new(paths);
        Self::begin(repo, range, GraphUse::Never, Some(paths), Lines::Simplified, None)
    }

    fn begin(
        repo: &'r Repository,
        range: &Range,
        graph: GraphUse,
        paths: Option<PathChanges>,
        lines: Lines,
        known: Option<CommitGraph>,
    ) -> Self {
        let mut walk = Self {
            ancestry: Ancestry::of_objects(repo),
            known,
            graph,
            paths,
            range: range.clone(),
            hidden: HashSet::new(),
            ready: BinaryHeap::new(),
            waiting: None,
            steps: HashMap::new(),
            failed: Vec::new(),
            only: None,
            lines,
        };
        if graph == GraphUse::AtOnce || walk.paths.is_some() || !range.exclude.is_empty() {
            walk.load_graph();
        }
        walk.hidden = walk.ancestry.hidden(&range.include, &range.exclude);
        let starts: HashSet<CommitId> = range.include.iter().copied().collect();
        for id in starts {
            walk.offer(walk.ancestry.spot(id));
        }
        if walk.ready.len() > 1 {
            walk.count_children();
        }
        walk
    }

    fn load_graph(&mut self) {
        if matches!(self.graph, GraphUse::Never | GraphUse::Loaded) {
            return;
        }
        self.graph = GraphUse::Loaded;
        let Range { include, exclude } = &self.range;
        let starts = [&include[..], exclude].concat();
        self.ancestry = Ancestry::reaching(self.ancestry.repo(), self.known.take(), &starts);
    }

    fn offer(&mut self, spot: Spot) {
        if self.hidden.contains(&spot.id) {
            return;
        }
        match self.ancestry.facts(spot) {
            Ok(facts) => self.ready.push(Ready { time: facts.time, spot, facts }),
            Err(e) => self.failed.push(WalkError { id: spot.id, source: Box::new(e) }),
        }
    }

    /// Counts the children of everything that is still to come, and keeps those ready that have
    /// none.
    fn count_children(&mut self) {
        self.load_graph();
        let starts: Vec<Spot> =
            self.ready.drain().map(|ready| self.ancestry.spot(ready.spot.id)).collect();
        let mut waiting = Waiting::default();
        starts.iter().for_each(|spot| waiting.enter(*spot));
        let mut stack = starts.clone();
        while let Some(spot) = stack.pop() {
            // What cannot be read is told when its turn comes.
            let Ok(facts) = self.ancestry.facts(spot) else { continue };
            let Ok(step) = self.step(spot, &facts) else { continue };
            for parent in &step.follow {
                if waiting.count(*parent).is_none() {
                    waiting.enter(*parent);
                    stack.push(*parent);
                }
                if let Some(children) = waiting.count(*parent) {
                    *children += 1;
                }
            }
            if self.paths.is_some() {
                self.steps.insert(spot.id, step);
            }
        }
        for spot in starts {
            if waiting.count(spot) == Some(&mut 0) {
                self.offer(spot);
            }
        }
        self.waiting = Some(waiting);
    }

    /// Where the walk goes from a commit (git's `try_to_simplify_commit`).
    fn step(&mut self, spot: Spot, facts: &Facts) -> Result<Step, RepoError> {
        let parents = &facts.parents[..];
        let Some(paths) = &mut self.paths else {
            return Ok(Step { follow: self.visible(parents), shown: true });
        };
        if parents.is_empty() {
            let shown = paths.any_there(&self.ancestry, spot)?;
            return Ok(Step { follow: Spots::new(), shown });
        }
        // Parents outside of the range count only where all are: a merge of a side that is left
        // out is no change. One that the range names as its end counts as inside.
        let (mut any_inside, mut inside_differs, mut outside_differs) = (false, false, false);
        for (nth, parent) in parents.iter().enumerate() {
            let inside =
                !self.hidden.contains(&parent.id) || self.range.exclude.contains(&parent.id);
            any_inside |= inside;
            if !paths.is_same(&self.ancestry, spot, *parent, nth)? {
                *(if inside { &mut inside_differs } else { &mut outside_differs }) = true;
            } else if inside {
                let follow = match self.lines {
                    Lines::All => parents,
                    Lines::Simplified => &[*parent][..],
                };
                return Ok(Step { follow: self.visible(follow), shown: false });
            }
        }
        let shown = if any_inside { inside_differs } else { outside_differs };
        Ok(Step { follow: self.visible(parents), shown })
    }

    /// Those of the parents that the walk covers, each once.
    fn visible(&self, parents: &[Spot]) -> Spots {
        let mut parents = Spots::from_slice(parents);
        parents.sort_unstable_by_key(|parent| parent.id);
        parents.dedup();
        parents.retain(|parent| !self.hidden.contains(&parent.id));
        parents
    }

    fn release(&mut self, parents: Spots) {
        let Some(waiting) = &mut self.waiting else {
            parents.into_iter().for_each(|parent| self.offer(parent));
            if self.ready.len() > 1 {
                self.count_children();
            }
            return;
        };
        let mut free = Spots::new();
        for parent in parents {
            // One whose children are all out comes once.
            if let Some(children @ 1..) = waiting.count(parent) {
                *children -= 1;
                if *children == 0 {
                    free.push(parent);
                }
            }
        }
        free.into_iter().for_each(|parent| self.offer(parent));
    }
}

/// A commit that a walk came to.
#[derive(Clone, Debug)]
pub struct Walked {
    /// The commit.
    pub id: CommitId,
    /// Where the walk goes from it: parents, in the commit's order.
    pub follow: SmallVec<[CommitId; 2]>,
    /// Whether it has parents that the walk does not cover.
    pub leaves: bool,
    /// The commit, if the walk shows it.
    pub shown: Option<Box<StoredCommit>>,
}

impl CommitWalk<'_> {
    /// Shows only commits among these; where it goes stays the same.
    pub fn only(mut self, commits: HashSet<CommitId>) -> Self {
        self.only = Some(commits);
        self
    }

    /// Whether it goes past commits that it does not show.
    pub fn leaves_out(&self) -> bool {
        self.only.is_some() || self.paths.is_some()
    }

    /// The next commit, whether it is shown or not.
    pub fn next_walked(&mut self) -> Option<Result<Walked, WalkError>> {
        self.next_if(&mut |_, _| true)
    }

    /// The same; one that the commit graph knows and that `wanted` does not want is not shown, and
    /// need not be read.
    pub fn next_if(
        &mut self,
        wanted: &mut dyn FnMut(&CommitGraph, Position) -> bool,
    ) -> Option<Result<Walked, WalkError>> {
        if let Some(failed) = self.failed.pop() {
            return Some(Err(failed));
        }
        let Ready { spot, facts, .. } = self.ready.pop()?;
        let unreadable = |e| WalkError { id: spot.id, source: Box::new(e) };
        let counted = (!self.steps.is_empty()).then(|| self.steps.remove(&spot.id)).flatten();
        let step = match counted {
            Some(step) => step,
            None => match self.step(spot, &facts) {
                Ok(step) => step,
                Err(e) => return Some(Err(unreadable(e))),
            },
        };
        let mut follow: SmallVec<[CommitId; 2]> = SmallVec::new();
        for parent in &facts.parents {
            if step.follow.iter().any(|p| p.id == parent.id) && !follow.contains(&parent.id) {
                follow.push(parent.id);
            }
        }
        let leaves = facts.parents.iter().any(|parent| self.hidden.contains(&parent.id));
        self.release(step.follow);
        let shown = step.shown
            && self.only.as_ref().is_none_or(|only| only.contains(&spot.id))
            && spot.at.is_none_or(|at| wanted(self.ancestry.graph(), at));
        let shown = match (shown, facts.stored) {
            (false, _) => None,
            (true, Some(stored)) => Some(stored),
            (true, None) => match self.ancestry.repo().commit(spot.id) {
                Ok(stored) => Some(Box::new(stored)),
                Err(e) => return Some(Err(unreadable(e))),
            },
        };
        Some(Ok(Walked { id: spot.id, follow, leaves, shown }))
    }
}

impl Iterator for CommitWalk<'_> {
    type Item = Result<StoredCommit, WalkError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            match self.next_walked()? {
                Ok(Walked { shown: Some(stored), .. }) => return Some(Ok(*stored)),
                Ok(_) => {}
                Err(e) => return Some(Err(e)),
            }
        }
    }
}

/// Where refs and HEAD lead.
#[derive(Debug, Default)]
pub struct Tips {
    /// The commits, through tags; each once, in order of ids.
    pub commits: Vec<CommitId>,
    /// Refs whose target cannot be read, each with the reason.
    pub broken: Vec<(String, RepoError)>,
}

/// The commits that refs and HEAD name.
pub fn tips(repo: &Repository, refs: &Refs) -> Tips {
    let named = refs.refs.iter().map(|(name, id)| (name.to_string(), *id));
    let head = refs.head_object().map(|id| ("HEAD".to_owned(), id));
    let mut tips = Tips::default();
    for (name, id) in named.chain(head) {
        match target(repo, id) {
            Ok(Some(commit)) => tips.commits.push(commit),
            Ok(None) => {}
            Err(e) => tips.broken.push((name, e)),
        }
    }
    tips.commits.sort_unstable();
    tips.commits.dedup();
    tips
}

/// The commit that `id` is or, as a tag, names.
fn target(repo: &Repository, mut id: Id) -> Result<Option<CommitId>, RepoError> {
    let mut seen = HashSet::new();
    while let Lookup::Here(ObjectType::Tag) = repo.store().kind(id)? {
        if !seen.insert(id) {
            return Ok(None);
        }
        let tag = repo.tag(TagId::from_id(id))?.tag;
        match tag.target_type {
            ObjectType::Commit | ObjectType::Tag => id = tag.target,
            _ => return Ok(None),
        }
    }
    let id = CommitId::from_id(id);
    repo.commit(id)?;
    Ok(Some(id))
}
