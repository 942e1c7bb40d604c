//! How the rows of a table lie in its records, and what records of the view they make.

use crate::object::tuple::Element;
use crate::view::{Key, Record, Value, ViewError};

use super::header::{Encoding, malformed};
use super::record::{Fields, Stored};

/// What a value costs beside its bytes.
const VALUE_COST: usize = 64;

/// A column that is stored.
#[derive(Clone, PartialEq, Debug)]
pub struct Column {
    /// Its name.
    pub name: String,
    /// Its place in the record.
    pub place: usize,
    /// Its affinity is REAL: whole numbers in it only save room.
    pub is_real: bool,
    /// It is another name of the row's id, and its value in the record says nothing.
    pub is_row_id: bool,
    /// What rows hold that were written before the column was there.
    pub default: Stored,
}

/// How the rows of a table lie.
#[derive(Clone, PartialEq, Debug)]
pub struct Layout {
    /// The columns, in the order in which the table declares them. Virtual ones are none: their
    /// values are computed, not stored.
    pub columns: Vec<Column>,
    /// The primary key's columns, in its order; none where the table is a multiset of rows.
    pub key: Vec<usize>,
    /// Whether the table's tree has row ids.
    pub has_row_ids: bool,
    /// How a row is found by its key.
    pub search: Search,
}

/// How a row is found by its key.
#[derive(Clone, PartialEq, Debug)]
pub enum Search {
    /// The key is the row's id.
    RowId,
    /// The table's tree is in the order of its keys, ascending, as bytes compare.
    Tree,
    /// The index of this name is so, and ends with the row's id.
    Index(String),
    /// By going through the rows: there is no key, or its order is one that is not known here.
    Scan,
}

/// What identifies a row, and how much of its table's rest counts with it.
pub enum RowKey {
    /// The row has a key of its own.
    Own(Key),
    /// Equal rows are one record, with their count.
    Counted(Key),
}

/// How rows of one version are shown beside another, whose columns may be others.
#[derive(Clone, PartialEq, Debug)]
pub struct Shape {
    /// The columns outside of the key, or all in a multiset, in the order in which they are shown.
    order: Vec<usize>,
    /// For each column, whether the other version has none of this name. Where it is NULL it is
    /// left out: that the column came or went is the schema's change, not the row's.
    alone: Vec<bool>,
}

impl Shape {
    /// The shape of rows that stand alone.
    pub fn alone(layout: &Layout) -> Self {
        let columns = 0..layout.columns.len();
        let order = columns.filter(|column| !layout.key.contains(column)).collect();
        Self { order, alone: vec![false; layout.columns.len()] }
    }

    /// The shape of rows beside those of `other`. The columns that both have come first, in the
    /// order of `leading`, which is one of the two.
    pub fn beside(layout: &Layout, other: &Layout, leading: &Layout) -> Self {
        let has = |layout: &Layout, name: &str| layout.columns.iter().any(|c| c.name == name);
        let alone = layout.columns.iter().map(|column| !has(other, &column.name));
        let mut shape = Self { order: Self::alone(layout).order, alone: alone.collect() };
        shape.order.sort_by_key(|column| {
            let name = layout.columns.get(*column).map(|c| &c.name);
            let first = leading.columns.iter().position(|c| Some(&c.name) == name);
            match shape.alone.get(*column) {
                Some(false) => (false, first, *column),
                _ => (true, None, *column),
            }
        });
        shape
    }
}

impl Layout {
    /// Whether the tables' rows come in the order of their keys.
    pub fn is_in_order(&self) -> bool {
        let key = match self.key.as_slice() {
            [key] => self.columns.get(*key),
            _ => None,
        };
        key.is_some_and(|column| column.is_row_id)
    }

