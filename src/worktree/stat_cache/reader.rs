//! Reading the stat cache front to back.

use std::cmp::Ordering;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;

use bstr::BStr;

use crate::object::{ID_LEN, Id, NodeId};

use super::entry::{CacheEntry, Record, decode_record, scan_order};
use super::{MAGIC, START, VERSION};

const BUFFER: usize = 64 << 10;

/// The cache as the last commit left it, read front to back.
pub struct CacheReader {
    tree: Option<NodeId>,
    records: Records,
    next: Option<Record>,
}

/// The records of a file, or of some part of it.
pub(super) struct Records {
    file: Option<File>,
    /// The offset of the first byte that is not in the buffer.
    at: u64,
    end: u64,
    buffer: Vec<u8>,
    decoded: usize,
}

impl CacheReader {
    /// Opens the cache. One that is missing or damaged counts as empty: its checksum is checked
    /// before anything is believed.
    pub fn open(path: &Path) -> Self {
        let (tree, records) = match checked(path) {
            Some((tree, file, end)) => (Some(tree), Records::new(Some(file), START as u64, end)),
            None => (None, Records::new(None, 0, 0)),
        };
        let mut reader = Self { tree, records, next: None };
        reader.advance();
        reader
    }

    /// The directory tree that names every id in the cache: where HEAD has that tree, the store
    /// holds them all.
    pub fn tree(&self) -> Option<NodeId> {
        self.tree
    }

    /// The file, and where its records begin and end.
    pub(super) fn file(&self) -> Option<(&File, u64, u64)> {
        Some((self.records.file.as_ref()?, START as u64, self.records.end))
    }

    /// The record that comes next.
    pub(super) fn peek(&self) -> Option<&Record> {
        self.next.as_ref()
    }

    /// Passes over a record.
    pub(super) fn advance(&mut self) {
        self.next = self.records.next();
    }

    /// Goes on with the record at `offset` of the file, which lies ahead.
    pub(super) fn skip_to(&mut self, offset: u64) {
        self.records.skip_to(offset);
        self.advance();
    }

    /// What the cache says of the file at `path`. Paths must be asked for in the order of a scan.
    pub fn get(&mut self, path: &BStr) -> Option<CacheEntry> {
        while let Some(next) = &self.next {
            match next {
                Record::File(_) => {}
                Record::Database(_) | Record::Folder(_) => {
                    self.advance();
                    continue;
                }
            }
            match scan_order(next.path(), path) {
                Ordering::Less => self.advance(),
                Ordering::Equal => {
                    let found = self.next.take();
                    self.advance();
                    let Some(Record::File(found)) = found else { return None };
                    return Some(found);
                }
                Ordering::Greater => return None,
            }
        }
        None
    }
}

fn checked(path: &Path) -> Option<(NodeId, File, u64)> {
    let file = File::open(path).ok()?;
    let len = file.metadata().ok()?.len();
    let end = len.checked_sub(ID_LEN as u64).filter(|end| *end >= START as u64)?;
    let mut start = [0; START];
    file.read_exact_at(&mut start, 0).ok()?;
    let (mark, tree) = start.split_at(16);
    if &mark[..8] != MAGIC || mark[8..] != VERSION {
        return None;
    }
    let mut hasher = blake3::Hasher::new();
    let mut block = vec![0; BUFFER];
    let mut at = START as u64;
    while at < end {
        let part = (end - at).min(BUFFER as u64) as usize;
        file.read_exact_at(&mut block[..part], at).ok()?;
        hasher.update(&block[..part]);
        at += part as u64;
    }
    hasher.update(&start);
    let mut sum = [0; ID_LEN];
    file.read_exact_at(&mut sum, end).ok()?;
    let tree = NodeId::from_id(Id::from_slice(tree)?);
    (*hasher.finalize().as_bytes() == sum).then_some((tree, file, end))
}

impl Records {
    fn new(file: Option<File>, at: u64, end: u64) -> Self {
        Self { file, at, end, buffer: Vec::new(), decoded: 0 }
    }

    fn next(&mut self) -> Option<Record> {
        loop {
            if let Some((record, len)) = decode_record(&self.buffer[self.decoded..]) {
                self.decoded += len;
                return Some(record);
            }
            self.buffer.drain(..self.decoded);
            self.decoded = 0;
            let before = self.buffer.len();
            let more = (self.end - self.at).min(BUFFER as u64);
            if more == 0 {
                return None;
            }
            self.buffer.resize(before + more as usize, 0);
            let file = self.file.as_ref()?;
            if file.read_exact_at(&mut self.buffer[before..], self.at).is_err() {
                self.buffer.truncate(before);
                self.at = self.end;
                return None;
            }
            self.at += more;
        }
    }

    fn skip_to(&mut self, offset: u64) {
        let buffered = self.at - (self.buffer.len() - self.decoded) as u64;
        match offset.checked_sub(buffered) {
            Some(ahead) if ahead <= (self.buffer.len() - self.decoded) as u64 => {
                self.decoded += ahead as usize;
            }
            _ => {
                (self.at, self.decoded) = (offset.min(self.end), 0);
                self.buffer.clear();
            }
        }
    }
}
