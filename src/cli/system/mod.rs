//! `aisr system`: the components of the folder and of commits.

mod scan;

use super::Answer;
use super::context::Context;
use super::error::CliError;

/// See what makes up the system, and find what aisr.toml lacks.
#[derive(clap::Args)]
#[command(after_help = "Examples:
  aisr system scan
  aisr system scan --add prompts/escalate.md")]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand)]
enum Command {
    Scan(scan::Arguments),
}

pub fn run(context: &Context, arguments: &Arguments) -> Result<Answer, CliError> {
    match &arguments.command {
        Command::Scan(arguments) => scan::run(context, arguments),
    }
}
