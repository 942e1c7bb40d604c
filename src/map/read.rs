//! Reading: nodes come from one trait, and each is checked against its parent.

use std::error::Error;
use std::sync::Arc;

use super::build::MapRoot;
use super::cursor::{Cursor, Iter};
use super::error::MapError;
use crate::object::{Node, NodeId, Schema, Value};

/// Where nodes come from. Whoever implements it gives only bytes whose id is the one asked for.
pub trait NodeSource {
    /// Why a node cannot be had.
    type Error: Error + 'static;

    /// The encoded node.
    fn node(&self, id: NodeId) -> Result<Arc<[u8]>, Self::Error>;
}

impl<S: NodeSource + ?Sized> NodeSource for &S {
    type Error = S::Error;

    fn node(&self, id: NodeId) -> Result<Arc<[u8]>, Self::Error> {
        (**self).node(id)
    }
}

/// A map that is open for reading: its root is read, the rest on demand.
pub struct Map<'s, S: NodeSource + ?Sized> {
    source: &'s S,
    id: NodeId,
    root: Arc<Node>,
}

impl<S: NodeSource + ?Sized> Clone for Map<'_, S> {
    fn clone(&self) -> Self {
        Self { source: self.source, id: self.id, root: Arc::clone(&self.root) }
    }
}

impl<'s, S: NodeSource + ?Sized> Map<'s, S> {
    /// Opens the map with this root, which must be of this schema.
    pub fn open(source: &'s S, id: NodeId, schema: Schema) -> Result<Self, MapError<S::Error>> {
        let root = load(source, id)?;
        if root.schema() != schema {
            return Err(MapError::Schema { id, found: root.schema(), expected: schema });
        }
        if root.level() > 0 && root.len() < 2 {
            let why = "a root with a single child";
            return Err(MapError::Misplaced { id, why });
        }
        let root = Arc::new(root);
        Ok(Self { source, id, root })
    }

    /// The root's id and what the root says of the map.
    pub fn root(&self) -> MapRoot {
        MapRoot {
            id: self.id,
            count: self.root.count(),
            bytes: self.root.bytes(),
            level: self.root.level(),
        }
    }

    /// The root's id.
    pub fn id(&self) -> NodeId {
        self.id
    }

    /// What the entries mean.
    pub fn schema(&self) -> Schema {
        self.root.schema()
    }

    /// The number of entries.
    pub fn count(&self) -> u64 {
        self.root.count()
    }

    /// Whether there are no entries.
    pub fn is_empty(&self) -> bool {
        self.root.is_empty()
    }

    /// The value under `key`; reads one node per level.
    pub fn get(&self, key: &[u8]) -> Result<Option<Value>, MapError<S::Error>> {
        let mut node = Arc::clone(&self.root);
        while node.level() > 0 {
            let index = node.search(key).unwrap_or_else(|index| index);
            if index == node.len() {
                return Ok(None);
            }
            node = load_child(self.source, &node, index)?;
        }
        let index = node.search(key).ok();
        Ok(index.and_then(|index| node.value(index)).map(|value| value.to_value()))
    }

    /// A cursor that stands nowhere yet.
    pub fn cursor(&self) -> Cursor<'s, S> {
        Cursor::new(self.source, Arc::clone(&self.root))
    }

    /// All entries in order.
    pub fn iter(&self) -> Iter<'s, S> {
        Iter::new(self.cursor())
    }

    pub(super) fn source(&self) -> &'s S {
        self.source
    }

    pub(super) fn root_node(&self) -> &Arc<Node> {
        &self.root
    }
}

/// Reads and decodes a node.
pub(super) fn load<S: NodeSource + ?Sized>(
    source: &S,
    id: NodeId,
) -> Result<Node, MapError<S::Error>> {
    let encoded = source.node(id).map_err(|source| MapError::Load { id, source })?;
    Node::decode(encoded).map_err(|source| MapError::Decode { id, source })
}

/// Reads the child of entry `index` of an inner node, and checks that it is what the parent
/// says.
pub(super) fn load_child<S: NodeSource + ?Sized>(
    source: &S,
    parent: &Node,
    index: usize,
) -> Result<Arc<Node>, MapError<S::Error>> {
    // Callers descend only from inner nodes, at places these have.
    let id = parent.child(index).expect("an entry of an inner node");
    let child = load(source, id)?;
    match misfit(parent, index, &child) {
        Some(why) => Err(MapError::Misplaced { id, why }),
        None => Ok(Arc::new(child)),
    }
}

/// The rule that `child` breaks as the child of entry `index` of `parent`.
pub(super) fn misfit(parent: &Node, index: usize, child: &Node) -> Option<&'static str> {
    let before = index.checked_sub(1).and_then(|index| parent.key(index));
    if child.schema() != parent.schema() {
        Some("another schema than its parent")
    } else if child.level() + 1 != parent.level() {
        Some("not one level below its parent")
    } else if child.last_key() != parent.key(index) {
        Some("another last key than its parent says")
    } else if before.is_some_and(|before| child.first_key() <= Some(before)) {
        Some("keys that belong to the node before")
    } else if child.count() > parent.count() {
        Some("more entries than its parent counts")
    } else if child.bytes() > parent.bytes() {
        Some("more bytes than its parent counts")
    } else {
        None
    }
}
