//! What lies at a path of the folder now.

use std::os::fd::OwnedFd;

use bstr::{BStr, ByteSlice};
use rustix::fs::{AtFlags, FileType, Mode, OFlags, openat, readlinkat, statat};
use rustix::io::Errno;

use crate::capture::{BESIDE_DATABASES, StatKey, now_nanos};
use crate::disk::Dir;
use crate::object::{BlobId, NodeId, RepoPath, TreeEntry};
use crate::repo::Repository;
use crate::worktree::database_cache::{self, KnownDatabases};
use crate::worktree::error::WorktreeError;
use crate::worktree::stat_cache::{self, CacheReader};

use super::folders::Folders;

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
    /// The folders that they lie in.
    pub folders: Folders,
    cache: CacheReader,
    databases: KnownDatabases,
}

impl Looker {
    /// Looks into the folder of `repo`.
    ///
    /// # Errors
    /// When the folder cannot be opened.
    pub fn new(repo: &Repository) -> Result<Self, WorktreeError> {
        let folders = Folders::new(repo)?;
        let cache = CacheReader::open(&stat_cache::file(repo));
        let databases = database_cache::load(&repo.folder().join("local/databases"));
        Ok(Self { folders, cache, databases })
    }

    /// The directory tree that names all that the stat cache holds.
    pub fn cached_tree(&self) -> Option<NodeId> {
        self.cache.tree()
    }

    /// What lies at `path`.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn look(&mut self, path: &RepoPath) -> Result<Found, WorktreeError> {
        let parent = match self.folders.parent(path)? {
            Ok(parent) => parent,
            Err(found) => return Ok(found),
        };
        let bytes = path.as_bytes().as_bstr();
        let found = look_in(&parent, path.file_name().unwrap_or_default(), |stat| {
            let cached = self.cache.get(bytes).filter(|known| known.stat == stat && !known.racy);
            let database = self.databases.get(bytes).filter(|known| {
                known.state.main == stat && known.state.wal.is_none() && !known.racy
            });
            cached.map(|known| known.id).or(database.map(|known| known.image.id))
        });
        found.map_err(|source| WorktreeError::Read { path: bytes.into(), source })
    }
}

/// What lies at `name` in a folder; a file that `known` does not give the id of is read.
///
/// # Errors
/// When it cannot be read.
pub fn look_in(
    folder: &Dir,
    name: &BStr,
    known: impl FnOnce(StatKey) -> Option<BlobId>,
) -> std::io::Result<Found> {
    let name = name.as_bytes();
    let stat = match statat(folder, name, AtFlags::SYMLINK_NOFOLLOW) {
        Ok(stat) => stat,
        Err(Errno::NOENT) => return Ok(Found::Nothing),
        Err(e) => return Err(e.into()),
    };
    let key = StatKey::of(&stat);
    match FileType::from_raw_mode(stat.st_mode) {
        FileType::Directory => Ok(Found::Folder),
        FileType::Symlink => {
            let target = readlinkat(folder, name, Vec::new())?;
            let entry = TreeEntry::symlink(target.as_bytes());
            Ok(entry.map_or(Found::Special, |entry| Found::File(entry, key)))
        }
        FileType::RegularFile => {
            let (id, key) = match known(key) {
                Some(id) => (id, key),
                None => hash(folder, name)?,
            };
            Ok(Found::File(TreeEntry::regular(id, key.size, key.executable), key))
        }
        _ => Ok(Found::Special),
    }
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
    BESIDE_DATABASES.iter().any(|suffix| {
        let name = [name, suffix].concat();
        statat(parent, name.as_slice(), AtFlags::SYMLINK_NOFOLLOW).is_ok()
    })
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
