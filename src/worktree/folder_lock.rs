//! One folder, one capture or checkout at a time.

use crate::disk::{Lock, Wait};
use crate::repo::Repository;

use super::error::WorktreeError;

/// Waits for the folder, and keeps it until the guard is dropped. It dies with the process.
pub fn lock_folder(repo: &Repository) -> Result<Lock, WorktreeError> {
    Ok(Lock::exclusive(&repo.folder().join("local/folder-lock"), Wait::Forever)?)
}
