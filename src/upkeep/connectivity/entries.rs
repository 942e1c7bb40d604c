//! What the entries of maps stand for, one schema after the other.

use crate::object::{
    BlobId, Component, ComponentKey, Edge, EdgeKey, EntryKind, EscapedName, ExternalEntry,
    ExternalKey, Id, NameError, NodeId, ObjectType, Schema, TreeEntry, ValueRef, limits,
};
use crate::policy::with_sources;
use crate::repo::FILES;
use crate::store::{Lookup, StoreError};

use super::Walk;

impl Walk<'_> {
    /// Visits what an entry of a leaf stands for.
    pub(super) fn entry(
        &mut self,
        node: NodeId,
        schema: Schema,
        key: &[u8],
        value: ValueRef<'_>,
    ) -> bool {
        match (schema, value) {
            (Schema::Tree, ValueRef::Inline(bytes)) => {
                let before = self.path.len();
                if before > 0 {
                    self.path.push(b'/');
                }
                self.path.extend_from_slice(key);
                self.depth += 1;
                let clean = if let Err(e) = check_place(self.depth, self.path.len()) {
                    self.path.truncate(before);
                    self.bad_node(node, e.to_string())
                } else {
                    self.tree_entry(node, bytes)
                };
                self.depth -= 1;
                self.path.truncate(before);
                clean
            }
            (Schema::Tree, ValueRef::Blob { .. }) => {
                self.bad_node(node, "a tree entry lies out of line".into())
            }
            (Schema::Root, value) => self.named_map(node, key, value, |name| match name {
                FILES => Some(Schema::Tree),
                b"external" => Some(Schema::External),
                b"system" => Some(Schema::System),
                _ => None,
            }),
            (Schema::System, value) => self.named_map(node, key, value, |name| match name {
                b"components" => Some(Schema::Components),
                b"edges" => Some(Schema::Edges),
                _ => None,
            }),
            (Schema::Components | Schema::Edges | Schema::External, value) => {
                self.graph_entry(node, schema, key, value)
            }
            (Schema::Table, ValueRef::Blob { id, size }) => self.blob(id, Some(size)),
            (Schema::Table, ValueRef::Inline(_)) => true,
        }
    }

    /// Visits an entry of a map from a few fixed names to maps.
    fn named_map(
        &mut self,
        node: NodeId,
        key: &[u8],
        value: ValueRef<'_>,
        schema: impl FnOnce(&[u8]) -> Option<Schema>,
    ) -> bool {
        let id = match value {
            ValueRef::Inline(bytes) => Id::from_slice(bytes),
            ValueRef::Blob { .. } => None,
        };
        match (schema(key), id) {
            (Some(schema), Some(id)) => self.map(NodeId::from_id(id), Some(schema)).is_some(),
            (None, _) => {
                let key = EscapedName(key);
                self.bad_node(node, format!("this version knows no map `{key}` there"))
            }
            (_, None) => self.bad_node(node, "an entry of it is no id of a map".into()),
        }
    }

    /// Visits a component, an edge, or something outside.
    fn graph_entry(
        &mut self,
        node: NodeId,
        schema: Schema,
        key: &[u8],
        value: ValueRef<'_>,
    ) -> bool {
        let bytes = match value {
            ValueRef::Inline(bytes) => bytes.to_vec(),
            ValueRef::Blob { id, size } => {
                if !self.blob(id, Some(size)) {
                    return false;
                }
                match self.small_blob(id, size) {
                    Ok(bytes) => bytes,
                    Err(detail) => return self.bad_node(node, detail),
                }
            }
        };
        let decoded = match schema {
            Schema::Components => {
                ComponentKey::decode(key).and(Component::decode(&bytes).map(drop))
            }
            Schema::Edges => EdgeKey::decode(key).and(Edge::decode(&bytes).map(drop)),
            _ => match ExternalKey::decode(key).and(ExternalEntry::decode(&bytes)) {
                Ok(entry) => return self.external(entry),
                Err(e) => Err(e),
            },
        };
        match decoded {
            Ok(()) => true,
            Err(e) => self.bad_node(node, with_sources(&e)),
        }
    }

    fn small_blob(&self, id: BlobId, size: u64) -> Result<Vec<u8>, String> {
        if size > limits::COMPONENT as u64 {
            return Err(format!("blob {id} is too long for what it stands for"));
        }
        if let Ok(Lookup::Here(ObjectType::Blob)) = self.shelf.kind(id.id()) {
            return self.shelf.read(ObjectType::Blob, id.id()).map_err(|e| with_sources(&e));
        }
        let mut bytes = Vec::new();
        let blob = self.shelf.store.blob(id).map_err(|e| with_sources(&e))?;
        blob.copy_to(&mut |part| {
            bytes.extend_from_slice(part);
            Ok::<_, StoreError>(())
        })
        .map_err(|e| with_sources(&e))?;
        Ok(bytes)
    }

    fn external(&mut self, entry: ExternalEntry) -> bool {
        match entry {
            ExternalEntry::Content { blob, size } => self.blob(blob, Some(size)),
            ExternalEntry::Table { root, size } => self.sized_map(root, Schema::Table, size),
        }
    }

    fn tree_entry(&mut self, node: NodeId, bytes: &[u8]) -> bool {
        let entry = match TreeEntry::decode(bytes) {
            Ok(entry) => entry,
            Err(e) => return self.bad_node(node, with_sources(&e)),
        };
        if let Some(blob) = entry.blob() {
            return self.blob(blob, Some(entry.size()))
                && (entry.kind() != EntryKind::Symlink || self.link(node, blob, entry.size()));
        }
        let Some(root) = entry.root() else { return true };
        self.sized_map(root, Schema::Tree, entry.size())
    }

    /// Whether the target of a link is one.
    fn link(&mut self, node: NodeId, target: BlobId, size: u64) -> bool {
        match self.small_blob(target, size) {
            Ok(target) if !target.contains(&0) => true,
            Ok(_) => self.bad_node(node, "the target of a link contains a NUL byte".into()),
            Err(detail) => self.bad_node(node, detail),
        }
    }

    /// Visits a map whose size an entry states.
    fn sized_map(&mut self, root: NodeId, schema: Schema, size: u64) -> bool {
        match self.map(root, Some(schema)) {
            Some(whole) if whole.bytes == size => true,
            Some(_) => self.bad_node(root, "its size is not that of its entry".into()),
            None => false,
        }
    }
}

/// Refuses a place that no path may have. It also bounds how deep this walk goes.
fn check_place(depth: usize, len: usize) -> Result<(), NameError> {
    if len > limits::PATH {
        return Err(NameError::PathTooLong { len });
    }
    if depth > limits::DIRECTORY_DEPTH {
        return Err(NameError::TooDeep);
    }
    Ok(())
}
