//! Reading a large file: once, in order, while workers hash and code it piece by piece.

use std::collections::BTreeMap;
use std::num::NonZeroU64;
use std::ops::Range;
use std::os::fd::OwnedFd;

use blake3::hazmat::ChainingValue;
use crossbeam_channel::{Receiver, Sender, unbounded};
use rustix::fs::{Advice, fadvise};

use crate::chunk::{ContentHint, Cutter, is_zero};
use crate::object::BlobId;
use crate::store::whole_hash::{self, WINDOW};
use crate::store::{Batch, RecipeWriter};

use super::error::CaptureError;
use super::pool::{Captured, Outcome, Pool, Request, Task};
use super::secrets::{SCAN_LIMIT, SecretGuard};
use super::small::{ATTEMPTS, may_store, open};
use super::sqlite_btree::Geometry;
use super::sqlite_secrets::is_clear;
use super::stat::{StatKey, now_nanos};

/// A stretch of a file: the chunks that start in it, and the window whose hash it carries.
pub(super) struct Piece {
    number: usize,
    offset: u64,
    bytes: Vec<u8>,
    /// Where the window lies in `bytes`; before it is what the piece before left over.
    window: Range<usize>,
    chunks: Vec<(Range<usize>, ContentHint)>,
    buffers: Sender<Vec<u8>>,
    /// These are pages of a database, to be scanned for secrets.
    geometry: Option<Geometry>,
}

/// A chunk that a worker did not store: the source must decide.
struct Doubt {
    offset: u64,
    bytes: Vec<u8>,
    hint: ContentHint,
}

/// What a worker made of a piece.
pub(super) struct PieceResult {
    number: usize,
    /// Absent where a file ended earlier than it said, just before this window.
    window: Option<ChainingValue>,
    chunks: Vec<(BlobId, u64)>,
    doubts: Vec<Doubt>,
}

impl Piece {
    /// Hashes the window, and stores the chunks.
    pub(super) fn store(self, batch: &mut Batch<'_, '_>) -> Result<PieceResult, CaptureError> {
        let window = &self.bytes[self.window.clone()];
        let window = (!window.is_empty()).then(|| whole_hash::window(self.offset, window));
        let mut chunks = Vec::with_capacity(self.chunks.len());
        let mut doubts = Vec::new();
        let start = self.offset - self.window.start as u64;
        for (range, hint) in &self.chunks {
            let (bytes, hint) = (&self.bytes[range.clone()], *hint);
            let offset = start + range.start as u64;
            let id = match &self.geometry {
                None => batch.chunk(bytes, hint)?,
                Some(geometry) => {
                    let clear = || is_clear(geometry, offset, bytes);
                    let (id, stored) = batch.chunk_if(bytes, hint, clear)?;
                    if !stored {
                        doubts.push(Doubt { offset, bytes: bytes.to_vec(), hint });
                    }
                    id
                }
            };
            chunks.push((id, bytes.len() as u64));
        }
        let _ = self.buffers.send(self.bytes);
        Ok(PieceResult { number: self.number, window, chunks, doubts })
    }
}

/// Bytes that are read front to back; only the head is asked for twice.
pub(super) trait Source {
    /// Fills the buffer with what lies at `offset`; less only at the end.
    fn read(&mut self, offset: u64, buffer: &mut [u8]) -> Result<usize, CaptureError>;
    /// Told that what was read there is all zero.
    fn zeros(&mut self, _offset: u64, _len: NonZeroU64) {}
    /// How its pages lie, where it is a database that is scanned for secrets.
    fn geometry(&self) -> Option<Geometry> {
        None
    }
    /// Whether these pages, which begin at `offset` and are not clear by themselves, may be stored.
    fn passes(&mut self, _offset: u64, _bytes: &[u8]) -> bool {
        true
    }
}

/// A plain file.
struct FileSource<'r> {
    request: &'r Request,
    file: &'r OwnedFd,
}

