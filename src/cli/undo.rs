//! `aisr undo` and `aisr redo`: take the last operation back, and do it again.

use std::io::Write;

use aisr::worktree::{Direction, UndoOptions, undo};

use super::Answer;
use super::context::Context;
use super::error::CliError;
use super::output::{Escaped, Paging, draw_performed};

/// Take back the last operation: refs, HEAD and the files that it changed.
#[derive(clap::Args)]
#[command(after_help = "Examples:
  aisr undo
  aisr redo")]
pub struct Arguments {
    /// Replace what was changed since; `aisr redo` and `aisr undo` bring it back.
    #[arg(short, long)]
    force: bool,
}

pub fn run(
    context: &Context,
    arguments: &Arguments,
    direction: Direction,
) -> Result<Answer, CliError> {
    let repo = context.working_repository()?;
    let progress = context.progress("Writing");
    let force = arguments.force;
    let options = UndoOptions { direction, force, threads: context.threads(), progress: &progress };
    let undone = undo(&repo, &options)?;
    progress.finish();
    if !context.quiet {
        let mut out = context.output(Paging::Off);
        let word = match direction {
            Direction::Undo => "Undid",
            Direction::Redo => "Did again",
        };
        let kind = Escaped(undone.kind.as_bytes()).to_string();
        writeln!(out, "{word}: {kind} (operation {})", undone.sequence)?;
        draw_performed(&undone.performed, &mut out)?;
        out.finish()?;
    }
    Ok(Answer::Yes)
}
