//! Databases that take on another version while others have them open.

#[path = "support/program.rs"]
mod program;

use std::path::PathBuf;
use std::process::Stdio;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::time::{Duration, Instant};

use program::Desk;
use rusqlite::{Connection, TransactionBehavior};

const NAME: &str = "memory.db";
/// The way of journalling, the change counter, the schema cookie, and which version of SQLite
/// wrote last, at which count.
const COUNTERS: [std::ops::Range<usize>; 4] = [18..20, 24..28, 40..44, 92..100];

/// A folder with a database in three versions: few rows, more rows and another table, fewer pages
/// than ever. A connection holds it open all the while.
struct Bench {
    desk: Desk,
    db: Connection,
    versions: [Version; 3],
}

struct Version {
    commit: String,
    rows: i64,
    image: Vec<u8>,
}

impl Bench {
    fn new(journal: &str) -> Self {
        Self::with(journal, "")
    }

    fn with(journal: &str, pragmas: &str) -> Self {
        let desk = Desk::new();
        let db = Connection::open(desk.path().join(NAME)).unwrap();
        db.execute_batch(pragmas).unwrap();
        db.pragma_update(None, "journal_mode", journal).unwrap();
        db.execute_batch("CREATE TABLE t (id INTEGER PRIMARY KEY, n INTEGER, filler BLOB)")
            .unwrap();
        fill(&db, 120);
        let first = version(&desk, &db);
        fill(&db, 300);
        db.execute_batch("UPDATE t SET n = 2; CREATE TABLE extra (x); CREATE INDEX i ON t (n)")
            .unwrap();
        let second = version(&desk, &db);
        db.execute_batch("DROP TABLE extra; DELETE FROM t WHERE id > 20; VACUUM").unwrap();
        let third = version(&desk, &db);
        Self { desk, db, versions: [first, second, third] }
    }

    fn path(&self) -> PathBuf {
        self.desk.path().join(NAME)
    }

    fn open(&self) -> Connection {
        Connection::open(self.path()).unwrap()
    }

    /// The folder is what `version` of HEAD is, for whoever has the database open too.
    #[track_caller]
    fn assert_is(&self, version: usize) {
        self.assert_holds(version);
        let status = self.desk.json(["status", "--json"]);
        assert_eq!(status["changes"], serde_json::json!([]), "version {version}");
        let ran = self.desk.run(["commit", "-m", "nothing new"]);
        assert_eq!(ran.code, Some(1), "{}", ran.stderr);
    }

    #[track_caller]
    fn assert_holds(&self, version: usize) {
        let expected = &self.versions[version];
        assert_eq!(rows(&self.db), expected.rows);
        let sound: String =
            self.db.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
        assert_eq!(sound, "ok");
        assert_same(&image(&self.db), &expected.image);
    }
}

/// Rows so large that each has pages of its own.
fn fill(db: &Connection, rows: i64) {
    db.execute(
        "WITH RECURSIVE r(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM r WHERE i < ?1)
         INSERT OR IGNORE INTO t SELECT i, 1, randomblob(6000) FROM r",
        [rows],
    )
    .unwrap();
}

fn rows(db: &Connection) -> i64 {
    db.prepare_cached("SELECT count(*) FROM t").unwrap().query_row([], |row| row.get(0)).unwrap()
}

fn version(desk: &Desk, db: &Connection) -> Version {
    desk.ok(["commit", "-m", "a version"]);
    Version { commit: desk.head(), rows: rows(db), image: image(db) }
}

/// All pages, read through SQLite: closing the file would drop this process's locks.
fn image(db: &Connection) -> Vec<u8> {
    let mut pages = db.prepare("SELECT data FROM sqlite_dbpage").unwrap();
    let pages = pages.query_map([], |row| row.get::<_, Vec<u8>>(0)).unwrap();
    pages.collect::<Result<Vec<_>, _>>().unwrap().concat()
}

#[track_caller]
fn assert_same(now: &[u8], expected: &[u8]) {
    assert_eq!(now.len(), expected.len());
    let is_counter = |at: usize| COUNTERS.iter().any(|range| range.contains(&at));
    let differs = |at: &usize| now[*at] != expected[*at] && !is_counter(*at);
    let found: Vec<_> = (0..now.len()).filter(differs).take(8).collect();
    assert!(found.is_empty(), "differs at {found:?}");
}

