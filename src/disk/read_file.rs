//! A file open for reading.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use rustix::buffer::spare_capacity;
use rustix::fs::{CWD, Mode, OFlags};
use rustix::io::Errno;

use super::dir::regular_len;
use super::error::{Action, DiskError, Result, failed};

/// Up to this length memory is taken before it is known that the file has so many bytes.
const TAKEN_UNASKED: u64 = 64 << 10;

/// A regular file open for reading at offsets; several threads may read from it at once.
#[derive(Debug)]
pub struct ReadFile {
    file: File,
    path: PathBuf,
}

impl ReadFile {
    /// Opens a regular file; symbolic links are followed.
    pub fn open(path: &Path) -> Result<ReadFile> {
        ReadFile::open_with_len(path).map(|(file, _)| file)
    }

    /// The same, with the length that it had then.
    pub fn open_with_len(path: &Path) -> Result<(ReadFile, u64)> {
        ReadFile::open_at(CWD, path, OFlags::empty(), path.to_path_buf())
    }

    pub(super) fn open_at(
        dir: BorrowedFd<'_>,
        name: impl AsRef<Path>,
        follow: OFlags,
        path: PathBuf,
    ) -> Result<(ReadFile, u64)> {
        // Without NONBLOCK, a FIFO put in a file's place would hold the caller for ever.
        let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC | follow;
        let fd = rustix::fs::openat(dir, name.as_ref(), flags, Mode::empty())
            .map_err(failed(Action::Open, &path))?;
        let file = File::from(fd);
        let len = regular_len(&file).map_err(failed(Action::Open, &path))?;
        Ok((ReadFile { file, path }, len))
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

    /// When its content was changed last.
    pub fn modified(&self) -> Result<SystemTime> {
        let modified = self.file.metadata().and_then(|metadata| metadata.modified());
        modified.map_err(failed(Action::Read, &self.path))
    }

    /// Fills the buffer from an offset; a file that ends before is [`DiskError::TooShort`].
    pub fn read_exact_at(&self, offset: u64, buffer: &mut [u8]) -> Result<()> {
        match self.file.read_exact_at(buffer, offset) {
            Ok(()) => Ok(()),
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                Err(self.too_short(offset, buffer.len() as u64)?)
            }
            Err(error) => Err(failed(Action::Read, &self.path)(error)),
        }
    }

    /// Reads what is there, up to the buffer's length; 0 is the end of the file.
    pub fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<usize> {
        loop {
            match self.file.read_at(buffer, offset) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                other => return other.map_err(failed(Action::Read, &self.path)),
            }
        }
    }

    /// The bytes of a range; the file's length is checked before more than a little memory is
    /// taken.
    pub fn read_vec_at(&self, offset: u64, len: u64) -> Result<Vec<u8>> {
        let end = offset.checked_add(len);
        if end.is_none_or(|end| end > i64::MAX as u64)
            || (!(1..=TAKEN_UNASKED).contains(&len) && end > Some(self.len()?))
        {
            return Err(self.too_short(offset, len)?);
        }
        let Ok(wanted) = usize::try_from(len) else {
            return Err(DiskError::TooLarge {
                path: self.path.clone(),
                len,
                limit: usize::MAX as u64,
            });
        };
        let mut bytes = Vec::with_capacity(wanted);
        while bytes.len() < wanted {
            let at = offset + bytes.len() as u64;
            match rustix::io::pread(&self.file, spare_capacity(&mut bytes), at) {
                Ok(0) => return Err(self.too_short(offset, len)?),
                Ok(_) | Err(Errno::INTR) => {}
                Err(error) => return Err(failed(Action::Read, &self.path)(error)),
            }
        }
        // An allocator may give more than it was asked for.
        bytes.truncate(wanted);
        Ok(bytes)
    }

    /// The whole file, if it has at most `limit` bytes.
    pub fn read_all(&self, limit: u64) -> Result<Vec<u8>> {
        let len = self.len()?;
        if len > limit {
            return Err(DiskError::TooLarge { path: self.path.clone(), len, limit });
        }
        self.read_vec_at(0, len)
    }

    fn too_short(&self, offset: u64, wanted: u64) -> Result<DiskError> {
        Ok(DiskError::TooShort { path: self.path.clone(), offset, wanted, len: self.len()? })
    }
}

impl AsFd for ReadFile {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }
}
