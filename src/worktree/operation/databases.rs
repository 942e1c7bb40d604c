//! Databases that take on another version of themselves: locked, set aside and written through
//! SQLite, while others have them open.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, statat};

use crate::capture::{
    DatabaseHeader, DatabaseImage, DatabaseState, HEADER_LEN, ImageHasher, LockedDatabase, Refused,
    StateId, now_nanos, state_of_blob,
};
use crate::disk::ReadFile;
use crate::object::{EntryKind, Operation, RepoPath, Step, TreeEntry};
use crate::repo::Repository;
use crate::store::Blob;
use crate::worktree::database_cache::{self, KnownDatabase};
use crate::worktree::error::WorktreeError;
use crate::worktree::report::Progress;

use super::folders::Folders;
use super::pending::{Pending, kept_file, slot};
use super::plan::Conflict;
use super::steps::database_steps;

const BUFFER: usize = 1 << 20;

/// The databases of an operation, each locked.
pub struct Locked {
    all: Vec<(usize, LockedDatabase)>,
}

/// What became of the databases that were written: the number of each step, and the state.
pub type Written = Vec<(usize, StateId)>;

impl Locked {
    /// Locks the databases that an operation writes, and sets aside what is in no commit, durably.
    /// `seen` is what was planned for. With `force`, what was written since then gives way too.
    ///
    /// # Errors
    /// [`WorktreeError::InTheWay`] where another process keeps one locked,
    /// [`WorktreeError::ChangedMeanwhile`] where one is not what was planned for.
    pub fn take(
        repo: &Repository,
        pending: &Pending,
        operation: &mut Operation,
        seen: &[Option<KnownDatabase>],
        force: bool,
    ) -> Result<Self, WorktreeError> {
        let mut locked = Self { all: Vec::new() };
        for (n, step) in operation.steps.iter_mut().enumerate().filter(|(_, s)| s.database) {
            let Some(seen) = seen[n] else { continue };
            let file = repo.root().join(step.path.as_path());
            let database = lock(&file, &step.path).map_err(|why| refused(&step.path, why))?;
            let is_as_seen = is_unchanged(&file, seen)
                || !step.keep && database.image()?.state == seen.image.state;
            step.keep |= !is_as_seen;
            if step.keep {
                let image = set_aside(pending, n, &database)?;
                let changed = image.state != seen.image.state;
                let executable = seen.state.main.executable;
                step.before = Some(TreeEntry::regular(image.id, image.size, executable));
                if changed && !force || step.before == step.after {
                    let path = step.path.as_bytes().into();
                    return Err(WorktreeError::ChangedMeanwhile { path });
                }
            }
            locked.all.push((n, database));
        }
        if database_steps(operation).any(|(_, step)| step.keep) {
            pending.files.sync()?;
        }
        Ok(locked)
    }

    /// Writes all of them, and then commits one after the other. Those that are committed are
    /// noted in `done`.
    ///
    /// # Errors
    /// When content cannot be read, or SQLite cannot write it.
    pub fn write(
        self,
        repo: &Repository,
        operation: &Operation,
        progress: &dyn Progress,
        done: &mut Written,
    ) -> Result<(), WorktreeError> {
        let mut states = Vec::new();
        for (n, database) in &self.all {
            let step = &operation.steps[*n];
            let kept = step.from.map(|(from, number)| kept_file(repo, from, number));
            let content = Content { path: &step.path, entry: step.after, kept };
            states.push(content.write(repo, database, progress)?);
        }
        let mut folders = Folders::new(repo)?;
        for ((n, database), state) in self.all.into_iter().zip(states) {
            database.commit()?;
            done.push((n, state));
            let step = &operation.steps[n];
            ensure_mode(&mut folders, &step.path, step.after)?;
        }
        Ok(())
    }
}

/// Where the bytes of a version are.
struct Content<'a> {
    path: &'a RepoPath,
    entry: Option<TreeEntry>,
    /// The file that they were set aside in; else they are in the store.
    kept: Option<PathBuf>,
}

impl Content<'_> {
    /// Writes it, without committing. Gives the state that it is of.
    fn write(
        &self,
        repo: &Repository,
        database: &LockedDatabase,
        progress: &dyn Progress,
    ) -> Result<StateId, WorktreeError> {
        let Some(entry) = self.entry else { return Err(WorktreeError::Stopped) };
        if header_of_content(repo, entry, self.kept.as_deref())? != Some(database.header()) {
            let path = self.path.as_bytes().into();
            return Err(WorktreeError::ChangedMeanwhile { path });
        }
        let mut hasher = ImageHasher::default();
        let mut pages = database.writer()?;
        read(repo, entry, self.kept.as_deref(), &mut |bytes| {
            hasher.update(bytes);
            progress.advance(0, bytes.len() as u64);
            Ok(pages.push(bytes)?)
        })?;
        pages.finish()?;
        let image = hasher.finish();
        if Some(image.id) != entry.blob() {
            let path = self.path.as_bytes().into();
            return Err(WorktreeError::NotWhatItWas { path });
        }
        progress.advance(1, 0);
        Ok(image.state)
    }

    fn is(&self, repo: &Repository, image: DatabaseImage) -> bool {
        self.entry.is_some_and(|entry| is_same_state(repo, image, entry, self.kept.as_deref()))
    }
}

