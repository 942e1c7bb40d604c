//! One moment: what others write while a folder is captured, at moments that the capture itself
//! tells.

mod support;

use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::Duration;

use aisr::disk::Disk;
use aisr::object::{Level, Report};
use aisr::repo::{Identity, Repository, now};
use aisr::worktree::{
    CommitOptions, CommitOutcome, CommitReport, Progress, Record, StatusOptions, commit,
    decode_record, status,
};
use rusqlite::Connection;
use support::soundness::{Tree, read_commit};
use support::{Quiet, identity, new_repository, snapshot, try_commit};

/// Above what is read whole by a worker: its capture ends before the next begins.
const LARGE: usize = 300 << 10;

struct Desk {
    folder: tempfile::TempDir,
    me: Identity,
    repo: Repository,
}

/// Acts when a capture tells how far it is.
struct Acts<'a>(Mutex<Box<dyn FnMut(u64, u64) + Send + 'a>>);

impl Progress for Acts<'_> {
    fn total(&self, _: u64) {}

    fn advance(&self, files: u64, bytes: u64) {
        (self.0.lock().unwrap())(files, bytes);
    }
}

impl Desk {
    fn new() -> Self {
        let (folder, me) = (tempfile::tempdir().unwrap(), identity());
        let repo = new_repository(&Disk::new(), folder.path(), &me);
        Self { folder, me, repo }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, bytes: &[u8]) {
        support::write(self.folder.path(), name, bytes);
    }

    /// Commits, while `act` is told of each step forward.
    fn commit(&self, level: Level, act: impl FnMut(u64, u64) + Send) -> Box<CommitReport> {
        let acts = Acts(Mutex::new(Box::new(act)));
        let options = CommitOptions {
            manifest: None,
            identity: &self.me,
            message: None,
            author: None,
            acting_for: Vec::new(),
            allow_empty: false,
            paths: &[],
            level,
            allowed_secrets: &[],
            quiesce: None,
            threads: 2,
            progress: &acts,
        };
        match commit(&self.repo, &options).unwrap() {
            CommitOutcome::Made(report) => report,
            CommitOutcome::Nothing { .. } => panic!("nothing to commit"),
        }
    }

    /// The same, while `act` is told each time a large file was read, the how manieth time it is.
    fn commit_with_reads(&self, mut act: impl FnMut(u32) + Send) -> Box<CommitReport> {
        let mut reads = 0;
        self.commit(Level::Snapshot, move |files, bytes| {
            if (files, bytes) == (1, 0) {
                reads += 1;
                act(reads);
            }
        })
    }

    fn tree(&self, report: &CommitReport) -> Tree {
        read_commit(&self.repo, report.id).unwrap()
    }

    fn content(&self, report: &CommitReport, name: &str) -> Vec<u8> {
        self.tree(report)[name.as_bytes()].1.clone()
    }
}

fn told(report: &CommitReport) -> &Report {
    report.commit.report.as_ref().unwrap()
}

/// Old enough that its times tell.
fn pause() {
    std::thread::sleep(Duration::from_millis(30));
}

fn large(number: u32) -> Vec<u8> {
    let mut bytes = vec![0; LARGE];
    bytes[..4].copy_from_slice(&number.to_le_bytes());
    bytes
}

#[test]
fn a_snapshot_never_holds_an_older_file_beside_a_newer_one() {
    for rounds in [1, 2, 9] {
        let desk = Desk::new();
        desk.write("a.bin", &large(0));
        desk.write("z.bin", &large(0));
        pause();
        let mut number = 0;
        let report = desk.commit_with_reads(|_| {
            if number < rounds {
                number += 1;
                desk.write("a.bin", &large(number));
                desk.write("z.bin", &large(number));
            }
        });
        let same = desk.content(&report, "a.bin") == desk.content(&report, "z.bin");
        let is_snapshot = told(&report).level == Level::Snapshot;
        assert!(same || !is_snapshot, "{rounds} rounds");
        assert_eq!(is_snapshot, rounds < 9);
    }
}

#[test]
fn what_came_or_went_in_a_folder_that_was_read_is_in_the_snapshot() {
    let changes: [fn(&Desk); 3] = [
        |desk| desk.write("d/new", b"new"),
        |desk| std::fs::remove_file(desk.path("d/there")).unwrap(),
        |desk| std::fs::rename(desk.path("d/there"), desk.path("d/elsewhere")).unwrap(),
    ];
    for change in changes {
        let desk = Desk::new();
        desk.write("d/there", b"there");
        desk.write("d/more", b"more");
        desk.write("z.bin", &large(0));
        pause();
        let report = desk.commit_with_reads(|read| {
            if read == 1 {
                change(&desk);
            }
        });
        assert_eq!(told(&report).level, Level::Snapshot);
        assert_eq!(desk.tree(&report), snapshot(desk.folder.path()));
    }
}

