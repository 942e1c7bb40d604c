//! Where the maps of the system come from, and values that are kept as blobs.

use std::collections::HashMap;
use std::sync::Arc;

use crate::map::{MemoryNodes, NodeSource};
use crate::object::{BlobId, DecodeError, NodeId, ValueRef, limits};
use crate::repo::RepoError;
use crate::store::{Store, StoreError};

/// A source of map nodes that also gives the values that do not fit into nodes.
pub trait GraphSource: NodeSource<Error = StoreError> {
    /// The whole of a blob of this size.
    ///
    /// # Errors
    /// When it cannot be read.
    fn value(&self, id: BlobId, size: u64) -> Result<Vec<u8>, StoreError>;
}

impl GraphSource for Store {
    fn value(&self, id: BlobId, _size: u64) -> Result<Vec<u8>, StoreError> {
        let mut bytes = Vec::new();
        self.blob(id)?.copy_to(&mut |piece| {
            bytes.extend_from_slice(piece);
            Ok::<_, StoreError>(())
        })?;
        Ok(bytes)
    }
}

/// The bytes of a value of `components` or `edges`.
///
/// # Errors
/// When it is longer than such a value may be, or cannot be read.
pub(super) fn value_bytes<S>(source: &S, value: ValueRef<'_>) -> Result<Vec<u8>, RepoError>
where
    S: GraphSource + ?Sized,
{
    match value {
        ValueRef::Inline(bytes) => Ok(bytes.to_vec()),
        ValueRef::Blob { id, size } if size > limits::COMPONENT as u64 => {
            let limit = limits::COMPONENT as u64;
            let source = DecodeError::Limit { what: "component", size, limit };
            Err(RepoError::Object { what: "blob", id: id.id(), source })
        }
        ValueRef::Blob { id, size } => Ok(source.value(id, size)?),
    }
}

/// Maps and values that were just made, in front of those that are there.
pub struct Fresh<'s, S: ?Sized> {
    /// The nodes that were made.
    pub nodes: MemoryNodes,
    /// The values that were made and do not fit into nodes.
    pub blobs: HashMap<BlobId, Vec<u8>>,
    /// Where all else is.
    pub below: &'s S,
}

impl<'s, S: ?Sized> Fresh<'s, S> {
    /// Nothing new in front of `below`.
    pub fn new(below: &'s S) -> Self {
        Self { nodes: MemoryNodes::new(), blobs: HashMap::new(), below }
    }
}

impl<S: NodeSource<Error = StoreError> + ?Sized> NodeSource for Fresh<'_, S> {
    type Error = StoreError;

    fn node(&self, id: NodeId) -> Result<Arc<[u8]>, StoreError> {
        self.nodes.node(id).or_else(|_| self.below.node(id))
    }
}

impl<S: GraphSource + ?Sized> GraphSource for Fresh<'_, S> {
    fn value(&self, id: BlobId, size: u64) -> Result<Vec<u8>, StoreError> {
        match self.blobs.get(&id) {
            Some(bytes) => Ok(bytes.clone()),
            None => self.below.value(id, size),
        }
    }
}
