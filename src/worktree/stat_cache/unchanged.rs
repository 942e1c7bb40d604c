//! Which folders still are what the stat cache says: a look at times alone.
//!
//! That costs one call for each file and folder, and neither lists nor opens any: names come and
//! go in a folder, and links change, only with the folder's own times. Not every file system keeps
//! to that, so the look is taken only on those that are known to.

use std::collections::HashMap;
use std::fs::File;
use std::hash::{BuildHasher, RandomState};
use std::os::fd::BorrowedFd;
use std::os::unix::fs::FileExt;
use std::sync::{Mutex, PoisonError};

use bstr::{BStr, ByteSlice};
use crossbeam_channel::{TrySendError, bounded};
use rustix::fs::{AtFlags, FileType, fstat, fstatfs, statat};

use crate::capture::{DatabaseState, StatKey};
use crate::worktree::database_cache::KnownDatabases;

use super::entry::{CachedFolder, Record, decode_record, record_len};
use super::reader::CacheReader;

/// Records are handed to a helper in blocks of about this many bytes.
const BLOCK: usize = 32 << 10;
/// Blocks that wait for helpers.
const WAITING: usize = 4;

/// File systems on which a folder's times move with each name that comes or goes, by the magic
/// numbers of statfs(2): ext4, XFS, Btrfs, tmpfs, overlayfs, F2FS, ZFS, bcachefs.
const KEEP_FOLDER_TIMES: [u32; 8] = [
    0xef53,
    0x5846_5342,
    0x9123_683e,
    0x0102_1994,
    0x794c_7630,
    0xf2f5_2010,
    0x2fc1_2fc1,
    0xca45_1a4e,
];

/// The folders in which nothing changed since the cache was written.
#[derive(Default)]
pub struct Unchanged {
    folders: HashMap<u64, Span>,
    hasher: RandomState,
}

/// Where the records of what is in a folder begin, and where its own does.
#[derive(Clone, Copy)]
struct Span {
    begin: u64,
    own: u64,
}

/// What a look at some records found.
#[derive(Default)]
struct Found {
    /// Where the records are of what changed, in their order.
    changed: Vec<u64>,
    folders: Vec<(u64, Span)>,
}

/// A folder in which nothing changed.
pub struct UnchangedFolder {
    /// What the cache says of it.
    pub folder: CachedFolder,
    span: Span,
    end: u64,
}

impl Unchanged {
    /// Looks at everything that `cache` knows, under the folder `root`, with `threads` threads.
    pub fn look(
        cache: &CacheReader,
        root: BorrowedFd<'_>,
        known: &KnownDatabases,
        threads: usize,
    ) -> Self {
        let Some((file, begin, end)) = cache.file() else { return Self::default() };
        let Some(device) = device(root) else { return Self::default() };
        let hasher = RandomState::new();
        let look = Look { root, device, known, hasher: &hasher };
        let found = Mutex::new(Vec::new());
        let keep = |(at, block): (u64, Vec<u8>)| {
            let block = look.block(at, &block);
            found.lock().unwrap_or_else(PoisonError::into_inner).push((at, block));
        };
        let (send, blocks) = bounded(WAITING);
        let whole = std::thread::scope(|scope| {
            let mut helpers = threads.saturating_sub(1);
            let whole = each_block(file, begin, end, |at, block| {
                // Where the cache is small, none is begun.
                if helpers > 0 && end - at > 2 * BLOCK as u64 {
                    helpers -= 1;
                    let blocks = blocks.clone();
                    scope.spawn(move || blocks.iter().for_each(keep));
                }
                if let Err(TrySendError::Full(block)) = send.try_send((at, block)) {
                    keep(block);
                }
            });
            drop(send);
            blocks.iter().for_each(keep);
            whole
        });
        if whole.is_none() {
            return Self::default();
        }
        let mut found = found.into_inner().unwrap_or_else(PoisonError::into_inner);
        found.sort_unstable_by_key(|(at, _)| *at);
        let changed: Vec<u64> =
            found.iter().flat_map(|(_, found)| &found.changed).copied().collect();
        let still = |span: &Span| {
            let first = changed.partition_point(|at| *at < span.begin);
            changed.get(first).is_none_or(|at| *at > span.own)
        };
        let folders = found.iter().flat_map(|(_, found)| &found.folders).copied();
        Self { folders: folders.filter(|(_, span)| still(span)).collect(), hasher }
    }

    /// Whether the folder at `path` may well be one of them.
    pub fn contains(&self, path: &BStr) -> bool {
        self.folders.contains_key(&self.hasher.hash_one(path.as_bytes()))
    }

