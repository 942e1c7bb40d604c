//! `aisr log`: commits, newest first.

use std::ffi::{OsStr, OsString};
use std::io::Write;

use aisr::history::{CommitWalk, HistoryError, Range, Revisions, WalkError};
use aisr::object::RepoPath;
use aisr::repo::{Repository, StoredCommit};

use super::Answer;
use super::context::{Context, revisions};
use super::error::CliError;
use super::output::{CommitView, Escaped, Ids, JsonList, Judged, Names, Output, Paging};
use super::pathspec::{repo_path, repo_paths};
use super::target;

/// Show commits, newest first.
///
/// With paths, only those that changed one of them: a file, or a folder with all that is in it.
#[derive(clap::Args)]
#[command(after_help = "Examples:
  aisr log
  aisr log --oneline -n 20 main
  aisr log v1..main --json")]
pub struct Arguments {
    /// Where to begin, or A..B: the commits behind B that are not behind A; ^A leaves out what is
    /// behind A. Paths may follow.
    #[arg(value_name = "REV|A..B|PATH")]
    targets: Vec<OsString>,
    /// Only commits that changed one of these paths, which may be gone.
    #[arg(last = true, value_name = "PATHS")]
    paths: Vec<OsString>,
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
    let repo = context.repository_to_show()?;
    let revisions = revisions(&repo)?;
    let (range, paths) = meant(context, &repo, &revisions, arguments)?;
    let names = Names::load(&revisions);
    let walk = match paths.is_empty() {
        true => CommitWalk::by_graph(&repo, &range),
        false => CommitWalk::of_paths(&repo, &range, &paths),
    };
    let mut batches = Batches { walk: walk.take(arguments.most.unwrap_or(usize::MAX)) };
    let mut out = context.output(if arguments.json { Paging::Off } else { Paging::Auto });
    if arguments.json {
        let mut list = JsonList::begin(&mut out);
        while let Some((commits, failed)) = batches.read() {
            let judged = Judged::of_all(&repo, &commits, context.threads());
            for (stored, judged) in commits.iter().zip(judged) {
                list.push(&CommitView::new(judged, stored, &names))?;
            }
            failed.map_or(Ok(()), Err)?;
        }
        list.end()?;
        out.finish()?;
        repo.checked_signatures().keep();
        return Ok(Answer::Yes);
    }
    let ids = Ids::new(&repo, context.verbose);
    let mut shown = 0;
    while let Some((commits, failed)) = batches.read() {
        if arguments.oneline {
            draw_lines(&commits, &ids, &names, &mut out)?;
        } else {
            let judged = Judged::of_all(&repo, &commits, context.threads());
            for (n, (stored, judged)) in commits.iter().zip(judged).enumerate() {
                if shown + n > 0 {
                    writeln!(out)?;
                }
                judged.draw(&mut out, stored, &ids, &names)?;
            }
        }
        shown += commits.len();
        failed.map_or(Ok(()), Err)?;
    }
    out.finish()?;
    repo.checked_signatures().keep();
    if shown == 0 && !paths.is_empty() && arguments.most != Some(0) && !context.quiet {
        anstream::eprintln!("No commit here changed {}.", listed(&paths));
    }
    Ok(Answer::Yes)
}

/// So many commits are read before their signatures are judged, all at once.
const BATCH: usize = 64;

/// Commits in lots.
struct Batches<'r> {
    walk: std::iter::Take<CommitWalk<'r>>,
}

impl Batches<'_> {
    /// The next commits, and what came instead of another; `None` at the end.
    fn read(&mut self) -> Option<(Vec<StoredCommit>, Option<WalkError>)> {
        let mut commits = Vec::new();
        for found in self.walk.by_ref().take(BATCH) {
            match found {
                Ok(stored) => commits.push(stored),
                Err(error) => return Some((commits, Some(error))),
            }
        }
        (!commits.is_empty()).then_some((commits, None))
    }
}

fn draw_lines(
    commits: &[StoredCommit],
    ids: &Ids<'_>,
    names: &Names,
    out: &mut Output,
) -> Result<(), CliError> {
    for stored in commits {
        let id = stored.id.id();
        let subject = Escaped(CommitView::subject(&stored.commit).as_bytes());
        writeln!(out, "{}{} {subject}", ids.show(id), names.show(id))?;
    }
    Ok(())
}

fn listed(paths: &[RepoPath]) -> String {
    let shown = |path: &RepoPath| if path.is_root() { ".".to_owned() } else { path.to_string() };
    paths.iter().map(shown).collect::<Vec<_>>().join(", ")
}

/// Tells revisions from paths: revisions come first, and what is both is refused.
fn meant(
    context: &Context,
    repo: &Repository,
    revisions: &Revisions<'_>,
    arguments: &Arguments,
) -> Result<(Range, Vec<RepoPath>), CliError> {
    let is_there = |argument: &OsStr| {
        !argument.is_empty() && context.directory().join(argument).symlink_metadata().is_ok()
    };
    let mut words = Vec::new();
    let mut rest = arguments.targets.iter().peekable();
    while let Some(argument) = rest.peek() {
        let shown = Escaped(argument.as_encoded_bytes());
        let is_path = arguments.paths.is_empty() && is_there(argument);
        match named(revisions, argument) {
            Ok(_) if is_path => {
                let text = format!("`{shown}` is a revision and a path");
                return Err(CliError::usage(text).hint(format!(
                    "`aisr log {shown} -- .` means the revision, `aisr log -- {shown}` the path"
                )));
            }
            Ok(word) => words.push(word),
            Err(_) if is_path => break,
            Err(error) => return Err(error),
        }
        rest.next();
    }
    let mut paths = Vec::new();
    for argument in rest {
        if !is_there(argument) {
            let shown = Escaped(argument.as_encoded_bytes());
            let text = format!("`{shown}` is no path here");
            return Err(CliError::usage(text).hint(format!(
                "revisions come before paths; `aisr log -- {shown}` names one that is gone"
            )));
        }
        paths.push(repo_path(context, repo, argument)?);
    }
    paths.extend(repo_paths(context, repo, &arguments.paths)?);
    Ok((revisions.ranges(words)?, paths))
}

/// An argument that names commits.
fn named<'a>(revisions: &Revisions<'_>, argument: &'a OsStr) -> Result<&'a str, CliError> {
    let text = target::revision(argument)?;
    match revisions.range(text) {
        Ok(_) => Ok(text),
        Err(error @ HistoryError::Unknown { .. }) if !text.is_empty() => {
            let hint = format!("`aisr log -- {text}` shows the history of a path that is gone");
            Err(CliError::from(error).hint(hint))
        }
        Err(error) => Err(error.into()),
    }
}
