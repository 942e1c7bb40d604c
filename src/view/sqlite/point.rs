//! One row of a table, found by its key as SQLite finds it: down the tree that is in the order of
//! keys (SQLite file format §1.6, §2.4; datatypes §4.1). It costs a page for each level.
//!
//! An index of its own is believed when it says that a key is not there: in a database that is not
//! sound it may hide a row that going through the table shows.

use std::cmp::Ordering;

use crate::view::{Element, Value, ViewError};

use super::header::{Encoding, Pages, malformed};
use super::layout::{Layout, Row, RowKey, Search, Shape};
use super::page::{DEPTH, TreePage};
use super::record::{Fields, Stored};
use super::scan::seek;
use super::virtual_table::Tree;

/// Whether rows of this table are found so.
pub fn is_searched(tree: &Tree, encoding: Encoding) -> bool {
    match tree.layout.search {
        Search::RowId => true,
        // Texts of another encoding are in the order of other bytes.
        Search::Tree => encoding == Encoding::Utf8,
        Search::Index(_) => encoding == Encoding::Utf8 && tree.index != 0,
        Search::Scan => false,
    }
}

/// The value under a key in a table that [`is_searched`].
///
/// # Errors
/// When a tree on the way is not sound, or the index names a row that is not there.
pub fn find(pages: &Pages<'_>, tree: &Tree, key: &[Element]) -> Result<Option<Value>, ViewError> {
    let layout = &tree.layout;
    if key.len() != layout.key.len() {
        return counted(pages, tree, key);
    }
    let row = match (&layout.search, key) {
        (Search::RowId, [Element::Integer(id)]) => match i64::try_from(id.get()) {
            Ok(id) => row(pages, tree.root, id)?,
            Err(_) => None,
        },
        (Search::RowId | Search::Scan, _) => None,
        (Search::Tree, _) => stored(key)
            .map(|key| descend(pages, tree.root, &places(layout), &key))
            .transpose()?
            .flatten(),
        (Search::Index(_), _) => {
            let Some(key) = stored(key) else { return Ok(None) };
            let places: Vec<usize> = (0..key.len()).collect();
            let Some(entry) = descend(pages, tree.index, &places, &key)? else { return Ok(None) };
            let unsound = || malformed("an index leads to no row", entry.at);
            let id = match entry.fields(pages.header.encoding)?.get(key.len()) {
                Some(Stored::Integer(id)) => id,
                _ => return Err(unsound()),
            };
            Some(row(pages, tree.root, id)?.ok_or_else(unsound)?)
        }
    };
    let Some(row) = row else { return Ok(None) };
    value(layout, &row, key, pages.header.encoding)
}

/// The value of a row, if its key is the one that is looked for, to the letter: 1 and 1.0 have one
/// place in a tree.
fn value(
    layout: &Layout,
    row: &Row,
    key: &[Element],
    encoding: Encoding,
) -> Result<Option<Value>, ViewError> {
    let fields = row.fields(encoding)?;
    let shape = Shape::alone(layout);
    Ok(match layout.row_key(&fields, row.id, &shape) {
        RowKey::Own(own) if own == key => Some(layout.record(&fields, row.id, &shape, 1).value),
        _ => None,
    })
}

/// Rows whose key holds NULL stand under a longer one, and are counted by going through all.
fn counted(pages: &Pages<'_>, tree: &Tree, key: &[Element]) -> Result<Option<Value>, ViewError> {
    let layout = &tree.layout;
    if !layout.has_row_ids || layout.search == Search::RowId || !key.contains(&Element::Null) {
        return Ok(None);
    }
    let (mut scan, shape) =
        (super::scan::Scan::whole(*pages, tree.root, layout)?, Shape::alone(layout));
    let mut count = 0;
    while let Some(row) = scan.next()? {
        let fields = row.fields(pages.header.encoding)?;
        match layout.row_key(&fields, row.id, &shape) {
            RowKey::Counted(other) if other == key => count += 1,
            _ => {}
        }
    }
    Ok((count > 0).then_some(Value::Count(count)))
}

/// Where the key's columns lie in the records of a tree that is in their order.
fn places(layout: &Layout) -> Vec<usize> {
    let columns = layout.key.iter().filter_map(|column| layout.columns.get(*column));
    columns.map(|column| column.place).collect()
}

