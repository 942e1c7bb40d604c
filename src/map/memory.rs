//! Nodes in memory: for maps that are computed and compared but not stored, and for tests.

use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::Arc;

use thiserror::Error;

use super::read::NodeSource;
use crate::object::NodeId;

/// A node that is asked for and not there.
#[derive(Debug, Error, Clone, Copy, PartialEq, Eq)]
#[error("map node {0} is not in memory")]
pub struct MissingNode(pub NodeId);

impl From<Infallible> for MissingNode {
    fn from(never: Infallible) -> Self {
        match never {}
    }
}

/// Nodes by id.
#[derive(Default, Clone, Debug)]
pub struct MemoryNodes(HashMap<NodeId, Arc<[u8]>>);

impl MemoryNodes {
    /// No nodes.
    pub fn new() -> Self {
        Self::default()
    }

    /// Keeps a node and gives its id.
    pub fn insert(&mut self, encoded: Vec<u8>) -> NodeId {
        let id = NodeId::of(&encoded);
        self.0.insert(id, encoded.into());
        id
    }

    /// A sink for [`super::Builder`] and [`super::update`] that keeps every node.
    pub fn sink(&mut self) -> impl FnMut(NodeId, Vec<u8>) -> Result<(), MissingNode> {
        |id, encoded| {
            self.0.insert(id, encoded.into());
            Ok(())
        }
    }

    /// Adds the nodes of `other`.
    pub fn extend(&mut self, other: Self) {
        self.0.extend(other.0);
    }

    /// The ids, in no order.
    pub fn ids(&self) -> impl Iterator<Item = NodeId> {
        self.0.keys().copied()
    }

    /// The number of nodes.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl NodeSource for MemoryNodes {
    type Error = MissingNode;

    fn node(&self, id: NodeId) -> Result<Arc<[u8]>, MissingNode> {
        self.0.get(&id).cloned().ok_or(MissingNode(id))
    }
}
