//! What can go wrong on the disk.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// What the room was doing when it failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Action {
    /// Creating a file.
    Create,
    /// Opening a file or folder.
    Open,
    /// Reading a file or its metadata.
    Read,
    /// Writing bytes.
    Write,
    /// Reserving space.
    Allocate,
    /// Setting a file's length.
    Truncate,
    /// Changing permission bits.
    SetMode,
    /// Making a file's content durable.
    SyncFile,
    /// Making a folder's entries durable.
    SyncDir,
    /// Making all of a file system durable.
    SyncFilesystem,
    /// Renaming, or exchanging two names.
    Rename,
    /// Removing a name.
    Remove,
    /// Creating a folder.
    CreateDir,
    /// Removing an empty folder.
    RemoveDir,
    /// Creating a symbolic link.
    Symlink,
    /// Taking a lock.
    Lock,
}

impl Action {
    /// Whether this is one of the three ways to make something durable.
    pub fn is_sync(self) -> bool {
        matches!(self, Action::SyncFile | Action::SyncDir | Action::SyncFilesystem)
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Action::Create => "create",
            Action::Open => "open",
            Action::Read => "read",
            Action::Write => "write to",
            Action::Allocate => "reserve space for",
            Action::Truncate => "set the length of",
            Action::SetMode => "set the permissions of",
            Action::SyncFile => "make durable the file",
            Action::SyncDir => "make durable the folder",
            Action::SyncFilesystem => "make durable the file system of",
            Action::Rename => "rename a file to",
            Action::Remove => "remove",
            Action::CreateDir => "create the folder",
            Action::RemoveDir => "remove the folder",
            Action::Symlink => "create the symbolic link",
            Action::Lock => "lock",
        })
    }
}

/// An operation on the disk that failed, and where.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DiskError {
    /// The system refused an operation.
    #[error("cannot {action} {}", path.display())]
    Io {
        /// What was being done.
        action: Action,
        /// The file or folder it was done to.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A file ends before the bytes that were asked for.
    #[error("{} is too short: {wanted} bytes at {offset} were asked for, the file has {len}", path.display())]
    TooShort {
        /// The file.
        path: PathBuf,
        /// Where the read began.
        offset: u64,
        /// How many bytes were asked for.
        wanted: u64,
        /// How long the file is.
        len: u64,
    },
    /// A file is larger than its reader is ready to hold in memory.
    #[error("{} is too large: {len} bytes, at most {limit} are read", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// How long the file is.
        len: u64,
        /// How many bytes the reader accepts.
        limit: u64,
    },
    /// An earlier sync of this handle failed, so nothing more can be promised through it.
    #[error("{} is unusable: an earlier attempt to make it durable failed", path.display())]
    Poisoned {
        /// The file.
        path: PathBuf,
    },
    /// Somebody else holds the lock.
    #[error("{} is locked by another process", path.display())]
    Locked {
        /// The lock file.
        path: PathBuf,
        /// How long the lock was waited for.
        waited: Duration,
    },
}

impl DiskError {
    /// The file or folder that the error is about.
    pub fn path(&self) -> &Path {
        match self {
            DiskError::Io { path, .. }
            | DiskError::TooShort { path, .. }
            | DiskError::TooLarge { path, .. }
            | DiskError::Poisoned { path }
            | DiskError::Locked { path, .. } => path,
        }
    }

    /// What was being done.
    pub fn action(&self) -> Action {
        match self {
            DiskError::Io { action, .. } => *action,
            DiskError::TooShort { .. } | DiskError::TooLarge { .. } => Action::Read,
            DiskError::Poisoned { .. } => Action::SyncFile,
            DiskError::Locked { .. } => Action::Lock,
        }
    }

    /// The kind of the system's error, where it was the system that refused.
    pub fn io_kind(&self) -> Option<io::ErrorKind> {
        match self {
            DiskError::Io { source, .. } => Some(source.kind()),
            _ => None,
        }
    }

    /// Whether the file or folder does not exist.
    pub fn is_not_found(&self) -> bool {
        self.io_kind() == Some(io::ErrorKind::NotFound)
    }

    /// Whether the name is taken.
    pub fn is_already_exists(&self) -> bool {
        self.io_kind() == Some(io::ErrorKind::AlreadyExists)
    }

    /// The same error about another path: the target, where a temporary name means nothing to people.
    pub(super) fn about(mut self, target: &Path) -> DiskError {
        match &mut self {
            DiskError::Io { path, .. }
            | DiskError::TooShort { path, .. }
            | DiskError::TooLarge { path, .. }
            | DiskError::Poisoned { path }
            | DiskError::Locked { path, .. } => *path = target.to_path_buf(),
        }
        self
    }
}

/// What operations on the disk return.
pub type Result<T> = std::result::Result<T, DiskError>;

/// Adds action and path to the system's error.
pub(super) fn failed<E: Into<io::Error>>(
    action: Action,
    path: &Path,
) -> impl FnOnce(E) -> DiskError {
    move |source| DiskError::Io { action, path: path.to_path_buf(), source: source.into() }
}
