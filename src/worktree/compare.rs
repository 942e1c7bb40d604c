//! Two states side by side, of which one may be the folder.

use crate::diff::{FileChange, PathChange, SIMILARITY_LIMIT, diff_trees, renames};
use crate::object::{CommitId, EntryKind, NodeId, RepoPath};
use crate::repo::Repository;

use super::content::read_bytes;
use super::error::WorktreeError;
use super::read_folder::Reading;
use super::report::{Progress, Warning};
use super::working_tree::WorkingTree;

/// A state that is compared.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Side {
    /// That of a commit; `None` is the empty one before the first.
    Commit(Option<CommitId>),
    /// The folder, as it is now.
    Folder,
}

/// How two states are compared.
pub struct CompareOptions<'a> {
    /// Only these paths, and what is in them; all, if there are none.
    pub paths: &'a [RepoPath],
    /// How many workers hash.
    pub threads: usize,
    /// Told how far the reading of the folder is.
    pub progress: &'a dyn Progress,
}

/// What differs between two states.
#[derive(Debug)]
pub struct Compared {
    /// The files and links that differ, renames joined, in the order of a walk. Directories are
    /// listed only where nothing is in them.
    pub changes: Vec<FileChange>,
    /// What the user should know of the folder.
    pub warnings: Vec<Warning>,
}

/// Compares `before` with `after`. Nothing is stored.
///
/// # Errors
/// When something cannot be read.
pub fn compare(
    repo: &Repository,
    before: Side,
    after: Side,
    options: &CompareOptions<'_>,
) -> Result<Compared, WorktreeError> {
    let mut changes = Vec::new();
    let mut visit = |change: PathChange| {
        if options.paths.is_empty() || options.paths.iter().any(|path| change.path.is_within(path))
        {
            split(change, &mut changes);
        }
        Ok::<_, WorktreeError>(())
    };
    let mut warnings = Vec::new();
    if before == Side::Folder || after == Side::Folder {
        let head = repo.log()?.refs().head_commit();
        let reading = Reading {
            head: files(repo, head)?,
            threads: options.threads,
            progress: options.progress,
            list_ignored: false,
            guard: None,
            keep_nodes: true,
        };
        let now = WorkingTree::read(repo, &reading)?;
        let root = |side| match side {
            Side::Commit(id) => files(repo, id),
            Side::Folder => Ok(Some(now.root.id)),
        };
        diff_trees(&now, root(before)?, root(after)?, &mut visit)?;
        warnings = now.warnings;
    } else {
        let root = |side| match side {
            Side::Commit(id) => files(repo, id),
            Side::Folder => Ok(None),
        };
        diff_trees(repo.store(), root(before)?, root(after)?, &mut visit)?;
    }
    let changes = leaves(changes);
    let changes = renames::<WorktreeError>(changes, &mut |path, entry| {
        read_bytes(repo, path, entry, SIMILARITY_LIMIT)
    })?;
    Ok(Compared { changes, warnings })
}

fn files(repo: &Repository, commit: Option<CommitId>) -> Result<Option<NodeId>, WorktreeError> {
    Ok(commit.map(|id| repo.files_of(id)).transpose()?)
}

/// A path where one kind of thing stands in place of another is two changes, as in git.
fn split(change: PathChange, out: &mut Vec<PathChange>) {
    let kind = |kind| match kind {
        EntryKind::File | EntryKind::Executable => 0,
        EntryKind::Symlink => 1,
        EntryKind::Directory => 2,
    };
    match (change.before, change.after) {
        (Some(before), Some(after)) if kind(before.kind()) != kind(after.kind()) => {
            out.push(PathChange { after: None, ..change.clone() });
            out.push(PathChange { before: None, ..change });
        }
        _ => out.push(change),
    }
}

/// The changes but for directories that others of them lie in.
fn leaves(changes: Vec<PathChange>) -> Vec<PathChange> {
    let is_folder = |change: &PathChange| {
        let entries = [change.before, change.after];
        entries.iter().flatten().all(|entry| entry.kind() == EntryKind::Directory)
    };
    let inside = |at: usize| {
        let path = &changes[at].path;
        let below = |change: &&PathChange| change.path.is_within(path);
        changes[at + 1..].iter().take_while(below).any(|change| change.path != *path)
    };
    let counts = |at: &usize| !(is_folder(&changes[*at]) && inside(*at));
    (0..changes.len()).filter(counts).map(|at| changes[at].clone()).collect()
}
