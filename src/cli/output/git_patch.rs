//! Changes in git's extended unified format, which `git apply` takes.

use std::io::Write;
use std::ops::Range;

use aisr::diff::{FileChange, Hunk, Line, LineKind, TextOptions, diff_text};
use aisr::object::{EntryKind, RepoPath, TreeEntry};
use aisr::worktree::Content;
use bstr::ByteSlice;

use super::color::{ADDED, HEADER, HUNK, REMOVED};
use super::escape::{Escaped, misleads};
use super::numbers::size;
use super::stream::Output;
use crate::cli::error::CliError;

/// The contents of both sides; a side that is not there is an empty text.
pub struct FileTexts {
    pub before: Content,
    pub after: Content,
}

/// How patches are drawn.
pub struct Patch {
    /// How many equal lines stand around a change.
    pub context: u32,
}

/// A path as git writes it: in double quotes with octal escapes where it holds what would end or
/// forge a line, or move a terminal.
pub fn git_path(prefix: &str, path: &[u8]) -> String {
    let is_plain = |(start, end, c): (usize, usize, char)| {
        let damaged = c == '\u{fffd}' && &path[start..end] != "\u{fffd}".as_bytes();
        !damaged && !misleads(c) && !matches!(c, '"' | '\\')
    };
    if path.char_indices().all(is_plain) {
        return format!("{prefix}{}", path.to_str_lossy());
    }
    let mut quoted = format!("\"{prefix}");
    for (start, end, c) in path.char_indices() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            c if is_plain((start, end, c)) => quoted.push(c),
            _ => path[start..end].iter().for_each(|byte| quoted += &format!("\\{byte:03o}")),
        }
    }
    quoted + "\""
}

/// As in a line that begins with `---` or `+++`: a tab says where a path with spaces ends.
fn side(prefix: &str, path: Option<&RepoPath>) -> String {
    let Some(path) = path else { return "/dev/null".into() };
    let name = git_path(prefix, path.as_bytes());
    let open = !name.starts_with('"') && name.contains(' ');
    if open { name + "\t" } else { name }
}

fn mode(entry: TreeEntry) -> &'static str {
    match entry.kind() {
        EntryKind::File => "100644",
        EntryKind::Executable => "100755",
        EntryKind::Symlink => "120000",
        EntryKind::Directory => "040000",
    }
}

/// Digits of an id in an index line.
const DIGITS: usize = 8;

fn short(entry: Option<TreeEntry>) -> String {
    entry.map_or("0".repeat(DIGITS), |entry| entry.id().to_hex()[..DIGITS].to_owned())
}

