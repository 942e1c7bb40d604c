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
    let failed = |e| request.failed(e);
    for attempt in 1..=ATTEMPTS {
        let started = now_nanos();
        let Some(before) = StatKey::of_file(&file).map_err(failed)? else {
            return Ok(Outcome::Vanished);
        };
        if before.size > WHOLE_LIMIT {
            return large::capture_alone(request, &file, batch, guard);
        }
        buffer.clear();
        let handle = File::from(file.try_clone().map_err(failed)?);
        rustix::fs::seek(&file, rustix::fs::SeekFrom::Start(0)).map_err(|e| failed(e.into()))?;
        // One byte more than expected shows that the file grew.
        handle.take(before.size + 1).read_to_end(buffer).map_err(failed)?;
        let after = StatKey::of_file(&file).map_err(failed)?;
        let steady = after == Some(before) && buffer.len() as u64 == before.size;
        if steady || attempt == ATTEMPTS {
            let id = if may_store(request, buffer, batch, guard)? {
                batch.blob(buffer, ContentHint::Block)?
            } else {
                BlobId::of(buffer)
            };
            let stat = StatKey { size: buffer.len() as u64, ..before };
            let racy = !steady || before.is_racy(started);
            return Ok(Outcome::Captured(Captured { id, stat, racy, moved: !steady }));
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
