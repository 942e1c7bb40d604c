//! The handle through which everything is written, and its operations on paths.

use std::ffi::OsStr;
use std::io;
use std::path::Path;
use std::sync::Arc;

use super::crash::Recorder;
use super::dir::Dir;
use super::error::{Action, DiskError, Result, failed};
use super::fault::{Calls, FaultPlan};
use super::file::DurableFile;
use super::hook::Hook;
use super::name_rules::NameRules;
use super::new_file::NewFile;
use super::operation::{FileId, Operation};

/// What happens to a file that already has the name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnExisting {
    /// It is replaced.
    Replace,
    /// It stays, and the operation fails with `AlreadyExists`.
    Refuse,
}

/// The way to the disk: cheap to clone, shared by threads.
///
/// Operations on paths follow symbolic links in the folders of the path, which are the caller's, but
/// never in its last name. Permission bits are cut by the process's umask, as ever.
#[derive(Clone, Debug, Default)]
pub struct Disk {
    hook: Option<Arc<Hook>>,
    /// What is told of names instead of what the file system says.
    names: Option<NameRules>,
}

impl Disk {
    /// The real disk and nothing else.
    pub fn new() -> Disk {
        Disk::default()
    }

    /// A disk that works and records what it does below `root`, which must hold small files only.
    ///
    /// The content of `root` at this moment is kept in memory as the state that is known to be durable.
    pub fn recording(root: &Path) -> Result<(Disk, Recorder)> {
        Disk::recording_with(root, FaultPlan::none())
    }

    /// A disk that records and fails by plan; what failed is not in the record.
    pub fn recording_with(root: &Path, plan: FaultPlan) -> Result<(Disk, Recorder)> {
        let root = root.canonicalize().map_err(failed(Action::Open, root))?;
        let hook = Arc::new(Hook::new(Some(root.clone()), plan));
        let recorder = Recorder::new(&root, Arc::clone(&hook))?;
        Ok((Disk { hook: Some(hook), names: None }, recorder))
    }

    /// A disk that fails by plan, and counts.
    pub fn failing(plan: FaultPlan) -> Disk {
        Disk { hook: Some(Arc::new(Hook::new(None, plan))), names: None }
    }

    /// A disk that says of every file system that it compares names by these rules, for tests.
    pub fn pretending(names: NameRules) -> Disk {
        Disk { hook: None, names: Some(names) }
    }

    pub(super) fn pretended_names(&self) -> Option<NameRules> {
        self.names
    }

    /// How many calls changed something; counted only by disks that record or fail by plan.
    pub fn calls(&self) -> Option<Calls> {
        self.hook.as_ref().map(|hook| hook.calls())
    }

    /// Tells the recorder how far the workload is, such as "commit acknowledged".
    pub fn mark(&self, label: &str) {
        self.note(|_| Some(Operation::Mark { label: label.to_owned() }));
    }

    /// Opens a folder, for work relative to it.
    pub fn open_dir(&self, path: &Path) -> Result<Dir> {
        Dir::open(self, path)
    }

    /// Creates a file under a random temporary name in a folder; dropped without `persist`, it goes.
    pub fn create_temporary(&self, folder: &Path, mode: u32) -> Result<NewFile> {
        self.open_dir(folder)?.create_temporary(mode)
    }

    /// Creates a file under its final name; the name is durable after [`Disk::sync_dir`].
    pub fn create_file(&self, path: &Path, mode: u32) -> Result<DurableFile> {
        let (dir, name) = self.split(Action::Create, path)?;
        dir.create_file(name, mode)
    }

    /// Opens an existing file for writing.
    pub fn open_file(&self, path: &Path) -> Result<DurableFile> {
        let (dir, name) = self.split(Action::Open, path)?;
        dir.open_file(name)
    }

    /// Replaces a file's whole content, durably: a crash leaves the old file or the new one.
    pub fn replace_whole(&self, path: &Path, bytes: &[u8], mode: u32) -> Result<()> {
        self.write_whole(path, bytes, mode, OnExisting::Replace)
    }

    /// Creates a file with its whole content, durably; fails if the name is taken.
    pub fn create_whole(&self, path: &Path, bytes: &[u8], mode: u32) -> Result<()> {
        self.write_whole(path, bytes, mode, OnExisting::Refuse)
    }

    fn write_whole(
        &self,
        path: &Path,
        bytes: &[u8],
        mode: u32,
        on_existing: OnExisting,
    ) -> Result<()> {
        let (dir, name) = self.split(Action::Create, path)?;
        let about = |error: DiskError| error.about(path);
        let file = dir.create_temporary(mode).map_err(about)?;
        file.write_all_at(0, bytes).map_err(about)?;
        file.sync().map_err(about)?;
        file.persist_in(&dir, name, on_existing)
    }

