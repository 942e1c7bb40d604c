//! `aisr checkout`: makes the folder, or a new one, what a commit holds.

use std::ffi::OsString;
use std::io::Write;
use std::path::PathBuf;

use aisr::history::Revisions;
use aisr::log::{Head, RefName};
use aisr::object::CommitId;
use aisr::repo::Repository;
use aisr::worktree::{CheckoutOptions, checkout, checkout_out};

use super::Answer;
use super::context::{Context, revisions};
use super::error::CliError;
use super::output::{
    BRANCH, Escaped, Ids, Paging, draw_performed, id_and_subject, plural, seconds, size,
};
use super::{pathspec, target};

/// Make the folder what a commit holds, and move HEAD there.
#[derive(clap::Args)]
#[command(after_help = "Examples:
  aisr checkout main
  aisr checkout -b try-again v1
  aisr checkout @~3 --out ../as-it-was
  aisr checkout main --keep memory/store.sqlite")]
pub struct Arguments {
    /// The branch or commit.
    #[arg(value_name = "REV")]
    revision: Option<OsString>,
    /// Write the files to this folder instead; it must be empty or not exist.
    #[arg(long, value_name = "DIR", conflicts_with_all = ["branch", "force", "keep"])]
    out: Option<PathBuf>,
    /// Make this branch there, and move HEAD to it.
    #[arg(short = 'b', value_name = "BRANCH")]
    branch: Option<OsString>,
    /// Replace what was changed or never committed; `aisr undo` brings it back.
    #[arg(short, long)]
    force: bool,
    /// Leave what lies here as it is; may be given more than once.
    #[arg(long, value_name = "PATH")]
    keep: Vec<OsString>,
}

pub fn run(context: &Context, arguments: &Arguments) -> Result<Answer, CliError> {
    if arguments.revision.is_none() && arguments.branch.is_none() {
        return Err(CliError::usage("which branch or commit?")
            .hint("`aisr log --oneline` lists the commits"));
    }
    let revision = target::revision(target::or_head(&arguments.revision))?;
    match &arguments.out {
        Some(out) => write_out(context, revision, out),
        None => in_place(context, arguments, revision),
    }
}

fn write_out(context: &Context, revision: &str, out: &PathBuf) -> Result<Answer, CliError> {
    let repo = context.repository()?;
    let stored = revisions(&repo)?.commit(revision)?;
    let files = repo.files(&stored.commit)?;
    let folder = context.directory().join(out);
    let progress = context.progress("Writing");
    let report = checkout_out(&repo, files, &folder, context.threads(), &progress)?;
    progress.finish();
    if !context.quiet {
        let mut to = context.output(Paging::Off);
        let id = Ids::new(&repo, context.verbose).show(stored.id.id());
        let (files, bytes) = (plural(report.files, "file", "files"), size(report.bytes));
        writeln!(to, "{id} in {}: {files}, {bytes}, {}", out.display(), seconds(report.seconds))?;
        to.finish()?;
    }
    Ok(Answer::Yes)
}

fn in_place(context: &Context, arguments: &Arguments, revision: &str) -> Result<Answer, CliError> {
    let repo = context.working_repository()?;
    let revisions = revisions(&repo)?;
    let keep = pathspec::repo_paths(context, &repo, &arguments.keep)?;
    let stored = match revisions.commit(revision) {
        Ok(stored) => stored,
        Err(e) if repo.root().join(revision).symlink_metadata().is_ok() => {
            return Err(
                CliError::from(e).hint(format!("`aisr restore {revision}` restores a file"))
            );
        }
        Err(e) => return Err(e.into()),
    };
    let (head, create) = head(&revisions, arguments, revision, stored.id)?;
    let progress = context.progress("Writing");
    let options = CheckoutOptions {
        target: stored.id,
        head: head.clone(),
        create,
        force: arguments.force,
        keep: &keep,
        threads: context.threads(),
        progress: &progress,
    };
    let performed = checkout(&repo, &options)?;
    progress.finish();
    if context.quiet {
        return Ok(Answer::Yes);
    }
    let mut out = context.output(Paging::Off);
    let place = place(&repo, context, &head, stored.id)?;
    match performed {
        None => writeln!(out, "Already {place}")?,
        Some(performed) => {
            writeln!(out, "Now {place}")?;
            draw_performed(&performed, &mut out)?;
        }
    }
    out.finish()?;
    if matches!(head, Head::Detached(_)) {
        context.hint("HEAD is on no branch: `aisr checkout -b NAME` makes one for what you commit");
    }
    Ok(Answer::Yes)
}

/// What HEAD becomes, and whether its branch is new.
fn head(
    revisions: &Revisions<'_>,
    arguments: &Arguments,
    revision: &str,
    target: CommitId,
) -> Result<(Head, bool), CliError> {
    if let Some(name) = &arguments.branch {
        let name =
            RefName::branch(target::revision(name)?).map_err(|e| CliError::usage(e.to_string()))?;
        if revisions.refs().refs.contains_key(&name) {
            return Err(CliError::failure(format!("the branch {} exists", name.short()))
                .hint(format!("`aisr checkout {}` goes there", name.short())));
        }
        return Ok((Head::Branch(name), true));
    }
    if matches!(revision, "HEAD" | "@") {
        return Ok((revisions.refs().head.clone(), false));
    }
    let branch = revisions.ref_name(revision).filter(RefName::is_branch);
    Ok((branch.map_or(Head::Detached(target.id()), Head::Branch), false))
}

fn place(
    repo: &Repository,
    context: &Context,
    head: &Head,
    target: CommitId,
) -> Result<String, CliError> {
    let at = id_and_subject(repo, target, context.verbose)?;
    Ok(match head {
        Head::Branch(name) => {
            let name = name.short().to_string();
            format!("on {BRANCH}{}{BRANCH:#}, at {at}", Escaped(name.as_bytes()))
        }
        Head::Detached(_) => format!("at {at}"),
    })
}
