//! A new pack out of what a damaged one still holds.

use std::ffi::OsString;
use std::path::Path;

use crate::chunk::{ContentHint, Encoder};
use crate::disk::{Dir, Disk, NewFile, OnExisting};
use crate::object::{Id, PackId};

use super::error::Result;
use super::footer::{Footer, PackKind};
use super::record::{HEADER_LEN, RecordHeader, Trailer, pack_header};
use super::salvage::{Salvaged, SoundRecord, objects, salvage};

/// A pack that is written and has no name yet. Dropped, it goes.
pub struct PackDraft {
    file: NewFile,
    id: PackId,
}

impl PackDraft {
    /// The id that its footer gives it. It is that of the damaged pack where nothing is lost.
    pub fn id(&self) -> PackId {
        self.id
    }

    /// Makes it durable and names it, in the folder of packs.
    ///
    /// # Errors
    /// When the disk says no.
    pub fn name_in(self, packs: &Dir) -> Result<()> {
        let name = format!("{}.pack", self.id);
        Ok(self.file.persist_in(packs, name, OnExisting::Replace)?)
    }

    /// Makes it durable and lets it change places with what has its name, so that its objects are
    /// never missing. Gives the temporary name of what was swapped out.
    ///
    /// # Errors
    /// When the disk says no.
    pub fn exchange_in(self, packs: &Dir) -> Result<OsString> {
        self.file.sync()?;
        let name = format!("{}.pack", self.id);
        let out = self.file.exchange_with(packs, name)?;
        packs.sync()?;
        Ok(out)
    }
}

/// Writes what is sound in the pack at `path`, whose name is `name`, to a draft in the folder
/// `packs`; none where nothing is. Records that are whole are copied as they are stored.
///
/// # Errors
/// When the disk does not let itself be written; what cannot be read is damage.
pub fn draft_pack(
    disk: &Disk,
    packs: &Path,
    path: &Path,
    name: PackId,
) -> Result<(Salvaged, Option<PackDraft>)> {
    let file = disk.create_temporary(packs, 0o444)?;
    let mut writer = DraftWriter {
        file: &file,
        next: HEADER_LEN as u64,
        footer: Footer {
            kind: PackKind::Meta,
            records: 0,
            offset: 0,
            entries: Vec::new(),
            recipes: Vec::new(),
        },
        encoder: Encoder::new(),
    };
    let salvaged = salvage(path, name, &mut |record| writer.add(record))?;
    let DraftWriter { next, mut footer, .. } = writer;
    if footer.records == 0 {
        return Ok((salvaged, None));
    }
    footer.kind = salvaged.kind.unwrap_or(PackKind::Meta);
    footer.offset = next;
    let mut bytes = footer.encode();
    let id = Footer::pack_id(&bytes);
    let trailer = Trailer { footer_offset: next, footer_len: bytes.len() as u64 };
    bytes.extend_from_slice(&trailer.encode());
    file.write_all_at(0, &pack_header(footer.kind))?;
    file.write_all_at(next, &bytes)?;
    Ok((salvaged, Some(PackDraft { file, id })))
}

struct DraftWriter<'f> {
    file: &'f NewFile,
    next: u64,
    footer: Footer,
    encoder: Encoder,
}

impl DraftWriter<'_> {
    fn add(&mut self, record: &SoundRecord<'_>) -> Result<()> {
        if record.ids.iter().all(Option::is_some) {
            let ids: Vec<_> = record.ids.iter().flatten().copied().collect();
            return self.write(record.header, &ids, record.stored);
        }
        // What is damaged is left out, so the rest is coded anew.
        let (mut slots, mut ids, mut decoded) = (Vec::new(), Vec::new(), Vec::new());
        for ((slot, object), id) in objects(record.header, record.decoded).zip(record.ids) {
            let Some(id) = id else { continue };
            slots.push(*slot);
            ids.push(*id);
            decoded.extend_from_slice(object);
        }
        let mut stored = Vec::new();
        let codec = self.encoder.encode(ContentHint::Block, &decoded, &mut stored) as u8;
        let (stored_len, decoded) = (stored.len() as u32, decoded.len() as u32);
        let header = RecordHeader { codec, stored: stored_len, decoded, slots };
        self.write(&header, &ids, &stored)
    }

    fn write(&mut self, header: &RecordHeader, ids: &[Id], stored: &[u8]) -> Result<()> {
        let offset = self.next;
        for (entry, root) in header.rows(offset, ids) {
            self.footer.entries.push(entry);
            self.footer.recipes.extend(root);
        }
        let mut bytes = Vec::with_capacity(stored.len() + 64);
        header.encode(&mut bytes);
        bytes.extend_from_slice(stored);
        self.file.write_all_at(offset, &bytes)?;
        self.next += bytes.len() as u64;
        self.footer.records += 1;
        Ok(())
    }
}
