//! `aisr diff`: what differs between two states.

use std::ffi::{OsStr, OsString};
use std::io::Write;

use aisr::diff::{FileChange, Hunk, LineKind, TextOptions, count_lines, diff_text};
use aisr::history::{HistoryError, Revisions};
use aisr::object::{CommitId, RepoPath, TreeEntry};
use aisr::repo::Repository;
use aisr::worktree::{CompareOptions, Content, Side, compare, read_text};
use bstr::ByteSlice;
use serde::Serialize;

use super::Answer;
use super::context::{Context, revisions};
use super::error::CliError;
use super::output::{
    ADDED, ChangeView, Escaped, FileTexts, JsonList, KIND, Output, Paging, Patch, REMOVED,
    change_word, count, git_path, plural, size, warn_of_folder,
};
use super::pathspec::{repo_path, repo_paths};
use super::target;

/// Show what differs between the folder and a commit, or between two commits.
///
/// Without a revision, HEAD is compared with the folder; with one, that; with two, or A..B, both.
#[derive(clap::Args)]
#[command(after_help = "Examples:
  aisr diff
  aisr diff @~2 prompts
  aisr diff v1..main --stat
  aisr diff --exit-code --name-only")]
pub struct Arguments {
    /// What is compared, and which paths.
    #[arg(value_name = "REV|A..B|PATH")]
    targets: Vec<OsString>,
    /// Only these paths, and what is in them.
    #[arg(last = true, value_name = "PATHS")]
    paths: Vec<OsString>,
    /// Show N equal lines around each change.
    #[arg(short = 'U', long = "unified", value_name = "N", default_value_t = 3)]
    context: u32,
    /// Show how much changed in each file.
    #[arg(long, conflicts_with_all = ["name_only", "json"])]
    stat: bool,
    /// Show only the paths.
    #[arg(long, conflicts_with = "json")]
    name_only: bool,
    /// Print JSON.
    #[arg(long)]
    json: bool,
    /// End with code 1 if anything differs.
    #[arg(long)]
    exit_code: bool,
}

pub fn run(context: &Context, arguments: &Arguments) -> Result<Answer, CliError> {
    let repo = context.repository()?;
    let (before, after, paths) = sides(context, &repo, arguments)?;
    let progress = context.progress("Reading");
    let options = CompareOptions { paths: &paths, threads: context.threads(), progress: &progress };
    let found = compare(&repo, before, after, &options)?;
    progress.finish();
    let mut out = context.output(if arguments.json { Paging::Off } else { Paging::Auto });
    let changes = &found.changes[..];
    if arguments.json {
        let mut list = JsonList::begin(&mut out);
        for change in changes {
            write_view(&repo, change, arguments.context, &mut list)?;
        }
        list.end()?;
    } else if arguments.name_only {
        for found in changes {
            writeln!(out, "{}", git_path("", found.change.path.as_bytes()))?;
        }
    } else if arguments.stat {
        draw_stat(&repo, changes, &mut out)?;
    } else {
        let patch = Patch { context: arguments.context };
        for change in changes {
            patch.draw(change, &texts(&repo, change)?, &mut out)?;
        }
    }
    out.finish()?;
    warn_of_folder(&found.warnings, context.verbose);
    Ok(if arguments.exit_code && !changes.is_empty() { Answer::No } else { Answer::Yes })
}

/// The two states, and the paths that count.
type Sides = (Side, Side, Vec<RepoPath>);

/// Tells revisions from paths: revisions come first, and what is both is refused.
fn sides(context: &Context, repo: &Repository, arguments: &Arguments) -> Result<Sides, CliError> {
    let revisions = revisions(repo)?;
    let mut commits = Vec::new();
    let mut rest = arguments.targets.iter().peekable();
    while let Some(argument) = rest.peek().filter(|_| commits.len() < 2) {
        let is_path = context.directory().join(argument).symlink_metadata().is_ok();
        let Some(named) = commits_of(&revisions, argument, is_path)? else { break };
        if is_path && arguments.paths.is_empty() {
            let shown = Escaped(argument.as_encoded_bytes());
            return Err(CliError::usage(format!("`{shown}` is a revision and a path")).hint(
                format!(
                    "`aisr diff {shown} -- .` means the revision, `aisr diff -- {shown}` the path"
                ),
            ));
        }
        commits.extend(named);
        rest.next();
    }
    let mut paths = Vec::new();
    for argument in rest {
        if context.directory().join(argument).symlink_metadata().is_err() {
            let shown = Escaped(argument.as_encoded_bytes());
            return Err(CliError::usage(format!(
                "`{shown}` is neither a revision nor a path here"
            ))
            .hint(format!("`aisr diff -- {shown}` names a path that is gone")));
        }
        paths.push(repo_path(context, repo, argument)?);
    }
    paths.extend(repo_paths(context, repo, &arguments.paths)?);
    let head = || revisions.log().refs().head_commit();
    match commits[..] {
        [] => Ok((Side::Commit(head()), Side::Folder, paths)),
        [one] => Ok((Side::Commit(Some(one)), Side::Folder, paths)),
        [one, two] => Ok((Side::Commit(Some(one)), Side::Commit(Some(two)), paths)),
        _ => Err(CliError::usage("more than two commits are named")),
    }
}

