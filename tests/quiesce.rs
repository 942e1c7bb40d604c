//! How long a folder is held still while it is captured.

mod support;

use std::cell::{Cell, RefCell};
use std::path::Path;

use aisr::capture::secrets::Fingerprint;
use aisr::disk::Disk;
use aisr::object::{CommitId, Level, RepoPath};
use aisr::repo::{Identity, Repository};
use aisr::store::StoreError;
use aisr::worktree::{
    CommitOptions, CommitOutcome, CommitReport, Quiesce, QuiesceError, WorktreeError, commit,
};
use rusqlite::Connection;
use support::*;

/// Counts, and lets a writer go on as soon as it may.
struct Writer<'a> {
    quiesced: Cell<u32>,
    resumed: Cell<u32>,
    refuses: bool,
    write: RefCell<Box<dyn FnMut() + 'a>>,
}

impl<'a> Writer<'a> {
    fn new(write: impl FnMut() + 'a) -> Self {
        let write = RefCell::new(Box::new(write) as _);
        Self { quiesced: Cell::new(0), resumed: Cell::new(0), refuses: false, write }
    }

    fn calls(&self) -> (u32, u32) {
        (self.quiesced.get(), self.resumed.get())
    }
}

impl Quiesce for Writer<'_> {
    fn quiesce(&self) -> Result<(), QuiesceError> {
        self.quiesced.set(self.quiesced.get() + 1);
        if self.refuses { Err("it will not".into()) } else { Ok(()) }
    }

    fn resume(&self) {
        self.resumed.set(self.resumed.get() + 1);
        (self.write.borrow_mut())();
    }
}

fn try_quiesced(
    repo: &Repository,
    me: &Identity,
    writer: &Writer<'_>,
) -> Result<CommitOutcome, WorktreeError> {
    let options = CommitOptions {
        manifest: None,
        identity: me,
        message: Some("x".into()),
        author: None,
        acting_for: Vec::new(),
        allow_empty: false,
        paths: &[],
        level: Level::Snapshot,
        allowed_secrets: &[] as &[Fingerprint],
        quiesce: Some(writer),
        threads: 2,
        progress: &Quiet,
    };
    commit(repo, &options)
}

fn quiesced(repo: &Repository, me: &Identity, writer: &Writer<'_>) -> Box<CommitReport> {
    match try_quiesced(repo, me, writer).unwrap() {
        CommitOutcome::Made(report) => report,
        CommitOutcome::Nothing { .. } => panic!("nothing to commit"),
    }
}

fn rows(repo: &Repository, commit: CommitId, scratch: &Path) -> i64 {
    let files = repo.files(&repo.commit(commit).unwrap().commit).unwrap();
    let entry = repo.entry_at(files, &RepoPath::parse("d.sqlite").unwrap()).unwrap().unwrap();
    let mut bytes = Vec::new();
    let blob = repo.store().blob(entry.blob().unwrap()).unwrap();
    blob.copy_to(&mut |part: &[u8]| {
        bytes.extend_from_slice(part);
        Ok::<_, StoreError>(())
    })
    .unwrap();
    std::fs::write(scratch, bytes).unwrap();
    let db = Connection::open(scratch).unwrap();
    let sound: String = db.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
    assert_eq!(sound, "ok");
    db.query_row("SELECT count(*) FROM t", [], |row| row.get(0)).unwrap()
}

