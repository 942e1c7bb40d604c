//! What lies at a path of the folder now.

use std::ffi::OsStr;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::sync::Arc;

use bstr::ByteSlice;
use rustix::fs::{AtFlags, FileType, Mode, OFlags, openat, readlinkat, statat};
use rustix::io::Errno;

use crate::capture::{StatKey, now_nanos};
use crate::disk::Dir;
use crate::object::{BlobId, RepoPath, TreeEntry};
use crate::repo::Repository;
use crate::worktree::database_cache::{self, KnownDatabases};
use crate::worktree::error::WorktreeError;
use crate::worktree::stat_cache::CacheReader;

const BUFFER: usize = 1 << 20;

/// What lies at a path.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Found {
    /// Nothing.
    Nothing,
    /// A file or link, and what the file system says of it.
    File(TreeEntry, StatKey),
    /// A folder.
    Folder,
    /// Something that is never captured: a FIFO, socket or device.
    Special,
    /// Nothing can be there: a part of the path is no folder.
    Blocked,
}

impl Found {
    /// Whether it is what a tree says; of directories, only that they are some.
    pub fn is(&self, entry: Option<TreeEntry>) -> bool {
        match (self, entry) {
            (Self::Nothing, None) => true,
            (Self::File(found, _), Some(entry)) => *found == entry,
            (Self::Folder, Some(entry)) => entry.root().is_some(),
            _ => false,
        }
    }
}

/// Looks at paths, in the order of a scan. A file that the stat cache knows is not read.
pub struct Looker {
    root: Dir,
    cache: CacheReader,
    databases: KnownDatabases,
    parent: Option<(RepoPath, Arc<Dir>)>,
}

impl Looker {
    /// Looks into the folder of `repo`.
    ///
    /// # Errors
    /// When the folder cannot be opened.
    pub fn new(repo: &Repository) -> Result<Self, WorktreeError> {
        let root = repo.disk().open_dir(repo.root())?;
        let cache = CacheReader::open(&repo.folder().join("local/stat-cache"));
        let databases = database_cache::load(&repo.folder().join("local/databases"));
        Ok(Self { root, cache, databases, parent: None })
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

    /// What lies at `path`.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn look(&mut self, path: &RepoPath) -> Result<Found, WorktreeError> {
        let parent = match self.parent(path)? {
            Ok(parent) => parent,
            Err(found) => return Ok(found),
        };
        let failed =
            |source: std::io::Error| WorktreeError::Read { path: path.as_bytes().into(), source };
        let name = path.file_name().unwrap_or_default().as_bytes();
        let stat = match statat(&*parent, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => stat,
            Err(Errno::NOENT) => return Ok(Found::Nothing),
            Err(e) => return Err(failed(e.into())),
        };
        let key = StatKey::of(&stat);
        match FileType::from_raw_mode(stat.st_mode) {
            FileType::Directory => Ok(Found::Folder),
            FileType::Symlink => {
                let target =
                    readlinkat(&*parent, name, Vec::new()).map_err(|e| failed(e.into()))?;
                let entry = TreeEntry::symlink(target.as_bytes());
                Ok(entry.map_or(Found::Special, |entry| Found::File(entry, key)))
            }
            FileType::RegularFile => {
                let bytes = path.as_bytes().as_bstr();
                let cached = self.cache.get(bytes).filter(|known| known.stat == key && !known.racy);
                let database = self.databases.get(bytes).filter(|known| {
                    known.state.main == key && known.state.wal.is_none() && !known.racy
                });
                let known = cached.map(|known| known.id).or(database.map(|known| known.image.id));
                let (id, key) = match known {
                    Some(id) => (id, key),
                    None => hash(&parent, name).map_err(failed)?,
                };
                let entry = match key.executable {
                    true => TreeEntry::executable(id, key.size),
                    false => TreeEntry::file(id, key.size),
                };
                Ok(Found::File(entry, key))
            }
            _ => Ok(Found::Special),
        }
    }
}

/// What a file is, by its content alone.
pub fn look_at(folder: &Dir, name: &OsStr) -> std::io::Result<Found> {
    let name = name.as_bytes();
    let stat = match statat(folder, name, AtFlags::SYMLINK_NOFOLLOW) {
        Ok(stat) => stat,
        Err(Errno::NOENT) => return Ok(Found::Nothing),
        Err(e) => return Err(e.into()),
    };
    match FileType::from_raw_mode(stat.st_mode) {
        FileType::Symlink => {
            let target = readlinkat(folder, name, Vec::new())?;
            let entry = TreeEntry::symlink(target.as_bytes());
            Ok(entry.map_or(Found::Special, |entry| Found::File(entry, StatKey::of(&stat))))
        }
        FileType::RegularFile => {
            let (id, key) = hash(folder, name)?;
            let entry = match key.executable {
                true => TreeEntry::executable(id, key.size),
                false => TreeEntry::file(id, key.size),
            };
            Ok(Found::File(entry, key))
        }
        _ => Ok(Found::Special),
    }
}

fn open_beneath(root: &Dir, path: &RepoPath) -> crate::disk::Result<Dir> {
    path.components().try_fold(root.clone(), |dir, name| dir.sub_dir(OsStr::from_bytes(name)))
}

/// A link counts as no folder: it is opened as itself.
fn is_no_folder(error: &crate::disk::DiskError) -> bool {
    error.io_kind() == Some(std::io::ErrorKind::NotADirectory)
}

/// The id of a file's content. One that changes meanwhile has the id of what was read: it is
/// nothing that a plan expects.
fn hash(parent: &Dir, name: &[u8]) -> std::io::Result<(BlobId, StatKey)> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file: OwnedFd = openat(parent, name, flags, Mode::empty())?;
    let stat = StatKey::of_file(&file)?.ok_or(std::io::ErrorKind::InvalidInput)?;
    let mut hasher = blake3::Hasher::new();
    let mut buffer = vec![0; BUFFER.min(stat.size as usize + 1)];
    loop {
        match rustix::io::read(&file, &mut buffer) {
            Ok(0) => break,
            Ok(n) => drop(hasher.update(&buffer[..n])),
            Err(Errno::INTR) => {}
            Err(e) => return Err(e.into()),
        }
    }
    let after = StatKey::of_file(&file)?.unwrap_or(stat);
    Ok((BlobId::from_id(crate::object::Id::new(*hasher.finalize().as_bytes())), after))
}

/// Whether a database at this path has a log beside it that belongs to what is there: whoever
/// replaces the file alone would have SQLite apply it to other content.
pub fn has_database_log(parent: &Dir, name: &[u8]) -> bool {
    let lies_beside = |suffix: &[u8]| {
        let name = [name, suffix].concat();
        statat(parent, name.as_slice(), AtFlags::SYMLINK_NOFOLLOW).is_ok()
    };
    [b"-wal".as_slice(), b"-shm", b"-journal"].into_iter().any(lies_beside)
}

/// Whether two looks at a file saw the same one, unchanged: a rename between them may have moved
/// its time of inode change.
pub fn same_file(a: StatKey, b: StatKey) -> bool {
    (a.size, a.mtime, a.inode, a.executable) == (b.size, b.mtime, b.inode, b.executable)
}

/// Whether a file that was last written so may have changed since without its stat showing it.
pub fn may_have_changed(stat: StatKey) -> bool {
    StatKey { ctime: stat.mtime, ..stat }.is_racy(now_nanos())
}
