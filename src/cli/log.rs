//! `aisr log`: commits, newest first.

use std::ffi::{OsStr, OsString};
use std::io::Write;

use aisr::history::{CommitWalk, HistoryError, Range, Revisions, Subject, SubjectWalk};
use aisr::object::{EdgeKey, RepoPath, is_word};
use aisr::repo::{Repository, StoredCommit};
use aisr::system::SystemChanges;

use super::Answer;
use super::context::{Context, revisions};
use super::error::CliError;
use super::output::{
    CommitView, Escaped, Ids, JsonList, Judged, Names, Output, Paging, draw_system_changes,
};
use super::pathspec::{repo_path, repo_paths};
use super::system::key_of;
use super::target;

/// Show commits, newest first.
///
/// With paths, only those that changed one of them: a file, or a folder with all that is in it.
#[derive(clap::Args)]
#[command(after_help = "Examples:
  aisr log
  aisr log --oneline -n 20 main
  aisr log v1..main --json
  aisr log --component agent:triage")]
pub struct Arguments {
    /// Where to begin, or A..B: the commits behind B that are not behind A; ^A leaves out what is
    /// behind A. Paths may follow.
    #[arg(value_name = "REV|A..B|PATH")]
    targets: Vec<OsString>,
    /// Only commits that changed one of these paths, which may be gone.
    #[arg(last = true, value_name = "PATHS")]
    paths: Vec<OsString>,
    /// Only commits that changed this component, and what each did; former names are followed.
    #[arg(long, value_name = "KIND:NAME", conflicts_with = "edge")]
    component: Option<String>,
    /// Only commits that changed this edge, and what each did.
    #[arg(long, value_name = "FROM,RELATION,TO")]
    edge: Option<String>,
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
    let subject = subject(arguments)?.map(|subject| SubjectWalk::new(&repo, subject));
    let left = arguments.most.unwrap_or(usize::MAX);
    let mut batches = Batches { walk, subject, left };
    let mut out = context.output(if arguments.json { Paging::Off } else { Paging::Auto });
    if arguments.json {
        let mut list = JsonList::begin(&mut out);
        while let Some(Batch { commits, failed, .. }) = batches.read() {
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
    while let Some(Batch { commits, changes, failed }) = batches.read() {
        if arguments.oneline {
            draw_lines(&commits, &ids, &names, &mut out)?;
        } else {
            let judged = Judged::of_all(&repo, &commits, context.threads());
            for (n, (stored, judged)) in commits.iter().zip(judged).enumerate() {
                if shown + n > 0 {
                    writeln!(out)?;
                }
                judged.draw(&mut out, stored, &ids, &names)?;
                if let Some(changes) = changes.get(n) {
                    writeln!(out)?;
                    draw_system_changes(changes, usize::MAX, &mut out)?;
                }
            }
        }
        shown += commits.len();
        failed.map_or(Ok(()), Err)?;
    }
    out.finish()?;
    repo.checked_signatures().keep();
    let followed = arguments.component.as_ref().or(arguments.edge.as_ref());
    if let Some(followed) = followed.filter(|_| shown == 0 && !context.quiet) {
        anstream::eprintln!("No commit here changed {}.", Escaped(followed.as_bytes()));
    } else if shown == 0 && !paths.is_empty() && arguments.most != Some(0) && !context.quiet {
        anstream::eprintln!("No commit here changed {}.", listed(&paths));
    }
    Ok(Answer::Yes)
}

/// So many commits are read before their signatures are judged, all at once.
const BATCH: usize = 64;

/// Commits in lots.
struct Batches<'r> {
    walk: CommitWalk<'r>,
    /// Only commits that changed it are given.
    subject: Option<SubjectWalk<'r>>,
    /// So many more are given.
    left: usize,
}

/// Commits, and what each did to what is followed.
#[derive(Default)]
struct Batch {
    commits: Vec<StoredCommit>,
    changes: Vec<SystemChanges>,
    /// What came instead of another.
    failed: Option<CliError>,
}

impl Batches<'_> {
    /// The next commits; `None` at the end.
    fn read(&mut self) -> Option<Batch> {
        let mut batch = Batch::default();
        while batch.commits.len() < BATCH && self.left > 0 {
            let Some(found) = self.walk.next() else { break };
            match found.map_err(CliError::from).and_then(|stored| self.changes(stored)) {
                Ok(Some((stored, changes))) => {
                    self.left -= 1;
                    batch.commits.push(stored);
                    batch.changes.extend(changes);
                }
                Ok(None) => {}
                Err(error) => {
                    batch.failed = Some(error);
                    return Some(batch);
                }
            }
        }
        (!batch.commits.is_empty()).then_some(batch)
    }

    /// The commit, if it is to be shown, and what it did.
    fn changes(
        &mut self,
        stored: StoredCommit,
    ) -> Result<Option<(StoredCommit, Option<SystemChanges>)>, CliError> {
        let Some(subject) = &mut self.subject else { return Ok(Some((stored, None))) };
        let changes = subject.visit(&stored)?;
        Ok(changes.map(|changes| (stored, Some(changes))))
    }
}

/// What of the system is followed.
fn subject(arguments: &Arguments) -> Result<Option<Subject>, CliError> {
    if let Some(key) = &arguments.component {
        return Ok(Some(Subject::Component(key_of(key)?)));
    }
    let Some(edge) = &arguments.edge else { return Ok(None) };
    let parts: Vec<_> = edge.split(',').map(str::trim).collect();
    match parts[..] {
        [from, relation, to] if is_word(relation) => {
            let (from, to) = (key_of(from)?, key_of(to)?);
            Ok(Some(Subject::Edge(EdgeKey { from, relation: relation.into(), to })))
        }
        _ => {
            let text = format!("`{}` is no edge", Escaped(edge.as_bytes()));
            Err(CliError::usage(text)
                .hint("an edge is FROM,RELATION,TO, as in agent:triage,uses,tool:orders"))
        }
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
