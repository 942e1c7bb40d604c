//! Blobs read at any place, and where two of them differ.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

use crate::object::{BlobId, DecodeError, Part, RecipeId, RecipeNode};

use super::blob::{Blob, ChunkRef};
use super::error::{Result, StoreError};
use super::lookup::{Reason, Store};

/// How many bytes of decoded chunks are kept, beside the last one.
const CHUNK_BYTES: usize = 2 << 20;
/// How many nodes of a recipe are kept. One has up to 1,024 parts where this program wrote it.
const NODES: usize = 24;

/// A blob that can be read at any place. It keeps a few decoded chunks and nodes of its recipe, so
/// its memory does not grow with the blob.
pub struct BlobReader {
    store: Arc<Store>,
    id: BlobId,
    form: Form,
    cache: Mutex<Cache>,
}

enum Form {
    Whole(Arc<Vec<u8>>),
    Chunked(Arc<Parts>),
}

/// A node of a recipe, with the place of each part.
struct Parts {
    level: u8,
    parts: Vec<Part>,
    /// Where each part starts, from the beginning of the node.
    starts: Vec<u64>,
    total: u64,
}

#[derive(Default)]
struct Cache {
    chunks: VecDeque<(BlobId, Arc<Vec<u8>>)>,
    bytes: usize,
    nodes: VecDeque<(RecipeId, Arc<Parts>)>,
}

impl Parts {
    fn new(node: RecipeNode) -> Self {
        let mut total = 0;
        let starts = node.parts.iter().map(|part| {
            let start = total;
            total += part.len;
            start
        });
        let starts = starts.collect();
        Self { level: node.level, parts: node.parts, starts, total }
    }

    /// The part that holds the byte at `at`, and where it starts.
    fn find(&self, at: u64) -> Option<(Part, u64)> {
        let nth = self.starts.partition_point(|start| *start <= at).checked_sub(1)?;
        Some((*self.parts.get(nth)?, *self.starts.get(nth)?))
    }
}

impl BlobReader {
    /// Opens a blob. As for [`Store::blob`], a recipe counts only once it is known to be true.
    ///
    /// # Errors
    /// When the blob is absent, or no recipe builds it.
    pub fn open(store: Arc<Store>, id: BlobId) -> Result<Self> {
        let form = match store.blob(id)? {
            Blob::Whole(bytes) => Form::Whole(Arc::new(bytes)),
            Blob::Chunked(_) => {
                let root = store.true_root(id)?;
                let root = root.ok_or_else(|| store.absent("blob", id.id(), Reason::Missing))?;
                let node = store.recipe_node(root)?;
                if node.builds != Some(id) {
                    let source =
                        DecodeError::Invalid { field: "b", why: "not the blob of its row" };
                    return Err(StoreError::Recipe { id: root, source });
                }
                Form::Chunked(Arc::new(Parts::new(node)))
            }
        };
        Ok(Self { store, id, form, cache: Mutex::default() })
    }

    /// The blob's id.
    pub fn id(&self) -> BlobId {
        self.id
    }

    /// The blob's length in bytes.
    pub fn len(&self) -> u64 {
        match &self.form {
            Form::Whole(bytes) => bytes.len() as u64,
            Form::Chunked(root) => root.total,
        }
    }

    /// Whether there are no bytes.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The chunk that holds the byte at `offset`; `None` past the end. A blob in one piece is one
    /// chunk.
    ///
    /// # Errors
    /// When a node of the recipe is absent, damaged, or does not fit the node above it.
    pub fn chunk_at(&self, offset: u64) -> Result<Option<ChunkRef>> {
        let len = self.len();
        if offset >= len {
            return Ok(None);
        }
        let mut node = match &self.form {
            Form::Whole(_) => return Ok(Some(ChunkRef { offset: 0, len, id: self.id })),
            Form::Chunked(root) => Arc::clone(root),
        };
        let mut base = 0;
        loop {
            let Some((part, start)) = node.find(offset - base) else { return Ok(None) };
            base += start;
            if node.level == 0 {
                let id = BlobId::from_id(part.id);
                return Ok(Some(ChunkRef { offset: base, len: part.len, id }));
            }
            node = self.node(part, node.level)?;
        }
    }

    /// Fills the buffer with what lies at `offset`; gives how much, less only at the end.
    ///
    /// # Errors
    /// When a chunk or a node of the recipe is absent or damaged.
    pub fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<usize> {
        let mut done = 0;
        while done < buffer.len() {
            let at = offset.saturating_add(done as u64);
            let Some(chunk) = self.chunk_at(at)? else { break };
            let bytes = self.chunk(&chunk)?;
            // The chunk holds the byte at `at`, and was checked to be as long as it says.
            let rest = bytes.get((at - chunk.offset) as usize..).unwrap_or_default();
            let len = rest.len().min(buffer.len() - done);
            buffer[done..done + len].copy_from_slice(&rest[..len]);
            done += len;
        }
        Ok(done)
    }

