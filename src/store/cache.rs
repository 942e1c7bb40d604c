//! The last blocks that were decoded, and decoders to use again.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use crate::chunk::Decoder;
use crate::object::PackId;

/// How many blocks are kept.
const BLOCKS: usize = 64;
/// Blocks are 64 KiB to 128 KiB; one that is longer was not made by this program and is not kept.
const LONGEST: usize = 256 << 10;

/// The last blocks that were decoded, and decoders to use again.
#[derive(Default)]
pub struct BlockCache {
    blocks: Mutex<VecDeque<Cached>>,
    decoders: Mutex<Vec<Decoder>>,
}

struct Cached {
    pack: PackId,
    record: u64,
    bytes: Arc<Vec<u8>>,
}

impl BlockCache {
    /// The block at `record` of `pack`, if it was decoded lately.
    pub fn get(&self, pack: PackId, record: u64) -> Option<Arc<Vec<u8>>> {
        let mut blocks = self.blocks.lock().unwrap_or_else(PoisonError::into_inner);
        let at = blocks.iter().position(|c| c.record == record && c.pack == pack)?;
        let found = blocks.remove(at)?;
        let bytes = found.bytes.clone();
        blocks.push_front(found);
        Some(bytes)
    }

    /// Keeps a decoded block.
    pub fn put(&self, pack: PackId, record: u64, bytes: Arc<Vec<u8>>) {
        if bytes.len() > LONGEST {
            return;
        }
        let mut blocks = self.blocks.lock().unwrap_or_else(PoisonError::into_inner);
        blocks.truncate(BLOCKS - 1);
        blocks.push_front(Cached { pack, record, bytes });
    }

    /// Lends a decoder to `use_it`.
    pub fn with_decoder<T>(&self, use_it: impl FnOnce(&mut Decoder) -> T) -> T {
        let kept = self.decoders.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let mut decoder = kept.unwrap_or_default();
        let result = use_it(&mut decoder);
        self.decoders.lock().unwrap_or_else(PoisonError::into_inner).push(decoder);
        result
    }
}
