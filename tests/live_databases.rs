//! Databases and files that others write while they are committed.

mod support;

use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::time::Duration;

use aisr::disk::Disk;
use aisr::object::{CommitId, Level, RepoPath};
use aisr::repo::{Identity, Repository};
use aisr::worktree::{
    CommitOptions, CommitOutcome, CommitReport, Progress, StatusOptions, Warning, commit, status,
};
use rusqlite::Connection;
use support::*;
use tempfile::TempDir;

struct Desk {
    folder: TempDir,
    me: Identity,
    repo: Repository,
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

    fn made(&self) -> Box<CommitReport> {
        match try_commit(&self.repo, &self.me, "state").unwrap() {
            CommitOutcome::Made(report) => report,
            CommitOutcome::Nothing { .. } => panic!("nothing to commit"),
        }
    }

    fn nothing(&self) -> bool {
        let outcome = try_commit(&self.repo, &self.me, "state").unwrap();
        matches!(outcome, CommitOutcome::Nothing { .. })
    }

    fn is_clean(&self) -> bool {
        let options = StatusOptions { threads: 2, progress: &Quiet, list_ignored: false };
        status(&self.repo, &options).unwrap().changes.is_empty()
    }

    fn content(&self, commit: CommitId, path: &str) -> Option<Vec<u8>> {
        let files = self.repo.files(&self.repo.commit(commit).unwrap().commit).unwrap();
        let entry = self.repo.entry_at(files, &RepoPath::parse(path).unwrap()).unwrap()?;
        let mut bytes = Vec::new();
        let blob = self.repo.store().blob(entry.blob().unwrap()).unwrap();
        blob.copy_to(&mut |part: &[u8]| {
            bytes.extend_from_slice(part);
            Ok::<_, aisr::store::StoreError>(())
        })
        .unwrap();
        Some(bytes)
    }
}

/// Ends the writer of a test, also where the test fails.
struct Ends<'a>(&'a AtomicBool);

impl Drop for Ends<'_> {
    fn drop(&mut self) {
        self.0.store(true, SeqCst);
    }
}

/// Rows so large that each has pages of its own.
const ROWS: i64 = 200;

fn database(path: &Path, journal: &str) -> Connection {
    let db = Connection::open(path).unwrap();
    db.pragma_update(None, "journal_mode", journal).unwrap();
    db.execute_batch("CREATE TABLE t (id INTEGER PRIMARY KEY, n INTEGER, filler BLOB)").unwrap();
    db.execute_batch("CREATE TABLE log (n INTEGER PRIMARY KEY)").unwrap();
    db.execute(
        "WITH RECURSIVE r(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM r WHERE i < ?1)
         INSERT INTO t SELECT i, 0, randomblob(6000) FROM r",
        [ROWS],
    )
    .unwrap();
    db
}

/// One transaction more: the number on ten far-apart pages, and a row in the log.
fn step(db: &mut Connection, n: i64) -> rusqlite::Result<()> {
    let transaction = db.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
    transaction.execute("UPDATE t SET n = ?1 WHERE id % 20 = 1", [n])?;
    transaction.execute("INSERT INTO log VALUES (?1)", [n])?;
    transaction.commit()
}

/// The number of transactions that an image holds; it must be sound, and hold each of them whole.
fn transactions(image: &[u8]) -> i64 {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("image.db");
    std::fs::write(&path, image).unwrap();
    let db = Connection::open(&path).unwrap();
    let sound: String = db.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
    assert_eq!(sound, "ok");
    let numbers = "SELECT min(n), max(n), (SELECT count(*) FROM log),
                   (SELECT coalesce(max(n), 0) FROM log) FROM t WHERE id % 20 = 1";
    let found: [i64; 4] = db
        .query_row(numbers, [], |row| Ok([row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?]))
        .unwrap();
    assert!(found.iter().all(|n| *n == found[0]), "torn: {found:?}");
    found[0]
}

/// Names the database to the process that writes to it.
const WRITES_TO: &str = "AISR_TEST_DATABASE";

