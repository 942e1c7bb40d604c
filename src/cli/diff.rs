//! `aisr diff`: what differs between two states.

use std::ffi::{OsStr, OsString};
use std::io::Write;

use aisr::diff::FileChange;
use aisr::history::{HistoryError, Revisions};
use aisr::object::{CommitId, RepoPath};
use aisr::repo::Repository;
use aisr::worktree::{CompareOptions, Side, SystemDifference, compare};

use super::Answer;
use super::context::{Context, revisions};
use super::error::CliError;
use super::output::{
    Differences, DrawOptions, Escaped, JsonList, KindFilter, Paging, SystemPart, git_path,
    parse_kind, warn_of_folder, warn_of_manifest,
};
use super::pathspec::{repo_path, repo_paths};
use super::system::key_of;
use super::target;

/// Show what differs between the folder and a commit, or between two commits.
///
/// Without a revision, HEAD is compared with the folder; with one, that; with two, or A..B, both.
#[derive(clap::Args)]
#[command(after_help = "Examples:
  aisr diff
  aisr diff @~2 prompts
  aisr diff v1..main --stat
  aisr diff --patch > change.patch
  aisr diff v1 v2 --kind sqlite --limit all
  aisr diff --exit-code --name-only")]
pub struct Arguments {
    /// What is compared, and which paths.
    #[arg(value_name = "REV|A..B|PATH")]
    targets: Vec<OsString>,
    /// Only these paths, and what is in them.
    #[arg(last = true, value_name = "PATHS")]
    paths: Vec<OsString>,
    /// Show N equal lines around each change.
    #[arg(short = 'U', long = "unified", value_name = "N", default_value_t = 3)]
    context: u32,
    /// Show everything as git does: lines of text, and nothing of what they mean.
    #[arg(short, long, conflicts_with_all = ["stat", "name_only", "json"])]
    patch: bool,
    /// Mark the words that differ.
    #[arg(long, conflicts_with_all = ["stat", "name_only", "json"])]
    word: bool,
    /// Only this component, and the files that it stands on.
    #[arg(long, value_name = "KIND:NAME")]
    component: Option<String>,
    /// Only contents of this kind (as sqlite, tools), or components of it (as prompt); may be given
    /// more than once.
    #[arg(long = "kind", value_name = "KIND", value_parser = parse_kind)]
    kinds: Vec<KindFilter>,
    /// Show N changes of each table, or `all`; without it 20, and all in JSON.
    #[arg(long, value_name = "N", value_parser = parse_limit)]
    limit: Option<Limit>,
    /// Show how much changed in each file.
    #[arg(long, conflicts_with_all = ["name_only", "json"])]
    stat: bool,
    /// Show only the paths.
    #[arg(long, conflicts_with = "json")]
    name_only: bool,
    /// Print JSON.
    #[arg(long)]
    json: bool,
    /// End with code 1 if anything differs.
    #[arg(long)]
    exit_code: bool,
}

pub fn run(context: &Context, arguments: &Arguments) -> Result<Answer, CliError> {
    let repo = context.repository()?;
    let (before, after, paths) = sides(context, &repo, arguments)?;
    let progress = context.progress("Reading");
    let component = arguments.component.as_deref().map(key_of).transpose()?;
    let options = CompareOptions {
        paths: &paths,
        component: component.as_ref(),
        threads: context.threads(),
        progress: &progress,
    };
    let mut found = compare(&repo, before, after, &options)?;
    progress.finish();
    let mut system = SystemDifference::default();
    match std::mem::replace(&mut found.system, Ok(SystemDifference::default())) {
        Ok(known) => system = known,
        Err(e) => warn_of_manifest(&e),
    }
    if let Some(key) = component.as_ref().filter(|_| !system.knows_component) {
        return Err(CliError::usage(format!("neither state has the component {key}"))
            .hint("`aisr system` lists those that there are"));
    }
    let system = SystemPart::new(system, &paths, component, &arguments.kinds);
    let options = options_of(context, arguments);
    let limit = options.limit;
    let differences = Differences::new(&repo, options);
    let mut changes: Vec<&FileChange> = Vec::new();
    for found in &found.changes {
        if system.passes(found) && differences.passes(found, &system.of_file(found))? {
            changes.push(found);
        }
    }
    let mut out = context.output(if arguments.json { Paging::Off } else { Paging::Auto });
    if arguments.json {
        let mut list = JsonList::begin(&mut out);
        system.write_json(&mut list)?;
        for change in &changes {
            differences.write_json(change, &mut list)?;
        }
        list.end()?;
    } else if arguments.name_only {
        for found in &changes {
            writeln!(out, "{}", git_path("", found.change.path.as_bytes()))?;
        }
    } else if arguments.stat {
        system.draw(limit, &mut out)?;
        differences.draw_stat(&changes, &mut out)?;
    } else {
        if !arguments.patch {
            system.draw(limit, &mut out)?;
        }
        for change in &changes {
            if !arguments.patch {
                system.draw_owners(change, &mut out)?;
            }
            differences.draw(change, &mut out)?;
        }
    }
    out.finish()?;
    warn_of_folder(&found.warnings, context.verbose);
    Ok(if arguments.exit_code && !(changes.is_empty() && system.is_empty()) {
        Answer::No
    } else {
        Answer::Yes
    })
}

