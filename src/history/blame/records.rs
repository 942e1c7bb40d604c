//! Blame of records: rows of tables with their columns, key paths, tools, tensors.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use crate::diff::{RecordChange, RecordChanges, TablePair, is_same, pair_tables};
use crate::history::ancestry::{Ancestry, Spot};
use crate::object::{CommitId, RepoPath};
use crate::repo::Repository;
use crate::view::{Key, Kind, Source, Table, Tensor, Value, View, ViewError, differing};

use super::error::{BlameError, Unread};
use super::files::{FileState, FileVersions};
use super::rows::Views;
use super::trace::{Divided, Traced, trace};

/// Up to so many records are looked up one by one in each version, where that is quick.
const ONE_BY_ONE: usize = 128;

/// Which records are traced.
pub enum Wanted<'w> {
    /// Those with these keys, of the table of this name, as far as they are there.
    Keys(&'w str, &'w [Key]),
    /// Those that this lets pass, of the table of this name or of all: by table, key and value.
    Filter(Option<&'w str>, &'w dyn Fn(&Table, &Key, &Value) -> bool),
}

/// Records, and where they come from.
#[derive(Debug)]
pub struct RecordsBlame {
    /// What the content is.
    pub kind: Kind,
    /// The tables that records are told of, each with the names of its columns, as far as it has
    /// no keys.
    pub tables: Vec<(Table, Vec<String>)>,
    /// The records, in the order of tables and keys.
    pub records: Vec<BlamedRecord>,
    /// How many more were asked for and are not told.
    pub more: u64,
    /// Commits that could not be looked at.
    pub unread: Vec<Unread>,
}

/// A record, and where it comes from.
#[derive(Clone, PartialEq, Debug)]
pub struct BlamedRecord {
    /// Which of the tables it is in.
    pub table: usize,
    /// Its key.
    pub key: Key,
    /// What it holds.
    pub value: Value,
    /// The commit that inserted it.
    pub inserted: CommitId,
    /// Its parts, in the order of the value: the columns of a row, else the value as a whole.
    pub parts: Vec<BlamedPart>,
}

/// A part of a record, and where it comes from.
#[derive(Clone, PartialEq, Debug)]
pub struct BlamedPart {
    /// The column; `None` for the value as a whole.
    pub name: Option<String>,
    /// The commit that gave it its value.
    pub commit: CommitId,
}

/// Traces records of the content at `path` of a commit, at most `limit` of them.
///
/// Where few are wanted and a key leads to its record, each version is asked for them; else versions
/// are compared as `diff` compares them, which reads what they do not share.
///
/// # Errors
/// When the commit has no such content, or it cannot be read. What lies behind and cannot be read
/// is named in [`RecordsBlame::unread`].
pub fn blame_records(
    repo: &Repository,
    commit: CommitId,
    path: &RepoPath,
    wanted: &Wanted<'_>,
    limit: usize,
) -> Result<RecordsBlame, BlameError> {
    let ancestry = Ancestry::load_reaching(repo, &[commit]);
    let files = ancestry.files(ancestry.spot(commit))?;
    let no_file = || BlameError::NoFile { path: path.clone(), commit };
    let state = FileState::find(repo, files, path)?.ok_or_else(no_file)?;
    let mut views = Views::new(repo);
    let view = views.first(&state)?;
    let chosen = choose(&*view, path, wanted, limit)?;
    let mut tracer = Records {
        versions: FileVersions::new(repo),
        views,
        tables: chosen.tables,
        rows: chosen.rows,
    };
    let parts = (0..tracer.rows.len()).map(|row| Part {
        row,
        open: (0..tracer.rows[row].parts.len()).collect(),
        inserted: true,
    });
    let parts = parts.collect();
    let unread = trace(&ancestry, commit, state, parts, &mut tracer);
    let columns = |table: &Table| match table.is_multiset() {
        true => view.columns(table),
        false => Vec::new(),
    };
    let tables = tracer.tables.iter().map(|table| (table.clone(), columns(table))).collect();
    let records = tracer.rows.into_iter().map(|row| BlamedRecord {
        table: row.table,
        key: row.key,
        value: row.value,
        inserted: row.inserted.unwrap_or(commit),
        parts: row
            .parts
            .into_iter()
            .map(|(name, from)| BlamedPart { name, commit: from.unwrap_or(commit) })
            .collect(),
    });
    Ok(RecordsBlame {
        kind: view.kind(),
        tables,
        records: records.collect(),
        more: chosen.more,
        unread,
    })
}

/// A record that is traced.
struct Row {
    table: usize,
    key: Key,
    value: Value,
    inserted: Option<CommitId>,
    parts: Vec<(Option<String>, Option<CommitId>)>,
}

#[derive(Default)]
struct Chosen {
    tables: Vec<Table>,
    rows: Vec<Row>,
    more: u64,
}

impl Chosen {
    fn push(&mut self, key: Key, value: Value, limit: usize) {
        if self.rows.len() >= limit {
            self.more += 1;
            return;
        }
        let parts = match &value {
            Value::Fields(fields) if !fields.is_empty() => {
                fields.iter().map(|(name, _)| (Some(name.clone()), None)).collect()
            }
            _ => vec![(None, None)],
        };
        let table = self.tables.len().saturating_sub(1);
        self.rows.push(Row { table, key, value, inserted: None, parts });
    }
}

