//! A pack's footer: the index of its objects, sorted by id, of fixed width, so that it is searched
//! where it lies.
//!
//! `docs/format.md`, "Packs", specifies every byte.

use std::cmp::Ordering;

use crate::object::{ID_LEN, Id, ObjectType, PackId, RecipeId, limits};

use super::error::PackDamage;
use super::record::{HEADER_LEN, mark, read_mark, u32_at, u64_at};

/// Length of the fixed part of a footer.
pub const FOOTER_HEAD_LEN: usize = 48;
/// Length of an object's row.
pub const ENTRY_LEN: usize = 60;
/// Length of a recipe's row.
pub const RECIPE_ROW_LEN: usize = 2 * ID_LEN;

const MAGIC: &[u8; 8] = b"AISRFOOT";

/// What a pack is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum PackKind {
    /// Nodes, signed objects, recipes and small blobs.
    Meta = 0,
    /// Chunks of large blobs.
    Data = 1,
}

/// Where an object lies in a pack.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Entry {
    /// Its id.
    pub id: Id,
    /// Where its record starts.
    pub record: u64,
    /// Length of the record's stored bytes.
    pub stored: u32,
    /// Their length once decoded.
    pub decoded: u32,
    /// Where the object starts in the decoded bytes.
    pub start: u32,
    /// Its length.
    pub len: u32,
    /// Its type.
    pub kind: ObjectType,
    /// The number of the record's codec.
    pub codec: u8,
    /// How many deltas it stands on.
    pub depth: u8,
}

impl Entry {
    /// Appends the row.
    pub fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.id.as_bytes());
        out.extend_from_slice(&self.record.to_le_bytes());
        for number in [self.stored, self.decoded, self.start, self.len] {
            out.extend_from_slice(&number.to_le_bytes());
        }
        out.extend_from_slice(&[self.kind as u8, self.codec, self.depth, 0]);
    }

    /// Reads a row.
    ///
    /// # Errors
    /// When a number is over its limit or contradicts another.
    pub fn decode(row: &[u8; ENTRY_LEN]) -> Result<Self, PackDamage> {
        let unknown = PackDamage::Version { what: "object type", found: row[56] };
        let entry = Self {
            id: Id::from_slice(&row[..ID_LEN]).expect("the row has an id"),
            record: u64_at(row, 32),
            stored: u32_at(row, 40),
            decoded: u32_at(row, 44),
            start: u32_at(row, 48),
            len: u32_at(row, 52),
            kind: ObjectType::from_u8(row[56]).ok_or(unknown)?,
            codec: row[57],
            depth: row[58],
        };
        let end = entry.start.checked_add(entry.len);
        if row[59] != 0 || entry.depth > limits::DELTA_DEPTH {
            return Err(PackDamage::Inconsistent("a row of the footer is not sound"));
        }
        if entry.decoded as usize > limits::RECORD
            || entry.stored as usize > limits::RECORD
            || end.is_none_or(|end| end > entry.decoded)
        {
            return Err(PackDamage::Inconsistent("an object does not lie inside its record"));
        }
        Ok(entry)
    }
}

/// A footer, whole.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Footer {
    /// The kind of pack.
    pub kind: PackKind,
    /// How many records the pack has.
    pub records: u64,
    /// Where the footer starts.
    pub offset: u64,
    /// The objects, by ascending id.
    pub entries: Vec<Entry>,
    /// (blob, root of a recipe that claims to build it), ascending.
    pub recipes: Vec<(Id, RecipeId)>,
}

/// The counts in the fixed part of a footer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FooterHead {
    /// The kind of pack.
    pub kind: PackKind,
    /// How many objects.
    pub objects: u64,
    /// How many recipes.
    pub recipes: u64,
    /// How many records.
    pub records: u64,
}

