//! `aisr status`: what the folder holds that HEAD does not.

use std::collections::BTreeSet;
use std::io::Write;

use aisr::diff::{FileChange, PathChange, exact_renames};
use aisr::object::{EntryKind, Origin, RepoPath};
use aisr::system::SystemChanges;
use aisr::worktree::{Status, StatusOptions, status};
use serde::Serialize;

use super::Answer;
use super::context::Context;
use super::error::CliError;
use super::output::{
    BRANCH, ChangeView, Differences, DrawOptions, Escaped, KIND, Output, Paging, PathText,
    SystemChangesView, change_word, draw_narrowed, draw_system_changes, id_and_subject, plural,
    warn_of_finding, warn_of_folder, warn_of_manifest, write_json,
};

/// Show what changed since the last commit.
#[derive(clap::Args)]
#[command(after_help = "Examples:
  aisr status
  aisr status --ignored
  aisr status -v  (and what differs, as `aisr diff` shows it)")]
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
    /// What changed in the system, what is captured less and what is wrong; absent where nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    system: Option<SystemChangesView>,
    /// Why the manifest is not understood; then nothing is known of the system.
    #[serde(skip_serializing_if = "Option::is_none")]
    manifest_error: Option<String>,
}

pub fn run(context: &Context, arguments: &Arguments) -> Result<Answer, CliError> {
    let repo = context.working_repository_unchanged()?;
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
            Some(id) => format!("at {}", id_and_subject(&repo, id, context.verbose)?),
        };
        draw(&found, &head, context.verbose, &mut out)?;
        if context.verbose {
            let differences = Differences::new(&repo, DrawOptions::plain(context.threads()));
            for change in leaves(&exact_renames(found.changes)) {
                differences.draw(change, &mut out)?;
            }
        }
    }
    out.finish()?;
    Ok(Answer::Yes)
}

fn view(found: Status, list_ignored: bool) -> StatusView {
    let changes = exact_renames(found.changes);
    let changes = leaves(&changes).map(ChangeView::of).collect();
    let ignored_paths = found.ignored_paths.iter().map(|path| PathText::of(path));
    StatusView {
        branch: found.branch.as_ref().map(|name| name.short().to_string()),
        head: found.head.map(|id| id.to_hex()),
        changes,
        ignored: found.ignored,
        ignored_paths: list_ignored.then(|| ignored_paths.collect()),
        warnings: found.warnings.iter().map(ToString::to_string).collect(),
        system: found.system.as_ref().ok().and_then(|system| {
            let view = SystemChangesView::of(&system.narrowed, &system.changes, &system.findings);
            (!view.is_empty()).then_some(view)
        }),
        manifest_error: found.system.as_ref().err().map(ToString::to_string),
    }
}

/// The changes but for directories that others of them lie in.
fn leaves(changes: &[FileChange]) -> impl Iterator<Item = &FileChange> {
    let inside = |at: usize| {
        let path = &changes[at].change.path;
        changes.get(at + 1).is_some_and(|next| next.change.path.is_within(path))
    };
    let counts = move |(at, found): &(usize, &FileChange)| !(is_folder(found) && inside(*at));
    changes.iter().enumerate().filter(counts).map(|(_, found)| found)
}

/// Whether a directory is new or gone, and nothing else is at its path.
fn is_folder(found: &FileChange) -> bool {
    let entries = [found.change.before, found.change.after];
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
    let changes = exact_renames(found.changes.clone());
    match &found.system {
        Ok(system) if !(system.changes.is_empty() && system.narrowed.is_empty()) => {
            draw_narrowed(&system.narrowed, out)?;
            let drawn = by_component(&system.changes, &changes);
            draw_system_changes(&system.changes, usize::MAX, out)?;
            let rest: Vec<_> =
                changes.iter().filter(|c| !drawn.contains(&c.change.path)).cloned().collect();
            draw_changes(&rest, out)?;
        }
        _ => draw_changes(&changes, out)?,
    }
    for path in &found.ignored_paths {
        writeln!(out, "  {KIND}ignored {KIND:#} {}", Escaped(path))?;
    }
    out.flush()?;
    warn_of_folder(&found.warnings, verbose);
    match &found.system {
        Ok(system) => system.findings.iter().for_each(warn_of_finding),
        Err(e) => warn_of_manifest(e),
    }
    if found.changes.is_empty() {
        let nothing = match found.head {
            Some(_) => "Nothing changed: the commit holds the very state of the folder.",
            None => "Nothing to commit: the folder is empty.",
        };
        writeln!(out, "{nothing}")?;
    }
    Ok(())
}

/// The paths that the lines of components tell already: each is all that its component stands on.
fn by_component(system: &SystemChanges, changes: &[FileChange]) -> BTreeSet<RepoPath> {
    let states = system.components.iter().filter(|change| change.has_other_content());
    let states = states.flat_map(|change| [&change.before, &change.after]).flatten();
    let mut alone: BTreeSet<&RepoPath> = BTreeSet::new();
    for state in states {
        if let [Origin::Path(path)] = state.origins.as_slice() {
            alone.insert(path);
        }
    }
    let drawn = changes.iter().filter(|found| {
        // A file that came from elsewhere, or is another kind of thing now, has more to tell.
        let kinds = [found.change.before, found.change.after].map(|e| e.map(|e| e.kind()));
        let is_plain = matches!(kinds, [Some(a), Some(b)] if a == b) || kinds.contains(&None);
        is_plain && found.from.is_none() && alone.contains(&found.change.path)
    });
    drawn.map(|found| found.change.path.clone()).collect()
}

/// Draws a directory of which all is new, or all gone, in one line.
fn draw_changes(changes: &[FileChange], out: &mut Output) -> Result<(), CliError> {
    let mut at = 0;
    while let Some(found) = changes.get(at) {
        let rest = &changes[at + 1..];
        let inside = |next: &&FileChange| next.change.path.is_within(&found.change.path);
        let below = &rest[..rest.iter().take_while(inside).count()];
        let path = Escaped(found.change.path.as_bytes());
        let word = change_word(found);
        at += 1;
        if !is_folder(found) {
            let from = found.from.as_ref().map(|from| format!("{} → ", Escaped(from.as_bytes())));
            let (from, detail) = (from.unwrap_or_default(), detail(&found.change));
            writeln!(out, "  {KIND}{word:<8}{KIND:#} {from}{path}{detail}")?;
        } else if below.iter().all(|next| next.from.is_none()) {
            let files = below.iter().filter(|next| !is_folder(next)).count();
            let files = plural(files as u64, "file", "files");
            writeln!(out, "  {KIND}{word:<8}{KIND:#} {path}/  {files}")?;
            at += below.len();
        }
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
