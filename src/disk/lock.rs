//! Locks between processes.

use std::os::fd::OwnedFd;
use std::path::Path;
use std::time::{Duration, Instant};

use rustix::fs::{CWD, FlockOperation, Mode, OFlags};
use rustix::io::Errno;

use super::error::{Action, DiskError, Result, failed};

/// How long to wait for a lock that somebody else holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wait {
    /// Until it is free.
    Forever,
    /// At most so long; zero asks once.
    AtMost(Duration),
}

impl Wait {
    /// Not at all.
    pub const NO: Wait = Wait::AtMost(Duration::ZERO);
}

/// A lock on a file, held until it is dropped or the process dies.
///
/// It is a `flock`: it belongs to this handle, so two locks in one process exclude each other too.
/// The lock file is created if it is missing, and stays: who removed it would split the lock.
/// Locks are not recorded.
#[derive(Debug)]
pub struct Lock {
    fd: OwnedFd,
}

impl Lock {
    /// Takes the lock alone.
    pub fn exclusive(path: &Path, wait: Wait) -> Result<Lock> {
        let fd = open(path, OFlags::RDWR)?;
        take(fd, path, Kind::Exclusive, wait)
    }

    /// Takes the lock together with others who share it.
    pub fn shared(path: &Path, wait: Wait) -> Result<Lock> {
        let fd = open(path, OFlags::RDONLY)?;
        take(fd, path, Kind::Shared, wait)
    }
}

impl Drop for Lock {
    /// Unlocks rather than only closes: a child that is just being started still has a copy.
    fn drop(&mut self) {
        let _ = rustix::fs::flock(&self.fd, FlockOperation::Unlock);
    }
}

#[derive(Clone, Copy)]
enum Kind {
    Exclusive,
    Shared,
}

impl Kind {
    fn blocking(self) -> FlockOperation {
        match self {
            Kind::Exclusive => FlockOperation::LockExclusive,
            Kind::Shared => FlockOperation::LockShared,
        }
    }

    fn at_once(self) -> FlockOperation {
        match self {
            Kind::Exclusive => FlockOperation::NonBlockingLockExclusive,
            Kind::Shared => FlockOperation::NonBlockingLockShared,
        }
    }
}

fn open(path: &Path, access: OFlags) -> Result<OwnedFd> {
    let flags = access | OFlags::CREATE | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    rustix::fs::openat(CWD, path, flags, Mode::RUSR | Mode::WUSR)
        .map_err(failed(Action::Lock, path))
}

fn take(fd: OwnedFd, path: &Path, kind: Kind, wait: Wait) -> Result<Lock> {
    let Wait::AtMost(limit) = wait else {
        rustix::io::retry_on_intr(|| rustix::fs::flock(&fd, kind.blocking()))
            .map_err(failed(Action::Lock, path))?;
        return Ok(Lock { fd });
    };
    let start = Instant::now();
    let mut pause = Duration::from_millis(1);
    loop {
        match rustix::fs::flock(&fd, kind.at_once()) {
            Ok(()) => return Ok(Lock { fd }),
            Err(Errno::WOULDBLOCK | Errno::INTR) => {}
            Err(error) => return Err(failed(Action::Lock, path)(error)),
        }
        let waited = start.elapsed();
        if waited >= limit {
            return Err(DiskError::Locked { path: path.to_path_buf(), waited });
        }
        std::thread::sleep(pause.min(limit - waited));
        pause = (pause * 2).min(Duration::from_millis(50));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lock_file() -> (tempfile::TempDir, std::path::PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lock");
        (folder, path)
    }

    #[test]
    fn an_exclusive_lock_keeps_all_others_out() {
        let (_folder, path) = lock_file();
        let _held = Lock::exclusive(&path, Wait::NO).unwrap();
        for refused in [Lock::exclusive(&path, Wait::NO), Lock::shared(&path, Wait::NO)] {
            let error = refused.unwrap_err();
            assert!(matches!(error, DiskError::Locked { .. }), "{error}");
            assert_eq!(error.path(), path);
        }
    }

    #[test]
    fn shared_locks_go_together_and_keep_an_exclusive_one_out() {
        let (_folder, path) = lock_file();
        let _one = Lock::shared(&path, Wait::NO).unwrap();
        let _two = Lock::shared(&path, Wait::NO).unwrap();
        assert!(Lock::exclusive(&path, Wait::NO).is_err());
    }

    #[test]
    fn a_dropped_lock_is_free() {
        let (_folder, path) = lock_file();
        drop(Lock::exclusive(&path, Wait::NO).unwrap());
        Lock::exclusive(&path, Wait::NO).unwrap();
    }

    #[test]
    fn a_program_started_under_a_lock_does_not_keep_it() {
        let (_folder, path) = lock_file();
        let held = Lock::exclusive(&path, Wait::NO).unwrap();
        let mut child = std::process::Command::new("sleep").arg("60").spawn().unwrap();
        drop(held);
        let again = Lock::exclusive(&path, Wait::NO);
        child.kill().unwrap();
        child.wait().unwrap();
        again.unwrap();
    }

    #[test]
    fn a_lock_is_waited_for_as_long_as_asked() {
        let (_folder, path) = lock_file();
        let held = Lock::exclusive(&path, Wait::NO).unwrap();
        let limit = Duration::from_millis(30);
        let error = Lock::shared(&path, Wait::AtMost(limit)).unwrap_err();
        assert!(matches!(error, DiskError::Locked { waited, .. } if waited >= limit));

        std::thread::scope(|scope| {
            let waiting =
                scope.spawn(|| Lock::exclusive(&path, Wait::AtMost(Duration::from_secs(60))));
            drop(held);
            waiting.join().unwrap().unwrap();
        });
    }

    #[test]
    fn a_lock_is_not_taken_through_a_symlink() {
        let (folder, path) = lock_file();
        std::os::unix::fs::symlink(folder.path().join("elsewhere"), &path).unwrap();
        assert!(Lock::exclusive(&path, Wait::NO).is_err());
    }
}
