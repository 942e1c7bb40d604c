//! An open folder, and work relative to it that no symbolic link can lead astray.

use std::ffi::{OsStr, OsString};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use rustix::fs::{AtFlags, CWD, Mode, OFlags, RenameFlags};

use super::error::{Action, Result, failed};
use super::file::DurableFile;
use super::handle::{Disk, OnExisting};
use super::new_file::NewFile;
use super::operation::{Operation, RenameKind};
use super::read_file::ReadFile;

/// An open folder: its names are single parts, and none is followed if it is a symbolic link.
///
/// It stays the same folder when it is renamed. What is created through it is durable after
/// [`Dir::sync`] (for the names), a sync of each file (for the content), or one
/// [`Dir::sync_filesystem`] for everything.
#[derive(Clone, Debug)]
pub struct Dir {
    disk: Disk,
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    fd: OwnedFd,
    path: PathBuf,
}

impl Dir {
    pub(super) fn open(disk: &Disk, path: &Path) -> Result<Dir> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let fd = rustix::fs::openat(CWD, path, flags, Mode::empty())
            .map_err(failed(Action::Open, path))?;
        Ok(Dir::from_parts(disk, fd, path.to_path_buf()))
    }

    fn from_parts(disk: &Disk, fd: OwnedFd, path: PathBuf) -> Dir {
        Dir { disk: disk.clone(), inner: Arc::new(Inner { fd, path }) }
    }

    pub(super) fn disk(&self) -> &Disk {
        &self.disk
    }

    /// The path under which the folder was opened.
    pub fn path(&self) -> &Path {
        &self.inner.path
    }

    /// Opens a folder in this one; a symbolic link is refused.
    pub fn sub_dir(&self, name: impl AsRef<OsStr>) -> Result<Dir> {
        let (name, path) = self.entry(Action::Open, name.as_ref())?;
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let fd = rustix::fs::openat(self, name, flags, Mode::empty())
            .map_err(failed(Action::Open, &path))?;
        Ok(Dir::from_parts(&self.disk, fd, path))
    }

    /// Opens a folder below this one, part by part; `..` and symbolic links are refused.
    pub fn open_beneath(&self, relative: &Path) -> Result<Dir> {
        let mut dir = self.clone();
        for part in relative.components() {
            match part {
                Component::CurDir => {}
                Component::Normal(name) => dir = dir.sub_dir(name)?,
                _ => return Err(failed(Action::Open, &self.path().join(relative))(bad_name())),
            }
        }
        Ok(dir)
    }

    /// Opens a file for reading; a symbolic link is refused.
    pub fn open_read(&self, name: impl AsRef<OsStr>) -> Result<ReadFile> {
        let (name, path) = self.entry(Action::Open, name.as_ref())?;
        ReadFile::open_at(self.as_fd(), name, OFlags::NOFOLLOW, path).map(|(file, _)| file)
    }

    /// Opens an existing file for writing; a symbolic link is refused.
    pub fn open_file(&self, name: impl AsRef<OsStr>) -> Result<DurableFile> {
        self.open_existing(name.as_ref(), OFlags::RDWR, Action::Open)
    }

    /// Creates a file that must not exist.
    pub fn create_file(&self, name: impl AsRef<OsStr>, mode: u32) -> Result<DurableFile> {
        let (name, path) = self.entry(Action::Create, name.as_ref())?;
        let file = self.disk.next_file();
        let flags =
            OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let create = || Ok(rustix::fs::openat(self, name, flags, bits(mode))?);
        let fd = self
            .disk
            .change(Action::Create, create, |root| {
                let path = self.recorded(root, name)?;
                Some(Operation::Create { path, file, mode })
            })
            .map_err(failed(Action::Create, &path))?;
        Ok(DurableFile::new(&self.disk, fd.into(), path, file, 0))
    }

    /// Creates a file under a random temporary name; dropped without `persist`, it goes.
    pub fn create_temporary(&self, mode: u32) -> Result<NewFile> {
        loop {
            let random = getrandom::u64()
                .map_err(|error| failed(Action::Create, self.path())(io::Error::other(error)))?;
            let name = OsString::from(format!("tmp-{random:016x}"));
            match self.create_file(&name, mode) {
                Err(error) if error.is_already_exists() => {}
                Err(error) => return Err(error),
                Ok(file) => return Ok(NewFile::new(file, self.clone(), name)),
            }
        }
    }

    /// Creates a folder that must not exist.
    pub fn create_dir(&self, name: impl AsRef<OsStr>, mode: u32) -> Result<()> {
        let (name, path) = self.entry(Action::CreateDir, name.as_ref())?;
        let create = || Ok(rustix::fs::mkdirat(self, name, bits(mode))?);
        self.disk
            .change(Action::CreateDir, create, |root| {
                let path = self.recorded(root, name)?;
                Some(Operation::CreateDir { path, mode })
            })
            .map_err(failed(Action::CreateDir, &path))
    }

    /// Creates a symbolic link that must not exist; its target is not looked at.
    pub fn symlink(&self, target: &Path, name: impl AsRef<OsStr>) -> Result<()> {
        let (name, path) = self.entry(Action::Symlink, name.as_ref())?;
        let create = || Ok(rustix::fs::symlinkat(target, self, name)?);
        self.disk
            .change(Action::Symlink, create, |root| {
                let path = self.recorded(root, name)?;
                let target = target.to_path_buf();
                Some(Operation::Symlink { path, target })
            })
            .map_err(failed(Action::Symlink, &path))
    }

    /// Removes a file or symbolic link.
    pub fn remove_file(&self, name: impl AsRef<OsStr>) -> Result<()> {
        let (name, path) = self.entry(Action::Remove, name.as_ref())?;
        let remove = || Ok(rustix::fs::unlinkat(self, name, AtFlags::empty())?);
        self.disk
            .change(Action::Remove, remove, |root| {
                let path = self.recorded(root, name)?;
                Some(Operation::Remove { path })
            })
            .map_err(failed(Action::Remove, &path))
    }

    /// Removes an empty folder.
    pub fn remove_dir(&self, name: impl AsRef<OsStr>) -> Result<()> {
        let (name, path) = self.entry(Action::RemoveDir, name.as_ref())?;
        let remove = || Ok(rustix::fs::unlinkat(self, name, AtFlags::REMOVEDIR)?);
        self.disk
            .change(Action::RemoveDir, remove, |root| {
                let path = self.recorded(root, name)?;
                Some(Operation::RemoveDir { path })
            })
            .map_err(failed(Action::RemoveDir, &path))
    }

    /// Gives an entry a new name, here or in another folder of the same file system.
    pub fn rename(
        &self,
        name: impl AsRef<OsStr>,
        to: &Dir,
        to_name: impl AsRef<OsStr>,
        on_existing: OnExisting,
    ) -> Result<()> {
        let (name, to_name) = (name.as_ref(), to_name.as_ref());
        if on_existing == OnExisting::Replace {
            return self.move_entry(name, to, to_name, RenameKind::Replace);
        }
        match self.move_entry(name, to, to_name, RenameKind::Refuse) {
            Err(error) if error.io_kind().is_some_and(is_unsupported) => {
                self.link_and_remove(name, to, to_name)
            }
            other => other,
        }
    }

    /// Lets two entries change places, in one step.
    pub fn exchange(
        &self,
        name: impl AsRef<OsStr>,
        other: &Dir,
        other_name: impl AsRef<OsStr>,
    ) -> Result<()> {
        let (name, other_name) = (name.as_ref(), other_name.as_ref());
        self.move_entry(name, other, other_name, RenameKind::Exchange)
    }

    /// Sets a file's permission bits; a symbolic link is refused.
    pub fn set_mode(&self, name: impl AsRef<OsStr>, mode: u32) -> Result<()> {
        self.open_existing(name.as_ref(), OFlags::RDONLY, Action::SetMode)?.set_mode(mode)
    }

    /// Makes the folder's entries durable; the content of what they name is not.
    pub fn sync(&self) -> Result<()> {
        let sync = || Ok(rustix::fs::fsync(self)?);
        self.disk
            .sync(Action::SyncDir, sync, |root| {
                let path = self.recorded_path(root)?;
                Some(Operation::SyncDir { path })
            })
            .map_err(failed(Action::SyncDir, self.path()))
    }

    /// Makes everything durable that was written to this file system: the end of a bulk write.
    ///
    /// A folder should be opened *before* the writes that it is to make durable: the system tells an
    /// earlier failure of background writing only to handles that were open when it happened.
    pub fn sync_filesystem(&self) -> Result<()> {
        self.disk
            .sync(
                Action::SyncFilesystem,
                || sync_filesystem_of(self.as_fd()),
                |_| Some(Operation::SyncFilesystem),
            )
            .map_err(failed(Action::SyncFilesystem, self.path()))
    }

    fn move_entry(&self, name: &OsStr, to: &Dir, to_name: &OsStr, kind: RenameKind) -> Result<()> {
        let (name, _) = self.entry(Action::Rename, name)?;
        let (to_name, to_path) = to.entry(Action::Rename, to_name)?;
        let rename = || {
            match kind {
                RenameKind::Replace => rustix::fs::renameat(self, name, to, to_name)?,
                RenameKind::Refuse => {
                    rustix::fs::renameat_with(self, name, to, to_name, RenameFlags::NOREPLACE)?;
                }
                RenameKind::Exchange => {
                    rustix::fs::renameat_with(self, name, to, to_name, RenameFlags::EXCHANGE)?;
                }
            }
            Ok(())
        };
        self.disk
            .change(Action::Rename, rename, |root| {
                let from = self.recorded(root, name)?;
                let to = to.recorded(root, to_name)?;
                Some(Operation::Rename { from, to, kind })
            })
            .map_err(failed(Action::Rename, &to_path))
    }

    /// The rename that refuses to replace, for file systems that do not know it.
    fn link_and_remove(&self, name: &OsStr, to: &Dir, to_name: &OsStr) -> Result<()> {
        let (name, _) = self.entry(Action::Rename, name)?;
        let (to_name, to_path) = to.entry(Action::Rename, to_name)?;
        let link = || Ok(rustix::fs::linkat(self, name, to, to_name, AtFlags::empty())?);
        self.disk
            .change(Action::Rename, link, |root| {
                let from = self.recorded(root, name)?;
                let to = to.recorded(root, to_name)?;
                Some(Operation::Link { from, to })
            })
            .map_err(failed(Action::Rename, &to_path))?;
        self.remove_file(name)
    }

    fn open_existing(&self, name: &OsStr, access: OFlags, action: Action) -> Result<DurableFile> {
        let (name, path) = self.entry(action, name)?;
        // Without NONBLOCK, a FIFO put in a file's place would hold the caller for ever.
        let flags = access | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let fd =
            rustix::fs::openat(self, name, flags, Mode::empty()).map_err(failed(action, &path))?;
        let opened = std::fs::File::from(fd);
        let len = regular_len(&opened).map_err(failed(action, &path))?;
        let file = self.disk.next_file();
        self.disk.note(|root| {
            let path = self.recorded(root, name)?;
            Some(Operation::Open { path, file })
        });
        Ok(DurableFile::new(&self.disk, opened, path, file, len))
    }

    /// Checks that a name is a single part, and gives the path that errors show.
    fn entry<'n>(&self, action: Action, name: &'n OsStr) -> Result<(&'n OsStr, PathBuf)> {
        let path = self.path().join(name);
        let bytes = name.as_bytes();
        if matches!(bytes, b"" | b"." | b"..") || bytes.iter().any(|b| matches!(b, b'/' | 0)) {
            return Err(failed(action, &path)(bad_name()));
        }
        Ok((name, path))
    }

    fn recorded(&self, root: &Path, name: &OsStr) -> Option<PathBuf> {
        Some(self.recorded_path(root)?.join(name))
    }

    /// Where the folder lies now, even if it was renamed since it was opened.
    fn recorded_path(&self, root: &Path) -> Option<PathBuf> {
        let path = present_path(self.as_fd()).or_else(|_| self.path().canonicalize());
        Some(path.ok()?.strip_prefix(root).ok()?.to_path_buf())
    }
}

