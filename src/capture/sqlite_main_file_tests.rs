//! Pages that are read past SQLite, against those that it gives out in the same transaction.
//!
//! Who writes meanwhile has a process of its own, for SQLite's locks are the process's: the test
//! that needs one, run once more and told so.

use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use rusqlite::Connection;

use super::sqlite::{Mode, OpenDatabase};
use super::sqlite_main_file::{ImageReader, LOCK_BYTE};
use super::sqlite_pages::each_page;

/// Names the database to the process that writes to it.
const WRITES_TO: &str = "AISR_TEST_MAIN_FILE";

fn again(test: &str, database: &Path) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .args(["--exact", &format!("capture::sqlite_main_file_tests::{test}"), "--nocapture"])
        .env(WRITES_TO, database)
        .stdout(Stdio::null());
    command
}

fn told() -> Option<PathBuf> {
    std::env::var_os(WRITES_TO).map(PathBuf::from)
}

fn begin(file: &Path) -> OpenDatabase {
    let mode = OpenDatabase::mode(file).unwrap();
    OpenDatabase::begin(file, "memory.db".into(), mode).unwrap()
}

/// The image, read in pieces of this length.
fn read(reader: &mut ImageReader<'_>, piece: usize) -> Vec<u8> {
    let mut image = vec![0xaa; reader.size() as usize];
    for (nth, part) in image.chunks_mut(piece).enumerate() {
        assert_eq!(reader.read((nth * piece) as u64, part).unwrap(), part.len());
    }
    image
}

fn through_sqlite(database: &OpenDatabase) -> Vec<u8> {
    let mut image = Vec::new();
    each_page(&database.connection, &mut |page| {
        image.extend_from_slice(page);
        Ok::<_, rusqlite::Error>(())
    })
    .unwrap();
    image
}

#[track_caller]
fn assert_same(a: &[u8], b: &[u8], what: &str) {
    assert_eq!(a.len(), b.len(), "{what}");
    let differs: Vec<_> = (0..a.len()).filter(|at| a[*at] != b[*at]).take(3).collect();
    assert!(differs.is_empty(), "{what}: differs at {differs:?}");
}

/// Ends the writer of a test, also where the test fails.
struct Writer(Child, PathBuf);

impl Writer {
    fn start(test: &str, database: &Path) -> Self {
        let writer = Self(again(test, database).spawn().unwrap(), database.with_extension("stop"));
        while !database.with_extension("begun").exists() {
            std::thread::sleep(Duration::from_millis(2));
        }
        writer
    }

    fn stop(mut self) {
        std::fs::write(&self.1, "").unwrap();
        assert!(self.0.wait().unwrap().success(), "the writer saw an error");
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        let _ = std::fs::write(&self.1, "");
        let _ = self.0.wait();
    }
}

/// Writes, grows, shrinks and checkpoints until it is told to stop.
fn hammer(path: &Path) {
    let [db, other] = [(); 2].map(|()| Connection::open(path).unwrap());
    db.busy_timeout(Duration::from_secs(20)).unwrap();
    other.busy_timeout(Duration::from_millis(5)).unwrap();
    let log: String = db.query_row("PRAGMA journal_mode", [], |row| row.get(0)).unwrap();
    for n in 0_i64.. {
        if path.with_extension("stop").exists() {
            break;
        }
        match n % 8 {
            0 => db.execute_batch(
                "INSERT INTO t (n, filler) SELECT n, randomblob(9000) FROM t LIMIT 60",
            ),
            4 => db.execute_batch(
                "DELETE FROM t WHERE id > (SELECT min(id) + 150 FROM t); PRAGMA incremental_vacuum",
            ),
            _ => db.execute("UPDATE t SET n = ?1 WHERE id % 11 = ?1 % 11", [n]).map(drop),
        }
        .unwrap();
        if log == "wal" {
            let how = ["PASSIVE", "RESTART", "TRUNCATE", "FULL", "RESTART"][n as usize % 5];
            let asked = format!("PRAGMA wal_checkpoint({how})");
            other.query_row(&asked, [], |_| Ok(())).unwrap();
        }
        std::fs::write(path.with_extension("begun"), "").unwrap();
    }
}

