//! Building a map out of sorted entries.

use std::error::Error;

use super::error::MapError;
use super::splitter::Splitter;
use crate::object::node::{encode_node, write_inner_entry, write_leaf_entry};
use crate::object::{NodeHeader, NodeId, Schema, ValueRef};

/// A finished map.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct MapRoot {
    /// The root's id, which names the map.
    pub id: NodeId,
    /// The number of entries.
    pub count: u64,
    /// Content bytes of a `tree`, else the lengths of the encoded values.
    pub bytes: u64,
    /// The root's level; 0 when the map is one node.
    pub level: u8,
}

/// Builds a map from entries in ascending order of their keys. Memory is one node per level.
///
/// Each finished node goes to `sink`, children before parents; a node that the store has already
/// is the sink's to notice.
pub struct Builder<F> {
    schema: Schema,
    sink: F,
    levels: Vec<Level>,
    last_key: Option<Vec<u8>>,
    scratch: Vec<u8>,
}

/// The node of one level that is being filled, and how many of the level went before.
struct Level {
    splitter: Splitter,
    open: OpenNode,
    closed: u64,
}

/// The entries of a node that has no end yet.
pub(super) struct OpenNode {
    pub(super) level: u8,
    pub(super) len: usize,
    pub(super) entries: Vec<u8>,
    pub(super) last_key: Vec<u8>,
    pub(super) count: u64,
    pub(super) bytes: u64,
}

/// A finished node as its parent sees it.
pub(super) struct ClosedNode {
    pub(super) key: Vec<u8>,
    pub(super) id: NodeId,
    pub(super) count: u64,
    pub(super) bytes: u64,
}

impl OpenNode {
    pub(super) fn new(level: u8) -> Self {
        Self { level, len: 0, entries: Vec::new(), last_key: Vec::new(), count: 0, bytes: 0 }
    }

    /// Adds an encoded entry that stands for so many entries and bytes; `None` if the format
    /// cannot count them.
    pub(super) fn push(
        &mut self,
        key: &[u8],
        encoded: &[u8],
        count: u64,
        bytes: u64,
    ) -> Option<()> {
        self.count = self.count.checked_add(count)?;
        self.bytes = self.bytes.checked_add(bytes)?;
        self.entries.extend_from_slice(encoded);
        self.last_key.clear();
        self.last_key.extend_from_slice(key);
        self.len += 1;
        Some(())
    }

    /// The encoded node and what its parent says of it; what is left is empty.
    pub(super) fn close(&mut self, schema: Schema) -> (ClosedNode, Vec<u8>) {
        let header = NodeHeader { schema, level: self.level, count: self.count, bytes: self.bytes };
        let encoded = encode_node(&header, self.len, &self.entries);
        let closed = ClosedNode {
            key: std::mem::take(&mut self.last_key),
            id: NodeId::of(&encoded),
            count: self.count,
            bytes: self.bytes,
        };
        self.entries.clear();
        (self.len, self.count, self.bytes) = (0, 0, 0);
        (closed, encoded)
    }
}

impl Level {
    fn new<E: Error>(level: u8) -> Result<Self, MapError<E>> {
        Ok(Self {
            splitter: Splitter::new(level).ok_or(MapError::TooLarge)?,
            open: OpenNode::new(level),
            closed: 0,
        })
    }
}

impl<F, E> Builder<F>
where
    F: FnMut(NodeId, Vec<u8>) -> Result<(), E>,
    E: Error + 'static,
{
    /// A builder of an empty map.
    pub fn new(schema: Schema, sink: F) -> Self {
        Self { schema, sink, levels: Vec::new(), last_key: None, scratch: Vec::new() }
    }

    /// Adds an entry; its key must be behind the last one.
    pub fn push(&mut self, key: &[u8], value: ValueRef<'_>) -> Result<(), MapError<E>> {
        if self.last_key.as_deref().is_some_and(|last| last >= key) {
            return Err(MapError::Order);
        }
        let mut entry = std::mem::take(&mut self.scratch);
        entry.clear();
        let bytes =
            write_leaf_entry(self.schema, key, value, &mut entry).map_err(MapError::Entry)?;
        self.push_encoded(0, key, &entry, 1, bytes)?;
        self.scratch = entry;
        let last = self.last_key.get_or_insert_default();
        last.clear();
        last.extend_from_slice(key);
        Ok(())
    }

    fn push_encoded(
        &mut self,
        level: usize,
        key: &[u8],
        entry: &[u8],
        count: u64,
        bytes: u64,
    ) -> Result<(), MapError<E>> {
        if level == self.levels.len() {
            let number = u8::try_from(level).map_err(|_| MapError::TooLarge)?;
            self.levels.push(Level::new(number)?);
        }
        let at = &mut self.levels[level];
        at.open.push(key, entry, count, bytes).ok_or(MapError::TooLarge)?;
        if at.splitter.push(key, entry.len()) {
            self.close(level)?;
        }
        Ok(())
    }

    /// Ends the node of a level and adds it to the level above.
    fn close(&mut self, level: usize) -> Result<(), MapError<E>> {
        let closed = self.emit(level)?;
        let mut entry = Vec::new();
        write_inner_entry(&closed.key, closed.id, &mut entry);
        self.push_encoded(level + 1, &closed.key, &entry, closed.count, closed.bytes)
    }

    fn emit(&mut self, level: usize) -> Result<ClosedNode, MapError<E>> {
        let at = &mut self.levels[level];
        at.splitter.restart();
        at.closed += 1;
        let (closed, encoded) = at.open.close(self.schema);
        let id = closed.id;
        (self.sink)(id, encoded).map_err(|source| MapError::Store { id, source })?;
        Ok(closed)
    }

    /// Ends the map. The lowest level that is a single node is the root.
    pub fn finish(mut self) -> Result<MapRoot, MapError<E>> {
        if self.levels.is_empty() {
            self.levels.push(Level::new(0)?);
        }
        let mut level = 0;
        loop {
            let at = &self.levels[level];
            if at.closed == 0 {
                let closed = self.emit(level)?;
                return Ok(MapRoot::new(&closed, level as u8));
            }
            if !at.splitter.is_at_start() {
                self.close(level)?;
            }
            level += 1;
            if let Some(only) = self.only_child(level) {
                return Ok(only);
            }
        }
    }

    /// The root, if `level` turns out to hold a single child: the level below is one node.
    fn only_child(&self, level: usize) -> Option<MapRoot> {
        let at = &self.levels[level];
        if at.closed > 0 {
            return None;
        }
        let id = at.open.only_child()?;
        Some(MapRoot { id, count: at.open.count, bytes: at.open.bytes, level: level as u8 - 1 })
    }
}

impl OpenNode {
    /// The child of an inner node that has a single one: the id ends the entry.
    pub(super) fn only_child(&self) -> Option<NodeId> {
        let id = self.entries.last_chunk::<32>().filter(|_| self.len == 1)?;
        Some(NodeId::from_id(crate::object::Id::new(*id)))
    }
}

impl MapRoot {
    pub(super) fn new(node: &ClosedNode, level: u8) -> Self {
        Self { id: node.id, count: node.count, bytes: node.bytes, level }
    }
}
