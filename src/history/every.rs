//! Every commit that this clone's log ever named, and all that lie behind those.
//!
//! A branch that was moved by force, or deleted, leaves the refs and stays in the log. So whoever
//! looks for when something came in walks what is found here, and nothing is hidden by moving a
//! ref. Costs one look at each log entry and, by the commit graph, a few dozen nanoseconds for each
//! commit.

use std::collections::hash_map::Entry;
use std::collections::{BTreeSet, BinaryHeap, HashMap, HashSet};

use thiserror::Error;

use crate::log::{LogError, Refs};
use crate::object::{CommitId, Id, LogEntry, NodeId, ObjectType, RefTarget, TagId};
use crate::repo::{RepoError, Repository};
use crate::store::Lookup;

use super::ancestry::{Ancestry, Spot};
use super::commit_graph::{CommitGraph, Position, Saved};

/// Commits, no one behind one of its parents.
pub struct Every {
    /// Children before parents; among those that are free to come next, the newest by its own clock
    /// first, then the one with the greatest id.
    pub commits: Vec<Known>,
    /// What could not be read. A commit among it is in `commits` too, as [`Holds::Unreadable`].
    pub unread: Vec<Unread>,
    graph: CommitGraph,
}

/// A commit, as far as it is known.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Known {
    /// The commit.
    pub id: CommitId,
    /// Its parents, by their places in [`Every::commits`], in the commit's order.
    pub parents: Vec<usize>,
    /// When it was made by its own clock, in microseconds since the epoch; 0 where it cannot be
    /// read.
    pub time: i64,
    /// Its directory tree, where that is known without reading the commit.
    pub files: Option<NodeId>,
    /// The map of its system; `None` where it has none or `files` is not known.
    pub system: Option<NodeId>,
    /// Its place in [`Every::graph`], which answers for it then.
    pub at: Option<Position>,
    /// Whether HEAD or a ref leads to it now.
    pub reachable: bool,
    /// What there is of it.
    pub holds: Holds,
}

/// What there is of a commit.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Holds {
    /// What it states, and its content.
    State,
    /// What it states; its content was collected, so nobody knows it here.
    Statement,
    /// Nothing: it cannot be read, and what lies behind it stays unseen.
    Unreadable,
}

/// What could not be read, so that something may be missing.
#[derive(Debug, Error)]
pub enum Unread {
    /// A commit.
    #[error("commit {id} cannot be read; what lies behind it stays unseen")]
    Commit {
        /// The commit.
        id: CommitId,
        /// Why.
        #[source]
        source: Box<RepoError>,
    },
    /// An object that the log or a ref names: a commit, or a tag on the way to one.
    #[error("{by} names {id}, which cannot be read")]
    Named {
        /// The object.
        id: Id,
        /// Which entry or ref names it.
        by: String,
        /// Why.
        #[source]
        source: Box<RepoError>,
    },
    /// The log, from some entry back.
    #[error("the log cannot be read before its entry {after}")]
    Log {
        /// The oldest entry that could be read; one more than the last where none could.
        after: u64,
        /// Why.
        #[source]
        source: Box<LogError>,
    },
}

impl Every {
    /// Finds all commits that an entry of the log names, through any tags, as the old or the new value of a ref or as
    /// what it brings into force, that HEAD or a ref names, and that lie behind one of these.
    ///
    /// # Errors
    /// When the refs, the list of collected commits or the store cannot be read at all. What else
    /// cannot be read is told in [`Every::unread`].
    pub fn load(repo: &Repository) -> Result<Self, RepoError> {
        Self::named_by_log(Search::new(repo, Graph::Asked))
    }

    /// The same, without the commit graph: what [`Every::load`] must find, slowly.
    ///
    /// # Errors
    /// As [`Every::load`].
    pub fn load_in_objects(repo: &Repository) -> Result<Self, RepoError> {
        Self::named_by_log(Search::new(repo, Graph::LeftOut))
    }

