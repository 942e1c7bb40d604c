//! Words that people bring from git: no commands here, but each answers with the way there is.

use std::ffi::OsString;

use super::Answer;
use super::error::CliError;

/// Whatever was typed after such a word: it is taken, so that the word itself is answered.
#[derive(clap::Args)]
pub struct Arguments {
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    _rest: Vec<OsString>,
}

pub fn switch() -> Result<Answer, CliError> {
    Err(CliError::usage("there is no `aisr switch`: `aisr checkout` is the command")
        .hint("write a branch or commit to a new folder: aisr checkout REV --out DIR"))
}

pub fn reset() -> Result<Answer, CliError> {
    Err(CliError::usage("there is no `aisr reset`: nothing is staged, and history is kept")
        .hint("write an earlier state to a new folder: aisr checkout REV --out DIR"))
}

pub fn stash() -> Result<Answer, CliError> {
    Err(CliError::usage("there is no `aisr stash`: a commit keeps the whole folder")
        .hint("keep the present state: aisr commit -m MESSAGE"))
}