/// What a step finds, and what it brings.
fn contents<'a>(
    repo: &Repository,
    pending: &Pending,
    n: usize,
    step: &'a Step,
) -> (Content<'a>, Content<'a>) {
    let set_aside = step.keep.then(|| pending.files.path().join(slot(n)));
    let kept = step.from.map(|(from, number)| kept_file(repo, from, number));
    let content = |entry, kept| Content { path: &step.path, entry, kept };
    (content(step.before, set_aside), content(step.after, kept))
}

/// Takes back what was written.
///
/// # Errors
/// When one was changed since, or cannot be had.
pub fn take_back(
    repo: &Repository,
    pending: &Pending,
    operation: &Operation,
    done: &Written,
    progress: &dyn Progress,
) -> Result<(), WorktreeError> {
    let mut folders = Folders::new(repo)?;
    for (n, state) in done.iter().rev() {
        let step = &operation.steps[*n];
        let file = repo.root().join(step.path.as_path());
        let database = lock(&file, &step.path).map_err(|why| refused(&step.path, why))?;
        if database.image()?.state != *state {
            return Err(WorktreeError::ChangedMeanwhile { path: step.path.as_bytes().into() });
        }
        let (before, _) = contents(repo, pending, *n, step);
        before.write(repo, &database, progress)?;
        database.commit()?;
        ensure_mode(&mut folders, &step.path, step.before)?;
    }
    Ok(())
}

/// Writes what a crash left to be written. Gives the paths where neither the old nor the new is,
/// or that cannot be had.
///
/// # Errors
/// When content cannot be read, or SQLite cannot write it.
pub fn go_on(
    repo: &Repository,
    pending: &Pending,
    operation: &Operation,
    folders: &mut Folders,
) -> Result<Vec<RepoPath>, WorktreeError> {
    let mut left = Vec::new();
    for (n, step) in database_steps(operation) {
        let file = repo.root().join(step.path.as_path());
        let reachable = folders.parent(&step.path)?.is_ok();
        let database = match lock(&file, &step.path) {
            Ok(database) if reachable => database,
            _ => {
                left.push(step.path.clone());
                continue;
            }
        };
        let now = database.image()?;
        let (before, after) = contents(repo, pending, n, step);
        if before.is(repo, now) {
            after.write(repo, &database, &Unseen)?;
            database.commit()?;
        } else if after.is(repo, now) {
            drop(database);
        } else {
            left.push(step.path.clone());
            continue;
        }
        ensure_mode(folders, &step.path, step.after)?;
    }
    Ok(left)
}

/// Nobody watches.
struct Unseen;

impl Progress for Unseen {
    fn total(&self, _: u64) {}
    fn advance(&self, _: u64, _: u64) {}
}

/// Notes what was written in the cache of databases. It may have changed since, so the next look
/// reads it again; it only needs to know under which id it was committed.
pub fn note(repo: &Repository, operation: &Operation, written: &Written) {
    if written.is_empty() {
        return;
    }
    let cache = database_cache::file(repo);
    let mut known = database_cache::load(&cache);
    for (n, state) in written {
        let Step { path, after, .. } = &operation.steps[*n];
        let Some((id, after)) = after.and_then(|after| Some((after.blob()?, after))) else {
            continue;
        };
        let image = DatabaseImage { id, size: after.size(), state: *state };
        let state = DatabaseState::of(&repo.root().join(path.as_path())).ok().flatten();
        let state = state.unwrap_or_default();
        known.insert(path.as_bytes().into(), KnownDatabase { state, racy: true, image });
    }
    database_cache::save(repo.disk(), &cache, &known);
}

fn lock(file: &Path, path: &RepoPath) -> Result<LockedDatabase, Refused> {
    LockedDatabase::lock(file, path.as_bytes().into())
}

fn refused(path: &RepoPath, why: Refused) -> WorktreeError {
    let why = match why {
        Refused::Locked => Conflict::Locked,
        Refused::Vanished | Refused::NotADatabase => {
            return WorktreeError::ChangedMeanwhile { path: path.as_bytes().into() };
        }
        Refused::HotJournal => Conflict::InUse,
        Refused::Unreadable(why) => {
            return WorktreeError::DatabaseRefused { path: path.as_bytes().into(), why };
        }
    };
    WorktreeError::InTheWay { conflicts: vec![(path.clone(), why)] }
}