impl Patch {
    /// Draws one change.
    pub fn draw(
        &self,
        found: &FileChange,
        texts: &FileTexts,
        out: &mut Output,
    ) -> Result<(), CliError> {
        let change = &found.change;
        let (old_path, new_path) = (found.from.as_ref().unwrap_or(&change.path), &change.path);
        let entries = [change.before, change.after];
        if entries.iter().flatten().any(|entry| entry.kind() == EntryKind::Directory) {
            let word = if change.before.is_none() { "new" } else { "gone" };
            let path = Escaped(new_path.as_bytes());
            return Ok(writeln!(out, "{HEADER}{word} empty directory {path}/{HEADER:#}")?);
        }
        let (a, b) = (git_path("a/", old_path.as_bytes()), git_path("b/", new_path.as_bytes()));
        let mut header = vec![format!("diff --git {a} {b}")];
        match (change.before, change.after) {
            (None, Some(after)) => header.push(format!("new file mode {}", mode(after))),
            (Some(before), None) => header.push(format!("deleted file mode {}", mode(before))),
            (Some(before), Some(after)) if before.kind() != after.kind() => {
                header.push(format!("old mode {}", mode(before)));
                header.push(format!("new mode {}", mode(after)));
            }
            _ => {}
        }
        if found.from.is_some() {
            header.push(format!("similarity index {}%", found.similarity));
            header.push(format!("rename from {}", git_path("", old_path.as_bytes())));
            header.push(format!("rename to {}", git_path("", new_path.as_bytes())));
        }
        let same = match (change.before, change.after) {
            (Some(before), Some(after)) => before.id() == after.id(),
            _ => false,
        };
        if !same {
            let same_mode = match (change.before, change.after) {
                (Some(before), Some(after)) if before.kind() == after.kind() => {
                    format!(" {}", mode(after))
                }
                _ => String::new(),
            };
            header.push(format!(
                "index {}..{}{same_mode}",
                short(change.before),
                short(change.after)
            ));
        }
        for line in header {
            writeln!(out, "{HEADER}{line}{HEADER:#}")?;
        }
        if same {
            return Ok(());
        }
        let (old, new) = (change.before.map(|_| old_path), change.after.map(|_| new_path));
        match (&texts.before, &texts.after) {
            (Content::Text(before), Content::Text(after)) => {
                let words = out.has_colors();
                let options = TextOptions { context: self.context, words };
                let hunks = diff_text(before, after, options);
                if !hunks.is_empty() {
                    writeln!(out, "{HEADER}--- {}{HEADER:#}", side("a/", old))?;
                    writeln!(out, "{HEADER}+++ {}{HEADER:#}", side("b/", new))?;
                }
                hunks.iter().try_for_each(|hunk| draw_hunk(hunk, out))
            }
            (Content::Moved, _) | (_, Content::Moved) => {
                let path = Escaped(new_path.as_bytes());
                Ok(writeln!(out, "{path} changed again while it was compared")?)
            }
            _ => {
                let about = |name: String, entry: Option<TreeEntry>| match entry {
                    Some(entry) => {
                        format!("{name} ({}, {})", size(entry.size()), short(Some(entry)))
                    }
                    None => "/dev/null".into(),
                };
                let (a, b) = (about(a, change.before), about(b, change.after));
                Ok(writeln!(out, "Binary files {a} and {b} differ")?)
            }
        }
    }
}

fn draw_hunk(hunk: &Hunk<'_>, out: &mut Output) -> Result<(), CliError> {
    let (before, after) = (range(&hunk.before), range(&hunk.after));
    writeln!(out, "{HUNK}@@ -{before} +{after} @@{HUNK:#}")?;
    hunk.lines.iter().try_for_each(|line| draw_line(line, out))
}

/// Counted from 1; where no line is meant, the line before.
fn range(lines: &Range<u32>) -> String {
    match lines.len() {
        0 => format!("{},0", lines.start),
        1 => format!("{}", lines.start + 1),
        len => format!("{},{len}", lines.start + 1),
    }
}

fn draw_line(line: &Line<'_>, out: &mut Output) -> Result<(), CliError> {
    let (sign, style) = match line.kind {
        LineKind::Context => (" ", anstyle::Style::new()),
        LineKind::Removed => ("-", REMOVED),
        LineKind::Added => ("+", ADDED),
    };
    let (text, ended) = match line.text.strip_suffix(b"\n") {
        Some(text) => (text, true),
        None => (line.text, false),
    };
    if out.is_terminal() || out.has_colors() {
        write!(out, "{style}{sign}")?;
        let mut at = 0;
        for part in &line.emphasis {
            let (plain, marked) = (&text[at..part.start], &text[part.clone()]);
            let strong = style.invert();
            write!(out, "{}{style:#}{strong}{}{strong:#}{style}", Shown(plain), Shown(marked))?;
            at = part.end;
        }
        writeln!(out, "{}{style:#}", Shown(&text[at..]))?;
    } else {
        // A program reads it: the bytes as they are, so that it can be applied.
        out.write_raw(sign.as_bytes())?;
        out.write_raw(text)?;
        out.write_raw(b"\n")?;
    }
    if !ended {
        writeln!(out, "\\ No newline at end of file")?;
    }
    Ok(())
}

/// Text of a line on a terminal: tabs stay.
struct Shown<'t>(&'t [u8]);

impl std::fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        super::escape::EscapedText(self.0).fmt(f)
    }
}