/// The commits that an argument names; `None` if it names nothing, and may be a path.
fn commits_of(
    revisions: &Revisions<'_>,
    argument: &OsStr,
    is_path: bool,
) -> Result<Option<Vec<CommitId>>, CliError> {
    let Some(text) = argument.to_str() else { return Ok(None) };
    let one = |text: &str| revisions.commit(if text.is_empty() { "HEAD" } else { text });
    let found = match text.split_once("..") {
        Some(_) if is_path => return Ok(None),
        Some((_, to)) if to.starts_with('.') || to.starts_with('/') => {
            revisions.range(text).map(|_| Vec::new())
        }
        Some((a, b)) => one(a).and_then(|a| Ok(vec![a.id, one(b)?.id])),
        None => one(target::revision(argument)?).map(|stored| vec![stored.id]),
    };
    match found {
        Ok(commits) => Ok(Some(commits)),
        Err(HistoryError::Unknown { .. } | HistoryError::Syntax { .. }) if is_path => Ok(None),
        Err(HistoryError::Unknown { .. }) if !text.contains("..") => Ok(None),
        Err(e) => Err(e.into()),
    }
}

/// What both sides of a change hold.
fn texts(repo: &Repository, found: &FileChange) -> Result<FileTexts, CliError> {
    let change = &found.change;
    let read = |path: &RepoPath, entry: Option<TreeEntry>| match entry {
        Some(entry) if entry.blob().is_some() => read_text(repo, path, &entry),
        _ => Ok(Content::Text(Vec::new())),
    };
    // Equal contents have nothing to show, and need no reading.
    if let (Some(a), Some(b)) = (change.before, change.after)
        && a.id() == b.id()
    {
        return Ok(FileTexts { before: Content::Binary, after: Content::Binary });
    }
    let before = read(found.from.as_ref().unwrap_or(&change.path), change.before)?;
    Ok(FileTexts { before, after: read(&change.path, change.after)? })
}

fn draw_stat(repo: &Repository, changes: &[FileChange], out: &mut Output) -> Result<(), CliError> {
    let (mut all_added, mut all_removed) = (0, 0);
    for found in changes {
        let change = &found.change;
        let path = match &found.from {
            Some(from) => {
                format!("{} → {}", Escaped(from.as_bytes()), Escaped(change.path.as_bytes()))
            }
            None => Escaped(change.path.as_bytes()).to_string(),
        };
        let how_much = match (texts(repo, found)?, change.before, change.after) {
            (_, Some(a), Some(b)) if a.id() == b.id() => match a.kind() == b.kind() {
                true => String::new(),
                false => format!("  {} → {}", a.kind().name(), b.kind().name()),
            },
            (FileTexts { before: Content::Text(a), after: Content::Text(b) }, ..) => {
                let (added, removed) = count_lines(&a, &b);
                all_added += added;
                all_removed += removed;
                let (added, removed) = (count(added), count(removed));
                format!("  {ADDED}+{added}{ADDED:#} {REMOVED}−{removed}{REMOVED:#} lines")
            }
            (_, a, b) => {
                let shown = |entry: Option<TreeEntry>| size(entry.map_or(0, |entry| entry.size()));
                format!("  {} → {}", shown(a), shown(b))
            }
        };
        writeln!(out, "  {KIND}{:<8}{KIND:#} {path}{how_much}", change_word(found))?;
    }
    if !changes.is_empty() {
        let files = plural(changes.len() as u64, "path", "paths");
        let added = plural(all_added, "line", "lines");
        writeln!(out, "{files}, {added} added, {} removed", count(all_removed))?;
    }
    Ok(())
}

#[derive(Serialize)]
struct DiffView<'t> {
    #[serde(flatten)]
    change: ChangeView,
    /// Absent where a side is no text.
    #[serde(skip_serializing_if = "Option::is_none")]
    hunks: Option<Vec<HunkView<'t>>>,
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
    text: std::borrow::Cow<'t, str>,
}

fn write_view(
    repo: &Repository,
    found: &FileChange,
    context: u32,
    list: &mut JsonList<'_>,
) -> Result<(), CliError> {
    let texts = texts(repo, found)?;
    let hunks = match (&texts.before, &texts.after) {
        (Content::Text(before), Content::Text(after)) => {
            let options = TextOptions { context, words: false };
            Some(diff_text(before, after, options).iter().map(HunkView::of).collect())
        }
        _ => None,
    };
    list.push(&DiffView { change: ChangeView::of(found), hunks })
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
