//! What a damaged pack still holds, record by record (`docs/format.md`, "Packs").
//!
//! A footer that hashes to the pack's name proves every row in it, so headers of records are not
//! needed. Without one, each record is read by its own header; where one is damaged, the next
//! sound one is searched for. Nothing counts that does not hash to its id.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};

use bstr::ByteSlice;

use crate::chunk::{Codec, Decoder};
use crate::disk::ReadFile;
use crate::object::{Id, Node, ObjectType, PackId, RecipeId, RecipeNode, Signed};

use super::error::Result;
use super::footer::{Entry, FOOTER_HEAD_LEN, Footer, FooterHead, PackKind};
use super::record::{
    HEADER_LEN, MAX_OBJECTS, RECORD_HEAD_LEN, RecordHeader, Slot, TRAILER_LEN, Trailer,
    read_pack_header,
};

const RECORD_MAGIC: &[u8] = b"AREC";
const FOOTER_MAGIC: &[u8] = b"AISRFOOT";
/// How much is searched at a time. What cannot be read is passed over in such steps.
const WINDOW: u64 = 64 << 10;
/// How far from the end of a file its footer is searched for.
const FOOTER_REACH: u64 = 64 << 20;

/// What a damaged pack still holds.
#[derive(Clone, Debug, Default)]
pub struct Salvaged {
    /// How many sound objects it holds.
    pub objects: u64,
    /// How many bytes these have, decoded.
    pub bytes: u64,
    /// The objects that it should hold and does not. Without a footer nobody knows.
    pub lost: Vec<(Id, ObjectType)>,
    /// Whether its footer is sound.
    pub has_footer: bool,
    /// How many records are damaged, as far as they can be told apart.
    pub broken: u64,
    /// The kind of pack.
    pub kind: Option<PackKind>,
}

/// A record in which something is sound.
pub struct SoundRecord<'a> {
    /// Its header, as it should be.
    pub header: &'a RecordHeader,
    /// Where its stored bytes lie in the file.
    pub payload: u64,
    /// Its stored bytes.
    pub stored: &'a [u8],
    /// Its objects, one behind the other.
    pub decoded: &'a [u8],
    /// For each object its id, if it is sound.
    pub ids: &'a [Option<Id>],
}

/// Hands every record of the file at `path` in which something is sound to `keep`. `name` is the
/// id that the file has as its name.
///
/// # Errors
/// Only those of `keep`: what cannot be read is damage.
pub fn salvage(
    path: &Path,
    name: PackId,
    keep: &mut dyn FnMut(&SoundRecord<'_>) -> Result<()>,
) -> Result<Salvaged> {
    let mut done = Salvaged::default();
    let opened = ReadFile::open(path).and_then(|file| Ok((file.len()?, file)));
    let Ok((len, file)) = opened else { return Ok(done) };
    done.kind = kind_of(&file);
    let mut salvage = Salvage { file: &file, decoder: Decoder::new(), seen: HashSet::new(), keep };
    match find_footer(&file, len, name) {
        Some(footer) => salvage.by_footer(footer, &mut done)?,
        None => salvage.by_headers(len, &mut done)?,
    }
    Ok(done)
}

fn kind_of(file: &ReadFile) -> Option<PackKind> {
    let mut header = [0; HEADER_LEN];
    file.read_exact_at(0, &mut header).ok()?;
    read_pack_header(&header).ok()
}

struct Salvage<'a> {
    file: &'a ReadFile,
    decoder: Decoder,
    /// What was found: a pack holds an object once.
    seen: HashSet<Id>,
    keep: &'a mut dyn FnMut(&SoundRecord<'_>) -> Result<()>,
}

