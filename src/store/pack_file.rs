//! A named pack, opened for reading.

use std::borrow::Cow;
use std::ops::RangeInclusive;
use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::SystemTime;

use crate::disk::ReadFile;
use crate::object::{Id, PackId, RecipeId};

use super::error::{PackDamage, Result, StoreError};
use super::footer::{
    ENTRY_LEN, Entry, FOOTER_HEAD_LEN, Footer, FooterHead, PackKind, RECIPE_ROW_LEN,
};
use super::record::{
    HEADER_LEN, RECORD_HEAD_LEN, RecordHeader, TRAILER_LEN, Trailer, read_pack_header,
};

/// Rows that one probe of a footer reads.
const PROBE_ROWS: u64 = 32;
/// The rows of a footer up to this length are read at once.
const SHORT: u64 = 64 << 10;
/// Up to this length the rows of a footer are kept in memory.
const KEPT_ROWS: u64 = 4 << 20;
/// So many rows are remembered of a footer whose rows are not kept.
const KNOWN_ROWS: usize = 256;
/// Look-ups in one pack before its ids are worth having in memory: so many at least.
const PROBES_BEFORE_LOADING: u64 = 24;
/// To have them in memory costs about as much as one look-up for each of so many.
const OBJECTS_PER_PROBE: u64 = 64;
/// The header of a record that holds a block of small objects, as a rule, is not longer.
const LIKELY_HEADER_LEN: u64 = 1 << 10;
/// Stored bytes up to this length are read with their header.
const READ_WITH_HEADER: u32 = 16 << 10;

/// A named pack, opened for reading.
pub struct PackFile {
    id: PackId,
    file: ReadFile,
    trailer: Trailer,
    head: FooterHead,
    index: OnceLock<Index>,
    probes: AtomicU32,
    /// The rows of a short footer.
    short: OnceLock<Vec<u8>>,
    /// Rows of a longer one that were come by, each with the start of its id, in order: the next
    /// look-up searches between two of them.
    known: Mutex<Vec<(u64, u64)>>,
}

/// What is kept in memory of a footer that is asked often.
struct Index {
    /// The first eight bytes of every id.
    prefixes: Vec<u64>,
    /// The rows, where they are few enough; else a look-up that hits reads its row.
    rows: Vec<u8>,
    recipes: Vec<(Id, RecipeId)>,
}

impl PackFile {
    /// Opens the pack `id` at `path`, reading a few fixed bytes.
    ///
    /// # Errors
    /// When the header, trailer or the footer's head is damaged.
    pub fn open(path: &Path, id: PackId) -> Result<Self> {
        let (file, len) = ReadFile::open_with_len(path)?;
        let damaged = |offset, damage| StoreError::Damaged { pack: id.to_hex(), offset, damage };
        let least = (HEADER_LEN + FOOTER_HEAD_LEN + TRAILER_LEN) as u64;
        if len < least {
            return Err(damaged(len, PackDamage::Truncated));
        }
        let mut header = [0; HEADER_LEN];
        file.read_exact_at(0, &mut header)?;
        let kind = read_pack_header(&header).map_err(|d| damaged(0, d))?;
        let mut trailer = [0; TRAILER_LEN];
        let at = len - TRAILER_LEN as u64;
        file.read_exact_at(at, &mut trailer)?;
        let trailer = Trailer::decode(&trailer, len).map_err(|d| damaged(at, d))?;
        let mut head = [0; FOOTER_HEAD_LEN];
        file.read_exact_at(trailer.footer_offset, &mut head)?;
        let at = trailer.footer_offset;
        let head = FooterHead::decode(&head, at, trailer.footer_len).map_err(|d| damaged(at, d))?;
        if head.kind != kind {
            let why = PackDamage::Inconsistent("header and footer name two kinds of pack");
            return Err(damaged(at, why));
        }
        let (index, probes, short) = (OnceLock::new(), AtomicU32::new(0), OnceLock::new());
        Ok(Self { id, file, trailer, head, index, probes, short, known: Mutex::default() })
    }

    /// The pack's id.
    pub fn id(&self) -> PackId {
        self.id
    }

