//! What each commit has of what a question names, by ids alone.

use std::collections::HashMap;
use std::rc::Rc;

use crate::object::{Component, ComponentKey, Edge, EdgeKey, NodeId, RepoPath, TreeEntry};
use crate::repo::{RepoError, Repository};
use crate::system::SystemMaps;

use super::super::commit_graph::{Changed, PathKey, SystemKey};
use super::super::every::{Every, Holds, Known};

/// What of a state a question reads.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Named {
    /// A component.
    Component(ComponentKey),
    /// An edge.
    Edge(EdgeKey),
    /// What lies at a path.
    Path(RepoPath),
}

impl Named {
    fn key(&self) -> PathKey {
        match self {
            Self::Component(key) => SystemKey::of_component(key).changed,
            Self::Edge(key) => SystemKey::of_edge(key).changed,
            Self::Path(path) => PathKey::of(path),
        }
    }
}

/// What was found of it.
#[derive(Clone, PartialEq, Debug)]
pub enum Found {
    /// It is not there.
    Nothing,
    /// A component: what its origins hold is in its content id.
    Component(Component),
    /// An edge.
    Edge(Edge),
    /// What lies at the path: its kind and id.
    Entry(TreeEntry),
}

/// What a commit has of one thing that is named. Two that are equal are the same to every question.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Reading {
    /// This, by its place among all that was found.
    Known(u32),
    /// Nobody can know, by the place among the reasons.
    Unknown(u32),
}

/// What all commits have of all that is named.
pub struct Readings {
    width: usize,
    /// For each commit, one for each of what is named.
    table: Vec<Reading>,
    found: Vec<Found>,
    /// For each of `found`, the commit that it was first met in.
    met: Vec<usize>,
    reasons: Vec<Rc<str>>,
}

impl Readings {
    /// Reads what every commit has of what is named, parents before children. A commit that the
    /// graph says changed none of it is not opened.
    pub fn of(repo: &Repository, every: &Every, named: &[Named]) -> Self {
        let width = named.len();
        let nothing = Reading::Unknown(0);
        let mut reader = Reader {
            repo,
            named,
            readings: Self {
                width,
                table: vec![nothing; width * every.commits.len()],
                found: Vec::new(),
                met: Vec::new(),
                reasons: Vec::new(),
            },
            ids: HashMap::new(),
            of_maps: HashMap::new(),
            reasons: HashMap::new(),
        };
        let keys: Vec<PathKey> = named.iter().map(Named::key).collect();
        for (at, commit) in every.commits.iter().enumerate().rev() {
            for (nth, key) in keys.iter().enumerate() {
                let reading = match commit.holds {
                    Holds::Unreadable => reader.unknown("the commit cannot be read"),
                    Holds::Statement => reader.unknown("its content was collected"),
                    Holds::State => {
                        reader.inherited(every, commit, nth, key).unwrap_or_else(|| {
                            reader.read(commit, at, nth).unwrap_or_else(|e| reader.failed(&e))
                        })
                    }
                };
                if let Some(place) = reader.readings.table.get_mut(at * width + nth) {
                    *place = reading;
                }
            }
        }
        reader.readings
    }

    /// What a commit has of the nth thing that is named.
    pub fn get(&self, commit: usize, nth: usize) -> Reading {
        self.table.get(commit * self.width + nth).copied().unwrap_or(Reading::Unknown(0))
    }

    /// What was found.
    pub fn found(&self, known: u32) -> &Found {
        self.found.get(known as usize).unwrap_or(&Found::Nothing)
    }

    /// The components that were found.
    pub fn components(&self) -> impl Iterator<Item = &Component> {
        self.found.iter().filter_map(|found| match found {
            Found::Component(component) => Some(component),
            _ => None,
        })
    }

    /// A commit that has it.
    pub fn met(&self, known: u32) -> usize {
        self.met.get(known as usize).copied().unwrap_or_default()
    }

