//! `aisr clone`: makes a second copy of a repository.

use std::io::Write;
use std::path::PathBuf;

use aisr::log::RefName;
use aisr::remote::{CloneOptions, Cloned, FolderPlace, Remote, clone, parse_address, resolve};
use aisr::repo::Repository;
use serde::Serialize;

use super::Answer;
use super::context::Context;
use super::error::CliError;
use super::output::{BRANCH, Escaped, Paging, id_and_subject, plural, write_json};
use super::place::moved_text;

/// Make a copy of a repository, with all of its history.
#[derive(clap::Args)]
pub struct Arguments {
    /// The folder of a repository or shared place, or `file:///PATH`
    place: String,
    /// The folder to make; the place's own name by default.
    directory: Option<PathBuf>,
    /// The branch to check out, instead of the one that HEAD is on there.
    #[arg(short, long, value_name = "NAME")]
    branch: Option<String>,
    /// What the place is called from now on.
    #[arg(short, long, value_name = "NAME", default_value = "origin")]
    origin: String,
    /// Write no files.
    #[arg(short, long)]
    no_checkout: bool,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct CloneView {
    folder: String,
    repository: String,
    branch: String,
    commit: Option<String>,
    commits: u64,
    not_vouched_for: u64,
    files: u64,
    packs: u64,
    bytes: u64,
}

pub fn run(context: &Context, arguments: &Arguments) -> Result<Answer, CliError> {
    let from = parse_address(&arguments.place, context.directory())?;
    let target = match (&arguments.directory, from.file_name()) {
        (Some(directory), _) => context.directory().join(directory),
        (None, Some(name)) => context.directory().join(name),
        (None, None) => return Err(CliError::usage("into which folder?")),
    };
    let target = resolve(&target);
    let address = from
        .to_str()
        .ok_or_else(|| CliError::failure(format!("the path {} is not UTF-8", from.display())))?;
    let branch = arguments.branch.as_deref().map(RefName::branch).transpose();
    let branch = branch.map_err(|e| CliError::usage(e.to_string()))?;
    let place = FolderPlace::open(context.disk(), &from)?;
    let progress = context.progress("Cloning");
    let options = CloneOptions {
        remote: &Remote { name: arguments.origin.clone(), place: address.into() },
        branch,
        checkout: !arguments.no_checkout,
        threads: context.threads(),
        progress: &progress,
    };
    let cloned = clone(context.disk(), &place, &target, &options)?;
    progress.finish();
    let repo = Repository::open(context.disk().clone(), &cloned.root)?;
    let mut out = context.output(Paging::Off);
    if arguments.json {
        write_json(&mut out, &view(&repo, &cloned))?;
    } else if !context.quiet {
        draw(context, &repo, &cloned, &mut out)?;
    }
    out.finish()?;
    Ok(Answer::Yes)
}

fn view(repo: &Repository, cloned: &Cloned) -> CloneView {
    CloneView {
        folder: cloned.root.display().to_string(),
        repository: repo.id().to_hex(),
        branch: cloned.branch.short().to_string(),
        commit: cloned.commit.map(|id| id.to_hex()),
        commits: cloned.fetched.received.commits,
        not_vouched_for: cloned.fetched.received.not_vouched_for,
        files: cloned.files,
        packs: cloned.fetched.moved.packs,
        bytes: cloned.fetched.moved.bytes,
    }
}

fn draw(
    context: &Context,
    repo: &Repository,
    cloned: &Cloned,
    out: &mut dyn Write,
) -> Result<(), CliError> {
    let root = Escaped(cloned.root.as_os_str().as_encoded_bytes()).to_string();
    let received = cloned.fetched.received;
    let commits = plural(received.commits, "commit", "commits");
    writeln!(out, "Cloned into {root}: {commits}{}", moved_text(cloned.fetched.moved))?;
    if received.not_vouched_for > 0 {
        let commits = plural(received.not_vouched_for, "commit is", "commits are");
        writeln!(out, "  {commits} signed by keys that nobody vouches for: `aisr verify`")?;
    }
    let name = Escaped(cloned.branch.short());
    match cloned.commit {
        Some(id) => {
            let at = id_and_subject(repo, id, context.verbose)?;
            writeln!(out, "Now on {BRANCH}{name}{BRANCH:#}, at {at}")?;
        }
        None => writeln!(out, "Now on {BRANCH}{name}{BRANCH:#}, which has no commit yet")?,
    }
    Ok(())
}
