//! Differences as `--json` prints them: one schema for all kinds (`docs/diff.md`).

use std::borrow::Cow;
use std::cell::{Cell, RefCell};

use aisr::diff::{
    FileChange, Hunk, LineKind, RecordChange, RecordChanges, RecordsDiff, TablePair, TensorChange,
    TensorDelta, TextOptions, Unit, diff_records, diff_tensors, diff_text, field_changes,
    has_tensors, pair_tables,
};
use aisr::view::{Element, Tensor, Value, View, ViewError, path_of};
use aisr::worktree::{Content, Versions, understand};
use bstr::ByteSlice;
use serde::{Serialize, Serializer};

use super::{Differences, broken_content, fell_back, kind_name, view_error};
use crate::cli::error::CliError;
use crate::cli::output::change_view::ChangeView;
use crate::cli::output::json::JsonList;

#[derive(Serialize)]
struct FileView<'t> {
    #[serde(flatten)]
    change: ChangeView,
    /// What both contents are understood as; absent where nothing was looked into.
    #[serde(skip_serializing_if = "Option::is_none")]
    kind: Option<&'static str>,
    /// What a reader should know of the contents.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    notes: Vec<String>,
    /// Absent where a side is no text.
    #[serde(skip_serializing_if = "Option::is_none")]
    hunks: Option<Vec<HunkView<'t>>>,
    /// Absent for texts and bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    tables: Option<Tables<'t>>,
}

#[derive(Serialize)]
struct HunkView<'t> {
    /// First line, counted from 1, and number of lines.
    before: [u32; 2],
    after: [u32; 2],
    lines: Vec<LineView<'t>>,
}

#[derive(Serialize)]
struct LineView<'t> {
    kind: &'static str,
    text: Cow<'t, str>,
}

impl Differences<'_> {
    /// Writes one change into a list.
    pub fn write_json(&self, found: &FileChange, list: &mut JsonList<'_>) -> Result<(), CliError> {
        let versions = understand(self.repo, found)?;
        let texts = self.texts(found)?;
        let mut notes = Vec::new();
        let mut tables = None;
        if let Some(versions) = &versions {
            for opened in [&versions.before, &versions.after].into_iter().flatten() {
                notes.extend(opened.fell_back.as_ref().map(fell_back));
                let doubled = opened.doubled.iter().map(|key| path_of(key));
                notes.extend(doubled.map(|path| format!("there twice: {path}")));
            }
            notes.dedup();
            match self.tables(versions) {
                Ok(found) => tables = found,
                Err(e) => notes.push(broken_content(e)?),
            }
        }
        let hunks = match (&texts.before, &texts.after) {
            (Content::Text(before), Content::Text(after)) => {
                let options = TextOptions { context: self.options.context, words: false };
                Some(diff_text(before, after, options).iter().map(HunkView::of).collect())
            }
            _ => None,
        };
        // What fails while it is written is kept here: the writer knows no errors of ours.
        let failed = Cell::new(None);
        if let Some(tables) = &mut tables {
            tables.failed = Some(&failed);
        }
        let kind = versions.as_ref().map(|versions| kind_name(versions.kind));
        let view = FileView { change: ChangeView::of(found), kind, notes, hunks, tables };
        let written = list.push(&view);
        match failed.take() {
            Some(error) => Err(view_error(error)),
            None => written,
        }
    }

    fn tables<'v>(&self, versions: &'v Versions) -> Result<Option<Tables<'v>>, CliError> {
        use aisr::view::Kind;
        if matches!(versions.kind, Kind::Bytes | Kind::Text) {
            return Ok(None);
        }
        let (before, after) = versions.views();
        let mut all = Vec::new();
        for tables in pair_tables(before, after) {
            if has_tensors(before, after, &tables).map_err(view_error)? {
                let found = diff_tensors(before, after, &tables, self.options.threads);
                let found = found.map_err(view_error)?;
                if !found.changes.is_empty() {
                    let (counts, changes) = (found.counts(), Changes::Tensors(found.changes));
                    all.push(TableView::new(tables, counts, self.options.limit, changes));
                }
                continue;
            }
            let found = diff_records(before, after, &tables, 0).map_err(view_error)?;
            let is_apart = tables.before.is_none() != tables.after.is_none();
            let RecordsDiff { counts, .. } = found;
            if !counts.is_nothing() || (is_apart && before.is_some() && after.is_some()) {
                let changes = Changes::Records { before, after };
                all.push(TableView::new(tables, counts, self.options.limit, changes));
            }
        }
        Ok(Some(Tables { all, failed: None }))
    }
}

