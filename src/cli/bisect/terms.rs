//! `aisr bisect terms`: what good and bad are called.

use std::io::Write;

use aisr::history::bisect::Session;

use crate::cli::Answer;
use crate::cli::context::Context;
use crate::cli::error::CliError;
use crate::cli::output::Paging;

#[derive(clap::Args)]
pub struct Arguments {
    /// Print the word for the state before the change alone.
    #[arg(long, alias = "term-good")]
    term_old: bool,
    /// Print the word for the state after it alone.
    #[arg(long, alias = "term-bad", conflicts_with = "term_old")]
    term_new: bool,
}

pub fn run(context: &Context, arguments: &Arguments) -> Result<Answer, CliError> {
    let repo = context.repository()?;
    let terms = Session::load(&repo)?.terms;
    let mut out = context.output(Paging::Off);
    match (arguments.term_old, arguments.term_new) {
        (true, _) => writeln!(out, "{}", terms.old)?,
        (_, true) => writeln!(out, "{}", terms.new)?,
        _ => writeln!(out, "before  {}\nafter   {}", terms.old, terms.new)?,
    }
    out.finish()?;
    Ok(Answer::Yes)
}