    fn named_by_log(mut search: Search<'_>) -> Result<Self, RepoError> {
        let log = search.repo.log()?;
        let heads = search.refs(log.refs())?;
        let mut oldest = log.refs().last.sequence + 1;
        let entries = log.newest_first();
        let broken = match entries {
            Err(source) => Some(source),
            Ok(entries) => {
                let mut broken = None;
                for entry in entries {
                    match entry {
                        Ok((_, entry)) => {
                            oldest = entry.sequence;
                            search.entry(&entry)?;
                        }
                        Err(source) => broken = Some(source),
                    }
                }
                broken
            }
        };
        search
            .unread
            .extend(broken.map(|source| Unread::Log { after: oldest, source: Box::new(source) }));
        search.finish(&heads)
    }

    /// Finds the commits that `starts` are, and all that lie behind them.
    ///
    /// # Errors
    /// As [`Every::load`].
    pub fn behind(repo: &Repository, starts: &[CommitId]) -> Result<Self, RepoError> {
        Self::named(Search::new(repo, Graph::Asked), starts)
    }

    /// The same, without the commit graph.
    ///
    /// # Errors
    /// As [`Every::load`].
    pub fn behind_in_objects(repo: &Repository, starts: &[CommitId]) -> Result<Self, RepoError> {
        Self::named(Search::new(repo, Graph::LeftOut), starts)
    }

    fn named(mut search: Search<'_>, starts: &[CommitId]) -> Result<Self, RepoError> {
        let heads = search.refs(search.repo.log()?.refs())?;
        search.starts.extend(starts);
        let every = search.finish(&heads)?;
        let wanted: HashSet<&CommitId> = starts.iter().collect();
        let is_start = |at: &usize| every.commits.get(*at).is_some_and(|k| wanted.contains(&k.id));
        let reached = every.reached((0..every.commits.len()).filter(is_start));
        Ok(every.only_those(&reached))
    }

    /// Those that are marked, whose parents must be too, with what was not read of them.
    fn only_those(self, marked: &[bool]) -> Self {
        let mut places = Vec::with_capacity(marked.len());
        let mut next = 0;
        for marked in marked {
            places.push(next);
            next += usize::from(*marked);
        }
        let kept = self.commits.into_iter().zip(marked).filter(|(_, marked)| **marked);
        let kept = kept.map(|(mut known, _)| {
            known.parents.iter_mut().for_each(|parent| *parent = places[*parent]);
            known
        });
        let commits: Vec<Known> = kept.collect();
        let ids: HashSet<Id> = commits.iter().map(|known| known.id.id()).collect();
        let mut unread = self.unread;
        unread.retain(|unread| match unread {
            Unread::Commit { id, .. } => ids.contains(&id.id()),
            Unread::Named { id, .. } => ids.contains(id),
            Unread::Log { .. } => true,
        });
        Self { commits, unread, graph: self.graph }
    }

    /// Takes these commits alone, without what lies behind them: each stands without parents, and
    /// counts as one that a ref leads to, since nobody looks.
    ///
    /// # Errors
    /// As [`Every::load`].
    pub fn only(repo: &Repository, ids: &[CommitId]) -> Result<Self, RepoError> {
        let collected = repo.expired()?;
        let ids: BTreeSet<CommitId> = ids.iter().copied().collect();
        let mut found = Vec::new();
        let mut unread = Vec::new();
        for id in ids {
            let (time, holds) = match repo.commit(id) {
                Ok(stored) => {
                    let collected = collected.contains(&id.id());
                    let holds = if collected { Holds::Statement } else { Holds::State };
                    (stored.commit.committed.micros, holds)
                }
                Err(source) => {
                    unread.push(Unread::Commit { id, source: Box::new(source) });
                    (0, Holds::Unreadable)
                }
            };
            let (files, system, at) = (None, None, None);
            let reachable = true;
            found.push(Known {
                id,
                parents: Vec::new(),
                time,
                files,
                system,
                at,
                reachable,
                holds,
            });
        }
        Ok(Self { commits: in_order(found), unread, graph: CommitGraph::default() })
    }

    /// The commit graph, which knows all of these that can be read and whose ancestors all can.
    pub fn graph(&self) -> &CommitGraph {
        &self.graph
    }

