//! What differs in the tables of two versions: rows by key with the columns that changed, key
//! paths, and tools as a model reads them.

use std::collections::BTreeSet;
use std::io::Write;

use aisr::diff::{
    Counts, FieldChange, RecordChange, RecordChanges, RecordsDiff, TablePair, TextOptions,
    diff_records, diff_text, field_changes, has_tensors, pair_tables,
};
use aisr::view::{Element, Kind, Table, Value, View, value_of};
use aisr::worktree::Versions;

use super::hunks::HunkStyle;
use super::tensors::draw_tensors;
use super::values::{inline, key_shown, name_shown};
use super::{DrawOptions, view_error};
use crate::cli::error::CliError;
use crate::cli::output::color::{ADDED, HUNK, KIND, REMOVED};
use crate::cli::output::escape::Escaped;
use crate::cli::output::numbers::{count, plural};
use crate::cli::output::stream::Output;

/// Changes above this are not held, but read again.
const HELD: usize = 4096;
/// Longer texts stand on lines of their own.
const SHORT_TEXT: usize = 72;
/// Of a longer text that comes or goes whole, the first lines are shown.
const TEXT_LINES: usize = 200;

/// Draws all that differs. Whether anything does, as far as the views see it.
pub fn draw_tables(
    versions: &Versions,
    options: &DrawOptions,
    out: &mut Output,
) -> Result<bool, CliError> {
    let (before, after) = versions.views();
    let mut any = false;
    for tables in pair_tables(before, after) {
        let Some(table) = tables.table().cloned() else { continue };
        if has_tensors(before, after, &tables).map_err(view_error)? {
            any |= draw_tensors(versions, &tables, options, out)?;
            continue;
        }
        let drawing = Drawing { versions, options, tables: &tables, table };
        any |= drawing.draw(out)?;
    }
    Ok(any)
}

struct Drawing<'d> {
    versions: &'d Versions,
    options: &'d DrawOptions,
    tables: &'d TablePair,
    table: Table,
}