/// Gives the records of a table that `passes` lets pass.
pub(super) fn passing(
    view: &dyn View,
    table: &Table,
    passes: &dyn Fn(&Table, &Key, &Value) -> bool,
    found: &mut dyn FnMut(Key, Value),
) -> Result<(), ViewError> {
    let mut cursor = view.cursor(table, None)?;
    while let Some(record) = cursor.next()? {
        if passes(table, &record.key, &record.value) {
            found(record.key, record.value);
        }
    }
    Ok(())
}

fn choose(
    view: &dyn View,
    path: &RepoPath,
    wanted: &Wanted<'_>,
    limit: usize,
) -> Result<Chosen, BlameError> {
    let mut chosen = Chosen::default();
    let named = match wanted {
        Wanted::Keys(name, _) => Some(*name),
        Wanted::Filter(name, _) => *name,
    };
    let tables = view.tables().iter().filter(|table| named.is_none_or(|name| table.name == name));
    for table in tables {
        chosen.tables.push(table.clone());
        match wanted {
            Wanted::Keys(_, keys) => {
                for key in *keys {
                    if let Some(value) = view.get(table, key)? {
                        chosen.push(key.clone(), value, limit);
                    }
                }
            }
            Wanted::Filter(_, passes) => {
                passing(view, table, passes, &mut |key, value| chosen.push(key, value, limit))?;
            }
        }
    }
    match named {
        Some(name) if chosen.tables.is_empty() => {
            Err(BlameError::NoTable { path: path.clone(), name: name.to_owned() })
        }
        _ => Ok(chosen),
    }
}

/// What of a record is still to be traced.
struct Part {
    row: usize,
    /// Which of its parts.
    open: Vec<usize>,
    /// Whether the commit that inserted it is.
    inserted: bool,
}

/// What a version says of a record.
enum Before {
    /// What it says now.
    Same,
    /// Another thing.
    Other(Value),
    /// Nothing.
    Absent,
}

struct Records<'r> {
    versions: FileVersions<'r>,
    views: Views<'r>,
    tables: Vec<Table>,
    rows: Vec<Row>,
}

impl Records<'_> {
    fn compare(
        &mut self,
        now: &FileState,
        before: &FileState,
        parts: &[Part],
    ) -> Result<Vec<Before>, BlameError> {
        let old = self.views.get(before)?;
        let new = self.views.get(now)?;
        let mut found: Vec<Before> = parts.iter().map(|_| Before::Absent).collect();
        let (Some(old), Some(new)) = (old, new) else { return Ok(found) };
        for (nth, table) in self.tables.iter().enumerate() {
            let mut ours: Vec<usize> = Vec::new();
            for (at, part) in parts.iter().enumerate() {
                if self.rows.get(part.row).is_some_and(|row| row.table == nth) {
                    ours.push(at);
                }
            }
            // A table with another key is another table.
            let there = old.tables().iter().find(|other| *other == table);
            let Some(there) = there.filter(|_| !ours.is_empty()) else { continue };
            let key = |at: usize| parts.get(at).and_then(|part| self.rows.get(part.row));
            if ours.len() <= ONE_BY_ONE && old.finds_by_key(there) {
                for at in ours {
                    let Some(row) = key(at) else { continue };
                    if let Some(value) = old.get(there, &row.key)? {
                        found[at] = Before::Other(value);
                    }
                }
                continue;
            }
            ours.iter().for_each(|at| found[*at] = Before::Same);
            let by_key: BTreeMap<&Key, usize> =
                ours.iter().filter_map(|at| Some((&key(*at)?.key, *at))).collect();
            let pair = pair_tables(Some(&*old), Some(&*new));
            let is_ours = |pair: &&TablePair| pair.table().is_some_and(|t| t.name == table.name);
            let Some(pair) = pair.iter().find(is_ours) else { continue };
            let mut changes = RecordChanges::of(Some(&*old), Some(&*new), pair)?;
            while let Some(change) = changes.next_change()? {
                if let Some(at) = by_key.get(&change.key) {
                    found[*at] = told(&*old, &*new, change)?;
                }
            }
        }
        Ok(found)
    }
}

/// What a change says of a record in the earlier version.
fn told(old: &dyn View, new: &dyn View, change: RecordChange) -> Result<Before, ViewError> {
    Ok(match (change.before, change.after) {
        (Some(Value::Tensor(a)), Some(Value::Tensor(b))) => match (old.source(), new.source()) {
            (Some(old), Some(new)) if is_same_tensor((old, &a), (new, &b))? => Before::Same,
            _ => Before::Other(Value::Tensor(a)),
        },
        (Some(value), _) => Before::Other(value),
        (None, _) => Before::Absent,
    })
}

/// What is read of a tensor at a time, in bytes.
const PIECE: u64 = 256 << 10;

