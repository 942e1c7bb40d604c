//! Follows what commits hold to the last object, without what their parents hold already.

use std::collections::HashSet;

use crate::map::{Checker, Map};
use crate::object::{
    BlobId, CommitId, Component, ComponentKey, DecodeError, Edge, EdgeKey, EntryKind,
    ExternalEntry, ExternalKey, Id, NodeId, ObjectType, RepoPath, Schema, TagId, TreeEntry, Value,
    ValueRef, limits,
};
use crate::policy::with_sources;
use crate::repo::{FILES, RepoError, StoredCommit, StoredTag};
use crate::store::{Lookup, Store, StoreError};
use crate::system::SystemChecker;

use super::commits::{TAGS_OF_TAGS, load_commit, load_tag};
use super::error::{RemoteError, Result};
use super::maps::{Changed, changed_entries};

/// A walk over everything that commits and tags hold.
pub struct Closure<'a> {
    store: &'a Store,
    /// Where everything is checked that receipt checks: the shapes of maps, sizes, names.
    checker: Option<Checker<'a, Store>>,
    /// The same, for the systems of commits.
    systems: Option<SystemChecker<'a, Store>>,
    /// What people call the place that it came from.
    place: &'a str,
    /// Every object that was met.
    pub found: HashSet<Id>,
    depth: usize,
}

impl<'a> Closure<'a> {
    /// A walk that gathers what is here.
    pub fn gathering(store: &'a Store) -> Self {
        Self { store, checker: None, systems: None, place: "", found: HashSet::new(), depth: 0 }
    }

    /// A walk that checks what came from `place`.
    pub fn checking(store: &'a Store, place: &'a str) -> Self {
        let checker = Some(Checker::new(store));
        let systems = Some(SystemChecker::new(store));
        Self { store, checker, systems, place, found: HashSet::new(), depth: 0 }
    }

    fn refused(
        &self,
        what: &str,
        id: impl std::fmt::Display,
        why: impl std::fmt::Display,
    ) -> RemoteError {
        let why = format!("{what} {id}: {why}");
        RemoteError::Refused { place: self.place.into(), why }
    }

    /// Visits a commit and what it holds that its first parent does not.
    ///
    /// # Errors
    /// When an object is absent or not sound.
    pub fn commit(&mut self, id: CommitId) -> Result<StoredCommit> {
        let stored = load_commit(self.store, id)?;
        self.found.insert(id.id());
        let commit = &stored.commit;
        for parent in &commit.parents {
            // Each is here already, or a commit of its own in this walk.
            self.ensure_kind(parent.id(), ObjectType::Commit)?;
        }
        let before = match commit.parents.first() {
            Some(parent) => Some(load_commit(self.store, *parent)?.commit),
            None => None,
        };
        let before_root = before.as_ref().map(|before| before.root);
        self.map(commit.root, Schema::Root, before_root)?;
        if self.checker.is_some() {
            let map = Map::open(self.store, commit.root, Schema::Root).map_err(RepoError::from)?;
            if map.get(FILES).map_err(RepoError::from)?.is_none() {
                return Err(self.refused("map node", commit.root, "a root map without `files`"));
            }
        }
        if let Some(systems) = &mut self.systems
            && let Err(e) = systems.check(commit.root)
        {
            return Err(self.refused("commit", id, with_sources(&e)));
        }
        if let Some(origins) = commit.origins {
            let bytes = self.store.read(ObjectType::Node, origins.id())?;
            let node = crate::object::Node::decode(bytes.into());
            let node = node.map_err(|e| self.refused("map node", origins, e))?;
            let before = before.as_ref().and_then(|before| before.origins);
            self.map(origins, node.schema(), before)?;
        }
        for blob in &commit.observed {
            self.blob(*blob, None, None)?;
        }
        Ok(stored)
    }

