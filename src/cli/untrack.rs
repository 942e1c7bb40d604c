//! `aisr untrack`: a commit without what became ignored.

use std::ffi::OsString;
use std::io::Write;

use aisr::object::{Level, RepoPath};
use aisr::worktree::{CommitOptions, untrack};

use super::Answer;
use super::context::{Context, MakeKey};
use super::editor::clean;
use super::error::CliError;
use super::output::{Escaped, Ids, Paging, draw_made, plural};
use super::pathspec::repo_paths;

/// Stop capturing paths that are ignored now; they stay in the folder and in history.
#[derive(clap::Args)]
#[command(after_help = r#"Examples:
  aisr untrack cache
  aisr untrack data/tmp.json -m "Not ours""#)]
pub struct Arguments {
    /// Files or folders.
    #[arg(required = true)]
    paths: Vec<OsString>,
    /// What to say of it; each further one is a paragraph.
    #[arg(short, long = "message", value_name = "MESSAGE")]
    messages: Vec<String>,
}

pub fn run(context: &Context, arguments: &Arguments) -> Result<Answer, CliError> {
    let repo = context.working_repository()?;
    let paths = repo_paths(context, &repo, &arguments.paths)?;
    let given = clean(arguments.messages.join("\n\n").lines());
    let message = if given.is_empty() { words(&paths) } else { given };
    let identity = context.identity(MakeKey::Never)?;
    let progress = context.progress("Untracking");
    let options = CommitOptions {
        manifest: None,
        identity: &identity,
        message: Some(message.clone()),
        author: None,
        acting_for: Vec::new(),
        allow_empty: false,
        paths: &[],
        level: Level::Snapshot,
        allowed_secrets: &[],
        quiesce: None,
        threads: context.threads(),
        progress: &progress,
    };
    let made = untrack(&repo, &paths, &options)?;
    progress.finish();
    if context.quiet {
        return Ok(Answer::Yes);
    }
    let mut out = context.output(Paging::Off);
    let id = Ids::new(&repo, context.verbose).show(made.id.id());
    let subject = message.lines().next().unwrap_or_default();
    draw_made(&mut out, made.branch.as_ref(), &id, subject)?;
    writeln!(out, "  {} no longer captured, still in the folder", {
        plural(paths.len() as u64, "path is", "paths are")
    })?;
    out.finish()?;
    Ok(Answer::Yes)
}

/// What is said where nothing is given.
fn words(paths: &[RepoPath]) -> String {
    match paths {
        [path] => format!("Untrack {}", Escaped(path.as_bytes())),
        paths => format!("Untrack {}", plural(paths.len() as u64, "path", "paths")),
    }
}
