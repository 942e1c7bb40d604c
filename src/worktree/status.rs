//! What the folder holds that HEAD does not, and the other way round.

use bstr::BString;

use crate::diff::{PathChange, diff_trees};
use crate::log::RefName;
use crate::object::CommitId;
use crate::repo::Repository;
use crate::system::{Fresh, ManifestError};

use super::error::WorktreeError;
use super::read_folder::Reading;
use super::report::{Progress, Warning};
use super::tree_system::{Anew, Before, TreeSystem, tree_system};
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
    /// The folder's system and what changed in it, or why the manifest is not understood.
    pub system: Result<TreeSystem, ManifestError>,
}

/// Compares the folder with HEAD. Nothing is stored and no lock is taken.
///
/// # Errors
/// When something cannot be read.
pub fn status(repo: &Repository, options: &StatusOptions<'_>) -> Result<Status, WorktreeError> {
    let log = repo.log()?;
    let head = log.refs().head_commit();
    let branch = log.refs().head.branch().cloned();
    let commit = head.map(|id| repo.commit(id)).transpose()?;
    let files = commit.as_ref().map(|stored| repo.files(&stored.commit)).transpose()?;
    let StatusOptions { threads, progress, list_ignored } = *options;
    let reading =
        Reading { head: files, threads, progress, list_ignored, guard: None, keep_nodes: true };
    let now = WorkingTree::read(repo, &reading)?;
    let mut changes = Vec::new();
    diff_trees(&now, files, Some(now.root.id), &mut |change| {
        changes.push(change);
        Ok::<_, WorktreeError>(())
    })?;
    let before = commit.as_ref().zip(files);
    let before = before.map(|(stored, files)| Before::of(repo, stored.commit.root, files));
    let mut fresh = Fresh::new(&now);
    let (root, warnings) = (now.root.id, &now.warnings);
    let system = match tree_system(repo, &mut fresh, before.transpose()?, root, warnings, Anew::All)
    {
        Ok(system) => Ok(system),
        Err(WorktreeError::Manifest(e)) => Err(e),
        Err(e) => return Err(e),
    };
    let WorkingTree { files, ignored, ignored_paths, warnings, .. } = now;
    Ok(Status { head, branch, changes, files, ignored, ignored_paths, warnings, system })
}
