//! Pages of b-trees, taken apart into cells, and payloads put together out of overflow pages
//! (SQLite file format §1.6).

use std::ops::Range;

use crate::view::ViewError;

use super::header::{Header, Pages, malformed, u16_at, u32_at};

/// No path from a root to a leaf is longer in SQLite.
pub const DEPTH: usize = 20;
/// No longer row is read.
const ROW_LIMIT: u64 = 64 << 20;

/// Whether the first byte of a page is that of a b-tree's.
pub fn is_tree_flag(byte: u8) -> bool {
    matches!(byte, 0x02 | 0x05 | 0x0a | 0x0d)
}

/// A page of a b-tree.
pub struct TreePage {
    /// Its number.
    pub number: u32,
    /// Whether its tree is a table's, with row ids; else keys are records.
    pub is_table: bool,
    /// Whether it has no children.
    pub is_leaf: bool,
    /// Its cells, in the order of their keys.
    pub cells: Vec<Cell>,
    /// The last child of a page that has children; else 0.
    pub last_child: u32,
    bytes: Vec<u8>,
}

/// A cell of a page.
pub struct Cell {
    /// The child whose keys come before this cell; 0 in a leaf.
    pub child: u32,
    /// The row's id, in the tree of a table; else 0.
    pub row: i64,
    /// The length of the record; 0 where the cell holds none.
    pub payload: u64,
    /// The first page with the rest of the record; 0 where all of it is here.
    pub overflow: u32,
    /// Where the record lies in the page, or its beginning.
    local: Range<usize>,
}

impl TreePage {
    /// Reads a page of a b-tree.
    ///
    /// # Errors
    /// When it cannot be read, or is none.
    pub fn read(pages: &Pages<'_>, number: u32) -> Result<Self, ViewError> {
        Self::parse(&pages.header, number, pages.read(number)?)
    }

    /// Takes a page apart.
    ///
    /// # Errors
    /// When it is none of a b-tree, or its cells do not fit in.
    pub fn parse(header: &Header, number: u32, bytes: Vec<u8>) -> Result<Self, ViewError> {
        let base = header.offset(number);
        let bad =
            |why: &str, at: usize| malformed(format!("page {number}: {why}"), base + at as u64);
        let start = if number == 1 { 100 } else { 0 };
        let (is_table, is_leaf) = match bytes.get(start) {
            Some(0x0d) => (true, true),
            Some(0x05) => (true, false),
            Some(0x0a) => (false, true),
            Some(0x02) => (false, false),
            _ => return Err(bad("it belongs to no b-tree", start)),
        };
        let used = bytes.get(..header.usable).ok_or_else(|| bad("it is cut off", start))?;
        let count = usize::from(u16_at(used, start + 3).unwrap_or_default());
        let pointers = start + if is_leaf { 8 } else { 12 };
        let end = pointers + 2 * count;
        if end > used.len() {
            return Err(bad("it has more cells than room for them", start + 3));
        }
        let last_child = match is_leaf {
            true => 0,
            false => u32_at(used, start + 8).unwrap_or_default(),
        };
        let (mut cells, mut taken) = (Vec::with_capacity(count), end);
        for nth in 0..count {
            let at = usize::from(u16_at(used, pointers + 2 * nth).unwrap_or_default());
            let outside = || bad("a cell lies outside of the page's content", pointers + 2 * nth);
            if at < end {
                return Err(outside());
            }
            let (cell, len) =
                Cell::parse(header, used, at, is_table, is_leaf).ok_or_else(outside)?;
            taken += len;
            // Cells that share bytes would make a small page a large table.
            if taken > used.len() {
                return Err(bad("its cells overlap", at));
            }
            cells.push(cell);
        }
        Ok(Self { number, is_table, is_leaf, cells, last_child, bytes })
    }

    /// Its children, in the order of their keys.
    pub fn children(&self) -> impl Iterator<Item = u32> {
        let last = (!self.is_leaf).then_some(self.last_child);
        let cells = self.cells.iter().filter(|_| !self.is_leaf).map(|cell| cell.child);
        cells.chain(last)
    }