#[test]
fn a_writer_that_goes_on_at_once_does_not_cost_the_moment() {
    // With a log that has content, with one that was closed, and with a rollback journal.
    for (journal, closed) in [("WAL", false), ("WAL", true), ("DELETE", false)] {
        let (folder, me) = (tempfile::tempdir().unwrap(), identity());
        let repo = new_repository(&Disk::new(), folder.path(), &me);
        let path = folder.path().join("d.sqlite");
        let open = || {
            let db = Connection::open(&path).unwrap();
            db.busy_timeout(std::time::Duration::ZERO).unwrap();
            db
        };
        let db = open();
        db.pragma_update(None, "journal_mode", journal).unwrap();
        db.execute_batch("CREATE TABLE t (filler BLOB)").unwrap();
        let insert = |db: &Connection| db.execute("INSERT INTO t VALUES (randomblob(300000))", []);
        insert(&db).unwrap();
        write(folder.path(), "state", b"still");
        let db = Some(db).filter(|_| !closed);
        let wrote = Cell::new(0);
        let writer = Writer::new(|| {
            write(folder.path(), "state", b"moving");
            let again = db.is_none().then(open);
            // A reader holds up one that has no log.
            wrote.set(insert(db.as_ref().or(again.as_ref()).unwrap()).unwrap_or(0));
        });
        let report = quiesced(&repo, &me, &writer);
        let what = format!("{journal}, closed {closed}");
        assert_eq!(writer.calls(), (1, 1), "{what}");
        let capture = report.commit.report.as_ref().unwrap();
        assert_eq!(capture.level, Level::Snapshot, "{what}: {:?}", report.warnings);
        assert_eq!(rows(&repo, report.id, &folder.path().join(".aisr/image")), 1, "{what}");
        let held_up = journal == "DELETE";
        assert_eq!(wrote.get(), if held_up { 0 } else { 1 }, "{what}");
    }
}

#[test]
fn pages_of_a_database_with_a_log_are_read_while_its_writer_goes_on() {
    let (folder, me) = (tempfile::tempdir().unwrap(), identity());
    let repo = new_repository(&Disk::new(), folder.path(), &me);
    let db = Connection::open(folder.path().join("d.sqlite")).unwrap();
    db.pragma_update(None, "journal_mode", "WAL").unwrap();
    db.execute_batch("CREATE TABLE t (filler BLOB); INSERT INTO t VALUES (randomblob(3000000))")
        .unwrap();
    let stored = || {
        let packs = std::fs::read_dir(folder.path().join(".aisr/packs")).unwrap();
        packs.map(|pack| pack.unwrap().metadata().unwrap().len()).sum::<u64>()
    };
    let at_resume = Cell::new(u64::MAX);
    quiesced(&repo, &me, &Writer::new(|| at_resume.set(stored())));
    assert!(at_resume.get() < 1_000_000, "{} of its bytes were read before", at_resume.get());
    assert!(stored() > 3_000_000);
}

#[test]
fn what_will_not_hold_still_is_not_captured() {
    let (folder, me) = (tempfile::tempdir().unwrap(), identity());
    let repo = new_repository(&Disk::new(), folder.path(), &me);
    write(folder.path(), "a", b"1");
    let writer = Writer { refuses: true, ..Writer::new(|| ()) };
    let error = try_quiesced(&repo, &me, &writer).unwrap_err();
    assert!(matches!(error, WorktreeError::Quiesce(_)), "{error}");
    assert_eq!(writer.calls(), (1, 0));
    assert_eq!(repo.log().unwrap().refs().head_commit(), None);
}

#[test]
fn it_goes_on_after_errors_and_when_nothing_changed() {
    let (folder, me) = (tempfile::tempdir().unwrap(), identity());
    let repo = new_repository(&Disk::new(), folder.path(), &me);
    let writer = Writer::new(|| ());
    quiesced(&repo, &me, &writer);
    assert_eq!(writer.calls(), (1, 1));
    let nothing = try_quiesced(&repo, &me, &writer).unwrap();
    assert!(matches!(nothing, CommitOutcome::Nothing { .. }));
    assert_eq!(writer.calls(), (2, 2));
    write(folder.path(), ".aisrignore", &vec![b'#'; (1 << 20) + 1]);
    assert!(try_quiesced(&repo, &me, &writer).is_err());
    assert_eq!(writer.calls(), (3, 3));
}
