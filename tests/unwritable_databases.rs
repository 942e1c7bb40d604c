//! Databases in folders where whoever commits may not write: they are captured, or told by name,
//! and nothing is made beside them.
//!
//! Root may write anywhere, so for root the program runs as another user.

#[path = "support/program.rs"]
mod program;
#[path = "support/mod.rs"]
mod support;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};

use program::{Desk, Ran};
use rusqlite::Connection;

/// Nobody, where the tests run as root.
const OTHER: u32 = 65534;

/// A repository of another user.
struct Other {
    desk: Desk,
    /// Where he may run it, whatever the permissions above the build folder are.
    program: PathBuf,
    root: bool,
    _alone: MutexGuard<'static, ()>,
}

/// Held by one test at a time: a program that is still being copied cannot be started, and another
/// test that starts one meanwhile keeps the copy open a moment longer.
static ALONE: Mutex<()> = Mutex::new(());

/// Names, content and times of all that lies in a folder.
type Content = BTreeMap<OsString, (Vec<u8>, i64, i64)>;

fn content(folder: &Path) -> Content {
    let entries = std::fs::read_dir(folder).unwrap();
    let entry = |entry: std::io::Result<std::fs::DirEntry>| {
        let entry = entry.unwrap();
        let stat = entry.metadata().unwrap();
        let bytes = std::fs::read(entry.path()).unwrap();
        (entry.file_name(), (bytes, stat.mtime(), stat.mtime_nsec()))
    };
    entries.map(entry).collect()
}

fn each_below(path: &Path, act: &mut dyn FnMut(&Path)) {
    act(path);
    if path.symlink_metadata().unwrap().is_dir() {
        for entry in std::fs::read_dir(path).unwrap() {
            each_below(&entry.unwrap().path(), act);
        }
    }
}

impl Other {
    /// A repository whose folder `data` holds what `fill` puts into it.
    fn with(fill: impl FnOnce(&Path)) -> Self {
        let alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
        let desk = Desk::new();
        let data = desk.path().join("data");
        std::fs::create_dir(&data).unwrap();
        fill(&data);
        desk.write("note", "beside it");
        let program = desk.outside("aisr");
        std::fs::copy(env!("CARGO_BIN_EXE_aisr"), &program).unwrap();
        let root = rustix::process::geteuid().is_root();
        if root {
            each_below(program.parent().unwrap(), &mut |path| {
                chown(path, Some(OTHER), Some(OTHER)).unwrap();
            });
        }
        let other = Self { desk, program, root, _alone: alone };
        for entry in std::fs::read_dir(&data).unwrap() {
            let mode = PermissionsExt::from_mode(0o444);
            std::fs::set_permissions(entry.unwrap().path(), mode).unwrap();
        }
        other.set_mode(0o555);
        other
    }

    fn data(&self) -> PathBuf {
        self.desk.path().join("data")
    }

    fn set_mode(&self, mode: u32) {
        std::fs::set_permissions(self.data(), PermissionsExt::from_mode(mode)).unwrap();
    }

    fn run(&self, args: &[&str]) -> Ran {
        let mut command = Command::new(&self.program);
        command.args(args).current_dir(self.desk.path()).env_clear();
        command.env("HOME", self.desk.home()).env("USER", "mara").env("TZ", "UTC");
        command.env("PATH", std::env::var_os("PATH").unwrap_or_default()).stdin(Stdio::null());
        if self.root {
            command.uid(OTHER).gid(OTHER);
        }
        Ran::of(command.output().unwrap())
    }

    /// Commits, and sees that nothing was written beside the database. Gives the commit's report,
    /// and what was told.
    fn commit(&self) -> (serde_json::Value, String) {
        let before = content(&self.data());
        let ran = self.run(&["commit", "-m", "state"]);
        assert_eq!(ran.code, Some(0), "{}", ran.stderr);
        assert!(content(&self.data()) == before, "something was written there");
        let shown = self.run(&["show", "--json"]);
        assert_eq!(shown.code, Some(0), "{}", shown.stderr);
        let shown: serde_json::Value = serde_json::from_str(&shown.text()).unwrap();
        (shown["report"].clone(), ran.text() + &ran.stderr)
    }