impl Drawing<'_> {
    fn draw(&self, out: &mut Output) -> Result<bool, CliError> {
        let (before, after) = self.versions.views();
        let limit = self.options.limit.unwrap_or(HELD);
        let found = diff_records(before, after, self.tables, limit).map_err(view_error)?;
        let is_apart = self.tables.before.is_none() || self.tables.after.is_none();
        let whole_file = before.is_none() || after.is_none();
        if found.counts.is_nothing() && (!is_apart || whole_file) {
            return Ok(false);
        }
        self.headline(&found, is_apart && !whole_file, out)?;
        let mut tool = None;
        let names = match self.is_tools() {
            true => Some((names(before, &self.table)?, names(after, &self.table)?)),
            false => None,
        };
        let mut one = |change: &RecordChange, out: &mut Output| match &names {
            Some((old, new)) => self.tool_field(change, &mut tool, (old, new), out),
            None => self.record(change, &change.key, "  ", out),
        };
        if self.options.limit.is_none() && found.more > 0 {
            let mut all = RecordChanges::of(before, after, self.tables).map_err(view_error)?;
            while let Some(change) = all.next_change().map_err(view_error)? {
                one(&change, out)?;
            }
            return Ok(true);
        }
        found.first.iter().try_for_each(|change| one(change, out))?;
        draw_more(found.more, out)?;
        Ok(true)
    }

    fn is_tools(&self) -> bool {
        self.versions.kind == Kind::Tools && self.table.name == TOOLS
    }

    /// Says which table, and how much of it differs.
    fn headline(
        &self,
        found: &RecordsDiff,
        tell_state: bool,
        out: &mut Output,
    ) -> Result<(), CliError> {
        if self.is_tools() {
            let (_, after) = self.versions.views();
            let tools = ToolCounts::of(self.versions, self.tables)?;
            let total = names(after, &self.table)?.len() as u64;
            return Ok(writeln!(out, "  {}", tools.line(total))?);
        }
        let state = match (tell_state, &self.tables.before, &self.tables.after) {
            (true, None, _) => "new table ",
            (true, _, None) => "table gone ",
            _ => "",
        };
        let counts = counts_shown(found.counts);
        let one = found.counts.total() == 1;
        match (self.versions.kind, self.table.name.as_str()) {
            (Kind::Sqlite, name) => {
                let state = if state.is_empty() { "table " } else { state };
                Ok(writeln!(
                    out,
                    "  {KIND}{state}{}{KIND:#}  {counts} {}",
                    Escaped(name.as_bytes()),
                    if one { "row" } else { "rows" }
                )?)
            }
            (Kind::JsonLines | Kind::Csv, _) => {
                Ok(writeln!(out, "  {counts} {}", if one { "record" } else { "records" })?)
            }
            (_, "") => Ok(()),
            (_, name) => Ok(writeln!(out, "  {KIND}{state}{}{KIND:#}", Escaped(name.as_bytes()))?),
        }
    }

    /// A field of a tool, below the name of its tool.
    fn tool_field(
        &self,
        change: &RecordChange,
        last: &mut Option<Element>,
        (old, new): (&BTreeSet<Element>, &BTreeSet<Element>),
        out: &mut Output,
    ) -> Result<(), CliError> {
        let Some((tool, rest)) = change.key.split_first() else { return Ok(()) };
        if last.as_ref() != Some(tool) {
            let name = key_shown(Kind::Tools, &self.table, &[], std::slice::from_ref(tool));
            let (sign, style) = match (old.contains(tool), new.contains(tool)) {
                (false, _) => ("+", ADDED),
                (_, false) => ("−", REMOVED),
                _ => ("~", HUNK),
            };
            writeln!(out, "  {style}{sign} {name}{style:#}")?;
            *last = Some(tool.clone());
        }
        self.record(change, rest, "      ", out)
    }

    fn record(
        &self,
        change: &RecordChange,
        key: &[Element],
        indent: &'static str,
        out: &mut Output,
    ) -> Result<(), CliError> {
        let (before, after) = self.versions.views();
        let columns = match (after, before) {
            (Some(view), _) if self.tables.after.is_some() => view.columns(&self.table),
            (_, Some(view)) => view.columns(&self.table),
            _ => Vec::new(),
        };
        let name = match self.lone_value(key) {
            Some(value) => inline(&value),
            None => key_shown(self.versions.kind, &self.table, &columns, key),
        };
        match (&change.before, &change.after) {
            (Some(Value::Count(_)), _) | (_, Some(Value::Count(_))) => {
                let times = |value: &Option<Value>| match value {
                    Some(Value::Count(times)) => *times,
                    _ => 0,
                };
                let (old, new) = (times(&change.before), times(&change.after));
                let (sign, style) = if new > old { ("+", ADDED) } else { ("−", REMOVED) };
                let many = match old.abs_diff(new) {
                    1 => String::new(),
                    many => format!("{} × ", count(many)),
                };
                Ok(writeln!(out, "{indent}{style}{sign} {many}{name}{style:#}")?)
            }
            (Some(old), Some(new)) => {
                let fields = field_changes(old, new);
                self.fields(("~", HUNK), &name, &fields, indent, out)
            }
            (Some(old), None) => self.whole(("−", REMOVED), &name, (Some(old), None), indent, out),
            (None, new) => self.whole(("+", ADDED), &name, (None, new.as_ref()), indent, out),
        }
    }

    /// A record without a key of its own that is one value.
    fn lone_value(&self, key: &[Element]) -> Option<Value> {
        match key {
            [element] if self.table.is_multiset() && self.versions.kind != Kind::Sqlite => {
                Some(value_of(element))
            }
            _ => None,
        }
    }

    /// A record that came or went.
    fn whole(
        &self,
        sign: (&str, anstyle::Style),
        name: &str,
        (old, new): (Option<&Value>, Option<&Value>),
        indent: &'static str,
        out: &mut Output,
    ) -> Result<(), CliError> {
        let Some(value) = old.or(new) else { return Ok(()) };
        let part = |path: Vec<String>, value| match old {
            Some(_) => FieldChange { path, before: Some(value), after: None },
            None => FieldChange { path, before: None, after: Some(value) },
        };
        let fields = match value {
            Value::Fields(fields) if !fields.is_empty() => {
                // In records of text the key is a field; it is shown already.
                let rest = fields.iter().filter(|(name, _)| !self.table.key.contains(name));
                rest.map(|(name, value)| part(vec![name.clone()], value)).collect()
            }
            value => vec![part(Vec::new(), value)],
        };
        self.fields(sign, name, &fields, indent, out)
    }

    /// A record and its fields: short ones on its line, longer texts below it.
    fn fields(
        &self,
        (sign, style): (&str, anstyle::Style),
        name: &str,
        fields: &[FieldChange<'_>],
        indent: &'static str,
        out: &mut Output,
    ) -> Result<(), CliError> {
        let (long, short): (Vec<_>, Vec<_>) = fields.iter().partition(|field| is_long(field));
        write!(out, "{indent}{style}{sign} {name}{style:#}")?;
        for (nth, field) in short.iter().enumerate() {
            let path = path_shown(&field.path);
            let gap = if path.is_empty() { "" } else { " " };
            let shown = match (field.before, field.after) {
                (Some(a), Some(b)) => format!("{} → {}", inline(a), inline(b)),
                (Some(value), None) if sign == "~" => format!("{} → nothing", inline(value)),
                (None, Some(value)) if sign == "~" => format!("nothing → {}", inline(value)),
                (a, b) => a.or(b).map(inline).unwrap_or_default(),
            };
            write!(out, "{}{path}{gap}{shown}", if nth == 0 { "  " } else { ", " })?;
        }
        writeln!(out)?;
        let deeper = match indent.len() {
            0..4 => "      ",
            _ => "          ",
        };
        for field in long {
            if !field.path.is_empty() {
                let less = deeper.get(2..).unwrap_or_default();
                writeln!(out, "{less}{}", path_shown(&field.path))?;
            }
            self.text(field, deeper, out)?;
        }
        Ok(())
    }

    /// What a reader of the text would see, before and after.
    fn text(
        &self,
        field: &FieldChange<'_>,
        indent: &'static str,
        out: &mut Output,
    ) -> Result<(), CliError> {
        let text = |value: Option<&Value>| match value {
            None => String::new(),
            Some(Value::Text(text)) => text.clone(),
            Some(other) => inline(other),
        };
        let (mut before, mut after) = (text(field.before), text(field.after));
        // Most texts in records end without a line end: what both lack is no difference.
        let ends = before.ends_with('\n') || after.ends_with('\n');
        if !ends {
            [&mut before, &mut after]
                .into_iter()
                .filter(|t| !t.is_empty())
                .for_each(|t| t.push('\n'));
        }
        let words = self.options.words || out.has_colors();
        let options = TextOptions { context: self.options.context, words };
        let mut hunks = diff_text(before.as_bytes(), after.as_bytes(), options);
        let mut left_out = 0;
        if field.before.is_none() || field.after.is_none() {
            for hunk in &mut hunks {
                left_out += hunk.lines.len().saturating_sub(TEXT_LINES);
                hunk.lines.truncate(TEXT_LINES);
            }
        }
        let style =
            HunkStyle { indent, places: false, words: self.options.words, exact: false, ends };
        style.draw(&hunks, out)?;
        if left_out > 0 {
            writeln!(out, "{indent}… {}", plural(left_out as u64, "more line", "more lines"))?;
        }
        Ok(())
    }
}

