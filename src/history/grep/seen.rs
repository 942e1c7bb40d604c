//! Which contents lie where in the commits that are looked through.

use std::collections::{BTreeMap, HashMap};

use crate::diff::diff_trees;
use crate::object::{BlobId, EntryKind, NodeId, RepoPath, TreeEntry};
use crate::repo::{RepoError, Repository};

use super::super::commit_graph::{Changed, PathKey};
use super::super::every::{Every, Holds, Known};
use super::super::when::state_of;
use super::{GrepScope, Span};

/// A path that has another content than in the commit that this one is compared with.
pub struct Event {
    /// The commit, by its place.
    pub commit: usize,
    /// The path, by its number.
    pub path: u32,
    /// What was there.
    pub before: Option<BlobId>,
    /// What is there.
    pub after: Option<BlobId>,
}

/// All that differs along the commits.
pub struct Seen<'e> {
    every: &'e Every,
    paths: Vec<RepoPath>,
    /// What differs, parents before children.
    pub events: Vec<Event>,
    /// The commits that were read, parents before children, each with the one that it was compared
    /// with.
    order: Vec<(usize, Option<usize>)>,
    /// Commits that could not be read, by their places.
    pub unread: Vec<usize>,
}

impl<'e> Seen<'e> {
    /// Compares the commits that are `selected`, each with its first parent where that is among
    /// them, else with another of them.
    pub fn of(
        repo: &Repository,
        every: &'e Every,
        selected: &[bool],
        scope: &GrepScope,
    ) -> Result<Self, RepoError> {
        let mut seen = Self {
            every,
            paths: Vec::new(),
            events: Vec::new(),
            order: Vec::new(),
            unread: Vec::new(),
        };
        let keys: Vec<PathKey> = scope.roots.iter().map(PathKey::of).collect();
        let mut numbers: HashMap<RepoPath, u32> = HashMap::new();
        let mut trees: HashMap<usize, NodeId> = HashMap::new();
        let mut last = None;
        for (at, commit) in every.commits.iter().enumerate().rev() {
            if selected.get(at) != Some(&true) {
                continue;
            }
            let tree = match commit.holds {
                Holds::State => state_of(repo, commit).map(|(files, _)| files).ok(),
                _ => None,
            };
            let Some(tree) = tree else {
                seen.unread.push(at);
                continue;
            };
            let first = commit.parents.first().copied();
            let base = commit.parents.iter().copied().find(|parent| trees.contains_key(parent));
            let base = base.or(last);
            let from = base.and_then(|base| trees.get(&base).copied());
            let unchanged = base == first && from.is_some() && is_unchanged(every, commit, &keys);
            let start = seen.events.len();
            if !unchanged && let Err(_) = seen.compare(repo, at, from, tree, scope, &mut numbers) {
                // Damaged below: what was found of it so far would be half of it.
                seen.events.truncate(start);
                seen.unread.push(at);
                continue;
            }
            seen.order.push((at, base));
            trees.insert(at, tree);
            last = Some(at);
        }
        seen.unread.sort_unstable();
        Ok(seen)
    }

    fn compare(
        &mut self,
        repo: &Repository,
        commit: usize,
        before: Option<NodeId>,
        after: NodeId,
        scope: &GrepScope,
        numbers: &mut HashMap<RepoPath, u32>,
    ) -> Result<(), RepoError> {
        for root in &scope.roots {
            let (old, new) = (repo.entry_in(before, root)?, repo.entry_at(after, root)?);
            if old == new {
                continue;
            }
            let mut add = |path: RepoPath, before: Option<BlobId>, after: Option<BlobId>| {
                if before == after || !scope.takes(&path) {
                    return;
                }
                let next = self.paths.len() as u32;
                let path = *numbers.entry(path).or_insert_with_key(|path| {
                    self.paths.push(path.clone());
                    next
                });
                self.events.push(Event { commit, path, before, after });
            };
            if !root.is_root() {
                add(root.clone(), old.and_then(content), new.and_then(content));
            }
            let folder = |entry: Option<TreeEntry>| entry.and_then(|entry| entry.root());
            diff_trees::<_, RepoError>(repo.store(), folder(old), folder(new), &mut |change| {
                let path = match root.is_root() {
                    true => change.path,
                    false => inside(root, &change.path),
                };
                add(path, change.before.and_then(content), change.after.and_then(content));
                Ok(())
            })?;
        }
        Ok(())
    }

    /// The path of this number.
    pub fn path(&self, number: u32) -> &RepoPath {
        &self.paths[number as usize]
    }

    /// By path, and in its order: the contents that `wanted` says count, and in which commits they
    /// lie there. Costs a look at each commit for each path that has one.
    pub fn spans(
        &self,
        wanted: &dyn Fn(BlobId) -> bool,
    ) -> BTreeMap<RepoPath, BTreeMap<usize, (BlobId, Span)>> {
        let mut by_path: HashMap<u32, Vec<&Event>> = HashMap::new();
        for event in &self.events {
            by_path.entry(event.path).or_default().push(event);
        }
        by_path.retain(|_, events| events.iter().any(|event| event.after.is_some_and(&wanted)));
        let mut out = BTreeMap::new();
        let mut state: Vec<u32> = vec![0; self.every.commits.len()];
        for (path, events) in by_path {
            // 0 is none; others are places in this list, from 1.
            let mut blobs: Vec<(BlobId, Option<Span>)> = Vec::new();
            let mut places: HashMap<BlobId, u32> = HashMap::new();
            let mut events = events.into_iter().peekable();
            for (at, base) in &self.order {
                let mut here = base.map_or(0, |base| state[base]);
                // Events are in the same order.
                while let Some(event) = events.next_if(|event| event.commit == *at) {
                    here = match event.after.filter(|blob| wanted(*blob)) {
                        None => 0,
                        Some(blob) => *places.entry(blob).or_insert_with(|| {
                            blobs.push((blob, None));
                            blobs.len() as u32
                        }),
                    };
                }
                state[*at] = here;
                let Some((_, span)) = here.checked_sub(1).and_then(|n| blobs.get_mut(n as usize))
                else {
                    continue;
                };
                let reachable = self.every.commits.get(*at).is_some_and(|known| known.reachable);
                let own = Span { first: *at, last: *at, reachable };
                *span = Some(span.map_or(own, |span| span.with(own)));
            }
            // The newest first.
            let mut spans: Vec<(BlobId, Span)> =
                blobs.into_iter().filter_map(|(blob, span)| Some((blob, span?))).collect();
            spans.sort_by_key(|(_, span)| span.last);
            out.insert(self.path(path).clone(), spans.into_iter().enumerate().collect());
        }
        out
    }
}

/// Whether the graph knows that the commit changed none of it against its first parent.
fn is_unchanged(every: &Every, commit: &Known, keys: &[PathKey]) -> bool {
    let graph = every.graph();
    let changed = |key: &PathKey| commit.at.map(|at| graph.changed(at, key));
    keys.iter().all(|key| changed(key) == Some(Changed::No))
}

/// What a file holds; folders and symbolic links hold no content.
fn content(entry: TreeEntry) -> Option<BlobId> {
    match entry.kind() {
        EntryKind::File | EntryKind::Executable => entry.blob(),
        _ => None,
    }
}

fn inside(root: &RepoPath, path: &RepoPath) -> RepoPath {
    let mut at = root.clone();
    for name in path.components() {
        // Names of a tree that was read are names.
        if let Ok(next) = at.join(name) {
            at = next;
        }
    }
    at
}
