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
        .hint("move the folder to a branch or commit: aisr checkout REV; to a new branch: aisr checkout -b NAME"))
}

pub fn reset() -> Result<Answer, CliError> {
    Err(CliError::usage("there is no `aisr reset`: nothing is staged, and history is kept")
        .hint("take files back from a commit: aisr restore --from REV PATH")
        .hint(
            "take back the last operation: aisr undo; the last commit's words: aisr commit --amend",
        ))
}

pub fn stash() -> Result<Answer, CliError> {
    Err(CliError::usage("there is no `aisr stash`: a commit keeps the whole folder")
        .hint("keep the present state on a branch of its own: aisr checkout -b NAME, aisr commit"))
}