fn others_see_each_version(journal: &str, pragmas: &str) {
    let bench = Bench::with(journal, pragmas);
    let [first, second, third] = &bench.versions;
    bench.assert_is(2);
    assert!(first.image.len() < second.image.len() && third.image.len() < first.image.len());
    for (version, commit) in [(0, first), (1, second), (2, third), (1, second), (0, first)] {
        bench.desk.ok(["checkout", &commit.commit]);
        bench.assert_is(version);
    }
    bench.desk.ok(["undo"]);
    bench.assert_is(1);
    bench.desk.ok(["redo"]);
    bench.assert_is(0);
    bench.desk.ok(["restore", "--from", &third.commit, NAME]);
    bench.assert_holds(2);
    bench.desk.ok(["status"]);
    bench.desk.ok(["undo"]);
    bench.assert_is(0);
    bench.desk.ok(["redo"]);
    bench.assert_holds(2);
    bench.desk.ok(["restore", NAME]);
    bench.assert_is(0);
    // Whoever has it open goes on writing.
    bench.db.execute_batch("INSERT INTO t VALUES (9999, 9, 'new')").unwrap();
    assert_eq!(bench.desk.json(["status", "--json"])["changes"].as_array().unwrap().len(), 1);
    bench.desk.ok(["commit", "-m", "another row"]);
}

#[test]
fn who_has_a_database_with_a_log_open_sees_each_version_and_goes_on() {
    others_see_each_version("wal", "");
}

#[test]
fn who_has_a_database_with_a_journal_open_sees_each_version_and_goes_on() {
    others_see_each_version("delete", "");
    others_see_each_version("persist", "PRAGMA page_size = 512");
}

#[test]
fn a_database_that_vacuums_itself_keeps_its_pages_where_they_are() {
    for journal in ["wal", "delete"] {
        others_see_each_version(journal, "PRAGMA auto_vacuum = FULL");
        others_see_each_version(
            journal,
            "PRAGMA page_size = 1024; PRAGMA auto_vacuum = INCREMENTAL",
        );
    }
}

#[test]
fn free_pages_come_back_into_a_database_that_would_give_them_away() {
    for journal in ["wal", "delete"] {
        let desk = Desk::new();
        let db = Connection::open(desk.path().join(NAME)).unwrap();
        let text =
            "PRAGMA auto_vacuum = INCREMENTAL; CREATE TABLE t (id INTEGER PRIMARY KEY, n, f)";
        db.execute_batch(text).unwrap();
        db.pragma_update(None, "journal_mode", journal).unwrap();
        fill(&db, 100);
        db.execute_batch("DELETE FROM t WHERE id BETWEEN 20 AND 60").unwrap();
        let free: i64 = db.query_row("PRAGMA freelist_count", [], |row| row.get(0)).unwrap();
        assert!(free > 20);
        let with_free_pages = version(&desk, &db);
        db.execute_batch("PRAGMA auto_vacuum = FULL; INSERT INTO t VALUES (70000, 1, 'x')")
            .unwrap();
        let without = version(&desk, &db);
        assert!(without.image.len() < with_free_pages.image.len());
        for version in [&with_free_pages, &without, &with_free_pages] {
            desk.ok(["checkout", &version.commit]);
            assert_same(&image(&db), &version.image);
            assert_eq!(desk.json(["status", "--json"])["changes"], serde_json::json!([]));
        }
        let sound: String = db.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
        assert_eq!(sound, "ok");
    }
}

#[test]
fn a_database_at_rest_is_left_at_rest() {
    for journal in ["wal", "delete"] {
        let Bench { desk, db, versions } = Bench::new(journal);
        drop(db);
        desk.ok(["checkout", &versions[0].commit]);
        let names: Vec<_> = std::fs::read_dir(desk.path()).unwrap().collect();
        let names = names.into_iter().map(|entry| entry.unwrap().file_name());
        assert!(!names.map(|n| n.into_string().unwrap()).any(|n| n.starts_with("memory.db-")));
        assert_same(&std::fs::read(desk.path().join(NAME)).unwrap(), &versions[0].image);
        assert_eq!(desk.json(["status", "--json"])["changes"], serde_json::json!([]));
        let open = Connection::open(desk.path().join(NAME)).unwrap();
        let mode: String = open.query_row("PRAGMA journal_mode", [], |row| row.get(0)).unwrap();
        assert_eq!(mode, journal, "the way of journalling stays");
    }
}

#[test]
fn a_reader_ends_on_what_it_began_with() {
    let bench = Bench::new("wal");
    let reader = bench.open();
    reader.execute_batch("BEGIN").unwrap();
    assert_eq!(rows(&reader), bench.versions[2].rows);
    bench.desk.ok(["checkout", &bench.versions[1].commit]);
    bench.assert_is(1);
    assert_eq!(rows(&reader), bench.versions[2].rows);
    reader.execute_batch("COMMIT").unwrap();
    assert_eq!(rows(&reader), bench.versions[1].rows);
}