    /// For each commit, whether one of `starts`, by their places, is or leads to it.
    pub fn reached(&self, starts: impl IntoIterator<Item = usize>) -> Vec<bool> {
        let mut reached = vec![false; self.commits.len()];
        for start in starts {
            if let Some(mark) = reached.get_mut(start) {
                *mark = true;
            }
        }
        for (at, commit) in self.commits.iter().enumerate() {
            if reached[at] {
                commit.parents.iter().for_each(|parent| reached[*parent] = true);
            }
        }
        reached
    }
}

/// Whether the commit graph is asked.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Graph {
    Asked,
    LeftOut,
}

/// What was found so far.
struct Search<'r> {
    repo: &'r Repository,
    /// The commit graph, if it is asked.
    saved: Option<Saved>,
    starts: BTreeSet<CommitId>,
    /// What was looked up.
    named: HashMap<Id, Option<CommitId>>,
    unread: Vec<Unread>,
}

impl<'r> Search<'r> {
    fn new(repo: &'r Repository, graph: Graph) -> Self {
        let saved = match graph {
            Graph::Asked => Some(Saved::load(repo)),
            Graph::LeftOut => None,
        };
        let (starts, named) = (BTreeSet::new(), HashMap::new());
        Self { repo, saved, starts, named, unread: Vec::new() }
    }

    /// Takes in what HEAD and the refs name; gives the commits.
    fn refs(&mut self, refs: &Refs) -> Result<HashSet<CommitId>, RepoError> {
        let named = refs.refs.iter().map(|(name, id)| (name.to_string(), *id));
        let head = refs.head_object().map(|id| ("HEAD".to_owned(), id));
        let named: Vec<_> = named.chain(head).collect();
        let mut heads = HashSet::new();
        for (name, id) in named {
            heads.extend(self.name(id, &|| name.clone())?);
        }
        Ok(heads)
    }

    /// Takes in what an entry of the log names.
    fn entry(&mut self, entry: &LogEntry) -> Result<(), RepoError> {
        let object = |target: &Option<RefTarget>| match target {
            Some(RefTarget::Object(id)) => Some(*id),
            _ => None,
        };
        let changes = entry.changes.iter().flat_map(|change| [&change.old, &change.new]);
        let by = || format!("log entry {}", entry.sequence);
        for id in changes.filter_map(object) {
            self.name(id, &by)?;
        }
        // What an entry brings into force may be anything; only commits count.
        for id in &entry.payload {
            if let Lookup::Here(ObjectType::Commit | ObjectType::Tag) =
                self.repo.store().kind(*id)?
            {
                self.name(*id, &by)?;
            }
        }
        Ok(())
    }

    /// Takes in the commit that `id` is or, as a tag, names.
    fn name(&mut self, id: Id, by: &dyn Fn() -> String) -> Result<Option<CommitId>, RepoError> {
        if let Some(known) = self.named.get(&id) {
            return Ok(*known);
        }
        let graph = self.saved.as_ref().map(|saved| &saved.graph);
        let commit = match graph.and_then(|graph| graph.find(CommitId::from_id(id))) {
            Some(_) => Some(CommitId::from_id(id)),
            None => self.follow(id, by)?,
        };
        self.starts.extend(commit);
        self.named.insert(id, commit);
        Ok(commit)
    }

    fn follow(&mut self, id: Id, by: &dyn Fn() -> String) -> Result<Option<CommitId>, RepoError> {
        let (mut at, mut seen) = (id, HashSet::new());
        while seen.insert(at) {
            match self.repo.store().kind(at)? {
                Lookup::Here(ObjectType::Tag) => match self.repo.tag(TagId::from_id(at)) {
                    Ok(stored) => match stored.tag.target_type {
                        ObjectType::Commit | ObjectType::Tag => at = stored.tag.target,
                        _ => return Ok(None),
                    },
                    Err(source) => {
                        let source = Box::new(source);
                        self.unread.push(Unread::Named { id: at, by: by(), source });
                        return Ok(None);
                    }
                },
                Lookup::Here(ObjectType::Commit) => return Ok(Some(CommitId::from_id(at))),
                Lookup::Here(_) => return Ok(None),
                // Nobody can say what it is; so it counts as a commit that cannot be read.
                Lookup::Absent(_) => {
                    let id = CommitId::from_id(at);
                    if let Err(source) = self.repo.commit(id) {
                        let source = Box::new(source);
                        self.unread.push(Unread::Named { id: at, by: by(), source });
                    }
                    return Ok(Some(id));
                }
            }
        }
        Ok(None)
    }

