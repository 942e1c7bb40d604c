//! The operations that a recording disk writes down.

use std::fmt;
use std::path::PathBuf;

/// A file as one handle knows it: stays the same when the file is renamed or removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FileId(pub(super) u64);

/// What a rename does to the two names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RenameKind {
    /// The target is replaced if there is one.
    Replace,
    /// Refused if there is a target.
    Refuse,
    /// The two names change places.
    Exchange,
}

/// One change to the disk; paths are relative to the recorded root.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Operation {
    /// A file was created under a new name.
    Create {
        /// Its name.
        path: PathBuf,
        /// Its handle.
        file: FileId,
        /// Its permission bits.
        mode: u32,
    },
    /// An existing file was opened for writing.
    Open {
        /// Its name.
        path: PathBuf,
        /// Its handle.
        file: FileId,
    },
    /// Bytes were written.
    Write {
        /// The handle.
        file: FileId,
        /// Where the bytes lie.
        offset: u64,
        /// The bytes.
        bytes: Vec<u8>,
    },
    /// Space was reserved behind the end of the file.
    Allocate {
        /// The handle.
        file: FileId,
        /// The length that space was reserved for.
        len: u64,
    },
    /// The length was set.
    Truncate {
        /// The handle.
        file: FileId,
        /// The new length.
        len: u64,
    },
    /// The permission bits were set.
    SetMode {
        /// The handle.
        file: FileId,
        /// The new bits.
        mode: u32,
    },
    /// A file's content was made durable; its name was not.
    SyncFile {
        /// The handle.
        file: FileId,
    },
    /// A folder's entries were made durable; what they name was not.
    SyncDir {
        /// The folder.
        path: PathBuf,
    },
    /// All that had been written was made durable.
    SyncFilesystem,
    /// A name was moved, or two names exchanged.
    Rename {
        /// The old name.
        from: PathBuf,
        /// The new name.
        to: PathBuf,
        /// What happened to the new name's former file.
        kind: RenameKind,
    },
    /// A second name was given to a file.
    Link {
        /// The first name.
        from: PathBuf,
        /// The second name.
        to: PathBuf,
    },
    /// A name of a file or symbolic link was removed.
    Remove {
        /// The name.
        path: PathBuf,
    },
    /// A folder was created.
    CreateDir {
        /// Its name.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// An empty folder was removed.
    RemoveDir {
        /// Its name.
        path: PathBuf,
    },
    /// A symbolic link was created.
    Symlink {
        /// Its name.
        path: PathBuf,
        /// Where it points.
        target: PathBuf,
    },
    /// The workload told how far it is; nothing happened on the disk.
    Mark {
        /// What it told.
        label: String,
    },
}

impl Operation {
    /// Whether this makes something durable.
    pub fn is_sync(&self) -> bool {
        matches!(
            self,
            Operation::SyncFile { .. } | Operation::SyncDir { .. } | Operation::SyncFilesystem
        )
    }

    /// The handle, for operations that go through one made before.
    pub(super) fn used_file(&self) -> Option<FileId> {
        match self {
            Operation::Write { file, .. }
            | Operation::Allocate { file, .. }
            | Operation::Truncate { file, .. }
            | Operation::SetMode { file, .. }
            | Operation::SyncFile { file } => Some(*file),
            _ => None,
        }
    }

    /// The handle, for operations that make one.
    pub(super) fn made_file(&self) -> Option<FileId> {
        match self {
            Operation::Create { file, .. } | Operation::Open { file, .. } => Some(*file),
            _ => None,
        }
    }
}

impl fmt::Display for FileId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "file {}", self.0)
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Operation::Create { path, file, .. } => {
                write!(f, "create {} as {file}", path.display())
            }
            Operation::Open { path, file } => write!(f, "open {} as {file}", path.display()),
            Operation::Write { file, offset, bytes } => {
                write!(f, "write {} bytes at {offset} of {file}", bytes.len())
            }
            Operation::Allocate { file, len } => write!(f, "reserve {len} bytes for {file}"),
            Operation::Truncate { file, len } => write!(f, "set the length of {file} to {len}"),
            Operation::SetMode { file, mode } => write!(f, "set the mode of {file} to {mode:o}"),
            Operation::SyncFile { file } => write!(f, "sync {file}"),
            Operation::SyncDir { path } => write!(f, "sync folder {}", shown(path)),
            Operation::SyncFilesystem => f.write_str("sync the file system"),
            Operation::Rename { from, to, kind } => {
                let verb = match kind {
                    RenameKind::Exchange => "exchange",
                    RenameKind::Replace | RenameKind::Refuse => "rename",
                };
                write!(f, "{verb} {} to {}", from.display(), to.display())
            }
            Operation::Link { from, to } => {
                write!(f, "link {} as {}", from.display(), to.display())
            }
            Operation::Remove { path } => write!(f, "remove {}", path.display()),
            Operation::CreateDir { path, .. } => write!(f, "create folder {}", path.display()),
            Operation::RemoveDir { path } => write!(f, "remove folder {}", path.display()),
            Operation::Symlink { path, .. } => write!(f, "create link {}", path.display()),
            Operation::Mark { label } => write!(f, "mark {label:?}"),
        }
    }
}

/// The root itself has an empty relative path.
fn shown(path: &std::path::Path) -> std::path::Display<'_> {
    if path.as_os_str().is_empty() { std::path::Path::new(".").display() } else { path.display() }
}
