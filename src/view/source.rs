//! The bytes that a view reads.

use std::any::Any;
use std::ops::Range;

use crate::object::BlobId;

use super::error::ViewError;

/// A stretch of a content that has an id of its own.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Chunk {
    /// Where it starts.
    pub offset: u64,
    /// How long it is, in bytes.
    pub len: u64,
    /// The hash of its bytes: two chunks of one id are equal, and need not be read to be compared.
    pub id: BlobId,
}

/// Bytes that can be read at any place.
pub trait Source: Any + Send + Sync {
    /// How many bytes there are.
    fn len(&self) -> u64;

    /// Whether there are none.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Fills the buffer with what lies at `offset`; gives how much, less only at the end.
    ///
    /// # Errors
    /// When it cannot be read.
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<usize, ViewError>;

    /// The chunks that the content is stored in, as far as `range` touches them, in order and
    /// without a gap; `None` where it is not stored in chunks.
    ///
    /// # Errors
    /// When the list cannot be read.
    fn chunks(&self, _range: Range<u64>) -> Result<Option<Vec<Chunk>>, ViewError> {
        Ok(None)
    }

    /// The stretches, in order, outside of which both contents have the same bytes at the same
    /// places, as far as that can be told without reading them; `None` where it cannot be told.
    /// What lies past the end of the shorter one differs.
    ///
    /// # Errors
    /// When the lists of chunks cannot be read.
    fn differences(&self, _other: &dyn Source) -> Result<Option<Vec<Range<u64>>>, ViewError> {
        Ok(None)
    }

    /// This source, for the implementation that knows how to compare itself with one of its kind.
    fn as_any(&self) -> &dyn Any;
}

impl Source for Vec<u8> {
    fn len(&self) -> u64 {
        self.as_slice().len() as u64
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<usize, ViewError> {
        let start = usize::try_from(offset).unwrap_or(usize::MAX).min(self.as_slice().len());
        let rest = &self[start..];
        let len = rest.len().min(buffer.len());
        buffer[..len].copy_from_slice(&rest[..len]);
        Ok(len)
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}
