//! What a commit changed, for its filter.

use std::collections::BTreeSet;

use crate::diff::diff_trees;
use crate::object::{Commit, NodeId, Schema};
use crate::repo::{RepoError, Repository};
use crate::system::{SystemMaps, changed_keys};

use super::filter::{MOST_PATHS, build, came_or_went, component_name, edge_name, with_folders};
use super::graph::Row;

/// What a commit holds: its directory tree, and the map of its system where it has one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct State {
    pub files: NodeId,
    pub system: Option<NodeId>,
}

impl State {
    /// Reads it out of the root map of a commit.
    pub fn of(repo: &Repository, commit: &Commit) -> Result<Self, RepoError> {
        let files = repo.files(commit)?;
        Ok(Self { files, system: SystemMaps::of_root(repo.store(), commit.root)?.id })
    }

    /// What a row says; `None` where its root map could not be read.
    pub fn of_row(row: &Row) -> Option<Self> {
        row.files.map(|files| Self { files, system: row.system })
    }
}

/// There are too many changes, or a map cannot be read: nothing is kept then.
struct Stop;

impl From<RepoError> for Stop {
    fn from(_: RepoError) -> Self {
        Self
    }
}

/// The filter of what turns the state `before` into `after`; empty where that is not known.
/// `before` is `None` for a commit without parents, and `Some(None)` where its parent's state is
/// not known.
pub fn changed_paths(
    repo: &Repository,
    before: Option<Option<State>>,
    after: Option<State>,
) -> Vec<u8> {
    let (before, after) = match (before, after) {
        (Some(None), _) | (_, None) => return Vec::new(),
        (before, Some(after)) => (before.flatten(), after),
    };
    let mut names = Names(BTreeSet::new());
    match names.of_files(repo, before, after).and_then(|()| names.of_system(repo, before, after)) {
        Ok(()) => build(names.0.iter().map(Vec::as_slice)),
        Err(Stop) => Vec::new(),
    }
}

/// What goes into a filter.
struct Names(BTreeSet<Vec<u8>>);

impl Names {
    fn add(&mut self, name: &[u8]) -> Result<(), Stop> {
        if !self.0.contains(name) {
            self.0.insert(name.to_vec());
        }
        if self.0.len() > MOST_PATHS { Err(Stop) } else { Ok(()) }
    }

    fn of_files(
        &mut self,
        repo: &Repository,
        before: Option<State>,
        after: State,
    ) -> Result<(), Stop> {
        let before = before.map(|state| state.files);
        diff_trees(repo.store(), before, Some(after.files), &mut |change| {
            with_folders(change.path.as_bytes()).try_for_each(|path| self.add(path))
        })
    }

    fn of_system(
        &mut self,
        repo: &Repository,
        before: Option<State>,
        after: State,
    ) -> Result<(), Stop> {
        let before = before.and_then(|state| state.system);
        if before == after.system {
            return Ok(());
        }
        let store = repo.store();
        let maps = |id: Option<NodeId>| match id {
            Some(id) => SystemMaps::open(store, id),
            None => Ok(SystemMaps::default()),
        };
        changed_keys(store, maps(before)?, maps(after.system)?, &mut |changed| {
            let name = match changed.schema {
                Schema::Edges => edge_name(changed.key),
                _ => component_name(changed.key),
            };
            self.add(&name)?;
            if !changed.in_both {
                self.add(&came_or_went(&name))?;
            }
            // What is there now under the former name of another is new itself.
            match changed.was {
                Some(was) => self.add(&came_or_went(&component_name(&was.encode()))),
                None => Ok(()),
            }
        })
    }
}