    /// Visits tags from `id` on, down to what is none. Gives the tags, and what the last one names.
    ///
    /// # Errors
    /// When a tag is absent or not sound, or names neither a commit nor a tag.
    pub fn tags(&mut self, id: Id) -> Result<(Vec<StoredTag>, CommitId)> {
        let (mut tags, mut at) = (Vec::new(), id);
        while self.kind(at)? == ObjectType::Tag {
            let stored = load_tag(self.store, TagId::from_id(at))?;
            if tags.len() >= TAGS_OF_TAGS {
                return Err(self.refused("tag", id, "too many tags stand on each other"));
            }
            self.found.insert(at);
            at = stored.tag.target;
            self.ensure_kind(at, stored.tag.target_type)?;
            tags.push(stored);
        }
        self.ensure_kind(at, ObjectType::Commit)?;
        Ok((tags, CommitId::from_id(at)))
    }

    fn kind(&self, id: Id) -> Result<ObjectType> {
        match self.store.kind(id)? {
            Lookup::Here(kind) => Ok(kind),
            Lookup::Absent(_) => Err(RemoteError::Missing { place: self.place.into(), id }),
        }
    }

    fn ensure_kind(&self, id: Id, wanted: ObjectType) -> Result<()> {
        match self.kind(id)? {
            found if found == wanted => Ok(()),
            found => Err(self.refused(found.name(), id, format!("not a {}", wanted.name()))),
        }
    }

    /// Visits the nodes and entries of a map that `before` does not have. Gives its bytes.
    fn map(&mut self, root: NodeId, schema: Schema, before: Option<NodeId>) -> Result<u64> {
        let map = Map::open(self.store, root, schema).map_err(RepoError::from)?;
        let bytes = map.root().bytes;
        if let Some(checker) = &mut self.checker {
            checker.check(root, schema, &mut |_, _| ()).map_err(RepoError::from)?;
        }
        if before == Some(root) || self.found.contains(&root.id()) {
            return Ok(bytes);
        }
        let (store, mut nodes) = (self.store, Vec::new());
        let found = &self.found;
        let past = |id: NodeId| found.contains(&id.id());
        let changes = changed_entries(store, root, before, &past, &mut |id| nodes.push(id))?;
        self.found.extend(nodes.into_iter().map(|id| id.id()));
        for Changed { key, value, before } in changes {
            self.entry(root, schema, &key, &value, before.as_ref())?;
        }
        Ok(bytes)
    }

    fn entry(
        &mut self,
        map: NodeId,
        schema: Schema,
        key: &[u8],
        value: &Value,
        before: Option<&Value>,
    ) -> Result<()> {
        let inline = |value: &Value| match value.as_ref() {
            ValueRef::Inline(bytes) => Some(bytes.to_vec()),
            ValueRef::Blob { .. } => None,
        };
        let map_id = |value: &Value| {
            inline(value).and_then(|bytes| Id::from_slice(&bytes)).map(NodeId::from_id)
        };
        let below = match (schema, key) {
            (Schema::Root, FILES) => Schema::Tree,
            (Schema::Root, b"external") => Schema::External,
            (Schema::Root, b"system") => Schema::System,
            (Schema::System, b"components") => Schema::Components,
            (Schema::System, b"edges") => Schema::Edges,
            (Schema::Root | Schema::System, _) => {
                return Err(self.refused("map node", map, "it names a map that is not known"));
            }
            (Schema::Tree, _) => {
                let bytes = inline(value);
                let bytes = bytes
                    .ok_or_else(|| self.refused("map node", map, "an entry is out of line"))?;
                let entry = self.decoded(map, TreeEntry::decode(&bytes))?;
                let before = before.and_then(inline).and_then(|b| TreeEntry::decode(&b).ok());
                return self.tree_entry(map, key, entry, before);
            }
            (Schema::Table, _) => {
                return match value.as_ref() {
                    ValueRef::Blob { id, size } => self.blob(id, Some(size), None),
                    ValueRef::Inline(_) => Ok(()),
                };
            }
            (Schema::Components | Schema::Edges | Schema::External, _) => {
                return self.graph_entry(map, schema, key, value);
            }
        };
        let root = map_id(value);
        let root = root.ok_or_else(|| self.refused("map node", map, "an entry is no map"))?;
        self.map(root, below, before.and_then(map_id)).map(drop)
    }

    fn decoded<T>(&self, map: NodeId, decoded: Result<T, DecodeError>) -> Result<T> {
        decoded.map_err(|e| self.refused("map node", map, e))
    }