/// Writes transaction after transaction, until it is told to stop.
fn write_until_stopped(path: &Path) {
    let mut db = Connection::open(path).unwrap();
    db.busy_timeout(Duration::from_secs(20)).unwrap();
    let (at, stop) = (beside(path, "at"), beside(path, "stop"));
    for n in 1.. {
        if stop.exists() {
            break;
        }
        step(&mut db, n).unwrap();
        std::fs::write(beside(path, "new"), n.to_string()).unwrap();
        std::fs::rename(beside(path, "new"), &at).unwrap();
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// A file beside the repository, by which writer and test talk.
fn beside(database: &Path, name: &str) -> PathBuf {
    database.with_file_name(".aisr/local").join(name)
}

/// The writer has a process of its own, for SQLite's locks are the process's: `test`, the test that
/// calls this, run once more and told to write.
fn fifty_commits_beside_a_writer(journal: &str, test: &str) {
    if let Some(path) = std::env::var_os(WRITES_TO) {
        return write_until_stopped(Path::new(&path));
    }
    let desk = Desk::new();
    let path = desk.path("memory.db");
    drop(database(&path, journal));
    desk.made();
    let mut writer = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", test, "--nocapture"])
        .env(WRITES_TO, &path)
        .stdout(std::process::Stdio::null())
        .spawn()
        .unwrap();
    let at = || -> i64 {
        let text = std::fs::read_to_string(beside(&path, "at")).unwrap_or_default();
        text.parse().unwrap_or(0)
    };
    let mut held = 0.0_f64;
    let mut last = 0;
    let ran = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        for _ in 0..50 {
            let before = at();
            while at() == before {
                assert!(writer.try_wait().unwrap().is_none(), "the writer ended early");
                std::thread::sleep(Duration::from_millis(1));
            }
            let before = at();
            let report = desk.made();
            held = held.max(report.lock_held);
            let n = transactions(&desk.content(report.id, "memory.db").unwrap());
            assert!(n >= before && n <= at() + 1, "{before} … {n}");
            assert!(n > last);
            last = n;
            for beside in ["memory.db-wal", "memory.db-shm", "memory.db-journal"] {
                assert_eq!(desk.content(report.id, beside), None);
            }
        }
    }));
    std::fs::write(beside(&path, "stop"), "").unwrap();
    let ended = writer.wait().unwrap();
    if let Err(panic) = ran {
        std::panic::resume_unwind(panic);
    }
    assert!(ended.success(), "the writer saw an error");
    assert!(held > 0.0, "how long the lock was held is told");
    let db = Connection::open(&path).unwrap();
    let sound: String = db.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
    assert_eq!(sound, "ok");
    let n: i64 = db.query_row("SELECT count(*) FROM log", [], |row| row.get(0)).unwrap();
    assert_eq!(n, at(), "no transaction of the writer was lost");
}

#[test]
fn each_of_fifty_commits_beside_a_writer_with_a_log_holds_a_prefix_of_its_transactions() {
    let test =
        "each_of_fifty_commits_beside_a_writer_with_a_log_holds_a_prefix_of_its_transactions";
    fifty_commits_beside_a_writer("wal", test);
}

#[test]
fn each_of_fifty_commits_beside_a_writer_with_a_journal_holds_a_prefix_of_its_transactions() {
    let test =
        "each_of_fifty_commits_beside_a_writer_with_a_journal_holds_a_prefix_of_its_transactions";
    fifty_commits_beside_a_writer("delete", test);
}

#[test]
fn in_a_snapshot_two_files_are_equal_or_one_apart() {
    let desk = Desk::new();
    let (one, two) = (desk.path("a-one"), desk.path("z-two"));
    let set = |path: &Path, n: u64| {
        // Replaced whole, so that nobody reads half a number.
        let beside = desk.folder.path().join(".aisr/local/number");
        std::fs::write(&beside, n.to_string()).unwrap();
        std::fs::rename(&beside, path).unwrap();
    };
    set(&one, 0);
    set(&two, 0);
    for n in 0..60 {
        // What takes a scan some time.
        std::fs::write(desk.path(&format!("m-{n}")), n.to_string()).unwrap();
    }
    let done = AtomicBool::new(false);
    let (mut snapshots, mut made) = (0, 0);
    std::thread::scope(|scope| {
        let (done, set) = (&done, &set);
        scope.spawn(move || {
            for n in 1.. {
                if done.load(SeqCst) {
                    break;
                }
                set(&one, n);
                std::thread::sleep(Duration::from_millis(50));
                set(&two, n);
                std::thread::sleep(Duration::from_millis(50));
            }
        });
        let _ends = Ends(done);
        for _ in 0..50 {
            let CommitOutcome::Made(report) = try_commit(&desk.repo, &desk.me, "count").unwrap()
            else {
                std::thread::sleep(Duration::from_millis(10));
                continue;
            };
            let number = |path: &str| -> u64 {
                let bytes = desk.content(report.id, path).unwrap();
                std::str::from_utf8(&bytes).unwrap().parse().unwrap()
            };
            let told = report.commit.report.as_ref().unwrap();
            made += 1;
            match told.level {
                Level::Snapshot => {
                    snapshots += 1;
                    let (one, two) = (number("a-one"), number("z-two"));
                    assert!(one == two || one == two + 1, "{one} and {two}");
                    assert!(told.moved.is_empty());
                }
                Level::BestEffort => assert!(!told.moved.is_empty(), "the files are named"),
            }
        }
    });
    assert!(made > 10 && 2 * snapshots > made, "{snapshots} of {made} are snapshots");
}

