//! Everything that ever happened to one record, component or edge, in all commits that are known.

use crate::history::commit_graph::{Changed, PathKey};
use crate::history::every::{Every, Holds};
use crate::history::system_changes::Subject;
use crate::object::{CommitId, RepoPath};
use crate::repo::Repository;
use crate::view::{Key, Value};

use super::error::{BlameError, Unread};
use super::facets::{FacetLookup, FacetState};
use super::files::FileState;
use super::rows::{RecordLookup, RecordName};

/// What is looked at.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Thing {
    /// A record, under the first of these keys that a version has.
    Record {
        /// Where its content lies.
        path: RepoPath,
        /// The table.
        table: String,
        /// The keys: words do not tell numbers from texts.
        keys: Vec<Key>,
    },
    /// A component or an edge.
    System(Subject),
}

/// What a commit did to the thing.
#[derive(Clone, PartialEq, Debug)]
pub struct Event {
    /// The commit.
    pub commit: CommitId,
    /// Whether HEAD or a ref leads to it.
    pub reachable: bool,
    /// What was there, in the first of its parents that has it; `None` where none has.
    pub before: Option<Value>,
    /// What is there; `None` where the commit deleted it.
    pub after: Option<Value>,
    /// Whether a parent could not be looked at, so that it may have had the same.
    pub uncertain: bool,
}

/// The commits of `every` that changed the thing against each of their parents, the newest first,
/// and those that could not be looked at.
pub fn events(repo: &Repository, every: &Every, thing: &Thing) -> (Vec<Event>, Vec<Unread>) {
    let mut versions = Versions::load(repo, every, thing);
    let mut found = Vec::new();
    for at in 0..every.commits.len() {
        match versions.event(at) {
            Ok(event) => found.extend(event),
            Err(why) => versions.fail(at, why),
        }
    }
    (found, versions.unread)
}

/// What a commit has of the thing, as far as it is known without looking into contents.
#[derive(Clone, PartialEq)]
enum Here {
    File(Option<FileState>),
    System(FacetState),
    /// It cannot be looked at.
    Unknown,
}

enum Lookup<'r> {
    Record(Box<RecordLookup<'r>>),
    System(Box<(FacetLookup<'r>, Subject)>),
}

/// The versions of a thing.
pub(super) struct Versions<'e, 'r> {
    every: &'e Every,
    lookup: Lookup<'r>,
    here: Vec<Here>,
    pub(super) unread: Vec<Unread>,
}

impl<'e, 'r> Versions<'e, 'r> {
    /// Finds what each commit has, parents before children.
    pub(super) fn load(repo: &'r Repository, every: &'e Every, thing: &Thing) -> Self {
        let lookup = match thing {
            Thing::Record { path, table, keys } => {
                let (path, table, keys) = (path.clone(), table.clone(), keys.clone());
                Lookup::Record(Box::new(RecordLookup::new(repo, RecordName { path, table, keys })))
            }
            Thing::System(subject) => {
                Lookup::System(Box::new((FacetLookup::new(repo), subject.clone())))
            }
        };
        let key = match thing {
            Thing::Record { path, .. } => Some(PathKey::of(path)),
            Thing::System(_) => None,
        };
        let here = vec![Here::Unknown; every.commits.len()];
        let mut versions = Self { every, lookup, here, unread: Vec::new() };
        for at in (0..every.commits.len()).rev() {
            if every.commits[at].holds != Holds::State {
                let commit = every.commits[at].id;
                versions.fail(at, BlameError::NotHere { commit });
                continue;
            }
            match versions.find(repo, at, key.as_ref()) {
                Ok(here) => versions.here[at] = here,
                Err(why) => versions.fail(at, why),
            }
        }
        versions
    }

    fn find(
        &mut self,
        repo: &Repository,
        at: usize,
        key: Option<&PathKey>,
    ) -> Result<Here, BlameError> {
        let commit = &self.every.commits[at];
        match &mut self.lookup {
            Lookup::Record(lookup) => {
                let graph = self.every.graph();
                let first = commit.parents.first().and_then(|first| self.here.get(*first));
                if let (Some(first @ Here::File(_)), Some(place), Some(key)) =
                    (first, graph.find(commit.id), key)
                    && graph.changed(place, key) == Changed::No
                {
                    return Ok(first.clone());
                }
                let files = match commit.files {
                    Some(files) => files,
                    None => repo.files_of(commit.id)?,
                };
                Ok(Here::File(lookup.state(files)?))
            }
            Lookup::System(known) => {
                let (lookup, subject) = &mut **known;
                Ok(Here::System(lookup.of_commit(commit.id, subject)?))
            }
        }
    }

    fn fail(&mut self, at: usize, why: BlameError) {
        let Some(commit) = self.every.commits.get(at) else { return };
        self.unread.push(Unread { commit: commit.id, why });
    }

    /// Whether the thing is there; `None` where that cannot be told.
    pub(super) fn is_there(&mut self, at: usize) -> Result<Option<bool>, BlameError> {
        match self.here.get(at) {
            None | Some(Here::Unknown) => Ok(None),
            Some(_) => Ok(Some(self.value(at)?.is_some())),
        }
    }

    /// What a commit has of the thing.
    pub(super) fn value(&mut self, at: usize) -> Result<Option<Value>, BlameError> {
        match (self.here.get(at), &mut self.lookup) {
            (Some(Here::File(state)), Lookup::Record(lookup)) => lookup.value(state.as_ref()),
            (Some(Here::System(state)), _) => Ok(state.value()),
            _ => Ok(None),
        }
    }

    /// Whether two commits, by their places, surely have the same.
    fn is_same(&mut self, at: usize, parent: usize) -> Result<bool, BlameError> {
        match (self.here.get(at), self.here.get(parent), &mut self.lookup) {
            (Some(Here::File(a)), Some(Here::File(b)), Lookup::Record(lookup)) => {
                lookup.is_same(a.as_ref(), b.as_ref())
            }
            (Some(Here::System(a)), Some(Here::System(b)), _) => Ok(a.says_what(b)),
            _ => Ok(false),
        }
    }

    fn event(&mut self, at: usize) -> Result<Option<Event>, BlameError> {
        let commit = &self.every.commits[at];
        if self.here[at] == Here::Unknown {
            return Ok(None);
        }
        let mut uncertain = false;
        for parent in &commit.parents {
            uncertain |= self.here[*parent] == Here::Unknown;
            if self.is_same(at, *parent)? {
                return Ok(None);
            }
        }
        let mut before = None;
        for parent in &commit.parents {
            if before.is_none() {
                before = self.value(*parent)?;
            }
        }
        let after = self.value(at)?;
        let (id, reachable) = (commit.id, commit.reachable);
        let is_event = before.is_some() || after.is_some();
        Ok(is_event.then_some(Event { commit: id, reachable, before, after, uncertain }))
    }
}