    /// Commits what can be captured; gives the rows that the commit holds.
    fn captured_rows(&self) -> i64 {
        let (report, told) = self.commit();
        assert_eq!(report["level"], "snapshot", "{told}");
        let ran = self.run(&["cat", "@:data/memory.db"]);
        assert_eq!(ran.code, Some(0), "{}", ran.stderr);
        let folder = tempfile::tempdir().unwrap();
        let image = folder.path().join("image.db");
        std::fs::write(&image, ran.stdout).unwrap();
        let db = Connection::open(&image).unwrap();
        let status = self.run(&["status", "--json"]);
        let status: serde_json::Value = serde_json::from_str(&status.text()).unwrap();
        assert_eq!(status["changes"], serde_json::json!([]));
        db.query_row("SELECT count(*) FROM t", [], |row| row.get(0)).unwrap()
    }

    /// Commits what cannot: the database is named, with this reason.
    fn refused_because(&self, reason: &str) {
        let (report, told) = self.commit();
        assert_eq!(report["level"], "best-effort", "{told}");
        assert_eq!(report["skipped_paths"][0][0], "data/memory.db", "{told}");
        assert!(told.contains("data/memory.db is not captured: "), "{told}");
        assert!(told.contains(reason), "{told}");
        assert_eq!(self.run(&["cat", "@:note"]).text(), "beside it");
    }
}

impl Drop for Other {
    fn drop(&mut self) {
        // Else the folder could not be removed.
        self.set_mode(0o755);
    }
}

fn database(folder: &Path, journal: &str) -> Connection {
    let db = Connection::open(folder.join("memory.db")).unwrap();
    db.pragma_update(None, "journal_mode", journal).unwrap();
    db.execute_batch("CREATE TABLE t (n, filler); INSERT INTO t VALUES (1, randomblob(90000))")
        .unwrap();
    db
}

/// A database whose log holds its second row, as a process leaves it that was killed.
fn with_a_log(folder: &Path, beside: &[&str]) {
    let elsewhere = tempfile::tempdir().unwrap();
    let db = database(elsewhere.path(), "wal");
    db.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).unwrap();
    db.execute_batch("INSERT INTO t VALUES (2, randomblob(9000))").unwrap();
    for name in [&["memory.db"], beside].concat() {
        std::fs::copy(elsewhere.path().join(name), folder.join(name)).unwrap();
    }
}

#[test]
fn a_database_with_a_journal_is_captured() {
    let other = Other::with(|folder| drop(database(folder, "delete")));
    assert_eq!(other.captured_rows(), 1);
}

#[test]
fn a_database_whose_log_is_gone_is_captured() {
    let other = Other::with(|folder| drop(database(folder, "wal")));
    assert_eq!(other.captured_rows(), 1);
}

#[test]
fn a_database_with_a_log_and_a_shm_is_captured_with_what_the_log_holds() {
    let other = Other::with(|folder| with_a_log(folder, &["memory.db-wal", "memory.db-shm"]));
    assert_eq!(other.captured_rows(), 2);
}

#[test]
fn a_database_with_a_log_and_without_a_shm_is_named() {
    let other = Other::with(|folder| with_a_log(folder, &["memory.db-wal"]));
    other.refused_because("unable to open database file");
}

#[test]
fn a_database_with_a_journal_that_cannot_be_rolled_back_is_named() {
    let other = Other::with(|folder| {
        let elsewhere = tempfile::tempdir().unwrap();
        let db = database(elsewhere.path(), "delete");
        db.pragma_update(None, "cache_size", 2).unwrap();
        db.execute_batch("BEGIN; UPDATE t SET filler = randomblob(90000), n = 5").unwrap();
        for name in ["memory.db", "memory.db-journal"] {
            std::fs::copy(elsewhere.path().join(name), folder.join(name)).unwrap();
        }
    });
    other.refused_because("a writer died, and its journal must be rolled back");
}
