//! What the folder holds that HEAD does not, and the other way round.

use bstr::BString;

use crate::diff::{PathChange, diff_trees};
use crate::log::RefName;
use crate::object::CommitId;
use crate::repo::Repository;

use super::error::WorktreeError;
use super::read_folder::Reading;
use super::report::{Progress, Warning};
use super::working_tree::WorkingTree;

/// How the folder is looked at.
pub struct StatusOptions<'a> {
    /// How many workers hash.
    pub threads: usize,
    /// Told how far it is.
    pub progress: &'a dyn Progress,
    /// The paths of what is ignored are wanted.
    pub list_ignored: bool,
}

/// The folder, compared with HEAD.
#[derive(Debug)]
pub struct Status {
    /// The commit that HEAD is on; none before the first.
    pub head: Option<CommitId>,
    /// The branch that HEAD is on, unless it is detached.
    pub branch: Option<RefName>,
    /// What differs, in the order of a walk. A directory that is new or gone stands before what
    /// is in it.
    pub changes: Vec<PathChange>,
    /// How many files and links the folder holds.
    pub files: u64,
    /// How many entries the ignore rules leave out.
    pub ignored: u64,
    /// Their paths, if they were asked for; those of folders end with `/`.
    pub ignored_paths: Vec<BString>,
    /// What the user should know.
    pub warnings: Vec<Warning>,
}

/// Compares the folder with HEAD. Nothing is stored and no lock is taken.
///
/// # Errors
/// When something cannot be read.
pub fn status(repo: &Repository, options: &StatusOptions<'_>) -> Result<Status, WorktreeError> {
    let log = repo.log()?;
    let head = log.refs().head_commit();
    let branch = log.refs().head.branch().cloned();
    let files = head.map(|id| repo.files_of(id)).transpose()?;
    let StatusOptions { threads, progress, list_ignored } = *options;
    let reading = Reading { head: files, threads, progress, list_ignored, guard: None };
    let now = WorkingTree::read(repo, &reading)?;
    let mut changes = Vec::new();
    diff_trees(&now, files, Some(now.root.id), &mut |change| {
        changes.push(change);
        Ok::<_, WorktreeError>(())
    })?;
    let WorkingTree { files, ignored, ignored_paths, warnings, .. } = now;
    Ok(Status { head, branch, changes, files, ignored, ignored_paths, warnings })
}
