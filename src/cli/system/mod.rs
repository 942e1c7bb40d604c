//! `aisr system`: the components of the folder and of commits.

mod graph;
mod scan;
mod show;

use super::Answer;
use super::context::Context;
use super::error::CliError;

pub use show::key_of;

/// See what makes up the system, and find what aisr.toml lacks.
#[derive(clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
#[command(after_help = "Examples:
  aisr system
  aisr system v1 --table
  aisr system show agent:triage
  aisr system scan --add prompts/escalate.md")]
pub struct Arguments {
    #[command(flatten)]
    graph: graph::Arguments,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(clap::Subcommand)]
enum Command {
    Show(show::Arguments),
    Scan(scan::Arguments),
}

pub fn run(context: &Context, arguments: &Arguments) -> Result<Answer, CliError> {
    match &arguments.command {
        None => graph::run(context, &arguments.graph),
        Some(Command::Show(arguments)) => show::run(context, arguments),
        Some(Command::Scan(arguments)) => scan::run(context, arguments),
    }
}
