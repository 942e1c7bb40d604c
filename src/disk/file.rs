//! A file open for writing.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use super::dir::{bits, regular_len};
use super::error::{Action, DiskError, Result, failed};
use super::handle::Disk;
use super::operation::{FileId, Operation};

/// A file open for writing; several threads may write to it at once.
///
/// Content is durable after [`DurableFile::sync`]; the name is a matter of the folder. When a sync
/// fails the system may have dropped what was written, and a second sync would report success: so
/// after a failure every further write and sync fails.
#[derive(Debug)]
pub struct DurableFile {
    disk: Disk,
    file: File,
    path: PathBuf,
    id: FileId,
    /// Where the next `append` goes.
    end: AtomicU64,
    /// How many changes were made, counted after each.
    changes: AtomicU64,
    /// How many of them are durable. Held during a sync: the system reports a failure once, so no
    /// other thread may sync until this one's failure is known.
    synced: Mutex<u64>,
    poisoned: AtomicBool,
}

impl DurableFile {
    pub(super) fn new(disk: &Disk, file: File, path: PathBuf, id: FileId, len: u64) -> DurableFile {
        DurableFile {
            disk: disk.clone(),
            file,
            path,
            id,
            end: AtomicU64::new(len),
            // A new file is to be synced even when it is empty.
            changes: AtomicU64::new(1),
            synced: Mutex::new(0),
            poisoned: AtomicBool::new(false),
        }
    }

    /// The path under which the file was opened.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The file's present length.
    pub fn len(&self) -> Result<u64> {
        regular_len(&self.file).map_err(failed(Action::Read, &self.path))
    }

    /// Whether the file has no bytes.
    pub fn is_empty(&self) -> Result<bool> {
        Ok(self.len()? == 0)
    }

    /// Writes all bytes at an offset.
    pub fn write_all_at(&self, offset: u64, bytes: &[u8]) -> Result<()> {
        let end = offset.saturating_add(bytes.len() as u64);
        self.end.fetch_max(end, Ordering::Relaxed);
        self.write(offset, bytes)
    }

    /// Writes all bytes behind all that was written, and tells where they lie.
    ///
    /// Each call reserves its own range, so threads do not wait for each other; the range of a call
    /// that fails stays a hole.
    pub fn append(&self, bytes: &[u8]) -> Result<u64> {
        let offset = self.end.fetch_add(bytes.len() as u64, Ordering::Relaxed);
        self.write(offset, bytes)?;
        Ok(offset)
    }

    fn write(&self, offset: u64, bytes: &[u8]) -> Result<()> {
        self.check()?;
        let written =
            self.disk.write(self.id, offset, bytes, |bytes| self.file.write_all_at(bytes, offset));
        self.changes.fetch_add(1, Ordering::AcqRel);
        written.map_err(failed(Action::Write, &self.path))
    }

    /// Reserves space for a file of this length, so that running out of it shows early.
    ///
    /// The length does not change; [`DurableFile::truncate`] gives back what was not needed. A file
    /// system that cannot reserve is no error.
    pub fn allocate(&self, len: u64) -> Result<()> {
        self.check()?;
        if len == 0 {
            return Ok(());
        }
        let file = self.id;
        self.disk
            .change(
                Action::Allocate,
                || reserve(&self.file, len),
                |_| Some(Operation::Allocate { file, len }),
            )
            .map_err(failed(Action::Allocate, &self.path))
    }

    /// Sets the length; the next `append` goes there.
    pub fn truncate(&self, len: u64) -> Result<()> {
        self.check()?;
        let file = self.id;
        let truncated = self.disk.change(
            Action::Truncate,
            || self.file.set_len(len),
            |_| Some(Operation::Truncate { file, len }),
        );
        self.changes.fetch_add(1, Ordering::AcqRel);
        truncated.map_err(failed(Action::Truncate, &self.path))?;
        self.end.store(len, Ordering::Relaxed);
        Ok(())
    }

    /// Sets the permission bits, whatever the umask.
    pub fn set_mode(&self, mode: u32) -> Result<()> {
        self.check()?;
        let file = self.id;
        let set = self.disk.change(
            Action::SetMode,
            || Ok(rustix::fs::fchmod(&self.file, bits(mode))?),
            |_| Some(Operation::SetMode { file, mode }),
        );
        self.changes.fetch_add(1, Ordering::AcqRel);
        set.map_err(failed(Action::SetMode, &self.path))
    }

    /// Makes content, length and permission bits durable; a failure spends the handle.
    pub fn sync(&self) -> Result<()> {
        let mut synced = self.synced.lock().unwrap_or_else(PoisonError::into_inner);
        self.sync_holding(&mut synced)
    }

    /// Syncs if anything was written since the last sync.
    pub fn sync_if_needed(&self) -> Result<()> {
        let mut synced = self.synced.lock().unwrap_or_else(PoisonError::into_inner);
        if *synced == self.changes.load(Ordering::Acquire) {
            return self.check();
        }
        self.sync_holding(&mut synced)
    }

    fn sync_holding(&self, synced: &mut u64) -> Result<()> {
        self.check()?;
        let changes = self.changes.load(Ordering::Acquire);
        let file = self.id;
        let outcome = self.disk.sync(
            Action::SyncFile,
            || self.file.sync_all(),
            |_| Some(Operation::SyncFile { file }),
        );
        match outcome {
            Ok(()) => *synced = changes,
            Err(_) => self.poisoned.store(true, Ordering::Release),
        }
        outcome.map_err(failed(Action::SyncFile, &self.path))
    }

    fn check(&self) -> Result<()> {
        if self.poisoned.load(Ordering::Acquire) {
            return Err(DiskError::Poisoned { path: self.path.clone() });
        }
        Ok(())
    }
}

#[cfg(any(target_os = "linux", target_os = "android"))]
fn reserve(file: &File, len: u64) -> io::Result<()> {
    match rustix::fs::fallocate(file, rustix::fs::FallocateFlags::KEEP_SIZE, 0, len) {
        Err(rustix::io::Errno::OPNOTSUPP | rustix::io::Errno::NOSYS) => Ok(()),
        other => Ok(other?),
    }
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn reserve(_: &File, _: u64) -> io::Result<()> {
    Ok(())
}
