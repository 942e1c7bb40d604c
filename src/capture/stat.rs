//! What the file system says of a file, as far as it tells one content from another.

use std::os::fd::AsFd;

use rustix::fs::{FileType, Stat};

/// A clock step of the file systems that are supported, generously: a file whose times are
/// younger than this when it is read may change again without showing it.
pub const CLOCK_STEP: std::time::Duration = std::time::Duration::from_millis(20);

/// What the file system says of a file, as far as it tells one content from another.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct StatKey {
    /// Length in bytes.
    pub size: u64,
    /// Time of the last change of content, in nanoseconds since the epoch.
    pub mtime: i128,
    /// Time of the last change of the inode, in nanoseconds since the epoch.
    pub ctime: i128,
    /// The inode's number.
    pub inode: u64,
    /// Whether the owner may execute it.
    pub executable: bool,
}

impl StatKey {
    /// What matters of `stat`.
    pub fn of(stat: &Stat) -> Self {
        let nanos =
            |seconds: i64, nanos: u64| i128::from(seconds) * 1_000_000_000 + i128::from(nanos);
        Self {
            size: stat.st_size as u64,
            mtime: nanos(stat.st_mtime, stat.st_mtime_nsec),
            ctime: nanos(stat.st_ctime, stat.st_ctime_nsec),
            inode: stat.st_ino,
            executable: stat.st_mode & 0o100 != 0,
        }
    }

    /// What an open file looks like now, if it is a regular file.
    pub fn of_file(file: impl AsFd) -> std::io::Result<Option<Self>> {
        let stat = rustix::fs::fstat(file)?;
        let regular = FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile;
        Ok(regular.then(|| Self::of(&stat)))
    }

    /// Whether a change right after `now` could leave these very times (git's "racily clean").
    pub fn is_racy(&self, now: i128) -> bool {
        self.mtime.max(self.ctime) + CLOCK_STEP.as_nanos() as i128 >= now
    }
}

/// The present moment in nanoseconds since the epoch.
pub fn now_nanos() -> i128 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    now.map_or(0, |d| d.as_nanos() as i128)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_racy_for_one_step_of_the_clock_after_either_time() {
        let step = CLOCK_STEP.as_nanos() as i128;
        for (mtime, ctime) in [(1000, 0), (0, 1000)] {
            let stat = StatKey { mtime, ctime, ..StatKey::default() };
            for (now, racy) in [(1000, true), (1000 + step, true), (1001 + step, false)] {
                assert_eq!(stat.is_racy(now), racy, "{mtime}, {ctime} at {now}");
            }
            assert!(stat.is_racy(0), "a time to come");
        }
    }
}