#[test]
fn a_pending_log_is_captured_as_a_full_checkpoint_would_leave_it() {
    let desk = Desk::new();
    let mut db = database(&desk.path("memory.db"), "wal");
    step(&mut db, 1).unwrap();
    assert!(desk.path("memory.db-wal").metadata().unwrap().len() > 0);
    let report = desk.made();
    assert_eq!(report.commit.report.as_ref().unwrap().level, Level::Snapshot);
    let captured = desk.content(report.id, "memory.db").unwrap();
    for kept in ["memory.db-wal", "memory.db-shm"] {
        assert!(desk.path(kept).exists(), "{kept} was deleted");
        assert_eq!(desk.content(report.id, kept), None);
    }
    db.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).unwrap();
    assert_eq!(captured, std::fs::read(desk.path("memory.db")).unwrap());
    assert!(desk.nothing() && desk.is_clean(), "a checkpoint changes no state");
}

#[test]
fn a_database_at_rest_is_captured_byte_for_byte_and_nothing_is_made_beside_it() {
    let real = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/memory");
    let desk = Desk::new();
    copy_folder(&real, &desk.path("memory"));
    drop(database(&desk.path("memory/log.db"), "wal"));
    let before = snapshot(desk.folder.path());
    let report = desk.made();
    assert_eq!(report.warnings, []);
    assert!(report.lock_held > 0.0);
    for (path, (_, bytes)) in before.iter().filter(|(_, (kind, _))| *kind != 'd') {
        let path = std::str::from_utf8(path).unwrap();
        assert_eq!(desk.content(report.id, path).as_ref(), Some(bytes), "{path}");
    }
    assert_eq!(snapshot(desk.folder.path()), before);
    assert!(desk.nothing() && desk.is_clean());
}

/// Tries something once, at the moment when content of a database begins to be hashed and coded.
struct Meanwhile<F>(Mutex<Option<F>>);

impl<F: FnOnce() + Send> Progress for Meanwhile<F> {
    fn total(&self, _: u64) {}
    fn advance(&self, _: u64, bytes: u64) {
        if let Some(attempt) = self.0.lock().unwrap().take_if(|_| bytes > 0) {
            attempt();
        }
    }
}

/// A database of 8 MB, and what is left of the repository's first commit of it.
fn commit_while(journal: &str, attempt: impl FnOnce(&Connection) + Send) {
    let desk = Desk::new();
    let path = desk.path("memory.db");
    let mut db = database(&path, journal);
    db.execute_batch("CREATE TABLE big AS SELECT randomblob(7000000) AS x").unwrap();
    step(&mut db, 1).unwrap();
    let before = std::fs::read(&path).unwrap();
    let tried = AtomicBool::new(false);
    let other = Connection::open(&path).unwrap();
    other.busy_timeout(Duration::ZERO).unwrap();
    let is_tried = &tried;
    let meanwhile = Meanwhile(Mutex::new(Some(move || {
        attempt(&other);
        is_tried.store(true, SeqCst);
    })));
    let options =
        CommitOptions { message: Some("state".into()), ..commit_options(&desk.me, &meanwhile) };
    let CommitOutcome::Made(report) = commit(&desk.repo, &options).unwrap() else { panic!() };
    assert!(tried.load(SeqCst), "nothing was tried");
    assert_eq!(report.commit.report.as_ref().unwrap().level, Level::Snapshot);
    assert_eq!(report.warnings, []);
    let captured = desk.content(report.id, "memory.db").unwrap();
    assert_eq!(transactions(&captured), 1);
    if journal == "delete" {
        assert!(captured == before, "not the bytes of the moment");
    }
    let packs = std::fs::read_dir(desk.path(".aisr/packs")).unwrap();
    let left: Vec<_> = packs.map(|entry| entry.unwrap().file_name()).collect();
    assert!(left.iter().all(|name| !name.to_string_lossy().starts_with("tmp-")), "{left:?}");
}

