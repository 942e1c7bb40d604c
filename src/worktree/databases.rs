//! The databases of a folder that have to be read: held still together, then read, then put in
//! their places in the tree.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bstr::{BString, ByteSlice};
use rustix::fs::{Mode as FileMode, OFlags};

use crate::capture::{
    CaptureError, ClosedDatabase, Databases, Mode, OpenDatabase, Outcome, Pool, Refused, Request,
    state_of_blob,
};
use crate::object::{BlobId, RepoPath, TreeEntry};
use crate::repo::Repository;
use crate::store::{Batch, PackWriter};

use super::database_cache::{KnownDatabase, KnownDatabases};
use super::error::WorktreeError;
use super::read_folder::Reading;
use super::report::Warning;

/// How often a database that does not hold still is begun again.
const ATTEMPTS: usize = 3;

/// Databases with a read transaction on each, or the reason why there is none.
pub struct HeldDatabases {
    all: Vec<(BString, Result<OpenDatabase, Refused>)>,
    /// None changed while the transactions were begun.
    together: bool,
}

/// What the databases came to.
#[derive(Default)]
pub struct ReadDatabases {
    /// What becomes of each path: an entry, or none.
    pub entries: BTreeMap<BString, Option<TreeEntry>>,
    /// Those that did not hold still, whatever was done.
    pub moved: Vec<BString>,
    pub warnings: Vec<Warning>,
    /// The longest time for which others were held up.
    pub held: Duration,
    /// The bytes that were read.
    pub bytes: u64,
}

fn file_of(repo: &Repository, path: &BString) -> PathBuf {
    repo.root().join(OsStr::from_bytes(path))
}

impl HeldDatabases {
    /// Begins a transaction on each of `paths`; again, if one moved before the last began.
    pub fn begin(repo: &Repository, paths: &[BString]) -> Self {
        let mut held = Self { all: Vec::new(), together: true };
        for _ in 0..ATTEMPTS {
            held.all.clear();
            // Looking at a file drops this process's locks on it, so that comes first.
            let modes: Vec<_> =
                paths.iter().map(|path| (path, OpenDatabase::mode(&file_of(repo, path)))).collect();
            for (path, mode) in modes {
                let open = mode
                    .and_then(|mode| OpenDatabase::begin(&file_of(repo, path), path.clone(), mode));
                held.all.push((path.clone(), open));
            }
            held.together = held.open().count() <= 1 || held.open().all(OpenDatabase::is_current);
            if held.together {
                break;
            }
        }
        held
    }

    fn open(&self) -> impl Iterator<Item = &OpenDatabase> {
        self.all.iter().filter_map(|(_, open)| open.as_ref().ok())
    }

    /// Whether all that can be read show one moment.
    pub fn together(&self) -> bool {
        self.together
            && self.all.iter().all(|(_, open)| matches!(open, Ok(_) | Err(Refused::NotADatabase)))
    }

    /// Whether what is read of them stays as it is, whoever writes from now on: a transaction that
    /// holds nobody up is no shield, and neither is one on what is a plain file after all.
    pub fn outlast_writers(&self) -> bool {
        self.all.iter().all(|(_, open)| match open {
            Ok(open) => open.kept() != Mode::Settled,
            Err(why) => *why != Refused::NotADatabase,
        })
    }

    /// Whether another process keeps one of them from being read.
    pub fn refused_any(&self) -> bool {
        let refused = |why: &Refused| !matches!(why, Refused::NotADatabase | Refused::Vanished);
        self.all.iter().any(|(_, open)| open.as_ref().is_err_and(refused))
    }

    /// Whether these are the databases at `paths`.
    pub fn are(&self, paths: &[BString]) -> bool {
        self.all.iter().map(|(path, _)| path).eq(paths)
    }

    /// Reads them all out of their transactions, those that hold writers up first, and notes them
    /// in `known`.
    ///
    /// # Errors
    /// When the store cannot take them.
    pub fn read(
        mut self,
        repo: &Repository,
        writer: &PackWriter<'_>,
        reading: &Reading<'_>,
        known: &mut KnownDatabases,
    ) -> Result<ReadDatabases, WorktreeError> {
        self.all.sort_by_key(|(_, open)| match open {
            Ok(open) if open.kept() == Mode::Rollback => 0,
            Ok(_) => 1,
            Err(_) => 2,
        });
        // Declared before what is read, and so closed after all of it, whatever happens.
        let mut ended = Vec::new();
        let mut open = std::mem::take(&mut self.all);
        Pool::run(writer, reading.threads, reading.guard, |pool| {
            let mut batch = Batch::new(writer);
            let mut read = ReadDatabases::default();
            for (path, open) in open.drain(..) {
                let (read, ended) = (&mut read, &mut ended);
                let mut one = One { repo, pool, reading, known, read, ended };
                one.read(&mut batch, &path, open)?;
            }
            batch.flush()?;
            Ok(read)
        })
    }
}

/// One database that is being read.
struct One<'a> {
    repo: &'a Repository,
    pool: &'a Pool<'a>,
    reading: &'a Reading<'a>,
    known: &'a mut KnownDatabases,
    read: &'a mut ReadDatabases,
    /// Those whose transactions have ended.
    ended: &'a mut Vec<ClosedDatabase>,
}