impl Source for FileSource<'_> {
    fn read(&mut self, offset: u64, buffer: &mut [u8]) -> Result<usize, CaptureError> {
        read_full(self.file, offset, buffer).map_err(|e| self.request.failed(e))
    }

    fn zeros(&mut self, offset: u64, len: NonZeroU64) {
        // A hole, most likely: zeros are not worth what they would push out of the page cache.
        let _ = fadvise(self.file, offset, Some(len), Advice::DontNeed);
    }
}

/// A file that was read whole already, because it was scanned: what is stored is what was scanned.
struct MemorySource<'r>(&'r [u8]);

impl Source for MemorySource<'_> {
    fn read(&mut self, offset: u64, buffer: &mut [u8]) -> Result<usize, CaptureError> {
        let rest = &self.0[self.0.len().min(offset as usize)..];
        let len = rest.len().min(buffer.len());
        buffer[..len].copy_from_slice(&rest[..len]);
        Ok(len)
    }
}

/// Reads a source front to back and cuts it into pieces.
struct PieceReader<'s> {
    source: &'s mut dyn Source,
    len: u64,
    cutter: Cutter,
    at: u64,
    number: usize,
    left_over: Vec<u8>,
    buffers: Sender<Vec<u8>>,
    returned: Receiver<Vec<u8>>,
    geometry: Option<Geometry>,
}

impl<'s> PieceReader<'s> {
    fn new(source: &'s mut dyn Source, len: u64) -> Result<Self, CaptureError> {
        let mut head = Vec::new();
        let mut wanted = len.min(64 << 10) as usize;
        loop {
            head.resize(wanted, 0);
            let got = source.read(0, &mut head)?;
            head.truncate(got);
            match Cutter::bytes_needed(&head, len) {
                Some(more) if got == wanted && more > wanted => wanted = more,
                _ => break,
            }
        }
        let cutter = Cutter::new(&head, len);
        let (buffers, returned) = unbounded();
        let (left_over, geometry) = (Vec::new(), source.geometry());
        Ok(Self { source, len, cutter, at: 0, number: 0, left_over, buffers, returned, geometry })
    }

    /// The next piece, or `None` at the end. A file that shrank ends where it ends now.
    fn next(&mut self) -> Result<Option<Piece>, CaptureError> {
        let room = self.len - self.at;
        if room == 0 {
            return Ok(None);
        }
        let mut bytes = self.returned.try_recv().unwrap_or_default();
        let start = self.left_over.len();
        let wanted = room.min(WINDOW as u64) as usize;
        // What a returned buffer held is written over.
        bytes.resize(start + wanted, 0);
        bytes[..start].copy_from_slice(&self.left_over);
        let got = self.source.read(self.at, &mut bytes[start..])?;
        bytes.truncate(start + got);
        let offset = self.at;
        if let Some(len) = NonZeroU64::new(got as u64).filter(|_| is_zero(&bytes[start..])) {
            self.source.zeros(offset, len);
        }
        self.at += got as u64;
        if got < wanted {
            self.len = self.at;
        }
        let at_eof = self.at == self.len;
        let (mut from, mut chunks) = (0, Vec::new());
        let enough = |rest: usize, lookahead| at_eof || rest >= lookahead;
        while enough(bytes.len() - from, self.cutter.lookahead()) {
            let Some(cut) = self.cutter.next(&bytes[from..], at_eof) else { break };
            chunks.push((from..from + cut.len, cut.hint));
            from += cut.len;
        }
        self.left_over.clear();
        self.left_over.extend_from_slice(&bytes[from..]);
        let number = self.number;
        self.number += 1;
        let window = start..bytes.len();
        let buffers = self.buffers.clone();
        let geometry = self.geometry;
        Ok(Some(Piece { number, offset, bytes, window, chunks, buffers, geometry }))
    }
}

pub(super) fn read_full(
    file: &OwnedFd,
    mut offset: u64,
    mut buffer: &mut [u8],
) -> std::io::Result<usize> {
    let wanted = buffer.len();
    while !buffer.is_empty() {
        match rustix::io::pread(file, &mut *buffer, offset) {
            Ok(0) => break,
            Ok(n) => {
                offset += n as u64;
                buffer = &mut buffer[n..];
            }
            Err(rustix::io::Errno::INTR) => {}
            Err(e) => return Err(e.into()),
        }
    }
    Ok(wanted - buffer.len())
}

