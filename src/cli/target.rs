//! What a command's argument names: a revision, and perhaps a path in its tree.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;

use aisr::history::{Found, Revisions, split_path};
use aisr::object::{BlobId, ComponentKey, ObjectType, Origin, RepoPath, TreeEntry};
use aisr::repo::Repository;
use aisr::system::SystemMaps;
use bstr::{BStr, ByteSlice};

use super::error::CliError;
use super::output::Escaped;

/// A place in the tree of a commit.
pub struct Place {
    /// The path, as it is in the tree.
    pub path: RepoPath,
    /// What is there.
    pub entry: TreeEntry,
}

/// Reads a revision, which is always text.
pub fn revision(argument: &OsStr) -> Result<&str, CliError> {
    argument.to_str().ok_or_else(|| not_text(argument.as_bytes()))
}

fn not_text(bytes: &[u8]) -> CliError {
    CliError::usage(format!("`{}` is not a revision: it is not UTF-8", Escaped(bytes)))
}

/// The revision and the path that an argument names.
pub fn parts(argument: &OsStr) -> Result<(&str, Option<&BStr>), CliError> {
    let (revision, path) = split_path(argument.as_bytes().as_bstr());
    let revision = revision.to_str().map_err(|_| not_text(revision))?;
    Ok((if revision.is_empty() { "HEAD" } else { revision }, path))
}

/// What is at a path in the commit that `revision` names.
pub fn place(
    repo: &Repository,
    revisions: &Revisions<'_>,
    revision: &str,
    path: &BStr,
) -> Result<Place, CliError> {
    let stored = revisions.commit(revision)?;
    let files = repo.files(&stored.commit)?;
    let path = Revisions::path(path)?;
    let entry = repo.entry_at(files, &path)?.ok_or_else(|| {
        CliError::failure(format!("{path} is not in {}", &stored.id.to_hex()[..8]))
            .hint(format!("`aisr ls {revision}` lists what is"))
    })?;
    Ok(Place { path, entry })
}

/// A component, and the revision behind its `@`, which is HEAD where none is named. `None` where the
/// text is no component.
pub fn component(text: &str) -> Option<(ComponentKey, &str)> {
    let (key, revision) = text.split_once('@').unwrap_or((text, ""));
    let revision = if revision.is_empty() { "HEAD" } else { revision };
    Some((key.parse().ok()?, revision))
}

/// The one path that a component stands on in the commit that `revision` names.
pub fn path_of(
    repo: &Repository,
    revisions: &Revisions<'_>,
    key: &ComponentKey,
    revision: &str,
) -> Result<RepoPath, CliError> {
    let stored = revisions.commit(revision)?;
    let maps = SystemMaps::of_root(repo.store(), stored.commit.root)?;
    let Some(component) = maps.component(repo.store(), key)? else {
        let shown = &stored.id.to_hex()[..8];
        return Err(CliError::failure(format!("there is no {key} in {shown}"))
            .hint(format!("`aisr system {revision}` lists what is")));
    };
    match &component.origins[..] {
        [Origin::Path(path)] => Ok(path.clone()),
        [] => Err(CliError::failure(format!("{key} stands on no file"))
            .hint(format!("`aisr system show {key} {revision}` tells what is known of it"))),
        origins => {
            let text = format!("{key} stands on {} paths", origins.len());
            let hint = format!(
                "name one as {revision}:PATH; `aisr system show {key} {revision}` lists them"
            );
            Err(CliError::failure(text).hint(hint))
        }
    }
}

/// What an argument without a path names: a commit or tag by any revision, or any object by its
/// id, a blob by its start as well.
pub fn object(repo: &Repository, revisions: &Revisions<'_>, text: &str) -> Result<Found, CliError> {
    match revisions.find(text) {
        Ok(found) => Ok(found),
        Err(e) => match blob_by_start(repo, text)? {
            Some(id) => Ok(Found { id: id.id(), kind: ObjectType::Blob }),
            None => Err(e.into()),
        },
    }
}

/// How many digits of a blob's id must be typed: as many as are shown.
const BLOB_DIGITS: usize = aisr::history::SHOWN_DIGITS;

fn blob_by_start(repo: &Repository, text: &str) -> Result<Option<BlobId>, CliError> {
    let start = text.to_ascii_lowercase();
    if start.len() < BLOB_DIGITS || !start.bytes().all(|b| b.is_ascii_hexdigit()) {
        return Ok(None);
    }
    let found = repo.store().blobs_with_prefix(&start)?;
    match found[..] {
        [] => Ok(None),
        [id] => Ok(Some(id)),
        _ => {
            let candidates = found.iter().map(|id| (id.id(), ObjectType::Blob)).take(8).collect();
            Err(aisr::history::HistoryError::Ambiguous { prefix: start, candidates }.into())
        }
    }
}

/// An argument that may be left out means HEAD.
pub fn or_head(argument: &Option<OsString>) -> &OsStr {
    argument.as_deref().unwrap_or(OsStr::new("HEAD"))
}

/// A name that no branch or tag can have.
pub fn bad_name(error: aisr::log::RefNameError) -> CliError {
    CliError::usage(error.to_string()).hint("names follow git's rules (git-check-ref-format(1))")
}
