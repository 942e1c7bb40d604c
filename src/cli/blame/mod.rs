//! `aisr blame`: which commit each part of a thing comes from.

mod lines;
mod records;
mod subjects;

pub use subjects::changes_between;

use std::ffi::{OsStr, OsString};

use aisr::history::blame::{BlameError, Unread};
use aisr::history::{Revisions, Subject};
use aisr::object::{CommitId, RepoPath};
use aisr::repo::Repository;
use aisr::view::{Kind, StoredSource, open};

use super::Answer;
use super::context::{Context, revisions};
use super::edge::edge_key;
use super::error::CliError;
use super::output::{Escaped, WARNING, plural};
use super::pathspec::repo_path;
use super::target;

/// Show which commit each line, row, key path, tool or tensor of a content comes from, and who
/// answers for it; or each thing that is said of a component or an edge.
///
/// What an author claims is marked; the signer is proven.
#[derive(clap::Args)]
#[command(after_help = "Examples:
  aisr blame prompts/triage.md
  aisr blame prompts/triage.md v1 -L 10,20
  aisr blame memory/store.sqlite --table memories --where 'id = 777'
  aisr blame tools/orders.json --key lookup_order
  aisr blame agent:triage
  aisr blame --edge agent:triage,uses,tool:orders
  aisr blame memory:store --table memories --where 'id = 777' --all")]
pub struct Arguments {
    /// A file, or a component; and the revision in which it is looked at, which is HEAD if none is
    /// named.
    #[arg(value_name = "PATH|KIND:NAME [REV]", num_args = 0..=2)]
    targets: Vec<OsString>,
    /// What is said of this edge.
    #[arg(long, value_name = "FROM,RELATION,TO", conflicts_with_all = ["lines", "range", "table", "condition", "key"])]
    edge: Option<String>,
    /// Only these lines: from, and to or how many.
    #[arg(short = 'L', long = "range", value_name = "FROM,TO|FROM,+N")]
    range: Option<String>,
    /// Line by line, whatever the content is.
    #[arg(long, conflicts_with_all = ["table", "condition", "key"])]
    lines: bool,
    /// Only this table.
    #[arg(long, value_name = "NAME", conflicts_with = "range")]
    table: Option<String>,
    /// Only rows for which this holds, such as `id = 777`; in a database, what SQL has behind WHERE.
    #[arg(long = "where", value_name = "CONDITION", conflicts_with = "range")]
    condition: Option<String>,
    /// Only this key path and what lies below it, this tool, tensor, or row.
    #[arg(long, value_name = "KEY", conflicts_with_all = ["range", "condition"])]
    key: Option<String>,
    /// All that ever happened to it, also in commits that no ref leads to.
    #[arg(long, conflicts_with_all = ["range", "lines"])]
    all: bool,
    /// Show at most N records, or `all`; without it 100.
    #[arg(long, value_name = "N", value_parser = parse_limit, default_value = "100")]
    limit: Limit,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// How many records are shown.
#[derive(Clone, Copy)]
struct Limit(usize);

fn parse_limit(text: &str) -> Result<Limit, String> {
    match text {
        "all" => Ok(Limit(usize::MAX)),
        number => number.parse().map(Limit).map_err(|_| "a number, or `all`".to_owned()),
    }
}

/// What is blamed.
enum Target {
    Subject(Subject),
    Content(RepoPath),
}

/// All that a way of drawing needs.
struct Asked<'a> {
    context: &'a Context,
    arguments: &'a Arguments,
    repo: &'a Repository,
    commit: CommitId,
}

pub fn run(context: &Context, arguments: &Arguments) -> Result<Answer, CliError> {
    let repo = context.repository_to_show()?;
    let revisions = revisions(&repo)?;
    let (target, revision) = meant(context, &repo, &revisions, arguments)?;
    let commit = revisions.commit(&revision)?.id;
    let asked = Asked { context, arguments, repo: &repo, commit };
    match target {
        Target::Subject(subject) if arguments.all => subjects::draw_all(&asked, &subject),
        Target::Subject(subject) => subjects::draw(&asked, &subject),
        Target::Content(path) => {
            let by_records = arguments.table.is_some()
                || arguments.condition.is_some()
                || arguments.key.is_some();
            let by_lines = arguments.lines || arguments.range.is_some();
            let kind = kind_of(&repo, commit, &path)?;
            let is_text = matches!(kind, Kind::Text | Kind::FrontMatter);
            if by_lines || (is_text && !by_records) {
                if arguments.all {
                    let text = "--all follows rows, key paths, components and edges, not lines";
                    return Err(CliError::usage(text).hint(format!(
                        "`aisr log -S TEXT -- {path}` finds the commits that brought or took a line"
                    )));
                }
                return lines::draw(&asked, &path);
            }
            records::draw(&asked, &path, kind)
        }
    }
}

