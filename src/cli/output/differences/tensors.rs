//! Tensors that are new, gone, of another shape, or moved.

use std::io::Write;

use aisr::diff::{TablePair, TensorChange, TensorDelta, TensorsDiff, Unit, diff_tensors};
use aisr::view::{Kind, Table, Tensor};
use aisr::worktree::Versions;

use super::tables::draw_more;
use super::values::{distance, key_shown};
use super::{DrawOptions, view_error};
use crate::cli::error::CliError;
use crate::cli::output::color::{ADDED, HUNK, KIND, REMOVED};
use crate::cli::output::escape::Escaped;
use crate::cli::output::numbers::{count, plural, size};
use crate::cli::output::stream::Output;

/// Draws the tensors of a table that differ. Whether any does.
pub fn draw_tensors(
    versions: &Versions,
    tables: &TablePair,
    options: &DrawOptions,
    out: &mut Output,
) -> Result<bool, CliError> {
    let (before, after) = versions.views();
    let found = diff_tensors(before, after, tables, options.threads).map_err(view_error)?;
    if found.changes.is_empty() {
        return Ok(false);
    }
    let Some(table) = tables.table() else { return Ok(false) };
    let name = Escaped(table.name.as_bytes());
    writeln!(out, "  {KIND}{name}{KIND:#}  {}", tensors_line(&found))?;
    let limit = options.limit.unwrap_or(usize::MAX);
    for change in found.changes.iter().take(limit) {
        draw_one(versions.kind, table, change, out)?;
    }
    draw_more(found.changes.len().saturating_sub(limit) as u64, out)?;
    Ok(true)
}

/// `64 of 64 tensors moved, mean |Δ| 3.1e-4; 1 new`.
pub fn tensors_line(found: &TensorsDiff) -> String {
    let moved: Vec<&TensorDelta> =
        found.changes.iter().filter_map(|change| change.delta.as_ref()).collect();
    let counts = found.counts();
    let reshaped = counts.changed - moved.len() as u64;
    let mut parts = Vec::new();
    if !moved.is_empty() {
        let of = plural(found.total, "tensor", "tensors");
        let mean = mean(&moved).map(|mean| format!(", mean |Δ| {}", distance(mean)));
        let number = count(moved.len() as u64);
        parts.push(format!("{number} of {of} moved{}", mean.unwrap_or_default()));
    }
    for (number, word) in
        [(reshaped, "of another shape or type"), (counts.added, "new"), (counts.removed, "gone")]
    {
        if number > 0 {
            let what =
                if parts.is_empty() { plural(number, "tensor", "tensors") } else { count(number) };
            parts.push(format!("{what} {word}"));
        }
    }
    parts.join("; ")
}

/// The mean distance over all numbers of the tensors that moved.
fn mean(moved: &[&TensorDelta]) -> Option<f64> {
    let known = moved.iter().filter_map(|delta| Some((delta.total as f64, delta.moved?.mean)));
    let (values, sum) =
        known.fold((0.0, 0.0), |(n, sum), (total, mean)| (n + total, sum + total * mean));
    (values > 0.0).then_some(sum / values)
}

fn draw_one(
    kind: Kind,
    table: &Table,
    change: &TensorChange,
    out: &mut Output,
) -> Result<(), CliError> {
    let name = key_shown(kind, table, &[], &change.key);
    match (&change.before, &change.after, &change.delta) {
        (Some(tensor), Some(_), Some(delta)) => {
            writeln!(out, "  {HUNK}~ {name}{HUNK:#}  {}  {}", shape(tensor), moved_shown(delta))?;
        }
        (Some(a), Some(b), None) => {
            writeln!(out, "  {HUNK}~ {name}{HUNK:#}  {} → {}", shape(a), shape(b))?;
        }
        (Some(tensor), None, _) => {
            writeln!(out, "  {REMOVED}− {name}{REMOVED:#}  {}  {}", shape(tensor), bytes(tensor))?;
        }
        (None, Some(tensor), _) => {
            writeln!(out, "  {ADDED}+ {name}{ADDED:#}  {}  {}", shape(tensor), bytes(tensor))?;
        }
        (None, None, _) => {}
    }
    Ok(())
}

fn shape(tensor: &Tensor) -> String {
    let dtype = Escaped(tensor.dtype.as_bytes());
    let shape: Vec<_> = tensor.shape.iter().map(u64::to_string).collect();
    format!("{dtype} [{}]", shape.join(", "))
}

fn bytes(tensor: &Tensor) -> String {
    size(tensor.data.end.saturating_sub(tensor.data.start))
}

fn moved_shown(delta: &TensorDelta) -> String {
    let (one, many) = match delta.unit {
        Unit::Value => ("value", "values"),
        Unit::Block => ("block", "blocks"),
        Unit::Byte => ("byte", "bytes"),
    };
    let mut text =
        format!("{} of {} changed", count(delta.changed), plural(delta.total, one, many));
    if let Some(moved) = delta.moved {
        text += &format!(
            ", mean |Δ| {}, largest {}, L2 {}",
            distance(moved.mean),
            distance(moved.max),
            distance(moved.l2)
        );
        if moved.not_finite > 0 {
            text += &format!(", {} not finite", count(moved.not_finite));
        }
    }
    text
}
