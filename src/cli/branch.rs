//! `aisr branch`: lists branches, makes, renames and deletes them.

use std::ffi::OsString;
use std::io::Write;

use aisr::history::{Revisions, Unmerged, create_branch, delete_branch, rename_branch};
use aisr::log::{Head, RefName};
use aisr::object::{CommitId, Id};
use aisr::repo::Repository;
use serde::Serialize;

use super::Answer;
use super::context::{Context, revisions};
use super::error::CliError;
use super::output::{BRANCH, CommitView, Escaped, Ids, JsonList, Output, Paging};
use super::target;

/// List branches; make, rename or delete one.
#[derive(clap::Args)]
#[command(after_help = "Examples:
  aisr branch
  aisr branch try-again @~2
  aisr branch -m try-again main-2
  aisr branch -d try-again")]
pub struct Arguments {
    /// The branch to make; without it, branches are listed.
    name: Option<String>,
    /// Where it begins.
    #[arg(value_name = "REV", requires = "name")]
    at: Option<OsString>,
    /// Delete a branch whose commits another ref leads to.
    #[arg(short, long, value_name = "NAME", conflicts_with_all = ["name", "rename", "json"])]
    delete: Option<String>,
    /// Delete a branch, whatever leads to its commits.
    #[arg(short = 'D', value_name = "NAME", conflicts_with_all = ["name", "rename", "delete", "json"])]
    delete_anyway: Option<String>,
    /// Rename a branch.
    #[arg(short = 'm', long = "move", num_args = 2, value_names = ["OLD", "NEW"],
          conflicts_with_all = ["name", "json"])]
    rename: Option<Vec<String>>,
    /// Print JSON.
    #[arg(long, conflicts_with = "name")]
    json: bool,
}

/// A branch, as `--json` prints it.
#[derive(Serialize)]
struct BranchView {
    name: String,
    #[serde(rename = "ref")]
    full: String,
    current: bool,
    /// Absent before its first commit.
    commit: Option<String>,
    subject: Option<String>,
}

pub fn run(context: &Context, arguments: &Arguments) -> Result<Answer, CliError> {
    let repo = context.repository()?;
    let branch = |name: &String| RefName::branch(name).map_err(target::bad_name);
    let mut out = context.output(Paging::Off);
    if let Some(name) = &arguments.name {
        let name = branch(name)?;
        let at = revisions(&repo)?.commit(target::revision(target::or_head(&arguments.at))?)?;
        create_branch(&repo, &name, at.id)?;
    } else if let Some(name) = &arguments.delete {
        delete(context, &repo, &branch(name)?, Unmerged::Keep, &mut out)?;
    } else if let Some(name) = &arguments.delete_anyway {
        delete(context, &repo, &branch(name)?, Unmerged::Delete, &mut out)?;
    } else if let Some([old, new]) = arguments.rename.as_deref() {
        rename_branch(&repo, &branch(old)?, &branch(new)?)?;
    } else {
        list(context, &repo, arguments.json, &mut out)?;
    }
    out.finish()?;
    Ok(Answer::Yes)
}

fn delete(
    context: &Context,
    repo: &Repository,
    name: &RefName,
    unmerged: Unmerged,
    out: &mut Output,
) -> Result<(), CliError> {
    let id = delete_branch(repo, name, unmerged)?;
    if !context.quiet {
        let id = Ids::new(repo, context.verbose).show(id);
        writeln!(out, "Deleted branch {}, which was at {id}", Escaped(name.short()))?;
    }
    Ok(())
}

fn list(
    context: &Context,
    repo: &Repository,
    json: bool,
    out: &mut Output,
) -> Result<(), CliError> {
    let revisions = revisions(repo)?;
    let branches = branches(&revisions);
    if json {
        let mut list = JsonList::begin(out);
        for (name, id, current) in branches {
            list.push(&BranchView {
                name: name.short().to_string(),
                full: name.to_string(),
                current,
                commit: id.map(|id| id.to_hex()),
                subject: id.and_then(|id| subject(repo, id)),
            })?;
        }
        return list.end();
    }
    if let Head::Detached(id) = &revisions.refs().head {
        let id = Ids::new(repo, context.verbose).show(*id);
        writeln!(out, "* (on no branch, at {id})")?;
    }
    let ids = Ids::new(repo, false);
    let widths =
        branches.iter().map(|(name, ..)| Escaped(name.short()).to_string().chars().count());
    let width = widths.max().unwrap_or_default();
    for (name, id, current) in branches {
        let short = Escaped(name.short()).to_string();
        let mark = if current { '*' } else { ' ' };
        let shown = if current { format!("{BRANCH}{short}{BRANCH:#}") } else { short.clone() };
        if !context.verbose {
            writeln!(out, "{mark} {shown}")?;
            continue;
        }
        let fill = " ".repeat(width - short.chars().count());
        match id {
            Some(id) => {
                let subject = subject(repo, id).unwrap_or_else(|| "(cannot be read)".into());
                let subject = Escaped(subject.as_bytes());
                writeln!(out, "{mark} {shown}{fill} {} {subject}", ids.show(id))?;
            }
            None => writeln!(out, "{mark} {shown}{fill} (no commit yet)")?,
        }
    }
    Ok(())
}

/// Branches in the order of their names, and the current one even before its first commit.
fn branches(revisions: &Revisions<'_>) -> Vec<(RefName, Option<Id>, bool)> {
    let refs = revisions.refs();
    let current = |name: &RefName| refs.head == Head::Branch(name.clone());
    let there = refs.refs.iter().filter(|(name, _)| name.is_branch());
    let mut all: Vec<_> =
        there.map(|(name, id)| (name.clone(), Some(*id), current(name))).collect();
    if let Head::Branch(name) = &refs.head
        && !refs.refs.contains_key(name)
    {
        all.push((name.clone(), None, true));
        all.sort();
    }
    all
}

fn subject(repo: &Repository, id: Id) -> Option<String> {
    let stored = repo.commit(CommitId::from_id(id)).ok()?;
    Some(CommitView::subject(&stored.commit).to_owned())
}
