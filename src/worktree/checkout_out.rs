//! Checking out a state to a new folder.
//!
//! Everything is written into a folder beside the one that was asked for, made durable at once,
//! and renamed into place: it is there whole or not at all.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use crate::disk::{Dir, OnExisting};
use crate::object::{EntryKind, NodeId, RepoPath, Schema};
use crate::repo::{Descend, Repository};

use super::distinct_names::ensure_distinct_in_tree;
use super::error::WorktreeError;
use super::part::Part;
use super::report::Progress;
use super::writers::{FileTask, Writers, ensure_room};

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
    let into = folder.sub_dir(&draft)?;
    let written = ensure_distinct_in_tree(repo, files, &into)
        .and_then(|()| fill(repo, files, &Part::all(), &into, threads, progress))
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

/// Writes a part of the tree `files` to the folder `into`, which exists and is empty, for a short
/// while: nothing of it is made durable.
///
/// # Errors
/// When the disk has no room, or an object is absent or damaged; what was written stays then.
pub fn checkout_part(
    repo: &Repository,
    files: NodeId,
    paths: &[RepoPath],
    into: &Path,
    threads: usize,
    progress: &dyn Progress,
) -> Result<CheckoutReport, WorktreeError> {
    let started = Instant::now();
    let part = Part::of(paths);
    let bytes = part.bytes(repo, files)?;
    ensure_room(into, bytes)?;
    progress.total(bytes);
    let into = repo.disk().open_dir(into)?;
    ensure_distinct_in_tree(repo, files, &into)?;
    let count = fill(repo, files, &part, &into, threads, progress)?;
    Ok(CheckoutReport { files: count, bytes, seconds: started.elapsed().as_secs_f64() })
}

/// Writes a part of the tree `files` into the folder `root`. Gives the number of files.
fn fill(
    repo: &Repository,
    files: NodeId,
    part: &Part,
    root: &Dir,
    threads: usize,
    progress: &dyn Progress,
) -> Result<u64, WorktreeError> {
    Writers::run(repo, threads, progress, |writers| {
        let mut folders = vec![Arc::new(root.clone())];
        let mut count = 0;
        repo.walk_tree(files, &RepoPath::root(), &mut |path, entry| {
            if !part.holds(path) {
                return Ok(Descend::Past);
            }
            let depth = path.depth();
            folders.truncate(depth);
            let folder = folders.last().ok_or(WorktreeError::Stopped)?.clone();
            let name = path.file_name().ok_or(WorktreeError::Stopped)?;
            let name = OsStr::from_bytes(name);
            if entry.kind() == EntryKind::Directory {
                folder.create_dir(name, 0o777)?;
                folders.push(Arc::new(folder.sub_dir(name)?));
                return Ok::<_, WorktreeError>(Descend::Into);
            }
            count += 1;
            writers.file(FileTask { folder, name: name.to_owned(), entry })?;
            Ok(Descend::Into)
        })?;
        Ok(count)
    })
}
