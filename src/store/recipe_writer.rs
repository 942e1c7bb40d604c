//! Builds the recipe of a large blob while its chunks go by.

use crate::object::{BlobId, Part, RecipeId, RecipeNode};

use super::batch::Batch;
use super::error::Result;

/// A node ends after a part whose id has this many zero bits at its end, so that two versions
/// of a large file share all nodes but those around a change.
const BOUNDARY_MASK: u64 = 0xff;
/// The fewest parts of a node, but for the last of a level.
const MIN_PARTS: usize = 64;
/// The most parts of a node: at 46 bytes a part, 1,024 stay below the limit of 64 KiB.
const MAX_PARTS: usize = 1024;

/// Builds the recipe of a large blob while its chunks go by.
#[derive(Default)]
pub struct RecipeWriter {
    levels: Vec<Vec<Part>>,
}

impl RecipeWriter {
    /// A recipe without parts.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds the next chunk.
    ///
    /// # Errors
    /// When a full node cannot be stored.
    pub fn chunk(&mut self, batch: &mut Batch<'_, '_>, id: BlobId, len: u64) -> Result<()> {
        self.push(batch, 0, Part { len, id: id.id() })
    }

    fn push(&mut self, batch: &mut Batch<'_, '_>, level: usize, part: Part) -> Result<()> {
        if self.levels.len() == level {
            self.levels.push(Vec::new());
        }
        let parts = &mut self.levels[level];
        parts.push(part);
        let boundary = parts.len() >= MIN_PARTS && part.id.prefix() & BOUNDARY_MASK == 0;
        if boundary || parts.len() == MAX_PARTS {
            let parent = Self::store(batch, level, std::mem::take(parts), None)?;
            self.push(batch, level + 1, parent)?;
        }
        Ok(())
    }

    fn store(
        batch: &mut Batch<'_, '_>,
        level: usize,
        parts: Vec<Part>,
        builds: Option<BlobId>,
    ) -> Result<Part> {
        let node = RecipeNode { level: level as u8, parts, builds };
        let bytes = node.encode();
        let id = RecipeId::of(&bytes);
        batch.recipe(id, &bytes, builds)?;
        Ok(Part { len: node.total(), id: id.id() })
    }

    /// Stores what is left, the root with the id of the blob that it builds. Gives the root.
    ///
    /// # Errors
    /// When a node cannot be stored.
    pub fn finish(mut self, batch: &mut Batch<'_, '_>, blob: BlobId) -> Result<RecipeId> {
        for level in 0.. {
            let parts = std::mem::take(&mut self.levels[level]);
            if level + 1 == self.levels.len() {
                let root = Self::store(batch, level, parts, Some(blob))?;
                return Ok(RecipeId::from_id(root.id));
            }
            if !parts.is_empty() {
                let parent = Self::store(batch, level, parts, None)?;
                self.levels[level + 1].push(parent);
            }
        }
        unreachable!("the topmost level returns")
    }
}
