//! Paths as they are typed: relative to the current folder, or absolute.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path, PathBuf};

use aisr::object::RepoPath;
use aisr::repo::Repository;

use super::context::Context;
use super::error::CliError;
use super::output::Escaped;

/// The path inside the tree that an argument names. It need not exist.
pub fn repo_path(
    context: &Context,
    repo: &Repository,
    typed: &OsStr,
) -> Result<RepoPath, CliError> {
    let shown = Escaped(typed.as_bytes());
    let mut whole = PathBuf::new();
    for part in context.directory().join(typed).components() {
        match part {
            Component::ParentDir => drop(whole.pop()),
            Component::CurDir => {}
            part => whole.push(part),
        }
    }
    let inside: &Path = whole.strip_prefix(repo.root()).map_err(|_| {
        CliError::usage(format!("`{shown}` lies outside of {}", repo.root().display()))
    })?;
    if inside.as_os_str().is_empty() {
        return Ok(RepoPath::root());
    }
    RepoPath::parse(inside.as_os_str().as_bytes())
        .map_err(|e| CliError::usage(format!("`{shown}` is not a path: {e}")))
}

/// The paths inside the tree that arguments name.
pub fn repo_paths(
    context: &Context,
    repo: &Repository,
    typed: &[OsString],
) -> Result<Vec<RepoPath>, CliError> {
    typed.iter().map(|typed| repo_path(context, repo, typed)).collect()
}
