//! A database set aside: copied while it is held still, so that hashing and coding hold nobody up.

use crate::disk::NewFile;

use super::error::CaptureError;
use super::sqlite::{Mode, OpenDatabase};

/// A shorter database is read about as quickly as it is copied.
const WORTH_COPYING: u64 = 4 << 20;
/// Room that is left on the disk beside the copy, and as much again for what is stored of it.
const SPARE: u64 = 64 << 20;
/// Bytes that are copied in one go.
const STEP: usize = 1 << 20;

impl OpenDatabase {
    /// Whether others are held up for less long if it is set aside: writers always; checkpoints
    /// where all of it `is_new`, since coding takes longer than copying, while comparing does not.
    pub fn is_worth_setting_aside(&self, is_new: bool) -> bool {
        let size = self.reader().map_or(0, |reader| reader.size());
        size >= WORTH_COPYING
            && match self.kept() {
                Mode::Rollback => true,
                Mode::Log => is_new,
                Mode::Settled => false,
            }
    }

    /// Copies what the transaction sees to `copy`, which loses its name at once, and opens that in
    /// place of the database. `None` where there is no room for it, or it does not come out right:
    /// then it is to be read where it is.
    pub fn set_aside(&self, copy: NewFile) -> Option<OpenDatabase> {
        let size = self.copy_to(&copy).ok()??;
        let aside = Self::begin(copy.path(), self.path().clone(), Mode::Settled).ok()?;
        // This opens the file for good.
        let found = aside.reader().ok()?.size();
        (found == size).then_some(aside)
    }

    /// Copies the image, and gives its length.
    fn copy_to(&self, copy: &NewFile) -> Result<Option<u64>, CaptureError> {
        let mut reader = self.reader()?;
        let (size, mut at) = (reader.size(), 0);
        let failed = |source| CaptureError::Read { path: self.path().clone(), source };
        if free_beside(copy).map_err(failed)? < size.saturating_mul(2).saturating_add(SPARE) {
            return Ok(None);
        }
        let mut buffer = vec![0; STEP];
        while at < size {
            let got = reader.read(at, &mut buffer)?;
            let written = copy.write_all_at(at, &buffer[..got]);
            written.map_err(|e| failed(std::io::Error::other(e)))?;
            at += got as u64;
        }
        Ok(Some(size))
    }
}

fn free_beside(file: &NewFile) -> std::io::Result<u64> {
    let folder = file.path().parent().unwrap_or(file.path());
    let stat = rustix::fs::statvfs(folder)?;
    Ok(stat.f_bavail.saturating_mul(stat.f_frsize))
}