/// The tables that differ.
struct Tables<'v> {
    all: Vec<TableView<'v>>,
    failed: Option<&'v Cell<Option<ViewError>>>,
}

struct TableView<'v> {
    tables: TablePair,
    counts: aisr::diff::Counts,
    limit: Option<usize>,
    changes: Changes<'v>,
}

enum Changes<'v> {
    Records { before: Option<&'v dyn View>, after: Option<&'v dyn View> },
    Tensors(Vec<TensorChange>),
}

impl<'v> TableView<'v> {
    fn new(
        tables: TablePair,
        counts: aisr::diff::Counts,
        limit: Option<usize>,
        changes: Changes<'v>,
    ) -> Self {
        Self { tables, counts, limit, changes }
    }
}

#[derive(Serialize)]
struct TableJson<'t> {
    name: &'t str,
    key: &'t [String],
    change: &'static str,
    added: u64,
    removed: u64,
    changed: u64,
    changes: Seq<'t>,
}

impl Serialize for Tables<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let failed = self.failed;
        serializer.collect_seq(self.all.iter().filter_map(|table| {
            let own = table.tables.table()?;
            Some(TableJson {
                name: &own.name,
                key: &own.key,
                change: match (&table.tables.before, &table.tables.after) {
                    (None, _) => "new",
                    (_, None) => "gone",
                    _ => "changed",
                },
                added: table.counts.added,
                removed: table.counts.removed,
                changed: table.counts.changed,
                changes: Seq { table, failed },
            })
        }))
    }
}

/// The changes of a table, read while they are written.
struct Seq<'t> {
    table: &'t TableView<'t>,
    failed: Option<&'t Cell<Option<ViewError>>>,
}

impl Serialize for Seq<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let limit = self.table.limit.unwrap_or(usize::MAX);
        let (before, after) = match &self.table.changes {
            Changes::Tensors(changes) => {
                return serializer.collect_seq(changes.iter().take(limit).map(tensor_change));
            }
            Changes::Records { before, after } => (*before, *after),
        };
        let fail = |error| {
            if let Some(failed) = self.failed {
                failed.set(Some(error));
            }
        };
        let changes = match RecordChanges::of(before, after, &self.table.tables) {
            Ok(changes) => RefCell::new(changes),
            Err(error) => {
                fail(error);
                return serializer.collect_seq(std::iter::empty::<()>());
            }
        };
        let next = || match changes.borrow_mut().next_change() {
            Ok(change) => change,
            Err(error) => {
                fail(error);
                None
            }
        };
        serializer.collect_seq(std::iter::from_fn(next).take(limit).map(|c| record_change(&c)))
    }
}

#[derive(Serialize)]
struct ChangeJson {
    change: &'static str,
    /// The path, in words, of documents, tools and tensors.
    path: String,
    key: Vec<serde_json::Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    before: Option<serde_json::Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    after: Option<serde_json::Value>,
    /// The parts that changed.
    #[serde(skip_serializing_if = "Option::is_none")]
    fields: Option<Vec<FieldJson>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tensor: Option<serde_json::Value>,
}

#[derive(Serialize)]
struct FieldJson {
    path: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    before: Option<serde_json::Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    after: Option<serde_json::Value>,
}

fn word(before: bool, after: bool) -> &'static str {
    match (before, after) {
        (false, _) => "new",
        (_, false) => "gone",
        _ => "changed",
    }
}

fn record_change(change: &RecordChange) -> ChangeJson {
    let fields = match (&change.before, &change.after) {
        (Some(old @ Value::Fields(_)), Some(new @ Value::Fields(_))) => {
            let fields = field_changes(old, new).into_iter().map(|field| FieldJson {
                path: field.path,
                before: field.before.map(json_value),
                after: field.after.map(json_value),
            });
            Some(fields.collect())
        }
        _ => None,
    };
    ChangeJson {
        change: word(change.before.is_some(), change.after.is_some()),
        path: path_of(&change.key),
        key: change.key.iter().map(json_element).collect(),
        before: change.before.as_ref().map(json_value),
        after: change.after.as_ref().map(json_value),
        fields,
        tensor: None,
    }
}

