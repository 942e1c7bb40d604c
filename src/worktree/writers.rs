//! The workers that write files out of the store.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::Arc;

use crossbeam_channel::{Receiver, Sender, bounded};

use crate::disk::{Dir, DurableFile};
use crate::object::{BlobId, DecodeError, EntryKind, TreeEntry};
use crate::repo::{RepoError, Repository, ensure_size};
use crate::store::{Blob, ChunkRef};

use super::error::WorktreeError;
use super::report::Progress;

/// Files go to a worker in lots of this many, or of this many bytes.
const LOT_FILES: usize = 64;
const LOT_BYTES: u64 = 1 << 20;
/// Chunks go to a worker in runs of about this many bytes.
const RUN_BYTES: u64 = 2 << 20;
/// So many bytes of a large file are handed out before the disk is set to work on them, while
/// the rest is decoded: else it would idle until the end, and everybody wait for it then.
const FLUSH_BYTES: u64 = 64 << 20;
/// Room that is left on the disk beside what is written.
const SPARE_BYTES: u64 = 16 << 20;

enum Task {
    Files(Vec<FileTask>),
    Run(Arc<DurableFile>, Vec<ChunkRef>),
}

/// A file or link to write; it must not exist.
pub struct FileTask {
    /// Its folder.
    pub folder: Arc<Dir>,
    /// Its name there.
    pub name: OsString,
    /// What it is.
    pub entry: TreeEntry,
}

/// Refuses where the file system of `path` has no room for `needed` bytes.
///
/// # Errors
/// [`WorktreeError::NoRoom`].
pub fn ensure_room(path: &Path, needed: u64) -> Result<(), WorktreeError> {
    let Ok(stat) = rustix::fs::statvfs(path) else { return Ok(()) };
    let free = stat.f_bavail.saturating_mul(stat.f_frsize);
    if free < needed.saturating_add(SPARE_BYTES) {
        return Err(WorktreeError::NoRoom { path: path.into(), needed, free });
    }
    Ok(())
}

/// The way to the workers: small files go in lots, the chunks of a large one to all of them.
pub struct Writers<'r> {
    repo: &'r Repository,
    tasks: Sender<Task>,
    flushes: Sender<Arc<DurableFile>>,
    lot: Vec<FileTask>,
    lot_bytes: u64,
}

impl<'r> Writers<'r> {
    /// Runs `work` beside `threads` workers. All that was handed to them is written when this
    /// returns, and nothing of it is durable.
    ///
    /// # Errors
    /// What `work` says, or what went wrong in a worker.
    pub fn run<T>(
        repo: &'r Repository,
        threads: usize,
        progress: &dyn Progress,
        work: impl FnOnce(&mut Self) -> Result<T, WorktreeError>,
    ) -> Result<T, WorktreeError> {
        let (tasks, queue) = bounded(2 * threads);
        std::thread::scope(|scope| {
            let workers: Vec<_> = (0..threads)
                .map(|_| {
                    let queue = queue.clone();
                    scope.spawn(move || write_all(repo, &queue, progress))
                })
                .collect();
            drop(queue);
            let (flushes, begun) = bounded::<Arc<DurableFile>>(1);
            let flusher = scope.spawn(move || begun.iter().try_for_each(|file| file.sync()));
            let mut writers = Self { repo, tasks, flushes, lot: Vec::new(), lot_bytes: 0 };
            let done = work(&mut writers).and_then(|value| writers.send_lot().map(|()| value));
            drop(writers);
            let mut worked = Ok(());
            for worker in workers {
                worked = worked.and(worker.join().unwrap_or(Err(WorktreeError::Stopped)));
            }
            worked?;
            flusher.join().map_err(|_| WorktreeError::Stopped)??;
            done
        })
    }

