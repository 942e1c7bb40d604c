//! `aisr bisect replay`: begins a bisection with what a log says.

use std::fs::File;
use std::io::{self, Read};
use std::path::PathBuf;

use aisr::history::bisect::{BisectError, Search, Session};

use super::folder::go_on;
use crate::cli::Answer;
use crate::cli::context::Context;
use crate::cli::error::CliError;

/// A longer log is not read.
const LIMIT: u64 = 128 << 20;

/// Begin a bisection with what a log of another says.
#[derive(clap::Args)]
#[command(after_help = "Examples:
  aisr bisect log > search.txt
  aisr bisect replay search.txt")]
pub struct Arguments {
    /// The log; `-` is standard input.
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

pub fn run(context: &Context, arguments: &Arguments) -> Result<Answer, CliError> {
    let repo = context.repository()?;
    let shown = arguments.file.display();
    let mut text = Vec::new();
    let read = match arguments.file.as_os_str() == "-" {
        true => io::stdin().lock().take(LIMIT).read_to_end(&mut text),
        false => File::open(context.directory().join(&arguments.file))
            .and_then(|file| file.take(LIMIT).read_to_end(&mut text)),
    };
    read.map_err(|e| CliError::failure(format!("cannot read {shown}: {e}")))?;
    let session = Session::replay(&text).map_err(|e| {
        CliError::failure(format!("{shown} is no log of a bisection: {e}"))
            .hint("`aisr bisect log` prints one")
    })?;
    let _lock = Session::lock(&repo)?;
    if Session::find(&repo)?.is_some() {
        return Err(BisectError::UnderWay.into());
    }
    let no_checkout = session.no_checkout || repo.is_shared_place();
    let session = Session { no_checkout, ..session };
    let step = Search::load(&repo, &session)?.next()?;
    session.save(&repo)?;
    go_on(context, &repo, session, step)
}
