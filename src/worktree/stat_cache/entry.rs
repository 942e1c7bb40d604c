//! The records of the stat cache.

use std::cmp::Ordering;

use bstr::{BStr, BString};

use crate::capture::StatKey;
use crate::object::{BlobId, ID_LEN, Id, NodeId, limits};

const FIXED: usize = 2 + 8 + 12 + 12 + 8 + 1 + ID_LEN;
const FLAGS: usize = 42;
const FOLDER_TAIL: usize = ID_LEN + 4 * 8;

const EXECUTABLE: u8 = 1;
const RACY: u8 = 2;
const FOLDER: u8 = 4;
const DATABASE: u8 = 8;

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

/// A folder of which nothing has to be told but its tree, as it was when it was last listed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CachedFolder {
    /// Its path inside the root; empty for the root itself.
    pub path: BString,
    /// What the file system said of it, before it was listed.
    pub stat: StatKey,
    /// Its directory tree.
    pub tree: NodeId,
    /// The content bytes of the tree.
    pub bytes: u64,
    /// How many files and links the tree holds.
    pub files: u64,
    /// How many entries were left out.
    pub ignored: u64,
    /// How many bytes the records of what is in it take: those right before its own.
    pub span: u64,
    /// The ignore rules that were in force around it.
    pub rules: Id,
}

/// A record of the stat cache.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Record {
    /// A file.
    File(CacheEntry),
    /// A path at which a database lies: what is known of it is in `local/databases`.
    Database(BString),
    /// A folder.
    Folder(CachedFolder),
}

impl Record {
    /// The path inside the root.
    pub fn path(&self) -> &BStr {
        match self {
            Self::File(CacheEntry { path, .. })
            | Self::Database(path)
            | Self::Folder(CachedFolder { path, .. }) => path.as_ref(),
        }
    }
}

/// The order of a scan: by the parts of the path, so that a folder's files stand together.
pub fn scan_order(a: &BStr, b: &BStr) -> Ordering {
    let part = |byte: &u8| if *byte == b'/' { 0 } else { *byte };
    a.iter().map(part).cmp(b.iter().map(part))
}

/// Appends a file's record.
pub fn encode_entry(entry: &CacheEntry, out: &mut Vec<u8>) {
    let racy = if entry.racy { RACY } else { 0 };
    encode_fixed(entry.path.as_ref(), &entry.stat, racy, entry.id.as_bytes(), out);
}

/// Reads the file's record at the start of `bytes` and says how long it is; `None` when there is
/// none, or it is not sound.
pub fn decode_entry(bytes: &[u8]) -> Option<(CacheEntry, usize)> {
    match decode_record(bytes)? {
        (Record::File(entry), len) => Some((entry, len)),
        _ => None,
    }
}

/// Appends a record.
pub fn encode_record(record: &Record, out: &mut Vec<u8>) {
    match record {
        Record::File(entry) => encode_entry(entry, out),
        Record::Database(path) => {
            encode_fixed(path.as_ref(), &StatKey::default(), DATABASE, &[0; ID_LEN], out);
        }
        Record::Folder(folder) => {
            let id = folder.tree.as_bytes();
            encode_fixed(folder.path.as_ref(), &folder.stat, FOLDER, id, out);
            for number in [folder.bytes, folder.files, folder.ignored, folder.span] {
                out.extend_from_slice(&number.to_le_bytes());
            }
            out.extend_from_slice(folder.rules.as_bytes());
        }
    }
}

fn encode_fixed(path: &BStr, stat: &StatKey, flags: u8, id: &[u8; ID_LEN], out: &mut Vec<u8>) {
    let time = |out: &mut Vec<u8>, nanos: i128| {
        let seconds = nanos.div_euclid(1_000_000_000) as i64;
        out.extend_from_slice(&seconds.to_le_bytes());
        out.extend_from_slice(&(nanos.rem_euclid(1_000_000_000) as u32).to_le_bytes());
    };
    out.extend_from_slice(&(path.len() as u16).to_le_bytes());
    out.extend_from_slice(&stat.size.to_le_bytes());
    time(out, stat.mtime);
    time(out, stat.ctime);
    out.extend_from_slice(&stat.inode.to_le_bytes());
    out.push(flags | if stat.executable { EXECUTABLE } else { 0 });
    out.extend_from_slice(id);
    out.extend_from_slice(path);
}

/// How long the record at the start of `bytes` is, as far as they tell.
pub(super) fn record_len(bytes: &[u8]) -> Option<usize> {
    let fixed = bytes.first_chunk::<FIXED>()?;
    let tail = if fixed[FLAGS] & FOLDER != 0 { FOLDER_TAIL } else { 0 };
    Some(FIXED + usize::from(u16::from_le_bytes([fixed[0], fixed[1]])) + tail)
}