#[test]
fn after_three_passes_the_capture_is_best_effort_and_names_what_moved() {
    for (changes, level) in [(2, Level::Snapshot), (3, Level::BestEffort)] {
        let desk = Desk::new();
        desk.write("a.bin", &large(0));
        desk.write("still", b"still");
        pause();
        let (begun, mut during) = (now().micros, Vec::new());
        let report = desk.commit_with_reads(|read| {
            if read <= changes {
                desk.write("a.bin", &large(read));
                during.push(now().micros);
            }
        });
        let ended = now().micros;
        let report = told(&report);
        assert_eq!(report.level, level, "{changes} changes");
        let moved: &[Vec<u8>] = if level == Level::Snapshot { &[] } else { &[b"a.bin".to_vec()] };
        assert_eq!(report.moved, moved);
        let window = report.window.0..=report.window.1;
        assert!(during.iter().all(|moment| window.contains(moment)), "{window:?}: {during:?}");
        assert!(begun <= *window.start() && *window.end() <= ended);
    }
}

#[test]
fn a_large_file_that_changes_while_it_is_read_is_read_again() {
    let desk = Desk::new();
    // Above what is read whole to be scanned.
    desk.write("a.bin", &vec![b'a'; 6 << 20]);
    pause();
    let mut done = false;
    let report = desk.commit(Level::BestEffort, |_, _| {
        if !std::mem::replace(&mut done, true) {
            desk.write("a.bin", &vec![b'b'; 6 << 20]);
        }
    });
    assert!(desk.content(&report, "a.bin") == vec![b'b'; 6 << 20], "torn");
    assert_eq!(told(&report).moved, Vec::<Vec<u8>>::new());
}

#[test]
fn a_file_that_was_written_just_now_is_known_after_the_commit() {
    let desk = Desk::new();
    desk.write("a", b"1");
    try_commit(&desk.repo, &desk.me, "first").unwrap();
    let cache = std::fs::read(desk.path(".aisr/local/stat-cache")).unwrap();
    let (record, _) = decode_record(&cache[48..]).unwrap();
    match record {
        Record::File(entry) => assert!(!entry.racy, "{entry:?}"),
        other => panic!("{other:?}"),
    }
}

/// A database with rows so large that each has pages of its own.
fn database(path: &Path, journal: &str, rows: u32) -> Connection {
    let db = Connection::open(path).unwrap();
    db.busy_timeout(Duration::ZERO).unwrap();
    db.pragma_update(None, "journal_mode", journal).unwrap();
    db.execute_batch("CREATE TABLE t (n INTEGER, filler BLOB)").unwrap();
    db.execute(
        "WITH RECURSIVE r(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM r WHERE i < ?1)
         INSERT INTO t SELECT 0, randomblob(10000) FROM r",
        [rows],
    )
    .unwrap();
    db
}

fn insert(db: &Connection, n: i64) {
    db.execute("INSERT INTO t VALUES (?1, NULL)", [n]).unwrap();
}

/// The largest number in an image, which must be sound.
fn number(image: &[u8]) -> i64 {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), image).unwrap();
    let db = Connection::open(file.path()).unwrap();
    let sound: String = db.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
    assert_eq!(sound, "ok");
    db.query_row("SELECT max(n) FROM t", [], |row| row.get(0)).unwrap()
}

#[test]
fn transactions_begin_when_plain_files_were_read() {
    let desk = Desk::new();
    let db = database(&desk.path("memory.db"), "wal", 3);
    try_commit(&desk.repo, &desk.me, "first").unwrap();
    insert(&db, 1);
    desk.write("a.bin", &large(0));
    pause();
    let db = Mutex::new(db);
    let report = desk.commit_with_reads(|read| {
        if read == 1 {
            insert(&db.lock().unwrap(), 2);
        }
    });
    assert_eq!(told(&report).level, Level::Snapshot);
    assert_eq!(number(&desk.content(&report, "memory.db")), 2);
}

#[test]
fn transactions_begin_again_where_a_database_moved_before_the_last_had_begun() {
    let desk = Desk::new();
    let one = database(&desk.path("a.db"), "wal", 1);
    let two = database(&desk.path("z.db"), "delete", 1);
    // Whoever begins waits here.
    two.execute_batch("BEGIN EXCLUSIVE").unwrap();
    let report = std::thread::scope(|scope| {
        let capture = scope.spawn(|| desk.commit(Level::Snapshot, |_, _| ()));
        for n in 1.. {
            insert(&one, n);
            let busy: i64 =
                one.query_row("PRAGMA wal_checkpoint(RESTART)", [], |row| row.get(0)).unwrap();
            // Somebody reads it: the capture, which now waits for the other.
            if busy == 1 || capture.is_finished() {
                break;
            }
        }
        insert(&one, 1 << 40);
        insert(&two, 1 << 40);
        two.execute_batch("COMMIT").unwrap();
        capture.join().unwrap()
    });
    assert_eq!(number(&desk.content(&report, "z.db")), 1 << 40);
    assert_eq!(number(&desk.content(&report, "a.db")), 1 << 40);
    assert_eq!(told(&report).level, Level::Snapshot);
}

