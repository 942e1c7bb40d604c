//! The history of one file under all the names that it had.

use std::collections::{BinaryHeap, HashMap, HashSet};

use crate::object::{CommitId, RepoPath};
use crate::repo::{RepoError, Repository};

use super::ancestry::{Ancestry, Spot};
use super::blame::{FileState, FileVersions};
use super::revision::Range;

/// The commits that changed a file, under whatever name it had there.
#[derive(Debug, Default)]
pub struct Followed {
    /// The commits, each with the paths that the file had in it.
    pub commits: HashMap<CommitId, Vec<RepoPath>>,
}

/// What is followed into a commit: the file as its child has it, or that it is not there.
#[derive(Clone, PartialEq, Eq)]
struct Version {
    path: RepoPath,
    state: Option<FileState>,
}

/// Finds the commits of `range` that changed the file at `path`, through renames: where a commit
/// has a file at a path at which a parent has none, the file is looked for under the path that
/// `diff` would name as its former one.
///
/// As in the history of a path, where a merge has what one of its parents has, only that parent is
/// followed, and a merge counts only if it differs from all. Unlike git's `--follow`, each line of
/// history has the name that the file has there.
///
/// # Errors
/// When a commit or its tree cannot be read.
pub fn follow(repo: &Repository, range: &Range, path: &RepoPath) -> Result<Followed, RepoError> {
    let starts = [&range.include[..], &range.exclude].concat();
    let ancestry = Ancestry::load_reaching(repo, &starts);
    let hidden = ancestry.hidden(&range.include, &range.exclude);
    let mut walk = Walk {
        ancestry: &ancestry,
        versions: FileVersions::new(repo),
        queue: BinaryHeap::new(),
        waiting: HashMap::new(),
        hidden,
    };
    for id in &range.include {
        let spot = ancestry.spot(*id);
        let state = FileState::find(repo, ancestry.files(spot)?, path)?;
        walk.add(spot, Version { path: path.clone(), state });
    }
    let mut found = Followed::default();
    while let Some((.., id)) = walk.queue.pop() {
        for version in walk.waiting.remove(&id).unwrap_or_default() {
            if walk.visit(ancestry.spot(id), &version)? {
                found.commits.entry(id).or_default().push(version.path);
            }
        }
    }
    Ok(found)
}

struct Walk<'a, 'r> {
    ancestry: &'a Ancestry<'r>,
    versions: FileVersions<'r>,
    /// What the graph does not know comes first, then the greatest generation.
    queue: BinaryHeap<(bool, u32, CommitId)>,
    waiting: HashMap<CommitId, Vec<Version>>,
    hidden: HashSet<CommitId>,
}

impl Walk<'_, '_> {
    fn add(&mut self, spot: Spot, version: Version) {
        if self.hidden.contains(&spot.id) {
            return;
        }
        let waiting = self.waiting.entry(spot.id).or_insert_with(|| {
            let generation = spot.at.map_or(0, |at| self.ancestry.graph().row(at).generation);
            self.queue.push((spot.at.is_none(), generation, spot.id));
            Vec::new()
        });
        if !waiting.contains(&version) {
            waiting.push(version);
        }
    }

    /// Goes on to the parents; whether the commit changed the file.
    fn visit(&mut self, spot: Spot, version: &Version) -> Result<bool, RepoError> {
        let parents = self.ancestry.facts(spot)?.parents;
        let mut found = Vec::new();
        for (nth, parent) in parents.into_iter().enumerate() {
            let before = match &version.state {
                Some(state) => self.versions.parent(self.ancestry, (spot, state), parent, nth)?,
                None => {
                    let files = self.ancestry.files(parent)?;
                    FileState::find(self.ancestry.repo(), files, &version.path)?
                }
            };
            let before = Version { path: version.path.clone(), state: before };
            if before.state == version.state {
                self.add(parent, before);
                return Ok(false);
            }
            found.push((parent, before));
        }
        let is_root = found.is_empty();
        for (parent, before) in found {
            let former = match (&before.state, &version.state) {
                (None, Some(state)) => {
                    self.versions.renamed(self.ancestry, (spot, state), parent)?
                }
                _ => None,
            };
            let before = match former {
                Some(state) => Version { path: state.path.clone(), state: Some(state) },
                None => before,
            };
            self.add(parent, before);
        }
        Ok(!is_root || version.state.is_some())
    }
}