/// Says how many changes are not shown.
pub fn draw_more(more: u64, out: &mut Output) -> Result<(), CliError> {
    if more > 0 {
        let more = plural(more, "more change", "more changes");
        writeln!(out, "  … {more} (`--limit all` shows them)")?;
    }
    Ok(())
}

fn is_long(field: &FieldChange<'_>) -> bool {
    let long = |value: Option<&Value>| match value {
        Some(Value::Text(text)) => text.contains('\n') || text.chars().nth(SHORT_TEXT).is_some(),
        _ => false,
    };
    long(field.before) || long(field.after)
}

fn path_shown(path: &[String]) -> String {
    path.iter().map(|name| name_shown(name)).collect::<Vec<_>>().join(".")
}

/// Counts as they are shown: `+100 ~20 −5`.
pub fn counts_shown(counts: Counts) -> String {
    let all =
        [("+", counts.added, ADDED), ("~", counts.changed, HUNK), ("−", counts.removed, REMOVED)];
    let shown = all.iter().filter(|(_, number, _)| *number > 0);
    let shown =
        shown.map(|(sign, number, style)| format!("{style}{sign}{}{style:#}", count(*number)));
    let shown: Vec<_> = shown.collect();
    if shown.is_empty() { "no".into() } else { shown.join(" ") }
}

