//! The folders that paths lie in, opened part by part.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::sync::Arc;

use crate::disk::Dir;
use crate::object::RepoPath;
use crate::repo::Repository;
use crate::worktree::error::WorktreeError;

use super::look::Found;

/// Opens the folders that paths lie in; the last one stays open.
pub struct Folders {
    root: Dir,
    parent: Option<(RepoPath, Arc<Dir>)>,
}

impl Folders {
    /// Those of the folder of `repo`.
    ///
    /// # Errors
    /// When it cannot be opened.
    pub fn new(repo: &Repository) -> Result<Self, WorktreeError> {
        Ok(Self { root: repo.disk().open_dir(repo.root())?, parent: None })
    }

    /// The folder that `path` lies in; `None` where there is none. No link is followed.
    ///
    /// # Errors
    /// When it cannot be opened.
    pub fn parent(&mut self, path: &RepoPath) -> Result<Result<Arc<Dir>, Found>, WorktreeError> {
        let parent = path.parent().unwrap_or_else(RepoPath::root);
        if let Some((known, dir)) = &self.parent
            && *known == parent
        {
            return Ok(Ok(dir.clone()));
        }
        match open_beneath(&self.root, &parent) {
            Ok(dir) => {
                let dir = Arc::new(dir);
                self.parent = Some((parent, dir.clone()));
                Ok(Ok(dir))
            }
            Err(e) if e.is_not_found() => Ok(Err(Found::Nothing)),
            Err(e) if is_no_folder(&e) => Ok(Err(Found::Blocked)),
            Err(e) => Err(e.into()),
        }
    }

    /// Forgets folders that may have changed.
    pub fn forget(&mut self) {
        self.parent = None;
    }
}

fn open_beneath(root: &Dir, path: &RepoPath) -> crate::disk::Result<Dir> {
    path.components().try_fold(root.clone(), |dir, name| dir.sub_dir(OsStr::from_bytes(name)))
}

/// A link counts as no folder: it is opened as itself.
fn is_no_folder(error: &crate::disk::DiskError) -> bool {
    error.io_kind() == Some(std::io::ErrorKind::NotADirectory)
}