    /// What a row costs beside its bytes, in bytes: names and places of values, and values that it
    /// does not hold itself.
    pub fn row_cost(&self) -> u64 {
        let default = |column: &Column| match &column.default {
            Stored::Text(text) => text.len(),
            Stored::BrokenText(bytes) | Stored::Blob(bytes) => bytes.len(),
            _ => 0,
        };
        let columns = self.columns.iter().map(|c| VALUE_COST + c.name.len() + default(c));
        columns.sum::<usize>() as u64
    }

    /// The value of a column in a row.
    fn value(&self, fields: &Fields<'_>, row: i64, column: &Column) -> Stored {
        if column.is_row_id {
            return Stored::Integer(row);
        }
        let stored = fields.get(column.place).unwrap_or_else(|| column.default.clone());
        if column.is_real { stored.real() } else { stored }
    }

    /// What identifies a row.
    pub fn row_key(&self, fields: &Fields<'_>, row: i64, shape: &Shape) -> RowKey {
        if self.key.is_empty() {
            return RowKey::Counted(self.elements(fields, row, shape));
        }
        let columns = self.key.iter().filter_map(|column| self.columns.get(*column));
        let mut key: Key = columns.map(|c| self.value(fields, row, c).element()).collect();
        // A primary key may hold NULLs in a table with row ids, and then identifies nothing.
        if self.has_row_ids && key.contains(&Element::Null) {
            key.push(Element::Nested(self.elements(fields, row, shape)));
            return RowKey::Counted(key);
        }
        RowKey::Own(key)
    }

    /// The columns of the shape as parts of a key.
    fn elements(&self, fields: &Fields<'_>, row: i64, shape: &Shape) -> Vec<Element> {
        let columns = shape.order.iter().filter_map(|nth| {
            let column = self.columns.get(*nth)?;
            let element = self.value(fields, row, column).element();
            match shape.alone.get(*nth) {
                Some(true) if element == Element::Null => None,
                // Its name tells it from another column of the other version.
                Some(true) => Some(Element::Nested(vec![column.name.as_str().into(), element])),
                _ => Some(element),
            }
        });
        columns.collect()
    }

    /// The value of a row that has a key of its own.
    fn fields(&self, fields: &Fields<'_>, row: i64, shape: &Shape) -> Value {
        let columns = shape.order.iter().filter_map(|nth| {
            let column = self.columns.get(*nth)?;
            let value = self.value(fields, row, column).value();
            let left_out = value == Value::Null && shape.alone.get(*nth) == Some(&true);
            (!left_out).then(|| (column.name.clone(), value))
        });
        Value::Fields(columns.collect())
    }

    /// The record that a row makes, or `count` equal ones.
    pub fn record(&self, fields: &Fields<'_>, row: i64, shape: &Shape, count: u64) -> Record {
        match self.row_key(fields, row, shape) {
            RowKey::Own(key) => Record { key, value: self.fields(fields, row, shape) },
            RowKey::Counted(key) => Record { key, value: Value::Count(count) },
        }
    }

    /// The names of the key's columns.
    pub fn key_names(&self) -> Vec<String> {
        let columns = self.key.iter().filter_map(|column| self.columns.get(*column));
        columns.map(|column| column.name.clone()).collect()
    }

    /// The values of a row, column by column.
    pub fn values(&self, fields: &Fields<'_>, row: i64) -> Vec<Stored> {
        self.columns.iter().map(|column| self.value(fields, row, column)).collect()
    }
}

/// A row of a table's tree.
pub struct Row {
    /// The row's id, in a table that has them; else 0.
    pub id: i64,
    /// Its record.
    pub payload: Vec<u8>,
    /// Where it lies in the database.
    pub at: u64,
}

impl Row {
    /// Takes its record apart.
    ///
    /// # Errors
    /// When it is no sound record.
    pub fn fields(&self, encoding: Encoding) -> Result<Fields<'_>, ViewError> {
        Fields::parse(&self.payload, encoding, self.at)
    }
}

/// That a row does not come after the one before it.
pub fn out_of_order(row: &Row) -> ViewError {
    malformed("two rows of one key, or rows that are out of order", row.at)
}
