//! Commits whose content was collected: what they state is kept, what they held is not.

use std::collections::BTreeSet;

use crate::disk::{DiskError, ReadFile};
use crate::object::{Id, decode_id_list, encode_id_list};

use super::error::RepoError;
use super::repository::Repository;

const NAME: &str = "expired";
const LIMIT: u64 = 1 << 30;

impl Repository {
    fn expired_path(&self) -> std::path::PathBuf {
        self.folder().join("local").join(NAME)
    }

    /// The commits whose content may have been collected, because for long only the log led to
    /// them, or nothing.
    ///
    /// # Errors
    /// When the list cannot be read or is damaged.
    pub fn expired(&self) -> Result<BTreeSet<Id>, RepoError> {
        let path = self.expired_path();
        let bytes = match ReadFile::open(&path).and_then(|file| file.read_all(LIMIT)) {
            Ok(bytes) => bytes,
            Err(e) if e.is_not_found() => return Ok(BTreeSet::new()),
            Err(e) => return Err(e.into()),
        };
        decode_id_list(NAME, &bytes).map_err(|source| RepoError::ExpiredList { path, source })
    }

    /// Writes that list, durably: it comes before what is collected goes.
    ///
    /// # Errors
    /// When the disk says no.
    pub fn set_expired(&self, commits: &BTreeSet<Id>) -> Result<(), DiskError> {
        let bytes = encode_id_list(NAME, commits);
        self.disk().replace_whole(&self.expired_path(), &bytes, 0o600)
    }

    /// Refuses a commit whose content was collected: no ref may come to name it.
    ///
    /// # Errors
    /// [`RepoError::Expired`], and as [`Repository::expired`].
    pub fn ensure_not_expired(&self, commit: Id) -> Result<(), RepoError> {
        match self.expired()?.contains(&commit) {
            true => Err(RepoError::Expired { commit }),
            false => Ok(()),
        }
    }
}