/// Puts the results of pieces in order, and builds the recipe out of them.
#[derive(Default)]
struct Assembly {
    early: BTreeMap<usize, PieceResult>,
    pieces: usize,
    windows: Vec<ChainingValue>,
    recipe: RecipeWriter,
    total: u64,
    first: Option<(BlobId, u64)>,
    /// Some of it may not be stored: then there is no recipe either.
    refused: bool,
}

impl Assembly {
    /// Adds what a worker made of a piece, and has `source` decide where it was in doubt.
    fn take(
        &mut self,
        batch: &mut Batch<'_, '_>,
        mut piece: PieceResult,
        source: &mut dyn Source,
    ) -> Result<(), CaptureError> {
        for doubt in std::mem::take(&mut piece.doubts) {
            match source.passes(doubt.offset, &doubt.bytes) {
                true => drop(batch.chunk(&doubt.bytes, doubt.hint)?),
                false => self.refused = true,
            }
        }
        self.add(batch, piece)
    }

    fn add(&mut self, batch: &mut Batch<'_, '_>, piece: PieceResult) -> Result<(), CaptureError> {
        self.early.insert(piece.number, piece);
        while let Some(piece) = self.early.remove(&self.pieces) {
            self.pieces += 1;
            self.windows.extend(piece.window);
            for (id, len) in piece.chunks {
                self.first.get_or_insert((id, len));
                self.total += len;
                if !self.refused {
                    self.recipe.chunk(batch, id, len)?;
                }
            }
        }
        Ok(())
    }

    /// The blob's id, its recipe stored. `first` is the hash of the first window alone.
    fn finish(
        self,
        batch: &mut Batch<'_, '_>,
        first: Option<BlobId>,
    ) -> Result<BlobId, CaptureError> {
        let id = match (self.windows.as_slice(), first) {
            ([], _) | (_, None) => return Ok(batch.blob(&[], ContentHint::Unknown)?),
            ([_], Some(first)) => first,
            (windows, _) => whole_hash::root(windows),
        };
        // A file that one chunk holds is that chunk.
        if !self.refused && self.first != Some((id, self.total)) {
            self.recipe.finish(batch, id)?;
        }
        Ok(id)
    }
}

/// The hash of a file that turns out to be the first window alone, which is not that of a subtree.
fn first_window(piece: &Piece) -> BlobId {
    BlobId::of(&piece.bytes[piece.window.clone()])
}

impl Pool<'_> {
    /// Captures a large file. The caller's thread reads; workers do the rest. `progress` is told
    /// of each stretch that was read.
    ///
    /// # Errors
    /// When the file cannot be read or the store cannot take it.
    pub fn large(
        &self,
        request: &Request,
        batch: &mut Batch<'_, '_>,
        progress: &dyn Fn(u64),
    ) -> Result<Outcome, CaptureError> {
        let Some(file) = open(request)? else { return Ok(Outcome::Vanished) };
        if request.is_database(&file)? {
            return Ok(Outcome::Database);
        }
        steady(request, &file, |len| {
            guarded(request, &file, len, batch, self.guard(), |source, batch| {
                let streamed = self.stream(source, len, batch, progress)?;
                Ok((streamed.id, streamed.len))
            })
        })
    }

    /// Stores what `source` gives; the caller's thread reads, workers do the rest.
    pub(super) fn stream(
        &self,
        source: &mut dyn Source,
        len: u64,
        batch: &mut Batch<'_, '_>,
        progress: &dyn Fn(u64),
    ) -> Result<Streamed, CaptureError> {
        let (answer, answers) = unbounded();
        let most = 2 * self.threads() + 2;
        let mut reader = PieceReader::new(source, len)?;
        let (mut assembly, mut flying) = (Assembly::default(), 0);
        let mut first = None;
        while let Some(piece) = reader.next()? {
            progress(piece.window.len() as u64);
            first = first.or_else(|| Some(first_window(&piece)));
            self.send(Task::Piece(piece, answer.clone()))?;
            flying += 1;
            while flying >= most {
                assembly.take(batch, receive(&answers)?, reader.source)?;
                flying -= 1;
            }
        }
        for _ in 0..flying {
            assembly.take(batch, receive(&answers)?, reader.source)?;
        }
        let len = assembly.total;
        let windows = assembly.windows.clone();
        Ok(Streamed { id: assembly.finish(batch, first)?, len, windows })
    }
}

