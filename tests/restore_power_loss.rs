//! A power loss while a database takes on another version through SQLite.
//!
//! What SQLite writes is in no record of ours, so each state that its protocol may leave is built
//! by hand (sqlite.org/atomiccommit.html, sqlite.org/wal.html): with a rollback journal, the
//! journal is durable before the first page is written over, pages come in any order, and the
//! transaction has happened when the journal is gone; with a log, it has happened when its last
//! frame is whole. Around them lies what a `checkout` leaves that was killed before its database
//! was committed. The next command must bring it to its end.

#[path = "support/program.rs"]
mod program;
#[path = "support/mod.rs"]
mod support;

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use aisr::capture::LockedDatabase;
use program::Desk;
use rusqlite::Connection;
use support::Random;

const NAME: &str = "memory.db";
/// What SQLite counts on in, whatever the version.
const COUNTERS: [std::ops::Range<usize>; 4] = [18..20, 24..28, 40..44, 92..100];
const PAGE: usize = 4096;
const SEED: u64 = 20_261_125;

/// Files by what their names end in, behind the database's name.
type Files = Vec<(&'static str, Vec<u8>)>;

/// A repository whose checkout of another version was killed when its plan was durable and its
/// database not yet written.
struct Killed {
    desk: Desk,
    target: String,
    /// What the database holds in the two versions.
    old: Vec<u8>,
    new: Vec<u8>,
    /// The folder as the kill left it.
    saved: PathBuf,
}

fn run(command: &mut Command) {
    assert!(command.status().unwrap().success(), "{command:?}");
}

/// Puts a copy of the folder `from` in the place of `to`.
fn replace_folder(from: &Path, to: &Path) {
    let _ = std::fs::remove_dir_all(to);
    run(Command::new("cp").arg("-a").args([from, to]));
}

fn image(path: &Path) -> Vec<u8> {
    let db = Connection::open(path).unwrap();
    let mut pages = db.prepare("SELECT data FROM sqlite_dbpage").unwrap();
    let pages = pages.query_map([], |row| row.get::<_, Vec<u8>>(0)).unwrap();
    pages.collect::<Result<Vec<_>, _>>().unwrap().concat()
}

fn without_counters(mut image: Vec<u8>) -> Vec<u8> {
    COUNTERS.into_iter().for_each(|range| image[range].fill(0));
    image
}

impl Killed {
    fn new(journal: &str) -> Self {
        let desk = Desk::new();
        let path = desk.path().join(NAME);
        let db = Connection::open(&path).unwrap();
        db.pragma_update(None, "journal_mode", journal).unwrap();
        db.execute_batch("CREATE TABLE t (id INTEGER PRIMARY KEY, n INTEGER, filler BLOB)")
            .unwrap();
        let fill = "WITH RECURSIVE r(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM r WHERE i < ?1)
                    INSERT INTO t SELECT i, 1, randomblob(6000) FROM r";
        db.execute(fill, [500]).unwrap();
        desk.write("note", "first");
        desk.ok(["commit", "-m", "the version that comes"]);
        let target = desk.head();
        // The version that comes is shorter: pages have to go.
        db.execute_batch("DELETE FROM t").unwrap();
        db.execute(fill, [650]).unwrap();
        drop(db);
        desk.write("note", "second");
        desk.ok(["commit", "-m", "the version that goes"]);
        let old = std::fs::read(&path).unwrap();
        let saved = desk.outside("saved");
        replace_folder(&desk.path(), &saved);
        desk.ok(["checkout", &target]);
        let new = image(&path);
        assert!(new.len() < old.len());
        replace_folder(&saved, &desk.path());
        let killed = Self { desk, target, old, new, saved };
        killed.kill_a_checkout();
        killed
    }

    fn plan(&self) -> PathBuf {
        self.desk.path().join(".aisr/undo/pending/plan")
    }

    fn logged(&self) -> Vec<Vec<u8>> {
        let log = std::fs::read_dir(self.desk.path().join(".aisr/log")).unwrap();
        let mut files: Vec<_> = log.map(|entry| entry.unwrap().path()).collect();
        files.sort();
        files.iter().map(|path| std::fs::read(path).unwrap()).collect()
    }

    /// Tries until the kill comes between the plan and the log entry.
    fn kill_a_checkout(&self) {
        let before = self.logged();
        for _ in 0..100 {
            let mut command = self.desk.command(["checkout", &self.target]);
            let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
            while !self.plan().exists() && child.try_wait().unwrap().is_none() {}
            child.kill().unwrap();
            child.wait().unwrap();
            if self.plan().exists() && self.logged() == before {
                replace_folder(&self.desk.path(), &self.saved);
                return;
            }
            replace_folder(&self.saved, &self.desk.path());
        }
        panic!("no checkout was killed in time");
    }

    /// A database in a folder of its own, as it was before, and the transaction in it that gives
    /// it the new version. `between` is called when all is written and nothing committed.
    fn transaction(&self, between: &mut dyn FnMut(&Path)) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(NAME);
        std::fs::write(&path, &self.old).unwrap();
        let database = LockedDatabase::lock(&path, NAME.into()).unwrap();
        let mut writer = database.writer().unwrap();
        writer.push(&self.new).unwrap();
        writer.finish().unwrap();
        between(&path);
        database.commit().unwrap();
        folder
    }

    /// Puts the files in place of the database's, and has the next command go on.
    fn recovers_from(&self, files: &Files, what: &str) {
        replace_folder(&self.saved, &self.desk.path());
        let path = self.desk.path().join(NAME);
        for ending in ["", "-journal", "-wal", "-shm"] {
            let _ = std::fs::remove_file(beside(&path, ending));
        }
        for (ending, bytes) in files {
            std::fs::write(beside(&path, ending), bytes).unwrap();
        }
        let ran = self.desk.run(["commit", "-m", "nothing new"]);
        assert!(
            ran.stderr.contains("A checkout that was interrupted is brought to its end."),
            "{what}: {}",
            ran.stderr
        );
        assert!(!ran.stderr.contains(NAME), "{what}: {}", ran.stderr);
        assert_eq!(ran.code, Some(1), "{what}: {}", ran.stderr);
        assert_eq!(self.desk.head(), self.target, "{what}");
        let db = Connection::open(&path).unwrap();
        let sound: String = db.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
        assert_eq!(sound, "ok", "{what}");
        drop(db);
        let now = without_counters(image(&path));
        assert!(now == without_counters(self.new.clone()), "{what}: not the version that comes");
        assert_eq!(std::fs::read(self.desk.path().join("note")).unwrap(), b"first", "{what}");
    }
}

fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    name.into()
}

/// What the disk may hold while pages of `new` are written over those of `old`, in any order.
fn half_written(old: &[u8], new: &[u8], random: &mut Random) -> Vec<u8> {
    let mut mixed = old.to_vec();
    // The file is cut off before the journal goes.
    mixed.truncate(if random.below(2) == 0 { new.len() } else { old.len() });
    for (nth, page) in mixed.chunks_mut(PAGE).enumerate() {
        let Some(written) = new.get(nth * PAGE..(nth + 1) * PAGE) else { continue };
        match random.below(3) {
            0 => page.copy_from_slice(written),
            // A page that was being written: some of its sectors came, others did not.
            1 => {
                let sectors = 512 * random.below(9);
                page[..sectors].copy_from_slice(&written[..sectors]);
            }
            _ => {}
        }
    }
    mixed
}

#[test]
fn a_power_loss_while_a_database_with_a_journal_is_written_leaves_a_whole_version() {
    let killed = Killed::new("delete");
    let mut spilled = Files::new();
    let folder = killed.transaction(&mut |path| {
        // A second name, under which the journal outlives the commit.
        std::fs::hard_link(beside(path, "-journal"), beside(path, "-kept")).unwrap();
        for ending in ["", "-journal"] {
            spilled.push((ending, std::fs::read(beside(path, ending)).unwrap()));
        }
    });
    let path = folder.path().join(NAME);
    let journal = std::fs::read(beside(&path, "-kept")).unwrap();
    let done = std::fs::read(&path).unwrap();
    assert!(journal.len() > 1 << 20 && spilled[0].1 != killed.old, "pages were spilled");
    let old = &killed.old;

    killed.recovers_from(&vec![("", old.clone())], "before the first write");
    killed.recovers_from(&spilled, "killed before the commit");
    for parts in [0, 1, 3, 50, 97, 99] {
        let torn = journal[..journal.len() * parts / 100].to_vec();
        killed.recovers_from(&vec![("", old.clone()), ("-journal", torn)], "a torn journal");
    }
    let mut unsynced = journal.clone();
    unsynced[8..12].fill(0);
    killed.recovers_from(
        &vec![("", old.clone()), ("-journal", unsynced)],
        "a journal whose header does not count its pages yet",
    );
    let mut random = Random(SEED);
    for round in 0..8 {
        let mixed = half_written(old, &done, &mut random);
        let files = vec![("", mixed), ("-journal", journal.clone())];
        killed.recovers_from(&files, &format!("pages half written, round {round}"));
    }
    let files = vec![("", done.clone()), ("-journal", journal.clone())];
    killed.recovers_from(&files, "all written, the journal still there");
    killed.recovers_from(&vec![("", done)], "committed, and not in the log");
    killed.desk.ok(["undo"]);
    let back = without_counters(image(&killed.desk.path().join(NAME)));
    assert!(back == without_counters(killed.old.clone()), "undo brings the old version back");
}

