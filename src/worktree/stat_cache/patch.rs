//! Changing a few entries of the stat cache.

use std::cmp::Ordering;
use std::collections::HashSet;
use std::path::Path;

use bstr::{BStr, BString, ByteSlice};

use crate::disk::Disk;
use crate::object::{ID_LEN, Id, NodeId};

use super::entry::{CacheEntry, Record, scan_order};
use super::reader::CacheReader;
use super::writer::CacheWriter;

/// Puts entries in place of what the cache at `path` says of these paths, given in the order of a
/// scan; `tree` is the directory tree that names all its ids then, if one does. The folders around
/// them are to be listed again.
pub fn patch(
    disk: &Disk,
    path: &Path,
    updates: Vec<(BString, Option<CacheEntry>)>,
    tree: Option<NodeId>,
) {
    let mut old = CacheReader::open(path);
    let mut new = CacheWriter::create(disk, path);
    let touched: HashSet<BString> =
        updates.iter().flat_map(|(path, _)| upwards(path.as_ref())).map(BString::from).collect();
    let exact: HashSet<&BStr> = updates.iter().map(|(path, _)| path.as_ref()).collect();
    let stays = |record: &Record| match record {
        Record::File(_) => true,
        Record::Database(path) => !exact.contains(path.as_bstr()),
        Record::Folder(folder) => {
            let path = folder.path.as_bstr();
            !touched.contains(path) && !upwards(path).any(|above| exact.contains(above))
        }
    };
    for (at, update) in &updates {
        while let Some(next) = old.peek()
            && before(next, at.as_ref())
        {
            if stays(next) {
                new.push(next);
            }
            old.advance();
        }
        if let Some(Record::File(next)) = old.peek()
            && next.path == *at
        {
            old.advance();
        }
        if let Some(entry) = update {
            new.push(&Record::File(entry.clone()));
        }
    }
    while let Some(next) = old.peek() {
        if stays(next) {
            new.push(next);
        }
        old.advance();
    }
    // No tree has this id.
    new.finish(tree.unwrap_or(NodeId::from_id(Id::new([0; ID_LEN]))));
}

/// Whether a scan ends with what `record` is of before it comes to the file at `path`.
fn before(record: &Record, path: &BStr) -> bool {
    let at = record.path();
    let inside = match record {
        Record::Folder(_) if at.is_empty() => true,
        Record::Folder(_) => path.strip_prefix(at.as_bytes()).is_some_and(|p| p.starts_with(b"/")),
        Record::File(_) | Record::Database(_) => false,
    };
    !inside && scan_order(at, path) == Ordering::Less
}

/// A path, and those of the folders around it up to the root.
fn upwards(path: &BStr) -> impl Iterator<Item = &BStr> {
    std::iter::successors(Some(path), |path| match path.rfind_byte(b'/') {
        Some(at) => Some(path[..at].as_bstr()),
        None if path.is_empty() => None,
        None => Some(b"".as_bstr()),
    })
}

#[cfg(test)]
mod tests {
    use crate::capture::StatKey;
    use crate::object::BlobId;
    use crate::worktree::stat_cache::CachedFolder;

    use super::*;

    fn file(path: &str, size: u64) -> CacheEntry {
        let stat = StatKey { size, ..StatKey::default() };
        CacheEntry { path: path.into(), stat, racy: false, id: BlobId::of(b"") }
    }

    fn folder(path: &str) -> Record {
        Record::Folder(CachedFolder {
            path: path.into(),
            stat: StatKey::default(),
            tree: NodeId::of(b""),
            bytes: 0,
            files: 0,
            ignored: 0,
            span: 0,
            rules: Id::new([0; ID_LEN]),
        })
    }

    #[test]
    fn folders_around_a_patched_path_and_in_its_place_are_dropped() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("stat-cache");
        let mut cache = CacheWriter::create(&Disk::new(), &path);
        for record in [
            Record::File(file("a/x", 1)),
            folder("a"),
            Record::Database("b/db".into()),
            Record::File(file("b/c/x", 1)),
            folder("b/c"),
            Record::File(file("b/y", 1)),
            folder("b"),
            Record::File(file("d/e/f", 1)),
            folder("d/e"),
            folder("d"),
            folder(""),
        ] {
            cache.push(&record);
        }
        cache.finish(NodeId::of(b"tree"));
        let updates = vec![
            ("b/db".into(), Some(file("b/db", 2))),
            ("b/x".into(), Some(file("b/x", 2))),
            ("b/y".into(), None),
            ("d".into(), Some(file("d", 2))),
            ("d/e/f".into(), None),
        ];
        patch(&Disk::new(), &path, updates, Some(NodeId::of(b"next")));
        let mut left = Vec::new();
        let mut now = CacheReader::open(&path);
        assert_eq!(now.tree(), Some(NodeId::of(b"next")));
        while let Some(record) = now.peek() {
            left.push(record.clone());
            now.advance();
        }
        let expected = [
            Record::File(file("a/x", 1)),
            folder("a"),
            Record::File(file("b/db", 2)),
            Record::File(file("b/c/x", 1)),
            folder("b/c"),
            Record::File(file("b/x", 2)),
            Record::File(file("d", 2)),
        ];
        assert_eq!(left, expected);
    }
}
