//! One folder, one capture or checkout at a time.

use std::path::PathBuf;

use crate::disk::{Lock, Wait};
use crate::repo::Repository;

use super::error::WorktreeError;
use super::operation::is_interrupted;

/// The file that is locked.
pub fn folder_lock_path(repo: &Repository) -> PathBuf {
    repo.folder().join("local/folder-lock")
}

/// Waits for the folder, and keeps it until the guard is dropped. It dies with the process.
///
/// # Errors
/// [`WorktreeError::Interrupted`] where an operation must be brought to its end first.
pub fn lock_folder(repo: &Repository) -> Result<Lock, WorktreeError> {
    let lock = Lock::exclusive(&folder_lock_path(repo), Wait::Forever)?;
    match is_interrupted(repo) {
        true => Err(WorktreeError::Interrupted),
        false => Ok(lock),
    }
}