    /// The stretches, in order, outside of which both blobs hold the same bytes at the same
    /// places, as their recipes say: equal nodes are not read. Chunks count as equal where they
    /// start at one place.
    ///
    /// # Errors
    /// When a node of a recipe is absent, damaged, or does not fit the node above it.
    pub fn differences(&self, other: &Self) -> Result<Vec<Range<u64>>> {
        let mut found = Vec::new();
        if self.id == other.id {
            return Ok(found);
        }
        let (mut ours, mut theirs) = (Walk::new(self), Walk::new(other));
        while let (Some(a), Some(b)) = (ours.front(), theirs.front()) {
            if a == b {
                ours.skip();
                theirs.skip();
            } else if a.height > 0 || b.height > 0 {
                if a.height >= b.height {
                    ours.descend()?;
                }
                if b.height >= a.height {
                    theirs.descend()?;
                }
            } else {
                let (a_end, b_end) = (a.offset + a.len, b.offset + b.len);
                push(&mut found, a.offset.max(b.offset)..a_end.min(b_end));
                if a_end <= b_end {
                    ours.skip();
                }
                if b_end <= a_end {
                    theirs.skip();
                }
            }
        }
        let (a, b) = (self.len(), other.len());
        if a != b {
            push(&mut found, a.min(b)..a.max(b));
        }
        Ok(found)
    }

    /// How many nodes of the recipe are at hand.
    #[cfg(test)]
    pub(super) fn nodes_read(&self) -> usize {
        self.cache.lock().unwrap_or_else(PoisonError::into_inner).nodes.len()
    }

    fn chunk(&self, chunk: &ChunkRef) -> Result<Arc<Vec<u8>>> {
        if let Form::Whole(bytes) = &self.form {
            return Ok(Arc::clone(bytes));
        }
        {
            let mut cache = self.cache.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(at) = cache.chunks.iter().position(|(id, _)| *id == chunk.id)
                && let Some(found) = cache.chunks.remove(at)
            {
                let bytes = Arc::clone(&found.1);
                cache.chunks.push_front(found);
                return Ok(bytes);
            }
        }
        let bytes = Arc::new(self.store.read_chunk(chunk)?);
        let mut cache = self.cache.lock().unwrap_or_else(PoisonError::into_inner);
        cache.bytes += bytes.len();
        cache.chunks.push_front((chunk.id, Arc::clone(&bytes)));
        while cache.bytes > CHUNK_BYTES && cache.chunks.len() > 1 {
            let gone = cache.chunks.pop_back().map_or(0, |(_, bytes)| bytes.len());
            cache.bytes -= gone;
        }
        Ok(bytes)
    }

    /// The node that `part` of a node of the level `above` names.
    fn node(&self, part: Part, above: u8) -> Result<Arc<Parts>> {
        let id = RecipeId::from_id(part.id);
        let known = {
            let mut cache = self.cache.lock().unwrap_or_else(PoisonError::into_inner);
            let at = cache.nodes.iter().position(|(node, _)| *node == id);
            at.and_then(|at| cache.nodes.remove(at)).map(|found| {
                let node = Arc::clone(&found.1);
                cache.nodes.push_front(found);
                node
            })
        };
        let node = match known {
            Some(node) => node,
            None => {
                let node = self.store.recipe_node(id)?;
                if node.builds.is_some() {
                    return Err(misfit(id));
                }
                let node = Arc::new(Parts::new(node));
                let mut cache = self.cache.lock().unwrap_or_else(PoisonError::into_inner);
                cache.nodes.truncate(NODES - 1);
                cache.nodes.push_front((id, Arc::clone(&node)));
                node
            }
        };
        if node.level + 1 != above || node.total != part.len {
            return Err(misfit(id));
        }
        Ok(node)
    }
}

fn misfit(id: RecipeId) -> StoreError {
    let source = DecodeError::Invalid { field: "n", why: "does not fit the node above it" };
    StoreError::Recipe { id, source }
}

fn push(ranges: &mut Vec<Range<u64>>, range: Range<u64>) {
    match ranges.last_mut() {
        Some(last) if last.end >= range.start => last.end = last.end.max(range.end),
        _ => ranges.push(range),
    }
}

/// What comes next in a recipe: a chunk (height 0), or a node of level `height - 1`.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Front {
    offset: u64,
    len: u64,
    height: u8,
    id: crate::object::Id,
}

/// A walk through a recipe that can pass over whole nodes.
struct Walk<'r> {
    reader: &'r BlobReader,
    /// The nodes on the way, each with where it starts and the part that comes next.
    stack: Vec<(Arc<Parts>, u64, usize)>,
    /// A blob in one piece that is still to come.
    whole: bool,
}

impl<'r> Walk<'r> {
    fn new(reader: &'r BlobReader) -> Self {
        match &reader.form {
            Form::Whole(_) => Self { reader, stack: Vec::new(), whole: !reader.is_empty() },
            Form::Chunked(root) => {
                Self { reader, stack: vec![(Arc::clone(root), 0, 0)], whole: false }
            }
        }
    }

    fn front(&mut self) -> Option<Front> {
        if self.whole {
            let (len, id) = (self.reader.len(), self.reader.id.id());
            return Some(Front { offset: 0, len, height: 0, id });
        }
        loop {
            let (node, base, next) = self.stack.last()?;
            if let (Some(part), Some(start)) = (node.parts.get(*next), node.starts.get(*next)) {
                let (offset, height) = (base + start, node.level);
                return Some(Front { offset, len: part.len, height, id: part.id });
            }
            self.stack.pop();
        }
    }

    fn skip(&mut self) {
        self.whole = false;
        if let Some((_, _, next)) = self.stack.last_mut() {
            *next += 1;
        }
    }

    /// Goes into the node that is in front.
    fn descend(&mut self) -> Result<()> {
        let Some(front) = self.front() else { return Ok(()) };
        let part = Part { len: front.len, id: front.id };
        let node = self.reader.node(part, front.height)?;
        self.skip();
        self.stack.push((node, front.offset, 0));
        Ok(())
    }
}
