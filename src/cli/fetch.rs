//! `aisr fetch`: takes over what a place has.

use std::io::Write;

use aisr::remote::{FetchOptions, FetchReport, Remote, fetch};
use aisr::repo::Repository;
use serde::Serialize;

use super::Answer;
use super::context::Context;
use super::error::CliError;
use super::output::{Escaped, Ids, Paging, plural, write_json};
use super::place::{UpdateView, draw_trust_root, draw_updates, moved_text, open, remote};

/// Take over what a place has; your branches stay where they are.
#[derive(clap::Args)]
pub struct Arguments {
    /// The remote; the one that the branch goes with by default.
    remote: Option<String>,
    /// Delete remote branches that are gone there.
    #[arg(short, long)]
    prune: bool,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct FetchView {
    remote: String,
    place: String,
    refs: Vec<UpdateView>,
    commits: u64,
    not_vouched_for: u64,
    packs: u64,
    bytes: u64,
    trust_root: Option<String>,
}

pub fn run(context: &Context, arguments: &Arguments) -> Result<Answer, CliError> {
    let repo = context.repository()?;
    let branch = repo.log()?.refs().head.branch().cloned();
    let remote = remote(&repo, arguments.remote.as_ref(), branch.as_ref())?;
    let report = run_fetch(context, &repo, &remote, arguments.prune)?;
    let mut out = context.output(Paging::Off);
    if arguments.json {
        let FetchReport { updates, moved, received, trust_root, .. } = &report;
        let view = FetchView {
            remote: remote.name.clone(),
            place: remote.place.clone(),
            refs: updates.iter().map(UpdateView::of).collect(),
            commits: received.commits,
            not_vouched_for: received.not_vouched_for,
            packs: moved.packs,
            bytes: moved.bytes,
            trust_root: trust_root.map(|root| root.to_hex()),
        };
        write_json(&mut out, &view)?;
    } else if !context.quiet {
        draw(context, &repo, &remote, &report, &mut out)?;
    }
    out.finish()?;
    Ok(Answer::Yes)
}

/// Fetches, showing how far it is.
pub fn run_fetch(
    context: &Context,
    repo: &Repository,
    remote: &Remote,
    prune: bool,
) -> Result<FetchReport, CliError> {
    let place = open(context, &remote.place)?;
    let progress = context.progress("Fetching");
    let options = FetchOptions { prune, threads: context.threads(), progress: &progress };
    let report = fetch(repo, &remote.name, &place, &options)?;
    progress.finish();
    Ok(report)
}

/// Says what came.
pub fn draw(
    context: &Context,
    repo: &Repository,
    remote: &Remote,
    report: &FetchReport,
    out: &mut dyn Write,
) -> Result<(), CliError> {
    let place = Escaped(remote.place.as_bytes());
    if report.updates.is_empty() && report.trust_root.is_none() {
        return Ok(writeln!(out, "Nothing new in {place}")?);
    }
    let commits = plural(report.received.commits, "new commit", "new commits");
    writeln!(out, "From {place}: {commits}{}", moved_text(report.moved))?;
    let ids = Ids::new(repo, context.verbose);
    draw_updates(&ids, &report.updates, out)?;
    draw_trust_root(&ids, report.trust_root, "here", out)?;
    if report.received.not_vouched_for > 0 {
        let commits = plural(report.received.not_vouched_for, "commit is", "commits are");
        writeln!(out, "  {commits} signed by keys that nobody vouches for: `aisr verify`")?;
    }
    Ok(())
}