impl Salvage<'_> {
    /// Every row of the footer is proven by the pack's name.
    fn by_footer(&mut self, footer: Footer, done: &mut Salvaged) -> Result<()> {
        (done.has_footer, done.kind) = (true, Some(footer.kind));
        let builds: HashMap<Id, Id> =
            footer.recipes.iter().map(|(blob, root)| (root.id(), *blob)).collect();
        let mut rows = footer.entries;
        rows.sort_unstable_by_key(|row| (row.record, row.start, row.len));
        for group in rows.chunk_by(|a, b| a.record == b.record) {
            let header = header_of(group, &builds);
            let mut bytes = Vec::new();
            header.encode(&mut bytes);
            let payload = group[0].record + bytes.len() as u64;
            // A row can be proven and yet be of a pack that nobody wrote honestly.
            let total: u64 = group.iter().map(|row| u64::from(row.len)).sum();
            let fits = group.len() <= MAX_OBJECTS && total == u64::from(header.decoded);
            let found = fits.then(|| self.decode(&header, payload)).flatten();
            let wanted = group.iter().map(|row| Some(row.id));
            let ids: Vec<_> = match &found {
                Some((_, decoded)) => objects(&header, decoded)
                    .zip(wanted)
                    .map(|((slot, object), id)| id.filter(|id| slot.kind.id_of(object) == *id))
                    .collect(),
                None => vec![None; group.len()],
            };
            let lost = group.iter().zip(&ids).filter(|(_, id)| id.is_none());
            done.lost.extend(lost.map(|(row, _)| (row.id, row.kind)));
            done.broken += u64::from(ids.iter().any(Option::is_none));
            if let Some((stored, decoded)) = found {
                self.hand_on(&header, payload, &stored, &decoded, &ids, done)?;
            }
        }
        Ok(())
    }

    /// From record to record, and past those that are damaged.
    fn by_headers(&mut self, len: u64, done: &mut Salvaged) -> Result<()> {
        let mut at = HEADER_LEN as u64;
        // Records that nobody can tell apart count as one.
        let mut lost_track = false;
        while let Some((found, skipped)) = self.next_header(at, len) {
            done.broken += u64::from(skipped && !lost_track);
            lost_track = false;
            let (header, payload) = found;
            let end = payload + u64::from(header.stored);
            let Some((stored, decoded)) = self.decode(&header, payload) else {
                done.broken += 1;
                // Its header is sound, so it says where the next one starts; but not of a file
                // that lacks some bytes.
                (at, lost_track) = match self.is_header_or_end(end, len) {
                    true => (end, false),
                    false => (payload, true),
                };
                continue;
            };
            let ids: Vec<_> = objects(&header, &decoded)
                .map(|(slot, object)| is_sound(slot, object).then(|| slot.kind.id_of(object)))
                .collect();
            done.broken += u64::from(ids.iter().any(Option::is_none));
            self.hand_on(&header, payload, &stored, &decoded, &ids, done)?;
            at = end;
        }
        Ok(())
    }

    fn is_header_or_end(&self, at: u64, len: u64) -> bool {
        at == len
            || self.header_at(at, len).is_some()
            || self.file.read_vec_at(at, 8).is_ok_and(|bytes| bytes == FOOTER_MAGIC)
    }

    fn header_at(&self, at: u64, len: u64) -> Option<(RecordHeader, u64)> {
        let room = len.checked_sub(at)?;
        let first = (RECORD_HEAD_LEN as u64 + 40).min(room);
        let mut bytes = self.file.read_vec_at(at, first).ok()?;
        let head = bytes.first_chunk::<RECORD_HEAD_LEN>()?;
        if !head.starts_with(RECORD_MAGIC) || Codec::from_u8(head[4]).is_none() {
            return None;
        }
        let longest = RECORD_HEAD_LEN + RecordHeader::longest_table(head);
        if longest > bytes.len() {
            bytes = self.file.read_vec_at(at, (longest as u64).min(room)).ok()?;
        }
        let (header, header_len) = RecordHeader::decode(&bytes).ok()?;
        Some((header, at + header_len as u64))
    }

    /// The first sound header at `at` or behind it, and whether it is not at `at`.
    fn next_header(&self, at: u64, len: u64) -> Option<((RecordHeader, u64), bool)> {
        if let Some(found) = self.header_at(at, len) {
            return Some((found, false));
        }
        let mut from = at + 1;
        while from < len {
            let room = (len - from).min(WINDOW + RECORD_MAGIC.len() as u64 - 1);
            let window = self.file.read_vec_at(from, room).unwrap_or_default();
            for offset in window.find_iter(RECORD_MAGIC) {
                let place = from + offset as u64;
                if let Some(found) = self.header_at(place, len) {
                    return Some((found, true));
                }
            }
            from += WINDOW;
        }
        None
    }

    /// The stored bytes and what they decode to.
    fn decode(&mut self, header: &RecordHeader, payload: u64) -> Option<(Vec<u8>, Vec<u8>)> {
        let stored = self.file.read_vec_at(payload, u64::from(header.stored)).ok()?;
        let decoded = decode(&mut self.decoder, header.codec, &stored, header.decoded)?;
        Some((stored, decoded))
    }

    fn hand_on(
        &mut self,
        header: &RecordHeader,
        payload: u64,
        stored: &[u8],
        decoded: &[u8],
        ids: &[Option<Id>],
        done: &mut Salvaged,
    ) -> Result<()> {
        let ids: Vec<_> = ids.iter().map(|id| id.filter(|id| self.seen.insert(*id))).collect();
        let sound = header.slots.iter().zip(&ids).filter(|(_, id)| id.is_some());
        let (count, bytes) = sound.fold((0, 0), |(n, sum), (slot, _)| (n + 1, sum + slot.len));
        if count == 0 {
            return Ok(());
        }
        done.objects += count;
        done.bytes += u64::from(bytes);
        (self.keep)(&SoundRecord { header, payload, stored, decoded, ids: &ids })
    }
}

