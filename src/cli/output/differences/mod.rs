//! How differences are drawn: in `diff`, `show`, `status` and `commit`, the same everywhere.
//!
//! What is a text, and what is new or gone, is drawn as git does, so that it can be applied. What
//! is more than a text is drawn by what it means: key paths, tools, rows, tensors. `docs/diff.md`
//! is the manual.

mod commit;
mod git_patch;
mod hunks;
mod json;
mod kinds;
mod stat;
mod system;
mod tables;
mod tensors;
mod values;

use std::io::Write;

use aisr::diff::FileChange;
use aisr::object::{ComponentKey, RepoPath, TreeEntry};
use aisr::repo::Repository;
use aisr::view::{FellBack, Kind, ViewError, path_of};
use aisr::worktree::{Content, Versions, WorktreeError, read_text, understand};

use super::color::WARNING;
use super::escape::Escaped;
use super::stream::Output;
use crate::cli::error::CliError;

pub use commit::{draw_commit, draw_commit_stat};
pub use git_patch::git_path;
pub use json::{json_element, json_value};
pub use kinds::{KindFilter, kind_name, parse_kind};
pub use system::SystemPart;
pub use values::{inline, key_shown, name_shown};

use git_patch::{
    FileTexts, Patch, draw_binary, draw_directory, draw_header, draw_path, has_equal_contents,
};

/// How differences are drawn.
#[derive(Clone)]
pub struct DrawOptions {
    /// How many equal lines stand around a change of a text.
    pub context: u32,
    /// The words that differ are marked, whether there are colours or not.
    pub words: bool,
    /// Everything is drawn as git does.
    pub patch: bool,
    /// How many changes of a table are shown; `None` for all.
    pub limit: Option<usize>,
    /// Only contents or components of these kinds; all, if there are none.
    pub kinds: Vec<KindFilter>,
    /// How many threads compare tensors.
    pub threads: usize,
}

impl DrawOptions {
    /// How many changes of a table are shown unless something else is asked for.
    pub const LIMIT: usize = 20;

    /// As a command draws that has no options of its own.
    pub fn plain(threads: usize) -> Self {
        let limit = Some(Self::LIMIT);
        Self { context: 3, words: false, patch: false, limit, kinds: Vec::new(), threads }
    }
}

/// Draws what differs between two states.
pub struct Differences<'r> {
    repo: &'r Repository,
    options: DrawOptions,
}

impl<'r> Differences<'r> {
    /// Draws the contents of this repository, and of its folder.
    pub fn new(repo: &'r Repository, options: DrawOptions) -> Self {
        Self { repo, options }
    }

    /// Draws one change whole.
    pub fn draw(&self, found: &FileChange, out: &mut Output) -> Result<(), CliError> {
        let patch = Patch { context: self.options.context, words: self.options.words };
        if self.options.patch {
            return patch.draw(found, &self.texts(found)?, out);
        }
        if draw_directory(found, out)? {
            return Ok(());
        }
        let Some(versions) = understand(self.repo, found)? else {
            return patch.draw(found, &self.texts(found)?, out);
        };
        draw_notes(&versions, found, out)?;
        let is_both = versions.before.is_some() && versions.after.is_some();
        if !is_drawn_by_meaning(versions.kind) || (!is_both && !is_binary(versions.kind)) {
            return patch.draw(found, &self.texts(found)?, out);
        }
        if out.is_terminal() {
            draw_path(found, out)?;
        } else {
            draw_header(found, out)?;
            if is_binary(versions.kind) {
                draw_binary(found, out)?;
            }
        }
        match tables::draw_tables(&versions, &self.options, out) {
            Ok(true) => Ok(()),
            Ok(false) if is_both => Ok(writeln!(
                out,
                "  Nothing that it says changed, only how it is written{}.",
                if is_binary(versions.kind) { "" } else { " (`--patch` shows it)" }
            )?),
            Ok(false) => Ok(()),
            Err(e) => {
                let why = broken_content(e)?;
                Ok(writeln!(out, "  {WARNING}It cannot be shown any further: {why}.{WARNING:#}")?)
            }
        }
    }