impl One<'_> {
    fn read(
        &mut self,
        batch: &mut Batch<'_, '_>,
        path: &BString,
        mut open: Result<OpenDatabase, Refused>,
    ) -> Result<(), WorktreeError> {
        for attempt in 1..=ATTEMPTS {
            let database = match open {
                Ok(database) => database,
                Err(Refused::NotADatabase) => return self.as_file(path),
                Err(why) => return self.refuse(path, why),
            };
            let progress = |bytes| self.reading.progress.advance(0, bytes);
            let head = self.head_entry(path)?.and_then(|entry| entry.blob());
            let aside = self.set_aside(&database, head.is_none());
            let mut image = None;
            if aside.is_none() {
                image = Some(database.capture(self.pool, batch, head, &progress));
            }
            self.read.held = self.read.held.max(database.held());
            let whole = database.is_whole();
            let (state, racy, made) = (database.state(), database.racy(), database.made_files());
            self.ended.push(database.close());
            if let Some(aside) = aside.filter(|_| whole) {
                image = Some(aside.capture(self.pool, batch, head, &progress));
            }
            match image {
                Some(Ok(image)) if whole => {
                    if made {
                        self.read.warnings.push(Warning::MadeShared { path: path.clone() });
                    }
                    let now = KnownDatabase { state, racy, image };
                    return self.settle(path, now);
                }
                Some(Err(error @ (CaptureError::Store(_) | CaptureError::Stopped))) => {
                    return Err(error.into());
                }
                Some(Err(CaptureError::Database { source, .. })) if whole => {
                    return self.refuse(path, Refused::Unreadable(source.to_string()));
                }
                Some(Err(error)) if whole => return Err(error.into()),
                _ => {}
            }
            if attempt == 1 {
                self.read.moved.push(path.clone());
            }
            let file = file_of(self.repo, path);
            open = OpenDatabase::mode(&file)
                .and_then(|mode| OpenDatabase::begin(&file, path.clone(), mode));
        }
        self.refuse(path, Refused::Locked)
    }

    /// The database, copied, where its writers are held up for less long by that.
    fn set_aside(&self, database: &OpenDatabase, is_new: bool) -> Option<OpenDatabase> {
        if !database.is_worth_setting_aside(is_new) {
            return None;
        }
        database.set_aside(self.repo.store().create_temporary().ok()?)
    }

    /// Keeps the id that HEAD has, where it is of the same state.
    fn settle(&mut self, path: &BString, mut now: KnownDatabase) -> Result<(), WorktreeError> {
        if let Some(head) = self.head_entry(path)?
            && let Some(id) = head.blob()
            && head.size() == now.image.size
            && id != now.image.id
        {
            let before = self.known.get(path).filter(|known| known.image.id == id);
            let state = match before {
                Some(known) => Some(known.image.state),
                // One that cannot be read is not kept.
                None => state_of_blob(self.repo.store(), id).ok(),
            };
            if state == Some(now.image.state) {
                now.image.id = id;
            }
        }
        self.read.bytes += now.image.size;
        self.put(path, now);
        Ok(())
    }

    fn put(&mut self, path: &BString, now: KnownDatabase) {
        let executable = now.state.main.executable;
        let entry = TreeEntry::regular(now.image.id, now.image.size, executable);
        self.read.entries.insert(path.clone(), Some(entry));
        self.known.insert(path.clone(), now);
        self.reading.progress.advance(1, 0);
    }

    /// What SQLite does not read stays as HEAD has it: a version that may be torn is never made.
    fn refuse(&mut self, path: &BString, why: Refused) -> Result<(), WorktreeError> {
        let head = match why {
            Refused::Vanished => None,
            _ => self.head_entry(path)?.filter(|entry| entry.blob().is_some()),
        };
        self.read.warnings.push(match why {
            Refused::Vanished => Warning::Vanished { path: path.clone() },
            why => Warning::Database { path: path.clone(), why, kept: head.is_some() },
        });
        self.known.remove(path);
        self.read.entries.insert(path.clone(), head);
        Ok(())
    }

    fn as_file(&mut self, path: &BString) -> Result<(), WorktreeError> {
        let (folder, name) = match path.rfind_byte(b'/') {
            Some(at) => (path[..at].into(), path[at + 1..].into()),
            None => (BString::default(), path.clone()),
        };
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let open: Option<OwnedFd> =
            rustix::fs::open(file_of(self.repo, &folder), flags, FileMode::empty()).ok();
        let Some(open) = open else { return self.refuse(path, Refused::Vanished) };
        let request = Request {
            folder: Arc::new(open),
            name,
            folder_path: Arc::new(folder),
            databases: Databases::AsFiles,
        };
        let outcome =
            self.pool.small(vec![request])?.recv().map_err(|_| CaptureError::Stopped)??;
        let Some(Outcome::Captured(file)) = outcome.first() else {
            return self.refuse(path, Refused::Vanished);
        };
        if file.moved {
            self.read.moved.push(path.clone());
        }
        self.put(path, KnownDatabase::of_file(file.stat, file.racy, file.id));
        Ok(())
    }

    fn head_entry(&self, path: &BString) -> Result<Option<TreeEntry>, WorktreeError> {
        let Ok(path) = RepoPath::parse(path) else { return Ok(None) };
        Ok(self.repo.entry_in(self.reading.head, &path)?)
    }
}

/// What stands for a database in a tree until it is read.
pub fn placeholder() -> TreeEntry {
    TreeEntry::file(BlobId::of(b""), 0)
}
