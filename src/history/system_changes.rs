//! Which commits changed one component or one edge.

use std::collections::{BTreeSet, HashSet};

use crate::object::{CommitId, ComponentKey, EdgeKey};
use crate::repo::{RepoError, Repository, StoredCommit};
use crate::system::{ComponentChange, EdgeChange, SystemChanges, SystemMaps, changes_of};

use super::commit_graph::{Changed, PathKey};
use super::every::{Every, Known};
use super::when::{Named, Readings};

/// What of a system is followed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Subject {
    /// A component, under its former names as well.
    Component(ComponentKey),
    /// An edge.
    Edge(EdgeKey),
}

/// The commits that may have changed what is followed, under any name that a component had in one
/// of them: those that the commit graph does not know to have left it as their first parent has it.
/// Nothing else has to be visited by a [`SubjectWalk`]. Costs a look at each commit, and opens those
/// that changed it.
pub fn may_have_changed(repo: &Repository, every: &Every, subject: &Subject) -> HashSet<CommitId> {
    let mut keys = Vec::new();
    match subject {
        Subject::Edge(key) => keys.push(PathKey::of_edge(key)),
        Subject::Component(key) => {
            let mut names = BTreeSet::from([key.clone()]);
            let mut next = vec![key.clone()];
            while let Some(name) = next.pop() {
                keys.push(PathKey::of_component(&name));
                let readings = Readings::of(repo, every, &[Named::Component(name)]);
                let former = readings.components().filter_map(|component| component.was.clone());
                next.extend(former.filter(|was| names.insert(was.clone())));
            }
        }
    }
    let is_left = |commit: &&Known| {
        let Some(at) = commit.at else { return true };
        keys.iter().any(|key| every.graph().changed(at, key) != Changed::No)
    };
    every.commits.iter().filter(is_left).map(|commit| commit.id).collect()
}

/// Follows one component or edge through commits that are visited newest first.
pub struct SubjectWalk<'r> {
    repo: &'r Repository,
    subject: Subject,
}

impl<'r> SubjectWalk<'r> {
    /// Begins to follow.
    pub fn new(repo: &'r Repository, subject: Subject) -> Self {
        Self { repo, subject }
    }

    /// What is followed now.
    pub fn subject(&self) -> &Subject {
        &self.subject
    }

    /// What the commit did to it, as against its first parent; `None` where it is as one of the
    /// parents has it. Where a component got its name here, its former one is followed from now on.
    ///
    /// # Errors
    /// When the system of the commit or of a parent cannot be read.
    pub fn visit(&mut self, stored: &StoredCommit) -> Result<Option<SystemChanges>, RepoError> {
        let store = self.repo.store();
        let now = SystemMaps::of_root(store, stored.commit.root)?;
        let mut before = Vec::new();
        for parent in &stored.commit.parents {
            let root = self.repo.commit(*parent)?.commit.root;
            let parent = SystemMaps::of_root(store, root)?;
            if parent.id == now.id || self.is_same(parent, now)? {
                return Ok(None);
            }
            before.push(parent);
        }
        let first = before.first().copied().unwrap_or_default();
        let mut changes = changes_of(store, first, now)?;
        match &self.subject {
            Subject::Component(key) => {
                let of = |change: &ComponentChange| {
                    change.key == *key || change.renamed_from.as_ref() == Some(key)
                };
                changes.components.retain(of);
                changes.edges.clear();
            }
            Subject::Edge(key) => {
                let of = |change: &EdgeChange| change.key == *key;
                changes.components.clear();
                changes.edges.retain(of);
            }
        }
        if let Subject::Component(key) = &self.subject {
            let named = changes.components.iter().find(|change| change.key == *key);
            if let Some(was) = named.and_then(|change| change.renamed_from.clone()) {
                self.subject = Subject::Component(was);
            }
        }
        Ok((!changes.is_empty()).then_some(changes))
    }

    fn is_same(&self, before: SystemMaps, now: SystemMaps) -> Result<bool, RepoError> {
        let store = self.repo.store();
        Ok(match &self.subject {
            Subject::Component(key) => {
                before.components == now.components
                    || before.component(store, key)? == now.component(store, key)?
            }
            Subject::Edge(key) => {
                before.edges == now.edges || before.edge(store, key)? == now.edge(store, key)?
            }
        })
    }
}
