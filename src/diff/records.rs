//! Two views of content record by record: one comparison for every kind.
//!
//! A merge-join of two ordered cursors. It holds one record of each side, whatever the contents
//! hold. Whatever a cursor gives is either paired with an equal record of the other side or told,
//! so a view whose keys are out of order can make a change look larger, and can hide none.

use std::cmp::Ordering;

use crate::view::{Cursor, Key, Record, Table, Value, View, ViewError};

/// A table of either version.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TablePair {
    /// The table as the first version has it; `None` where it is new.
    pub before: Option<Table>,
    /// The table as the second version has it; `None` where it is gone.
    pub after: Option<Table>,
}

impl TablePair {
    /// The table, as the later version that has it says.
    pub fn table(&self) -> Option<&Table> {
        self.after.as_ref().or(self.before.as_ref())
    }
}

/// The tables of two versions, in the order of their names.
///
/// A table whose records have other keys than before is compared without them, where its views can
/// do that. Else it is gone, and a new one stands in its place.
pub fn pair_tables(before: Option<&dyn View>, after: Option<&dyn View>) -> Vec<TablePair> {
    let tables = |view: Option<&dyn View>| view.map_or(Vec::new(), |view| view.tables().to_vec());
    let without_keys =
        [before, after].into_iter().all(|view| view.is_some_and(View::reads_without_keys));
    let (mut before, mut after) = (tables(before), tables(after));
    before.sort_by(|a, b| a.name.cmp(&b.name));
    after.sort_by(|a, b| a.name.cmp(&b.name));
    let (mut old, mut new) = (before.into_iter().peekable(), after.into_iter().peekable());
    let mut out = Vec::new();
    loop {
        let order = match (old.peek(), new.peek()) {
            (None, None) => return out,
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (Some(a), Some(b)) => a.name.cmp(&b.name),
        };
        let (before, after) = match order {
            Ordering::Less => (old.next(), None),
            Ordering::Greater => (None, new.next()),
            Ordering::Equal => (old.next(), new.next()),
        };
        match (before, after) {
            (Some(a), Some(b)) if a.key != b.key && without_keys => {
                let keyless = |table: Table| Some(Table { key: Vec::new(), ..table });
                out.push(TablePair { before: keyless(a), after: keyless(b) });
            }
            (Some(a), Some(b)) if a.key != b.key => {
                out.push(TablePair { before: Some(a), after: None });
                out.push(TablePair { before: None, after: Some(b) });
            }
            (before, after) => out.push(TablePair { before, after }),
        }
    }
}

/// A record that differs.
#[derive(Clone, PartialEq, Debug)]
pub struct RecordChange {
    /// What identifies it. In a multiset: the whole record.
    pub key: Key,
    /// What the first version says of it; `None` where it is new. In a multiset: how often it is
    /// there.
    pub before: Option<Value>,
    /// What the second version says of it; `None` where it is gone.
    pub after: Option<Value>,
}

/// How many records of a table differ. In a multiset each time that a record is there counts.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Counts {
    /// Records that the second version alone has.
    pub added: u64,
    /// Records that the first version alone has.
    pub removed: u64,
    /// Records that both have, and not the same.
    pub changed: u64,
}

impl Counts {
    /// Counts one change more.
    pub fn add(&mut self, change: &RecordChange) {
        let times = |value: &Option<Value>| match value {
            Some(Value::Count(times)) => Some(*times),
            None => Some(0),
            Some(_) => None,
        };
        match (&change.before, &change.after, times(&change.before), times(&change.after)) {
            (.., Some(old), Some(new)) => {
                self.added = self.added.saturating_add(new.saturating_sub(old));
                self.removed = self.removed.saturating_add(old.saturating_sub(new));
            }
            (None, ..) => self.added += 1,
            (_, None, ..) => self.removed += 1,
            _ => self.changed += 1,
        }
    }

    /// How many differ in any way.
    pub fn total(&self) -> u64 {
        self.added.saturating_add(self.removed).saturating_add(self.changed)
    }

    /// Whether nothing differs.
    pub fn is_nothing(&self) -> bool {
        *self == Self::default()
    }
}

impl std::ops::AddAssign for Counts {
    fn add_assign(&mut self, other: Self) {
        self.added = self.added.saturating_add(other.added);
        self.removed = self.removed.saturating_add(other.removed);
        self.changed = self.changed.saturating_add(other.changed);
    }
}

/// The records of a table that differ, in the order of their keys.
pub struct RecordChanges<'v> {
    before: Side<'v>,
    after: Side<'v>,
}

impl<'v> RecordChanges<'v> {
    /// Begins to compare a table of two versions. A version that is `None` has no records.
    ///
    /// # Errors
    /// When a content cannot be read.
    pub fn of(
        before: Option<&'v dyn View>,
        after: Option<&'v dyn View>,
        tables: &TablePair,
    ) -> Result<Self, ViewError> {
        // What both share may be left out only where both are read for this table.
        let both = tables.before.is_some() && tables.after.is_some();
        let beside = |view: Option<&'v dyn View>| view.filter(|_| both);
        Ok(Self {
            before: Side::of(before, tables.before.as_ref(), beside(after))?,
            after: Side::of(after, tables.after.as_ref(), beside(before))?,
        })
    }