#[test]
fn a_writer_with_a_journal_goes_on_while_a_large_database_is_coded() {
    commit_while("delete", |db| {
        db.execute("UPDATE t SET n = 2", []).expect("the lock is gone");
    });
}

#[test]
fn a_checkpoint_goes_through_while_a_large_database_that_is_new_is_coded() {
    commit_while("wal", |db| {
        db.execute("UPDATE t SET n = 2", []).unwrap();
        let busy: i64 =
            db.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0)).unwrap();
        assert_eq!(busy, 0, "the place in the log is still held");
    });
}

#[test]
fn pages_of_every_size_come_back() {
    for size in [512, 4096, 65536] {
        let desk = Desk::new();
        let db = Connection::open(desk.path("memory.db")).unwrap();
        db.pragma_update(None, "page_size", size).unwrap();
        db.execute_batch("CREATE TABLE t (x); INSERT INTO t VALUES (randomblob(700000))").unwrap();
        let report = desk.made();
        let expected = std::fs::read(desk.path("memory.db")).unwrap();
        assert_eq!(desk.content(report.id, "memory.db"), Some(expected), "{size}");
    }
}

#[test]
fn images_that_differ_in_counters_alone_are_one_state() {
    for rows in [1, 2000] {
        let desk = Desk::new();
        let db = Connection::open(desk.path("memory.db")).unwrap();
        let text = "CREATE TABLE t (x); WITH RECURSIVE r(i) AS (SELECT 1 UNION ALL SELECT i + 1
                    FROM r WHERE i < 2000) INSERT INTO t SELECT randomblob(900) FROM r";
        db.execute_batch(&text.replace("2000", &rows.to_string())).unwrap();
        let first = desk.made();
        let before = std::fs::read(desk.path("memory.db")).unwrap();
        for (forget, cookie) in [(false, 70), (true, 71)] {
            db.pragma_update(None, "schema_version", cookie).unwrap();
            if forget {
                let local = desk.folder.path().join(".aisr/local");
                std::fs::remove_file(local.join("databases")).unwrap();
            }
            assert!(std::fs::read(desk.path("memory.db")).unwrap() != before);
            assert!(desk.is_clean() && desk.nothing(), "{rows} rows, cache lost: {forget}");
        }
        db.pragma_update(None, "journal_mode", "wal").unwrap();
        assert!(desk.is_clean() && desk.nothing());
        db.execute_batch("INSERT INTO t VALUES (1)").unwrap();
        assert!(!desk.is_clean());
        assert_ne!(desk.made().id, first.id);
    }
}

#[test]
fn what_only_begins_like_a_database_or_is_encrypted_is_a_file() {
    let desk = Desk::new();
    let mut false_one = b"SQLite format 3\0".to_vec();
    false_one.extend(std::iter::repeat_n(0x5a, 9000));
    let encrypted: Vec<u8> = (0..40_000_u32).map(|n| (n * n % 251) as u8).collect();
    std::fs::write(desk.path("false.db"), &false_one).unwrap();
    std::fs::write(desk.path("short.db"), b"SQLite format 3\0").unwrap();
    std::fs::write(desk.path("encrypted.db"), &encrypted).unwrap();
    std::fs::write(desk.path("notes"), b"text").unwrap();
    std::fs::write(desk.path("notes-wal"), b"no log").unwrap();
    let report = desk.made();
    assert_eq!(report.warnings, []);
    assert_eq!(desk.content(report.id, "false.db"), Some(false_one));
    assert_eq!(desk.content(report.id, "short.db").unwrap().len(), 16);
    assert_eq!(desk.content(report.id, "encrypted.db"), Some(encrypted));
    assert_eq!(desk.content(report.id, "notes-wal").as_deref(), Some(b"no log".as_slice()));
    assert!(desk.nothing() && desk.is_clean());
}

