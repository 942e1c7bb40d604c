//! `aisr status`: what the folder holds that HEAD does not.

use std::io::Write;

use aisr::diff::PathChange;
use aisr::object::{EntryKind, TreeEntry};
use aisr::worktree::{Status, StatusOptions, Warning, status};
use serde::Serialize;

use super::Answer;
use super::context::Context;
use super::error::CliError;
use super::output::{
    BRANCH, CommitView, Escaped, Ids, KIND, Output, Paging, PathText, plural, warn, write_json,
};

/// Show what changed since the last commit.
#[derive(clap::Args)]
pub struct Arguments {
    /// List what the ignore rules leave out as well.
    #[arg(long)]
    ignored: bool,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct StatusView {
    /// The branch that HEAD is on; absent when it is detached.
    #[serde(skip_serializing_if = "Option::is_none")]
    branch: Option<String>,
    /// The commit that HEAD is on; absent before the first.
    #[serde(skip_serializing_if = "Option::is_none")]
    head: Option<String>,
    changes: Vec<ChangeView>,
    /// How many entries the ignore rules leave out.
    ignored: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    ignored_paths: Option<Vec<PathText>>,
    warnings: Vec<String>,
}

/// One path that differs.
#[derive(Serialize)]
struct ChangeView {
    #[serde(flatten)]
    path: PathText,
    change: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    before: Option<EntryView>,
    #[serde(skip_serializing_if = "Option::is_none")]
    after: Option<EntryView>,
}

#[derive(Serialize)]
struct EntryView {
    kind: &'static str,
    id: String,
    size: u64,
}

impl EntryView {
    fn of(entry: TreeEntry) -> Self {
        Self { kind: entry.kind().name(), id: entry.id().to_hex(), size: entry.size() }
    }
}

/// What happened to a path, in a word.
fn word(change: &PathChange) -> &'static str {
    match (change.before, change.after) {
        (None, _) => "new",
        (_, None) => "gone",
        _ => "changed",
    }
}

pub fn run(context: &Context, arguments: &Arguments) -> Result<Answer, CliError> {
    let repo = context.repository()?;
    let progress = context.progress("Reading");
    let options = StatusOptions {
        threads: context.threads(),
        progress: &progress,
        list_ignored: arguments.ignored,
    };
    let found = status(&repo, &options)?;
    progress.finish();
    let mut out = context.output(if arguments.json { Paging::Off } else { Paging::Auto });
    if arguments.json {
        write_json(&mut out, &view(found, arguments.ignored))?;
    } else {
        let head = match found.head {
            None => "no commit yet".into(),
            Some(id) => {
                let subject = repo.commit(id)?;
                let subject = Escaped(CommitView::subject(&subject.commit).as_bytes()).to_string();
                format!("at {} ({subject})", Ids::new(&repo, context.verbose).show(id.id()))
            }
        };
        draw(&found, &head, context.verbose, &mut out)?;
    }
    out.finish()?;
    Ok(Answer::Yes)
}

fn view(found: Status, list_ignored: bool) -> StatusView {
    let changes = leaves(&found.changes).map(|change| ChangeView {
        path: PathText::of(change.path.as_bytes()),
        change: word(change),
        before: change.before.map(EntryView::of),
        after: change.after.map(EntryView::of),
    });
    let ignored_paths = found.ignored_paths.iter().map(|path| PathText::of(path));
    StatusView {
        branch: found.branch.as_ref().map(|name| name.short().to_string()),
        head: found.head.map(|id| id.to_hex()),
        changes: changes.collect(),
        ignored: found.ignored,
        ignored_paths: list_ignored.then(|| ignored_paths.collect()),
        warnings: found.warnings.iter().map(ToString::to_string).collect(),
    }
}

/// The changes but for directories that others of them lie in.
fn leaves(changes: &[PathChange]) -> impl Iterator<Item = &PathChange> {
    let inside =
        |at: usize| changes.get(at + 1).is_some_and(|next| next.path.is_within(&changes[at].path));
    let counts = move |(at, change): &(usize, &PathChange)| !(is_folder(change) && inside(*at));
    changes.iter().enumerate().filter(counts).map(|(_, change)| change)
}

/// Whether a directory is new or gone, and nothing else is at its path.
fn is_folder(change: &PathChange) -> bool {
    let entries = [change.before, change.after];
    entries.iter().flatten().all(|entry| entry.kind() == EntryKind::Directory)
}

fn draw(found: &Status, head: &str, verbose: bool, out: &mut Output) -> Result<(), CliError> {
    let branch = found.branch.as_ref().map(|name| name.short().to_string());
    match &branch {
        Some(name) => {
            let name = Escaped(name.as_bytes());
            writeln!(out, "On {BRANCH}{name}{BRANCH:#}, {head}")?;
        }
        None => writeln!(out, "On no branch, {head}")?,
    }
    let mut at = 0;
    while let Some(change) = found.changes.get(at) {
        let inside = |next: &&PathChange| next.path.is_within(&change.path);
        let below = found.changes[at + 1..].iter().take_while(inside).count();
        let path = Escaped(change.path.as_bytes());
        let word = word(change);
        if is_folder(change) {
            let files = found.changes[at + 1..][..below].iter().filter(|c| !is_folder(c)).count();
            let files = plural(files as u64, "file", "files");
            writeln!(out, "  {KIND}{word:<8}{KIND:#} {path}/  {files}")?;
            at += below;
        } else {
            writeln!(out, "  {KIND}{word:<8}{KIND:#} {path}{}", detail(change))?;
        }
        at += 1;
    }
    for path in &found.ignored_paths {
        writeln!(out, "  {KIND}ignored {KIND:#} {}", Escaped(path))?;
    }
    out.flush()?;
    // What holds for good is told when it is committed, and here to who wants to know more.
    let told = |warning: &&Warning| verbose || warning.is_skip() || warning.is_passing();
    found.warnings.iter().filter(told).for_each(warn);
    if found.changes.is_empty() {
        let nothing = match found.head {
            Some(_) => "Nothing changed: the commit holds the very state of the folder.",
            None => "Nothing to commit: the folder is empty.",
        };
        writeln!(out, "{nothing}")?;
    }
    Ok(())
}

/// What changed beside the content.
fn detail(change: &PathChange) -> String {
    let (Some(before), Some(after)) = (change.before, change.after) else { return String::new() };
    if before.kind() != after.kind() {
        return format!("  {} became {}", before.kind().name(), after.kind().name());
    }
    String::new()
}
