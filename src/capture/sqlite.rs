//! Opening a SQLite database so that it holds still: one read transaction over all of it.
//!
//! SQLite's locks are those of the process on the file, and fall when *any* descriptor of it is
//! closed: whoever looks at a database's bytes does so before the first transaction begins, or
//! closes the file after the last has ended (`docs/working-folder.md`).

use std::cell::OnceCell;
use std::fmt::Write as _;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use bstr::BString;
use rusqlite::{Connection, ErrorCode, OpenFlags};
use rustix::fs::{AtFlags, CWD, FileType, Mode as FileMode, OFlags, statat};

use super::error::CaptureError;
use super::large::read_full;
use super::sqlite_main_file::{ImageReader, MainFile};
use super::stat::{StatKey, now_nanos};

const _: () = assert!(
    matches!(option_env!("LIBSQLITE3_FLAGS"), Some(flags) if !flags.is_empty()),
    "build inside the source folder, or with LIBSQLITE3_FLAGS=-DSQLITE_ENABLE_DBPAGE_VTAB"
);

/// How often a hot journal is looked at again, and how long is waited in between.
const JOURNAL_TRIES: u32 = 40;
const JOURNAL_PAUSE: Duration = Duration::from_millis(5);
/// All pages in order; only a build with this table has it.
pub(super) const PAGES: &str = "SELECT data FROM sqlite_dbpage";
/// How often a lock is tried that another process holds, and how long is waited in between: two
/// seconds in all. A busy writer leaves gaps of a millisecond, which SQLite's own waiting misses.
const LOCK_TRIES: i32 = 6000;
const LOCK_PAUSE: Duration = Duration::from_micros(250);
/// The endings of what SQLite keeps beside a database.
pub const BESIDE_DATABASES: [&[u8]; 3] = [b"-journal", b"-shm", b"-wal"];
/// What every database begins with (SQLite file format §1.3.1).
pub(super) const MAGIC: &[u8; 16] = b"SQLite format 3\0";

/// Whether an open file begins like a database.
///
/// # Errors
/// When it cannot be read.
pub fn begins_like_one(file: &OwnedFd) -> std::io::Result<bool> {
    let mut head = [0; 16];
    Ok(read_full(file, 0, &mut head)? == head.len() && head == *MAGIC)
}

/// Whether the file `name` in `folder` begins like a database. No link is followed, and what
/// cannot be read is none.
pub fn is_database_at(folder: impl AsFd, name: &[u8]) -> bool {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = rustix::fs::openat(folder, name, flags, FileMode::empty());
    file.is_ok_and(|file| begins_like_one(&file).unwrap_or(false))
}

/// What the file system says of a database: while it stays, the content does.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct DatabaseState {
    /// Of the main file.
    pub main: StatKey,
    /// Of its `-wal`, unless that is absent or empty.
    pub wal: Option<StatKey>,
}

impl DatabaseState {
    /// What it says now; `None` when there is no such file.
    ///
    /// # Errors
    /// When the file system does not answer.
    pub fn of(path: &Path) -> std::io::Result<Option<Self>> {
        let Some(main) = stat(path)? else { return Ok(None) };
        let wal = stat(&beside(path, "-wal"))?.filter(|wal| wal.size > 0);
        Ok(Some(Self { main, wal }))
    }

    /// What it says `now`, if nothing but the time of change of the log's inode is another.
    fn but_for_the_logs_inode(self, now: Self) -> Option<Self> {
        let (wal, later) = (self.wal?, now.wal?);
        let same = Self { wal: Some(StatKey { ctime: wal.ctime, ..later }), ..now };
        (same == self).then_some(now)
    }

    /// Whether it may change right after `now` without showing it.
    pub fn is_racy(&self, now: i128) -> bool {
        self.main.is_racy(now) || self.wal.is_some_and(|wal| wal.is_racy(now))
    }
}

fn stat(path: &Path) -> std::io::Result<Option<StatKey>> {
    match statat(CWD, path, AtFlags::SYMLINK_NOFOLLOW) {
        Ok(stat) if FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile => {
            Ok(Some(StatKey::of(&stat)))
        }
        Ok(_) | Err(rustix::io::Errno::NOENT | rustix::io::Errno::NOTDIR) => Ok(None),
        Err(e) => Err(e.into()),
    }
}

pub(super) fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

/// How a database is kept, as far as reading it differs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Mode {
    /// With a rollback journal: a reader holds writers up.
    Rollback,
    /// With a log that holds what the main file does not: a reader holds up checkpoints.
    Log,
    /// With a log that is empty: nobody is held up, and the file is looked at again afterwards.
    Settled,
}