fn refused(report: &CommitReport) -> Vec<String> {
    let database = |warning: &&Warning| matches!(warning, Warning::Database { .. });
    report.warnings.iter().filter(database).map(|warning| warning.to_string()).collect()
}

#[test]
fn a_database_that_is_locked_stays_as_head_has_it_and_the_commit_says_so() {
    let desk = Desk::new();
    let db = database(&desk.path("memory.db"), "delete");
    let first = desk.made();
    db.execute_batch("UPDATE t SET n = 76; BEGIN EXCLUSIVE; UPDATE t SET n = 77").unwrap();
    std::fs::write(desk.path("note"), "beside it").unwrap();
    let report = desk.made();
    let told = report.commit.report.as_ref().unwrap();
    assert_eq!(told.level, Level::BestEffort);
    assert_eq!(told.skipped_paths[0].0, b"memory.db");
    assert_eq!(refused(&report).len(), 1, "{:?}", report.warnings);
    assert_eq!(desk.content(report.id, "memory.db"), desk.content(first.id, "memory.db"));
    assert_eq!(desk.content(report.id, "note").unwrap(), b"beside it");
    db.execute_batch("COMMIT").unwrap();
    assert_ne!(desk.content(desk.made().id, "memory.db"), desk.content(first.id, "memory.db"));
}

#[test]
fn a_database_with_a_hot_journal_is_not_captured_until_it_is_rolled_back() {
    let desk = Desk::new();
    let elsewhere = tempfile::tempdir().unwrap();
    let source = elsewhere.path().join("memory.db");
    let db = database(&source, "delete");
    db.pragma_update(None, "cache_size", 2).unwrap();
    db.execute_batch("BEGIN; UPDATE t SET filler = randomblob(6000), n = 5").unwrap();
    // As a writer that dies leaves it: pages spilled into the file, the journal beside.
    for name in ["memory.db", "memory.db-journal"] {
        std::fs::copy(elsewhere.path().join(name), desk.path(name)).unwrap();
    }
    std::fs::write(desk.path("note"), "beside it").unwrap();
    let report = desk.made();
    assert_eq!(report.commit.report.as_ref().unwrap().level, Level::BestEffort);
    assert_eq!(refused(&report).len(), 1, "{:?}", report.warnings);
    assert!(refused(&report)[0].contains("journal"), "{:?}", report.warnings);
    assert_eq!(desk.content(report.id, "memory.db"), None);
    assert_eq!(desk.content(report.id, "memory.db-journal"), None);
    assert!(desk.path("memory.db-journal").exists());

    let mended = Connection::open(desk.path("memory.db")).unwrap();
    mended.query_row("SELECT count(*) FROM t", [], |_| Ok(())).unwrap();
    let report = desk.made();
    assert_eq!(transactions(&desk.content(report.id, "memory.db").unwrap()), 0);
}

#[test]
fn a_database_that_would_give_out_other_pages_is_not_read() {
    let desk = Desk::new();
    let db = Connection::open(desk.path("memory.db")).unwrap();
    db.execute_batch(
        "CREATE TABLE pages (pgno, data); INSERT INTO pages VALUES (1, 'not what the file holds');
         PRAGMA writable_schema = ON;
         UPDATE sqlite_schema SET name = 'sqlite_dbpage', tbl_name = 'sqlite_dbpage',
         sql = 'CREATE TABLE sqlite_dbpage (pgno, data)'",
    )
    .unwrap();
    drop(db);
    let report = desk.made();
    assert!(refused(&report)[0].contains("a table named sqlite_dbpage"), "{:?}", report.warnings);
    assert_eq!(report.commit.report.as_ref().unwrap().level, Level::BestEffort);
    assert_eq!(desk.content(report.id, "memory.db"), None);
}

/// Writes one transaction when the first pages have been read, and keeps the database open, so
/// that what it wrote stays in the log.
struct WritesMeanwhile {
    path: PathBuf,
    writer: Mutex<Option<Connection>>,
}

impl Progress for WritesMeanwhile {
    fn total(&self, _: u64) {}