#[test]
fn rows_that_no_commit_holds_are_not_overwritten_and_come_back_by_undo() {
    for journal in ["wal", "delete"] {
        let bench = Bench::new(journal);
        bench.db.execute_batch("INSERT INTO t VALUES (5000, 5, 'local')").unwrap();
        let local = image(&bench.db);
        let ran = bench.desk.run(["checkout", &bench.versions[0].commit]);
        assert_ne!(ran.code, Some(0));
        assert!(ran.stderr.contains("memory.db (changed since the last commit)"), "{}", ran.stderr);
        assert!(ran.stderr.contains("--force"), "{}", ran.stderr);
        assert_eq!(image(&bench.db), local);

        let told = bench.desk.ok(["checkout", "--force", &bench.versions[0].commit]);
        assert!(told.contains(NAME), "{told}");
        bench.assert_is(0);
        for _ in 0..2 {
            bench.desk.ok(["undo"]);
            assert_same(&image(&bench.db), &local);
            assert_eq!(rows(&bench.db), bench.versions[2].rows + 1);
            assert_eq!(bench.desk.head(), bench.versions[2].commit);
            // What was put there is known, whatever counts on in it.
            let changes = bench.desk.json(["status", "--json"]);
            assert_eq!(changes["changes"].as_array().unwrap().len(), 1);
            bench.desk.ok(["redo"]);
            bench.assert_is(0);
        }
        bench.db.execute_batch("INSERT INTO t VALUES (6000, 6, 'later')").unwrap();
        assert_ne!(bench.desk.run(["undo"]).code, Some(0), "the row would be lost");
        bench.desk.ok(["undo", "--force"]);
        assert_same(&image(&bench.db), &local);
    }
}

#[test]
fn a_row_in_the_log_of_a_database_that_came_by_checkout_is_seen() {
    let Bench { desk, db, versions } = Bench::new("wal");
    drop(db);
    std::fs::remove_file(desk.path().join(NAME)).unwrap();
    desk.ok(["commit", "-m", "without it"]);
    desk.ok(["checkout", &versions[1].commit]);
    std::thread::sleep(Duration::from_millis(60));
    desk.ok(["status"]);
    let db = Connection::open(desk.path().join(NAME)).unwrap();
    db.execute_batch("INSERT INTO t VALUES (5000, 5, 'local')").unwrap();
    assert_eq!(desk.json(["status", "--json"])["changes"].as_array().unwrap().len(), 1);
    let ran = desk.run(["checkout", &versions[0].commit]);
    assert!(ran.stderr.contains("memory.db (changed since the last commit)"), "{}", ran.stderr);
}

#[test]
fn a_database_that_another_process_keeps_locked_is_told_and_nothing_changes() {
    for journal in ["wal", "delete"] {
        let bench = Bench::new(journal);
        bench.desk.write("note", "not committed");
        let mut writer = bench.open();
        let locked = writer.transaction_with_behavior(TransactionBehavior::Exclusive).unwrap();
        let ran = bench.desk.run(["checkout", &bench.versions[0].commit]);
        assert_ne!(ran.code, Some(0));
        let reason = "memory.db (a database that another process keeps locked)";
        assert!(ran.stderr.contains(reason), "{}", ran.stderr);
        assert!(ran.stderr.contains("hint:"), "{}", ran.stderr);
        assert_eq!(bench.desk.head(), bench.versions[2].commit);
        let from = ["restore", "--from", &bench.versions[0].commit, NAME];
        let ran = bench.desk.run(from);
        assert!(ran.code != Some(0) && ran.stderr.contains(reason), "{}", ran.stderr);
        locked.execute("INSERT INTO t VALUES (7000, 7, 'kept')", []).unwrap();
        locked.commit().unwrap();
        assert_eq!(rows(&bench.db), bench.versions[2].rows + 1);
    }
}

#[test]
fn a_reader_of_a_database_with_a_journal_is_waited_for_and_then_told() {
    let bench = Bench::new("delete");
    let reader = bench.open();
    reader.execute_batch("BEGIN").unwrap();
    assert_eq!(rows(&reader), bench.versions[2].rows);
    let started = Instant::now();
    let ran = bench.desk.run(["checkout", &bench.versions[0].commit]);
    assert!(ran.stderr.contains("keeps locked"), "{}", ran.stderr);
    assert!(started.elapsed() > Duration::from_secs(1), "it is waited for");
    reader.execute_batch("COMMIT").unwrap();
    bench.assert_is(2);
    bench.desk.ok(["checkout", &bench.versions[0].commit]);
    bench.assert_is(0);
}