impl AsFd for Dir {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.inner.fd.as_fd()
    }
}

/// The length of a regular file; anything else is refused.
pub(super) fn regular_len(file: &std::fs::File) -> io::Result<u64> {
    let metadata = file.metadata()?;
    if metadata.is_file() {
        return Ok(metadata.len());
    }
    Err(io::Error::new(io::ErrorKind::InvalidInput, "it is not a regular file"))
}

pub(super) fn bits(mode: u32) -> Mode {
    Mode::from_raw_mode(mode as rustix::fs::RawMode)
}

fn bad_name() -> io::Error {
    io::Error::new(
        io::ErrorKind::InvalidInput,
        "a name inside a folder has one part, which is neither `.` nor `..`",
    )
}

fn is_unsupported(kind: io::ErrorKind) -> bool {
    matches!(kind, io::ErrorKind::InvalidInput | io::ErrorKind::Unsupported)
}

#[cfg(target_os = "linux")]
fn sync_filesystem_of(fd: BorrowedFd<'_>) -> io::Result<()> {
    Ok(rustix::fs::syncfs(fd)?)
}

#[cfg(not(target_os = "linux"))]
fn sync_filesystem_of(_: BorrowedFd<'_>) -> io::Result<()> {
    rustix::fs::sync();
    Ok(())
}

