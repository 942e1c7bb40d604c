//! Which commits changed one component or one edge.

use crate::object::{ComponentKey, EdgeKey, NodeId};
use crate::repo::{RepoError, Repository, StoredCommit};
use crate::system::{ComponentChange, EdgeChange, SystemChanges, SystemMaps, changes_of};

use super::commit_graph::{Changed, CommitGraph, Position, SystemKey};

/// What of a system is followed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Subject {
    /// A component, under its former names as well.
    Component(ComponentKey),
    /// An edge.
    Edge(EdgeKey),
}

impl Subject {
    fn graph_key(&self) -> SystemKey {
        match self {
            Self::Component(key) => SystemKey::of_component(key),
            Self::Edge(key) => SystemKey::of_edge(key),
        }
    }
}

/// What the commit graph knows of a commit and what is followed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Touched {
    /// It has it as its first parent has it: [`SubjectWalk::visit`] finds no change.
    No,
    /// It has no other parent, and changed it; it was there before and is there still:
    /// [`SubjectWalk::visit`] finds that change and goes on to follow the same. The maps of both
    /// systems are told.
    Changed {
        /// That of the parent.
        before: NodeId,
        /// Its own.
        after: NodeId,
    },
    /// Only a visit tells.
    Unknown,
}

/// Follows one component or edge through commits that are visited newest first.
pub struct SubjectWalk<'r> {
    repo: &'r Repository,
    subject: Subject,
    /// What the commit graph knows the subject by.
    key: SystemKey,
}

impl<'r> SubjectWalk<'r> {
    /// Begins to follow.
    pub fn new(repo: &'r Repository, subject: Subject) -> Self {
        let key = subject.graph_key();
        Self { repo, subject, key }
    }

    /// What the commit graph knows of the commit at this place.
    pub fn touched(&self, graph: &CommitGraph, at: Position) -> Touched {
        match graph.changed(at, &self.key.changed) {
            Changed::No => return Touched::No,
            Changed::Unknown => return Touched::Unknown,
            Changed::Yes => {}
        }
        let system = |at: Position| graph.row(at).system;
        let [parent] = *graph.parents(at) else { return Touched::Unknown };
        match (graph.changed(at, &self.key.came_or_went), system(parent), system(at)) {
            (Changed::No, Some(before), Some(after)) => Touched::Changed { before, after },
            _ => Touched::Unknown,
        }
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
                self.key = self.subject.graph_key();
            }
        }
        Ok((!changes.is_empty()).then_some(changes))
    }

    /// The change from one system to the other, by the ids of their maps, if what is followed is in
    /// both and differs.
    ///
    /// # Errors
    /// When one of them cannot be read.
    pub fn change(
        &self,
        before: NodeId,
        after: NodeId,
    ) -> Result<Option<SystemChanges>, RepoError> {
        let store = self.repo.store();
        let (before, after) = (SystemMaps::open(store, before)?, SystemMaps::open(store, after)?);
        let mut changes = SystemChanges::default();
        match &self.subject {
            Subject::Component(key) => {
                let (before, after) = (before.component(store, key)?, after.component(store, key)?);
                let differs = before.is_some() && after.is_some() && before != after;
                let (key, renamed_from) = (key.clone(), None);
                let change = ComponentChange { key, renamed_from, before, after };
                changes.components.extend(differs.then_some(change));
            }
            Subject::Edge(key) => {
                let (before, after) = (before.edge(store, key)?, after.edge(store, key)?);
                let differs = before.is_some() && after.is_some() && before != after;
                let change = EdgeChange { key: key.clone(), before, after };
                changes.edges.extend(differs.then_some(change));
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