/// How many changes are shown.
#[derive(Clone, Copy)]
struct Limit(Option<usize>);

fn parse_limit(text: &str) -> Result<Limit, String> {
    match text {
        "all" => Ok(Limit(None)),
        text => text.parse().map(|n| Limit(Some(n))).map_err(|_| "a number or `all`".into()),
    }
}

fn options_of(context: &Context, arguments: &Arguments) -> DrawOptions {
    let default = if arguments.json { None } else { Some(DrawOptions::LIMIT) };
    DrawOptions {
        context: arguments.context,
        words: arguments.word,
        patch: arguments.patch,
        limit: arguments.limit.map_or(default, |Limit(limit)| limit),
        kinds: arguments.kinds.clone(),
        threads: context.threads(),
    }
}

/// The two states, and the paths that count.
type Sides = (Side, Side, Vec<RepoPath>);

/// Tells revisions from paths: revisions come first, and what is both is refused.
fn sides(context: &Context, repo: &Repository, arguments: &Arguments) -> Result<Sides, CliError> {
    let revisions = revisions(repo)?;
    let mut commits = Vec::new();
    let mut rest = arguments.targets.iter().peekable();
    while let Some(argument) = rest.peek().filter(|_| commits.len() < 2) {
        let is_path = context.directory().join(argument).symlink_metadata().is_ok();
        let Some(named) = commits_of(&revisions, argument, is_path)? else { break };
        if is_path && arguments.paths.is_empty() {
            let shown = Escaped(argument.as_encoded_bytes());
            return Err(CliError::usage(format!("`{shown}` is a revision and a path")).hint(
                format!(
                    "`aisr diff {shown} -- .` means the revision, `aisr diff -- {shown}` the path"
                ),
            ));
        }
        commits.extend(named);
        rest.next();
    }
    let mut paths = Vec::new();
    for argument in rest {
        if context.directory().join(argument).symlink_metadata().is_err() {
            let shown = Escaped(argument.as_encoded_bytes());
            return Err(CliError::usage(format!(
                "`{shown}` is neither a revision nor a path here"
            ))
            .hint(format!("`aisr diff -- {shown}` names a path that is gone")));
        }
        paths.push(repo_path(context, repo, argument)?);
    }
    paths.extend(repo_paths(context, repo, &arguments.paths)?);
    let head = || revisions.log().refs().head_commit();
    match commits[..] {
        [] => Ok((Side::Commit(head()), Side::Folder, paths)),
        [one] => Ok((Side::Commit(Some(one)), Side::Folder, paths)),
        [one, two] => Ok((Side::Commit(Some(one)), Side::Commit(Some(two)), paths)),
        _ => Err(CliError::usage("more than two commits are named")),
    }
}

/// The commits that an argument names; `None` if it names nothing, and may be a path.
fn commits_of(
    revisions: &Revisions<'_>,
    argument: &OsStr,
    is_path: bool,
) -> Result<Option<Vec<CommitId>>, CliError> {
    let Some(text) = argument.to_str() else { return Ok(None) };
    let one = |text: &str| revisions.commit(if text.is_empty() { "HEAD" } else { text });
    let found = match text.split_once("..") {
        Some(_) if is_path => return Ok(None),
        Some((_, to)) if to.starts_with('.') || to.starts_with('/') => {
            revisions.range(text).map(|_| Vec::new())
        }
        Some((a, b)) => one(a).and_then(|a| Ok(vec![a.id, one(b)?.id])),
        None => one(target::revision(argument)?).map(|stored| vec![stored.id]),
    };
    match found {
        Ok(commits) => Ok(Some(commits)),
        Err(HistoryError::Unknown { .. } | HistoryError::Syntax { .. }) if is_path => Ok(None),
        Err(HistoryError::Unknown { .. }) if !text.contains("..") => Ok(None),
        Err(e) => Err(e.into()),
    }
}