/// Why a database is not read.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Refused {
    /// There is none any more.
    Vanished,
    /// SQLite says that it is none: it is a file like any other.
    NotADatabase,
    /// Another process keeps it locked.
    Locked,
    /// A writer died: its journal must be rolled back first, which changes the database.
    HotJournal,
    /// SQLite cannot open it, and says why.
    Unreadable(String),
}

/// A database with a read transaction begun.
#[derive(Debug)]
pub struct OpenDatabase {
    pub(super) connection: Connection,
    /// Opened when pages are read. Dropped after the connection, or its lock would fall early.
    main: OnceCell<Option<MainFile>>,
    pub(super) path: BString,
    file: PathBuf,
    mode: Mode,
    /// What the file system said before the connection was opened.
    before: DatabaseState,
    /// What the file system said when the transaction began, or just before.
    state: DatabaseState,
    racy: bool,
    begun: Instant,
    made: bool,
}

/// What is left of a database after its transaction: descriptors whose closing drops all locks that
/// this process has on their files.
#[derive(Debug)]
pub struct ClosedDatabase(#[expect(dead_code, reason = "held, not read")] Option<MainFile>);

impl OpenDatabase {
    /// How the database at `file` is kept. To be asked before any transaction begins: this opens
    /// and closes the file.
    pub fn mode(file: &Path) -> Result<Mode, Refused> {
        let unreadable = |e: std::io::Error| Refused::Unreadable(e.to_string());
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let open = match rustix::fs::open(file, flags, FileMode::empty()) {
            Ok(open) => open,
            Err(rustix::io::Errno::NOENT | rustix::io::Errno::LOOP) => {
                return Err(Refused::Vanished);
            }
            Err(e) => return Err(unreadable(e.into())),
        };
        let mut head = [0; 20];
        let got = read_full(&open, 0, &mut head).map_err(unreadable)?;
        if got < head.len() || head[..16] != *MAGIC {
            return Err(Refused::NotADatabase);
        }
        let Some(state) = DatabaseState::of(file).map_err(unreadable)? else {
            return Err(Refused::Vanished);
        };
        // Bytes 18 and 19 are 2 where there is a log (SQLite file format §1.3.3).
        Ok(match (head[18] == 2 || head[19] == 2, state.wal) {
            (false, _) => Mode::Rollback,
            (true, Some(_)) => Mode::Log,
            (true, None) => Mode::Settled,
        })
    }

    /// Begins a read transaction on the database at `file`, `path` inside the root. What it reads
    /// is the state of this moment, until it is dropped.
    ///
    /// # Errors
    /// [`Refused`].
    pub fn begin(file: &Path, path: BString, mode: Mode) -> Result<Self, Refused> {
        let before = DatabaseState::of(file).map_err(|e| Refused::Unreadable(e.to_string()))?;
        let before = before.ok_or(Refused::Vanished)?;
        // A log that came since is not passed over.
        let mode = if mode == Mode::Settled && before.wal.is_some() { Mode::Log } else { mode };
        let shared = beside(file, "-shm");
        let was_shared = stat(&shared).ok().flatten().is_some();
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY
            | OpenFlags::SQLITE_OPEN_NO_MUTEX
            | OpenFlags::SQLITE_OPEN_URI
            | OpenFlags::SQLITE_OPEN_NOFOLLOW;
        let settled = mode == Mode::Settled;
        let uri = uri(file, if settled { "?mode=ro&immutable=1" } else { "?mode=ro" });
        let mut tried = 0;
        let connection = loop {
            let opened = Connection::open_with_flags(&uri, flags).and_then(start);
            match opened.map_err(|error| refused(&error)) {
                // A journal that a writer deletes this very moment seems hot to SQLite.
                Err(Refused::HotJournal) if tried < JOURNAL_TRIES => {
                    tried += 1;
                    std::thread::sleep(JOURNAL_PAUSE);
                }
                other => break other?,
            }
        };
        let begun = Instant::now();
        let now = || DatabaseState::of(file).ok().flatten();
        let (state, racy) = match mode {
            // Under the lock the main file stays; before it, a writer may have been waited for.
            Mode::Rollback => {
                let state = now().ok_or(Refused::Vanished)?;
                (state, state.is_racy(now_nanos()))
            }
            // Where root opens a log, SQLite gives it to the owner of the main file, even if he has
            // it already. Whoever wrote to it meanwhile moved more than that.
            Mode::Log => {
                let later = now().and_then(|now| before.but_for_the_logs_inode(now));
                (later.unwrap_or(before), before.is_racy(now_nanos()))
            }
            Mode::Settled => (before, before.is_racy(now_nanos())),
        };
        let made = !was_shared && stat(&shared).ok().flatten().is_some();
        let file = file.to_path_buf();
        let main = OnceCell::new();
        Ok(Self { connection, main, path, file, mode, before, state, racy, begun, made })
    }

    /// The pages of the transaction, in order.
    pub(super) fn reader(&self) -> Result<ImageReader<'_>, CaptureError> {
        let open = || MainFile::open(&self.connection, &self.file, self.mode, self.before);
        let main = self.main.get_or_init(open).as_ref();
        ImageReader::new(&self.connection, main, &self.path)
    }

    /// Ends the transaction. What is left is to be kept until no other is open, for the file may
    /// have a second name under which it is read.
    pub fn close(self) -> ClosedDatabase {
        drop(self.connection);
        ClosedDatabase(self.main.into_inner().flatten())
    }

    /// Its path inside the root.
    pub fn path(&self) -> &BString {
        &self.path
    }

    /// How it is kept.
    pub fn kept(&self) -> Mode {
        self.mode
    }

    /// What the file system said of it when the transaction began.
    pub fn state(&self) -> DatabaseState {
        self.state
    }

    /// Whether it may have changed since then without the file system showing it.
    pub fn racy(&self) -> bool {
        self.racy
    }

    /// Whether it is still what the transaction sees.
    pub fn is_current(&self) -> bool {
        matches!(DatabaseState::of(&self.file), Ok(Some(now)) if now == self.state)
    }

    /// Whether what was read is whole. Where a lock or the log does not see to it, the main file
    /// must not have changed meanwhile.
    pub fn is_whole(&self) -> bool {
        match self.mode {
            Mode::Log => true,
            Mode::Rollback => matches!(
                DatabaseState::of(&self.file),
                Ok(Some(now)) if now.main == self.state.main
            ),
            Mode::Settled => self.is_current(),
        }
    }

    /// How long others have been held up; nothing where they are not.
    pub fn held(&self) -> Duration {
        if self.mode == Mode::Settled { Duration::ZERO } else { self.begun.elapsed() }
    }

    /// Whether SQLite had to make a `-shm` beside it, which stays.
    pub fn made_files(&self) -> bool {
        self.made
    }
}

