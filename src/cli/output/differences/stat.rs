//! How much changed, in one line for each path.

use std::io::Write;

use aisr::diff::{
    Counts, FileChange, count_lines, diff_records, diff_tensors, has_tensors, pair_tables,
};
use aisr::object::TreeEntry;
use aisr::view::Kind;
use aisr::worktree::{Content, Versions, understand};

use super::git_patch::{FileTexts, has_equal_contents};
use super::tables::{ToolCounts, counts_shown};
use super::tensors::tensors_line;
use super::{Differences, broken_content, view_error};
use crate::cli::error::CliError;
use crate::cli::output::change_view::change_word;
use crate::cli::output::color::{ADDED, KIND, REMOVED};
use crate::cli::output::escape::Escaped;
use crate::cli::output::numbers::{count, plural, size};
use crate::cli::output::stream::Output;

/// More tables than these are told as a sum.
const TABLES: usize = 3;

impl Differences<'_> {
    /// Draws a line for each path, and one for all of them.
    pub fn draw_stat(&self, changes: &[&FileChange], out: &mut Output) -> Result<(), CliError> {
        let (mut added, mut removed) = (0, 0);
        for found in changes {
            let line = self.stat_line(found)?;
            added += line.added;
            removed += line.removed;
            writeln!(out, "{}", line.text)?;
        }
        if !changes.is_empty() {
            let files = plural(changes.len() as u64, "path", "paths");
            let added = plural(added, "line", "lines");
            writeln!(out, "{files}, {added} added, {} removed", count(removed))?;
        }
        Ok(())
    }

    fn stat_line(&self, found: &FileChange) -> Result<StatLine, CliError> {
        let change = &found.change;
        let path = match &found.from {
            Some(from) => {
                format!("{} → {}", Escaped(from.as_bytes()), Escaped(change.path.as_bytes()))
            }
            None => Escaped(change.path.as_bytes()).to_string(),
        };
        let (mut added, mut removed) = (0, 0);
        let how_much = match (change.before, change.after) {
            (Some(a), Some(b)) if has_equal_contents(found) => match a.kind() == b.kind() {
                true => String::new(),
                false => format!("{} → {}", a.kind().name(), b.kind().name()),
            },
            (a, b) => match self.by_meaning(found)? {
                Some(text) => text,
                None => match self.texts(found)? {
                    FileTexts { before: Content::Text(old), after: Content::Text(new) } => {
                        (added, removed) = count_lines(&old, &new);
                        let (added, removed) = (count(added), count(removed));
                        format!("{ADDED}+{added}{ADDED:#} {REMOVED}−{removed}{REMOVED:#} lines")
                    }
                    _ => sizes(a, b),
                },
            },
        };
        let gap = if how_much.is_empty() { "" } else { "  " };
        let text = format!("  {KIND}{:<8}{KIND:#} {path}{gap}{how_much}", change_word(found));
        Ok(StatLine { text, added, removed })
    }

    /// Rows, tools and tensors are counted as such; `None` for what is counted by lines or bytes.
    fn by_meaning(&self, found: &FileChange) -> Result<Option<String>, CliError> {
        let Some(versions) = understand(self.repo, found)? else { return Ok(None) };
        let text = match versions.kind {
            Kind::Tools => tools(&versions),
            Kind::Sqlite => rows(&versions, "row", "rows"),
            Kind::JsonLines | Kind::Csv => rows(&versions, "record", "records"),
            Kind::Safetensors | Kind::Gguf => tensors(&versions, self.options.threads),
            _ => return Ok(None),
        };
        match text {
            Ok(text) => Ok(Some(text)),
            // What breaks the rules of its kind is counted by its size.
            Err(e) => {
                broken_content(e)?;
                Ok(Some(sizes(found.change.before, found.change.after)))
            }
        }
    }
}

struct StatLine {
    text: String,
    added: u64,
    removed: u64,
}

fn sizes(before: Option<TreeEntry>, after: Option<TreeEntry>) -> String {
    let shown = |entry: Option<TreeEntry>| size(entry.map_or(0, |entry| entry.size()));
    format!("{} → {}", shown(before), shown(after))
}

fn only_form() -> String {
    "only how it is written".into()
}

fn tools(versions: &Versions) -> Result<String, CliError> {
    let (before, after) = versions.views();
    let mut parts = Vec::new();
    for tables in pair_tables(before, after) {
        let Some(table) = tables.table() else { continue };
        if table.name == "tools" {
            let total = super::tables::names(after, table)?.len() as u64;
            let counts = ToolCounts::of(versions, &tables)?;
            if counts.any() {
                parts.push(counts.line(total));
            }
        } else {
            let found = diff_records(before, after, &tables, 0).map_err(view_error)?;
            if !found.counts.is_nothing() {
                parts.push(format!("{} fields beside them", counts_shown(found.counts)));
            }
        }
    }
    Ok(if parts.is_empty() { only_form() } else { parts.join("; ") })
}

fn rows(versions: &Versions, one: &str, many: &str) -> Result<String, CliError> {
    let (before, after) = versions.views();
    let (mut all, mut parts) = (Counts::default(), Vec::new());
    for tables in pair_tables(before, after) {
        let found = diff_records(before, after, &tables, 0).map_err(view_error)?;
        let Some(table) = tables.table() else { continue };
        let is_apart = tables.before.is_none() != tables.after.is_none();
        let of_both = before.is_some() && after.is_some();
        if found.counts.is_nothing() && !(is_apart && of_both) {
            continue;
        }
        all += found.counts;
        let word = if found.counts.total() == 1 { one } else { many };
        let place = match (table.name.as_str(), is_apart && of_both, tables.after.is_some()) {
            ("", ..) => String::new(),
            (name, false, _) => format!(" in {}", Escaped(name.as_bytes())),
            (name, true, true) => format!(" in the new table {}", Escaped(name.as_bytes())),
            (name, true, false) => format!(" in {}, which is gone", Escaped(name.as_bytes())),
        };
        parts.push(format!("{} {word}{place}", counts_shown(found.counts)));
    }
    Ok(match parts.len() {
        0 => only_form(),
        1..=TABLES => parts.join(", "),
        tables => format!("{} {many} in {tables} tables", counts_shown(all)),
    })
}

fn tensors(versions: &Versions, threads: usize) -> Result<String, CliError> {
    let (before, after) = versions.views();
    let mut parts = Vec::new();
    for tables in pair_tables(before, after) {
        let Some(table) = tables.table() else { continue };
        if has_tensors(before, after, &tables).map_err(view_error)? {
            let found = diff_tensors(before, after, &tables, threads).map_err(view_error)?;
            if !found.changes.is_empty() {
                let line = tensors_line(&found);
                match table.name == "tensors" {
                    true => parts.insert(0, line),
                    false => parts.push(format!("{line} ({})", Escaped(table.name.as_bytes()))),
                }
            }
        } else {
            let found = diff_records(before, after, &tables, 0).map_err(view_error)?;
            if !found.counts.is_nothing() {
                let name = Escaped(table.name.as_bytes());
                parts.push(format!("{} in {name}", counts_shown(found.counts)));
            }
        }
    }
    Ok(if parts.is_empty() { only_form() } else { parts.join("; ") })
}
