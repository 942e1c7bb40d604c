//! `aisr op`: what this clone did, by its own log.

use std::io::Write;

use aisr::history::{LoggedOperation, operations};
use aisr::object::{RefChange, RefTarget};
use serde::Serialize;

use super::Answer;
use super::context::Context;
use super::error::CliError;
use super::output::{BRANCH, Escaped, Ids, JsonList, Output, Paging, iso, moment};

/// Show what this clone did: each operation that moved a ref or HEAD.
#[derive(clap::Args)]
#[command(after_help = "Examples:
  aisr op log
  aisr op log -n 5 --json")]
pub struct Arguments {
    #[command(subcommand)]
    what: What,
}

#[derive(clap::Subcommand)]
enum What {
    /// List the entries of the clone's log, newest first.
    Log(LogArguments),
}

#[derive(clap::Args)]
struct LogArguments {
    /// Show at most N entries.
    #[arg(short = 'n', value_name = "N")]
    most: Option<usize>,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// A log entry, as `--json` prints it.
#[derive(Serialize)]
struct OperationView {
    number: u64,
    id: String,
    time: String,
    cause: String,
    changes: Vec<ChangeView>,
}

/// A ref that moved: an id, the name of the branch that HEAD is on, or nothing.
#[derive(Serialize)]
struct ChangeView {
    #[serde(rename = "ref")]
    name: String,
    old: Option<String>,
    new: Option<String>,
    kind: &'static str,
}

pub fn run(context: &Context, arguments: &Arguments) -> Result<Answer, CliError> {
    let What::Log(arguments) = &arguments.what;
    let repo = context.repository()?;
    let log = repo.log()?;
    let found = operations(&log)?.take(arguments.most.unwrap_or(usize::MAX));
    let mut out = context.output(if arguments.json { Paging::Off } else { Paging::Auto });
    if arguments.json {
        let mut list = JsonList::begin(&mut out);
        for operation in found {
            list.push(&OperationView::of(&operation?))?;
        }
        list.end()?;
    } else {
        let ids = Ids::new(&repo, context.verbose);
        for operation in found {
            draw(&operation?, &ids, &mut out)?;
        }
    }
    out.finish()?;
    Ok(Answer::Yes)
}

impl OperationView {
    fn of(operation: &LoggedOperation) -> Self {
        let entry = &operation.entry;
        Self {
            number: entry.sequence,
            id: operation.id.to_hex(),
            time: iso(entry.time),
            cause: entry.cause.kind.clone(),
            changes: entry.changes.iter().map(ChangeView::of).collect(),
        }
    }
}

impl ChangeView {
    fn of(change: &RefChange) -> Self {
        let target = |target: &RefTarget| match target {
            RefTarget::Object(id) => id.to_hex(),
            RefTarget::Symbolic(name) => String::from_utf8_lossy(name).into_owned(),
        };
        Self {
            name: String::from_utf8_lossy(&change.name).into_owned(),
            old: change.old.as_ref().map(target),
            new: change.new.as_ref().map(target),
            kind: change.kind.name(),
        }
    }
}

/// `3  1f2e3d4c  2026-11-02 04:12:33 +01:00  commit`, and a line for each ref that moved.
fn draw(operation: &LoggedOperation, ids: &Ids<'_>, out: &mut Output) -> Result<(), CliError> {
    let entry = &operation.entry;
    let cause = Escaped(entry.cause.kind.as_bytes());
    let id = ids.plain(operation.id.id());
    writeln!(out, "{:<4} {id}  {}  {cause}", entry.sequence, moment(entry.time))?;
    for change in &entry.changes {
        let target = |target: &Option<RefTarget>| match target {
            Some(RefTarget::Object(id)) => ids.show(*id).to_string(),
            Some(RefTarget::Symbolic(name)) => Escaped(name).to_string(),
            None => "nothing".into(),
        };
        let name = Escaped(&change.name);
        let (old, new) = (target(&change.old), target(&change.new));
        let kind = change.kind.name();
        writeln!(out, "     {BRANCH}{name}{BRANCH:#}: {old} → {new} ({kind})")?;
    }
    Ok(())
}
