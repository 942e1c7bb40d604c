//! The rows of a tree, all or those on some of its pages.

use std::sync::Arc;

use crate::view::ViewError;

use super::header::{Pages, malformed};
use super::layout::{Layout, Row};
use super::page::{DEPTH, TreePage};

/// How much may be handed out for each byte of the database, beside a fixed part: rows are short
/// beside what their table makes of them (defaults, columns that are not there), and a small
/// database must not become an endless one.
const GROWTH: u64 = 64;
/// That fixed part.
const AT_LEAST: u64 = 256 << 20;

/// The rows of a tree, in the order of the tree.
pub struct Scan<'p> {
    pages: Pages<'p>,
    place: Place,
    is_table: bool,
    /// How many more pages of trees, and of records that go on, may be read. In a sound database
    /// each has one place alone.
    pages_left: u64,
    overflow_left: u64,
    bytes_left: u64,
    row_cost: u64,
}

enum Place {
    /// The pages from the root down to where the scan is, each with its next step.
    Tree(Vec<(TreePage, usize)>),
    /// The pages to be read, the next of them, and the one that is being read.
    Listed(Arc<[u32]>, usize, Option<(TreePage, usize)>),
}

impl<'p> Scan<'p> {
    /// All rows of the tree that begins at `root`.
    ///
    /// # Errors
    /// When the root cannot be read.
    pub fn whole(pages: Pages<'p>, root: u32, layout: &Layout) -> Result<Self, ViewError> {
        let mut scan = Self::new(pages, Place::Tree(Vec::new()), layout);
        let page = scan.read(root)?;
        scan.place = Place::Tree(vec![(page, 0)]);
        Ok(scan)
    }

    /// The rows on some pages of a tree, without those on their children.
    pub fn listed(pages: Pages<'p>, list: Arc<[u32]>, layout: &Layout) -> Self {
        Self::new(pages, Place::Listed(list, 0, None), layout)
    }

    fn new(pages: Pages<'p>, place: Place, layout: &Layout) -> Self {
        let count = u64::from(pages.header.pages);
        let len = count * pages.header.page_size as u64;
        Self {
            pages,
            place,
            is_table: layout.has_row_ids,
            pages_left: count,
            overflow_left: count,
            bytes_left: len.saturating_mul(GROWTH).saturating_add(AT_LEAST),
            row_cost: layout.row_cost(),
        }
    }

    /// The next row, or `None` after the last.
    ///
    /// # Errors
    /// When the tree is not sound.
    pub fn next(&mut self) -> Result<Option<Row>, ViewError> {
        match &self.place {
            Place::Tree(_) => self.next_of_tree(),
            Place::Listed(..) => self.next_listed(),
        }
    }

    fn next_of_tree(&mut self) -> Result<Option<Row>, ViewError> {
        loop {
            let Place::Tree(stack) = &mut self.place else { return Ok(None) };
            let depth = stack.len();
            let Some((page, step)) = stack.last_mut() else { return Ok(None) };
            let now = *step;
            *step += 1;
            let cells = page.cells.len();
            // A leaf's steps are its cells; a table's inner page has children alone; in another
            // tree children and cells take turns.
            let (child, cell) = match (page.is_leaf, page.is_table) {
                (true, _) if now < cells => (None, Some(now)),
                (false, true) if now <= cells => (Some(now), None),
                (false, false) if now <= 2 * cells && now % 2 == 0 => (Some(now / 2), None),
                (false, false) if now < 2 * cells => (None, Some(now / 2)),
                _ => {
                    stack.pop();
                    continue;
                }
            };
            if let Some(child) = child {
                let number = page.cells.get(child).map_or(page.last_child, |cell| cell.child);
                if depth == DEPTH {
                    return Err(malformed("a tree is too deep", self.pages.header.offset(number)));
                }
                let page = self.read(number)?;
                if let Place::Tree(stack) = &mut self.place {
                    stack.push((page, 0));
                }
                continue;
            }
            let (Some(cell), Some((page, _))) = (cell, stack.last()) else { continue };
            let Some(cell) = page.cells.get(cell) else { continue };
            let payload = page.payload(&self.pages, cell, &mut self.overflow_left)?;
            let (id, at) = (cell.row, self.pages.header.offset(page.number));
            return self.counted(Row { id, payload, at }).map(Some);
        }
    }

    fn next_listed(&mut self) -> Result<Option<Row>, ViewError> {
        loop {
            let Place::Listed(list, next, open) = &mut self.place else { return Ok(None) };
            if let Some((page, step)) = open {
                let has_rows = page.is_leaf || !page.is_table;
                if let Some(cell) = page.cells.get(*step).filter(|_| has_rows) {
                    *step += 1;
                    let payload = page.payload(&self.pages, cell, &mut self.overflow_left)?;
                    let (id, at) = (cell.row, self.pages.header.offset(page.number));
                    return self.counted(Row { id, payload, at }).map(Some);
                }
                *open = None;
            }
            let Some(number) = list.get(*next).copied() else { return Ok(None) };
            *next += 1;
            let page = self.read(number)?;
            if let Place::Listed(_, _, open) = &mut self.place {
                *open = Some((page, 0));
            }
        }
    }

    fn read(&mut self, number: u32) -> Result<TreePage, ViewError> {
        self.pages_left = self.pages_left.checked_sub(1).ok_or_else(|| {
            malformed("pages have more than one place in a tree", self.pages.header.offset(number))
        })?;
        let page = TreePage::read(&self.pages, number)?;
        if page.is_table != self.is_table {
            let at = self.pages.header.offset(number);
            return Err(malformed("a page of another kind of tree", at));
        }
        Ok(page)
    }

    fn counted(&mut self, row: Row) -> Result<Row, ViewError> {
        let cost = row.payload.len() as u64 + self.row_cost;
        self.bytes_left = self.bytes_left.checked_sub(cost).ok_or_else(|| ViewError::Limit {
            what: "a table that is much larger than its bytes",
            limit: format!("{GROWTH} times as large"),
        })?;
        Ok(row)
    }
}

/// The page and the cell of the row `id` in the tree of a table that begins at `root`.
///
/// # Errors
/// When the tree is not sound.
pub fn seek(pages: &Pages<'_>, root: u32, id: i64) -> Result<Option<(TreePage, usize)>, ViewError> {
    let mut number = root;
    for _ in 0..DEPTH {
        let page = TreePage::read(pages, number)?;
        if !page.is_table {
            return Err(malformed("a page of another kind of tree", pages.header.offset(number)));
        }
        let nth = page.cells.partition_point(|cell| cell.row < id);
        let cell = page.cells.get(nth);
        if page.is_leaf {
            let found = cell.is_some_and(|cell| cell.row == id);
            return Ok(found.then_some((page, nth)));
        }
        number = cell.map_or(page.last_child, |cell| cell.child);
    }
    Err(malformed("a tree is too deep", pages.header.offset(number)))
}