/// A name that SQLite takes apart as we mean it, whatever bytes the path is made of.
pub(super) fn uri(file: &Path, options: &str) -> String {
    let mut uri = String::from("file:");
    for byte in file.as_os_str().as_bytes() {
        match byte {
            b'/' | b'.' | b'-' | b'_' | b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' => {
                uri.push(char::from(*byte));
            }
            other => {
                let _ = write!(uri, "%{other:02X}");
            }
        }
    }
    uri.push_str(options);
    uri
}

/// Waits a little for a lock, and says whether to try again.
pub(super) fn wait_for_lock(tried: i32) -> bool {
    std::thread::sleep(LOCK_PAUSE);
    tried < LOCK_TRIES
}

/// Begins the transaction by a first read, which takes the lock or the place in the log.
fn start(mut connection: Connection) -> rusqlite::Result<Connection> {
    connection.busy_handler(Some(wait_for_lock))?;
    connection.execute_batch("BEGIN")?;
    connection.prepare("SELECT 1 FROM sqlite_schema LIMIT 1")?.exists([])?;
    refuse_other_pages(&connection)?;
    connection.prepare(PAGES)?;
    Ok(connection)
}

/// Refuses a database with a table of its own that would stand before SQLite's table of pages.
pub(super) fn refuse_other_pages(connection: &Connection) -> rusqlite::Result<()> {
    let named = "SELECT 1 FROM sqlite_schema WHERE name LIKE 'sqlite\\_dbpage' ESCAPE '\\'";
    if connection.prepare(named)?.exists([])? {
        return Err(failure(rusqlite::ffi::SQLITE_AUTH, "it has a table named sqlite_dbpage"));
    }
    Ok(())
}

pub(super) fn failure(code: i32, why: &str) -> rusqlite::Error {
    rusqlite::Error::SqliteFailure(rusqlite::ffi::Error::new(code), Some(why.into()))
}

impl std::fmt::Display for Refused {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Vanished => "it vanished",
            Self::NotADatabase => "it is no database",
            Self::Locked => "another process keeps it locked",
            Self::HotJournal => "a writer died, and its journal must be rolled back",
            Self::Unreadable(why) => why,
        })
    }
}

pub(super) fn refused(error: &rusqlite::Error) -> Refused {
    let rusqlite::Error::SqliteFailure(cause, _) = error else {
        return Refused::Unreadable(error.to_string());
    };
    match (cause.code, cause.extended_code) {
        (ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked, _) => Refused::Locked,
        (ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt, _) => Refused::NotADatabase,
        (_, rusqlite::ffi::SQLITE_READONLY_ROLLBACK) => Refused::HotJournal,
        _ => Refused::Unreadable(error.to_string()),
    }
}