    /// The kind of pack.
    pub fn kind(&self) -> PackKind {
        self.head.kind
    }

    /// How many objects it holds.
    pub fn objects(&self) -> u64 {
        self.head.objects
    }

    /// How many bytes the file has.
    pub fn file_len(&self) -> u64 {
        let Trailer { footer_offset, footer_len } = self.trailer;
        footer_offset + footer_len + TRAILER_LEN as u64
    }

    /// When it was written.
    ///
    /// # Errors
    /// When the disk says no.
    pub fn written(&self) -> Result<SystemTime> {
        Ok(self.file.modified()?)
    }

    /// Where its records end.
    pub fn records_end(&self) -> u64 {
        self.trailer.footer_offset
    }

    fn damaged(&self, offset: u64, damage: PackDamage) -> StoreError {
        StoreError::Damaged { pack: self.id.to_hex(), offset, damage }
    }

    /// Reads the whole footer and checks it against the pack's name.
    ///
    /// # Errors
    /// When the footer does not hash to the pack's name, or is not sound.
    pub fn footer(&self) -> Result<Footer> {
        self.decode_footer(&self.footer_bytes()?)
    }

    fn footer_bytes(&self) -> Result<Vec<u8>> {
        let (at, len) = (self.trailer.footer_offset, self.trailer.footer_len);
        let bytes = self.file.read_vec_at(at, len)?;
        if Footer::pack_id(&bytes) != self.id {
            return Err(self.damaged(at, PackDamage::Checksum("pack footer")));
        }
        Ok(bytes)
    }

    fn decode_footer(&self, bytes: &[u8]) -> Result<Footer> {
        let at = self.trailer.footer_offset;
        Footer::decode(bytes, at).map_err(|d| self.damaged(at, d))
    }

    fn load(&self) -> Result<&Index> {
        if let Some(index) = self.index.get() {
            return Ok(index);
        }
        let mut bytes = self.footer_bytes()?;
        let footer = self.decode_footer(&bytes)?;
        let prefixes = footer.entries.iter().map(|entry| entry.id.prefix()).collect();
        let rows = match self.trailer.footer_len <= KEPT_ROWS {
            true => {
                bytes.drain(..FOOTER_HEAD_LEN);
                bytes
            }
            false => Vec::new(),
        };
        Ok(self.index.get_or_init(|| Index { prefixes, rows, recipes: footer.recipes }))
    }

    /// Checks the footer against the pack's name, once.
    pub fn ensure_sound(&self) -> Result<()> {
        self.load().map(drop)
    }

    /// Where the object `id` lies, if the pack holds it.
    ///
    /// # Errors
    /// When the footer cannot be read or is damaged.
    pub fn find(&self, id: Id) -> Result<Option<Entry>> {
        if self.index.get().is_none() {
            let few = PROBES_BEFORE_LOADING.max(self.head.objects / OBJECTS_PER_PROBE);
            if self.is_short() || u64::from(self.probes.fetch_add(1, Ordering::Relaxed)) < few {
                return self.probe(id);
            }
            self.load()?;
        }
        let index = self.load()?;
        let mut row = index.prefixes.partition_point(|p| *p < id.prefix());
        while index.prefixes.get(row) == Some(&id.prefix()) {
            let entry = self.entry(row as u64)?;
            if entry.id == id {
                return Ok(Some(entry));
            }
            row += 1;
        }
        Ok(None)
    }

    /// What stands in a row of the footer: out of memory, where the rows are kept.
    ///
    /// # Errors
    /// When there is no such row, or it is damaged.
    pub fn entry(&self, row: u64) -> Result<Entry> {
        let kept = self.index.get().map_or(&[][..], |index| &index.rows);
        let mut bytes = [0; ENTRY_LEN];
        match kept.as_chunks::<ENTRY_LEN>().0.get(row as usize) {
            Some(row) => bytes = *row,
            None => self.file.read_exact_at(self.row_at(row), &mut bytes)?,
        }
        self.decode_row(&bytes, row)
    }

