//! What each file's id was when it was last read, and what the file system said of it then.
//!
//! `.aisr/local/stat-cache` is derived and never transferred: a flat file, in the order in which
//! a scan meets the files, read and written front to back (`docs/format.md`, "Stat cache"). It
//! says what a file's id *is*, never that the store holds it.

use std::cmp::Ordering;
use std::ffi::OsString;
use std::fs::File;
use std::io::{BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use bstr::{BStr, BString};

use crate::capture::StatKey;
use crate::disk::{Dir, Disk, DiskError, NewFile, OnExisting};
use crate::object::{BlobId, ID_LEN, Id, NodeId, limits};

const MAGIC: &[u8; 8] = b"AISRSTAT";
const VERSION: [u8; 8] = [0, 0, 0, 0, 0, 0, 0, 3];
const START: usize = 16 + ID_LEN;
const FIXED: usize = 2 + 8 + 12 + 12 + 8 + 1 + ID_LEN;
const EXECUTABLE: u8 = 1;
const RACY: u8 = 2;
const BUFFER: usize = 64 << 10;
/// So many bytes of entries wait before a file is begun.
const WAITING: usize = 4 << 20;

/// A file as it was when it was last read.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CacheEntry {
    /// Its path inside the root.
    pub path: BString,
    /// What the file system said of it.
    pub stat: StatKey,
    /// Whether it may have changed since without its stat showing it.
    pub racy: bool,
    /// Its content.
    pub id: BlobId,
}

/// The order of a scan: by the parts of the path, so that a folder's files stand together.
pub fn scan_order(a: &BStr, b: &BStr) -> Ordering {
    let part = |byte: &u8| if *byte == b'/' { 0 } else { *byte };
    a.iter().map(part).cmp(b.iter().map(part))
}

/// Appends an entry in the form of the file.
pub fn encode_entry(entry: &CacheEntry, out: &mut Vec<u8>) {
    let time = |out: &mut Vec<u8>, nanos: i128| {
        let seconds = nanos.div_euclid(1_000_000_000) as i64;
        out.extend_from_slice(&seconds.to_le_bytes());
        out.extend_from_slice(&(nanos.rem_euclid(1_000_000_000) as u32).to_le_bytes());
    };
    out.extend_from_slice(&(entry.path.len() as u16).to_le_bytes());
    out.extend_from_slice(&entry.stat.size.to_le_bytes());
    time(out, entry.stat.mtime);
    time(out, entry.stat.ctime);
    out.extend_from_slice(&entry.stat.inode.to_le_bytes());
    let executable = if entry.stat.executable { EXECUTABLE } else { 0 };
    out.push(executable | if entry.racy { RACY } else { 0 });
    out.extend_from_slice(entry.id.as_bytes());
    out.extend_from_slice(&entry.path);
}

/// Reads the entry at the start of `bytes` and says how long it is; `None` when it is not sound.
pub fn decode_entry(bytes: &[u8]) -> Option<(CacheEntry, usize)> {
    let fixed = bytes.first_chunk::<FIXED>()?;
    let len = usize::from(u16::from_le_bytes([fixed[0], fixed[1]]));
    let path = bytes.get(FIXED..FIXED + len).filter(|_| len <= limits::PATH)?;
    let number = |at: usize| u64::from_le_bytes(fixed[at..at + 8].try_into().expect("eight bytes"));
    let time = |at: usize| {
        let nanos = u32::from_le_bytes(fixed[at + 8..at + 12].try_into().expect("four bytes"));
        (nanos < 1_000_000_000)
            .then(|| i128::from(number(at) as i64) * 1_000_000_000 + i128::from(nanos))
    };
    let flags = fixed[42];
    if flags & !(EXECUTABLE | RACY) != 0 {
        return None;
    }
    let stat = StatKey {
        size: number(2),
        mtime: time(10)?,
        ctime: time(22)?,
        inode: number(34),
        executable: flags & EXECUTABLE != 0,
    };
    let id = BlobId::from_id(Id::from_slice(&fixed[43..])?);
    let entry = CacheEntry { path: path.into(), stat, racy: flags & RACY != 0, id };
    Some((entry, FIXED + len))
}

/// The cache as the last commit left it, read front to back.
pub struct CacheReader {
    tree: Option<NodeId>,
    file: Option<Box<dyn Read + Send>>,
    buffer: Vec<u8>,
    at: usize,
    next: Option<CacheEntry>,
}

impl CacheReader {
    /// Opens the cache. One that is missing or damaged counts as empty: its checksum is checked
    /// before anything is believed.
    pub fn open(path: &Path) -> Self {
        let (tree, file) = Self::checked(path).unzip();
        let file = file.map(|file| Box::new(file) as Box<dyn Read + Send>);
        let mut reader = Self { tree, file, buffer: Vec::new(), at: 0, next: None };
        reader.advance();
        reader
    }

    /// The directory tree that names every id in the cache: where HEAD has that tree, the store
    /// holds them all.
    pub fn tree(&self) -> Option<NodeId> {
        self.tree
    }