fn decode(decoder: &mut Decoder, codec: u8, stored: &[u8], decoded: u32) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(decoded as usize);
    decoder.decode(Codec::from_u8(codec)?, stored, decoded as usize, &mut out).ok()?;
    Some(out)
}

/// The objects of a record, each with its slot.
pub(super) fn objects<'a>(
    header: &'a RecordHeader,
    decoded: &'a [u8],
) -> impl Iterator<Item = (&'a Slot, &'a [u8])> {
    let mut at = 0;
    header.slots.iter().map(move |slot| {
        let object = decoded.get(at..at + slot.len as usize).unwrap_or_default();
        at += slot.len as usize;
        (slot, object)
    })
}

/// Whether an object whose id nobody knows is one of its type at all.
fn is_sound(slot: &Slot, object: &[u8]) -> bool {
    if object.len() != slot.len as usize {
        return false;
    }
    match slot.kind {
        ObjectType::Blob => true,
        ObjectType::Node => Node::decode(object.to_vec().into()).is_ok(),
        ObjectType::Recipe => RecipeNode::decode(object)
            .is_ok_and(|node| node.builds.map(|blob| blob.id()) == slot.builds),
        _ => Signed::decode(object).is_ok(),
    }
}

/// The header of the record that these rows describe.
fn header_of(group: &[Entry], builds: &HashMap<Id, Id>) -> RecordHeader {
    let slot = |row: &Entry| Slot {
        kind: row.kind,
        len: row.len,
        builds: builds.get(&row.id).copied().filter(|_| row.kind == ObjectType::Recipe),
    };
    let Entry { codec, stored, decoded, .. } = group[0];
    RecordHeader { codec, stored, decoded, slots: group.iter().map(slot).collect() }
}

/// The footer that hashes to the pack's name, wherever it lies near the end of the file.
fn find_footer(file: &ReadFile, len: u64, name: PackId) -> Option<Footer> {
    let by_trailer = || {
        let at = len.checked_sub(TRAILER_LEN as u64)?;
        let mut trailer = [0; TRAILER_LEN];
        file.read_exact_at(at, &mut trailer).ok()?;
        footer_at(file, Trailer::decode(&trailer, len).ok()?.footer_offset, len, name)
    };
    by_trailer().or_else(|| search_footer(file, len, name))
}

