//! Where operations lie on the disk: `.aisr/undo/<log entry>`, and `.aisr/undo/pending` for the
//! one under way.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::SystemTime;

use crate::disk::{Dir, OnExisting, ReadFile};
use crate::object::{Id, LogEntryId, Operation, limits};
use crate::repo::{RepoError, Repository};
use crate::worktree::error::WorktreeError;

/// The folder of operations, inside `.aisr`.
pub const OPERATIONS: &str = "undo";
const PENDING: &str = "pending";
const FILES: &str = "files";
const PLAN: &str = "plan";

/// The operation under way.
pub struct Pending {
    operations: Dir,
    folder: Dir,
    /// What is written beside, and what is set aside, by the number of its step.
    pub files: Dir,
}

/// The name of a step's file.
pub fn slot(step: usize) -> OsString {
    step.to_string().into()
}

fn operations_path(repo: &Repository) -> PathBuf {
    repo.folder().join(OPERATIONS)
}

impl Pending {
    /// Whether there is one.
    pub fn exists(repo: &Repository) -> bool {
        operations_path(repo).join(PENDING).symlink_metadata().is_ok()
    }

    /// Begins one.
    ///
    /// # Errors
    /// When the folder cannot be made.
    pub fn create(repo: &Repository) -> Result<Self, WorktreeError> {
        repo.disk().create_dir_all_synced(&operations_path(repo), 0o700)?;
        let operations = repo.disk().open_dir(&operations_path(repo))?;
        operations.create_dir(PENDING, 0o700)?;
        let folder = operations.sub_dir(PENDING)?;
        folder.create_dir(FILES, 0o700)?;
        let files = folder.sub_dir(FILES)?;
        Ok(Self { operations, folder, files })
    }

    /// Opens the one that a crash left; `None` where it had not come to its plan, and nothing of
    /// the folder is changed.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn open(repo: &Repository) -> Result<Option<(Self, Operation)>, WorktreeError> {
        let operations = repo.disk().open_dir(&operations_path(repo))?;
        let folder = operations.sub_dir(PENDING)?;
        let plan = match folder.open_read(PLAN) {
            Ok(plan) => decode(&plan)?,
            Err(e) if e.is_not_found() => return Ok(None),
            Err(e) => return Err(e.into()),
        };
        let files = folder.sub_dir(FILES)?;
        Ok(Some((Self { operations, folder, files }, plan)))
    }

    /// Makes the plan durable: from here on a crash goes forward.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write_plan(&self, operation: &Operation) -> Result<(), WorktreeError> {
        // A plan without the files that it speaks of would be a promise that cannot be kept.
        self.folder.sync()?;
        let file = self.folder.create_temporary(0o600)?;
        file.write_all_at(0, &operation.encode())?;
        file.persist_in(&self.folder, PLAN, OnExisting::Refuse)?;
        Ok(self.operations.sync()?)
    }

    /// Takes the plan back: from here on a crash leaves things as they are.
    ///
    /// # Errors
    /// When it cannot be removed.
    pub fn remove_plan(&self) -> Result<(), WorktreeError> {
        self.folder.remove_file(PLAN)?;
        Ok(self.folder.sync()?)
    }

    /// Gives the operation the name of its log entry.
    ///
    /// # Errors
    /// When it cannot be renamed.
    pub fn name(self, entry: LogEntryId) -> Result<(), WorktreeError> {
        let name = OsString::from(entry.to_hex());
        Ok(self.operations.rename(PENDING, &self.operations, name, OnExisting::Refuse)?)
    }
}

/// Removes what is left of an operation that did not come to its plan, or was taken back.
///
/// # Errors
/// When something cannot be removed.
pub fn discard(repo: &Repository) -> Result<(), WorktreeError> {
    let operations = repo.disk().open_dir(&operations_path(repo))?;
    empty(&operations.sub_dir(PENDING)?)?;
    Ok(operations.remove_dir(PENDING)?)
}

