//! The fixed parts of a pack: its header, the headers of its records, its trailer.
//!
//! `docs/format.md`, "Packs", specifies every byte. All numbers are little endian.

use crate::object::{ID_LEN, Id, ObjectType, RecipeId, limits};

use super::error::PackDamage;
use super::footer::{Entry, PackKind};

/// Length of a pack's header.
pub const HEADER_LEN: usize = 16;
/// Length of a pack's trailer.
pub const TRAILER_LEN: usize = 32;
/// Length of a record's header without its table.
pub const RECORD_HEAD_LEN: usize = 24;
/// The most objects in one record.
pub const MAX_OBJECTS: usize = 4096;

const PACK_MAGIC: &[u8; 8] = b"AISRPACK";
const TRAILER_MAGIC: &[u8; 8] = b"AISRTAIL";
const RECORD_MAGIC: &[u8; 4] = b"AREC";
const TABLE_ROW_LEN: usize = 8;
const VERSION: u8 = 0;
const HASH_BLAKE3: u8 = 1;
const RECIPE_ROOT: u8 = 1;

/// The first eight bytes of a derived hash: enough to tell damage, no protection from forgery.
pub fn check(context: &str, parts: &[&[u8]]) -> [u8; 8] {
    let mut hasher = blake3::Hasher::new_derive_key(context);
    for part in parts {
        hasher.update(part);
    }
    hasher.finalize().as_bytes()[..8].try_into().expect("a hash has 32 bytes")
}

/// Eight bytes that mark the kind of thing, its version, its hash and the kind of pack.
pub fn mark(magic: &[u8; 8], kind: PackKind) -> [u8; HEADER_LEN] {
    let mut out = [0; HEADER_LEN];
    out[..8].copy_from_slice(magic);
    out[8..11].copy_from_slice(&[VERSION, HASH_BLAKE3, kind as u8]);
    out
}

/// Reads what [`mark`] writes.
pub fn read_mark(
    bytes: &[u8; HEADER_LEN],
    magic: &[u8; 8],
    name: &'static str,
) -> Result<PackKind, PackDamage> {
    if &bytes[..8] != magic {
        return Err(PackDamage::Magic(name));
    }
    let version = |what, found| Err(PackDamage::Version { what, found });
    match bytes[8..] {
        [v, ..] if v != VERSION => version("pack version", v),
        [_, h, ..] if h != HASH_BLAKE3 => version("hash", h),
        [_, _, 0, 0, 0, 0, 0, 0] => Ok(PackKind::Meta),
        [_, _, 1, 0, 0, 0, 0, 0] => Ok(PackKind::Data),
        [_, _, k, ..] => version("pack kind", k),
        _ => Err(PackDamage::Truncated),
    }
}

/// The header of a pack.
pub fn pack_header(kind: PackKind) -> [u8; HEADER_LEN] {
    mark(PACK_MAGIC, kind)
}

/// Reads the header of a pack.
pub fn read_pack_header(bytes: &[u8; HEADER_LEN]) -> Result<PackKind, PackDamage> {
    read_mark(bytes, PACK_MAGIC, "pack header")
}

/// The last bytes of a pack: where its footer is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Trailer {
    /// Where the footer starts.
    pub footer_offset: u64,
    /// How long it is.
    pub footer_len: u64,
}

impl Trailer {
    const CONTEXT: &'static str = "aisr 2026-11-24 pack trailer v1";

    /// The trailer's bytes.
    pub fn encode(&self) -> [u8; TRAILER_LEN] {
        let mut out = [0; TRAILER_LEN];
        out[..8].copy_from_slice(&self.footer_offset.to_le_bytes());
        out[8..16].copy_from_slice(&self.footer_len.to_le_bytes());
        let sum = check(Self::CONTEXT, &[&out[..16]]);
        out[16..24].copy_from_slice(&sum);
        out[24..].copy_from_slice(TRAILER_MAGIC);
        out
    }

    /// Reads the trailer of a file of `file_len` bytes.
    ///
    /// # Errors
    /// When it is damaged, or the three parts of the file do not add up to its length.
    pub fn decode(bytes: &[u8; TRAILER_LEN], file_len: u64) -> Result<Self, PackDamage> {
        if &bytes[24..] != TRAILER_MAGIC {
            return Err(PackDamage::Magic("pack trailer"));
        }
        if check(Self::CONTEXT, &[&bytes[..16]]) != bytes[16..24] {
            return Err(PackDamage::Checksum("pack trailer"));
        }
        let trailer = Self { footer_offset: u64_at(bytes, 0), footer_len: u64_at(bytes, 8) };
        let end = trailer.footer_offset.checked_add(trailer.footer_len);
        if end.and_then(|end| end.checked_add(TRAILER_LEN as u64)) != Some(file_len) {
            return Err(PackDamage::Truncated);
        }
        Ok(trailer)
    }
}

pub(super) fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(bytes[at..at + 8].try_into().expect("eight bytes"))
}

pub(super) fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(bytes[at..at + 4].try_into().expect("four bytes"))
}

/// One object of a record.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Slot {
    /// Its type.
    pub kind: ObjectType,
    /// Its length in bytes.
    pub len: u32,
    /// For the root of a recipe: the blob that the recipe claims to build.
    pub builds: Option<Id>,
}

