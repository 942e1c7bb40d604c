//! `aisr bisect view`: where a bisection stands.

use std::io::Write;

use aisr::history::bisect::{Search, Session, Step};
use serde::Serialize;

use super::outcome::{StateView, draw_found, draw_test, draw_waiting};
use crate::cli::Answer;
use crate::cli::context::{Context, revisions};
use crate::cli::error::CliError;
use crate::cli::output::{CommitView, Escaped, Ids, Names, Paging, write_json};

/// Show where a bisection stands: the commits that may have brought it, newest first.
#[derive(clap::Args)]
#[command(after_help = "Examples:
  aisr bisect view
  aisr bisect view --json")]
pub struct Arguments {
    /// Show at most N commits.
    #[arg(short = 'n', value_name = "N")]
    most: Option<usize>,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct View {
    #[serde(flatten)]
    state: StateView,
    /// Those that may have brought it, the newest first.
    suspects: Vec<String>,
}

pub fn run(context: &Context, arguments: &Arguments) -> Result<Answer, CliError> {
    let repo = context.repository_to_show()?;
    let session = Session::load(&repo)?;
    let search = Search::load(&repo, &session)?;
    let step = search.next()?;
    let mut suspects = search.suspects()?;
    suspects.reverse();
    let most = arguments.most.unwrap_or(usize::MAX);
    if arguments.json {
        let suspects = suspects.iter().take(most).map(|id| id.to_hex()).collect();
        let mut out = context.output(Paging::Off);
        write_json(&mut out, &View { state: StateView::of(&session, &step), suspects })?;
        out.finish()?;
        return Ok(Answer::Yes);
    }
    let mut out = context.output(Paging::Auto);
    match &step {
        Step::Waiting { bad, good } => draw_waiting(context, &session, *bad, *good, &mut out)?,
        Step::Test(test) => draw_test(context, &repo, &session, test, &mut out)?,
        Step::Found(found) => draw_found(context, &repo, &session, found, &mut out)?,
    }
    if !matches!(step, Step::Found(_)) {
        let (ids, names) = (Ids::new(&repo, context.verbose), Names::load(&revisions(&repo)?));
        for id in suspects.iter().take(most) {
            let stored = repo.commit(*id)?;
            let subject = Escaped(CommitView::subject(&stored.commit).as_bytes());
            writeln!(out, "  {}{} {subject}", ids.show(id.id()), names.show(id.id()))?;
        }
        if suspects.len() > most {
            writeln!(out, "  and {} more", suspects.len() - most)?;
        }
    }
    out.finish()?;
    repo.checked_signatures().keep();
    Ok(Answer::Yes)
}
