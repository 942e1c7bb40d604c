//! The versions of one file along history, under the names that it had.

use std::collections::HashMap;

use crate::diff::{PathChange, SIMILARITY_LIMIT, diff_trees, exact_renames, renames};
use crate::history::ancestry::{Ancestry, Spot};
use crate::history::commit_graph::{Changed, PathKey};
use crate::object::{BlobId, NodeId, RepoPath, TreeEntry};
use crate::repo::{RepoError, Repository};
use crate::store::StoreError;

/// A file as a commit has it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FileState {
    /// Its path there.
    pub path: RepoPath,
    /// What is there: never a directory.
    pub entry: TreeEntry,
}

impl FileState {
    /// What is at `path` of a tree, if it is a file.
    ///
    /// # Errors
    /// When the tree cannot be read.
    pub fn find(
        repo: &Repository,
        files: NodeId,
        path: &RepoPath,
    ) -> Result<Option<Self>, RepoError> {
        let entry = repo.entry_at(files, path)?.filter(|entry| entry.blob().is_some());
        Ok(entry.map(|entry| Self { path: path.clone(), entry }))
    }

    /// Whether both have the same bytes.
    pub fn has_bytes_of(&self, other: &Self) -> bool {
        self.entry.id() == other.entry.id()
    }

    /// The id of its bytes.
    pub fn blob(&self) -> BlobId {
        BlobId::from_id(self.entry.id())
    }
}

/// Finds what parents have of a file.
pub struct FileVersions<'r> {
    repo: &'r Repository,
    keys: HashMap<RepoPath, PathKey>,
}

impl<'r> FileVersions<'r> {
    /// Knows nothing yet.
    pub fn new(repo: &'r Repository) -> Self {
        Self { repo, keys: HashMap::new() }
    }

    /// What the `nth` parent has at the path of `state`, which `child` has. Where the graph says
    /// that the commit did not change the path, nothing is read.
    ///
    /// # Errors
    /// When the parent's tree cannot be read.
    pub fn parent(
        &mut self,
        ancestry: &Ancestry<'_>,
        (child, state): (Spot, &FileState),
        parent: Spot,
        nth: usize,
    ) -> Result<Option<FileState>, RepoError> {
        if let Some(at) = child.at.filter(|_| nth == 0) {
            if !self.keys.contains_key(&state.path) {
                self.keys.insert(state.path.clone(), PathKey::of(&state.path));
            }
            let key = self.keys.get(&state.path);
            if key.is_some_and(|key| ancestry.graph().changed(at, key) == Changed::No) {
                return Ok(Some(state.clone()));
            }
        }
        let files = ancestry.files(parent)?;
        if child.at.and_then(|at| ancestry.graph().row(at).files) == Some(files) {
            return Ok(Some(state.clone()));
        }
        FileState::find(self.repo, files, &state.path)
    }

    /// What became the file of `child`, whose parent has nothing at its path: a file that is gone,
    /// and equal or similar (as `diff` finds renames).
    ///
    /// # Errors
    /// When a tree or a file cannot be read.
    pub fn renamed(
        &self,
        ancestry: &Ancestry<'_>,
        (child, state): (Spot, &FileState),
        parent: Spot,
    ) -> Result<Option<FileState>, RepoError> {
        let (before, after) = (ancestry.files(parent)?, ancestry.files(child)?);
        source(self.repo, before, after, &state.path)
    }
}

/// The file of `before` that became the one at `path` of `after`.
///
/// # Errors
/// When a tree or a file cannot be read.
pub fn source(
    repo: &Repository,
    before: NodeId,
    after: NodeId,
    path: &RepoPath,
) -> Result<Option<FileState>, RepoError> {
    let mut changes: Vec<PathChange> = Vec::new();
    diff_trees(repo.store(), Some(before), Some(after), &mut |change| {
        let is_file = |entry: Option<TreeEntry>| entry.is_some_and(|entry| entry.blob().is_some());
        let is_gone = is_file(change.before) && !is_file(change.after);
        if is_gone || change.path == *path {
            // A folder that came in its place is no file.
            let after = change.after.filter(|_| !is_gone);
            changes.push(PathChange { after, ..change });
        }
        Ok::<(), RepoError>(())
    })?;
    let of = |found: Vec<crate::diff::FileChange>| {
        let ours = found.into_iter().find(|found| found.change.path == *path)?;
        Some(FileState { path: ours.from?, entry: ours.change.before? })
    };
    if let Some(found) = of(exact_renames(changes.clone())) {
        return Ok(Some(found));
    }
    let found = renames::<RepoError>(changes, &mut |_, entry| {
        if entry.size() > SIMILARITY_LIMIT {
            return Ok(None);
        }
        entry.blob().map(|id| read(repo, id)).transpose()
    })?;
    Ok(of(found))
}

/// The bytes of a blob, all of them.
///
/// # Errors
/// When it is absent or damaged.
pub fn read(repo: &Repository, id: BlobId) -> Result<Vec<u8>, RepoError> {
    let mut bytes = Vec::new();
    repo.store().blob(id)?.copy_to::<StoreError>(&mut |piece| {
        bytes.extend_from_slice(piece);
        Ok(())
    })?;
    Ok(bytes)
}