/// The table of tools.
const TOOLS: &str = "tools";

/// The names in the first part of the keys of a table.
pub fn names(view: Option<&dyn View>, table: &Table) -> Result<BTreeSet<Element>, CliError> {
    let mut names = BTreeSet::new();
    let Some(view) = view.filter(|view| view.tables().contains(table)) else { return Ok(names) };
    let mut cursor = view.cursor(table, None).map_err(view_error)?;
    while let Some(record) = cursor.next().map_err(view_error)? {
        names.extend(record.key.into_iter().next());
    }
    Ok(names)
}

/// The tools that differ, and the fields of those that both versions have.
pub struct ToolCounts {
    counts: Counts,
    /// By tool: the fields that changed.
    changed: Vec<(String, BTreeSet<String>)>,
    fresh: Vec<String>,
    gone: Vec<String>,
}

impl ToolCounts {
    /// Counts the tools of both versions that differ.
    pub fn of(versions: &Versions, tables: &TablePair) -> Result<Self, CliError> {
        let (before, after) = versions.views();
        let mut out =
            Self { counts: Counts::default(), changed: vec![], fresh: vec![], gone: vec![] };
        let Some(table) = tables.table() else { return Ok(out) };
        let (old, new) = (names(before, table)?, names(after, table)?);
        let shown = |key: &[Element]| key_shown(Kind::Tools, table, &[], key);
        let mut last = None;
        let mut changes = RecordChanges::of(before, after, tables).map_err(view_error)?;
        while let Some(change) = changes.next_change().map_err(view_error)? {
            let Some((tool, rest)) = change.key.split_first() else { continue };
            let is_new = last.as_ref() != Some(tool);
            let name = shown(std::slice::from_ref(tool));
            match (is_new, old.contains(tool), new.contains(tool)) {
                (true, false, _) => out.fresh.push(name),
                (true, _, false) => out.gone.push(name),
                (_, true, true) => {
                    if is_new {
                        out.changed.push((name, BTreeSet::new()));
                    }
                    let field = shown(rest.get(..1).unwrap_or_default());
                    out.changed.last_mut().into_iter().for_each(|(_, fields)| {
                        fields.insert(field.clone());
                    });
                }
                _ => {}
            }
            last = Some(tool.clone());
        }
        out.counts = Counts {
            added: out.fresh.len() as u64,
            removed: out.gone.len() as u64,
            changed: out.changed.len() as u64,
        };
        Ok(out)
    }

    /// Whether any tool differs.
    pub fn any(&self) -> bool {
        !self.counts.is_nothing()
    }

    /// `1 of 12 tools changed: lookup_order (description), 1 new: wire_money`.
    pub fn line(&self, total: u64) -> String {
        const NAMED: usize = 3;
        let list = |names: Vec<String>| {
            let more = names.len().saturating_sub(NAMED);
            let some: Vec<_> = names.into_iter().take(NAMED).collect();
            let some = some.join(", ");
            if more == 0 { some } else { format!("{some} and {more} more") }
        };
        let mut parts = Vec::new();
        if !self.changed.is_empty() {
            let fields = |fields: &BTreeSet<String>| list(fields.iter().cloned().collect());
            let names = self.changed.iter().map(|(name, f)| format!("{name} ({})", fields(f)));
            let number = count(self.counts.changed);
            let tools = plural(total, "tool", "tools");
            parts.push(format!("{number} of {tools} changed: {}", list(names.collect())));
        }
        for (word, number, names) in
            [("new", self.counts.added, &self.fresh), ("gone", self.counts.removed, &self.gone)]
        {
            if number > 0 {
                let what =
                    if parts.is_empty() { plural(number, "tool", "tools") } else { count(number) };
                parts.push(format!("{what} {word}: {}", list(names.clone())));
            }
        }
        if parts.is_empty() { "no tool changed".into() } else { parts.join("; ") }
    }
}