    /// The next record that differs, or `None` after the last. Two tensors of one type and shape
    /// are always told: only their numbers say whether they differ.
    ///
    /// # Errors
    /// When a content cannot be read, or breaks the rules of its kind.
    pub fn next_change(&mut self) -> Result<Option<RecordChange>, ViewError> {
        loop {
            self.before.fill()?;
            self.after.fill()?;
            let order = match (&self.before.next, &self.after.next) {
                (None, None) => return Ok(None),
                (Some(_), None) => Ordering::Less,
                (None, Some(_)) => Ordering::Greater,
                (Some(a), Some(b)) => a.key.cmp(&b.key),
            };
            let before = (order != Ordering::Greater).then(|| self.before.next.take()).flatten();
            let after = (order != Ordering::Less).then(|| self.after.next.take()).flatten();
            match (before, after) {
                (Some(a), Some(b)) if is_same(&a.value, &b.value) => {}
                (Some(Record { key, value }), after) => {
                    let after = after.map(|record| record.value);
                    return Ok(Some(RecordChange { key, before: Some(value), after }));
                }
                (None, Some(Record { key, value })) => {
                    return Ok(Some(RecordChange { key, before: None, after: Some(value) }));
                }
                (None, None) => return Ok(None),
            }
        }
    }
}

/// One side of the join: its next record is read ahead.
struct Side<'v> {
    cursor: Option<Box<dyn Cursor + 'v>>,
    next: Option<Record>,
}

impl<'v> Side<'v> {
    fn of(
        view: Option<&'v dyn View>,
        table: Option<&Table>,
        beside: Option<&'v dyn View>,
    ) -> Result<Self, ViewError> {
        let cursor = match (view, table) {
            (Some(view), Some(table)) => Some(view.cursor(table, beside)?),
            _ => None,
        };
        Ok(Self { cursor, next: None })
    }

    fn fill(&mut self) -> Result<(), ViewError> {
        if self.next.is_none()
            && let Some(cursor) = &mut self.cursor
        {
            self.next = cursor.next()?;
            if self.next.is_none() {
                self.cursor = None;
            }
        }
        Ok(())
    }
}

/// Whether two values are surely the same, to the bit: a number that is none equals itself, and
/// minus zero is not zero. Two tensors are never surely the same.
pub fn is_same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Double(a), Value::Double(b)) => a.to_bits() == b.to_bits(),
        (Value::List(a), Value::List(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| is_same(a, b))
        }
        (Value::Fields(a), Value::Fields(b)) => {
            a.len() == b.len()
                && a.iter().zip(b).all(|(a, b)| a.0 == b.0)
                && a.iter().zip(b).all(|(a, b)| is_same(&a.1, &b.1))
                || is_same_set(a, b)
        }
        (Value::Tensor(_), _) | (_, Value::Tensor(_)) => false,
        _ => a == b,
    }
}

/// Fields in another order are the same fields: a column that moved changes no row.
fn is_same_set(a: &[(String, Value)], b: &[(String, Value)]) -> bool {
    a.len() == b.len()
        && pair_fields(a, b).iter().all(|(_, a, b)| match (a, b) {
            (Some(a), Some(b)) => is_same(a, b),
            _ => false,
        })
}

/// A part of a record that differs.
#[derive(Clone, PartialEq, Debug)]
pub struct FieldChange<'v> {
    /// The names that lead to it; empty where the whole value is meant.
    pub path: Vec<String>,
    /// What it was; `None` where it is new.
    pub before: Option<&'v Value>,
    /// What it is; `None` where it is gone.
    pub after: Option<&'v Value>,
}

/// Deeper values are compared as one.
const DEPTH: usize = 128;

/// Which parts of a value differ, in the order in which they are shown.
pub fn field_changes<'v>(before: &'v Value, after: &'v Value) -> Vec<FieldChange<'v>> {
    let mut out = Vec::new();
    compare_parts(before, after, &mut Vec::new(), &mut out);
    out
}

fn compare_parts<'v>(
    before: &'v Value,
    after: &'v Value,
    path: &mut Vec<String>,
    out: &mut Vec<FieldChange<'v>>,
) {
    if is_same(before, after) {
        return;
    }
    match (before, after) {
        (Value::Fields(a), Value::Fields(b)) if path.len() < DEPTH => {
            for (name, before, after) in pair_fields(a, b) {
                path.push(name);
                match (before, after) {
                    (Some(before), Some(after)) => compare_parts(before, after, path, out),
                    _ => out.push(FieldChange { path: path.clone(), before, after }),
                }
                path.pop();
            }
        }
        _ => out.push(FieldChange { path: path.clone(), before: Some(before), after: Some(after) }),
    }
}

/// A name, and what either side has under it.
type FieldPair<'v> = (String, Option<&'v Value>, Option<&'v Value>);

/// The fields of two records by name, in the order of the second, then those that only the first
/// has. Of a name that is there several times, the n-th are a pair.
fn pair_fields<'v>(a: &'v [(String, Value)], b: &'v [(String, Value)]) -> Vec<FieldPair<'v>> {
    use std::collections::HashMap;
    let mut old: HashMap<&str, std::collections::VecDeque<(usize, &Value)>> = HashMap::new();
    for (at, (name, value)) in a.iter().enumerate() {
        old.entry(name).or_default().push_back((at, value));
    }
    let mut out: Vec<FieldPair<'v>> = Vec::new();
    for (name, value) in b {
        let before = old.get_mut(name.as_str()).and_then(std::collections::VecDeque::pop_front);
        out.push((name.clone(), before.map(|(_, value)| value), Some(value)));
    }
    let mut gone: Vec<_> = old
        .into_iter()
        .flat_map(|(name, values)| values.into_iter().map(move |(at, value)| (at, name, value)))
        .collect();
    gone.sort_by_key(|(at, ..)| *at);
    out.extend(gone.into_iter().map(|(_, name, value)| (name.to_owned(), Some(value), None)));
    out
}

#[cfg(test)]
#[path = "records_tests.rs"]
mod tests;