    /// The whole record of a cell. What it takes of `budget`, pages of records that go on, is
    /// taken off: each page belongs to one record alone.
    ///
    /// # Errors
    /// When it is longer than the database, or does not lie where it should.
    pub fn payload(
        &self,
        pages: &Pages<'_>,
        cell: &Cell,
        budget: &mut u64,
    ) -> Result<Vec<u8>, ViewError> {
        let at = pages.header.offset(self.number) + cell.local.start as u64;
        let whole = u64::from(pages.header.pages) * pages.header.page_size as u64;
        if cell.payload > whole {
            return Err(malformed("a record is longer than the database", at));
        }
        if cell.payload > ROW_LIMIT {
            let limit = format!("{} MiB", ROW_LIMIT >> 20);
            return Err(ViewError::Limit { what: "a row of a database", limit });
        }
        let mut record = self.local(cell).to_vec();
        let len = cell.payload as usize;
        let mut chain = Chain { pages, next: cell.overflow, buffer: Vec::new() };
        while record.len() < len {
            let rest = chain.step(budget)?;
            record.extend_from_slice(&rest[..rest.len().min(len - record.len())]);
        }
        Ok(record)
    }

    /// What of a cell's record lies in the page itself.
    pub fn local(&self, cell: &Cell) -> &[u8] {
        self.bytes.get(cell.local.clone()).unwrap_or_default()
    }

    /// Hands the pages on which a cell's record goes on to `visit`, until that says stop.
    ///
    /// # Errors
    /// When one does not lie where it should, or they are more than `budget`.
    pub fn visit_chain(
        &self,
        pages: &Pages<'_>,
        cell: &Cell,
        budget: &mut u64,
        visit: &mut dyn FnMut(u32) -> bool,
    ) -> Result<(), ViewError> {
        let mut left = cell.payload.saturating_sub(cell.local.len() as u64);
        let mut chain = Chain { pages, next: cell.overflow, buffer: Vec::new() };
        while left > 0 {
            if visit(chain.next) {
                return Ok(());
            }
            left = left.saturating_sub(chain.step(budget)?.len() as u64);
        }
        Ok(())
    }
}

/// The pages on which a record goes on.
struct Chain<'p> {
    pages: &'p Pages<'p>,
    next: u32,
    buffer: Vec<u8>,
}

impl Chain<'_> {
    /// What the next page holds of the record.
    fn step(&mut self, budget: &mut u64) -> Result<&[u8], ViewError> {
        let page = self.next;
        let at = self.pages.header.offset(page);
        *budget = budget
            .checked_sub(1)
            .ok_or_else(|| malformed("pages belong to more than one record", at))?;
        self.buffer.resize(self.pages.header.page_size, 0);
        self.pages.read_into(page, &mut self.buffer)?;
        self.next = u32_at(&self.buffer, 0).unwrap_or_default();
        Ok(self.buffer.get(4..self.pages.header.usable).unwrap_or_default())
    }
}

impl Cell {
    /// The cell that starts at `at`, and how many bytes of the page it takes.
    fn parse(
        header: &Header,
        page: &[u8],
        at: usize,
        is_table: bool,
        is_leaf: bool,
    ) -> Option<(Self, usize)> {
        let (start, mut at) = (at, at);
        let mut cell = Self { child: 0, row: 0, payload: 0, overflow: 0, local: at..at };
        if !is_leaf {
            cell.child = u32_at(page, at)?;
            at += 4;
        }
        if is_table && !is_leaf {
            let (row, len) = varint(page, at)?;
            cell.row = row;
            return Some((cell, at + len - start));
        }
        let (payload, len) = varint(page, at)?;
        at += len;
        cell.payload = u64::try_from(payload).ok()?;
        if is_table {
            let (row, len) = varint(page, at)?;
            cell.row = row;
            at += len;
        }
        let local = local_len(header.usable as u64, cell.payload, is_table);
        cell.local = at..at + local;
        page.get(cell.local.clone())?;
        at += local;
        if (local as u64) < cell.payload {
            cell.overflow = u32_at(page, at)?;
            at += 4;
        }
        Some((cell, at - start))
    }
}

/// How much of a record stays in its cell (§1.6).
fn local_len(usable: u64, payload: u64, is_table: bool) -> usize {
    let share = |parts: u64| (usable - 12) * parts / 255 - 23;
    let most = if is_table { usable - 35 } else { share(64) };
    if payload <= most {
        return payload as usize;
    }
    let least = share(32);
    let fitting = least + (payload - least) % (usable - 4);
    (if fitting <= most { fitting } else { least }) as usize
}

/// A number of one to nine bytes, and how many they are.
pub fn varint(bytes: &[u8], at: usize) -> Option<(i64, usize)> {
    let mut value = 0_u64;
    for (nth, byte) in bytes.get(at..)?.iter().take(9).enumerate() {
        if nth == 8 {
            return Some(((value << 8 | u64::from(*byte)) as i64, 9));
        }
        value = value << 7 | u64::from(byte & 0x7f);
        if *byte < 0x80 {
            return Some((value as i64, nth + 1));
        }
    }
    None
}
