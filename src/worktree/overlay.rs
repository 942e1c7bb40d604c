//! Nodes of a tree that is not stored, in front of those of the store.

use std::sync::Arc;

use crate::map::{MemoryNodes, NodeSource};
use crate::object::NodeId;
use crate::store::{Store, StoreError};

/// Nodes in memory, in front of those of the store.
pub struct Overlay<'s> {
    /// Those in memory.
    pub memory: MemoryNodes,
    /// Where all others are.
    pub store: &'s Store,
}

impl NodeSource for Overlay<'_> {
    type Error = StoreError;

    fn node(&self, id: NodeId) -> Result<Arc<[u8]>, StoreError> {
        self.memory.node(id).or_else(|_| self.store.node(id))
    }
}