    fn checked(path: &Path) -> Option<(NodeId, impl Read + Send + use<>)> {
        let mut file = File::open(path).ok()?;
        let len = file.metadata().ok()?.len();
        let body = (len as usize).checked_sub(START)?;
        let mut start = [0; START];
        file.read_exact(&mut start).ok()?;
        let (mark, tree) = start.split_at(16);
        if &mark[..8] != MAGIC || mark[8..] != VERSION {
            return None;
        }
        let mut hasher = blake3::Hasher::new();
        let mut block = vec![0; BUFFER];
        let mut left = body.checked_sub(ID_LEN)?;
        while left > 0 {
            let part = left.min(BUFFER);
            file.read_exact(&mut block[..part]).ok()?;
            hasher.update(&block[..part]);
            left -= part;
        }
        hasher.update(&start);
        let mut sum = [0; ID_LEN];
        file.read_exact(&mut sum).ok()?;
        if *hasher.finalize().as_bytes() != sum {
            return None;
        }
        file.seek(SeekFrom::Start(START as u64)).ok()?;
        let tree = NodeId::from_id(Id::from_slice(tree)?);
        let entries = BufReader::with_capacity(BUFFER, file).take((body - ID_LEN) as u64);
        Some((tree, entries))
    }

    fn advance(&mut self) {
        self.next = self.read();
    }

    fn read(&mut self) -> Option<CacheEntry> {
        loop {
            if let Some((entry, len)) = decode_entry(&self.buffer[self.at..]) {
                self.at += len;
                return Some(entry);
            }
            self.buffer.drain(..self.at);
            self.at = 0;
            let before = self.buffer.len();
            let mut more = self.file.as_mut()?.take(BUFFER as u64);
            more.read_to_end(&mut self.buffer).ok()?;
            if self.buffer.len() == before {
                return None;
            }
        }
    }

    /// What the cache says of `path`. Paths must be asked for in the order of a scan.
    pub fn get(&mut self, path: &BStr) -> Option<CacheEntry> {
        while let Some(next) = &self.next {
            match scan_order(next.path.as_ref(), path) {
                Ordering::Less => self.advance(),
                Ordering::Equal => {
                    let found = self.next.take();
                    self.advance();
                    return found;
                }
                Ordering::Greater => return None,
            }
        }
        None
    }
}

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
        Self { disk, path, waiting: Vec::new(), state: State::Waiting }
    }

    /// Adds a file; files come in the order of a scan.
    pub fn push(&mut self, entry: &CacheEntry) {
        let most = match self.state {
            State::Failed => return,
            State::Waiting => WAITING,
            State::Open(_) => BUFFER,
        };
        encode_entry(entry, &mut self.waiting);
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

/// Puts entries in place of what the cache at `path` says of these paths, given in the order of a
/// scan; `tree` is the directory tree that names all its ids then, if one does.
pub fn patch(
    disk: &Disk,
    path: &Path,
    updates: Vec<(BString, Option<CacheEntry>)>,
    tree: Option<NodeId>,
) {
    let mut old = CacheReader::open(path);
    let mut new = CacheWriter::create(disk, path);
    for (at, update) in updates {
        while let Some(next) = &old.next
            && scan_order(next.path.as_ref(), at.as_ref()) == Ordering::Less
        {
            new.push(next);
            old.advance();
        }
        old.get(at.as_ref());
        if let Some(entry) = update {
            new.push(&entry);
        }
    }
    while let Some(next) = &old.next {
        new.push(next);
        old.advance();
    }
    // No tree has this id.
    new.finish(tree.unwrap_or(NodeId::from_id(Id::new([0; ID_LEN]))));
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn entry() -> impl Strategy<Value = CacheEntry> {
        let times = (0..1i64 << 60, -5_000_000_000..1i64 << 60)
            .prop_map(|(m, c): (i64, i64)| (m.into(), c.into()));
        let path = prop::collection::vec(any::<u8>(), 0..40);
        (path, any::<[u64; 2]>(), times, any::<[bool; 2]>(), any::<[u8; ID_LEN]>()).prop_map(
            |(path, [size, inode], (mtime, ctime), [executable, racy], id)| CacheEntry {
                path: path.into(),
                stat: StatKey { size, mtime, ctime, inode, executable },
                racy,
                id: BlobId::from_id(Id::new(id)),
            },
        )
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn an_entry_reads_as_it_was_written(entry in entry(), tail: Vec<u8>) {
            let mut bytes = Vec::new();
            encode_entry(&entry, &mut bytes);
            let len = bytes.len();
            bytes.extend(tail);
            prop_assert_eq!(decode_entry(&bytes), Some((entry, len)));
            prop_assert_eq!(decode_entry(&bytes[..len - 1]), None);
        }

        #[test]
        fn arbitrary_bytes_are_refused_or_mean_what_they_say(
            bytes in prop::collection::vec(any::<u8>(), FIXED..300),
            flags in 0u8..4,
            path_len in 0u8..200,
        ) {
            let mut bytes = bytes;
            (bytes[0], bytes[1], bytes[42]) = (path_len, 0, flags);
            for time in [10, 22] {
                bytes[time + 11] &= 0x1f;
            }
            if let Some((entry, len)) = decode_entry(&bytes) {
                let mut again = Vec::new();
                encode_entry(&entry, &mut again);
                prop_assert_eq!(&again[..], &bytes[..len]);
            }
        }
    }

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
        cache.push(&entry);
        cache.finish(NodeId::of(b""));
        for nth in 1..=4 {
            let plan = format!("enospc:{nth}").parse().unwrap();
            let mut cache = CacheWriter::create(&Disk::failing(plan), &path);
            cache.push(&CacheEntry { path: "b".into(), ..entry.clone() });
            cache.finish(NodeId::of(b""));
            assert_eq!(CacheReader::open(&path).get("a".into()), Some(entry.clone()), "{nth}");
            assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "{nth}");
        }
    }
}