    /// The folder at `path`, if nothing in it changed.
    pub fn folder(&self, cache: &CacheReader, path: &BStr) -> Option<UnchangedFolder> {
        let span = *self.folders.get(&self.hasher.hash_one(path.as_bytes()))?;
        let (file, _, end) = cache.file()?;
        let mut bytes = vec![0; (end - span.own).min(BLOCK as u64) as usize];
        file.read_exact_at(&mut bytes, span.own).ok()?;
        match decode_record(&bytes)? {
            (Record::Folder(folder), len) if folder.path == path => {
                Some(UnchangedFolder { folder, span, end: span.own + len as u64 })
            }
            _ => None,
        }
    }
}

impl UnchangedFolder {
    /// Gives its records and those of all in it to `take`, piece by piece until that says no, and
    /// lets `cache` go on behind them.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn copy_records(
        &self,
        cache: &mut CacheReader,
        mut take: impl FnMut(Vec<u8>) -> bool,
    ) -> std::io::Result<()> {
        let mut at = self.span.begin;
        while let Some((file, ..)) = cache.file()
            && at < self.end
        {
            let mut piece = vec![0; (self.end - at).min(BLOCK as u64) as usize];
            file.read_exact_at(&mut piece, at)?;
            at += piece.len() as u64;
            if !take(piece) {
                break;
            }
        }
        cache.skip_to(self.end);
        Ok(())
    }
}

/// The device of the folder `root`, if its file system keeps the times of folders.
fn device(root: BorrowedFd<'_>) -> Option<u64> {
    let kind = fstatfs(root).ok()?.f_type as u32;
    let device = fstat(root).ok()?.st_dev;
    KEEP_FOLDER_TIMES.contains(&kind).then_some(device)
}

/// Gives whole records to `take`, in blocks, with the offset of each. `None` when that cannot be
/// read to its end.
fn each_block(file: &File, begin: u64, end: u64, mut take: impl FnMut(u64, Vec<u8>)) -> Option<()> {
    let mut at = begin;
    while at < end {
        let mut block = vec![0; (end - at).min(BLOCK as u64) as usize];
        file.read_exact_at(&mut block, at).ok()?;
        let mut len = 0;
        while let Some(next) = record_len(&block[len..])
            && len + next <= block.len()
        {
            len += next;
        }
        if len == 0 {
            return None;
        }
        block.truncate(len);
        take(at, block);
        at += len as u64;
    }
    Some(())
}

#[derive(Clone, Copy)]
struct Look<'a> {
    root: BorrowedFd<'a>,
    /// Folders on another device may lie on another kind of file system.
    device: u64,
    known: &'a KnownDatabases,
    hasher: &'a RandomState,
}

