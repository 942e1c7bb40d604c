//! `aisr bisect reset`: ends a bisection, and brings HEAD back.

use std::ffi::OsString;
use std::io::Write;

use aisr::history::bisect::Session;
use aisr::log::{Head, RefName};
use aisr::object::CommitId;

use super::folder::go_to;
use super::scratch;
use crate::cli::Answer;
use crate::cli::context::{Context, revisions};
use crate::cli::error::CliError;
use crate::cli::output::{Escaped, Paging, draw_performed, id_and_subject};
use crate::cli::target;

/// End the bisection; HEAD and the folder go back to where they were.
#[derive(clap::Args)]
#[command(after_help = "Examples:
  aisr bisect reset
  aisr bisect reset main")]
pub struct Arguments {
    /// Go there instead.
    #[arg(value_name = "REV")]
    revision: Option<OsString>,
}

pub fn run(context: &Context, arguments: &Arguments) -> Result<Answer, CliError> {
    let repo = context.repository()?;
    let _lock = Session::lock(&repo)?;
    let session = match (Session::find(&repo), &arguments.revision) {
        (Ok(Some(session)), _) => session,
        (Ok(None), None) => {
            if !context.quiet {
                anstream::eprintln!("No bisection is under way.");
            }
            return Ok(Answer::Yes);
        }
        // Whoever says where to go needs nothing that a damaged session says.
        (Ok(None) | Err(_), Some(_)) => Session::default(),
        (Err(e), None) => return Err(e.into()),
    };
    let names = revisions(&repo)?;
    let back = match (&arguments.revision, &session.head) {
        (Some(revision), _) => {
            let revision = target::revision(revision)?;
            let commit = names.commit(revision)?.id;
            let branch = names.ref_name(revision).filter(RefName::is_branch);
            Some((commit, branch.map_or(Head::Detached(commit.id()), Head::Branch)))
        }
        (None, Some(head)) => Some((commit_of(&names, head)?, head.clone())),
        (None, None) => None,
    };
    drop(names);
    let mut out = context.output(Paging::Off);
    if let Some((commit, head)) = back {
        let repo = context.working_repository()?;
        let performed = go_to(context, &repo, commit, head.clone())?;
        if !context.quiet {
            let at = id_and_subject(&repo, commit, context.verbose)?;
            match &head {
                Head::Branch(name) => {
                    let name = name.short().to_string();
                    writeln!(out, "Back on {}, at {at}", Escaped(name.as_bytes()))?;
                }
                Head::Detached(_) => writeln!(out, "Back at {at}")?,
            }
            if let Some(performed) = performed {
                draw_performed(&performed, &mut out)?;
            }
        }
    } else if !context.quiet {
        writeln!(out, "The bisection is over; the folder is as it was.")?;
    }
    scratch::remove_left_over(&repo);
    Session::remove(&repo)?;
    out.finish()?;
    Ok(Answer::Yes)
}

fn commit_of(names: &aisr::history::Revisions<'_>, head: &Head) -> Result<CommitId, CliError> {
    match head {
        Head::Detached(id) => Ok(CommitId::from_id(*id)),
        Head::Branch(name) => match names.refs().refs.get(name) {
            Some(id) => Ok(CommitId::from_id(*id)),
            None => {
                let name = name.short().to_string();
                let name = Escaped(name.as_bytes());
                Err(CliError::failure(format!("HEAD was on {name}, which is gone"))
                    .hint("`aisr bisect reset REV` goes elsewhere"))
            }
        },
    }
}