    /// Has a file written.
    ///
    /// # Errors
    /// When its content is not in the store, or the workers are gone.
    pub fn file(&mut self, file: FileTask) -> Result<(), WorktreeError> {
        if file.entry.size() > LOT_BYTES {
            self.send_lot()?;
            return self.large(file);
        }
        self.lot_bytes += file.entry.size();
        self.lot.push(file);
        if self.lot.len() >= LOT_FILES || self.lot_bytes >= LOT_BYTES {
            self.send_lot()?;
        }
        Ok(())
    }

    fn send_lot(&mut self) -> Result<(), WorktreeError> {
        self.lot_bytes = 0;
        if self.lot.is_empty() {
            return Ok(());
        }
        let lot = std::mem::take(&mut self.lot);
        self.send(Task::Files(lot))
    }

    fn send(&self, task: Task) -> Result<(), WorktreeError> {
        self.tasks.send(task).map_err(|_| WorktreeError::Stopped)
    }

    /// A large file: its chunks go to all workers.
    fn large(&mut self, task: FileTask) -> Result<(), WorktreeError> {
        let blob = self.repo.store().blob(blob_of(&task.entry)?)?;
        ensure_size(task.entry, blob.len())?;
        let Blob::Chunked(mut chunks) = blob else {
            return self.send(Task::Files(vec![task]));
        };
        let file = create(&task)?;
        file.truncate(task.entry.size())?;
        file.allocate(task.entry.size())?;
        let file = Arc::new(file);
        let (mut run, mut run_bytes, mut waiting) = (Vec::new(), 0, 0);
        while let Some(chunk) = chunks.next_chunk()? {
            run.push(chunk);
            run_bytes += chunk.len;
            if run_bytes >= RUN_BYTES {
                self.send(Task::Run(file.clone(), std::mem::take(&mut run)))?;
                waiting += std::mem::take(&mut run_bytes);
                // One that is under way still is enough.
                if waiting >= FLUSH_BYTES && self.flushes.try_send(file.clone()).is_ok() {
                    waiting = 0;
                }
            }
        }
        self.send(Task::Run(file, run))
    }
}

fn blob_of(entry: &TreeEntry) -> Result<BlobId, WorktreeError> {
    entry.blob().ok_or(WorktreeError::Stopped)
}

fn create(task: &FileTask) -> Result<DurableFile, WorktreeError> {
    let mode = if task.entry.kind() == EntryKind::Executable { 0o777 } else { 0o666 };
    Ok(task.folder.create_file(&task.name, mode)?)
}

fn write_all(
    repo: &Repository,
    queue: &Receiver<Task>,
    progress: &dyn Progress,
) -> Result<(), WorktreeError> {
    for task in queue {
        match task {
            Task::Files(files) => {
                for file in &files {
                    write_file(repo, file)?;
                    progress.advance(1, file.entry.size());
                }
            }
            Task::Run(file, chunks) => {
                for chunk in &chunks {
                    let bytes = repo.store().read_chunk(chunk)?;
                    file.write_all_at(chunk.offset, &bytes)?;
                    progress.advance(0, chunk.len);
                }
            }
        }
    }
    Ok(())
}

fn write_file(repo: &Repository, task: &FileTask) -> Result<(), WorktreeError> {
    let blob = repo.store().blob(blob_of(&task.entry)?)?;
    ensure_size(task.entry, blob.len())?;
    if task.entry.kind() == EntryKind::Symlink {
        let mut target = Vec::new();
        blob.copy_to::<WorktreeError>(&mut |piece| {
            target.extend_from_slice(piece);
            Ok(())
        })?;
        if target.contains(&0) {
            let (field, why) = ("target of a link", "contains a NUL byte");
            return Err(RepoError::TreeEntry(DecodeError::Invalid { field, why }).into());
        }
        let target = Path::new(OsStr::from_bytes(&target));
        return Ok(task.folder.symlink(target, &task.name)?);
    }
    let file = create(task)?;
    let mut at = 0;
    blob.copy_to::<WorktreeError>(&mut |piece| {
        file.write_all_at(at, piece)?;
        at += piece.len() as u64;
        Ok(())
    })
}