#[test]
fn pages_of_another_size_are_refused_while_it_is_open_and_exchanged_when_it_is_closed() {
    for journal in ["wal", "delete"] {
        let Bench { desk, db, versions } = Bench::new(journal);
        db.execute_batch("PRAGMA journal_mode = delete; PRAGMA page_size = 8192; VACUUM").unwrap();
        db.pragma_update(None, "journal_mode", journal).unwrap();
        let larger = version(&desk, &db);
        let ran = desk.run(["checkout", &versions[0].commit]);
        assert_ne!(ran.code, Some(0));
        assert!(ran.stderr.contains("pages of another size"), "{}", ran.stderr);
        assert!(ran.stderr.contains("hint: end the programs"), "{}", ran.stderr);
        assert_same(&image(&db), &larger.image);
        drop(db);
        desk.ok(["checkout", &versions[0].commit]);
        assert_eq!(std::fs::read(desk.path().join(NAME)).unwrap().len(), versions[0].image.len());
        assert_eq!(desk.json(["status", "--json"])["changes"], serde_json::json!([]));
        desk.ok(["undo"]);
        assert_eq!(std::fs::read(desk.path().join(NAME)).unwrap(), larger.image);
    }
}

#[test]
fn a_database_does_not_come_where_the_log_of_another_lies() {
    let Bench { desk, db, versions } = Bench::new("wal");
    db.execute_batch("UPDATE t SET n = 5").unwrap();
    std::fs::remove_file(desk.path().join(NAME)).unwrap();
    let ran = desk.run(["checkout", "--force", &versions[0].commit]);
    assert_ne!(ran.code, Some(0));
    assert!(ran.stderr.contains("memory.db (a database that is open"), "{}", ran.stderr);
    assert!(!desk.path().join(NAME).exists() && desk.path().join("memory.db-wal").exists());
    drop(db);
    for name in ["memory.db-wal", "memory.db-shm"] {
        let _ = std::fs::remove_file(desk.path().join(name));
    }
    desk.ok(["checkout", "--force", &versions[0].commit]);
    assert_eq!(desk.json(["status", "--json"])["changes"], serde_json::json!([]));
}

/// Ends the writer of a test, also where the test fails.
struct Ends<'a>(&'a AtomicBool);

impl Drop for Ends<'_> {
    fn drop(&mut self) {
        self.0.store(true, SeqCst);
    }
}

#[test]
fn a_writer_goes_on_without_error_while_versions_come_and_go() {
    for journal in ["wal", "delete"] {
        let bench = Bench::new(journal);
        let done = AtomicBool::new(false);
        std::thread::scope(|scope| {
            let (done, path) = (&done, bench.path());
            let writer = scope.spawn(move || {
                let mut db = Connection::open(path).unwrap();
                db.busy_timeout(Duration::from_secs(20)).unwrap();
                let mut written = 0;
                while !done.load(SeqCst) {
                    let behavior = TransactionBehavior::Immediate;
                    let transaction = db.transaction_with_behavior(behavior).unwrap();
                    transaction.execute("UPDATE t SET n = n + 1 WHERE id % 7 = 1", []).unwrap();
                    transaction.commit().unwrap();
                    written += 1;
                    std::thread::sleep(Duration::from_millis(3));
                }
                written
            });
            let ends = Ends(done);
            for round in 0..12 {
                let target = &bench.versions[round % 3].commit;
                bench.desk.ok(["checkout", "--force", target]);
            }
            drop(ends);
            let written = writer.join().unwrap();
            assert!(written > 0);
        });
        let sound: String =
            bench.db.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
        assert_eq!(sound, "ok");
        bench.desk.ok(["checkout", "--force", &bench.versions[1].commit]);
        bench.assert_is(1);
        bench.desk.ok(["fsck"]);
    }
}

#[test]
fn a_checkout_that_is_killed_at_any_moment_leaves_the_old_version_or_the_new_one() {
    for journal in ["wal", "delete"] {
        let bench = Bench::new(journal);
        let started = Instant::now();
        bench.desk.ok(["checkout", &bench.versions[1].commit]);
        let usual = started.elapsed();
        let mut at = 1;
        for round in 0..30 {
            let target = (at + 1 + round % 2) % 3;
            let mut command = bench.desk.command(["checkout", &bench.versions[target].commit]);
            command.stdout(Stdio::null()).stderr(Stdio::null());
            let mut child = command.spawn().unwrap();
            std::thread::sleep(usual * round as u32 / 25);
            child.kill().unwrap();
            child.wait().unwrap();
            // The next command that works in the folder goes on.
            let ran = bench.desk.run(["commit", "-m", "nothing new"]);
            assert_eq!(ran.code, Some(1), "{}", ran.stderr);
            let head = bench.desk.head();
            at = bench.versions.iter().position(|version| version.commit == head).unwrap();
            bench.assert_is(at);
        }
    }
}
