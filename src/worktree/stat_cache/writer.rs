//! Writing the stat cache front to back.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use crate::disk::{Dir, Disk, DiskError, NewFile, OnExisting};
use crate::object::NodeId;

use super::entry::{Record, encode_record};
use super::{MAGIC, START, VERSION};

const BUFFER: usize = 64 << 10;
/// So many bytes of records wait before a file is begun.
const WAITING: usize = 4 << 20;

/// The cache that this scan leaves, written front to back.
///
/// A cache that cannot be written is no error: it only saves work, and the one before stays. So a
/// commit neither fails nor seems to have failed because of it.
///
/// The file is begun when what waits is more than memory should hold, so a look at a folder where
/// nothing changed begins none.
pub struct CacheWriter {
    disk: Disk,
    path: PathBuf,
    waiting: Vec<u8>,
    len: u64,
    state: State,
}

enum State {
    /// All entries wait in memory.
    Waiting,
    Open(Box<OpenCache>),
    /// It could not be written.
    Failed,
}

struct OpenCache {
    folder: Dir,
    file: NewFile,
    name: OsString,
    hasher: blake3::Hasher,
    at: u64,
}

impl CacheWriter {
    /// Begins a cache that will replace the one at `path`.
    pub fn create(disk: &Disk, path: &Path) -> Self {
        let (disk, path) = (disk.clone(), path.to_owned());
        Self { disk, path, waiting: Vec::new(), len: 0, state: State::Waiting }
    }

    /// How many bytes of records it has.
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Adds a record; records come in the order in which a scan ends with things.
    pub fn push(&mut self, record: &Record) {
        let before = self.waiting.len();
        encode_record(record, &mut self.waiting);
        self.added(self.waiting.len() - before);
    }

    /// Adds records as another cache has them.
    pub fn push_encoded(&mut self, records: &[u8]) {
        self.waiting.extend_from_slice(records);
        self.added(records.len());
    }

    fn added(&mut self, bytes: usize) {
        self.len += bytes as u64;
        let most = match self.state {
            State::Failed => 0,
            State::Waiting => WAITING,
            State::Open(_) => BUFFER,
        };
        if self.waiting.len() >= most && self.write().is_err() {
            self.state = State::Failed;
            self.waiting = Vec::new();
        }
    }

    /// Puts the cache in place; `tree` is the directory tree that names all its ids. It is not
    /// made durable: a torn one counts as empty.
    pub fn finish(mut self, tree: NodeId) {
        // What could not be written is dropped, and its temporary file with it.
        if self.write().is_ok()
            && let State::Open(open) = self.state
        {
            let _ = open.finish(tree);
        }
    }

    fn write(&mut self) -> Result<(), DiskError> {
        if matches!(self.state, State::Failed) {
            self.waiting.clear();
        }
        if matches!(self.state, State::Waiting) {
            self.state = State::Open(Box::new(OpenCache::create(&self.disk, &self.path)?));
        }
        if let State::Open(open) = &mut self.state {
            open.write(&self.waiting)?;
            self.waiting.clear();
        }
        Ok(())
    }
}

impl OpenCache {
    fn create(disk: &Disk, path: &Path) -> Result<Self, DiskError> {
        let folder = disk.open_dir(path.parent().unwrap_or(path))?;
        let name = path.file_name().unwrap_or_default().to_owned();
        let file = folder.create_temporary(0o600)?;
        Ok(Self { folder, file, name, hasher: blake3::Hasher::new(), at: START as u64 })
    }

    fn write(&mut self, entries: &[u8]) -> Result<(), DiskError> {
        self.hasher.update(entries);
        self.file.write_all_at(self.at, entries)?;
        self.at += entries.len() as u64;
        Ok(())
    }

    fn finish(mut self, tree: NodeId) -> Result<(), DiskError> {
        // The tree is known last and stands first, so its hash comes after the entries'.
        let start = [&MAGIC[..], &VERSION, tree.as_bytes()].concat();
        self.hasher.update(&start);
        self.file.write_all_at(0, &start)?;
        let sum = *self.hasher.finalize().as_bytes();
        self.file.write_all_at(self.at, &sum)?;
        self.file.place_in(&self.folder, &self.name, OnExisting::Replace)
    }
}

#[cfg(test)]
mod tests {
    use crate::capture::StatKey;
    use crate::object::BlobId;
    use crate::worktree::stat_cache::{CacheEntry, CacheReader};

    use super::*;

    #[test]
    fn a_cache_that_cannot_be_written_is_no_error_and_leaves_the_one_before() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("stat-cache");
        let entry = CacheEntry {
            path: "a".into(),
            stat: StatKey::default(),
            racy: false,
            id: BlobId::of(b"a"),
        };
        let mut cache = CacheWriter::create(&Disk::new(), &path);
        cache.push(&Record::File(entry.clone()));
        cache.finish(NodeId::of(b""));
        for nth in 1..=4 {
            let plan = format!("enospc:{nth}").parse().unwrap();
            let mut cache = CacheWriter::create(&Disk::failing(plan), &path);
            cache.push(&Record::File(CacheEntry { path: "b".into(), ..entry.clone() }));
            cache.finish(NodeId::of(b""));
            assert_eq!(CacheReader::open(&path).get("a".into()), Some(entry.clone()), "{nth}");
            assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "{nth}");
        }
    }
}