fn tensor_change(change: &TensorChange) -> ChangeJson {
    let tensor = |tensor: &Tensor| json_value(&Value::Tensor(tensor.clone()));
    ChangeJson {
        change: word(change.before.is_some(), change.after.is_some()),
        path: path_of(&change.key),
        key: change.key.iter().map(json_element).collect(),
        before: change.before.as_ref().map(tensor),
        after: change.after.as_ref().map(tensor),
        fields: None,
        tensor: change.delta.as_ref().map(json_delta),
    }
}

fn json_delta(delta: &TensorDelta) -> serde_json::Value {
    let unit = match delta.unit {
        Unit::Value => "value",
        Unit::Block => "block",
        Unit::Byte => "byte",
    };
    let mut out =
        serde_json::json!({ "unit": unit, "total": delta.total, "changed": delta.changed });
    if let (Some(moved), Some(out)) = (delta.moved, out.as_object_mut()) {
        out.insert("max".into(), json_double(moved.max));
        out.insert("mean".into(), json_double(moved.mean));
        out.insert("l2".into(), json_double(moved.l2));
        out.insert("not_finite".into(), moved.not_finite.into());
    }
    out
}

/// A part of a key: what JSON has, as it is; bytes and tuples as objects that say so.
pub fn json_element(element: &Element) -> serde_json::Value {
    use serde_json::json;
    match element {
        Element::Null => serde_json::Value::Null,
        Element::Bytes(bytes) => json_bytes(bytes),
        Element::Text(text) => json!(text),
        Element::Nested(parts) => {
            json!({ "tuple": parts.iter().map(json_element).collect::<Vec<_>>() })
        }
        Element::Integer(number) => json_integer(number.get()),
        Element::Double(number) => json_double(*number),
        Element::Bool(truth) => json!(truth),
    }
}

/// A value: what JSON has, as it is; all else as an object that says what it is.
pub fn json_value(value: &Value) -> serde_json::Value {
    use serde_json::json;
    match value {
        Value::Null => serde_json::Value::Null,
        Value::Bool(truth) => json!(truth),
        Value::Integer(number) => json_integer(*number),
        Value::Double(number) => json_double(*number),
        Value::Number(written) => json!({ "number": written }),
        Value::Text(text) => json!(text),
        Value::Bytes(bytes) => json_bytes(bytes),
        Value::List(items) => items.iter().map(json_value).collect(),
        Value::Fields(fields) => {
            let mut names = std::collections::BTreeSet::new();
            match fields.iter().all(|(name, _)| names.insert(name)) {
                true => {
                    fields.iter().map(|(name, value)| (name.clone(), json_value(value))).collect()
                }
                // An object would lose all but one of the fields of one name.
                false => {
                    let pairs = fields.iter().map(|(name, value)| json!([name, json_value(value)]));
                    json!({ "fields": pairs.collect::<Vec<_>>() })
                }
            }
        }
        Value::Count(times) => json!({ "count": times }),
        Value::Tensor(tensor) => json!({
            "dtype": tensor.dtype,
            "shape": tensor.shape,
            "bytes": tensor.data.end.saturating_sub(tensor.data.start),
        }),
    }
}

fn json_bytes(bytes: &[u8]) -> serde_json::Value {
    serde_json::json!({ "hex": data_encoding::HEXLOWER.encode(bytes) })
}

fn json_integer(number: i128) -> serde_json::Value {
    match (i64::try_from(number), u64::try_from(number)) {
        (Ok(number), _) => number.into(),
        (_, Ok(number)) => number.into(),
        _ => serde_json::json!({ "number": number.to_string() }),
    }
}

fn json_double(number: f64) -> serde_json::Value {
    match serde_json::Number::from_f64(number) {
        Some(number) => number.into(),
        None => serde_json::json!({ "number": number.to_string() }),
    }
}

impl<'t> HunkView<'t> {
    fn of(hunk: &Hunk<'t>) -> Self {
        let lines = hunk.lines.iter().map(|line| LineView {
            kind: match line.kind {
                LineKind::Context => "context",
                LineKind::Removed => "removed",
                LineKind::Added => "added",
            },
            text: line.text.to_str_lossy(),
        });
        Self {
            before: [hunk.before.start + 1, hunk.before.len() as u32],
            after: [hunk.after.start + 1, hunk.after.len() as u32],
            lines: lines.collect(),
        }
    }
}