    fn advance(&self, _: u64, bytes: u64) {
        let mut writer = self.writer.lock().unwrap();
        if bytes > 0 && writer.is_none() {
            let mut db = Connection::open(&self.path).unwrap();
            step(&mut db, 1).unwrap();
            *writer = Some(db);
        }
    }
}

#[test]
fn a_log_that_comes_while_the_main_file_is_read_alone_is_seen() {
    let desk = Desk::new();
    let path = desk.path("memory.db");
    drop(database(&path, "wal"));
    assert!(!desk.path("memory.db-wal").exists());
    let main = std::fs::read(&path).unwrap();
    let progress = WritesMeanwhile { path: path.clone(), writer: Mutex::new(None) };
    let options =
        CommitOptions { message: Some("state".into()), ..commit_options(&desk.me, &progress) };
    let CommitOutcome::Made(report) = commit(&desk.repo, &options).unwrap() else {
        panic!("nothing to commit")
    };
    assert_eq!(std::fs::read(&path).unwrap(), main, "only the log holds what was written");
    let told = report.commit.report.as_ref().unwrap();
    assert_eq!(told.level, Level::BestEffort);
    assert_eq!(told.moved, [b"memory.db".to_vec()]);
    assert_eq!(transactions(&desk.content(report.id, "memory.db").unwrap()), 1);
}

#[test]
fn a_pending_log_that_shortens_the_database_is_captured_so() {
    let desk = Desk::new();
    let db = database(&desk.path("memory.db"), "wal");
    db.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).unwrap();
    db.execute_batch("DELETE FROM t WHERE id > 5; VACUUM").unwrap();
    let captured = desk.content(desk.made().id, "memory.db").unwrap();
    let length = || desk.path("memory.db").metadata().unwrap().len();
    assert!(length() > captured.len() as u64, "the end is still there");
    db.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).unwrap();
    assert_eq!(length(), captured.len() as u64);
    assert_eq!(captured, std::fs::read(desk.path("memory.db")).unwrap());
}

#[test]
fn what_lies_beside_a_database_stays_and_what_was_made_there_is_told() {
    let desk = Desk::new();
    let elsewhere = tempfile::tempdir().unwrap();
    let mut db = database(&elsewhere.path().join("memory.db"), "wal");
    step(&mut db, 1).unwrap();
    // As a writer that dies leaves it.
    for name in ["memory.db", "memory.db-wal"] {
        std::fs::copy(elsewhere.path().join(name), desk.path(name)).unwrap();
    }
    let log = std::fs::read(desk.path("memory.db-wal")).unwrap();
    let report = desk.made();
    assert_eq!(transactions(&desk.content(report.id, "memory.db").unwrap()), 1);
    assert_eq!(report.warnings, [Warning::MadeShared { path: "memory.db".into() }]);
    assert_eq!(std::fs::read(desk.path("memory.db-wal")).unwrap(), log);
    assert!(desk.path("memory.db-shm").exists());
    assert_eq!(desk.content(report.id, "memory.db-wal"), None);
    assert_eq!(desk.content(report.id, "memory.db-shm"), None);
}

#[test]
fn each_counter_of_the_first_page_is_no_state_and_each_other_byte_is() {
    let desk = Desk::new();
    let path = desk.path("memory.db");
    let db = Connection::open(&path).unwrap();
    db.execute_batch("CREATE TABLE t (x); INSERT INTO t VALUES (1)").unwrap();
    drop(db);
    desk.made();
    let image = std::fs::read(&path).unwrap();
    let with = |at: &[usize], flip: u8| {
        let mut other = image.clone();
        at.iter().for_each(|at| other[*at] ^= flip);
        std::fs::write(&path, other).unwrap();
        desk.is_clean()
    };
    // From a rollback journal to a log: 1 and 1 become 2 and 2.
    assert!(with(&[18, 19], 3), "the way of journalling");
    for at in [24, 25, 26, 27, 40, 41, 42, 43, 92, 93, 94, 95, 96, 97, 98, 99] {
        assert!(with(&[at], 1), "byte {at}");
    }
    // What programs keep there, and a row.
    for at in [60, 63, 68, 71, image.len() - 1] {
        assert!(!with(&[at], 1), "byte {at}");
    }
    std::fs::write(&path, &image).unwrap();
    assert!(desk.is_clean());
}