    fn finish(mut self, heads: &HashSet<CommitId>) -> Result<Every, RepoError> {
        let collected = self.repo.expired()?;
        let starts: Vec<CommitId> = self.starts.iter().copied().collect();
        if let Some(saved) = &mut self.saved {
            saved.extend(self.repo, &starts);
        }
        let graph = self.saved.map(|saved| saved.graph).unwrap_or_default();
        let told = self.unread.iter().filter_map(|unread| match unread {
            Unread::Named { id, .. } => Some(*id),
            _ => None,
        });
        let mut told: HashSet<Id> = told.collect();
        let ancestry = Ancestry::with(self.repo, graph);
        let mut found: Vec<Known> = Vec::new();
        let mut places: HashMap<CommitId, usize> = HashMap::new();
        let mut stack: Vec<(Spot, usize)> = Vec::new();
        // Parents keep their places while they wait to be read.
        let mut place =
            |spot: Spot, found: &mut Vec<Known>, stack: &mut Vec<(Spot, usize)>| match places
                .entry(spot.id)
            {
                Entry::Occupied(known) => *known.get(),
                Entry::Vacant(new) => {
                    let at = *new.insert(found.len());
                    found.push(Known {
                        id: spot.id,
                        parents: Vec::new(),
                        time: 0,
                        files: None,
                        system: None,
                        at: spot.at,
                        reachable: heads.contains(&spot.id),
                        holds: Holds::Unreadable,
                    });
                    stack.push((spot, at));
                    at
                }
            };
        for start in starts {
            place(ancestry.spot(start), &mut found, &mut stack);
        }
        while let Some((spot, at)) = stack.pop() {
            match ancestry.facts(spot) {
                Ok(facts) => {
                    let parents = facts.parents.into_iter();
                    let parents =
                        parents.map(|parent| place(parent, &mut found, &mut stack)).collect();
                    let known = &mut found[at];
                    (known.parents, known.time) = (parents, facts.time);
                    let row = spot.at.map(|at| ancestry.graph().row(at));
                    known.files = row.and_then(|row| row.files);
                    known.system = row.and_then(|row| row.system);
                    known.holds = match collected.contains(&spot.id.id()) {
                        true => Holds::Statement,
                        false => Holds::State,
                    };
                }
                Err(source) if told.insert(spot.id.id()) => {
                    let source = Box::new(source);
                    self.unread.push(Unread::Commit { id: spot.id, source });
                }
                Err(_) => {}
            }
        }
        let mut commits = in_order(found);
        for at in 0..commits.len() {
            if commits[at].reachable {
                for nth in 0..commits[at].parents.len() {
                    let parent = commits[at].parents[nth];
                    commits[parent].reachable = true;
                }
            }
        }
        Ok(Every { commits, unread: self.unread, graph: ancestry.into_graph() })
    }
}

/// Children before parents (Kahn's algorithm).
fn in_order(found: Vec<Known>) -> Vec<Known> {
    let mut children = vec![0usize; found.len()];
    for commit in &found {
        commit.parents.iter().for_each(|parent| children[*parent] += 1);
    }
    let key = |at: usize| (found[at].time, found[at].id, at);
    let mut ready: BinaryHeap<_> =
        (0..found.len()).filter(|at| children[*at] == 0).map(key).collect();
    let mut order = Vec::with_capacity(found.len());
    while let Some((_, _, at)) = ready.pop() {
        order.push(at);
        for parent in &found[at].parents {
            children[*parent] -= 1;
            if children[*parent] == 0 {
                ready.push(key(*parent));
            }
        }
    }
    let mut places = vec![0; found.len()];
    for (to, at) in order.iter().enumerate() {
        places[*at] = to;
    }
    let mut moved: Vec<Option<Known>> = found.into_iter().map(Some).collect();
    let mut out = Vec::with_capacity(order.len());
    for at in order {
        if let Some(mut known) = moved[at].take() {
            known.parents.iter_mut().for_each(|parent| *parent = places[*parent]);
            out.push(known);
        }
    }
    out
}