    /// Creates a folder; its name is durable after [`Disk::sync_dir`] of the folder above.
    pub fn create_dir(&self, path: &Path, mode: u32) -> Result<()> {
        let (dir, name) = self.split(Action::CreateDir, path)?;
        dir.create_dir(name, mode)
    }

    /// Creates a folder and those above it that are missing, all durably.
    pub fn create_dir_all_synced(&self, path: &Path, mode: u32) -> Result<()> {
        let mut missing = Vec::new();
        for folder in path.ancestors() {
            if folder.as_os_str().is_empty() || folder.is_dir() {
                break;
            }
            missing.push(folder);
        }
        for folder in missing.into_iter().rev() {
            let (dir, name) = self.split(Action::CreateDir, folder)?;
            match dir.create_dir(name, mode) {
                Ok(()) => {}
                Err(error) if error.is_already_exists() && folder.is_dir() => {}
                Err(error) => return Err(error),
            }
            dir.sync()?;
        }
        Ok(())
    }

    /// Removes a file or symbolic link; gone for good after [`Disk::sync_dir`].
    pub fn remove_file(&self, path: &Path) -> Result<()> {
        let (dir, name) = self.split(Action::Remove, path)?;
        dir.remove_file(name)
    }

    /// Removes an empty folder; gone for good after [`Disk::sync_dir`] of the folder above.
    pub fn remove_dir(&self, path: &Path) -> Result<()> {
        let (dir, name) = self.split(Action::RemoveDir, path)?;
        dir.remove_dir(name)
    }

    /// Renames; the new name is durable after [`Disk::sync_dir`] of its folder.
    pub fn rename(&self, from: &Path, to: &Path, on_existing: OnExisting) -> Result<()> {
        let (from_dir, from_name) = self.split(Action::Rename, from)?;
        let (to_dir, to_name) = self.split(Action::Rename, to)?;
        from_dir.rename(from_name, &to_dir, to_name, on_existing)
    }

    /// Creates a symbolic link; durable after [`Disk::sync_dir`].
    pub fn symlink(&self, target: &Path, path: &Path) -> Result<()> {
        let (dir, name) = self.split(Action::Symlink, path)?;
        dir.symlink(target, name)
    }

    /// Sets a file's permission bits; durable after a sync of the file or of the file system.
    pub fn set_mode(&self, path: &Path, mode: u32) -> Result<()> {
        let (dir, name) = self.split(Action::SetMode, path)?;
        dir.set_mode(name, mode)
    }

    /// Makes a folder's entries durable.
    pub fn sync_dir(&self, path: &Path) -> Result<()> {
        self.open_dir(path)?.sync()
    }

    /// The folder of a path, opened, and the last name.
    fn split<'p>(&self, action: Action, path: &'p Path) -> Result<(Dir, &'p OsStr)> {
        let name = path.file_name().ok_or_else(|| {
            failed(action, path)(io::Error::new(
                io::ErrorKind::InvalidInput,
                "the path does not end in a name",
            ))
        })?;
        Ok((self.open_dir(folder_of(path))?, name))
    }

    pub(super) fn next_file(&self) -> FileId {
        match &self.hook {
            None => FileId(0),
            Some(hook) => hook.next_file(),
        }
    }

    pub(super) fn note(&self, operation: impl FnOnce(&Path) -> Option<Operation>) {
        if let Some(hook) = &self.hook {
            hook.note(operation);
        }
    }

    pub(super) fn change<T>(
        &self,
        action: Action,
        run: impl FnOnce() -> io::Result<T>,
        operation: impl FnOnce(&Path) -> Option<Operation>,
    ) -> io::Result<T> {
        match &self.hook {
            None => run(),
            Some(hook) => hook.change(action, run, operation),
        }
    }

    pub(super) fn sync(
        &self,
        action: Action,
        run: impl FnOnce() -> io::Result<()>,
        operation: impl FnOnce(&Path) -> Option<Operation>,
    ) -> io::Result<()> {
        match &self.hook {
            None => run(),
            Some(hook) => hook.sync(action, run, operation),
        }
    }

    pub(super) fn write(
        &self,
        file: FileId,
        offset: u64,
        bytes: &[u8],
        run: impl FnOnce(&[u8]) -> io::Result<()>,
    ) -> io::Result<()> {
        match &self.hook {
            None => run(bytes),
            Some(hook) => hook.write(file, offset, bytes, run),
        }
    }
}

/// The folder that a path lies in; a bare name lies in the current one.
pub(super) fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}
