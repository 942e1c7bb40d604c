//! `aisr checkout`: writes the files of a commit to a folder.

use std::ffi::OsString;
use std::io::Write;
use std::path::PathBuf;

use aisr::worktree::checkout_out;

use super::Answer;
use super::context::{Context, revisions};
use super::error::CliError;
use super::output::{Ids, Paging, plural, seconds, size};
use super::target;

/// Write the files of a commit to a new folder.
#[derive(clap::Args)]
pub struct Arguments {
    /// The commit.
    #[arg(value_name = "REV")]
    revision: OsString,
    /// The folder; it must be empty or not exist.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

pub fn run(context: &Context, arguments: &Arguments) -> Result<Answer, CliError> {
    let revision = target::revision(&arguments.revision)?;
    let Some(out) = &arguments.out else {
        return Err(CliError::usage("checking out in place is not there yet").hint(format!(
            "`aisr checkout {revision} --out DIR` writes the files to a new folder"
        )));
    };
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