    /// Where a row of the footer begins.
    fn row_at(&self, row: u64) -> u64 {
        self.trailer.footer_offset + FOOTER_HEAD_LEN as u64 + row * ENTRY_LEN as u64
    }

    fn decode_row(&self, bytes: &[u8; ENTRY_LEN], row: u64) -> Result<Entry> {
        Entry::decode(bytes).map_err(|d| self.damaged(self.row_at(row), d))
    }

    /// Interpolation search: ids are uniform, so a look-up in a footer that is not in memory
    /// reads about two windows of it.
    fn probe(&self, id: Id) -> Result<Option<Entry>> {
        if self.is_short() {
            let rows = self.short_rows()?;
            return match place_in(rows, id) {
                Ok(n) => self.decode_row(&rows[n], n as u64).map(Some),
                Err(_) => Ok(None),
            };
        }
        let mut span = self.span(id.prefix());
        let mut window = Window::EMPTY;
        while !span.is_empty() {
            let (first, rows) = self.read_window(&span, id.prefix(), &mut window)?;
            match place_in(rows, id) {
                Ok(n) => return self.decode_row(&rows[n], first + n as u64).map(Some),
                Err(n) if span.narrow(first, rows, n) => {}
                Err(_) => return Ok(None),
            }
        }
        Ok(None)
    }

    /// Whether its footer is read at once, and kept as it is.
    fn is_short(&self) -> bool {
        self.trailer.footer_len <= SHORT
    }

    /// The rows of a short footer. As those of a window they are believed for a look-up: whoever
    /// does not find what must be there checks the footer.
    fn short_rows(&self) -> Result<&[[u8; ENTRY_LEN]]> {
        let bytes = match self.short.get() {
            Some(bytes) => bytes,
            None => {
                let len = self.head.objects * ENTRY_LEN as u64;
                let bytes = self.file.read_vec_at(self.row_at(0), len)?;
                self.short.get_or_init(|| bytes)
            }
        };
        Ok(bytes.as_chunks().0)
    }

