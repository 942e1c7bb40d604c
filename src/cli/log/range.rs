//! What the words of `log` mean: revisions, paths, and what is followed.

use std::ffi::OsStr;
use std::sync::Arc;

use aisr::history::blame::RowWalk;
use aisr::history::{HistoryError, Range, Revisions, Subject, SubjectWalk};
use aisr::object::RepoPath;
use aisr::repo::Repository;
use aisr::view::{Key, StoredSource, Table, View, open};

use super::Arguments;
use super::batches::Filter;
use crate::cli::condition::{Condition, Literal, keys};
use crate::cli::context::Context;
use crate::cli::edge::edge_key;
use crate::cli::error::CliError;
use crate::cli::output::Escaped;
use crate::cli::pathspec::{repo_path, repo_paths};
use crate::cli::system::key_of;
use crate::cli::target;

/// What is followed.
pub fn filter<'r>(
    context: &Context,
    repo: &'r Repository,
    revisions: &Revisions<'_>,
    arguments: &Arguments,
    range: &Range,
) -> Result<Option<Filter<'r>>, CliError> {
    let subject = match (&arguments.component, &arguments.edge) {
        (Some(key), _) => Some(Subject::Component(key_of(key)?)),
        (None, Some(edge)) => Some(Subject::Edge(edge_key(edge)?)),
        (None, None) => None,
    };
    if let Some(subject) = subject {
        let shows_change = !(arguments.oneline || arguments.json || arguments.format.is_some());
        return Ok(Some(Filter::Subject(SubjectWalk::new(repo, subject), shows_change)));
    }
    let Some(row) = &arguments.row else { return Ok(None) };
    let mut parts = row.splitn(3, ',');
    let (Some(typed), Some(name), Some(key)) = (parts.next(), parts.next(), parts.next()) else {
        let text = format!("`{}` is no row", Escaped(row.as_bytes()));
        return Err(CliError::usage(text)
            .hint("a row is TARGET,TABLE,KEY, as in memory:store,memories,777 or memory/store.sqlite,memories,id=777"));
    };
    let (typed, name) = (typed.trim(), name.trim());
    let path = match target::component(typed) {
        Some((component, revision)) => target::path_of(repo, revisions, &component, revision)?,
        None => repo_path(context, repo, OsStr::new(typed))?,
    };
    let table = match range.include.first() {
        Some(commit) => table(repo, *commit, &path, name)?,
        None => None,
    };
    let keys = row_keys(key.trim(), table.as_ref());
    let walk = RowWalk::new(repo, path.clone(), name.to_owned(), keys);
    Ok(Some(Filter::Row(Box::new(walk), path, format!("{name} {}", key.trim()))))
}

/// The keys that are meant, the likeliest first.
fn row_keys(typed: &str, table: Option<&Table>) -> Vec<Key> {
    let condition = Condition::parse(typed);
    if let Some(keys) = table.and_then(|table| condition.keys(table)) {
        return keys;
    }
    if let Condition::Equal(pairs) = &condition {
        return keys(pairs.iter().map(|(_, literal)| literal));
    }
    let parts = table.map_or(1, |table| table.key.len());
    let literals: Vec<Literal> = match parts {
        0 | 1 => vec![Literal::word(typed)],
        _ => typed.split(',').map(|part| Literal::word(part.trim())).collect(),
    };
    keys(literals.iter())
}

/// A table of the content at a path of a commit, if it is there.
fn table(
    repo: &Repository,
    commit: aisr::object::CommitId,
    path: &RepoPath,
    name: &str,
) -> Result<Option<Table>, CliError> {
    let entry = repo.entry_at(repo.files_of(commit)?, path)?;
    let Some(blob) = entry.and_then(|entry| entry.blob()) else { return Ok(None) };
    let view = StoredSource::open(repo.shared_store(), blob)
        .and_then(|source| open(Arc::new(source), path.as_bytes()));
    let view = view.map_err(aisr::history::blame::BlameError::from)?.view;
    let tables: &dyn View = &*view;
    Ok(tables.tables().iter().find(|table| table.name == name).cloned())
}

/// Paths as they are named to a person.
pub fn listed(paths: &[RepoPath]) -> String {
    let shown = |path: &RepoPath| if path.is_root() { ".".to_owned() } else { path.to_string() };
    paths.iter().map(shown).collect::<Vec<_>>().join(", ")
}

/// Tells revisions from paths: revisions come first, and what is both is refused.
pub fn meant(
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
