//! `aisr restore`: brings paths of the folder back to what a commit holds.

use std::ffi::OsString;
use std::io::Write;

use aisr::worktree::{RestoreOptions, restore};

use super::Answer;
use super::context::{Context, revisions};
use super::error::CliError;
use super::output::{Ids, Paging, draw_performed};
use super::{pathspec, target};

/// Bring paths back to what a commit holds; HEAD stays where it is.
#[derive(clap::Args)]
#[command(after_help = "Examples:
  aisr restore prompts/triage.md
  aisr restore --from v1 prompts agents")]
pub struct Arguments {
    /// The commit; HEAD if left out.
    #[arg(long, value_name = "REV")]
    from: Option<OsString>,
    /// Files, or folders with all that is in them.
    #[arg(value_name = "PATH", required = true)]
    paths: Vec<OsString>,
}

pub fn run(context: &Context, arguments: &Arguments) -> Result<Answer, CliError> {
    let repo = context.working_repository()?;
    let revision = target::revision(target::or_head(&arguments.from))?;
    let from = revisions(&repo)?.commit(revision)?.id;
    let paths = pathspec::repo_paths(context, &repo, &arguments.paths)?;
    let progress = context.progress("Writing");
    let threads = context.threads();
    let options = RestoreOptions { from, paths: &paths, threads, progress: &progress };
    let performed = restore(&repo, &options)?;
    progress.finish();
    if context.quiet {
        return Ok(Answer::Yes);
    }
    let mut out = context.output(Paging::Off);
    let id = Ids::new(&repo, context.verbose).show(from.id());
    match performed {
        None => writeln!(out, "Nothing to restore: all is as {id} has it.")?,
        Some(performed) => {
            writeln!(out, "Restored from {id}")?;
            draw_performed(&performed, &mut out)?;
        }
    }
    out.finish()?;
    Ok(Answer::Yes)
}
