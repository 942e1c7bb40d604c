//! `.aisr/local/damaged`: where what is damaged goes, so that nothing is deleted.

use std::path::{Path, PathBuf};

use crate::disk::{Disk, DiskError, OnExisting, Result};

/// How many things of one name are kept.
const NAMES: u32 = 10_000;

/// The folder of what was moved aside.
pub(super) struct Aside<'a> {
    disk: &'a Disk,
    folder: PathBuf,
    is_used: bool,
}

impl<'a> Aside<'a> {
    /// That of the repository whose `.aisr` is `folder`.
    pub fn new(disk: &'a Disk, folder: &Path) -> Self {
        Self { disk, folder: folder.join("local/damaged"), is_used: false }
    }

    /// The folder, if anything was moved there.
    pub fn used(&self) -> Option<PathBuf> {
        self.is_used.then(|| self.folder.clone())
    }

    /// Moves what is at `path` aside under this name, or this name with a number, durably.
    pub fn put(&mut self, path: &Path, name: &str) -> Result<()> {
        self.disk.create_dir_all_synced(&self.folder, 0o700)?;
        let mut taken = None;
        for n in 0..NAMES {
            let name = if n == 0 { name.into() } else { format!("{name}.{n}") };
            match self.disk.rename(path, &self.folder.join(name), OnExisting::Refuse) {
                Ok(()) => {
                    self.is_used = true;
                    self.disk.sync_dir(&self.folder)?;
                    return self.disk.sync_dir(path.parent().unwrap_or(path));
                }
                Err(e) if e.is_already_exists() => taken = Some(e),
                Err(e) => return Err(e),
            }
        }
        taken.map_or(Ok(()), |e: DiskError| Err(e))
    }
}
