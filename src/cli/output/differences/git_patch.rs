//! Changes in git's extended unified format, which `git apply` takes.

use std::io::Write;

use aisr::diff::{FileChange, TextOptions, diff_text};
use aisr::object::{EntryKind, RepoPath, TreeEntry};
use aisr::worktree::Content;
use bstr::ByteSlice;

use super::hunks::HunkStyle;
use crate::cli::error::CliError;
use crate::cli::output::color::HEADER;
use crate::cli::output::escape::{Escaped, misleads};
use crate::cli::output::numbers::size;
use crate::cli::output::stream::Output;

/// The contents of both sides; a side that is not there is an empty text.
pub struct FileTexts {
    pub before: Content,
    pub after: Content,
}

/// How patches are drawn.
pub struct Patch {
    /// How many equal lines stand around a change.
    pub context: u32,
    /// The words that differ are marked, whether there are colours or not.
    pub words: bool,
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

/// Whether a change is of a directory, which git does not know: it is drawn here, whole.
pub fn draw_directory(found: &FileChange, out: &mut Output) -> Result<bool, CliError> {
    let change = &found.change;
    let entries = [change.before, change.after];
    let is = entries.iter().flatten().any(|entry| entry.kind() == EntryKind::Directory);
    if is {
        let word = if change.before.is_none() { "new" } else { "gone" };
        let path = Escaped(change.path.as_bytes());
        writeln!(out, "{HEADER}{word} empty directory {path}/{HEADER:#}")?;
    }
    Ok(is)
}

/// Whether both sides hold the same bytes: then a header says all.
pub fn has_equal_contents(found: &FileChange) -> bool {
    match (found.change.before, found.change.after) {
        (Some(before), Some(after)) => before.id() == after.id(),
        _ => false,
    }
}

/// Draws the lines that stand above the hunks of a file.
pub fn draw_header(found: &FileChange, out: &mut Output) -> Result<(), CliError> {
    let change = &found.change;
    let (old_path, new_path) = (found.from.as_ref().unwrap_or(&change.path), &change.path);
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
    if !has_equal_contents(found) {
        let same_mode = match (change.before, change.after) {
            (Some(before), Some(after)) if before.kind() == after.kind() => {
                format!(" {}", mode(after))
            }
            _ => String::new(),
        };
        header.push(format!("index {}..{}{same_mode}", short(change.before), short(change.after)));
    }
    for line in header {
        writeln!(out, "{HEADER}{line}{HEADER:#}")?;
    }
    Ok(())
}

impl Patch {
    /// Draws one change.
    pub fn draw(
        &self,
        found: &FileChange,
        texts: &FileTexts,
        out: &mut Output,
    ) -> Result<(), CliError> {
        if draw_directory(found, out)? {
            return Ok(());
        }
        draw_header(found, out)?;
        if has_equal_contents(found) {
            return Ok(());
        }
        let change = &found.change;
        let (old_path, new_path) = (found.from.as_ref().unwrap_or(&change.path), &change.path);
        let (old, new) = (change.before.map(|_| old_path), change.after.map(|_| new_path));
        match (&texts.before, &texts.after) {
            (Content::Text(before), Content::Text(after)) => {
                let words = self.words || out.has_colors();
                let options = TextOptions { context: self.context, words };
                let hunks = diff_text(before, after, options);
                if !hunks.is_empty() {
                    writeln!(out, "{HEADER}--- {}{HEADER:#}", side("a/", old))?;
                    writeln!(out, "{HEADER}+++ {}{HEADER:#}", side("b/", new))?;
                }
                let style = HunkStyle {
                    indent: "",
                    places: true,
                    words: self.words,
                    exact: true,
                    ends: true,
                };
                style.draw(&hunks, out)
            }
            (Content::Moved, _) | (_, Content::Moved) => {
                let path = Escaped(new_path.as_bytes());
                Ok(writeln!(out, "{path} changed again while it was compared")?)
            }
            _ => draw_binary(found, out),
        }
    }
}

/// Above what is drawn by meaning, for a person: where it is, and was. Nothing that could be taken
/// for a patch.
pub fn draw_path(found: &FileChange, out: &mut Output) -> Result<(), CliError> {
    let path = Escaped(found.change.path.as_bytes());
    match &found.from {
        Some(from) => {
            writeln!(out, "{HEADER}{} → {path}{HEADER:#}", Escaped(from.as_bytes()))?;
        }
        None => writeln!(out, "{HEADER}{path}{HEADER:#}")?,
    }
    Ok(())
}

/// Says that contents differ which are no texts.
pub fn draw_binary(found: &FileChange, out: &mut Output) -> Result<(), CliError> {
    let change = &found.change;
    let (old_path, new_path) = (found.from.as_ref().unwrap_or(&change.path), &change.path);
    let about = |prefix: &str, path: &RepoPath, entry: Option<TreeEntry>| match entry {
        Some(entry) => {
            let name = git_path(prefix, path.as_bytes());
            format!("{name} ({}, {})", size(entry.size()), short(Some(entry)))
        }
        None => "/dev/null".into(),
    };
    let (a, b) = (about("a/", old_path, change.before), about("b/", new_path, change.after));
    Ok(writeln!(out, "Binary files {a} and {b} differ")?)
}
