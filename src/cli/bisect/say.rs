//! `aisr bisect good`, `bad`, `skip`, and what else a bisection calls them.

use std::ffi::OsString;

use aisr::history::bisect::{BisectError, Said, Search, Session, Step, Verdict};
use aisr::history::{CommitWalk, Revisions};
use aisr::object::CommitId;
use aisr::repo::Repository;

use super::folder::go_on;
use crate::cli::Answer;
use crate::cli::context::{Context, revisions};
use crate::cli::error::CliError;
use crate::cli::output::Escaped;
use crate::cli::target;

#[derive(clap::Args)]
#[command(after_help = "Examples:
  aisr bisect good
  aisr bisect bad main
  aisr bisect skip v1.1..v1.2")]
pub struct Arguments {
    /// The commits; the one that is checked out, or with --no-checkout the one to be tested, if left
    /// out.
    #[arg(value_name = "REV")]
    revisions: Vec<OsString>,
}

pub fn run(context: &Context, verdict: Verdict, arguments: &Arguments) -> Result<Answer, CliError> {
    say(context, &arguments.revisions, &mut |session| {
        let own = session.terms.word(verdict);
        match ["good", "old", "bad", "new", "skip"].contains(&own) {
            true => Ok(verdict),
            false => Err(CliError::usage(format!("this bisection says `{own}`"))
                .hint(format!("`aisr bisect {own}`"))),
        }
    })
}

/// `aisr bisect WORD …`, where the bisection calls good or bad so.
pub fn own_word(context: &Context, words: &[OsString]) -> Result<Answer, CliError> {
    let [word, rest @ ..] = words else { return Err(CliError::usage("what was found?")) };
    let text = word.to_str().unwrap_or_default();
    say(context, rest, &mut |session| {
        session.terms.verdict(text).ok_or_else(|| {
            let shown = Escaped(word.as_encoded_bytes());
            let terms = &session.terms;
            CliError::usage(format!("`{shown}` is no word of this bisection"))
                .hint(format!("it says `{}`, `{}` and `skip`", terms.old, terms.new))
        })
    })
}

fn say(
    context: &Context,
    named: &[OsString],
    verdict: &mut dyn FnMut(&Session) -> Result<Verdict, CliError>,
) -> Result<Answer, CliError> {
    let repo = context.repository()?;
    let _lock = Session::lock(&repo)?;
    let mut session = Session::find(&repo)?.ok_or(BisectError::NoSession)?;
    let verdict = verdict(&session)?;
    let revisions = revisions(&repo)?;
    if verdict == Verdict::Bad && named.len() > 1 {
        return Err(CliError::usage(format!("name one {} commit", session.terms.new)));
    }
    let mut commits = Vec::new();
    if named.is_empty() {
        commits.push(the_one_at_hand(&repo, &revisions, &session)?);
    }
    for text in named {
        let text = target::revision(text)?;
        match verdict == Verdict::Skip && text.contains("..") {
            true => {
                let range = revisions.range(text)?;
                for found in CommitWalk::by_graph(&repo, &range) {
                    commits.push(found?.id);
                }
            }
            false => commits.push(revisions.commit(text)?.id),
        }
    }
    session.said.extend(commits.into_iter().map(|commit| Said { commit, verdict }));
    let step = Search::load(&repo, &session)?.next()?;
    session.save(&repo)?;
    go_on(context, &repo, session, step)
}

/// The commit that is meant where none is named.
fn the_one_at_hand(
    repo: &Repository,
    revisions: &Revisions<'_>,
    session: &Session,
) -> Result<CommitId, CliError> {
    if session.no_checkout
        && let Step::Test(test) = Search::load(repo, session)?.next()?
    {
        return Ok(test.commit);
    }
    Ok(revisions.head()?)
}