    /// Whether the filters of kinds let a change pass, which `components` claim.
    pub fn passes(
        &self,
        found: &FileChange,
        components: &[&ComponentKey],
    ) -> Result<bool, CliError> {
        if self.options.kinds.is_empty() {
            return Ok(true);
        }
        let by_component = |filter: &KindFilter| components.iter().any(|key| filter.names(key));
        if self.options.kinds.iter().any(by_component) {
            return Ok(true);
        }
        if !self.options.kinds.iter().any(|filter| matches!(filter, KindFilter::Content(_))) {
            return Ok(false);
        }
        let kind = understand(self.repo, found)?.map(|versions| versions.kind);
        Ok(self.options.kinds.iter().any(|filter| filter.lets(kind)))
    }

    /// What both sides of a change hold, as texts.
    fn texts(&self, found: &FileChange) -> Result<FileTexts, CliError> {
        let change = &found.change;
        let read = |path: &RepoPath, entry: Option<TreeEntry>| match entry {
            Some(entry) if entry.blob().is_some() => read_text(self.repo, path, &entry),
            _ => Ok(Content::Text(Vec::new())),
        };
        // Equal contents have nothing to show, and need no reading.
        if has_equal_contents(found) {
            return Ok(FileTexts { before: Content::Binary, after: Content::Binary });
        }
        let before = read(found.from.as_ref().unwrap_or(&change.path), change.before)?;
        Ok(FileTexts { before, after: read(&change.path, change.after)? })
    }
}

fn is_binary(kind: Kind) -> bool {
    matches!(kind, Kind::Bytes | Kind::Sqlite | Kind::Safetensors | Kind::Gguf)
}

/// Whether contents of this kind are drawn by what they mean.
fn is_drawn_by_meaning(kind: Kind) -> bool {
    !matches!(kind, Kind::Bytes | Kind::Text | Kind::FrontMatter)
}

/// Says what a reader should know before the change itself.
fn draw_notes(versions: &Versions, found: &FileChange, out: &mut Output) -> Result<(), CliError> {
    let path = Escaped(found.change.path.as_bytes());
    let sides = [("before", &versions.before), ("now", &versions.after)];
    for (when, opened) in sides {
        let Some(opened) = opened else { continue };
        if let Some(note) = opened.fell_back.as_ref().map(fell_back) {
            writeln!(out, "{WARNING}  {path} ({when}): {note}{WARNING:#}")?;
        }
        if when == "now" && !opened.doubled.is_empty() {
            let names = opened.doubled.iter().map(|key| path_of(key));
            let names = Escaped(names.collect::<Vec<_>>().join(", ").as_bytes()).to_string();
            let what = "names that are there twice, of which readers differ which they take";
            writeln!(out, "{WARNING}  {path}: {what}: {names}{WARNING:#}")?;
        }
    }
    Ok(())
}

/// What to say of a content that is not what it seems to be.
fn fell_back(why: &FellBack) -> String {
    let seemed = kind_name(why.seemed);
    let why = Escaped(why.why.to_string().as_bytes()).to_string();
    format!("seems to be {seemed}, and is not: {why}")
}

/// An error of a view, told as one of the folder.
fn view_error(error: ViewError) -> CliError {
    WorktreeError::from(error).into()
}

/// What is wrong with a content that breaks the rules of its kind, or goes beyond what is looked
/// at: that is told where it is shown, and ends nothing. Other errors come back.
fn broken_content(error: CliError) -> Result<String, CliError> {
    match error.downcast() {
        Some(WorktreeError::View(
            why @ (ViewError::Malformed { .. } | ViewError::Limit { .. }),
        )) => Ok(Escaped(why.to_string().as_bytes()).to_string()),
        _ => Err(error),
    }
}
