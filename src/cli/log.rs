//! `aisr log`: commits, newest first.

use std::ffi::OsString;
use std::io::Write;

use aisr::history::CommitWalk;

use super::Answer;
use super::context::{Context, revisions};
use super::error::CliError;
use super::output::{CommitView, Escaped, Ids, JsonList, Names, Paging};
use super::target;

/// Show commits, newest first.
#[derive(clap::Args)]
#[command(after_help = "Examples:
  aisr log
  aisr log --oneline -n 20 main
  aisr log v1..main --json")]
pub struct Arguments {
    /// Where to begin, or A..B: the commits behind B that are not behind A.
    #[arg(value_name = "REV|RANGE")]
    range: Option<OsString>,
    /// One line a commit.
    #[arg(long)]
    oneline: bool,
    /// Show at most N commits.
    #[arg(short = 'n', value_name = "N")]
    most: Option<usize>,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

pub fn run(context: &Context, arguments: &Arguments) -> Result<Answer, CliError> {
    let repo = context.repository()?;
    let revisions = revisions(&repo)?;
    let range = revisions.range(target::revision(target::or_head(&arguments.range))?)?;
    let names = Names::load(&revisions);
    let ids = Ids::new(&repo, context.verbose);
    let walk = CommitWalk::new(&repo, &range).take(arguments.most.unwrap_or(usize::MAX));
    let paging = if arguments.json { Paging::Off } else { Paging::Auto };
    let mut out = context.output(paging);
    if arguments.json {
        let mut list = JsonList::begin(&mut out);
        for stored in walk {
            list.push(&CommitView::new(&repo, &stored?, &names))?;
        }
        list.end()?;
    } else {
        for (number, stored) in walk.enumerate() {
            let stored = stored?;
            let id = stored.id.id();
            if arguments.oneline {
                let subject = Escaped(CommitView::subject(&stored.commit).as_bytes());
                writeln!(out, "{}{} {subject}", ids.show(id), names.show(id))?;
                continue;
            }
            if number > 0 {
                writeln!(out)?;
            }
            CommitView::new(&repo, &stored, &names).draw(&mut out, &stored, &ids, &names)?;
        }
    }
    out.finish()?;
    Ok(Answer::Yes)
}
