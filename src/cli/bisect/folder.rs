//! What follows a verdict: the next commit is told and checked out, or the end is.

use aisr::history::bisect::{Search, Session, Step};
use aisr::log::Head;
use aisr::object::CommitId;
use aisr::repo::Repository;
use aisr::worktree::{CheckoutOptions, Performed, checkout};

use super::outcome::{draw_found, draw_test, draw_waiting};
use crate::cli::Answer;
use crate::cli::context::{Context, revisions};
use crate::cli::error::CliError;
use crate::cli::output::{Paging, draw_performed};

/// `aisr bisect next`.
pub fn next(context: &Context) -> Result<Answer, CliError> {
    let repo = context.repository()?;
    let _lock = Session::lock(&repo)?;
    let session = Session::load(&repo)?;
    let step = Search::load(&repo, &session)?.next()?;
    go_on(context, &repo, session, step)
}

/// Says what comes next; checks it out where the bisection does that.
pub fn go_on(
    context: &Context,
    repo: &Repository,
    mut session: Session,
    step: Step,
) -> Result<Answer, CliError> {
    let mut out = context.output(Paging::Off);
    match &step {
        Step::Waiting { bad, good } => draw_waiting(context, &session, *bad, *good, &mut out)?,
        Step::Found(found) => draw_found(context, repo, &session, found, &mut out)?,
        Step::Test(test) => {
            let performed = match session.no_checkout {
                true => None,
                false => {
                    let repo = context.working_repository()?;
                    if session.head.is_none() {
                        session.head = Some(revisions(&repo)?.refs().head.clone());
                        session.save(&repo)?;
                    }
                    let head = Head::Detached(test.commit.id());
                    go_to(context, &repo, test.commit, head).map_err(|error| {
                        error.hint(
                            "what was said is kept: `aisr bisect next` tries again, and `aisr \
                             bisect run` does not need the folder",
                        )
                    })?
                }
            };
            draw_test(context, repo, &session, test, &mut out)?;
            if let Some(performed) = performed.filter(|_| !context.quiet) {
                draw_performed(&performed, &mut out)?;
            }
        }
    }
    out.finish()?;
    Ok(Answer::Yes)
}

/// Makes the folder what a commit holds.
pub fn go_to(
    context: &Context,
    repo: &Repository,
    target: CommitId,
    head: Head,
) -> Result<Option<Performed>, CliError> {
    let progress = context.progress("Writing");
    let options = CheckoutOptions {
        target,
        head,
        create: false,
        force: false,
        keep: &[],
        threads: context.threads(),
        progress: &progress,
    };
    let performed = checkout(repo, &options)?;
    progress.finish();
    Ok(performed)
}
