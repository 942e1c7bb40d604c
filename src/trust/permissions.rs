//! What the user allowed versioned files to ask for, and what he declined for good: two files in
//! the user's own configuration folder.

use std::path::{Path, PathBuf};

use thiserror::Error;

use crate::disk::{Disk, DiskError, Lock, Wait};

use super::request::{Request, RequestId};

/// The files: one request on each line, as [`Request::line`] says it.
const ALLOWED: &str = "allowed-requests";
const DECLINED: &str = "declined-requests";
/// Held while they are changed.
const LOCK: &str = "requests.lock";

/// Why permissions cannot be read, given or taken.
#[derive(Debug, Error)]
pub enum PermissionError {
    /// The file cannot be read.
    #[error("cannot read {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A line is no request.
    #[error("{}, line {line}, is no request that this version understands", path.display())]
    Line {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
    },
    /// The folder that asks holds the file that would allow it.
    #[error("your configuration folder {} lies inside the repository", folder.display())]
    InsideRepository {
        /// The configuration folder.
        folder: PathBuf,
    },
    /// The file cannot be written.
    #[error(transparent)]
    Disk(#[from] DiskError),
}

/// The requests that the user answered.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Permissions {
    folder: PathBuf,
    allowed: Vec<Request>,
    declined: Vec<Request>,
}

/// What the user answered to a request.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Answered {
    /// It is allowed.
    Yes(Permitted),
    /// It is not, and not to be asked again.
    Never,
    /// Nothing yet.
    Nothing,
}

/// A request that the user allowed. Only [`Permissions::answer`] makes one.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Permitted(Request);

impl Permitted {
    /// What is allowed.
    pub fn request(&self) -> &Request {
        &self.0
    }
}

impl Permissions {
    /// Reads what the folder of the user's configuration says. Its files need not exist.
    ///
    /// # Errors
    /// When one exists and cannot be read, or holds something else.
    pub fn load(config_dir: &Path) -> Result<Self, PermissionError> {
        let [allowed, declined] = [ALLOWED, DECLINED].map(|file| load(config_dir.join(file)));
        Ok(Self { folder: config_dir.into(), allowed: allowed?, declined: declined? })
    }

    /// All that is allowed, in the order in which it was.
    pub fn allowed(&self) -> &[Request] {
        &self.allowed
    }

    /// All that is declined for good, in the order in which it was.
    pub fn declined(&self) -> &[Request] {
        &self.declined
    }

    /// What the user answered to this very request.
    ///
    /// # Errors
    /// [`PermissionError::InsideRepository`]: then what is versioned could allow itself.
    pub fn answer(&self, request: &Request) -> Result<Answered, PermissionError> {
        self.ensure_outside(request.root())?;
        Ok(if self.declined.contains(request) {
            Answered::Never
        } else if self.allowed.contains(request) {
            Answered::Yes(Permitted(request.clone()))
        } else {
            Answered::Nothing
        })
    }

    /// Allows a request for good. To be called once the user has seen it and agreed.
    ///
    /// # Errors
    /// When the files cannot be written, or lie inside the repository that asks.
    pub fn allow(&mut self, disk: &Disk, request: &Request) -> Result<Permitted, PermissionError> {
        self.ensure_outside(request.root())?;
        self.change(disk, |now| {
            now.forget(request.id());
            now.allowed.push(request.clone());
        })?;
        Ok(Permitted(request.clone()))
    }

    /// Declines a request for good.
    ///
    /// # Errors
    /// As [`Permissions::allow`].
    pub fn decline(&mut self, disk: &Disk, request: &Request) -> Result<(), PermissionError> {
        self.ensure_outside(request.root())?;
        self.change(disk, |now| {
            now.forget(request.id());
            now.declined.push(request.clone());
        })
    }

    /// Takes an answer back. Says whether there was one.
    ///
    /// # Errors
    /// When the files cannot be written.
    pub fn revoke(&mut self, disk: &Disk, id: RequestId) -> Result<bool, PermissionError> {
        let mut found = false;
        self.change(disk, |now| found = now.forget(id))?;
        Ok(found)
    }

    fn forget(&mut self, id: RequestId) -> bool {
        let count = self.allowed.len() + self.declined.len();
        self.allowed.retain(|request| request.id() != id);
        self.declined.retain(|request| request.id() != id);
        self.allowed.len() + self.declined.len() != count
    }

    /// Changes what is there now, which another process may have changed since it was read.
    fn change(
        &mut self,
        disk: &Disk,
        change: impl FnOnce(&mut Self),
    ) -> Result<(), PermissionError> {
        disk.create_dir_all_synced(&self.folder, 0o700)?;
        let _lock = Lock::exclusive(&self.folder.join(LOCK), Wait::Forever)?;
        let before = Self::load(&self.folder)?;
        *self = before.clone();
        change(self);
        // Of two files, what is declined goes first when it grows: a crash between them leaves less
        // allowed, never more.
        let mut files = [
            (DECLINED, &self.declined, &before.declined),
            (ALLOWED, &self.allowed, &before.allowed),
        ];
        if self.declined.len() < before.declined.len() {
            files.reverse();
        }
        for (file, now, before) in files {
            if now != before {
                let text: String = now.iter().map(|one| format!("{}\n", one.line())).collect();
                disk.replace_whole(&self.folder.join(file), text.as_bytes(), 0o600)?;
            }
        }
        Ok(())
    }

