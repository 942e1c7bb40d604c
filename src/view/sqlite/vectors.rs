//! Tables with vectors, of the module `vec0` of sqlite-vec 0.1.
//!
//! `_rowids` says which rows there are, and where in which chunk each lies. A chunk is a row of
//! `_chunks` and of one table for each column: the values of as many rows as the chunk has room
//! for, one after the other in one BLOB. Longer texts and auxiliary columns have tables of their
//! own.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};
use std::ops::Range;
use std::sync::Arc;

use crate::view::{Cursor, Record, Source, Value, ViewError};

use super::cursor::{InOrder, Rows, Sorted};
use super::header::{Header, Pages, malformed};
use super::layout::{Row, Shape};
use super::record::{Fields, Stored};
use super::scan::{Scan, seek};
use super::virtual_table::Tree;

/// How many pages of chunks are known at a time.
const KNOWN_PAGES: usize = 4 << 20;
/// How many long texts a column may have.
const LONG_TEXTS: usize = 2 << 20;
/// The bytes of a text in its chunk: its length, and its beginning or all of it.
const TEXT: usize = 16;
const SHORT_TEXT: usize = 12;

/// A table with vectors.
pub struct Vectors {
    /// The name of its key.
    pub key: String,
    columns: Vec<VectorColumn>,
    chunks: Tree,
    row_ids: Tree,
    auxiliary: Option<Tree>,
    /// The places of columns: of `size` in `_chunks`.
    size: usize,
}

/// A column of such a table.
pub struct VectorColumn {
    /// Its name.
    pub name: String,
    /// What it holds.
    pub kind: VectorKind,
    /// The table of its chunks, where it has one.
    pub tree: Option<Tree>,
}

/// What a column holds.
pub enum VectorKind {
    /// Vectors of one length.
    Vector,
    /// Truth values, a bit each.
    Boolean,
    /// Whole numbers.
    Integer,
    /// Numbers in floating point.
    Float,
    /// Texts; the table of those that are long.
    Text(Option<Tree>),
    /// What all rows of a chunk have in common: the number of the column in `_chunks`.
    Partition(usize),
    /// Anything: the number of the column in `_auxiliary`.
    Auxiliary(usize),
}

impl Vectors {
    /// A table of these columns; `None` where those that serve it are not as they should be.
    pub fn new(
        key: String,
        has_text_key: bool,
        columns: Vec<VectorColumn>,
        chunks: Tree,
        mut row_ids: Tree,
        auxiliary: Option<Tree>,
    ) -> Option<Self> {
        let place = |tree: &Tree, name: &str| {
            tree.layout.columns.iter().position(|column| column.name == name)
        };
        let size = place(&chunks, "size")?;
        let (row, id) = (place(&row_ids, "rowid")?, place(&row_ids, "id")?);
        place(&row_ids, "chunk_id").and(place(&row_ids, "chunk_offset"))?;
        if !row_ids.layout.columns.get(row)?.is_row_id {
            return None;
        }
        row_ids.layout.key = vec![if has_text_key { id } else { row }];
        Some(Self { key, columns, chunks, row_ids, auxiliary, size })
    }

    /// Its rows, in the order of their keys.
    ///
    /// # Errors
    /// When the root of a tree cannot be read.
    pub fn cursor<'v>(
        &'v self,
        source: &'v dyn Source,
        header: Header,
    ) -> Result<Box<dyn Cursor + 'v>, ViewError> {
        let rows = Rows { source, header, root: self.row_ids.root, pages: None };
        let (layout, shape) = (&self.row_ids.layout, Shape::alone(&self.row_ids.layout));
        let inner: Box<dyn Cursor + 'v> = match layout.is_in_order() {
            true => Box::new(InOrder::new(&rows, layout, shape)?),
            false => Box::new(Sorted::new(rows, layout, shape)),
        };
        let chunks = Chunks {
            pages: Pages::new(header, source),
            known: RefCell::default(),
            known_pages: RefCell::default(),
            texts: RefCell::default(),
        };
        Ok(Box::new(VectorRows { vectors: self, inner, chunks }))
    }
}

struct VectorRows<'v> {
    vectors: &'v Vectors,
    inner: Box<dyn Cursor + 'v>,
    chunks: Chunks<'v>,
}

impl Cursor for VectorRows<'_> {
    fn next(&mut self) -> Result<Option<Record>, ViewError> {
        let Some(record) = self.inner.next()? else { return Ok(None) };
        let missing = || malformed("a row of a table with vectors says not where it lies", 0);
        let Value::Fields(fields) = &record.value else { return Err(missing()) };
        let number = |name: &str| {
            let (_, value) = fields.iter().find(|(field, _)| field == name)?;
            match value {
                Value::Integer(number) => i64::try_from(*number).ok(),
                _ => None,
            }
        };
        let key_number = match record.key.first() {
            Some(crate::view::Element::Integer(number)) => i64::try_from(number.get()).ok(),
            _ => None,
        };
        let id = number("rowid").or(key_number).ok_or_else(missing)?;
        let (chunk, offset) = (number("chunk_id"), number("chunk_offset"));
        let chunk = chunk.ok_or_else(missing)?;
        let offset = offset.and_then(|n| usize::try_from(n).ok()).ok_or_else(missing)?;
        let values = self.chunks.row(self.vectors, id, chunk, offset)?;
        Ok(Some(Record { key: record.key, value: Value::Fields(values) }))
    }
}

