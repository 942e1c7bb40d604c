//! Commits behind others, newest first.

use std::collections::{BinaryHeap, HashMap, HashSet};

use thiserror::Error;

use crate::log::Refs;
use crate::object::{CommitId, Id, ObjectType, TagId};
use crate::repo::{RepoError, Repository, StoredCommit};
use crate::store::Lookup;

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
/// algorithm), at about a hundred bytes a commit.
pub struct CommitWalk<'r> {
    repo: &'r Repository,
    hidden: HashSet<CommitId>,
    ready: BinaryHeap<(i64, CommitId)>,
    /// For each commit that is not out yet, how many of its children are still to come.
    waiting: Option<HashMap<CommitId, u32>>,
    failed: Vec<WalkError>,
}

impl<'r> CommitWalk<'r> {
    /// Begins a walk over `range`.
    pub fn new(repo: &'r Repository, range: &Range) -> Self {
        let mut walk = Self {
            repo,
            hidden: behind(repo, &range.exclude),
            ready: BinaryHeap::new(),
            waiting: None,
            failed: Vec::new(),
        };
        let starts: HashSet<CommitId> = range.include.iter().copied().collect();
        for id in starts {
            walk.offer(id);
        }
        if walk.ready.len() > 1 {
            walk.count_children();
        }
        walk
    }

    fn offer(&mut self, id: CommitId) {
        if self.hidden.contains(&id) {
            return;
        }
        match self.repo.commit(id) {
            Ok(stored) => self.ready.push((stored.commit.committed.micros, id)),
            Err(e) => self.failed.push(WalkError { id, source: Box::new(e) }),
        }
    }

    /// Counts the children of everything that is still to come, and keeps those ready that have
    /// none.
    fn count_children(&mut self) {
        let starts: Vec<CommitId> = self.ready.drain().map(|(_, id)| id).collect();
        let mut waiting: HashMap<CommitId, u32> = starts.iter().map(|id| (*id, 0)).collect();
        let mut stack = starts.clone();
        while let Some(id) = stack.pop() {
            // What cannot be read is told when its turn comes.
            let Ok(stored) = self.repo.commit(id) else { continue };
            for parent in self.parents(&stored) {
                match waiting.get_mut(&parent) {
                    Some(children) => *children += 1,
                    None => {
                        waiting.insert(parent, 1);
                        stack.push(parent);
                    }
                }
            }
        }
        for id in starts {
            if waiting[&id] == 0 {
                self.offer(id);
            }
        }
        self.waiting = Some(waiting);
    }

    /// The parents that the walk covers, each once.
    fn parents(&self, stored: &StoredCommit) -> Vec<CommitId> {
        let mut parents = stored.commit.parents.clone();
        parents.sort_unstable();
        parents.dedup();
        parents.retain(|id| !self.hidden.contains(id));
        parents
    }

    fn release(&mut self, parents: Vec<CommitId>) {
        let Some(waiting) = &mut self.waiting else {
            parents.into_iter().for_each(|id| self.offer(id));
            if self.ready.len() > 1 {
                self.count_children();
            }
            return;
        };
        let mut free = Vec::new();
        for id in parents {
            if let Some(children) = waiting.get_mut(&id) {
                *children = children.saturating_sub(1);
                if *children == 0 {
                    waiting.remove(&id);
                    free.push(id);
                }
            }
        }
        free.into_iter().for_each(|id| self.offer(id));
    }
}

impl Iterator for CommitWalk<'_> {
    type Item = Result<StoredCommit, WalkError>;

    fn next(&mut self) -> Option<Self::Item> {
        if let Some(failed) = self.failed.pop() {
            return Some(Err(failed));
        }
        let (_, id) = self.ready.pop()?;
        match self.repo.commit(id) {
            Ok(stored) => {
                let parents = self.parents(&stored);
                self.release(parents);
                Some(Ok(stored))
            }
            Err(e) => Some(Err(WalkError { id, source: Box::new(e) })),
        }
    }
}

/// All commits that are `starts` or behind them. What cannot be read ends its line.
fn behind(repo: &Repository, starts: &[CommitId]) -> HashSet<CommitId> {
    let mut seen: HashSet<CommitId> = starts.iter().copied().collect();
    let mut stack: Vec<CommitId> = starts.to_vec();
    while let Some(id) = stack.pop() {
        let Ok(stored) = repo.commit(id) else { continue };
        stack.extend(stored.commit.parents.into_iter().filter(|parent| seen.insert(*parent)));
    }
    seen
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