#[cfg(target_os = "linux")]
fn present_path(fd: BorrowedFd<'_>) -> io::Result<PathBuf> {
    use std::os::fd::AsRawFd;
    std::fs::read_link(format!("/proc/self/fd/{}", fd.as_raw_fd()))
}

#[cfg(not(target_os = "linux"))]
fn present_path(_: BorrowedFd<'_>) -> io::Result<PathBuf> {
    Err(rustix::io::Errno::NOSYS.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::disk::crash::Budget;

    #[test]
    fn where_a_rename_cannot_refuse_a_link_does() {
        let root = tempfile::tempdir().unwrap();
        let dir = Disk::new().open_dir(root.path()).unwrap();
        dir.create_file("a", 0o600).unwrap();
        dir.create_file("taken", 0o600).unwrap();
        let refused = dir.link_and_remove("a".as_ref(), &dir, "taken".as_ref());
        assert!(refused.unwrap_err().is_already_exists());
        dir.link_and_remove("a".as_ref(), &dir, "b".as_ref()).unwrap();
        assert!(root.path().join("b").exists() && !root.path().join("a").exists());
    }

    #[test]
    fn a_file_that_gets_its_name_by_a_link_is_always_whole() {
        let root = tempfile::tempdir().unwrap();
        let scratch = tempfile::tempdir().unwrap();
        let (disk, recorder) = Disk::recording(root.path()).unwrap();
        let dir = disk.open_dir(root.path()).unwrap();
        let file = dir.create_file("tmp-a", 0o600).unwrap();
        file.append(b"content").unwrap();
        file.sync().unwrap();
        dir.link_and_remove("tmp-a".as_ref(), &dir, "b".as_ref()).unwrap();
        dir.sync().unwrap();
        disk.mark("done");
        let states = recorder.crash_states(Budget::seeded(1));
        let needless = states.needless_syncs(scratch.path(), |state, folder| {
            match std::fs::read(folder.join("b")) {
                Ok(bytes) if bytes == b"content" => Ok(()),
                Err(_) if !state.has_mark("done") => Ok(()),
                other => Err(format!("{other:?}").into()),
            }
        });
        assert!(needless.unwrap().is_empty());
    }
}