impl FooterHead {
    /// The length that a footer with this fixed part has by its own counts.
    pub fn length(bytes: &[u8; FOOTER_HEAD_LEN]) -> Option<u64> {
        let rows = u64_at(bytes, 16).checked_mul(ENTRY_LEN as u64)?;
        let recipes = u64_at(bytes, 24).checked_mul(RECIPE_ROW_LEN as u64)?;
        rows.checked_add(recipes)?.checked_add(FOOTER_HEAD_LEN as u64)
    }

    /// Reads the fixed part of the footer that starts at `offset` and is `len` bytes long.
    pub fn decode(
        bytes: &[u8; FOOTER_HEAD_LEN],
        offset: u64,
        len: u64,
    ) -> Result<Self, PackDamage> {
        let mark = bytes.first_chunk::<HEADER_LEN>().expect("the head is longer than the mark");
        let kind = read_mark(mark, MAGIC, "pack footer")?;
        let head = Self {
            kind,
            objects: u64_at(bytes, 16),
            recipes: u64_at(bytes, 24),
            records: u64_at(bytes, 32),
        };
        if Self::length(bytes) != Some(len) || u64_at(bytes, 40) != offset {
            return Err(PackDamage::Inconsistent("the footer's counts do not fit its length"));
        }
        Ok(head)
    }
}

impl Footer {
    /// The footer's bytes; sorts the tables first.
    pub fn encode(&mut self) -> Vec<u8> {
        self.entries.sort_unstable_by_key(|entry| entry.id);
        self.recipes.sort_unstable();
        let rows = self.entries.len() * ENTRY_LEN + self.recipes.len() * RECIPE_ROW_LEN;
        let mut out = Vec::with_capacity(FOOTER_HEAD_LEN + rows);
        out.extend_from_slice(&mark(MAGIC, self.kind));
        for n in [self.entries.len() as u64, self.recipes.len() as u64, self.records, self.offset] {
            out.extend_from_slice(&n.to_le_bytes());
        }
        for entry in &self.entries {
            entry.encode(&mut out);
        }
        for (blob, root) in &self.recipes {
            out.extend_from_slice(blob.as_bytes());
            out.extend_from_slice(root.as_bytes());
        }
        out
    }

    /// Reads a whole footer.
    ///
    /// # Errors
    /// When the bytes are not the footer that starts at `offset` of a pack.
    pub fn decode(bytes: &[u8], offset: u64) -> Result<Self, PackDamage> {
        let head = bytes.first_chunk::<FOOTER_HEAD_LEN>().ok_or(PackDamage::Truncated)?;
        let head = FooterHead::decode(head, offset, bytes.len() as u64)?;
        let (rows, recipes) = bytes[FOOTER_HEAD_LEN..].split_at(head.objects as usize * ENTRY_LEN);
        let mut entries = Vec::with_capacity(head.objects as usize);
        for row in rows.as_chunks::<ENTRY_LEN>().0 {
            let entry = Entry::decode(row)?;
            if entry.record < HEADER_LEN as u64 || entry.record >= offset {
                return Err(PackDamage::Inconsistent("a record lies outside the pack"));
            }
            entries.push(entry);
        }
        let recipes: Vec<_> = recipes
            .as_chunks::<RECIPE_ROW_LEN>()
            .0
            .iter()
            .map(|row| {
                let (blob, root) = row.split_at(ID_LEN);
                let id = |half| Id::from_slice(half).expect("half a row is an id");
                (id(blob), RecipeId::from_id(id(root)))
            })
            .collect();
        let ascending = entries.is_sorted_by(|a, b| a.id.cmp(&b.id) == Ordering::Less)
            && recipes.is_sorted_by(|a, b| a < b);
        if !ascending {
            return Err(PackDamage::Inconsistent("the footer is not in order"));
        }
        Ok(Self { kind: head.kind, records: head.records, offset, entries, recipes })
    }

    /// The id of the pack whose footer this is.
    pub fn pack_id(bytes: &[u8]) -> PackId {
        PackId::of(bytes)
    }
}
