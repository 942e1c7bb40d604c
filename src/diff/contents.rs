//! What differs in a table of two versions, ready to be shown: counted whole, listed in part.

use crate::view::{Cursor, Key, Tensor, Value, View, ViewError};

use super::records::{Counts, RecordChange, RecordChanges, TablePair};
use super::tensors::{TensorDelta, TensorPair, compare_tensors};

/// The records of a table that differ.
#[derive(Debug)]
pub struct RecordsDiff {
    /// The table.
    pub tables: TablePair,
    /// How many records differ.
    pub counts: Counts,
    /// The first of the changes, in the order of their keys.
    pub first: Vec<RecordChange>,
    /// How many changes come after those.
    pub more: u64,
}

/// Counts the records of a table that differ, and keeps the first `limit` changes.
///
/// # Errors
/// When a content cannot be read, or breaks the rules of its kind.
pub fn diff_records(
    before: Option<&dyn View>,
    after: Option<&dyn View>,
    tables: &TablePair,
    limit: usize,
) -> Result<RecordsDiff, ViewError> {
    let mut found = RecordsDiff {
        tables: tables.clone(),
        counts: Counts::default(),
        first: Vec::new(),
        more: 0,
    };
    let mut changes = RecordChanges::of(before, after, tables)?;
    while let Some(change) = changes.next_change()? {
        found.counts.add(&change);
        if found.first.len() < limit {
            found.first.push(change);
        } else {
            found.more += 1;
        }
    }
    Ok(found)
}

/// A tensor that differs.
#[derive(Clone, PartialEq, Debug)]
pub struct TensorChange {
    /// Its name.
    pub key: Key,
    /// What the first version says of it; `None` where it is new.
    pub before: Option<Tensor>,
    /// What the second version says of it; `None` where it is gone.
    pub after: Option<Tensor>,
    /// How much its numbers moved, where both versions have it in one type and shape.
    pub delta: Option<TensorDelta>,
}

/// The tensors of a table that differ.
#[derive(Debug)]
pub struct TensorsDiff {
    /// The table.
    pub tables: TablePair,
    /// What differs: tensors that are new, gone, or of another type or shape in the order of their
    /// names, then those whose numbers moved, the one that moved most first.
    pub changes: Vec<TensorChange>,
    /// How many tensors the later version that has the table holds.
    pub total: u64,
}

impl TensorsDiff {
    /// How many tensors are new, gone, and different.
    pub fn counts(&self) -> Counts {
        let mut counts = Counts::default();
        for change in &self.changes {
            match (&change.before, &change.after) {
                (None, _) => counts.added += 1,
                (_, None) => counts.removed += 1,
                _ => counts.changed += 1,
            }
        }
        counts
    }
}

/// Whether this is a table of tensors, which [`diff_tensors`] compares.
///
/// # Errors
/// When a content cannot be read.
pub fn has_tensors(
    before: Option<&dyn View>,
    after: Option<&dyn View>,
    tables: &TablePair,
) -> Result<bool, ViewError> {
    for (view, table) in [(before, &tables.before), (after, &tables.after)] {
        let (Some(view), Some(table)) = (view, table) else { continue };
        if view.source().is_none() {
            continue;
        }
        let first = view.cursor(table, None)?.next()?;
        if first.is_some_and(|record| matches!(record.value, Value::Tensor(_))) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Compares the tensors of a table; what is not told is equal to the bit.
///
/// # Errors
/// When a content cannot be read.
pub fn diff_tensors(
    before: Option<&dyn View>,
    after: Option<&dyn View>,
    tables: &TablePair,
    threads: usize,
) -> Result<TensorsDiff, ViewError> {
    let (mut apart, mut alike) = (Vec::new(), Vec::new());
    let mut changes = RecordChanges::of(before, after, tables)?;
    while let Some(RecordChange { key, before, after }) = changes.next_change()? {
        let tensor = |value: Option<Value>| match value {
            Some(Value::Tensor(tensor)) => Some(tensor),
            _ => None,
        };
        let change =
            TensorChange { key, before: tensor(before), after: tensor(after), delta: None };
        match (&change.before, &change.after) {
            (Some(a), Some(b)) if (&a.dtype, &a.shape) == (&b.dtype, &b.shape) => {
                alike.push(change);
            }
            _ => apart.push(change),
        }
    }
    let sources = (before.and_then(View::source), after.and_then(View::source));
    if let (Some(old), Some(new)) = sources {
        let pairs: Vec<TensorPair<'_>> = alike
            .iter()
            .filter_map(|change| {
                let (a, b) = (change.before.as_ref()?, change.after.as_ref()?);
                Some(TensorPair { before: (old, a), after: (new, b) })
            })
            .collect();
        let deltas = compare_tensors(&pairs, threads)?;
        let moved = alike.into_iter().zip(deltas).filter(|(_, delta)| delta.changed > 0);
        let mut moved: Vec<_> = moved
            .map(|(change, delta)| (TensorChange { delta: Some(delta), ..change }, delta))
            .collect();
        moved.sort_by(|(_, a), (_, b)| a.most_moved_first(b));
        apart.extend(moved.into_iter().map(|(change, _)| change));
    }
    let view = if tables.after.is_some() { after } else { before };
    let total = match (view, tables.table()) {
        (Some(view), Some(table)) => count(&mut *view.cursor(table, None)?)?,
        _ => 0,
    };
    Ok(TensorsDiff { tables: tables.clone(), changes: apart, total })
}

fn count(cursor: &mut dyn Cursor) -> Result<u64, ViewError> {
    let mut count = 0;
    while cursor.next()?.is_some() {
        count += 1;
    }
    Ok(count)
}