/// Removes all that is in the folder of an operation.
fn empty(folder: &Dir) -> Result<(), WorktreeError> {
    if let Ok(files) = folder.sub_dir(FILES) {
        for name in names(&files)? {
            files.remove_file(&name)?;
        }
        folder.remove_dir(FILES)?;
    }
    for name in names(folder)? {
        folder.remove_file(&name)?;
    }
    Ok(())
}

fn names(folder: &Dir) -> Result<Vec<OsString>, WorktreeError> {
    let failed = |source| WorktreeError::Read {
        path: folder.path().as_os_str().as_encoded_bytes().into(),
        source,
    };
    let entries = std::fs::read_dir(folder.path()).map_err(failed)?;
    entries.map(|entry| entry.map(|e| e.file_name()).map_err(failed)).collect()
}

fn decode(plan: &ReadFile) -> Result<Operation, WorktreeError> {
    let bytes = plan.read_all(limits::OPERATION as u64)?;
    Operation::decode(&bytes)
        .map_err(|source| WorktreeError::Plan { path: plan.path().into(), source })
}

/// The operation of a log entry, if that changed the folder.
///
/// # Errors
/// When it cannot be read.
pub fn load(repo: &Repository, entry: LogEntryId) -> Result<Option<Operation>, WorktreeError> {
    let path = operations_path(repo).join(entry.to_hex()).join(PLAN);
    match ReadFile::open(&path) {
        Ok(plan) => {
            let operation = decode(&plan)?;
            let foreign = operation.repo != repo.id();
            if foreign {
                return Err(RepoError::NotFound { from: path }.into());
            }
            Ok(Some(operation))
        }
        Err(e) if e.is_not_found() => Ok(None),
        Err(e) => Err(e.into()),
    }
}

/// Hands every operation that is kept to `visit`, one at a time: those that have a name, and the
/// one under way if it has come to its plan.
///
/// # Errors
/// When one cannot be read.
pub fn each_kept(repo: &Repository, visit: &mut dyn FnMut(Operation)) -> Result<(), WorktreeError> {
    if !operations_path(repo).is_dir() {
        return Ok(());
    }
    // First, because it gets its name among the others while they are read.
    match ReadFile::open(&operations_path(repo).join(PENDING).join(PLAN)) {
        Ok(plan) => visit(decode(&plan)?),
        Err(e) if e.is_not_found() => {}
        Err(e) => return Err(e.into()),
    }
    for (entry, _) in named(repo)? {
        // It may have been removed since.
        load(repo, entry)?.into_iter().for_each(&mut *visit);
    }
    Ok(())
}

/// The operations that have a name, and when each was last touched. What is named otherwise is not
/// ours.
///
/// # Errors
/// When the folder cannot be read.
pub fn named(repo: &Repository) -> Result<Vec<(LogEntryId, SystemTime)>, WorktreeError> {
    let path = operations_path(repo);
    let failed =
        |source| WorktreeError::Read { path: path.as_os_str().as_encoded_bytes().into(), source };
    let mut found = Vec::new();
    for entry in std::fs::read_dir(&path).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let id = Id::from_hex(entry.file_name().as_encoded_bytes()).map(LogEntryId::from_id);
        let Some(id) = id else { continue };
        if let Ok(changed) = entry.metadata().and_then(|meta| meta.modified()) {
            found.push((id, changed));
        }
    }
    Ok(found)
}

/// Removes what is kept of an operation, its plan first: without it, nobody takes what is left for
/// the whole.
///
/// # Errors
/// When something cannot be removed.
pub fn remove_named(repo: &Repository, entry: LogEntryId) -> Result<(), WorktreeError> {
    let operations = repo.disk().open_dir(&operations_path(repo))?;
    let name = OsString::from(entry.to_hex());
    let folder = operations.sub_dir(&name)?;
    match folder.remove_file(PLAN) {
        Err(e) if !e.is_not_found() => return Err(e.into()),
        _ => {}
    }
    empty(&folder)?;
    Ok(operations.remove_dir(name)?)
}

/// What the operation of a log entry set aside for one of its steps.
pub fn kept_file(repo: &Repository, entry: LogEntryId, step: u64) -> PathBuf {
    operations_path(repo).join(entry.to_hex()).join(FILES).join(step.to_string())
}
