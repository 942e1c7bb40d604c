//! `aisr push`: brings commits to a shared place.

use std::io::Write;

use aisr::log::{RefName, Refs};
use aisr::remote::{PushOptions, push, set_upstream};
use serde::Serialize;

use super::Answer;
use super::context::{Context, MakeKey};
use super::error::CliError;
use super::output::{Escaped, Ids, Paging, plural, write_json};
use super::place::{UpdateView, draw_trust_root, draw_updates, moved_text, open, remote};

/// Bring commits to a shared place, and move its branches.
///
/// With --delete, take branches away there. They stay here.
#[derive(clap::Args)]
#[command(after_help = "Examples:
  aisr push
  aisr push origin main review
  aisr push --delete review
  aisr push origin --delete review")]
pub struct Arguments {
    /// The remote; the one that the branch goes with by default.
    remote: Option<String>,
    /// The branches; the one that HEAD is on by default.
    #[arg(value_name = "BRANCH")]
    branches: Vec<String>,
    /// All branches.
    #[arg(long, conflicts_with = "branches")]
    all: bool,
    /// All tags as well.
    #[arg(long)]
    tags: bool,
    /// Replace what the place has, even if that is not behind what is here.
    #[arg(short, long)]
    force: bool,
    /// Take the branches away there; a single name is a branch.
    #[arg(short, long, conflicts_with_all = ["all", "tags", "force"])]
    delete: bool,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct PushView {
    remote: String,
    place: String,
    refs: Vec<UpdateView>,
    objects: u64,
    packs: u64,
    bytes: u64,
    trust_root: Option<String>,
}

pub fn run(context: &Context, arguments: &Arguments) -> Result<Answer, CliError> {
    let repo = context.repository()?;
    let log = repo.log()?;
    let head = log.refs().head.branch().cloned();
    let here = log.refs().refs.keys();
    let Meant { remote: name, branches, delete } = meant(arguments, head.as_ref(), log.refs())?;
    let mut refs = branches.clone();
    if arguments.tags {
        refs.extend(here.filter(|name| name.is_tag()).cloned());
    }
    let remote = remote(&repo, name, head.as_ref())?;
    let place = open(context, &remote.place)?;
    let identity = context.identity(MakeKey::Never)?;
    let progress = context.progress("Pushing");
    let options = PushOptions {
        identity: &identity,
        refs: &refs,
        delete: &delete,
        force: arguments.force,
        progress: &progress,
    };
    let report = push(&repo, &remote.name, &place, &options)?;
    progress.finish();
    for branch in &branches {
        set_upstream(&repo, branch, &remote.name)?;
    }
    let mut out = context.output(Paging::Off);
    if arguments.json {
        let view = PushView {
            remote: remote.name.clone(),
            place: remote.place.clone(),
            refs: report.updates.iter().map(UpdateView::of).collect(),
            objects: report.objects,
            packs: report.moved.packs,
            bytes: report.moved.bytes,
            trust_root: report.trust_root.map(|root| root.to_hex()),
        };
        write_json(&mut out, &view)?;
    } else if !context.quiet {
        let shown = Escaped(remote.place.as_bytes());
        if report.updates.is_empty() && report.trust_root.is_none() {
            writeln!(out, "Nothing to push to {shown}")?;
        } else {
            let objects = plural(report.objects, "object", "objects");
            writeln!(out, "To {shown}: {objects}{}", moved_text(report.moved))?;
            let ids = Ids::new(&repo, context.verbose);
            draw_updates(&ids, &report.updates, &mut out)?;
            draw_trust_root(&ids, report.trust_root, "there", &mut out)?;
        }
    }
    out.finish()?;
    Ok(Answer::Yes)
}

/// What the words mean.
struct Meant<'a> {
    remote: Option<&'a String>,
    branches: Vec<RefName>,
    delete: Vec<RefName>,
}

fn meant<'a>(
    arguments: &'a Arguments,
    head: Option<&RefName>,
    refs: &Refs,
) -> Result<Meant<'a>, CliError> {
    let Arguments { remote, branches, .. } = arguments;
    let named = |names: &[String]| {
        let names = names.iter().map(|name| RefName::branch(name));
        names.collect::<Result<Vec<_>, _>>().map_err(|e| CliError::usage(e.to_string()))
    };
    if arguments.delete {
        let (remote, delete) = match (remote, &branches[..]) {
            (None, _) => {
                return Err(CliError::usage("no branch is named that shall go")
                    .hint("name it: `aisr push --delete BRANCH`"));
            }
            (Some(only), []) => (None, named(std::slice::from_ref(only))?),
            (remote, names) => (remote.as_ref(), named(names)?),
        };
        return Ok(Meant { remote, branches: Vec::new(), delete });
    }
    let branches = match (arguments.all, &branches[..], head) {
        (true, ..) => refs.refs.keys().filter(|name| name.is_branch()).cloned().collect(),
        (false, [], Some(head)) => vec![head.clone()],
        (false, [], None) => return Err(aisr::remote::RemoteError::Detached.into()),
        (false, names, _) => named(names)?,
    };
    Ok(Meant { remote: remote.as_ref(), branches, delete: Vec::new() })
}
