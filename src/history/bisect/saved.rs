//! The session on disk: `.aisr/local/bisect/session`, replaced whole with each verdict.

use std::path::PathBuf;

use crate::disk::{Lock, ReadFile, Wait};
use crate::repo::Repository;

use super::error::BisectError;
use super::session::Session;

/// A longer session is not read: it would hold a million verdicts.
const LIMIT: u64 = 128 << 20;

/// The folder of what a bisection keeps.
pub fn folder(repo: &Repository) -> PathBuf {
    repo.folder().join("local").join("bisect")
}

fn path(repo: &Repository) -> PathBuf {
    folder(repo).join("session")
}

impl Session {
    /// The bisection that is under way, if one is.
    ///
    /// # Errors
    /// When its file cannot be read, or is not as it was written.
    pub fn find(repo: &Repository) -> Result<Option<Self>, BisectError> {
        let path = path(repo);
        let bytes = match ReadFile::open(&path).and_then(|file| file.read_all(LIMIT)) {
            Ok(bytes) => bytes,
            Err(e) if e.is_not_found() => return Ok(None),
            Err(e) => return Err(e.into()),
        };
        let session = Self::decode(&bytes);
        session.map(Some).map_err(|source| BisectError::Damaged { path, source })
    }

    /// The bisection that is under way.
    ///
    /// # Errors
    /// As [`Session::find`], and where there is none.
    pub fn load(repo: &Repository) -> Result<Self, BisectError> {
        Self::find(repo)?.ok_or(BisectError::NoSession)
    }

    /// Keeps it, durably.
    ///
    /// # Errors
    /// When it cannot be written; what was kept before is whole then.
    pub fn save(&self, repo: &Repository) -> Result<(), BisectError> {
        repo.ensure_writable()?;
        repo.disk().create_dir_all_synced(&folder(repo), 0o700)?;
        Ok(repo.disk().replace_whole(&path(repo), &self.encode(), 0o600)?)
    }

    /// Ends it: what was kept goes.
    ///
    /// # Errors
    /// When the file cannot be removed.
    pub fn remove(repo: &Repository) -> Result<(), BisectError> {
        for name in ["candidates", "session"] {
            match repo.disk().remove_file(&folder(repo).join(name)) {
                Ok(()) => {}
                Err(e) if e.is_not_found() => {}
                Err(e) => return Err(e.into()),
            }
        }
        Ok(repo.disk().sync_dir(&folder(repo))?)
    }

    /// Keeps others from saying something until the guard is dropped; it dies with the process.
    ///
    /// # Errors
    /// When another process has it.
    pub fn lock(repo: &Repository) -> Result<Lock, BisectError> {
        let path = repo.folder().join("local").join("bisect-lock");
        Ok(Lock::exclusive(&path, Wait::NO)?)
    }
}