fn both_ways_beside_a_writer(test: &str, journal: &str) {
    if let Some(path) = told() {
        return hammer(&path);
    }
    let mut past = 0;
    for (size, vacuum) in
        [(4096, "NONE"), (512, "FULL"), (1024, "INCREMENTAL"), (16384, "FULL"), (65536, "NONE")]
    {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("memory.db");
        let db = Connection::open(&path).unwrap();
        db.execute_batch(&format!(
            "PRAGMA page_size = {size}; PRAGMA auto_vacuum = {vacuum};
             PRAGMA journal_mode = {journal}; CREATE TABLE t (id INTEGER PRIMARY KEY, n, filler);
             WITH RECURSIVE r(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM r WHERE i < 150)
             INSERT INTO t SELECT i, 0, randomblob(6000) FROM r"
        ))
        .unwrap();
        drop(db);
        let writer = Writer::start(test, &path);
        for round in 0..16 {
            // Also a log that is empty is read under the lock, for nobody holds still here.
            let mode = if journal == "wal" { Mode::Log } else { Mode::Rollback };
            let database = OpenDatabase::begin(&path, "memory.db".into(), mode).unwrap();
            let expected = through_sqlite(&database);
            for piece in [1 << 20, 100_000] {
                std::thread::sleep(Duration::from_millis(6));
                let mut reader = database.reader().unwrap();
                let image = read(&mut reader, piece);
                assert_same(&image, &expected, &format!("{size}, {vacuum}, round {round}"));
                past += reader.past_sqlite();
            }
            assert_same(&through_sqlite(&database), &expected, "SQLite itself");
            database.close();
            std::thread::sleep(Duration::from_millis(2));
        }
        writer.stop();
    }
    assert!(past > 100, "{past} pages were read past SQLite");
}

#[test]
fn pages_come_as_sqlite_has_them_beside_a_writer_with_a_log() {
    both_ways_beside_a_writer("pages_come_as_sqlite_has_them_beside_a_writer_with_a_log", "wal");
}

#[test]
fn pages_come_as_sqlite_has_them_beside_a_writer_with_a_journal() {
    both_ways_beside_a_writer(
        "pages_come_as_sqlite_has_them_beside_a_writer_with_a_journal",
        "delete",
    );
}

/// Whether another process may write to the database at this moment.
fn another_may_write(test: &str, database: &Path) -> bool {
    let ended = again(test, database).status().unwrap();
    let code = ended.code();
    assert!(code == Some(WRITTEN) || code == Some(BUSY), "the other process: {ended}");
    code == Some(WRITTEN)
}

const WRITTEN: i32 = 40;
const BUSY: i32 = 41;

fn write_once(path: &Path) -> ! {
    let db = Connection::open(path).unwrap();
    db.busy_timeout(Duration::ZERO).unwrap();
    let code = match db.execute_batch("UPDATE t SET x = x + 1") {
        Ok(()) => WRITTEN,
        Err(error) if error.sqlite_error_code() == Some(rusqlite::ErrorCode::DatabaseBusy) => BUSY,
        Err(error) => panic!("{error}"),
    };
    std::process::exit(code)
}

fn small(folder: &Path) -> PathBuf {
    let path = folder.join("memory.db");
    let db = Connection::open(&path).unwrap();
    db.execute_batch("CREATE TABLE t (x, y); INSERT INTO t VALUES (1, randomblob(90000))").unwrap();
    path
}

#[test]
fn the_lock_holds_after_pages_were_read_past_sqlite() {
    if let Some(path) = told() {
        write_once(&path);
    }
    let may_write =
        |path: &Path| another_may_write("the_lock_holds_after_pages_were_read_past_sqlite", path);
    let folder = tempfile::tempdir().unwrap();
    let path = small(folder.path());
    assert!(may_write(&path));
    let database = begin(&path);
    assert!(database.reader().unwrap().past_sqlite() > 20);
    let image = read(&mut database.reader().unwrap(), 1 << 20);
    assert!(!may_write(&path), "the lock fell");
    assert_same(&read(&mut database.reader().unwrap(), 1 << 20), &image, "a second time");
    assert!(!may_write(&path), "the lock fell");
    let _closed = database.close();
    assert!(may_write(&path));
}

