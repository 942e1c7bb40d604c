//! `aisr completions`: what a shell needs to complete command lines.

use clap::CommandFactory;
use clap_complete::Shell;

use super::Answer;
use super::context::Context;
use super::error::CliError;
use super::output::Paging;

/// Print the script that lets a shell complete aisr's commands and options.
///
/// The script knows commands, options and their fixed values; names in a repository it does not.
#[derive(clap::Args)]
#[command(after_help = "Examples:
  aisr completions bash > ~/.local/share/bash-completion/completions/aisr
  aisr completions zsh > ~/.zfunc/_aisr
  aisr completions fish > ~/.config/fish/completions/aisr.fish")]
pub struct Arguments {
    /// The shell.
    #[arg(value_name = "SHELL")]
    shell: Shell,
}

pub fn run(context: &Context, arguments: &Arguments) -> Result<Answer, CliError> {
    // The generator panics where it cannot write; memory always can be written.
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, &mut super::Arguments::command(), "aisr", &mut script);
    let mut out = context.output(Paging::Off);
    out.write_raw(&script)?;
    out.finish()?;
    Ok(Answer::Yes)
}