impl Look<'_> {
    fn block(&self, at: u64, block: &[u8]) -> Found {
        let mut found = Found::default();
        let mut read = 0;
        while read < block.len() {
            let own = at + read as u64;
            let Some((record, len)) = decode_record(&block[read..]) else {
                // Whatever follows in the block is not believed.
                found.changed.push(own);
                break;
            };
            if !self.is_unchanged(&record) {
                found.changed.push(own);
            } else if let Record::Folder(folder) = record {
                let begin = own.saturating_sub(folder.span);
                let path = self.hasher.hash_one(folder.path.as_bytes());
                found.folders.push((path, Span { begin, own }));
            }
            read += len;
        }
        found
    }

    fn is_unchanged(&self, record: &Record) -> bool {
        match record {
            Record::File(entry) => {
                !entry.racy
                    && self.stat(entry.path.as_ref(), FileType::RegularFile) == Some(entry.stat)
            }
            Record::Database(path) => self.known.get(path).is_some_and(|known| {
                !known.racy && self.database(path.as_ref()) == Some(known.state)
            }),
            Record::Folder(folder) => {
                let path =
                    if folder.path.is_empty() { b".".as_bstr() } else { folder.path.as_ref() };
                self.stat(path, FileType::Directory) == Some(folder.stat)
            }
        }
    }

    fn database(&self, path: &BStr) -> Option<DatabaseState> {
        let log = [path.as_bytes(), b"-wal"].concat();
        let wal = self.stat(log.as_bstr(), FileType::RegularFile).filter(|wal| wal.size > 0);
        Some(DatabaseState { main: self.stat(path, FileType::RegularFile)?, wal })
    }

    fn stat(&self, path: &BStr, kind: FileType) -> Option<StatKey> {
        let stat = statat(self.root, path.as_bytes(), AtFlags::SYMLINK_NOFOLLOW).ok()?;
        let elsewhere = kind == FileType::Directory && stat.st_dev != self.device;
        let same = FileType::from_raw_mode(stat.st_mode) == kind && !elsewhere;
        same.then(|| StatKey::of(&stat))
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::fd::AsFd;
    use std::path::Path;

    use rustix::fs::lstat;

    use crate::disk::Disk;
    use crate::object::{BlobId, ID_LEN, Id, NodeId};
    use crate::worktree::stat_cache::{CacheEntry, CacheWriter};

    use super::*;

    /// So many folders of so many files that a cache of them takes several blocks.
    const FOLDERS: usize = 30;
    const FILES: usize = 40;

    fn stat(path: &Path) -> StatKey {
        StatKey::of(&lstat(path).unwrap())
    }

    /// Makes `FOLDERS` folders in `mid`, and a cache that knows all of it.
    fn known(root: &Path, cache: &Path) {
        let mut writer = CacheWriter::create(&Disk::new(), cache);
        let folder = |path: &str, span| {
            Record::Folder(CachedFolder {
                path: path.into(),
                stat: stat(&root.join(path)),
                tree: NodeId::of(path.as_bytes()),
                bytes: 0,
                files: 0,
                ignored: 0,
                span,
                rules: Id::new([0; ID_LEN]),
            })
        };
        let paths: Vec<_> = (0..FOLDERS).map(|n| format!("mid/folder-{n:02}")).collect();
        for path in &paths {
            fs::create_dir_all(root.join(path)).unwrap();
            (0..FILES)
                .for_each(|n| fs::write(root.join(path).join(format!("{n:02}")), "x").unwrap());
        }
        for path in &paths {
            let before = writer.len();
            for n in 0..FILES {
                let file = format!("{path}/{n:02}");
                let stat = stat(&root.join(&file));
                let id = BlobId::of(b"x");
                let entry = CacheEntry { path: file.into(), stat, racy: false, id };
                writer.push(&Record::File(entry));
            }
            writer.push(&folder(path, writer.len() - before));
        }
        writer.push(&folder("mid", writer.len()));
        writer.push(&folder("", writer.len()));
        writer.finish(NodeId::of(b"tree"));
    }

    /// The folders that a look with this many threads finds unchanged.
    fn unchanged(root: &Path, cache: &Path, threads: usize) -> Vec<String> {
        let cache = CacheReader::open(cache);
        assert_eq!(cache.tree(), Some(NodeId::of(b"tree")));
        let at = fs::File::open(root).unwrap();
        let found = Unchanged::look(&cache, at.as_fd(), &KnownDatabases::new(), threads);
        let folders = (0..FOLDERS).map(|n| format!("mid/folder-{n:02}"));
        let all = folders.chain(["mid".into(), String::new()]);
        all.filter(|path| {
            let folder = found.folder(&cache, path.as_bytes().as_bstr());
            assert_eq!(folder.is_some(), found.contains(path.as_bytes().as_bstr()));
            folder.is_some()
        })
        .collect()
    }

    #[test]
    fn what_lies_on_the_way_to_a_change_is_changed_and_nothing_else() {
        let place = tempfile::tempdir().unwrap();
        let (root, cache) = (place.path().join("root"), place.path().join("cache"));
        known(&root, &cache);
        for threads in [0, 1, 3] {
            assert_eq!(unchanged(&root, &cache, threads).len(), FOLDERS + 2);
        }
        // In place and of the same length; a name more; a name less; a mode.
        fs::write(root.join("mid/folder-03/07"), "y").unwrap();
        fs::write(root.join("mid/folder-11/new"), "").unwrap();
        fs::remove_file(root.join("mid/folder-29/39")).unwrap();
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        fs::set_permissions(root.join("mid/folder-20/00"), mode).unwrap();
        let changed = [3, 11, 20, 29];
        let expected: Vec<_> = (0..FOLDERS)
            .filter(|n| !changed.contains(n))
            .map(|n| format!("mid/folder-{n:02}"))
            .collect();
        for threads in [0, 1, 3] {
            assert_eq!(unchanged(&root, &cache, threads), expected);
        }
    }

    #[test]
    fn folders_of_a_file_system_that_may_not_keep_their_times_are_never_unchanged() {
        // Proc makes up its names as it is asked.
        assert_eq!(device(fs::File::open("/proc").unwrap().as_fd()), None);
    }

    #[test]
    fn records_are_copied_as_they_are_and_reading_goes_on_behind_them() {
        let place = tempfile::tempdir().unwrap();
        let (root, path) = (place.path().join("root"), place.path().join("cache"));
        known(&root, &path);
        let mut cache = CacheReader::open(&path);
        let at = fs::File::open(&root).unwrap();
        let found = Unchanged::look(&cache, at.as_fd(), &KnownDatabases::new(), 2);
        let folder = found.folder(&cache, b"mid/folder-04".as_bstr()).unwrap();
        assert_eq!(cache.get(b"mid/folder-02/01".as_bstr()).unwrap().path, "mid/folder-02/01");
        let mut copied = Vec::new();
        folder
            .copy_records(&mut cache, |piece| {
                copied.extend(piece);
                true
            })
            .unwrap();
        assert_eq!(copied.len() as u64, folder.end - folder.span.begin);
        let (first, _) = decode_record(&copied).unwrap();
        assert_eq!(first.path(), "mid/folder-04/00");
        assert_eq!(cache.get(b"mid/folder-04/01".as_bstr()), None);
        assert_eq!(cache.get(b"mid/folder-05/00".as_bstr()).unwrap().path, "mid/folder-05/00");
    }
}