#[test]
fn the_lock_holds_when_the_file_was_read_under_a_second_name() {
    if let Some(path) = told() {
        write_once(&path);
    }
    let test = "the_lock_holds_when_the_file_was_read_under_a_second_name";
    let folder = tempfile::tempdir().unwrap();
    let path = small(folder.path());
    let second = folder.path().join("second.db");
    std::fs::hard_link(&path, &second).unwrap();
    let modes = [&path, &second].map(|path| OpenDatabase::mode(path).unwrap());
    let [one, two] = [(&path, modes[0]), (&second, modes[1])]
        .map(|(path, mode)| OpenDatabase::begin(path, "memory.db".into(), mode).unwrap());
    read(&mut one.reader().unwrap(), 1 << 20);
    let closed = one.close();
    assert!(!another_may_write(test, &path), "the lock of the second name fell");
    drop(two);
    assert!(another_may_write(test, &path));
    drop(closed);
}

#[test]
fn the_page_of_the_locks_is_as_sqlite_has_it() {
    for size in [4096_u32, 65536] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("memory.db");
        let db = Connection::open(&path).unwrap();
        db.execute_batch(&format!("PRAGMA page_size = {size}; CREATE TABLE t (x)")).unwrap();
        drop(db);
        let file = std::fs::File::options().write(true).open(&path).unwrap();
        let lock_page = LOCK_BYTE / size + 1;
        let count = lock_page + 3;
        file.set_len(u64::from(count) * u64::from(size)).unwrap();
        file.write_all_at(&count.to_be_bytes(), 28).unwrap();
        for page in lock_page - 2..=count {
            let at = u64::from(page - 1) * u64::from(size);
            file.write_all_at(&vec![page as u8 | 1; size as usize], at).unwrap();
        }
        drop(file);
        let database = begin(&path);
        let mut reader = database.reader().unwrap();
        assert_eq!(reader.count(), u64::from(count));
        let from = u64::from(lock_page - 3) * u64::from(size);
        let mut image = vec![0; 6 * size as usize];
        assert_eq!(reader.read(from, &mut image).unwrap(), image.len());
        for (nth, page) in image.chunks(size as usize).enumerate() {
            let number = lock_page - 2 + nth as u32;
            let expected: Vec<u8> = database
                .connection
                .query_row("SELECT data FROM sqlite_dbpage WHERE pgno = ?1", [number], |r| r.get(0))
                .unwrap();
            assert_same(page, &expected, &format!("page {number}"));
            assert_eq!(page[0] == 0, number == lock_page, "page {number}");
        }
        assert_eq!(reader.past_sqlite(), u64::from(count) - 1);
    }
}

#[test]
fn a_log_that_is_none_leaves_all_to_sqlite() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("memory.db");
    let db = Connection::open(&path).unwrap();
    db.execute_batch(
        "PRAGMA journal_mode = wal; CREATE TABLE t (x); INSERT INTO t VALUES (randomblob(50000))",
    )
    .unwrap();
    drop(db);
    std::fs::write(folder.path().join("memory.db-wal"), [7; 9000]).unwrap();
    let database = begin(&path);
    let mut reader = database.reader().unwrap();
    let image = read(&mut reader, 1 << 20);
    assert_eq!(reader.past_sqlite(), 0);
    assert_same(&image, &through_sqlite(&database), "a log of something else");
}

#[test]
fn a_file_that_took_the_place_of_the_one_that_sqlite_reads_is_not_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = small(folder.path());
    let database = begin(&path);
    let beside = folder.path().join("beside.db");
    // Its first page is the same.
    let mut other = std::fs::read(&path).unwrap();
    other[5000] ^= 1;
    std::fs::write(&beside, other).unwrap();
    std::fs::rename(&beside, &path).unwrap();
    let mut reader = database.reader().unwrap();
    let image = read(&mut reader, 1 << 20);
    assert_eq!(reader.past_sqlite(), 0);
    assert_same(&image, &through_sqlite(&database), "the file that it was");
}
