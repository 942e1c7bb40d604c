//! Two states side by side, of which one may be the folder.

use crate::diff::{FileChange, PathChange, SIMILARITY_LIMIT, diff_trees, renames};
use crate::object::{CommitId, ComponentKey, EntryKind, NodeId, RepoPath};
use crate::repo::Repository;
use crate::system::{
    Fresh, GraphSource, ManifestError, Narrowed, SystemChanges, SystemMaps, changes_of, narrowed,
};

use super::content::read_bytes;
use super::error::WorktreeError;
use super::read_folder::Reading;
use super::report::{Progress, Warning};
use super::tree_system::{Anew, Before, tree_system};
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
    /// A component that is asked for: whether either state has it is found out.
    pub component: Option<&'a ComponentKey>,
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
    /// What differs between the systems, or why the folder's manifest is not understood.
    pub system: Result<SystemDifference, ManifestError>,
    /// What the user should know of the folder.
    pub warnings: Vec<Warning>,
}

/// What differs between the systems of two states.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct SystemDifference {
    /// The components and edges that differ.
    pub changes: SystemChanges,
    /// What the second state captures less of.
    pub narrowed: Vec<Narrowed>,
    /// Either state has the component that was asked for.
    pub knows_component: bool,
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
    let system;
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
        system = match (before, after) {
            (Side::Commit(id), Side::Folder) => system_of_folder(repo, id, &now, options)?,
            _ => Ok(SystemDifference::default()),
        };
        warnings = now.warnings;
    } else {
        let root = |side| match side {
            Side::Commit(id) => files(repo, id),
            Side::Folder => Ok(None),
        };
        diff_trees(repo.store(), root(before)?, root(after)?, &mut visit)?;
        system = Ok(match (before, after) {
            (Side::Commit(a), Side::Commit(b)) => system_of_commits(repo, a, b, options)?,
            _ => SystemDifference::default(),
        });
    }
    let changes = leaves(changes);
    let changes = renames::<WorktreeError>(changes, &mut |path, entry| {
        read_bytes(repo, path, entry, SIMILARITY_LIMIT)
    })?;
    Ok(Compared { changes, system, warnings })
}

/// The state of a commit, as far as systems are compared.
fn before_of(repo: &Repository, id: CommitId) -> Result<Before, WorktreeError> {
    let stored = repo.commit(id)?;
    Ok(Before::of(repo, stored.commit.root, repo.files(&stored.commit)?)?)
}

fn system_of_commits(
    repo: &Repository,
    before: Option<CommitId>,
    after: Option<CommitId>,
    options: &CompareOptions<'_>,
) -> Result<SystemDifference, WorktreeError> {
    let state = |id: Option<CommitId>| id.map(|id| before_of(repo, id)).transpose();
    let (before, after) = (state(before)?, state(after)?);
    let maps = |state: Option<Before>| state.map(|state| state.system).unwrap_or_default();
    let store = repo.store();
    let changes = changes_of(store, maps(before), maps(after))?;
    let mut less = Vec::new();
    if let (Some(before), Some(after)) = (before, after) {
        let mut read = |path: &RepoPath, entry: &crate::object::TreeEntry| {
            read_bytes(repo, path, entry, SIMILARITY_LIMIT).ok().flatten()
        };
        less = narrowed(store, before.files, after.files, &changes, &mut read)?;
    }
    let knows_component = knows(store, [maps(before), maps(after)], options)?;
    Ok(SystemDifference { changes, narrowed: less, knows_component })
}

fn system_of_folder(
    repo: &Repository,
    before: Option<CommitId>,
    now: &WorkingTree<'_>,
    options: &CompareOptions<'_>,
) -> Result<Result<SystemDifference, ManifestError>, WorktreeError> {
    let before = before.map(|id| before_of(repo, id)).transpose()?;
    let mut fresh = Fresh::new(now);
    let found =
        tree_system(repo, &mut fresh, before, now.root.id, &now.warnings, Anew::Changed(None));
    let found = match found {
        Ok(found) => found,
        Err(WorktreeError::Manifest(e)) => return Ok(Err(e)),
        Err(e) => return Err(e),
    };
    let old = before.map(|before| before.system).unwrap_or_default();
    let knows_component = knows(&fresh, [old, found.maps], options)?;
    let (changes, narrowed) = (found.changes, found.narrowed);
    Ok(Ok(SystemDifference { changes, narrowed, knows_component }))
}

/// Whether one of the systems has the component that was asked for.
fn knows<S: GraphSource>(
    source: &S,
    systems: [SystemMaps; 2],
    options: &CompareOptions<'_>,
) -> Result<bool, WorktreeError> {
    let Some(key) = options.component else { return Ok(false) };
    for maps in systems {
        if maps.component(source, key)?.is_some() {
            return Ok(true);
        }
    }
    Ok(false)
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
