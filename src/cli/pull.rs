//! `aisr pull`: fetches, and goes on to what was fetched.

use std::io::Write;

use aisr::remote::{Pulled, fast_forward};
use serde::Serialize;

use super::Answer;
use super::context::Context;
use super::error::CliError;
use super::fetch::{draw, run_fetch};
use super::output::{BRANCH, Escaped, Paging, draw_performed, id_and_subject, write_json};
use super::place::{UpdateView, remote};

/// Fetch, and let your branch go on to what the place has.
#[derive(clap::Args)]
pub struct Arguments {
    /// The remote; the one that the branch goes with by default.
    remote: Option<String>,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct PullView {
    remote: String,
    place: String,
    refs: Vec<UpdateView>,
    branch: String,
    old: Option<String>,
    new: Option<String>,
}

pub fn run(context: &Context, arguments: &Arguments) -> Result<Answer, CliError> {
    let repo = context.working_repository()?;
    let branch = repo.log()?.refs().head.branch().cloned();
    if branch.is_none() {
        return Err(aisr::remote::RemoteError::Detached.into());
    }
    let remote = remote(&repo, arguments.remote.as_ref(), branch.as_ref())?;
    let report = run_fetch(context, &repo, &remote, false)?;
    let mut out = context.output(Paging::Off);
    let plain = !arguments.json && !context.quiet;
    if plain {
        draw(context, &repo, &remote, &report, &mut out)?;
        out.flush()?;
    }
    let progress = context.progress("Writing");
    let pulled = fast_forward(&repo, &remote.name, context.threads(), &progress)?;
    progress.finish();
    if arguments.json {
        let (branch, old, new) = match &pulled {
            Pulled::NoCounterpart { branch } | Pulled::UpToDate { branch } => (branch, None, None),
            Pulled::Forward { branch, old, new, .. } => (branch, *old, Some(*new)),
        };
        let view = PullView {
            remote: remote.name.clone(),
            place: remote.place.clone(),
            refs: report.updates.iter().map(UpdateView::of).collect(),
            branch: branch.short().to_string(),
            old: old.map(|id| id.to_hex()),
            new: new.map(|id| id.to_hex()),
        };
        write_json(&mut out, &view)?;
    } else if plain {
        match &pulled {
            Pulled::NoCounterpart { branch } => {
                writeln!(out, "There is no branch {} there", Escaped(branch.short()))?;
            }
            Pulled::UpToDate { branch } => {
                writeln!(out, "{} holds all of it", Escaped(branch.short()))?;
            }
            Pulled::Forward { branch, new, performed, .. } => {
                let at = id_and_subject(&repo, *new, context.verbose)?;
                let name = Escaped(branch.short());
                writeln!(out, "Now on {BRANCH}{name}{BRANCH:#}, at {at}")?;
                if let Some(performed) = performed {
                    draw_performed(performed, &mut out)?;
                }
            }
        }
    }
    out.finish()?;
    Ok(Answer::Yes)
}