    fn ensure_outside(&self, root: &Path) -> Result<(), PermissionError> {
        // The folder need not exist yet; where it would be decides.
        let mut places = self.folder.ancestors().filter_map(|place| place.canonicalize().ok());
        match places.next().is_some_and(|place| place.starts_with(root)) {
            true => Err(PermissionError::InsideRepository { folder: self.folder.clone() }),
            false => Ok(()),
        }
    }
}

fn load(path: PathBuf) -> Result<Vec<Request>, PermissionError> {
    let text = match std::fs::read_to_string(&path) {
        Ok(text) => text,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(source) => return Err(PermissionError::Read { path, source }),
    };
    let requests = text.lines().enumerate().map(|(number, line)| {
        let request = serde_json::from_str::<Request>(line).ok();
        let exact = request.filter(|request| request.line() == line);
        exact.ok_or_else(|| PermissionError::Line { path: path.clone(), line: number + 1 })
    });
    requests.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::object::RepositoryId;
    use crate::trust::AskedCommands;

    fn request(root: &Path, argument: &str) -> Request {
        let quiesce = vec!["/bin/sh".into(), argument.into()];
        let asked = AskedCommands { quiesce, resume: None, timeout: 30 };
        Request::new(RepositoryId::of(b"one"), root, &asked, &[]).unwrap()
    }

    #[test]
    fn an_answer_is_kept_to_the_letter_until_it_is_taken_back() {
        let (root, config) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let (one, other) = (request(root.path(), "a\n\u{202e}b"), request(root.path(), "a"));
        let (load, disk) = (|| Permissions::load(config.path()).unwrap(), Disk::new());
        assert_eq!(load().answer(&one).unwrap(), Answered::Nothing);
        load().allow(&disk, &one).unwrap();
        load().allow(&disk, &one).unwrap();
        assert_eq!(load().allowed(), std::slice::from_ref(&one));
        assert_eq!(load().answer(&one).unwrap(), Answered::Yes(Permitted(one.clone())));
        assert_eq!(load().answer(&other).unwrap(), Answered::Nothing);
        assert!(!load().revoke(&disk, other.id()).unwrap());
        assert!(load().revoke(&disk, one.id()).unwrap());
        assert_eq!(load().answer(&one).unwrap(), Answered::Nothing);
    }

    #[test]
    fn the_last_answer_counts() {
        let (root, config) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let (one, disk) = (request(root.path(), "a"), Disk::new());
        let load = || Permissions::load(config.path()).unwrap();
        for _ in 0..2 {
            load().allow(&disk, &one).unwrap();
            load().decline(&disk, &one).unwrap();
            assert_eq!(load().answer(&one).unwrap(), Answered::Never);
            assert_eq!((load().allowed().len(), load().declined().len()), (0, 1));
        }
        load().allow(&disk, &one).unwrap();
        assert_eq!((load().allowed().len(), load().declined().len()), (1, 0));
        load().decline(&disk, &one).unwrap();
        assert!(load().revoke(&disk, one.id()).unwrap());
        assert_eq!(load().answer(&one).unwrap(), Answered::Nothing);
    }

    #[test]
    fn what_another_process_allowed_meanwhile_stays() {
        let (root, config) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let mut early = Permissions::load(config.path()).unwrap();
        let mut late = early.clone();
        early.allow(&Disk::new(), &request(root.path(), "a")).unwrap();
        late.allow(&Disk::new(), &request(root.path(), "b")).unwrap();
        assert_eq!(Permissions::load(config.path()).unwrap().allowed().len(), 2);
    }

    #[test]
    fn a_folder_cannot_hold_what_allows_it() {
        let root = tempfile::tempdir().unwrap();
        let one = request(root.path(), "a");
        for config in ["config", "not/there/yet"] {
            let config = root.path().join(config);
            let mut list = Permissions::load(&config).unwrap();
            let refused = list.allow(&Disk::new(), &one).unwrap_err();
            assert!(matches!(refused, PermissionError::InsideRepository { .. }), "{refused}");
        }
        std::fs::create_dir(root.path().join("config")).unwrap();
        let line = format!("{}\n", one.line());
        std::fs::write(root.path().join("config").join(ALLOWED), line).unwrap();
        let list = Permissions::load(&root.path().join("config")).unwrap();
        assert_eq!(list.allowed().len(), 1);
        assert!(list.answer(&one).is_err());
    }

    #[test]
    fn a_line_that_is_not_exact_is_told() {
        let (root, config) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let line = request(root.path(), "a").line();
        let field = line.replacen('{', "{\"more\":1,", 1);
        let spaced = line.replacen(':', ": ", 1);
        let purpose = line.replace("capture-commands", "anything");
        for wrong in ["", "{}", &field, &spaced, &purpose] {
            std::fs::write(config.path().join(ALLOWED), format!("{line}\n{wrong}\n")).unwrap();
            let error = Permissions::load(config.path()).unwrap_err();
            assert!(matches!(error, PermissionError::Line { line: 2, .. }), "{wrong}: {error}");
        }
    }
}