/// What the arguments name, and the revision.
fn meant(
    context: &Context,
    repo: &Repository,
    revisions: &Revisions<'_>,
    arguments: &Arguments,
) -> Result<(Target, String), CliError> {
    let typed = &arguments.targets;
    if let Some(edge) = &arguments.edge {
        let revision = match &typed[..] {
            [] => "HEAD",
            [revision] => target::revision(revision)?,
            _ => return Err(CliError::usage("with --edge there is nothing but a revision")),
        };
        return Ok((Target::Subject(Subject::Edge(edge_key(edge)?)), revision.to_owned()));
    }
    let (first, second) = match &typed[..] {
        [first] => (first, None),
        [first, second] => (first, Some(target::revision(second)?)),
        _ => {
            return Err(CliError::usage("blame what?")
                .hint("a file, a component as agent:triage, or --edge FROM,RELATION,TO"));
        }
    };
    if let Some((key, at)) = first.to_str().and_then(target::component) {
        let is_at = first.to_str().is_some_and(|text| text.contains('@'));
        let revision = one(second, is_at.then_some(at), first)?;
        let target = match about_content(arguments) {
            true => Target::Content(target::path_of(repo, revisions, &key, &revision)?),
            false => Target::Subject(Subject::Component(key)),
        };
        return Ok((target, revision));
    }
    let there = context.directory().join(first).symlink_metadata().is_ok();
    let (revision, path) = target::parts(first)?;
    Ok(match path {
        Some(path) if !there => {
            let revision = one(second, Some(revision), first)?;
            (Target::Content(Revisions::path(path)?), revision)
        }
        _ => (Target::Content(repo_path(context, repo, first)?), one(second, None, first)?),
    })
}

/// The revision, which is named once at most.
fn one(second: Option<&str>, within: Option<&str>, typed: &OsStr) -> Result<String, CliError> {
    match (second, within) {
        (Some(_), Some(_)) => {
            let shown = Escaped(typed.as_encoded_bytes());
            Err(CliError::usage(format!("`{shown}` names a revision, and another one follows")))
        }
        (named, within) => Ok(named.or(within).unwrap_or("HEAD").to_owned()),
    }
}

/// Whether it is the content of a component that is asked about.
fn about_content(arguments: &Arguments) -> bool {
    arguments.lines
        || arguments.range.is_some()
        || arguments.table.is_some()
        || arguments.condition.is_some()
        || arguments.key.is_some()
}

/// What the content at a path of a commit is.
fn kind_of(repo: &Repository, commit: CommitId, path: &RepoPath) -> Result<Kind, CliError> {
    let files = repo.files_of(commit)?;
    let Some(entry) = repo.entry_at(files, path)? else {
        let text = format!("{path} is not in {}", &commit.to_hex()[..8]);
        return Err(CliError::failure(text)
            .hint(format!("`aisr log --oneline -- {path}` shows when it went")));
    };
    let Some(blob) = entry.blob() else {
        return Err(CliError::failure(format!("{path} is a directory"))
            .hint("name a file in it, or a component"));
    };
    let source = StoredSource::open(repo.shared_store(), blob).map_err(failed)?;
    Ok(open(std::sync::Arc::new(source), path.as_bytes()).map_err(failed)?.view.kind())
}

/// An error of a view, told as one of blame.
fn failed(error: aisr::view::ViewError) -> CliError {
    BlameError::from(error).into()
}

/// Tells of commits that could not be looked at.
fn warn_of_unread(asked: &Asked<'_>, unread: &[Unread]) {
    let Some(first) = unread.first() else { return };
    let id = &first.commit.to_hex()[..8];
    let why = first.why.to_string();
    let more = match unread.len() - 1 {
        0 => String::new(),
        more => format!(" (and {} more)", plural(more as u64, "commit", "commits")),
    };
    if !asked.context.quiet {
        let why = Escaped(why.as_bytes());
        anstream::eprintln!(
            "{WARNING}warning:{WARNING:#} {id} could not be looked at, so what is told may be older: {why}{more}"
        );
    }
}

/// The commits that could not be looked at, for programs.
fn unread_view(unread: &[Unread]) -> Vec<serde_json::Value> {
    let one = |unread: &Unread| serde_json::json!({ "commit": unread.commit.to_hex(), "why": unread.why.to_string() });
    unread.iter().map(one).collect()
}
