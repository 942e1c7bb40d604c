//! `aisr add`: there is none, and here is why.

use std::ffi::OsString;

use super::Answer;
use super::error::CliError;

/// Not a command: `commit` captures everything.
#[derive(clap::Args)]
pub struct Arguments {
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    rest: Vec<OsString>,
}

pub fn run(arguments: &Arguments) -> Result<Answer, CliError> {
    let _ = &arguments.rest;
    Err(CliError::usage("there is no `aisr add`: `aisr commit` captures the whole folder")
        .hint("name in .aisrignore what must stay out"))
}