/// What was streamed into the store.
pub(super) struct Streamed {
    pub id: BlobId,
    pub len: u64,
    /// The chaining values of its windows, of which it has more than one, or is one.
    pub windows: Vec<ChainingValue>,
}

fn receive(
    answers: &Receiver<Result<PieceResult, CaptureError>>,
) -> Result<PieceResult, CaptureError> {
    answers.recv().map_err(|_| CaptureError::Stopped)?
}

/// Captures a file that turned out large, on this thread alone.
pub(super) fn capture_alone(
    request: &Request,
    file: &OwnedFd,
    batch: &mut Batch<'_, '_>,
    guard: Option<&SecretGuard<'_>>,
) -> Result<Outcome, CaptureError> {
    steady(request, file, |len| {
        guarded(request, file, len, batch, guard, |source, batch| {
            let mut reader = PieceReader::new(source, len)?;
            let (mut assembly, mut first) = (Assembly::default(), None);
            while let Some(piece) = reader.next()? {
                first = first.or_else(|| Some(first_window(&piece)));
                let result = piece.store(batch)?;
                assembly.add(batch, result)?;
            }
            let total = assembly.total;
            Ok((assembly.finish(batch, first)?, total))
        })
    })
}

/// Has the content of a file stored, unless the guard refuses it: then it only gets its id.
fn guarded(
    request: &Request,
    file: &OwnedFd,
    len: u64,
    batch: &mut Batch<'_, '_>,
    guard: Option<&SecretGuard<'_>>,
    store: impl FnOnce(&mut dyn Source, &mut Batch<'_, '_>) -> Result<(BlobId, u64), CaptureError>,
) -> Result<(BlobId, u64), CaptureError> {
    match read_to_scan(request, file, len, guard)? {
        None => store(&mut FileSource { request, file }, batch),
        Some(bytes) if may_store(request, &bytes, batch, guard)? => {
            store(&mut MemorySource(&bytes), batch)
        }
        Some(bytes) => Ok((BlobId::of(&bytes), bytes.len() as u64)),
    }
}

/// A file that is short enough to be scanned, read whole. Others are counted.
fn read_to_scan(
    request: &Request,
    file: &OwnedFd,
    len: u64,
    guard: Option<&SecretGuard<'_>>,
) -> Result<Option<Vec<u8>>, CaptureError> {
    let Some(guard) = guard else { return Ok(None) };
    if len > SCAN_LIMIT {
        guard.skip();
        return Ok(None);
    }
    let mut bytes = vec![0; len as usize];
    let got = read_full(file, 0, &mut bytes).map_err(|e| request.failed(e))?;
    bytes.truncate(got);
    Ok(Some(bytes))
}

/// Reads a file until it holds still, at most [`ATTEMPTS`] times.
fn steady(
    request: &Request,
    file: &OwnedFd,
    mut read: impl FnMut(u64) -> Result<(BlobId, u64), CaptureError>,
) -> Result<Outcome, CaptureError> {
    let stat = || StatKey::of_file(file).map_err(|e| request.failed(e));
    for attempt in 1..=ATTEMPTS {
        let started = now_nanos();
        let Some(before) = stat()? else { return Ok(Outcome::Vanished) };
        let (id, size) = read(before.size)?;
        let held = stat()? == Some(before) && size == before.size;
        if held || attempt == ATTEMPTS {
            let racy = !held || before.is_racy(started);
            let stat = StatKey { size, ..before };
            return Ok(Outcome::Captured(Captured { id, stat, racy, moved: !held }));
        }
    }
    unreachable!("the last attempt returns")
}
