//! The bytes of a file that is compared, out of the store or the folder, to be read at any place.

use std::any::Any;
use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

use crate::capture::{DatabaseSource, Refused, is_database_at};
use crate::disk::{DiskError, ReadFile};
use crate::object::{EntryKind, RepoPath, TreeEntry};
use crate::repo::Repository;
use crate::view::{Source, StoredSource, ViewError};

use super::content::{TEXT_LIMIT, read_bytes};
use super::error::WorktreeError;

/// Opens what `entry` says of `path`, in whichever of store and folder has it; `None` where the
/// folder no longer has it.
///
/// Of the folder, a file of up to [`TEXT_LIMIT`] bytes is believed only if it has the entry's id. A
/// larger one is read as it is now, and an error if it changes meanwhile; a live database is read
/// out of a transaction of its own.
///
/// # Errors
/// When the store is damaged, or the file cannot be read.
pub fn open_side(
    repo: &Repository,
    path: &RepoPath,
    entry: &TreeEntry,
) -> Result<Option<Arc<dyn Source>>, WorktreeError> {
    let Some(id) = entry.blob() else { return Ok(None) };
    if repo.store().blob_size(id)?.is_some() {
        return Ok(Some(Arc::new(StoredSource::open(repo.shared_store(), id)?)));
    }
    if entry.kind() == EntryKind::Symlink {
        return Ok(None);
    }
    let file = repo.root().join(path.as_path());
    if is_database_at(rustix::fs::CWD, file.as_os_str().as_encoded_bytes()) {
        match DatabaseSource::open(&file, path.as_bytes().into()) {
            Ok(source) => return Ok(Some(Arc::new(source))),
            Err(Refused::NotADatabase) => {}
            Err(Refused::Vanished) => return Ok(None),
            Err(why) => return Err(ViewError::from(refused(&why)).into()),
        }
    }
    if entry.size() <= TEXT_LIMIT {
        let bytes = read_bytes(repo, path, entry, TEXT_LIMIT)?;
        return Ok(bytes.map(|bytes| Arc::new(bytes) as Arc<dyn Source>));
    }
    Ok(FolderFile::open(&file, entry.size())?.map(|file| Arc::new(file) as Arc<dyn Source>))
}

fn refused(why: &Refused) -> std::io::Error {
    std::io::Error::other(match why {
        Refused::Locked => "another process keeps the database locked".to_owned(),
        Refused::HotJournal => "a writer of the database died: open it once, to roll back".into(),
        Refused::Unreadable(why) => format!("SQLite cannot open the database: {why}"),
        Refused::Vanished | Refused::NotADatabase => "it is no database any more".into(),
    })
}

/// A file in the folder that stays as it is while it is read.
struct FolderFile {
    file: ReadFile,
    len: u64,
    modified: SystemTime,
}

impl FolderFile {
    /// `None` where there is no file of this length any more.
    fn open(path: &Path, len: u64) -> Result<Option<Self>, WorktreeError> {
        let Ok(file) = ReadFile::open(path) else { return Ok(None) };
        let modified = file.modified()?;
        Ok((file.len()? == len).then_some(Self { file, len, modified }))
    }

    fn read(&self, offset: u64, buffer: &mut [u8]) -> Result<(usize, bool), DiskError> {
        let read = self.file.read_at(offset, buffer)?;
        Ok((read, self.file.len()? == self.len && self.file.modified()? == self.modified))
    }
}

impl Source for FolderFile {
    fn len(&self) -> u64 {
        self.len
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<usize, ViewError> {
        match self.read(offset, buffer) {
            Ok((read, true)) => Ok(read),
            Ok((_, false)) => {
                Err(std::io::Error::other("the file was changed while it was compared").into())
            }
            Err(e) => Err(std::io::Error::other(e).into()),
        }
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}