/// The chunks of a table, read as far as rows ask for it.
struct Chunks<'v> {
    pages: Pages<'v>,
    /// Where BLOBs lie, by the root of their table and their row.
    known: RefCell<BTreeMap<(u32, i64), Arc<Blob>>>,
    known_pages: RefCell<usize>,
    /// For each table of long texts, the texts' rows by the rows that they belong to.
    texts: RefCell<HashMap<u32, HashMap<i64, i64>>>,
}

/// Where a BLOB lies.
struct Blob {
    /// The beginning of its record.
    local: Vec<u8>,
    /// The pages on which the record goes on.
    pages: Vec<u32>,
    /// The BLOB in the record.
    range: Range<usize>,
}

impl Chunks<'_> {
    fn row(
        &self,
        vectors: &Vectors,
        id: i64,
        chunk: i64,
        offset: usize,
    ) -> Result<Vec<(String, Value)>, ViewError> {
        let row = self.stored(&vectors.chunks, chunk)?;
        let size = match row.get(vectors.size) {
            Some(Stored::Integer(size)) => {
                usize::try_from(*size).ok().filter(|size| *size > offset)
            }
            _ => None,
        };
        let size = size.ok_or_else(|| self.wrong("a chunk of vectors has no such row", chunk))?;
        let auxiliary = match &vectors.auxiliary {
            Some(tree) => self.stored(tree, id)?,
            None => Vec::new(),
        };
        let named = |tree: &Tree, name: String, row: &[Stored]| {
            let place = tree.layout.columns.iter().position(|column| column.name == name);
            place.and_then(|place| row.get(place).cloned()).unwrap_or(Stored::Null).value()
        };
        let mut values = Vec::with_capacity(vectors.columns.len());
        for column in &vectors.columns {
            let value = match (&column.kind, &column.tree) {
                (VectorKind::Partition(nth), _) => {
                    named(&vectors.chunks, format!("partition{nth:02}"), &row)
                }
                (VectorKind::Auxiliary(nth), _) => match &vectors.auxiliary {
                    Some(tree) => named(tree, format!("value{nth:02}"), &auxiliary),
                    None => Value::Null,
                },
                (kind, Some(tree)) => self.value(kind, tree, (id, chunk), offset, size)?,
                (_, None) => Value::Null,
            };
            values.push((column.name.clone(), value));
        }
        Ok(values)
    }

    /// What a column holds at `offset` of a chunk of `size` rows.
    fn value(
        &self,
        kind: &VectorKind,
        tree: &Tree,
        (id, chunk): (i64, i64),
        offset: usize,
        size: usize,
    ) -> Result<Value, ViewError> {
        let blob = self.blob(tree, chunk)?;
        let wrong = || self.wrong("a chunk of vectors is too short", chunk);
        let slice = |len: usize| {
            let start = offset.checked_mul(len).ok_or_else(wrong)?;
            self.read(&blob, start, len)?.ok_or_else(wrong)
        };
        let eight = || -> Result<[u8; 8], ViewError> {
            slice(8)?.as_slice().try_into().map_err(|_| wrong())
        };
        Ok(match kind {
            VectorKind::Vector => Value::Bytes(slice(blob.range.len() / size)?),
            VectorKind::Boolean => {
                let byte = self.read(&blob, offset / 8, 1)?.ok_or_else(wrong)?;
                let bit = byte.first().map_or(0, |byte| byte >> (offset % 8) & 1);
                Value::Integer(bit.into())
            }
            VectorKind::Integer => Value::Integer(i64::from_le_bytes(eight()?).into()),
            VectorKind::Float => Value::Double(f64::from_le_bytes(eight()?)),
            VectorKind::Text(long) => {
                let view = slice(TEXT)?;
                let (head, beginning) = view.split_first_chunk().ok_or_else(wrong)?;
                let len = usize::try_from(i32::from_le_bytes(*head)).map_err(|_| wrong())?;
                match (beginning.get(..len).filter(|_| len <= SHORT_TEXT), long) {
                    (Some(text), _) => match str::from_utf8(text) {
                        Ok(text) => Value::Text(text.to_owned()),
                        Err(_) => Stored::BrokenText(text.to_vec()).value(),
                    },
                    (None, Some(tree)) => self.long_text(tree, id)?,
                    (None, None) => return Err(wrong()),
                }
            }
            VectorKind::Partition(_) | VectorKind::Auxiliary(_) => Value::Null,
        })
    }

    /// The long text of the row `id`. The rows of its table have ids of their own.
    fn long_text(&self, tree: &Tree, id: i64) -> Result<Value, ViewError> {
        let mut texts = self.texts.borrow_mut();
        let rows = match texts.entry(tree.root) {
            std::collections::hash_map::Entry::Occupied(known) => known.into_mut(),
            std::collections::hash_map::Entry::Vacant(free) => free.insert(self.text_rows(tree)?),
        };
        let row = rows.get(&id).copied();
        let row = row.ok_or_else(|| self.wrong("a long text is missing", id))?;
        let stored = self.stored(tree, row)?;
        let place = tree.layout.columns.iter().position(|column| column.name == "data");
        Ok(place.and_then(|place| stored.get(place).cloned()).unwrap_or(Stored::Null).value())
    }

    fn text_rows(&self, tree: &Tree) -> Result<HashMap<i64, i64>, ViewError> {
        let mut scan = Scan::whole(self.pages, tree.root, &tree.layout)?;
        let place = tree.layout.columns.iter().position(|column| column.name == "rowid");
        let mut rows = HashMap::new();
        while let Some(row) = scan.next()? {
            let values = tree.layout.values(&row.fields(self.pages.header.encoding)?, row.id);
            if let Some(Stored::Integer(id)) = place.and_then(|place| values.get(place)) {
                rows.insert(*id, row.id);
            }
            if rows.len() > LONG_TEXTS {
                let limit = format!("{LONG_TEXTS} of them");
                return Err(ViewError::Limit { what: "long texts of a column", limit });
            }
        }
        Ok(rows)
    }

    /// The values of a row, column by column.
    fn stored(&self, tree: &Tree, id: i64) -> Result<Vec<Stored>, ViewError> {
        let found = seek(&self.pages, tree.root, id)?;
        let missing = || self.wrong("a row beside a table with vectors is missing", id);
        let (page, nth) = found.ok_or_else(missing)?;
        let cell = page.cells.get(nth).ok_or_else(missing)?;
        let mut budget = u64::from(self.pages.header.pages);
        let payload = page.payload(&self.pages, cell, &mut budget)?;
        let row = Row { id, payload, at: self.pages.header.offset(page.number) };
        Ok(tree.layout.values(&row.fields(self.pages.header.encoding)?, id))
    }

    /// Where the BLOB of a chunk lies: the second column of its table.
    fn blob(&self, tree: &Tree, chunk: i64) -> Result<Arc<Blob>, ViewError> {
        let place = (tree.root, chunk);
        if let Some(known) = self.known.borrow().get(&place) {
            return Ok(Arc::clone(known));
        }
        let missing = || self.wrong("a chunk of vectors is missing", chunk);
        let (page, nth) = seek(&self.pages, tree.root, chunk)?.ok_or_else(missing)?;
        let cell = page.cells.get(nth).ok_or_else(missing)?;
        let local = page.local(cell).to_vec();
        let at = self.pages.header.offset(page.number);
        let encoding = self.pages.header.encoding;
        let fields = Fields::parse_beginning(&local, cell.payload, encoding, at)?;
        let range = fields.range(1).ok_or_else(missing)?;
        let (mut pages, mut budget) = (Vec::new(), u64::from(self.pages.header.pages));
        page.visit_chain(&self.pages, cell, &mut budget, &mut |number| {
            pages.push(number);
            false
        })?;
        let (mut known, mut count) = (self.known.borrow_mut(), self.known_pages.borrow_mut());
        if *count > KNOWN_PAGES {
            known.clear();
            *count = 0;
        }
        *count += pages.len() + 16;
        let blob = Arc::new(Blob { local, pages, range });
        known.insert(place, Arc::clone(&blob));
        Ok(blob)
    }

    /// The bytes of a BLOB; `None` where it ends before them.
    fn read(&self, blob: &Blob, start: usize, len: usize) -> Result<Option<Vec<u8>>, ViewError> {
        let Some(end) = start.checked_add(len).filter(|end| *end <= blob.range.len()) else {
            return Ok(None);
        };
        let (mut at, end) = (blob.range.start + start, blob.range.start + end);
        let mut bytes = Vec::with_capacity(len.min(self.pages.header.page_size));
        let part = self.pages.header.usable - 4;
        while at < end {
            if let Some(local) = blob.local.get(at..) {
                let taken = local.len().min(end - at);
                bytes.extend_from_slice(&local[..taken]);
                at += taken;
                if taken > 0 {
                    continue;
                }
            }
            let beyond = at - blob.local.len();
            let Some(page) = blob.pages.get(beyond / part) else { return Ok(None) };
            let page = self.pages.read(*page)?;
            let from = 4 + beyond % part;
            let taken = (part - beyond % part).min(end - at);
            bytes.extend_from_slice(page.get(from..from + taken).unwrap_or_default());
            at += taken;
        }
        Ok(Some(bytes))
    }

    fn wrong(&self, why: &str, row: i64) -> ViewError {
        malformed(format!("{why} (row {row})"), 0)
    }
}
