//! A file that has no final name yet.

use std::ffi::{OsStr, OsString};
use std::io;
use std::ops::Deref;
use std::path::Path;

use super::dir::Dir;
use super::error::{Action, Result, failed};
use super::file::DurableFile;
use super::handle::{OnExisting, folder_of};

/// A file under a temporary name: [`NewFile::persist`] gives it its own, dropping it removes it.
///
/// It is written as the [`DurableFile`] that it is.
#[derive(Debug)]
pub struct NewFile {
    file: DurableFile,
    dir: Dir,
    name: OsString,
    placed: bool,
}

impl NewFile {
    pub(super) fn new(file: DurableFile, dir: Dir, name: OsString) -> NewFile {
        NewFile { file, dir, name, placed: false }
    }

    /// Makes the content durable, gives the file its name, and makes the name durable.
    ///
    /// The target lies on the same file system. On failure the old target is whole, unless it was
    /// the last step that failed: then the new file is there, whole, and may not survive a crash.
    pub fn persist(self, to: &Path, on_existing: OnExisting) -> Result<()> {
        let Some(name) = to.file_name() else {
            return Err(failed(Action::Rename, to)(io::Error::new(
                io::ErrorKind::InvalidInput,
                "the path does not end in a name",
            )));
        };
        let folder = Dir::open(self.dir.disk(), folder_of(to))?;
        self.persist_in(&folder, name, on_existing)
    }

    /// [`NewFile::persist`], relative to an open folder.
    pub fn persist_in(
        self,
        to: &Dir,
        name: impl AsRef<OsStr>,
        on_existing: OnExisting,
    ) -> Result<()> {
        self.file.sync_if_needed()?;
        self.place_in(to, name, on_existing)?;
        to.sync()
    }

    /// Gives the file its name and makes nothing durable: for many files before one sync of all.
    pub fn place_in(
        mut self,
        to: &Dir,
        name: impl AsRef<OsStr>,
        on_existing: OnExisting,
    ) -> Result<()> {
        self.dir.rename(&self.name, to, name, on_existing)?;
        self.placed = true;
        Ok(())
    }

    /// Lets the file change places with an existing one, which is then the temporary one and stays.
    ///
    /// Gives the temporary name of what was swapped out; it lies in the folder where this file was
    /// created. Nothing is made durable.
    pub fn exchange_with(mut self, other: &Dir, name: impl AsRef<OsStr>) -> Result<OsString> {
        self.dir.exchange(&self.name, other, name)?;
        self.placed = true;
        Ok(std::mem::take(&mut self.name))
    }
}

impl Deref for NewFile {
    type Target = DurableFile;

    fn deref(&self) -> &DurableFile {
        &self.file
    }
}

impl Drop for NewFile {
    fn drop(&mut self) {
        if !self.placed {
            // Best effort: a temporary file that stays is removed by the next clean-up.
            let _ = self.dir.remove_file(&self.name);
        }
    }
}