    fn tree_entry(
        &mut self,
        map: NodeId,
        name: &[u8],
        entry: TreeEntry,
        before: Option<TreeEntry>,
    ) -> Result<()> {
        RepoPath::root().join(name).map_err(|e| self.refused("map node", map, e))?;
        if let Some(blob) = entry.blob() {
            self.blob(blob, Some(entry.size()), before.and_then(|before| before.blob()))?;
            if self.checker.is_some() && entry.kind() == EntryKind::Symlink {
                let target = self.small_blob(blob, entry.size())?;
                if target.contains(&0) {
                    return Err(self.refused("blob", blob, "the target of a link has a NUL byte"));
                }
            }
            return Ok(());
        }
        let Some(root) = entry.root() else { return Ok(()) };
        if self.depth >= limits::DIRECTORY_DEPTH {
            return Err(self.refused("map node", map, "too many folders inside each other"));
        }
        self.depth += 1;
        let bytes = self.map(root, Schema::Tree, before.and_then(|before| before.root()))?;
        self.depth -= 1;
        match bytes == entry.size() {
            true => Ok(()),
            false => Err(self.refused("map node", root, "its size is not that of its entry")),
        }
    }

    fn graph_entry(
        &mut self,
        map: NodeId,
        schema: Schema,
        key: &[u8],
        value: &Value,
    ) -> Result<()> {
        let bytes = match value.as_ref() {
            ValueRef::Inline(bytes) => bytes.to_vec(),
            ValueRef::Blob { id, size } => {
                self.blob(id, Some(size), None)?;
                self.small_blob(id, size)?
            }
        };
        match schema {
            Schema::Components => self
                .decoded(map, ComponentKey::decode(key).and(Component::decode(&bytes).map(drop))),
            Schema::Edges => {
                self.decoded(map, EdgeKey::decode(key).and(Edge::decode(&bytes).map(drop)))
            }
            _ => {
                self.decoded(map, ExternalKey::decode(key).map(drop))?;
                match self.decoded(map, ExternalEntry::decode(&bytes))? {
                    ExternalEntry::Content { blob, size } => self.blob(blob, Some(size), None),
                    ExternalEntry::Table { root, size } => {
                        match self.map(root, Schema::Table, None)? == size {
                            true => Ok(()),
                            false => Err(self.refused("map node", root, "not of the size stated")),
                        }
                    }
                }
            }
        }
    }

    fn small_blob(&self, id: BlobId, size: u64) -> Result<Vec<u8>> {
        if size > limits::COMPONENT as u64 {
            return Err(self.refused("blob", id, "too long for what it stands for"));
        }
        let mut bytes = Vec::new();
        self.store.blob(id)?.copy_to(&mut |part| {
            bytes.extend_from_slice(part);
            Ok::<_, StoreError>(())
        })?;
        Ok(bytes)
    }

    fn blob(&mut self, id: BlobId, size: Option<u64>, before: Option<BlobId>) -> Result<()> {
        if self.checker.is_some() {
            let missing = || RemoteError::Missing { place: self.place.into(), id: id.id() };
            let found = match self.store.blob_size(id) {
                Ok(found) => found.ok_or_else(missing)?,
                Err(e @ StoreError::Disk(_)) => return Err(e.into()),
                Err(_) => return Err(missing()),
            };
            if size.is_some_and(|size| size != found) {
                return Err(self.refused("blob", id, "not of the size that an entry states"));
            }
            if !self.found.insert(id.id()) {
                return Ok(());
            }
            return match self.store.has_blob(id)? {
                true => Ok(()),
                false => Err(self.refused("blob", id, "no recipe builds it")),
            };
        }
        if before == Some(id) || self.found.contains(&id.id()) {
            return Ok(());
        }
        let mut there = HashSet::new();
        if let Some(before) = before
            && self.store.kind(id.id())? != Lookup::Here(ObjectType::Blob)
        {
            // What of the former content cannot be read is sent again.
            let _ = self.store.parts_of(before, &|_| false, &mut |part| {
                there.insert(part);
            });
        }
        let mut parts = Vec::new();
        let past = |part| there.contains(&part) || self.found.contains(&part);
        self.store.parts_of(id, &past, &mut |part| parts.push(part))?;
        self.found.extend(parts);
        Ok(())
    }
}