    /// The rows around where an id that starts so is to be expected, and the first one's number.
    fn read_window<'w>(
        &self,
        span: &Span,
        prefix: u64,
        window: &'w mut Window,
    ) -> Result<(u64, &'w [[u8; ENTRY_LEN]])> {
        let first = span.guess(prefix).saturating_sub(PROBE_ROWS / 2).max(span.low);
        let count = PROBE_ROWS.min(span.high - first) as usize;
        let bytes = &mut window.0[..count * ENTRY_LEN];
        self.file.read_exact_at(self.row_at(first), bytes)?;
        let rows = bytes.as_chunks().0;
        self.remember(first, rows);
        Ok((first, rows))
    }

    /// Between which rows one is to be looked for whose id starts so, by the rows that are known.
    fn span(&self, prefix: u64) -> Span {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let mut span = Span::of(self.head.objects);
        let before = known.partition_point(|(key, _)| *key < prefix);
        if let Some((key, row)) = before.checked_sub(1).map(|at| known[at]) {
            (span.low, span.low_key) = (row + 1, key);
        }
        if let Some((key, row)) = known[before..].iter().find(|(key, _)| *key > prefix) {
            (span.high, span.high_key) = (*row, *key);
        }
        span
    }

    fn remember(&self, first: u64, rows: &[[u8; ENTRY_LEN]]) {
        let [one, .., last] = rows else { return };
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.capacity() == 0 {
            known.reserve(KNOWN_ROWS);
        }
        for (row, number) in [(one, first), (last, first + rows.len() as u64 - 1)] {
            let key = row_prefix(row);
            if let Err(at) = known.binary_search_by_key(&key, |(key, _)| *key)
                && known.len() < KNOWN_ROWS
            {
                known.insert(at, (key, number));
            }
        }
    }

    /// Gives the objects whose ids' first eight bytes, as a number, lie in `range`. Reads a few
    /// rows.
    ///
    /// # Errors
    /// When the footer cannot be read or a row is damaged.
    pub fn in_range(
        &self,
        range: &RangeInclusive<u64>,
        found: &mut dyn FnMut(Entry),
    ) -> Result<()> {
        let is_before = |row: &[u8; ENTRY_LEN]| row_prefix(row) < *range.start();
        if self.is_short() {
            let rows = self.short_rows()?;
            let first = rows.partition_point(is_before);
            let in_range = rows[first..].iter().zip(first as u64..);
            for (row, number) in in_range.take_while(|(row, _)| row_prefix(row) <= *range.end()) {
                found(self.decode_row(row, number)?);
            }
            return Ok(());
        }
        let mut span = self.span(*range.start());
        let mut window = Window::EMPTY;
        while !span.is_empty() {
            let (first, rows) = self.read_window(&span, *range.start(), &mut window)?;
            let n = rows.partition_point(is_before);
            if span.narrow(first, rows, n) {
                continue;
            }
            span.low = first + rows.len() as u64;
            for (row, number) in rows.iter().zip(first..).skip(n) {
                if row_prefix(row) > *range.end() {
                    return Ok(());
                }
                found(self.decode_row(row, number)?);
            }
            break;
        }
        // The row behind those that were looked at is known not to be in the range.
        if span.is_empty() && span.high_key > *range.end() {
            return Ok(());
        }
        // What the window did not reach.
        for row in span.low..self.head.objects {
            let entry = self.entry(row)?;
            if entry.id.prefix() > *range.end() {
                break;
            }
            found(entry);
        }
        Ok(())
    }

    /// The roots of the recipes here that claim to build `blob`.
    pub fn recipes_of(&self, blob: Id) -> Result<Vec<RecipeId>> {
        if self.head.recipes == 0 {
            return Ok(Vec::new());
        }
        if self.index.get().is_none() && self.head.recipes <= PROBE_ROWS {
            let rows = self.recipes()?.into_iter().filter(|(id, _)| *id == blob);
            return Ok(rows.map(|(_, root)| root).collect());
        }
        let recipes = &self.load()?.recipes;
        let from = recipes.partition_point(|(id, _)| *id < blob);
        let here = recipes[from..].iter().take_while(|(id, _)| *id == blob);
        Ok(here.map(|(_, root)| *root).collect())
    }

    /// Every (blob, root of a recipe) here, as the footer states them.
    pub fn recipes(&self) -> Result<Vec<(Id, RecipeId)>> {
        let at = self.trailer.footer_offset
            + FOOTER_HEAD_LEN as u64
            + self.head.objects * ENTRY_LEN as u64;
        let bytes = self.file.read_vec_at(at, self.head.recipes * RECIPE_ROW_LEN as u64)?;
        let rows = bytes.chunks_exact(RECIPE_ROW_LEN).filter_map(|row| {
            let (blob, root) = row.split_at_checked(32)?;
            Some((Id::from_slice(blob)?, RecipeId::from_id(Id::from_slice(root)?)))
        });
        Ok(rows.collect())
    }

    /// The stored bytes of the record that `entry` names, checked to be that record.
    ///
    /// # Errors
    /// When the record's header is damaged or is not what the footer says.
    pub fn stored(&self, entry: &Entry) -> Result<Vec<u8>> {
        let with_it = if entry.stored <= READ_WITH_HEADER { entry.stored } else { 0 };
        let first = self.first_bytes(entry.record, with_it)?;
        let (header, at) = self.header_in(entry.record, &first)?;
        if header.codec != entry.codec
            || header.stored != entry.stored
            || header.decoded != entry.decoded
            || entry.depth != 0
        {
            let why = PackDamage::Inconsistent("footer and record do not agree");
            return Err(self.damaged(entry.record, why));
        }
        let start = (at - entry.record) as usize;
        match first.get(start..start + entry.stored as usize) {
            Some(stored) => Ok(stored.to_vec()),
            None => Ok(self.file.read_vec_at(at, u64::from(entry.stored))?),
        }
    }

    /// The header of the record at `offset`, and where its stored bytes start.
    ///
    /// # Errors
    /// When there is no sound header, or the record does not end before the footer.
    pub fn record_header(&self, offset: u64) -> Result<(RecordHeader, u64)> {
        self.header_in(offset, &self.first_bytes(offset, 0)?)
    }

    /// The start of the record at `offset`: as a rule its header, and `more` bytes behind it.
    fn first_bytes(&self, offset: u64, more: u32) -> Result<Vec<u8>> {
        let room = self.trailer.footer_offset.saturating_sub(offset);
        let len = room.min(LIKELY_HEADER_LEN + u64::from(more));
        Ok(self.file.read_vec_at(offset, len)?)
    }

    /// The same, where the first bytes of the record are known.
    fn header_in(&self, offset: u64, first: &[u8]) -> Result<(RecordHeader, u64)> {
        let damaged = |damage| self.damaged(offset, damage);
        let end = self.trailer.footer_offset;
        let room = end.checked_sub(offset).ok_or_else(|| damaged(PackDamage::Truncated))?;
        let head = first.first_chunk().ok_or_else(|| damaged(PackDamage::Truncated))?;
        let longest = (RECORD_HEAD_LEN + RecordHeader::longest_table(head)) as u64;
        let mut bytes = Cow::Borrowed(first);
        if longest.min(room) > first.len() as u64 {
            bytes = Cow::Owned(self.file.read_vec_at(offset, longest.min(room))?);
        }
        let (header, len) = RecordHeader::decode(&bytes).map_err(damaged)?;
        let at = offset + len as u64;
        if at + u64::from(header.stored) > end {
            return Err(damaged(PackDamage::Truncated));
        }
        Ok((header, at))
    }

    /// Reads stored bytes without any check.
    pub fn stored_at(&self, at: u64, len: u32) -> Result<Vec<u8>> {
        Ok(self.file.read_vec_at(at, u64::from(len))?)
    }
}

