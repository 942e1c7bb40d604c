//! Restoring paths of the folder from a commit, without moving HEAD.

use crate::diff::diff_trees;
use crate::object::{Cause, CommitId, RepoPath};
use crate::repo::Repository;

use super::checkout::{Wants, wanted};
use super::error::WorktreeError;
use super::folder_lock::lock_folder;
use super::operation::{Performed, Performing, perform, plan};
use super::read_folder::Reading;
use super::report::Progress;
use super::working_tree::WorkingTree;

/// How paths are restored.
pub struct RestoreOptions<'a> {
    /// The commit whose state they take on.
    pub from: CommitId,
    /// The paths: files, or folders with all that is in them.
    pub paths: &'a [RepoPath],
    /// How many workers write.
    pub threads: usize,
    /// Told how far it is.
    pub progress: &'a dyn Progress,
}

/// Makes paths of the folder what a commit holds there. What is replaced and in no commit is set
/// aside for `undo`; what HEAD does not know and the commit does not have stays. Gives nothing
/// where there was nothing to do.
///
/// # Errors
/// When a path is nowhere, or something cannot be read or written. The folder is as before then.
pub fn restore(
    repo: &Repository,
    options: &RestoreOptions<'_>,
) -> Result<Option<Performed>, WorktreeError> {
    repo.ensure_writable()?;
    let _folder = lock_folder(repo)?;
    let _lease = repo.store().lease()?;
    let mut log = repo.log()?;
    let head = log.refs().head_commit().map(|id| repo.files_of(id)).transpose()?;
    let from = repo.files_of(options.from)?;
    let reading = Reading {
        head,
        threads: options.threads,
        progress: options.progress,
        list_ignored: false,
        guard: None,
        keep_nodes: true,
    };
    let now = WorkingTree::read(repo, &reading)?;
    for path in options.paths {
        let lies_here = repo.root().join(path.as_path()).symlink_metadata().is_ok();
        if !lies_here && repo.entry_at(from, path)?.is_none() {
            return Err(WorktreeError::NoSuchPath { path: path.clone() });
        }
    }
    now.ensure_read(|path| options.paths.iter().any(|wanted| path.is_within(wanted)))?;
    let mut wants = Wants::new();
    diff_trees(&now, Some(now.root.id), Some(from), &mut |change| {
        // Of the folders above, those that are missing come too.
        let comes = change.before.is_none() && change.after.is_some_and(|e| e.root().is_some());
        let is_wanted =
            |path: &RepoPath| change.path.is_within(path) || comes && path.is_within(&change.path);
        if !options.paths.iter().any(is_wanted) {
            return Ok(());
        }
        let known = repo.entry_in(head, &change.path)?;
        if change.after.is_some() || known.is_some() {
            wants.insert(change.path, (known, change.after));
        }
        Ok::<_, WorktreeError>(())
    })?;
    let plan = plan(repo, wanted(wants), true)?;
    if plan.steps.is_empty() {
        return Ok(None);
    }
    let how = Performing {
        cause: Cause { ids: vec![options.from.id()], ..Cause::of("restore") },
        changes: Vec::new(),
        tree: None,
        threads: options.threads,
        progress: options.progress,
    };
    perform(repo, &mut log, plan, how).map(Some)
}
