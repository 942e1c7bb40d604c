//! Cursors over the rows of a table, in the order of their keys.

use std::collections::{BTreeMap, btree_map};
use std::sync::Arc;

use crate::object::tuple;
use crate::view::{Cursor, Record, Source, ViewError};

use super::header::{Header, Pages};
use super::layout::{Layout, Row, RowKey, Shape, out_of_order};
use super::scan::Scan;

/// How much of rows is sorted at a time.
const SORTED_AT_A_TIME: usize = 24 << 20;
/// How often the rows of a table are gone through to sort them.
const PASSES: usize = 256;
/// What a row that is sorted costs beside its bytes.
const ROW_COST: usize = 128;

/// Where rows come from.
#[derive(Clone)]
pub struct Rows<'v> {
    /// The database.
    pub source: &'v dyn Source,
    /// How its pages lie.
    pub header: Header,
    /// Where the table's tree begins.
    pub root: u32,
    /// The pages whose rows are wanted; all where there is no list.
    pub pages: Option<Arc<[u32]>>,
}

impl<'v> Rows<'v> {
    /// The rows, in the order of the tree.
    ///
    /// # Errors
    /// When the tree's root cannot be read.
    pub fn scan(&self, layout: &Layout) -> Result<Scan<'v>, ViewError> {
        let pages = Pages::new(self.header, self.source);
        match &self.pages {
            Some(list) => Ok(Scan::listed(pages, Arc::clone(list), layout)),
            None => Scan::whole(pages, self.root, layout),
        }
    }
}

/// A table whose rows lie in the order of their keys.
pub struct InOrder<'v> {
    scan: Scan<'v>,
    header: Header,
    layout: &'v Layout,
    shape: Shape,
    last: Option<i64>,
}

impl<'v> InOrder<'v> {
    /// A cursor over these rows.
    ///
    /// # Errors
    /// When the tree's root cannot be read.
    pub fn new(rows: &Rows<'v>, layout: &'v Layout, shape: Shape) -> Result<Self, ViewError> {
        let scan = rows.scan(layout)?;
        Ok(Self { scan, header: rows.header, layout, shape, last: None })
    }
}

impl Cursor for InOrder<'_> {
    fn next(&mut self) -> Result<Option<Record>, ViewError> {
        let Some(row) = self.scan.next()? else { return Ok(None) };
        if self.last.is_some_and(|last| last >= row.id) {
            return Err(out_of_order(&row));
        }
        self.last = Some(row.id);
        let fields = row.fields(self.header.encoding)?;
        Ok(Some(self.layout.record(&fields, row.id, &self.shape, 1)))
    }
}

/// A table whose rows are sorted: in as many passes as its size asks for, each of which takes the
/// least keys that are still to come and fit the memory. So nothing is written anywhere.
pub struct Sorted<'v> {
    rows: Rows<'v>,
    layout: &'v Layout,
    shape: Shape,
    ready: btree_map::IntoIter<Vec<u8>, Held>,
    /// The last key that was handed out.
    last: Option<Vec<u8>>,
    /// Rows are left for another pass.
    more: bool,
    passes: usize,
    limit: usize,
}

/// A row that waits, or several equal ones.
struct Held {
    row: Row,
    count: u64,
}

impl<'v> Sorted<'v> {
    /// A cursor over these rows.
    pub fn new(rows: Rows<'v>, layout: &'v Layout, shape: Shape) -> Self {
        let ready = BTreeMap::new().into_iter();
        let limit = SORTED_AT_A_TIME;
        Self { rows, layout, shape, ready, last: None, more: true, passes: 0, limit }
    }

    /// The same, with room for fewer bytes.
    #[cfg(test)]
    pub fn with_limit(mut self, limit: usize) -> Self {
        self.limit = limit;
        self
    }

    fn pass(&mut self) -> Result<(), ViewError> {
        self.passes += 1;
        if self.passes > PASSES {
            let limit = format!("{} MiB of rows", (self.limit >> 20) * PASSES);
            return Err(ViewError::Limit { what: "a table to be sorted", limit });
        }
        self.more = false;
        let mut scan = self.rows.scan(self.layout)?;
        let mut held: BTreeMap<Vec<u8>, Held> = BTreeMap::new();
        // Keys from this one on wait for the next pass.
        let (mut end, mut size) = (None::<Vec<u8>>, 0_usize);
        while let Some(row) = scan.next()? {
            let fields = row.fields(self.rows.header.encoding)?;
            let (key, counted) = match self.layout.row_key(&fields, row.id, &self.shape) {
                RowKey::Own(key) => (tuple::encode(&key), false),
                RowKey::Counted(key) => (tuple::encode(&key), true),
            };
            if self.last.as_ref().is_some_and(|last| *last >= key) {
                continue;
            }
            if end.as_ref().is_some_and(|end| *end <= key) {
                self.more = true;
                continue;
            }
            match held.entry(key) {
                btree_map::Entry::Occupied(mut there) if counted => there.get_mut().count += 1,
                btree_map::Entry::Occupied(_) => return Err(out_of_order(&row)),
                btree_map::Entry::Vacant(free) => {
                    size += free.key().len() + row.payload.len() + ROW_COST;
                    free.insert(Held { row, count: 1 });
                }
            }
            while size > self.limit && held.len() > 1 {
                let Some((key, gone)) = held.pop_last() else { break };
                size -= key.len() + gone.row.payload.len() + ROW_COST;
                end = Some(key);
                self.more = true;
            }
        }
        self.ready = held.into_iter();
        Ok(())
    }
}

impl Cursor for Sorted<'_> {
    fn next(&mut self) -> Result<Option<Record>, ViewError> {
        loop {
            if let Some((key, Held { row, count })) = self.ready.next() {
                self.last = Some(key);
                let fields = row.fields(self.rows.header.encoding)?;
                return Ok(Some(self.layout.record(&fields, row.id, &self.shape, count)));
            }
            if !self.more {
                return Ok(None);
            }
            self.pass()?;
        }
    }
}

/// A table that has no rows to show.
pub struct Empty;

impl Cursor for Empty {
    fn next(&mut self) -> Result<Option<Record>, ViewError> {
        Ok(None)
    }
}

/// Records that are at hand, in the order of their keys.
pub struct AtHand(pub std::vec::IntoIter<Record>);

impl Cursor for AtHand {
    fn next(&mut self) -> Result<Option<Record>, ViewError> {
        Ok(self.0.next())
    }
}
