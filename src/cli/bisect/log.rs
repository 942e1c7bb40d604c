//! `aisr bisect log`: what was said, as a script that `replay` reads.

use std::io::Write;

use aisr::history::bisect::{Search, Session, Step};

use crate::cli::Answer;
use crate::cli::context::Context;
use crate::cli::error::CliError;
use crate::cli::output::{CommitView, Escaped, Paging};

#[derive(clap::Args)]
pub struct Arguments {}

pub fn run(context: &Context, Arguments {}: &Arguments) -> Result<Answer, CliError> {
    let repo = context.repository()?;
    let session = Session::load(&repo)?;
    let mut out = context.output(Paging::Auto);
    writeln!(out, "{}", session.start_line())?;
    for said in &session.said {
        // What cannot be read has no subject.
        if let Ok(stored) = repo.commit(said.commit) {
            let subject = Escaped(CommitView::subject(&stored.commit).as_bytes()).to_string();
            writeln!(out, "# {}: {subject}", session.terms.word(said.verdict))?;
        }
        writeln!(out, "{}", session.said_line(said))?;
    }
    for observed in &session.observed {
        writeln!(out, "{}", session.observed_line(observed))?;
    }
    if let Ok(Step::Found(found)) = Search::load(&repo, &session).and_then(|search| search.next()) {
        for id in found.first_bad {
            writeln!(out, "# first {} commit: {id}", session.terms.new)?;
        }
    }
    out.finish()?;
    Ok(Answer::Yes)
}
