//! One thread's way into the packs: collects small objects into blocks, codes and appends them.

use crate::chunk::{ContentHint, Encoder};
use crate::object::{BlobId, Id, NodeId, ObjectType, RecipeId};

use super::block::{BLOCK, Block, Blocks, Class};
use super::error::Result;
use super::footer::PackKind;
use super::lookup::Store;
use super::pack_writer::PackWriter;
use super::record::{RecordHeader, Slot};

/// One thread's way into the packs.
///
/// What it holds is written when a block is full or on [`Batch::flush`]; dropping it unflushed
/// loses objects that others already count as pending, so the last thing every thread does is to
/// flush.
pub struct Batch<'w, 's> {
    writer: &'w PackWriter<'s>,
    encoder: Encoder,
    blocks: Blocks,
    record: Vec<u8>,
    coded: Vec<u8>,
}

impl<'w, 's> Batch<'w, 's> {
    /// A batch without objects.
    pub fn new(writer: &'w PackWriter<'s>) -> Self {
        Self {
            writer,
            encoder: Encoder::new(),
            blocks: Blocks::default(),
            record: Vec::new(),
            coded: Vec::new(),
        }
    }

    /// Stores a whole blob, unless it is there. Gives its id.
    ///
    /// # Errors
    /// When the disk says no, here or in another thread.
    pub fn blob(&mut self, bytes: &[u8], hint: ContentHint) -> Result<BlobId> {
        let id = BlobId::of(bytes);
        self.put(ObjectType::Blob, id.id(), bytes, hint)?;
        Ok(id)
    }

    /// Stores an object of any type under its id, unless it is there.
    ///
    /// # Errors
    /// As [`Batch::blob`].
    pub fn put(&mut self, kind: ObjectType, id: Id, bytes: &[u8], hint: ContentHint) -> Result<()> {
        if self.writer.claim(id)? {
            self.add(Slot { kind, len: bytes.len() as u32, builds: None }, id, bytes, hint)?;
        }
        Ok(())
    }

    /// Stores a map node, unless it is there.
    ///
    /// # Errors
    /// As [`Batch::blob`].
    pub fn node(&mut self, id: NodeId, bytes: &[u8]) -> Result<()> {
        self.put(ObjectType::Node, id.id(), bytes, ContentHint::Block)
    }

    /// Stores a node of a recipe; `builds` is the blob of a root.
    ///
    /// # Errors
    /// As [`Batch::blob`].
    pub fn recipe(&mut self, id: RecipeId, bytes: &[u8], builds: Option<BlobId>) -> Result<()> {
        if self.writer.claim(id.id())? {
            let builds = builds.map(|blob| blob.id());
            let slot = Slot { kind: ObjectType::Recipe, len: bytes.len() as u32, builds };
            self.add(slot, id.id(), bytes, ContentHint::Block)?;
        }
        Ok(())
    }

    /// Stores a chunk of a large blob, unless it is there. Gives its id.
    ///
    /// # Errors
    /// As [`Batch::blob`].
    pub fn chunk(&mut self, bytes: &[u8], hint: ContentHint) -> Result<BlobId> {
        let id = BlobId::of(bytes);
        self.put_chunk(id, bytes, hint)?;
        Ok(id)
    }

    /// The same, but what no pack holds is stored only if `passes` says so. Gives the id, and whether
    /// the store has or gets the chunk.
    ///
    /// # Errors
    /// As [`Batch::blob`].
    pub fn chunk_if(
        &mut self,
        bytes: &[u8],
        hint: ContentHint,
        passes: impl FnOnce() -> bool,
    ) -> Result<(BlobId, bool)> {
        let id = BlobId::of(bytes);
        if self.writer.store().is_present(id.id())? {
            return Ok((id, true));
        }
        if !passes() {
            return Ok((id, false));
        }
        self.put_chunk(id, bytes, hint)?;
        Ok((id, true))
    }

    fn put_chunk(&mut self, id: BlobId, bytes: &[u8], hint: ContentHint) -> Result<()> {
        if self.writer.claim(id.id())? {
            let slot = Slot { kind: ObjectType::Blob, len: bytes.len() as u32, builds: None };
            self.write(PackKind::Data, &[slot], &[id.id()], bytes, hint)?;
        }
        Ok(())
    }

    /// The store that is written to.
    pub fn store(&self) -> &'s Store {
        self.writer.store()
    }

    /// Whether a pack holds this blob already. What is only on its way does not count.
    ///
    /// # Errors
    /// When a pack cannot be searched.
    pub fn holds(&self, id: BlobId) -> Result<bool> {
        self.writer.store().has_blob(id)
    }

    fn add(&mut self, slot: Slot, id: Id, bytes: &[u8], hint: ContentHint) -> Result<()> {
        if bytes.len() >= BLOCK {
            return self.write(PackKind::Meta, &[slot], &[id], bytes, hint);
        }
        let class = Class::of(slot.kind);
        let block = self.blocks.of(class);
        block.push(slot, id, bytes);
        if block.is_full(class) { self.write_block(class) } else { Ok(()) }
    }

    /// Writes what is collected.
    ///
    /// # Errors
    /// As [`Batch::blob`].
    pub fn flush(&mut self) -> Result<()> {
        self.blocks.join_if_short();
        Class::ALL.into_iter().try_for_each(|class| self.write_block(class))
    }

    fn write_block(&mut self, class: Class) -> Result<()> {
        let mut block = std::mem::take(self.blocks.of(class));
        let Block { bytes, slots, ids } = &block;
        let result = match block.is_empty() {
            true => Ok(()),
            false => self.write(PackKind::Meta, slots, ids, bytes, ContentHint::Block),
        };
        block.clear();
        *self.blocks.of(class) = block;
        result
    }

    fn write(
        &mut self,
        kind: PackKind,
        slots: &[Slot],
        ids: &[Id],
        bytes: &[u8],
        hint: ContentHint,
    ) -> Result<()> {
        self.coded.clear();
        let codec = self.encoder.encode(hint, bytes, &mut self.coded);
        let header = RecordHeader {
            codec: codec as u8,
            stored: self.coded.len() as u32,
            decoded: bytes.len() as u32,
            slots: slots.to_vec(),
        };
        self.record.clear();
        header.encode(&mut self.record);
        self.record.extend_from_slice(&self.coded);
        self.writer.append(kind, &header, ids, &self.record)
    }
}
