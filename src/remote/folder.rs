//! A folder as a place: a mounted disk, a network file system.

use std::collections::HashMap;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use rustix::fs::{AtFlags, FileType, statat};

use crate::disk::{Action, Dir, Disk, DiskError, OnExisting, ReadFile};
use crate::repo::FOLDER;

use super::error::{RemoteError, Result};
use super::place::{Fill, Listed, Place, Put};

/// So many files stay open for ranges of them.
const KEPT_OPEN: usize = 64;

/// The `.aisr` of a folder as a place.
///
/// Every key is opened from the folder's handle part by part, so no symbolic link leads out of it,
/// and what is no regular file is an error. *Create if absent* is a temporary file that gets its
/// name by a rename that refuses to replace, or by a hard link where the file system has no such
/// rename (NFS).
pub struct FolderPlace {
    name: String,
    folder: Dir,
    disk: Disk,
    open: Mutex<HashMap<String, Arc<ReadFile>>>,
}

impl FolderPlace {
    /// Opens the place in the folder `root`.
    ///
    /// # Errors
    /// [`RemoteError::NotAPlace`], or when the folder cannot be opened.
    pub fn open(disk: &Disk, root: &Path) -> Result<Self> {
        let name = root.display().to_string();
        match disk.open_dir(&root.join(FOLDER)) {
            Ok(folder) => Ok(Self { name, folder, disk: disk.clone(), open: Mutex::default() }),
            Err(e) if e.is_not_found() => Err(RemoteError::NotAPlace { place: name }),
            Err(e) => Err(e.into()),
        }
    }

    /// The same of a folder in which there may be nothing yet.
    ///
    /// # Errors
    /// When the folder cannot be made.
    pub fn ensure(disk: &Disk, root: &Path) -> Result<Self> {
        disk.create_dir_all_synced(&root.join(FOLDER), 0o777)?;
        Self::open(disk, root)
    }

    fn failed(&self, key: &str) -> impl FnOnce(DiskError) -> RemoteError {
        let (place, key) = (self.name.clone(), key.to_owned());
        move |source| RemoteError::Key { place, key, source }
    }

    /// The folder of a key, and its last part.
    fn split<'k>(&self, key: &'k str) -> (&'k str, &'k str) {
        key.rsplit_once('/').unwrap_or(("", key))
    }

    fn read(&self, key: &str) -> Result<Option<ReadFile>> {
        let (folder, name) = self.split(key);
        let file = self.folder.open_beneath(Path::new(folder)).and_then(|dir| dir.open_read(name));
        match file {
            Ok(file) => Ok(Some(file)),
            Err(e) if e.is_not_found() => Ok(None),
            Err(e) => Err(self.failed(key)(e)),
        }
    }

    fn kept(&self, key: &str) -> Result<Arc<ReadFile>> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(file) = open.get(key) {
            return Ok(file.clone());
        }
        let file = self.read(key)?.ok_or_else(|| RemoteError::Unsound {
            place: self.name.clone(),
            key: key.into(),
            why: "it is gone".into(),
        })?;
        if open.len() >= KEPT_OPEN {
            open.clear();
        }
        let file = Arc::new(file);
        open.insert(key.into(), file.clone());
        Ok(file)
    }

    fn io(&self, key: &str, source: std::io::Error) -> RemoteError {
        let path = self.folder.path().join(key);
        self.failed(key)(DiskError::Io { action: Action::Read, path, source })
    }
}

impl Place for FolderPlace {
    fn name(&self) -> &str {
        &self.name
    }

    fn list(&self, prefix: &str, visit: &mut dyn FnMut(Listed) -> ControlFlow<()>) -> Result<()> {
        let folder = match self.folder.open_beneath(Path::new(prefix)) {
            Ok(folder) => folder,
            Err(e) if e.is_not_found() => return Ok(()),
            Err(e) => return Err(self.failed(prefix)(e)),
        };
        let names = rustix::fs::Dir::read_from(&folder);
        for entry in names.map_err(|e| self.io(prefix, e.into()))? {
            let entry = entry.map_err(|e| self.io(prefix, e.into()))?;
            let name = entry.file_name();
            let Ok(text) = name.to_str() else { continue };
            if text.starts_with('.') || text.starts_with("tmp-") {
                continue;
            }
            let key = format!("{prefix}{text}");
            let stat = match statat(&folder, name, AtFlags::SYMLINK_NOFOLLOW) {
                Ok(stat) => stat,
                Err(rustix::io::Errno::NOENT) => continue,
                Err(e) => return Err(self.io(&key, e.into())),
            };
            if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
                let why = "it is no regular file".into();
                return Err(RemoteError::Unsound { place: self.name.clone(), key, why });
            }
            if visit(Listed { key, len: stat.st_size as u64 }).is_break() {
                return Ok(());
            }
        }
        Ok(())
    }

    fn get(&self, key: &str, limit: u64) -> Result<Option<Vec<u8>>> {
        let Some(file) = self.read(key)? else { return Ok(None) };
        file.read_all(limit).map(Some).map_err(self.failed(key))
    }

    fn get_range(&self, key: &str, offset: u64, len: usize) -> Result<Vec<u8>> {
        self.kept(key)?.read_vec_at(offset, len as u64).map_err(self.failed(key))
    }

    fn put_if_absent(&self, key: &str, fill: &mut Fill<'_>) -> Result<Put> {
        let (folder, name) = self.split(key);
        let path = self.folder.path().join(folder);
        self.disk.create_dir_all_synced(&path, 0o777).map_err(self.failed(key))?;
        let dir = self.folder.open_beneath(Path::new(folder)).map_err(self.failed(key))?;
        let file = dir.create_temporary(0o444).map_err(self.failed(key))?;
        fill(&mut |bytes| file.append(bytes).map(drop).map_err(self.failed(key)))?;
        match file.persist_in(&dir, name, OnExisting::Refuse) {
            Ok(()) => Ok(Put::Created),
            Err(e) if e.is_already_exists() => Ok(Put::Exists),
            Err(e) => Err(self.failed(key)(e)),
        }
    }
}
