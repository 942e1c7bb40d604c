//! Lines, each behind the commit that brought it.

use std::io::Write;
use std::ops::Range;

use aisr::history::blame::{BlamedLine, LinesBlame, blame_lines};
use aisr::object::RepoPath;
use bstr::ByteSlice;
use serde::Serialize;

use super::{Asked, unread_view, warn_of_unread};
use crate::cli::Answer;
use crate::cli::error::CliError;
use crate::cli::output::{Escaped, Ids, Paging, PathText, Stamps, write_json};

#[derive(Serialize)]
struct LineView<'t> {
    line: u32,
    text: std::borrow::Cow<'t, str>,
    commit: String,
    #[serde(flatten)]
    path: PathText,
    there: u32,
}

pub fn draw(asked: &Asked<'_>, path: &RepoPath) -> Result<Answer, CliError> {
    let wanted = asked.arguments.range.as_deref().map(range).transpose()?;
    let found = blame_lines(asked.repo, asked.commit, path, wanted.clone())?;
    if let (Some(wanted), true) = (wanted, found.lines.is_empty()) {
        let lines = found.text.lines().count();
        let text = format!("{path} has {lines} lines, and none from {} on", wanted.start);
        return Err(CliError::usage(text));
    }
    let ids = Ids::new(asked.repo, asked.context.verbose);
    let commits = found.lines.iter().map(|line| line.commit);
    let stamps = Stamps::load(asked.repo, &ids, commits, None, || asked.context.threads())?;
    let json = asked.arguments.json;
    let mut out = asked.context.output(if json { Paging::Off } else { Paging::Auto });
    if json {
        write_json(&mut out, &view(asked, path, &found, &stamps))?;
    } else {
        let last = found.lines.last().map_or(0, |line| line.line);
        let width = last.to_string().len();
        let names = names(&found, path);
        for (line, name) in found.lines.iter().zip(names) {
            let text = Escaped(text(&found, line));
            let stamp = stamps.line(line.commit);
            let number = line.line;
            writeln!(out, "{stamp}  {name}{number:width$}  {text}")?;
        }
    }
    out.finish()?;
    warn_of_unread(asked, &found.unread);
    Ok(Answer::Yes)
}

/// Former names of the file, where there are any, filled up to one width.
fn names(found: &LinesBlame, path: &RepoPath) -> Vec<String> {
    let others = found.lines.iter().any(|line| *line.path != *path);
    let shown = |line: &BlamedLine| match others {
        true => Escaped(line.path.as_bytes()).to_string(),
        false => String::new(),
    };
    let names: Vec<String> = found.lines.iter().map(shown).collect();
    let width = names.iter().map(|name| name.chars().count()).max().unwrap_or(0);
    let room = if others { width + 2 } else { 0 };
    names.into_iter().map(|name| format!("{name:room$}")).collect()
}

/// A line without its end.
fn text<'t>(found: &'t LinesBlame, line: &BlamedLine) -> &'t [u8] {
    let text = found.text.get(line.range.clone()).unwrap_or_default();
    let text = text.strip_suffix(b"\n").unwrap_or(text);
    text.strip_suffix(b"\r").unwrap_or(text)
}

fn view(
    asked: &Asked<'_>,
    path: &RepoPath,
    found: &LinesBlame,
    stamps: &Stamps,
) -> serde_json::Value {
    let lines = found.lines.iter().map(|line| {
        let text = found.text.get(line.range.clone()).unwrap_or_default();
        let view = LineView {
            line: line.line,
            text: text.strip_suffix(b"\n").unwrap_or(text).to_str_lossy(),
            commit: line.commit.to_hex(),
            path: PathText::of(line.path.as_bytes()),
            there: line.there,
        };
        serde_json::json!(view)
    });
    serde_json::json!({
        "path": path.to_string(),
        "commit": asked.commit.to_hex(),
        "lines": lines.collect::<Vec<_>>(),
        "commits": stamps.view(),
        "unread": unread_view(&found.unread),
    })
}

/// `FROM,TO`, `FROM,+N`, or one number for one line.
fn range(text: &str) -> Result<Range<u32>, CliError> {
    let wrong = || {
        CliError::usage(format!("`-L {}` names no lines", Escaped(text.as_bytes())))
            .hint("as in -L 10,20 or -L 10,+5; lines are counted from 1")
    };
    let (from, to) = text.split_once(',').unwrap_or((text, text));
    let number = |text: &str| text.trim().parse::<u32>().map_err(|_| wrong());
    let from = if from.is_empty() { 1 } else { number(from)? };
    let end = match to.trim().strip_prefix('+') {
        Some(count) => from.saturating_add(number(count)?),
        None if to.trim().is_empty() => u32::MAX,
        None => number(to)?.saturating_add(1),
    };
    if from == 0 || end <= from { Err(wrong()) } else { Ok(from..end) }
}
