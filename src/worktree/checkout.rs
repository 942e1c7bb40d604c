//! Checking out a state to a new folder.
//!
//! Everything is written into a folder beside the one that was asked for, made durable at once,
//! and renamed into place: it is there whole or not at all.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use crossbeam_channel::{Receiver, Sender, bounded};

use crate::disk::{Dir, DurableFile, OnExisting};
use crate::object::{BlobId, EntryKind, NodeId, RepoPath, Schema, TreeEntry};
use crate::repo::{Descend, RepoError, Repository};
use crate::store::{Blob, ChunkRef};

use super::error::WorktreeError;
use super::report::Progress;

/// Files go to a worker in lots of this many, or of this many bytes.
const LOT_FILES: usize = 64;
const LOT_BYTES: u64 = 1 << 20;
/// Chunks go to a worker in runs of about this many bytes.
const RUN_BYTES: u64 = 2 << 20;
/// Room that is left on the disk beside what is written.
const SPARE_BYTES: u64 = 16 << 20;

/// What a checkout came to.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct CheckoutReport {
    /// How many files and links were written.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
    /// How long it took, in seconds.
    pub seconds: f64,
}

enum Task {
    Files(Vec<FileTask>),
    Run(Arc<DurableFile>, Vec<ChunkRef>),
}

struct FileTask {
    folder: Arc<Dir>,
    name: Vec<u8>,
    entry: TreeEntry,
}

/// Writes the directory tree `files` to `out`, which must be empty or not exist.
///
/// # Errors
/// When `out` is not empty, the disk has no room, or an object is absent or damaged. `out` is as
/// before then, or, where only its name could not be made durable, whole.
pub fn checkout_out(
    repo: &Repository,
    files: NodeId,
    out: &Path,
    threads: usize,
    progress: &dyn Progress,
) -> Result<CheckoutReport, WorktreeError> {
    let started = Instant::now();
    let bytes = repo.map(files, Schema::Tree)?.root().bytes;
    let (parent, name) = place(repo, out)?;
    let folder = repo.disk().open_dir(&parent)?;
    ensure_room(&parent, bytes)?;
    progress.total(bytes);
    let draft = draft_name(&name);
    folder.create_dir(&draft, 0o777)?;
    let written = fill(repo, files, &folder.sub_dir(&draft)?, threads, progress)
        .and_then(|count| folder.sync_filesystem().map(|()| count).map_err(Into::into));
    let placed = written.and_then(|count| {
        // An empty folder gives way to a rename.
        folder.rename(&draft, &folder, &name, OnExisting::Replace)?;
        folder.sync()?;
        Ok(count)
    });
    if placed.is_err() {
        let _ = std::fs::remove_dir_all(parent.join(&draft));
    }
    Ok(CheckoutReport { files: placed?, bytes, seconds: started.elapsed().as_secs_f64() })
}

/// The folder in which `out` will lie, and its name there.
fn place(repo: &Repository, out: &Path) -> Result<(PathBuf, std::ffi::OsString), WorktreeError> {
    let occupied = || WorktreeError::NotEmpty { path: out.into() };
    match std::fs::read_dir(out) {
        Ok(mut entries) => {
            if entries.next().is_some() {
                return Err(occupied());
            }
        }
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => {
            if out.symlink_metadata().is_ok() {
                return Err(occupied());
            }
        }
        Err(e) if e.kind() == std::io::ErrorKind::NotADirectory => return Err(occupied()),
        Err(source) => {
            let path = out.as_os_str().as_bytes().into();
            return Err(WorktreeError::Read { path, source });
        }
    }
    let out = std::path::absolute(out).unwrap_or_else(|_| out.into());
    let out: PathBuf = match out.canonicalize() {
        Ok(out) => out,
        Err(_) => out,
    };
    let (Some(parent), Some(name)) = (out.parent(), out.file_name()) else {
        return Err(WorktreeError::NotEmpty { path: out });
    };
    // The nearest folder that exists tells where the place really lies, before any is made.
    let nearest = parent.ancestors().find_map(|folder| folder.canonicalize().ok());
    let own = repo.folder().canonicalize().unwrap_or_else(|_| repo.folder().into());
    if nearest.is_some_and(|folder| folder.starts_with(own)) {
        return Err(WorktreeError::InsideRepository { path: out });
    }
    repo.disk().create_dir_all_synced(parent, 0o777)?;
    Ok((parent.canonicalize().unwrap_or_else(|_| parent.into()), name.to_owned()))
}

fn draft_name(name: &OsStr) -> std::ffi::OsString {
    let mut random = [0u8; 8];
    let _ = getrandom::fill(&mut random);
    let suffix = data_encoding::HEXLOWER.encode(&random);
    let short = &name.as_bytes()[..name.len().min(200)];
    let mut draft = std::ffi::OsString::from(".");
    draft.push(OsStr::from_bytes(short));
    draft.push(format!(".aisr-{suffix}"));
    draft
}

