//! What each database's image was when it was last read, and what the file system said of it.
//!
//! `.aisr/local/databases` is derived and never transferred, as the stat cache is: there are few
//! databases, so it is read and written whole. One that is missing or damaged counts as empty.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use bstr::BString;

use crate::capture::{DatabaseImage, DatabaseState, StatKey, StateId};
use crate::disk::Disk;
use crate::object::{BlobId, ID_LEN};
use crate::repo::Repository;

use super::stat_cache::{CacheEntry, decode_entry, encode_entry};

const MAGIC: &[u8; 16] = b"AISRDBAS\0\0\0\0\0\0\0\x02";

/// A database as it was when it was last read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct KnownDatabase {
    /// What the file system said of it.
    pub state: DatabaseState,
    /// Whether it may have changed since without showing it.
    pub racy: bool,
    /// What it held. The id is the one that was committed for this state.
    pub image: DatabaseImage,
}

/// The databases of a folder, by their paths inside the root.
pub type KnownDatabases = BTreeMap<BString, KnownDatabase>;

/// Where a repository keeps them.
pub fn file(repo: &Repository) -> PathBuf {
    repo.folder().join("local/databases")
}

/// Reads the file at `path`.
pub fn load(path: &Path) -> KnownDatabases {
    std::fs::read(path).ok().and_then(|bytes| decode(&bytes)).unwrap_or_default()
}

/// Writes the file at `path`. One that cannot be written only costs a read later.
pub fn save(disk: &Disk, path: &Path, databases: &KnownDatabases) {
    let _ = disk.replace_whole(path, &encode(databases), 0o600);
}

/// For each database the entry of its main file, one of its log that carries the state's id and
/// is marked when there is a log, and the size of the image.
fn encode(databases: &KnownDatabases) -> Vec<u8> {
    let mut bytes = MAGIC.to_vec();
    for (path, known) in databases {
        let (stat, racy) = (known.state.main, known.racy);
        let main = CacheEntry { path: path.clone(), stat, racy, id: known.image.id };
        encode_entry(&main, &mut bytes);
        let log = CacheEntry {
            path: BString::default(),
            stat: known.state.wal.unwrap_or_default(),
            racy: known.state.wal.is_some(),
            id: BlobId::from_id(known.image.state.0),
        };
        encode_entry(&log, &mut bytes);
        bytes.extend_from_slice(&known.image.size.to_le_bytes());
    }
    let sum = blake3::hash(&bytes);
    bytes.extend_from_slice(sum.as_bytes());
    bytes
}

fn decode(bytes: &[u8]) -> Option<KnownDatabases> {
    let (body, sum) = bytes.split_at_checked(bytes.len().checked_sub(ID_LEN)?)?;
    if blake3::hash(body).as_bytes().as_slice() != sum {
        return None;
    }
    let mut rest = body.strip_prefix(MAGIC.as_slice())?;
    let mut databases = KnownDatabases::new();
    while !rest.is_empty() {
        let (main, len) = decode_entry(rest)?;
        let (log, log_len) = decode_entry(&rest[len..])?;
        let (size, after) = rest[len + log_len..].split_first_chunk()?;
        rest = after;
        let image = DatabaseImage {
            id: main.id,
            size: u64::from_le_bytes(*size),
            state: StateId(log.id.id()),
        };
        let wal = log.racy.then_some(log.stat);
        let state = DatabaseState { main: main.stat, wal };
        databases.insert(main.path, KnownDatabase { state, racy: main.racy, image });
    }
    Some(databases)
}

impl KnownDatabase {
    /// A file that only begins like a database: it is what its bytes are.
    pub fn of_file(stat: StatKey, racy: bool, id: BlobId) -> Self {
        let state = DatabaseState { main: stat, wal: None };
        let image = DatabaseImage { id, size: stat.size, state: StateId(id.id()) };
        Self { state, racy, image }
    }

    /// Whether it is a file that only begins like a database.
    pub fn is_file(&self) -> bool {
        self.image.state.0 == self.image.id.id()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn databases_read_as_they_were_written_and_damage_counts_as_nothing() {
        let image = DatabaseImage {
            id: BlobId::of(b"image"),
            size: 5,
            state: StateId(BlobId::of(b"state").id()),
        };
        let wal = StatKey { size: 7, mtime: 8, ctime: 9, inode: 10, executable: false };
        let known = |wal, racy| KnownDatabase {
            state: DatabaseState { main: StatKey { size: 4, ..wal_key() }, wal },
            racy,
            image,
        };
        fn wal_key() -> StatKey {
            StatKey { size: 1, mtime: 2, ctime: 3, inode: 4, executable: true }
        }
        let databases = KnownDatabases::from([
            ("a.db".into(), known(None, true)),
            ("b/c.db".into(), known(Some(wal), false)),
        ]);
        let bytes = encode(&databases);
        assert_eq!(decode(&bytes), Some(databases));
        for at in 0..bytes.len() {
            let mut damaged = bytes.clone();
            damaged[at] ^= 1;
            assert_eq!(decode(&damaged), None, "{at}");
            assert_eq!(decode(&bytes[..at]), None, "{at}");
        }
    }
}
