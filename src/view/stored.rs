//! The bytes of a blob in a store.

use std::any::Any;
use std::ops::Range;
use std::sync::Arc;

use crate::object::BlobId;
use crate::store::{BlobReader, Store};

use super::error::ViewError;
use super::source::{Chunk, Source};

/// The bytes of a blob, read out of the store as they are asked for. Every chunk is compared with
/// its id.
pub struct StoredSource(BlobReader);

impl StoredSource {
    /// Opens a blob.
    ///
    /// # Errors
    /// When the blob is absent, or no recipe builds it.
    pub fn open(store: Arc<Store>, id: BlobId) -> Result<Self, ViewError> {
        Ok(Self(BlobReader::open(store, id)?))
    }
}

impl Source for StoredSource {
    fn len(&self) -> u64 {
        self.0.len()
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<usize, ViewError> {
        Ok(self.0.read_at(offset, buffer)?)
    }

    fn chunks(&self, range: Range<u64>) -> Result<Option<Vec<Chunk>>, ViewError> {
        let (mut chunks, mut at) = (Vec::new(), range.start);
        while at < range.end {
            let Some(chunk) = self.0.chunk_at(at)? else { break };
            at = chunk.offset + chunk.len;
            chunks.push(Chunk { offset: chunk.offset, len: chunk.len, id: chunk.id });
        }
        Ok(Some(chunks))
    }

    fn differences(&self, other: &dyn Source) -> Result<Option<Vec<Range<u64>>>, ViewError> {
        let Some(other) = other.as_any().downcast_ref::<Self>() else { return Ok(None) };
        Ok(Some(self.0.differences(&other.0)?))
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}