fn row_id(row: &[u8; ENTRY_LEN]) -> Id {
    Id::from_slice(&row[..32]).expect("a row has an id")
}

/// The start of a row's id, as [`Id::prefix`] gives it.
fn row_prefix(row: &[u8; ENTRY_LEN]) -> u64 {
    u64::from_be_bytes(*row.first_chunk().expect("a row has an id"))
}

/// Where the row of `id` stands among `rows`, or else would stand.
fn place_in(rows: &[[u8; ENTRY_LEN]], id: Id) -> std::result::Result<usize, usize> {
    // As a rule the starts differ, which are compared as numbers.
    rows.binary_search_by(|row| {
        row_prefix(row).cmp(&id.prefix()).then_with(|| row_id(row).cmp(&id))
    })
}

/// Rows of a footer that are read at once.
struct Window([u8; PROBE_ROWS as usize * ENTRY_LEN]);

impl Window {
    const EMPTY: Self = Self([0; PROBE_ROWS as usize * ENTRY_LEN]);
}

/// The rows of a footer among which one is looked for, and between which starts of ids they lie.
struct Span {
    low: u64,
    high: u64,
    low_key: u64,
    high_key: u64,
}

impl Span {
    fn of(objects: u64) -> Self {
        Self { low: 0, high: objects, low_key: 0, high_key: u64::MAX }
    }

    fn is_empty(&self) -> bool {
        self.low >= self.high
    }

    /// Where a row is to be expected whose id starts so.
    fn guess(&self, prefix: u64) -> u64 {
        let part = u128::from(prefix.saturating_sub(self.low_key));
        let whole = u128::from((self.high_key - self.low_key).max(1));
        self.low + (u128::from(self.high - self.low) * part.min(whole) / whole) as u64
    }

    /// Leaves out the rows of a window that begins with row `first`, where what is looked for
    /// comes before its `n`-th; says whether it may still lie outside of the window.
    fn narrow(&mut self, first: u64, rows: &[[u8; ENTRY_LEN]], n: usize) -> bool {
        match rows {
            [row, ..] if n == 0 => {
                self.high = first;
                self.high_key = row_prefix(row).max(self.low_key);
            }
            [.., row] if n == rows.len() => {
                self.low = first + rows.len() as u64;
                self.low_key = row_prefix(row).min(self.high_key);
            }
            _ => return false,
        }
        true
    }
}