/// Whether a locked database is still what was seen, as far as the file system can tell.
fn is_unchanged(file: &Path, seen: KnownDatabase) -> bool {
    let now = DatabaseState::of(file).ok().flatten();
    !seen.racy && !seen.state.is_racy(now_nanos()) && now == Some(seen.state)
}

/// Writes what a database holds into the slot of its step, durably but for the name.
fn set_aside(
    pending: &Pending,
    n: usize,
    database: &LockedDatabase,
) -> Result<DatabaseImage, WorktreeError> {
    let file = pending.files.create_file(slot(n), 0o600)?;
    let mut at = 0;
    let image = database.copy_to::<WorktreeError>(&mut |page| {
        file.write_all_at(at, page)?;
        at += page.len() as u64;
        Ok(())
    })?;
    file.sync()?;
    Ok(image)
}

/// The owner may execute what its entry says that he may.
fn ensure_mode(
    folders: &mut Folders,
    path: &RepoPath,
    entry: Option<TreeEntry>,
) -> Result<(), WorktreeError> {
    let Ok(parent) = folders.parent(path)? else { return Ok(()) };
    let name = OsStr::from_bytes(path.file_name().unwrap_or_default());
    let wanted = entry.is_some_and(|entry| entry.kind() == EntryKind::Executable);
    let stat = statat(&*parent, name, AtFlags::SYMLINK_NOFOLLOW);
    let Ok(mode) = stat.map(|stat| stat.st_mode & 0o777) else { return Ok(()) };
    if (mode & 0o100 != 0) == wanted {
        return Ok(());
    }
    let executable = if wanted { (mode & 0o444) >> 2 } else { 0 };
    Ok(parent.set_mode(name, (mode & 0o666) | executable)?)
}

/// Whether an image is of the same state as the content of `entry`, which is in the store or else
/// in the file `kept`. One that cannot be read is not.
pub fn is_same_state(
    repo: &Repository,
    image: DatabaseImage,
    entry: TreeEntry,
    kept: Option<&Path>,
) -> bool {
    let Some(id) = entry.blob().filter(|_| entry.size() == image.size) else { return false };
    if id == image.id {
        return true;
    }
    if kept.is_none() {
        return state_of_blob(repo.store(), id).is_ok_and(|state| state == image.state);
    }
    let mut hasher = ImageHasher::default();
    let hashed = read(repo, entry, kept, &mut |bytes| {
        hasher.update(bytes);
        Ok(())
    });
    hashed.is_ok() && hasher.finish().state == image.state
}

/// Hands the content of `entry` to `sink`: out of the file `kept`, or else the store.
fn read(
    repo: &Repository,
    entry: TreeEntry,
    kept: Option<&Path>,
    sink: &mut dyn FnMut(&[u8]) -> Result<(), WorktreeError>,
) -> Result<(), WorktreeError> {
    let Some(kept) = kept else {
        let Some(id) = entry.blob() else { return Ok(()) };
        return repo.store().blob(id)?.copy_to(sink);
    };
    let file = ReadFile::open(kept)?;
    let (mut at, mut buffer) = (0, vec![0; BUFFER]);
    loop {
        let got = file.read_at(at, &mut buffer)?;
        if got == 0 {
            return Ok(());
        }
        sink(&buffer[..got])?;
        at += got as u64;
    }
}

/// The header of the database in a file, if there is one.
pub fn header_of_file(file: &Path) -> Option<DatabaseHeader> {
    let head = ReadFile::open(file).and_then(|file| file.read_vec_at(0, HEADER_LEN as u64));
    DatabaseHeader::of_page(&head.ok()?)
}

/// The header of the content of `entry`, if it is a database that SQLite takes as it is.
///
/// # Errors
/// When it cannot be read.
pub fn header_of_content(
    repo: &Repository,
    entry: TreeEntry,
    kept: Option<&Path>,
) -> Result<Option<DatabaseHeader>, WorktreeError> {
    let regular = matches!(entry.kind(), EntryKind::File | EntryKind::Executable);
    let Some(id) = entry.blob().filter(|_| regular && entry.size() >= HEADER_LEN as u64) else {
        return Ok(None);
    };
    let head = match kept {
        Some(kept) => ReadFile::open(kept)?.read_vec_at(0, HEADER_LEN as u64)?,
        None => match repo.store().blob(id)? {
            Blob::Whole(bytes) => bytes,
            Blob::Chunked(mut chunks) => match chunks.next_chunk()? {
                Some(chunk) => repo.store().read_chunk(&chunk)?,
                None => Vec::new(),
            },
        },
    };
    Ok(DatabaseHeader::parse(&head, entry.size()))
}