fn search_footer(file: &ReadFile, len: u64, name: PackId) -> Option<Footer> {
    let mut from = len.saturating_sub(FOOTER_REACH);
    while from < len {
        let room = (len - from).min(WINDOW + FOOTER_MAGIC.len() as u64 - 1);
        let window = file.read_vec_at(from, room).unwrap_or_default();
        let mut places = window.find_iter(FOOTER_MAGIC).map(|at| from + at as u64);
        if let Some(footer) = places.find_map(|at| footer_at(file, at, len, name)) {
            return Some(footer);
        }
        from += WINDOW;
    }
    None
}

fn footer_at(file: &ReadFile, at: u64, len: u64, name: PackId) -> Option<Footer> {
    let mut head = [0; FOOTER_HEAD_LEN];
    file.read_exact_at(at, &mut head).ok()?;
    let footer_len = FooterHead::length(&head)?;
    if at.checked_add(footer_len)? > len {
        return None;
    }
    let bytes = file.read_vec_at(at, footer_len).ok()?;
    (Footer::pack_id(&bytes) == name).then_some(())?;
    Footer::decode(&bytes, at).ok()
}

/// What damaged packs still hold, to be read by id.
#[derive(Default)]
pub struct SalvageIndex {
    files: Vec<ReadFile>,
    places: HashMap<Id, Place>,
    recipes: Vec<(Id, RecipeId)>,
    /// What became of each pack, by its path.
    pub packs: Vec<(PathBuf, Salvaged)>,
}

/// Where an object lies in a damaged pack.
#[derive(Clone, Copy)]
struct Place {
    file: u32,
    payload: u64,
    codec: u8,
    kind: ObjectType,
    stored: u32,
    decoded: u32,
    start: u32,
    len: u32,
}

impl SalvageIndex {
    /// Looks through these packs. Takes about 100 bytes of memory for each object that is found.
    pub fn of<'p>(packs: impl IntoIterator<Item = (&'p Path, PackId)>) -> Self {
        let mut index = Self::default();
        for (path, id) in packs {
            index.add(path, id);
        }
        index.recipes.sort_unstable();
        index.recipes.dedup();
        index
    }

    fn add(&mut self, path: &Path, id: PackId) {
        let file = self.files.len() as u32;
        let (places, recipes) = (&mut self.places, &mut self.recipes);
        let salvaged = salvage(path, id, &mut |record| {
            let RecordHeader { codec, stored, decoded, .. } = *record.header;
            let mut start = 0;
            for (slot, id) in record.header.slots.iter().zip(record.ids) {
                let (kind, len, payload) = (slot.kind, slot.len, record.payload);
                if let Some(id) = id {
                    let place = Place { file, payload, codec, kind, stored, decoded, start, len };
                    places.insert(*id, place);
                    recipes.extend(slot.builds.map(|blob| (blob, RecipeId::from_id(*id))));
                }
                start += len;
            }
            Ok(())
        });
        if let Ok(open) = ReadFile::open(path) {
            self.files.push(open);
        }
        self.packs.push((path.into(), salvaged.unwrap_or_default()));
    }

    /// What kind of object `id` is, if it was found.
    pub fn kind(&self, id: Id) -> Option<ObjectType> {
        self.places.get(&id).map(|place| place.kind)
    }

    /// How many bytes the object `id` has, if it was found.
    pub fn size(&self, id: Id) -> Option<u64> {
        self.places.get(&id).map(|place| u64::from(place.len))
    }

    /// The object, checked against its id.
    pub fn read(&self, kind: ObjectType, id: Id) -> Option<Vec<u8>> {
        let place = self.places.get(&id).filter(|place| place.kind == kind)?;
        let file = self.files.get(place.file as usize)?;
        let stored = file.read_vec_at(place.payload, u64::from(place.stored)).ok()?;
        let decoded = decode(&mut Decoder::new(), place.codec, &stored, place.decoded)?;
        let start = place.start as usize;
        let object = decoded.get(start..start + place.len as usize)?;
        (kind.id_of(object) == id).then(|| object.to_vec())
    }

    /// Every (blob, root of a recipe) that was found.
    pub fn recipes(&self) -> &[(Id, RecipeId)] {
        &self.recipes
    }

    /// Whether nothing was found.
    pub fn is_empty(&self) -> bool {
        self.places.is_empty()
    }
}