#[test]
fn a_power_loss_while_a_database_with_a_log_is_written_leaves_a_whole_version() {
    let killed = Killed::new("wal");
    let mut reader = None;
    let mut shared = Vec::new();
    let folder = killed.transaction(&mut |path| {
        // Who reads keeps the commit out of the main file.
        let db = Connection::open(path).unwrap();
        db.execute_batch("BEGIN").unwrap();
        db.query_row("SELECT count(*) FROM t", [], |_| Ok(())).unwrap();
        reader = Some(db);
        shared = std::fs::read(beside(path, "-shm")).unwrap();
    });
    let path = folder.path().join(NAME);
    let log = std::fs::read(beside(&path, "-wal")).unwrap();
    assert!(std::fs::read(&path).unwrap() == killed.old, "nothing is in the main file yet");
    drop(reader);
    let checkpointed = Connection::open(&path).unwrap();
    checkpointed.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).unwrap();
    drop(checkpointed);
    let done = std::fs::read(&path).unwrap();
    let (old, frame) = (&killed.old, PAGE + 24);
    assert_eq!((log.len() - 32) % frame, 0);

    killed.recovers_from(&vec![("", old.clone())], "before the first write");
    let cuts = [0, 20, 32, 32 + frame, 32 + 100 * frame + 1000, log.len() - frame, log.len() - 1];
    for cut in cuts {
        let torn = log[..cut].to_vec();
        let mut files = vec![("", old.clone()), ("-wal", torn)];
        killed.recovers_from(&files, &format!("a log of {cut} of {} bytes", log.len()));
        files.push(("-shm", shared.clone()));
        killed.recovers_from(&files, &format!("a log of {cut} bytes beside an old -shm"));
    }
    let mut torn = log.clone();
    let last = torn.len() - PAGE / 2;
    torn[last..].fill(0);
    killed.recovers_from(&vec![("", old.clone()), ("-wal", torn)], "the last frame is torn");
    let mut hole = log.clone();
    hole[32 + 40 * frame..][..frame].fill(0);
    killed.recovers_from(&vec![("", old.clone()), ("-wal", hole)], "a frame in the midst is lost");
    for shm in [None, Some(vec![0; 32768]), Some(shared)] {
        let mut files = vec![("", old.clone()), ("-wal", log.clone())];
        files.extend(shm.map(|shm| ("-shm", shm)));
        killed.recovers_from(&files, "committed, and not in the main file");
    }
    let mut random = Random(SEED);
    for round in 0..4 {
        let mixed = half_written(old, &done, &mut random);
        let files = vec![("", mixed), ("-wal", log.clone())];
        killed.recovers_from(&files, &format!("a checkpoint half done, round {round}"));
    }
    killed.recovers_from(&vec![("", done.clone()), ("-wal", log)], "a checkpoint done");
    killed.recovers_from(&vec![("", done)], "the log is gone");
    killed.desk.ok(["undo"]);
    let back = without_counters(image(&killed.desk.path().join(NAME)));
    assert!(back == without_counters(killed.old.clone()), "undo brings the old version back");
}
