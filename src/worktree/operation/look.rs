//! What lies at a path of the folder now.

use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use bstr::{BStr, ByteSlice};
use rustix::fs::{AtFlags, FileType, Mode, OFlags, openat, readlinkat, statat};
use rustix::io::Errno;

use crate::capture::{
    BESIDE_DATABASES, CaptureError, DatabaseState, OpenDatabase, Refused, StatKey, is_database_at,
    now_nanos,
};
use crate::disk::Dir;
use crate::object::{BlobId, NodeId, RepoPath, TreeEntry};
use crate::repo::Repository;
use crate::worktree::database_cache::{self, KnownDatabase, KnownDatabases};
use crate::worktree::error::WorktreeError;
use crate::worktree::stat_cache::{self, CacheReader};

use super::databases::is_same_state;
use super::folders::Folders;

const BUFFER: usize = 1 << 20;
/// How often a database that does not hold still is read again.
const ATTEMPTS: usize = 3;

/// What lies at a path.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Found {
    /// Nothing.
    Nothing,
    /// A file or link, and what the file system says of it.
    File(TreeEntry, StatKey),
    /// A database, as SQLite reads it.
    Database(TreeEntry, KnownDatabase),
    /// A database that another process keeps locked.
    Locked,
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
            (Self::File(found, _) | Self::Database(found, _), Some(entry)) => *found == entry,
            (Self::Folder, Some(entry)) => entry.root().is_some(),
            _ => false,
        }
    }
}

/// Looks at paths, in the order of a scan. A file that the stat cache knows is not read.
pub struct Looker<'r> {
    repo: &'r Repository,
    /// The folders that they lie in.
    pub folders: Folders,
    cache: CacheReader,
    databases: KnownDatabases,
}

impl<'r> Looker<'r> {
    /// Looks into the folder of `repo`.
    ///
    /// # Errors
    /// When the folder cannot be opened.
    pub fn new(repo: &'r Repository) -> Result<Self, WorktreeError> {
        let folders = Folders::new(repo)?;
        let cache = CacheReader::open(&stat_cache::file(repo));
        let databases = database_cache::load(&database_cache::file(repo));
        Ok(Self { repo, folders, cache, databases })
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
        let name = path.file_name().unwrap_or_default();
        let read_error = |source| WorktreeError::Read { path: bytes.into(), source };
        let stat = statat(&*parent, name.as_bytes(), AtFlags::SYMLINK_NOFOLLOW).ok();
        let is_regular = |stat: &rustix::fs::Stat| FileType::from_raw_mode(stat.st_mode).is_file();
        let known = match stat.filter(is_regular) {
            Some(stat) => self.known(&parent, path, StatKey::of(&stat)),
            None => None,
        };
        let is_database = match known {
            Some(Known::Database(database)) => return Ok(found_database(database)),
            Some(Known::File(_)) => false,
            None => {
                stat.is_some_and(|stat| is_regular(&stat))
                    && is_database_at(&*parent, name.as_bytes())
            }
        };
        if is_database && let Some(found) = self.read_database(path)? {
            return Ok(found);
        }
        let found = look_in(&parent, name, |stat| match known {
            Some(Known::File(known)) if known.0 == stat => Some(known.1),
            _ => None,
        });
        found.map_err(read_error)
    }

    /// What the caches know of a file with this stat.
    fn known(&mut self, parent: &Dir, path: &RepoPath, stat: StatKey) -> Option<Known> {
        let bytes = path.as_bytes().as_bstr();
        if let Some(known) = self.databases.get(bytes) {
            let state = DatabaseState::of(&self.file(path)).ok().flatten()?;
            return (known.state == state && !known.racy).then(|| match known.is_file() {
                true => Known::File((stat, known.image.id)),
                false => Known::Database(*known),
            });
        }
        let cached = self.cache.get(bytes).filter(|known| known.stat == stat && !known.racy)?;
        // What has a log beside it may be a database whose rows are there.
        let log = [path.file_name().unwrap_or_default().as_bytes(), b"-wal"].concat();
        let has_log = statat(parent, log, AtFlags::SYMLINK_NOFOLLOW).is_ok();
        (!has_log).then_some(Known::File((stat, cached.id)))
    }

    /// The file at `path`; the folder that it lies in was reached through no link.
    pub fn file(&self, path: &RepoPath) -> PathBuf {
        self.repo.root().join(path.as_path())
    }

    /// What SQLite reads at `path`; `None` where the file's own bytes count.
    fn read_database(&self, path: &RepoPath) -> Result<Option<Found>, WorktreeError> {
        let file = self.file(path);
        for _ in 0..ATTEMPTS {
            let open = OpenDatabase::mode(&file)
                .and_then(|mode| OpenDatabase::begin(&file, path.as_bytes().into(), mode));
            let open = match open {
                Ok(open) => open,
                Err(Refused::Locked) => return Ok(Some(Found::Locked)),
                Err(_) => return Ok(None),
            };
            let image = open.image();
            let whole = open.is_whole();
            match image {
                Ok(image) if whole => {
                    let (state, racy) = (open.state(), open.racy());
                    return Ok(Some(found_database(KnownDatabase { state, racy, image })));
                }
                Err(CaptureError::Database { .. }) if whole => return Ok(None),
                Err(error) if whole => return Err(error.into()),
                _ => {}
            }
        }
        Ok(Some(Found::Locked))
    }

    /// What was found, under the id of `entry` where it is a database of that state. The content
    /// of `entry` is in the store, or else in the file `kept`.
    pub fn settle(
        &self,
        path: &RepoPath,
        found: Found,
        entry: Option<TreeEntry>,
        kept: Option<&Path>,
    ) -> Found {
        let Found::Database(now, mut database) = found else { return found };
        let Some((id, entry)) = entry.and_then(|entry| Some((entry.blob()?, entry))) else {
            return found;
        };
        let known = self.databases.get(path.as_bytes().as_bstr());
        let same = match known.filter(|known| known.image.id == id) {
            Some(known) => known.image.state == database.image.state,
            None => is_same_state(self.repo, database.image, entry, kept),
        };
        if !same || now.size() != entry.size() {
            return found;
        }
        database.image.id = id;
        found_database(database)
    }
}

/// What a cache says of a file.
#[derive(Clone, Copy)]
enum Known {
    File((StatKey, BlobId)),
    Database(KnownDatabase),
}

fn found_database(database: KnownDatabase) -> Found {
    let KnownDatabase { state, image, .. } = database;
    Found::Database(TreeEntry::regular(image.id, image.size, state.main.executable), database)
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