/// What stands before the stored bytes of a record: enough to read it without the footer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RecordHeader {
    /// The number of the codec.
    pub codec: u8,
    /// The length of the stored bytes.
    pub stored: u32,
    /// Their length once decoded.
    pub decoded: u32,
    /// The objects, in the order in which they lie in the decoded bytes, without gaps.
    pub slots: Vec<Slot>,
}

impl RecordHeader {
    /// The footer's rows for a record at `offset` that holds the objects `ids`, each with its row
    /// of recipes if it is the root of one.
    pub(super) fn rows<'h>(
        &'h self,
        offset: u64,
        ids: &'h [Id],
    ) -> impl Iterator<Item = (Entry, Option<(Id, RecipeId)>)> + 'h {
        let mut next = 0;
        self.slots.iter().zip(ids).map(move |(slot, id)| {
            let start = next;
            next += slot.len;
            let entry = Entry {
                id: *id,
                record: offset,
                stored: self.stored,
                decoded: self.decoded,
                start,
                len: slot.len,
                kind: slot.kind,
                codec: self.codec,
                depth: 0,
            };
            (entry, slot.builds.map(|blob| (blob, RecipeId::from_id(*id))))
        })
    }

    const CONTEXT: &'static str = "aisr 2026-11-24 record header v1";

    /// The header's bytes.
    pub fn encode(&self, out: &mut Vec<u8>) {
        let start = out.len();
        out.extend_from_slice(RECORD_MAGIC);
        out.extend_from_slice(&[self.codec, 0]);
        out.extend_from_slice(&(self.slots.len() as u16).to_le_bytes());
        out.extend_from_slice(&self.stored.to_le_bytes());
        out.extend_from_slice(&self.decoded.to_le_bytes());
        let check_at = out.len();
        out.extend_from_slice(&[0; 8]);
        for slot in &self.slots {
            let flags = if slot.builds.is_some() { RECIPE_ROOT } else { 0 };
            out.extend_from_slice(&[slot.kind as u8, flags, 0, 0]);
            out.extend_from_slice(&slot.len.to_le_bytes());
        }
        for id in self.slots.iter().filter_map(|slot| slot.builds) {
            out.extend_from_slice(id.as_bytes());
        }
        let sum = check(Self::CONTEXT, &[&out[start..check_at], &out[check_at + 8..]]);
        out[check_at..check_at + 8].copy_from_slice(&sum);
    }

    /// The length of the table that follows the fixed part `head`, at most.
    pub fn longest_table(head: &[u8; RECORD_HEAD_LEN]) -> usize {
        usize::from(u16::from_le_bytes([head[6], head[7]])) * (TABLE_ROW_LEN + ID_LEN)
    }

    /// Reads the header at the start of `bytes`, and says how long it is.
    ///
    /// # Errors
    /// When the bytes are not a record's header, or break a limit.
    pub fn decode(bytes: &[u8]) -> Result<(Self, usize), PackDamage> {
        let head = bytes.first_chunk::<RECORD_HEAD_LEN>().ok_or(PackDamage::Truncated)?;
        if &head[..4] != RECORD_MAGIC {
            return Err(PackDamage::Magic("record"));
        }
        let count = usize::from(u16::from_le_bytes([head[6], head[7]]));
        if count == 0 || count > MAX_OBJECTS {
            return Err(PackDamage::Inconsistent("a record holds 1 to 4,096 objects"));
        }
        let table = &bytes[RECORD_HEAD_LEN..];
        let rows = table.get(..count * TABLE_ROW_LEN).ok_or(PackDamage::Truncated)?;
        let roots =
            rows.chunks_exact(TABLE_ROW_LEN).filter(|row| row[1] & RECIPE_ROOT != 0).count();
        let table_len = rows.len() + roots * ID_LEN;
        let table = table.get(..table_len).ok_or(PackDamage::Truncated)?;
        if check(Self::CONTEXT, &[&head[..16], table]) != head[16..24] {
            return Err(PackDamage::Checksum("record header"));
        }
        let (stored, decoded) = (u32_at(head, 8), u32_at(head, 12));
        if stored as usize > limits::RECORD || decoded as usize > limits::RECORD {
            return Err(PackDamage::Inconsistent("a record is over 16 MiB"));
        }
        if head[5] != 0 {
            return Err(PackDamage::Version { what: "delta depth", found: head[5] });
        }
        let mut builds = table[rows.len()..].chunks_exact(ID_LEN).map(Id::from_slice);
        let mut slots = Vec::with_capacity(count);
        for row in rows.chunks_exact(TABLE_ROW_LEN) {
            let unknown = PackDamage::Version { what: "object type", found: row[0] };
            let kind = ObjectType::from_u8(row[0]).ok_or(unknown)?;
            let builds = match row[1] {
                0 => None,
                RECIPE_ROOT if kind == ObjectType::Recipe => builds.next().flatten(),
                found => return Err(PackDamage::Version { what: "object flag", found }),
            };
            if row[2..4] != [0, 0] {
                return Err(PackDamage::Inconsistent("reserved bytes are not zero"));
            }
            slots.push(Slot { kind, len: u32_at(row, 4), builds });
        }
        let total: u64 = slots.iter().map(|slot| u64::from(slot.len)).sum();
        if total != u64::from(decoded) {
            return Err(PackDamage::Inconsistent("the objects do not fill the record"));
        }
        let header = Self { codec: head[4], stored, decoded, slots };
        Ok((header, RECORD_HEAD_LEN + table_len))
    }
}
