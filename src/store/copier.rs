//! Copies objects out of packs into new ones.

use crate::chunk::{ContentHint, Encoder};
use crate::object::{Id, PackId};

use super::block::{BLOCK, Block, Blocks, Class};
use super::error::{PackDamage, Result, StoreError};
use super::footer::{Entry, PackKind};
use super::lease::UpkeepLock;
use super::lookup::Store;
use super::pack_file::PackFile;
use super::pack_writer::{PackWriter, Purpose};
use super::record::{RecordHeader, Slot};

/// Copies objects out of packs into new ones. A record that is copied whole stays as it is stored;
/// small objects out of blocks that are partly copied, or less than half full, are gathered into
/// new blocks, each class into its own. Each object is hashed on the way.
pub struct Copier<'s> {
    store: &'s Store,
    writer: PackWriter<'s>,
    encoder: Encoder,
    blocks: Blocks,
}

impl<'s> Copier<'s> {
    /// One that has copied nothing yet.
    pub fn new(store: &'s Store, _upkeep: &UpkeepLock) -> Self {
        let writer = PackWriter::new(store, Purpose::Copied);
        Self { store, writer, encoder: Encoder::new(), blocks: Blocks::default() }
    }

    /// Copies what `wanted` picks, by the number of its row in the footer.
    ///
    /// # Errors
    /// When the pack is damaged where something wanted lies, or the disk says no.
    pub fn copy(
        &mut self,
        pack: &PackFile,
        wanted: &mut dyn FnMut(u64, &Entry) -> bool,
    ) -> Result<()> {
        let footer = pack.footer()?;
        let rows = footer.entries.into_iter().enumerate();
        let mut rows: Vec<(Entry, bool)> =
            rows.map(|(row, entry)| (entry, wanted(row as u64, &entry))).collect();
        // An object of no length starts where the one behind it does.
        rows.sort_unstable_by_key(|(entry, _)| (entry.record, entry.start, entry.len));
        for record in rows.chunk_by(|(a, _), (b, _)| a.record == b.record) {
            if record.iter().any(|(_, wanted)| *wanted) {
                self.record(pack, record)?;
            }
        }
        Ok(())
    }

    fn record(&mut self, pack: &PackFile, rows: &[(Entry, bool)]) -> Result<()> {
        let offset = rows[0].0.record;
        let (header, at) = pack.record_header(offset)?;
        let agree = header.slots.len() == rows.len()
            && header.slots.iter().zip(rows).all(|(slot, (entry, _))| {
                let row = (entry.kind, entry.len, entry.codec, entry.stored, entry.decoded);
                row == (slot.kind, slot.len, header.codec, header.stored, header.decoded)
            });
        if !agree {
            let damage = PackDamage::Inconsistent("footer and record do not agree");
            return Err(StoreError::Damaged { pack: pack.id().to_hex(), offset, damage });
        }
        let stored = pack.stored_at(at, header.stored)?;
        let coded = stored.clone();
        let bytes = self.store.decode_bytes(pack, offset, header.codec, coded, header.decoded)?;
        let object =
            |entry: &Entry| &bytes[entry.start as usize..(entry.start + entry.len) as usize];
        for (entry, _) in rows.iter().filter(|(_, wanted)| *wanted) {
            if entry.kind.id_of(object(entry)) != entry.id {
                let (pack, id, kind) = (pack.id(), entry.id, entry.kind);
                return Err(StoreError::WrongId { pack, offset, id, kind });
            }
        }
        let whole = rows.iter().all(|(_, wanted)| *wanted);
        let class = Class::of(header.slots[0].kind);
        let is_pure = header.slots.iter().all(|slot| Class::of(slot.kind) == class);
        let full = if is_pure { class.full() } else { BLOCK };
        if whole && (pack.kind() == PackKind::Data || header.decoded as usize >= full / 2) {
            let ids: Vec<Id> = rows.iter().map(|(entry, _)| entry.id).collect();
            return self.append(pack.kind(), &header, &ids, &stored);
        }
        for (slot, (entry, _)) in header.slots.iter().zip(rows).filter(|(_, (_, wanted))| *wanted) {
            self.gather(pack.kind(), *slot, entry.id, object(entry))?;
        }
        Ok(())
    }

    fn append(
        &mut self,
        kind: PackKind,
        header: &RecordHeader,
        ids: &[Id],
        stored: &[u8],
    ) -> Result<()> {
        let mut record = Vec::with_capacity(stored.len() + 64);
        header.encode(&mut record);
        record.extend_from_slice(stored);
        self.writer.append(kind, header, ids, &record)
    }

    fn gather(&mut self, kind: PackKind, slot: Slot, id: Id, bytes: &[u8]) -> Result<()> {
        if kind == PackKind::Data || bytes.len() >= BLOCK {
            let one = Block { bytes: bytes.to_vec(), slots: vec![slot], ids: vec![id] };
            let hint =
                if kind == PackKind::Data { ContentHint::Unknown } else { ContentHint::Block };
            return self.encode(kind, hint, &one);
        }
        let class = Class::of(slot.kind);
        let block = self.blocks.of(class);
        block.push(slot, id, bytes);
        if block.is_full(class) { self.flush(class) } else { Ok(()) }
    }

    fn flush(&mut self, class: Class) -> Result<()> {
        let mut block = std::mem::take(self.blocks.of(class));
        if !block.is_empty() {
            self.encode(PackKind::Meta, ContentHint::Block, &block)?;
        }
        block.clear();
        *self.blocks.of(class) = block;
        Ok(())
    }

    fn encode(&mut self, kind: PackKind, hint: ContentHint, objects: &Block) -> Result<()> {
        let mut coded = Vec::new();
        let codec = self.encoder.encode(hint, &objects.bytes, &mut coded);
        let header = RecordHeader {
            codec: codec as u8,
            stored: coded.len() as u32,
            decoded: objects.bytes.len() as u32,
            slots: objects.slots.clone(),
        };
        self.append(kind, &header, &objects.ids, &coded)
    }

    /// Makes the copies durable. Gives the packs that hold them, and how many bytes were written.
    ///
    /// # Errors
    /// When the disk says no; nothing but whole packs has a name then.
    pub fn finish(mut self) -> Result<(Vec<PackId>, u64)> {
        Class::ALL.into_iter().try_for_each(|class| self.flush(class))?;
        let written = self.writer.finish()?;
        Ok((written.packs, written.bytes))
    }
}
