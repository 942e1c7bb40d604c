//! What a commit changed of its first parent.

use aisr::object::CommitId;
use aisr::repo::Repository;
use aisr::worktree::{CompareOptions, Compared, Side, compare};

use super::{Differences, DrawOptions, SystemPart};
use crate::cli::context::Context;
use crate::cli::error::CliError;
use crate::cli::output::stream::Output;

/// Draws all that a commit changed of `parent`.
pub fn draw_commit(
    context: &Context,
    repo: &Repository,
    parent: Option<CommitId>,
    id: CommitId,
    out: &mut Output,
) -> Result<(), CliError> {
    let found = changes(context, repo, parent, id)?;
    let system = SystemPart::new(found.system.unwrap_or_default(), &[], None, &[]);
    system.draw(Some(DrawOptions::LIMIT), out)?;
    let differences = Differences::new(repo, DrawOptions::plain(context.threads()));
    for change in &found.changes {
        system.draw_owners(change, out)?;
        differences.draw(change, out)?;
    }
    Ok(())
}

/// Draws how much a commit changed in each file.
pub fn draw_commit_stat(
    context: &Context,
    repo: &Repository,
    parent: Option<CommitId>,
    id: CommitId,
    out: &mut Output,
) -> Result<(), CliError> {
    let found = changes(context, repo, parent, id)?;
    let differences = Differences::new(repo, DrawOptions::plain(context.threads()));
    differences.draw_stat(&found.changes.iter().collect::<Vec<_>>(), out)
}

fn changes(
    context: &Context,
    repo: &Repository,
    parent: Option<CommitId>,
    id: CommitId,
) -> Result<Compared, CliError> {
    let progress = context.progress("Reading");
    let options = CompareOptions {
        paths: &[],
        component: None,
        threads: context.threads(),
        progress: &progress,
    };
    let found = compare(repo, Side::Commit(parent), Side::Commit(Some(id)), &options)?;
    progress.finish();
    Ok(found)
}
