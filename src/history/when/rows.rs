//! How many rows of a content pass, counted whole or by what differs from a version that was
//! counted before.

use crate::diff::{RecordChanges, pair_tables};
use crate::view::{Key, Record, Table, Value, View, ViewError};

use super::super::query::Condition;

/// Which rows pass.
pub struct RowTest<'q> {
    /// The table they stand in; `None` for any.
    pub table: Option<&'q str>,
    /// What they must be.
    pub conditions: &'q [Condition],
}

impl RowTest<'_> {
    fn takes(&self, table: &Table) -> bool {
        self.table.is_none_or(|name| name == table.name)
    }

    /// How often a row counts: in a table without keys as often as it is there.
    fn weight(&self, table: &Table, columns: &[String], record: &Record) -> u64 {
        let passes = |condition: &Condition| condition.passes(table, columns, record);
        match &record.value {
            _ if !self.conditions.iter().all(passes) => 0,
            Value::Count(times) if table.is_multiset() => *times,
            _ => 1,
        }
    }
}

/// Told of a row that passes here and not before: its table and what it is. Says whether to go on.
pub type Visit<'v> = dyn FnMut(&Table, &[String], &Record) -> bool + 'v;

/// Counts the rows of one version that pass.
pub fn count_rows(view: &dyn View, test: &RowTest<'_>) -> Result<u64, ViewError> {
    let mut count = 0u64;
    for table in view.tables().iter().filter(|table| test.takes(table)) {
        let columns = view.columns(table);
        let mut cursor = view.cursor(table, None)?;
        while let Some(record) = cursor.next()? {
            count = count.saturating_add(test.weight(table, &columns, &record));
        }
    }
    Ok(count)
}

/// Counts the rows of `after` that pass by what differs from `before`, of which `counted` pass.
pub fn count_rows_from(
    before: &dyn View,
    counted: u64,
    after: &dyn View,
    test: &RowTest<'_>,
) -> Result<u64, ViewError> {
    let Some(changes) = changes(before, after, test, &mut |_, _, _, _, _| true)? else {
        return count_rows(after, test);
    };
    Ok(counted.saturating_add(changes.more).saturating_sub(changes.fewer))
}

/// Visits rows of `after` that pass, and did not in `before`.
pub fn visit_new_rows(
    before: Option<&dyn View>,
    after: &dyn View,
    test: &RowTest<'_>,
    visit: &mut Visit<'_>,
) -> Result<(), ViewError> {
    if let Some(before) = before {
        let told = changes(before, after, test, &mut |table, columns, record, was, is| {
            is <= was || visit(table, columns, record)
        })?;
        if told.is_some() {
            return Ok(());
        }
    }
    for table in after.tables().iter().filter(|table| test.takes(table)) {
        let columns = after.columns(table);
        let mut cursor = after.cursor(table, None)?;
        while let Some(record) = cursor.next()? {
            if test.weight(table, &columns, &record) > 0 && !visit(table, &columns, &record) {
                return Ok(());
            }
        }
    }
    Ok(())
}

/// Told of a row as it is afterwards, how often it counted before and how often it counts. Says
/// whether to go on.
type VisitChange<'v> = dyn FnMut(&Table, &[String], &Record, u64, u64) -> bool + 'v;

/// What changes make of a count.
struct Difference {
    more: u64,
    fewer: u64,
}

/// Goes through the rows that differ; `None` where versions cannot be compared row by row.
fn changes(
    before: &dyn View,
    after: &dyn View,
    test: &RowTest<'_>,
    visit: &mut VisitChange<'_>,
) -> Result<Option<Difference>, ViewError> {
    if before.kind() != after.kind() {
        return Ok(None);
    }
    let pairs = pair_tables(Some(before), Some(after));
    let taken = pairs.iter().filter(|pair| pair.table().is_some_and(|table| test.takes(table)));
    // Tables that are paired without their keys do not hold the records that they have.
    let whole = |view: &dyn View, table: &Option<Table>| {
        table.as_ref().is_none_or(|table| view.tables().contains(table))
    };
    let taken: Vec<_> = taken.collect();
    if !taken.iter().all(|pair| whole(before, &pair.before) && whole(after, &pair.after)) {
        return Ok(None);
    }
    let mut difference = Difference { more: 0, fewer: 0 };
    for pair in taken {
        let columns_of = |view: &dyn View, table: &Option<Table>| {
            table.as_ref().map_or(Vec::new(), |table| view.columns(table))
        };
        let (old, new) = (columns_of(before, &pair.before), columns_of(after, &pair.after));
        // In another order of columns a record without a key is another one.
        if pair.before.is_some() && pair.after.is_some() && old != new {
            return Ok(None);
        }
        let weight =
            |table: &Option<Table>, columns: &[String], key: &Key, value: Option<Value>| {
                let (Some(table), Some(value)) = (table, value) else { return (0, None) };
                let record = Record { key: key.clone(), value };
                (test.weight(table, columns, &record), Some(record))
            };
        let mut changes = RecordChanges::of(Some(before), Some(after), pair)?;
        while let Some(change) = changes.next_change()? {
            let (was, _) = weight(&pair.before, &old, &change.key, change.before);
            let (is, record) = weight(&pair.after, &new, &change.key, change.after);
            difference.more = difference.more.saturating_add(is);
            difference.fewer = difference.fewer.saturating_add(was);
            if let (Some(table), Some(record)) = (&pair.after, &record)
                && !visit(table, &new, record, was, is)
            {
                return Ok(Some(difference));
            }
        }
    }
    Ok(Some(difference))
}
