//! Reading a small file whole.

use std::fs::File;
use std::io::Read;
use std::os::fd::{AsFd, OwnedFd};

use rustix::fs::{Mode, OFlags, openat};
use rustix::io::Errno;

use crate::chunk::ContentHint;
use crate::object::BlobId;
use crate::store::Batch;

use super::error::CaptureError;
use super::large;
use super::pool::{Captured, Outcome, Request};
use super::secrets::SecretGuard;
use super::stat::{StatKey, now_nanos};

/// Files up to this length are one object: below it, an edit costs less than a recipe would
/// (`docs/storage.md`, "Small files").
pub const WHOLE_LIMIT: u64 = 256 << 10;

/// How often a file that changes while it is read is read again.
pub(super) const ATTEMPTS: usize = 3;

/// Opens a file of a folder for reading, without following a link or waiting for a pipe.
pub(super) fn open(request: &Request) -> Result<Option<OwnedFd>, CaptureError> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    match openat(request.folder.as_fd(), request.name.as_slice(), flags, Mode::empty()) {
        Ok(file) => Ok(Some(file)),
        // It vanished, or became a link since the folder was listed.
        Err(Errno::NOENT | Errno::LOOP | Errno::NOTDIR) => Ok(None),
        Err(e) => Err(request.failed(e.into())),
    }
}

/// Captures one file without a pool of workers, for the few that are wanted one by one.
///
/// # Errors
/// When it cannot be read or stored.
pub fn capture_one(request: &Request, batch: &mut Batch<'_, '_>) -> Result<Outcome, CaptureError> {
    capture(request, batch, &mut Vec::new(), None)
}

/// Captures one small file. One that changes while it is read is read again.
pub(super) fn capture(
    request: &Request,
    batch: &mut Batch<'_, '_>,
    buffer: &mut Vec<u8>,
    guard: Option<&SecretGuard<'_>>,
) -> Result<Outcome, CaptureError> {
    let Some(file) = open(request)? else { return Ok(Outcome::Vanished) };
    if request.is_database(&file)? {
        return Ok(Outcome::Database);
    }
    let stat = || StatKey::of_file(&file);
    let read = |buffer: &mut Vec<u8>, len: u64| {
        let handle = File::from(file.try_clone()?);
        rustix::fs::seek(&file, rustix::fs::SeekFrom::Start(0))?;
        // One byte more than expected shows that the file grew.
        handle.take(len + 1).read_to_end(buffer)
    };
    match read_whole(buffer, stat, read).map_err(|e| request.failed(e))? {
        Whole::Vanished => Ok(Outcome::Vanished),
        Whole::Grown => large::capture_alone(request, &file, batch, guard),
        Whole::Read { stat, racy, moved } => {
            let id = if may_store(request, buffer, batch, guard)? {
                batch.blob(buffer, ContentHint::Block)?
            } else {
                BlobId::of(buffer)
            };
            Ok(Outcome::Captured(Captured { id, stat, racy, moved }))
        }
    }
}

/// What reading a file whole came to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Whole {
    /// Its content is in the buffer.
    Read { stat: StatKey, racy: bool, moved: bool },
    /// It is longer than [`WHOLE_LIMIT`] now, and was not read.
    Grown,
    /// It is a file no more.
    Vanished,
}

/// Reads a file into `buffer` until it holds still, at most [`ATTEMPTS`] times.
fn read_whole(
    buffer: &mut Vec<u8>,
    stat: impl Fn() -> std::io::Result<Option<StatKey>>,
    mut read: impl FnMut(&mut Vec<u8>, u64) -> std::io::Result<usize>,
) -> std::io::Result<Whole> {
    for attempt in 1..=ATTEMPTS {
        let started = now_nanos();
        let Some(before) = stat()? else { return Ok(Whole::Vanished) };
        if before.size > WHOLE_LIMIT {
            return Ok(Whole::Grown);
        }
        buffer.clear();
        read(buffer, before.size)?;
        let steady = stat()? == Some(before) && buffer.len() as u64 == before.size;
        if steady || attempt == ATTEMPTS {
            let stat = StatKey { size: buffer.len() as u64, ..before };
            let racy = !steady || before.is_racy(started);
            return Ok(Whole::Read { stat, racy, moved: !steady });
        }
    }
    unreachable!("the last attempt returns")
}

/// Whether the guard lets the content of a file be stored. What the store holds, it may hold.
pub(super) fn may_store(
    request: &Request,
    bytes: &[u8],
    batch: &Batch<'_, '_>,
    guard: Option<&SecretGuard<'_>>,
) -> Result<bool, CaptureError> {
    let Some(guard) = guard else { return Ok(true) };
    let mut held = Ok(false);
    let known = || {
        held = batch.holds(BlobId::of(bytes));
        matches!(held, Ok(true))
    };
    let passes = guard.passes(|| request.path(), bytes, known);
    held?;
    Ok(passes)
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    /// Reads a file that is written anew during each of the first `changes` reads.
    fn read_while_it_changes(changes: u8) -> (Whole, Vec<u8>, u8) {
        let (version, mut reads) = (Cell::new(0), 0);
        let stat =
            || Ok(Some(StatKey { size: 2, mtime: version.get().into(), ..StatKey::default() }));
        let mut buffer = Vec::new();
        let read = |buffer: &mut Vec<u8>, _| {
            reads += 1;
            buffer.push(version.get());
            if version.get() < changes {
                version.set(version.get() + 1);
            }
            buffer.push(version.get());
            Ok(2)
        };
        let whole = read_whole(&mut buffer, stat, read).unwrap();
        (whole, buffer, reads)
    }

    #[test]
    fn a_file_that_changes_while_it_is_read_is_read_again() {
        for changes in 0..2 {
            let (whole, buffer, reads) = read_while_it_changes(changes);
            assert_eq!(buffer, [changes; 2], "torn");
            assert_eq!(reads, changes + 1);
            let stat = StatKey { size: 2, mtime: changes.into(), ..StatKey::default() };
            assert_eq!(whole, Whole::Read { stat, racy: false, moved: false });
        }
    }

    #[test]
    fn a_file_that_changes_each_time_it_is_read_is_said_to_have_moved() {
        let (whole, _, reads) = read_while_it_changes(9);
        assert!(matches!(whole, Whole::Read { racy: true, moved: true, .. }), "{whole:?}");
        assert_eq!(reads, 3);
    }
}