#[test]
fn logs_that_nobody_writes_to_cost_neither_the_moment_nor_another_look() {
    let desk = Desk::new();
    let logs = ["a.db", "z.db"].map(|name| database(&desk.path(name), "wal", 3));
    pause();
    // Run by root, SQLite moves a time of each log that it opens.
    let report = desk.commit(Level::Snapshot, |_, _| ());
    assert_eq!(told(&report).level, Level::Snapshot);
    let read = Mutex::new(0);
    let acts = Acts(Mutex::new(Box::new(|files, bytes| {
        *read.lock().unwrap() += u32::from((files, bytes) == (1, 0));
    })));
    let options = StatusOptions { threads: 1, progress: &acts, list_ignored: false };
    assert!(status(&desk.repo, &options).unwrap().changes.is_empty());
    drop(acts);
    assert_eq!(read.into_inner().unwrap(), 0, "databases were read again");
    drop(logs);
}

#[test]
fn databases_that_hold_writers_up_are_read_first() {
    let desk = Desk::new();
    let _log = database(&desk.path("a.db"), "wal", 300);
    let other = database(&desk.path("z.db"), "delete", 100);
    let (other, mut while_locked) = (Mutex::new(other), 0);
    desk.commit(Level::Snapshot, |_, bytes| {
        let other = other.lock().unwrap();
        match other.execute_batch("BEGIN EXCLUSIVE") {
            Ok(()) => other.execute_batch("ROLLBACK").unwrap(),
            Err(_) => while_locked += bytes,
        }
    });
    assert!((1_000_000..2_000_000).contains(&while_locked), "{while_locked} bytes");
}

#[test]
fn a_database_without_a_log_that_is_written_while_it_is_read_is_read_again() {
    let desk = Desk::new();
    drop(database(&desk.path("memory.db"), "wal", 300));
    pause();
    let mut done = false;
    let report = desk.commit(Level::Snapshot, |_, bytes| {
        if bytes > 0 && !std::mem::replace(&mut done, true) {
            let db = Connection::open(desk.path("memory.db")).unwrap();
            db.execute_batch("UPDATE t SET n = 7, filler = randomblob(10000)").unwrap();
        }
    });
    assert!(done);
    let image = desk.content(&report, "memory.db");
    assert_eq!(number(&image), 7);
    assert!(image == std::fs::read(desk.path("memory.db")).unwrap(), "torn");
    assert_eq!(told(&report).level, Level::BestEffort);
    assert_eq!(told(&report).moved, [b"memory.db".to_vec()]);
}

/// Names the database to a process that tries to lock it.
const LOCKS: &str = "AISR_TEST_LOCKS";

#[test]
fn a_database_that_is_seen_for_the_first_time_stays_locked_until_it_is_read() {
    if let Some(path) = std::env::var_os(LOCKS) {
        let db = Connection::open(path).unwrap();
        db.busy_timeout(Duration::ZERO).unwrap();
        return assert!(db.execute_batch("BEGIN EXCLUSIVE").is_err(), "the lock was let go");
    }
    let desk = Desk::new();
    let path = desk.path("memory.db");
    drop(database(&path, "delete", 300));
    pause();
    // SQLite's locks are the process's, and fall when it closes any descriptor of the file.
    let mut tried = None;
    let report = desk.commit(Level::Snapshot, |_, bytes| {
        if bytes > 0 && tried.is_none() {
            let test = "a_database_that_is_seen_for_the_first_time_stays_locked_until_it_is_read";
            let mut other = std::process::Command::new(std::env::current_exe().unwrap());
            let other = other.args(["--exact", test]).env(LOCKS, &path).output().unwrap();
            tried = Some(other.status.success());
        }
    });
    assert_eq!(tried, Some(true));
    assert_eq!(told(&report).level, Level::Snapshot);
}

#[test]
fn a_name_that_a_repository_cannot_hold_is_left_out_and_told() {
    let desk = Desk::new();
    for name in [".AISR", "aisr~1", "d/.aisr/refs", "d/.ai\u{200c}sr", "kept"] {
        desk.write(name, b"x");
    }
    let report = desk.commit(Level::Snapshot, |_, _| ());
    let names: Vec<_> = desk.tree(&report).into_keys().collect();
    assert_eq!(names, [b"d".to_vec(), b"kept".to_vec()]);
    let mut warned: Vec<_> = report.warnings.iter().map(ToString::to_string).collect();
    warned.sort();
    assert_eq!(warned.len(), 4, "{warned:?}");
    assert!(warned.iter().all(|text| text.contains("not captured")), "{warned:?}");
    let nested = "d/.aisr belongs to another repository: not captured";
    assert!(warned.iter().any(|text| text == nested), "{warned:?}");
    let skipped: Vec<_> = told(&report).skipped_paths.iter().map(|(path, _)| path).collect();
    assert_eq!(told(&report).skipped, 4);
    assert!(skipped.contains(&&b"d/.aisr".to_vec()));
    let options = StatusOptions { threads: 1, progress: &Quiet, list_ignored: false };
    assert!(status(&desk.repo, &options).unwrap().changes.is_empty());
}