/// Reads the record at the start of `bytes` and says how long it is; `None` when it is not sound.
pub fn decode_record(bytes: &[u8]) -> Option<(Record, usize)> {
    let fixed = bytes.first_chunk::<FIXED>()?;
    let path_len = usize::from(u16::from_le_bytes([fixed[0], fixed[1]]));
    let end = FIXED + path_len;
    let path: BString = bytes.get(FIXED..end).filter(|_| path_len <= limits::PATH)?.into();
    let number = |at: usize| u64::from_le_bytes(fixed[at..at + 8].try_into().expect("eight bytes"));
    let time = |at: usize| {
        let nanos = u32::from_le_bytes(fixed[at + 8..at + 12].try_into().expect("four bytes"));
        (nanos < 1_000_000_000)
            .then(|| i128::from(number(at) as i64) * 1_000_000_000 + i128::from(nanos))
    };
    let flags = fixed[FLAGS];
    let stat = StatKey {
        size: number(2),
        mtime: time(10)?,
        ctime: time(22)?,
        inode: number(34),
        executable: flags & EXECUTABLE != 0,
    };
    let id = Id::from_slice(&fixed[FLAGS + 1..])?;
    if flags & !(EXECUTABLE | RACY) == 0 {
        let racy = flags & RACY != 0;
        return Some((Record::File(CacheEntry { path, stat, racy, id: BlobId::from_id(id) }), end));
    }
    match flags & !EXECUTABLE {
        DATABASE if stat == StatKey::default() && id == Id::new([0; ID_LEN]) => {
            Some((Record::Database(path), end))
        }
        FOLDER => {
            let tail = bytes.get(end..)?.first_chunk::<FOLDER_TAIL>()?;
            let (numbers, rules) = tail.split_at(4 * 8);
            let mut numbers = numbers
                .chunks_exact(8)
                .map(|bytes| u64::from_le_bytes(bytes.try_into().expect("eight bytes")));
            let mut next = || numbers.next().unwrap_or_default();
            let folder = CachedFolder {
                path,
                stat,
                tree: NodeId::from_id(id),
                bytes: next(),
                files: next(),
                ignored: next(),
                span: next(),
                rules: Id::from_slice(rules)?,
            };
            Some((Record::Folder(folder), end + FOLDER_TAIL))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn stat() -> impl Strategy<Value = StatKey> {
        let times = (0..1i64 << 60, -5_000_000_000..1i64 << 60)
            .prop_map(|(m, c): (i64, i64)| (m.into(), c.into()));
        (any::<[u64; 2]>(), times, any::<bool>()).prop_map(
            |([size, inode], (mtime, ctime), executable)| StatKey {
                size,
                mtime,
                ctime,
                inode,
                executable,
            },
        )
    }

    fn record() -> impl Strategy<Value = Record> {
        let path = prop::collection::vec(any::<u8>(), 0..40);
        let ids = any::<[[u8; ID_LEN]; 2]>();
        (0..3, path, stat(), any::<bool>(), ids, any::<[u64; 4]>()).prop_map(
            |(kind, path, stat, racy, [id, rules], [bytes, files, ignored, span])| {
                let (path, id, rules) = (path.into(), Id::new(id), Id::new(rules));
                match kind {
                    0 => Record::File(CacheEntry { path, stat, racy, id: BlobId::from_id(id) }),
                    1 => Record::Database(path),
                    _ => {
                        let tree = NodeId::from_id(id);
                        let folder =
                            CachedFolder { path, stat, tree, bytes, files, ignored, span, rules };
                        Record::Folder(folder)
                    }
                }
            },
        )
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn a_record_reads_as_it_was_written(record in record(), tail: Vec<u8>) {
            let mut bytes = Vec::new();
            encode_record(&record, &mut bytes);
            let len = bytes.len();
            bytes.extend(tail);
            prop_assert_eq!(decode_record(&bytes), Some((record, len)));
            prop_assert_eq!(decode_record(&bytes[..len - 1]), None);
        }

        #[test]
        fn arbitrary_bytes_are_refused_or_mean_what_they_say(
            bytes in prop::collection::vec(any::<u8>(), FIXED..300),
            flags in 0u8..16,
            path_len in 0u8..200,
        ) {
            let mut bytes = bytes;
            (bytes[0], bytes[1], bytes[FLAGS]) = (path_len, 0, flags);
            for time in [10, 22] {
                bytes[time + 11] &= 0x1f;
            }
            if let Some((record, len)) = decode_record(&bytes) {
                let mut again = Vec::new();
                encode_record(&record, &mut again);
                prop_assert_eq!(&again[..], &bytes[..len]);
            }
        }
    }
}