/// A key as values that are stored; `None` where no row has such a one.
fn stored(key: &[Element]) -> Option<Vec<Stored>> {
    let one = |element: &Element| match element {
        Element::Integer(number) => i64::try_from(number.get()).ok().map(Stored::Integer),
        Element::Double(number) => Some(Stored::Real(*number)),
        Element::Text(text) => Some(Stored::Text(text.clone())),
        Element::Bytes(bytes) => Some(Stored::Blob(bytes.clone())),
        Element::Nested(parts) => match parts.as_slice() {
            [_, Element::Bytes(bytes)] => Some(Stored::BrokenText(bytes.clone())),
            _ => None,
        },
        Element::Null | Element::Bool(_) => None,
    };
    key.iter().map(one).collect()
}

fn row(pages: &Pages<'_>, root: u32, id: i64) -> Result<Option<Row>, ViewError> {
    let Some((page, nth)) = seek(pages, root, id)? else { return Ok(None) };
    let Some(cell) = page.cells.get(nth) else { return Ok(None) };
    let payload = page.payload(pages, cell, &mut u64::from(pages.header.pages))?;
    Ok(Some(Row { id, payload, at: pages.header.offset(page.number) }))
}

/// The record under a key in a tree of records, whose values at `places` are the key.
fn descend(
    pages: &Pages<'_>,
    root: u32,
    places: &[usize],
    key: &[Stored],
) -> Result<Option<Row>, ViewError> {
    let mut number = root;
    let mut budget = u64::from(pages.header.pages);
    for _ in 0..DEPTH {
        let page = TreePage::read(pages, number)?;
        let at = pages.header.offset(number);
        if page.is_table {
            return Err(malformed("a page of another kind of tree", at));
        }
        let (mut low, mut high) = (0, page.cells.len());
        while low < high {
            let middle = low.midpoint(high);
            let Some(cell) = page.cells.get(middle) else { break };
            let row = Row { id: 0, payload: page.payload(pages, cell, &mut budget)?, at };
            let fields = row.fields(pages.header.encoding)?;
            match order(&fields, places, key) {
                Ordering::Less => low = middle + 1,
                Ordering::Greater => high = middle,
                Ordering::Equal => return Ok(Some(row)),
            }
        }
        if page.is_leaf {
            return Ok(None);
        }
        number = page.cells.get(low).map_or(page.last_child, |cell| cell.child);
    }
    Err(malformed("a tree is too deep", pages.header.offset(number)))
}

/// How a record's key stands to another.
fn order(fields: &Fields<'_>, places: &[usize], key: &[Stored]) -> Ordering {
    for (place, wanted) in places.iter().zip(key) {
        let own = fields.get(*place).unwrap_or(Stored::Null);
        match compare(&own, wanted) {
            Ordering::Equal => {}
            other => return other,
        }
    }
    Ordering::Equal
}

/// SQLite's order of values (datatypes §4.1), texts compared byte by byte.
fn compare(a: &Stored, b: &Stored) -> Ordering {
    let rank = |value: &Stored| match value {
        Stored::Null => 0,
        Stored::Integer(_) | Stored::Real(_) => 1,
        Stored::Text(_) | Stored::BrokenText(_) => 2,
        Stored::Blob(_) => 3,
    };
    let bytes = |value: &Stored| -> Option<Vec<u8>> {
        match value {
            Stored::Text(text) => Some(text.as_bytes().to_vec()),
            Stored::BrokenText(bytes) | Stored::Blob(bytes) => Some(bytes.clone()),
            _ => None,
        }
    };
    match (a, b) {
        (Stored::Integer(a), Stored::Integer(b)) => a.cmp(b),
        // No stored number is NaN.
        (Stored::Real(a), Stored::Real(b)) => a.partial_cmp(b).unwrap_or(Ordering::Equal),
        (Stored::Integer(a), Stored::Real(b)) => mixed(*a, *b),
        (Stored::Real(a), Stored::Integer(b)) => mixed(*b, *a).reverse(),
        _ => rank(a).cmp(&rank(b)).then_with(|| bytes(a).cmp(&bytes(b))),
    }
}

/// A whole number beside one in floating point, without rounding (SQLite's `sqlite3IntFloatCompare`).
fn mixed(a: i64, b: f64) -> Ordering {
    const END: f64 = 9_223_372_036_854_775_808.0;
    if b >= END {
        return Ordering::Less;
    }
    if b < -END {
        return Ordering::Greater;
    }
    // In range now; the cast cuts the fraction off.
    let whole = b as i64;
    a.cmp(&whole).then_with(|| (whole as f64).partial_cmp(&b).unwrap_or(Ordering::Equal))
}