/// Whether two tensors are the same to the bit. Reading ends at the first difference.
pub(super) fn is_same_tensor(
    (old, a): (&dyn Source, &Tensor),
    (new, b): (&dyn Source, &Tensor),
) -> Result<bool, ViewError> {
    let len = |tensor: &Tensor| tensor.data.end.saturating_sub(tensor.data.start);
    if (&a.dtype, &a.shape, len(a)) != (&b.dtype, &b.shape, len(b)) {
        return Ok(false);
    }
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for Range { start, end } in differing((old, &a.data), (new, &b.data))? {
        let mut at = start;
        while at < end {
            let len = PIECE.min(end - at);
            read(old, a.data.start.saturating_add(at), len, &mut ours)?;
            read(new, b.data.start.saturating_add(at), len, &mut theirs)?;
            if ours != theirs {
                return Ok(false);
            }
            at += len;
        }
    }
    Ok(true)
}

fn read(source: &dyn Source, at: u64, len: u64, buffer: &mut Vec<u8>) -> Result<(), ViewError> {
    buffer.clear();
    // At most a piece.
    buffer.resize(usize::try_from(len).unwrap_or(0), 0);
    let mut filled = 0;
    while let Some(rest) = buffer.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        match source.read_at(at.saturating_add(filled as u64), rest)? {
            0 => {
                let why = "it ends within a tensor".into();
                return Err(ViewError::Malformed { what: "file of tensors", why, at });
            }
            read => filled += read,
        }
    }
    Ok(())
}

/// The value of a part of a record. A column that is not there is as one that holds nothing.
fn part<'v>(value: &'v Value, name: Option<&str>) -> Option<&'v Value> {
    let Some(name) = name else { return Some(value) };
    let Value::Fields(fields) = value else { return None };
    let found = fields.iter().find(|(known, _)| known == name).map(|(_, value)| value);
    found.filter(|value| **value != Value::Null)
}

fn is_same_part(a: Option<&Value>, b: Option<&Value>) -> bool {
    match (a, b) {
        (Some(a), Some(b)) => is_same(a, b),
        (None, None) => true,
        _ => false,
    }
}

impl Traced for Records<'_> {
    type State = FileState;
    type Part = Part;

    fn parent(
        &mut self,
        ancestry: &Ancestry<'_>,
        child: (Spot, &FileState),
        parent: Spot,
        nth: usize,
    ) -> Result<Option<FileState>, BlameError> {
        Ok(self.versions.parent(ancestry, child, parent, nth)?)
    }

    fn renamed(
        &mut self,
        ancestry: &Ancestry<'_>,
        child: (Spot, &FileState),
        parent: Spot,
    ) -> Result<Option<FileState>, BlameError> {
        Ok(self.versions.renamed(ancestry, child, parent)?)
    }

    fn is_same(&self, a: &FileState, b: &FileState) -> bool {
        a.has_bytes_of(b)
    }

    fn divide(&mut self, now: &FileState, before: &FileState, parts: Vec<Part>) -> Divided<Part> {
        let parts = join(parts);
        let found = match self.compare(now, before, &parts) {
            Ok(found) => found,
            Err(why) => return Err((parts, why)),
        };
        let (mut kept, mut passed) = (Vec::new(), Vec::new());
        for (wanted, before) in parts.into_iter().zip(found) {
            let before = match before {
                Before::Same => {
                    passed.push(wanted);
                    continue;
                }
                Before::Absent => {
                    kept.push(wanted);
                    continue;
                }
                Before::Other(value) => value,
            };
            let Some(row) = self.rows.get(wanted.row) else { continue };
            let is_old = |nth: &usize| {
                let name = row.parts.get(*nth).and_then(|(name, _)| name.as_deref());
                is_same_part(part(&row.value, name), part(&before, name))
            };
            let (old, new): (Vec<usize>, Vec<usize>) = wanted.open.iter().partition(|n| is_old(n));
            if !old.is_empty() || wanted.inserted {
                passed.push(Part { row: wanted.row, open: old, inserted: wanted.inserted });
            }
            if !new.is_empty() {
                kept.push(Part { row: wanted.row, open: new, inserted: false });
            }
        }
        Ok((kept, passed))
    }

    fn own(&mut self, commit: CommitId, _state: &FileState, parts: Vec<Part>) {
        for part in parts {
            let Some(row) = self.rows.get_mut(part.row) else { continue };
            if part.inserted {
                row.inserted = Some(commit);
            }
            for nth in part.open {
                if let Some((_, from)) = row.parts.get_mut(nth) {
                    *from = Some(commit);
                }
            }
        }
    }
}

/// Parts of one record that came on several ways, as one.
fn join(mut parts: Vec<Part>) -> Vec<Part> {
    parts.sort_by_key(|part| part.row);
    let mut out: Vec<Part> = Vec::with_capacity(parts.len());
    for part in parts {
        match out.last_mut().filter(|last| last.row == part.row) {
            Some(last) => {
                last.open.extend(part.open);
                last.inserted |= part.inserted;
            }
            None => out.push(part),
        }
    }
    out
}

/// A view that is shared by those who read it.
pub(super) type SharedView = Arc<dyn View>;