    /// Why nobody can know.
    pub fn reason(&self, unknown: u32) -> Rc<str> {
        self.reasons.get(unknown as usize).cloned().unwrap_or_else(|| "it is not known".into())
    }
}

/// The directory tree of a commit, and the map of its system if it has one.
pub fn state_of(repo: &Repository, commit: &Known) -> Result<(NodeId, Option<NodeId>), RepoError> {
    match commit.files {
        Some(files) => Ok((files, commit.system)),
        None => {
            let commit = repo.commit(commit.id)?.commit;
            let system = SystemMaps::of_root(repo.store(), commit.root)?.id;
            Ok((repo.files(&commit)?, system))
        }
    }
}

struct Reader<'a> {
    repo: &'a Repository,
    named: &'a [Named],
    readings: Readings,
    /// What was found, by what is named and the encoded value.
    ids: HashMap<(usize, Vec<u8>), u32>,
    /// What the maps that were looked into have.
    of_maps: HashMap<(usize, Option<NodeId>), u32>,
    reasons: HashMap<Rc<str>, u32>,
}

impl Reader<'_> {
    fn unknown(&mut self, why: &str) -> Reading {
        if let Some(known) = self.reasons.get(why) {
            return Reading::Unknown(*known);
        }
        let (why, at): (Rc<str>, _) = (why.into(), self.readings.reasons.len() as u32);
        self.readings.reasons.push(Rc::clone(&why));
        self.reasons.insert(why, at);
        Reading::Unknown(at)
    }

    fn failed(&mut self, error: &RepoError) -> Reading {
        self.unknown(&error.to_string())
    }

    fn known(&mut self, commit: usize, nth: usize, found: Found) -> u32 {
        let encoded = match &found {
            Found::Nothing => Vec::new(),
            Found::Component(component) => component.encode(),
            Found::Edge(edge) => edge.encode(),
            Found::Entry(entry) => entry.encode().to_vec(),
        };
        let next = self.readings.found.len() as u32;
        let id = *self.ids.entry((nth, encoded)).or_insert(next);
        if id == next {
            self.readings.found.push(found);
            self.readings.met.push(commit);
        }
        id
    }

    /// What the first parent has, where the graph knows that the commit did not change it.
    fn inherited(
        &mut self,
        every: &Every,
        commit: &Known,
        nth: usize,
        key: &PathKey,
    ) -> Option<Reading> {
        if every.graph().changed(commit.at?, key) != Changed::No {
            return None;
        }
        let Some(parent) = commit.parents.first() else {
            return Some(Reading::Known(self.known(0, nth, Found::Nothing)));
        };
        let reading = self.readings.get(*parent, nth);
        matches!(reading, Reading::Known(_)).then_some(reading)
    }

    fn read(&mut self, commit: &Known, at: usize, nth: usize) -> Result<Reading, RepoError> {
        let Some(named) = self.named.get(nth) else { return Ok(Reading::Unknown(0)) };
        let store = self.repo.store();
        let (files, system) = state_of(self.repo, commit)?;
        let map = match named {
            Named::Path(_) => Some(files),
            _ => system,
        };
        if let Some(known) = self.of_maps.get(&(nth, map)) {
            return Ok(Reading::Known(*known));
        }
        let found = match (named, map) {
            (_, None) => Found::Nothing,
            (Named::Path(path), Some(files)) => {
                self.repo.entry_at(files, path)?.map_or(Found::Nothing, Found::Entry)
            }
            (Named::Component(key), Some(system)) => {
                let component = SystemMaps::open(store, system)?.component(store, key)?;
                component.map_or(Found::Nothing, Found::Component)
            }
            (Named::Edge(key), Some(system)) => {
                let edge = SystemMaps::open(store, system)?.edge(store, key)?;
                edge.map_or(Found::Nothing, Found::Edge)
            }
        };
        let id = self.known(at, nth, found);
        self.of_maps.insert((nth, map), id);
        Ok(Reading::Known(id))
    }
}