fn ensure_room(path: &Path, needed: u64) -> Result<(), WorktreeError> {
    let Ok(stat) = rustix::fs::statvfs(path) else { return Ok(()) };
    let free = stat.f_bavail.saturating_mul(stat.f_frsize);
    if free < needed.saturating_add(SPARE_BYTES) {
        return Err(WorktreeError::NoRoom { path: path.into(), needed, free });
    }
    Ok(())
}

fn fill(
    repo: &Repository,
    files: NodeId,
    root: &Dir,
    threads: usize,
    progress: &dyn Progress,
) -> Result<u64, WorktreeError> {
    let (tasks, queue) = bounded(2 * threads);
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads)
            .map(|_| {
                let queue = queue.clone();
                scope.spawn(move || work(repo, &queue, progress))
            })
            .collect();
        drop(queue);
        let plan = Planner { repo, tasks, lot: Vec::new(), lot_bytes: 0, count: 0 };
        let planned = plan.run(files, root);
        let mut worked = Ok(());
        for worker in workers {
            worked = worked.and(worker.join().unwrap_or(Err(WorktreeError::Stopped)));
        }
        worked?;
        planned
    })
}

/// Walks the tree, makes folders, and hands files to the workers.
struct Planner<'r> {
    repo: &'r Repository,
    tasks: Sender<Task>,
    lot: Vec<FileTask>,
    lot_bytes: u64,
    count: u64,
}

impl Planner<'_> {
    fn run(mut self, files: NodeId, root: &Dir) -> Result<u64, WorktreeError> {
        let mut folders = vec![Arc::new(root.clone())];
        let repo = self.repo;
        repo.walk_tree(files, &RepoPath::root(), &mut |path, entry| {
            let depth = path.depth();
            folders.truncate(depth);
            let folder = folders.last().ok_or(WorktreeError::Stopped)?.clone();
            let name = path.file_name().ok_or(WorktreeError::Stopped)?;
            if entry.kind() == EntryKind::Directory {
                let os_name = OsStr::from_bytes(name);
                folder.create_dir(os_name, 0o777)?;
                folders.push(Arc::new(folder.sub_dir(os_name)?));
                return Ok::<_, WorktreeError>(Descend::Into);
            }
            self.count += 1;
            self.file(FileTask { folder, name: name.to_vec(), entry })?;
            Ok(Descend::Into)
        })?;
        self.send_lot()?;
        Ok(self.count)
    }

    fn file(&mut self, file: FileTask) -> Result<(), WorktreeError> {
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
        ensure_size(&task.entry, &blob)?;
        let Blob::Chunked(mut chunks) = blob else {
            return self.send(Task::Files(vec![task]));
        };
        let file = create(&task)?;
        file.truncate(task.entry.size())?;
        file.allocate(task.entry.size())?;
        let file = Arc::new(file);
        let (mut run, mut run_bytes) = (Vec::new(), 0);
        while let Some(chunk) = chunks.next_chunk()? {
            run.push(chunk);
            run_bytes += chunk.len;
            if run_bytes >= RUN_BYTES {
                self.send(Task::Run(file.clone(), std::mem::take(&mut run)))?;
                run_bytes = 0;
            }
        }
        self.send(Task::Run(file, run))
    }
}

fn blob_of(entry: &TreeEntry) -> Result<BlobId, WorktreeError> {
    entry.blob().ok_or(WorktreeError::Stopped)
}

/// Refuses an entry that lies about the length of its blob.
fn ensure_size(entry: &TreeEntry, blob: &Blob<'_>) -> Result<(), WorktreeError> {
    if blob.len() == entry.size() {
        return Ok(());
    }
    let (field, why) = ("size", "not the length of the blob");
    Err(RepoError::TreeEntry(crate::object::DecodeError::Invalid { field, why }).into())
}

fn create(task: &FileTask) -> Result<DurableFile, WorktreeError> {
    let mode = if task.entry.kind() == EntryKind::Executable { 0o777 } else { 0o666 };
    Ok(task.folder.create_file(OsStr::from_bytes(&task.name), mode)?)
}

fn work(
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
    ensure_size(&task.entry, &blob)?;
    if task.entry.kind() == EntryKind::Symlink {
        let mut target = Vec::new();
        blob.copy_to::<WorktreeError>(&mut |piece| {
            target.extend_from_slice(piece);
            Ok(())
        })?;
        let target = Path::new(OsStr::from_bytes(&target));
        return Ok(task.folder.symlink(target, OsStr::from_bytes(&task.name))?);
    }
    let file = create(task)?;
    let mut at = 0;
    blob.copy_to::<WorktreeError>(&mut |piece| {
        file.write_all_at(at, piece)?;
        at += piece.len() as u64;
        Ok(())
    })
}
