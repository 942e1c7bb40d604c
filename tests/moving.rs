//! Checkout in place, restore, undo and redo.

mod support;

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use aisr::disk::Disk;
use aisr::log::{Head, RefName};
use aisr::object::{CommitId, RepoPath};
use aisr::repo::{Identity, Repository};
use aisr::worktree::{
    CheckoutOptions, Conflict, Direction, Performed, RestoreOptions, StatusOptions, UndoOptions,
    Undone, WorktreeError, checkout, restore, status, undo,
};
use support::{Quiet, Random, identity, must_commit, new_repository, snapshot, write};

type Shown = BTreeMap<Vec<u8>, (char, Vec<u8>)>;

/// A repository with two commits, `main` on the second.
struct Desk {
    dir: tempfile::TempDir,
    me: Identity,
    repo: Repository,
}

impl Desk {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let me = identity();
        let repo = new_repository(&Disk::new(), dir.path(), &me);
        Self { dir, me, repo }
    }

    fn root(&self) -> &Path {
        self.dir.path()
    }

    fn commit(&self) -> (CommitId, Shown) {
        (must_commit(&self.repo, &self.me, "a state"), snapshot(self.root()))
    }

    fn options<'a>(
        &self,
        target: CommitId,
        head: Head,
        keep: &'a [RepoPath],
    ) -> CheckoutOptions<'a> {
        CheckoutOptions {
            target,
            head,
            create: false,
            force: false,
            keep,
            threads: 2,
            progress: &Quiet,
        }
    }

    fn checkout(&self, target: CommitId) -> Result<Option<Performed>, WorktreeError> {
        checkout(&self.repo, &self.options(target, Head::Detached(target.id()), &[]))
    }

    fn force(&self, target: CommitId) -> Performed {
        let options = self.options(target, Head::Detached(target.id()), &[]);
        checkout(&self.repo, &CheckoutOptions { force: true, ..options }).unwrap().unwrap()
    }

    fn undo(&self, direction: Direction) -> Result<Undone, WorktreeError> {
        let options = UndoOptions { direction, force: false, threads: 2, progress: &Quiet };
        undo(&self.repo, &options)
    }

    fn restore(&self, from: CommitId, paths: &[&str]) -> Result<Option<Performed>, WorktreeError> {
        let paths: Vec<_> = paths.iter().map(|path| RepoPath::parse(path).unwrap()).collect();
        let options = RestoreOptions { from, paths: &paths, threads: 2, progress: &Quiet };
        restore(&self.repo, &options)
    }

    /// What differs from HEAD.
    fn changes(&self) -> Vec<String> {
        let options = StatusOptions { threads: 2, progress: &Quiet, list_ignored: false };
        let found = status(&self.repo, &options).unwrap();
        found.changes.iter().map(|change| change.path.to_string()).collect()
    }

    fn head(&self) -> CommitId {
        self.repo.log().unwrap().refs().head_commit().unwrap()
    }
}

fn conflicts(result: Result<Option<Performed>, WorktreeError>) -> Vec<(String, Conflict)> {
    match result {
        Err(WorktreeError::InTheWay { conflicts }) => {
            conflicts.iter().map(|(path, why)| (path.to_string(), *why)).collect()
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_folder_becomes_what_each_commit_holds_and_status_is_clean() {
    let desk = Desk::new();
    let mut random = Random(7);
    let mut states = Vec::new();
    for round in 0..12u8 {
        // Paths that are files in one state and folders in another, links, modes, empty folders.
        for _ in 0..6 {
            let path =
                desk.root().join(["a", "b", "c/d", "c/e", "f/g/h", "f/g", "i"][random.below(7)]);
            let _ = std::fs::remove_dir_all(&path);
            let _ = std::fs::remove_file(&path);
            if path.parent().unwrap().is_file() || path.parent().unwrap().is_symlink() {
                std::fs::remove_file(path.parent().unwrap()).unwrap();
            }
            if let Some(above) = path.parent().unwrap().parent()
                && (above.is_file() || above.is_symlink())
            {
                std::fs::remove_file(above).unwrap();
            }
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            match random.below(5) {
                0 => {}
                1 => std::fs::create_dir(&path).unwrap(),
                2 => std::os::unix::fs::symlink(format!("to {round}"), &path).unwrap(),
                3 => std::fs::write(&path, vec![round; 300 << 10]).unwrap(),
                _ => {
                    std::fs::write(&path, format!("{round} {}", random.below(9))).unwrap();
                    let mode = if random.below(2) == 0 { 0o755 } else { 0o644 };
                    std::fs::set_permissions(&path, PermissionsExt::from_mode(mode)).unwrap();
                }
            }
        }
        write(desk.root(), "round", &[round]);
        states.push(desk.commit());
    }
    for _ in 0..40 {
        let (id, expected) = &states[random.below(states.len())];
        desk.checkout(*id).unwrap();
        assert_eq!(&snapshot(desk.root()), expected);
        assert_eq!(desk.head(), *id);
        assert_eq!(desk.changes(), Vec::<String>::new());
    }
}

#[test]
fn nothing_that_no_commit_holds_is_overwritten() {
    let desk = Desk::new();
    write(desk.root(), "a", b"1");
    write(desk.root(), "d/x", b"1");
    let (first, _) = desk.commit();
    write(desk.root(), "a", b"2");
    write(desk.root(), "new", b"2");
    std::fs::remove_dir_all(desk.root().join("d")).unwrap();
    write(desk.root(), "d", b"a file");
    write(desk.root(), ".aisrignore", b"*.ignored\n");
    let (second, _) = desk.commit();
    write(desk.root(), "new.ignored", b"2");
    desk.checkout(first).unwrap();
    let before = snapshot(desk.root());

    write(desk.root(), "a", b"local");
    assert_eq!(conflicts(desk.checkout(second)), [("a".into(), Conflict::Changed)]);
    write(desk.root(), "a", b"1");
    write(desk.root(), "new", b"local");
    assert_eq!(conflicts(desk.checkout(second)), [("new".into(), Conflict::Untracked)]);
    std::fs::remove_file(desk.root().join("new")).unwrap();
    std::fs::create_dir(desk.root().join("new")).unwrap();
    assert_eq!(conflicts(desk.checkout(second)), [("new".into(), Conflict::Folder)]);
    std::fs::remove_dir(desk.root().join("new")).unwrap();
    write(desk.root(), "d/local", b"local");
    assert_eq!(conflicts(desk.checkout(second)), [("d".into(), Conflict::Folder)]);
    std::fs::remove_file(desk.root().join("d/local")).unwrap();
    let fifo = std::process::Command::new("mkfifo").arg(desk.root().join("new")).status();
    assert!(fifo.unwrap().success());
    assert_eq!(conflicts(desk.checkout(second)), [("new".into(), Conflict::Special)]);
    std::fs::remove_file(desk.root().join("new")).unwrap();

    assert_eq!(snapshot(desk.root()), before);
    assert_eq!(desk.head(), first);
    desk.checkout(second).unwrap();
}

#[test]
fn ignored_files_are_not_overwritten_either() {
    let desk = Desk::new();
    write(desk.root(), "a", b"1");
    let (first, _) = desk.commit();
    write(desk.root(), "secret.key", b"committed once");
    let (second, _) = desk.commit();
    desk.checkout(first).unwrap();
    write(desk.root(), ".aisrignore", b"*.key\n");
    write(desk.root(), "secret.key", b"mine");
    assert_eq!(conflicts(desk.checkout(second)), [("secret.key".into(), Conflict::Untracked)]);
    let performed = desk.force(second);
    assert_eq!(performed.set_aside, [RepoPath::parse("secret.key").unwrap()]);
    assert_eq!(std::fs::read(desk.root().join("secret.key")).unwrap(), b"committed once");
    desk.undo(Direction::Undo).unwrap();
    assert_eq!(std::fs::read(desk.root().join("secret.key")).unwrap(), b"mine");
    assert_eq!(desk.head(), first);
}

#[test]
fn a_local_change_elsewhere_goes_along() {
    let desk = Desk::new();
    write(desk.root(), "a", b"1");
    write(desk.root(), "b", b"1");
    let (first, _) = desk.commit();
    write(desk.root(), "a", b"2");
    desk.commit();
    write(desk.root(), "b", b"local");
    write(desk.root(), "untracked", b"local");
    desk.checkout(first).unwrap();
    assert_eq!(desk.changes(), ["b", "untracked"]);
    assert_eq!(std::fs::read(desk.root().join("a")).unwrap(), b"1");
}

#[test]
fn what_force_drops_undo_brings_back_and_redo_drops_again() {
    let desk = Desk::new();
    write(desk.root(), "a", b"1");
    write(desk.root(), "same", b"1");
    std::os::unix::fs::symlink("here", desk.root().join("link")).unwrap();
    let (first, _) = desk.commit();
    write(desk.root(), "a", b"2");
    write(desk.root(), "new", b"2");
    std::fs::remove_file(desk.root().join("link")).unwrap();
    let (second, at_second) = desk.commit();
    desk.checkout(first).unwrap();
    write(desk.root(), "a", b"local");
    write(desk.root(), "new", b"local");
    write(desk.root(), "same", b"local");
    std::fs::remove_file(desk.root().join("link")).unwrap();
    std::os::unix::fs::symlink("elsewhere", desk.root().join("link")).unwrap();
    let local = snapshot(desk.root());

    let performed = desk.force(second);
    let set_aside: Vec<_> = performed.set_aside.iter().map(ToString::to_string).collect();
    assert_eq!(set_aside, ["a", "link", "new", "same"]);
    assert_eq!(snapshot(desk.root()), at_second);
    for _ in 0..2 {
        assert_eq!(desk.undo(Direction::Undo).unwrap().kind, "checkout");
        assert_eq!((snapshot(desk.root()), desk.head()), (local.clone(), first));
        assert_eq!(desk.undo(Direction::Redo).unwrap().kind, "checkout");
        assert_eq!((snapshot(desk.root()), desk.head()), (at_second.clone(), second));
    }
}

#[test]
fn operations_are_undone_one_after_the_other_and_redone_until_a_new_one() {
    let desk = Desk::new();
    write(desk.root(), "a", b"1");
    let (first, at_first) = desk.commit();
    write(desk.root(), "a", b"2");
    let (second, at_second) = desk.commit();
    desk.checkout(first).unwrap();
    assert_eq!(desk.undo(Direction::Undo).unwrap().kind, "checkout");
    assert_eq!((snapshot(desk.root()), desk.head()), (at_second.clone(), second));
    // A commit's files stay: they are local changes then.
    assert_eq!(desk.undo(Direction::Undo).unwrap().kind, "commit");
    assert_eq!((snapshot(desk.root()), desk.head()), (at_second.clone(), first));
    assert_eq!(desk.changes(), ["a"]);
    assert_eq!(desk.undo(Direction::Redo).unwrap().kind, "commit");
    assert_eq!(desk.head(), second);
    assert_eq!(desk.undo(Direction::Redo).unwrap().kind, "checkout");
    assert_eq!((snapshot(desk.root()), desk.head()), (at_first, first));
    assert!(matches!(desk.undo(Direction::Redo), Err(WorktreeError::NothingTo { .. })));
    for kind in ["checkout", "commit", "commit"] {
        assert_eq!(desk.undo(Direction::Undo).unwrap().kind, kind);
    }
    assert!(matches!(desk.undo(Direction::Undo), Err(WorktreeError::NothingTo { .. })));
    assert_eq!(snapshot(desk.root()), at_second);
}

#[test]
fn undo_refuses_where_a_file_was_changed_since() {
    let desk = Desk::new();
    write(desk.root(), "a", b"1");
    let (first, _) = desk.commit();
    write(desk.root(), "a", b"2");
    desk.commit();
    desk.checkout(first).unwrap();
    write(desk.root(), "a", b"later");
    let refused = desk.undo(Direction::Undo);
    assert!(matches!(refused, Err(WorktreeError::InTheWay { .. })), "{refused:?}");
    assert_eq!(std::fs::read(desk.root().join("a")).unwrap(), b"later");
    assert_eq!(desk.head(), first);
}

#[test]
fn restore_brings_paths_back_and_undo_takes_that_back() {
    let desk = Desk::new();
    write(desk.root(), "d/a", b"1");
    write(desk.root(), "d/b", b"1");
    write(desk.root(), "other", b"1");
    let (first, _) = desk.commit();
    write(desk.root(), "d/a", b"2");
    write(desk.root(), "d/c", b"2");
    let (second, _) = desk.commit();
    write(desk.root(), "d/a", b"local");
    write(desk.root(), "d/untracked", b"local");
    write(desk.root(), "other", b"local");
    std::fs::remove_file(desk.root().join("d/b")).unwrap();
    let local = snapshot(desk.root());

    desk.restore(second, &["d"]).unwrap().unwrap();
    assert_eq!(desk.changes(), ["d/untracked", "other"]);
    assert_eq!(desk.undo(Direction::Undo).unwrap().kind, "restore");
    assert_eq!(snapshot(desk.root()), local);

    desk.restore(first, &["d/a", "d/c"]).unwrap().unwrap();
    assert_eq!(std::fs::read(desk.root().join("d/a")).unwrap(), b"1");
    assert!(!desk.root().join("d/c").exists());
    assert_eq!(desk.head(), second);
    assert!(matches!(desk.restore(first, &["none"]), Err(WorktreeError::NoSuchPath { .. })));
}

#[test]
fn restore_makes_the_folders_above_that_are_missing_and_nothing_else_in_them() {
    let desk = Desk::new();
    write(desk.root(), "d/deep/a", b"1");
    write(desk.root(), "d/deep/b", b"1");
    write(desk.root(), "d/c", b"1");
    let (first, _) = desk.commit();
    std::fs::remove_dir_all(desk.root().join("d")).unwrap();
    desk.restore(first, &["d/deep/a"]).unwrap().unwrap();
    assert_eq!(desk.changes(), ["d/c", "d/deep/b"]);
    desk.undo(Direction::Undo).unwrap();
    assert!(!desk.root().join("d").exists());
    write(desk.root(), "d", b"a file of the user");
    let found = conflicts(desk.restore(first, &["d/deep/a"]));
    let blocked = |path: &str| (path.to_owned(), Conflict::Blocked);
    assert_eq!(found, [blocked("d/deep"), blocked("d/deep/a")]);
}

#[test]
fn what_is_kept_stays_and_shows_as_changed() {
    let desk = Desk::new();
    write(desk.root(), "memory/rows", b"1");
    write(desk.root(), "prompt", b"1");
    let (first, _) = desk.commit();
    write(desk.root(), "memory/rows", b"2");
    write(desk.root(), "prompt", b"2");
    desk.commit();
    write(desk.root(), "memory/rows", b"live");
    let keep = [RepoPath::parse("memory").unwrap()];
    let options = desk.options(first, Head::Detached(first.id()), &keep);
    checkout(&desk.repo, &options).unwrap();
    assert_eq!(std::fs::read(desk.root().join("memory/rows")).unwrap(), b"live");
    assert_eq!(std::fs::read(desk.root().join("prompt")).unwrap(), b"1");
    assert_eq!(desk.changes(), ["memory/rows"]);
}

#[test]
fn a_link_in_the_way_of_a_path_is_never_followed() {
    let desk = Desk::new();
    let outside = tempfile::tempdir().unwrap();
    write(desk.root(), "d/a", b"1");
    let (first, _) = desk.commit();
    write(desk.root(), "d/a", b"2");
    write(desk.root(), "d/b", b"2");
    let (second, _) = desk.commit();
    desk.checkout(first).unwrap();
    std::fs::remove_dir_all(desk.root().join("d")).unwrap();
    std::os::unix::fs::symlink(outside.path(), desk.root().join("d")).unwrap();
    write(outside.path(), "a", b"1");
    let found = conflicts(desk.checkout(second));
    assert_eq!(found, [("d/a".into(), Conflict::Blocked), ("d/b".into(), Conflict::Blocked)]);
    assert_eq!(std::fs::read(outside.path().join("a")).unwrap(), b"1");
    assert_eq!(std::fs::read_dir(outside.path()).unwrap().count(), 1);
}

#[test]
fn a_database_in_use_is_not_replaced() {
    let desk = Desk::new();
    write(desk.root(), "store.sqlite", b"1");
    let (first, _) = desk.commit();
    write(desk.root(), "store.sqlite", b"2");
    desk.commit();
    write(desk.root(), "store.sqlite-wal", b"frames");
    assert_eq!(conflicts(desk.checkout(first)), [("store.sqlite".into(), Conflict::InUse)]);
    assert_eq!(std::fs::read(desk.root().join("store.sqlite")).unwrap(), b"2");
}

#[test]
fn a_file_that_only_its_owner_may_read_stays_so() {
    let desk = Desk::new();
    write(desk.root(), "a", b"1");
    let (first, _) = desk.commit();
    write(desk.root(), "a", b"2");
    desk.commit();
    let path = desk.root().join("a");
    std::fs::set_permissions(&path, PermissionsExt::from_mode(0o600)).unwrap();
    desk.checkout(first).unwrap();
    assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
}

#[test]
fn a_disk_without_room_is_told_before_anything_is_touched() {
    let desk = Desk::new();
    write(desk.root(), "a", b"1");
    let (first, _) = desk.commit();
    write(desk.root(), "a", b"2");
    let (_, at_second) = desk.commit();
    for fault in ["enospc", "eio"] {
        for nth in 1.. {
            let disk = Disk::failing(format!("{fault}:{nth}").parse().unwrap());
            let repo = Repository::open(disk, desk.root()).unwrap();
            let options = desk.options(first, Head::Detached(first.id()), &[]);
            let failed = checkout(&repo, &options).is_err();
            if aisr::worktree::is_interrupted(&desk.repo) {
                aisr::worktree::recover(&desk.repo).unwrap();
            }
            if !failed || desk.head() == first {
                assert!(nth > 5, "{nth}");
                desk.undo(Direction::Undo).unwrap();
                if !failed {
                    break;
                }
            }
            assert_eq!(snapshot(desk.root()), at_second, "{fault} {nth}");
        }
    }
}

/// What a database holds, and whether it is sound.
fn rows(path: &Path) -> (i64, String) {
    let db = rusqlite::Connection::open(path).unwrap();
    let count = db.query_row("SELECT count(*) FROM t", [], |row| row.get(0)).unwrap();
    (count, db.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap())
}

#[test]
fn a_disk_that_fails_leaves_a_database_whole_and_rows_that_no_commit_holds_safe() {
    for journal in ["wal", "delete"] {
        let desk = Desk::new();
        let path = desk.root().join("memory.db");
        let insert = |text: &str| {
            let db = rusqlite::Connection::open(&path).unwrap();
            db.pragma_update(None, "journal_mode", journal).unwrap();
            db.execute_batch(text).unwrap();
        };
        insert("CREATE TABLE t (x); INSERT INTO t VALUES (1)");
        write(desk.root(), "a", b"1");
        let (first, _) = desk.commit();
        insert("INSERT INTO t VALUES (2), (randomblob(9000))");
        write(desk.root(), "a", b"2");
        let (second, _) = desk.commit();
        insert("INSERT INTO t VALUES (3)");
        for fault in ["enospc", "eio"] {
            let mut failures = 0;
            for nth in 1..=50 {
                let disk = Disk::failing(format!("{fault}:{nth}").parse().unwrap());
                let repo = Repository::open(disk, desk.root()).unwrap();
                let options = desk.options(first, Head::Detached(first.id()), &[]);
                let options = CheckoutOptions { force: true, ..options };
                let failed = checkout(&repo, &options).is_err();
                if aisr::worktree::is_interrupted(&desk.repo) {
                    aisr::worktree::recover(&desk.repo).unwrap();
                }
                let moved = desk.head() == first;
                assert!(failed || moved);
                failures += u32::from(failed);
                if moved {
                    assert_eq!(rows(&path), (1, "ok".into()), "{fault} {nth}");
                    assert_eq!(desk.changes(), Vec::<String>::new());
                    desk.undo(Direction::Undo).unwrap();
                }
                assert_eq!(rows(&path), (4, "ok".into()), "{fault} {nth}");
                assert_eq!(std::fs::read(desk.root().join("a")).unwrap(), b"2");
                assert_eq!((desk.head(), desk.changes()), (second, vec!["memory.db".into()]));
            }
            assert!((6..50).contains(&failures), "{failures}");
        }
    }
}

#[test]
fn a_new_branch_is_made_where_checkout_goes() {
    let desk = Desk::new();
    write(desk.root(), "a", b"1");
    let (first, _) = desk.commit();
    write(desk.root(), "a", b"2");
    desk.commit();
    let branch = RefName::branch("old").unwrap();
    let options = desk.options(first, Head::Branch(branch.clone()), &[]);
    checkout(&desk.repo, &CheckoutOptions { create: true, ..options }).unwrap();
    let log = desk.repo.log().unwrap();
    assert_eq!(log.refs().head, Head::Branch(branch.clone()));
    assert_eq!(log.refs().refs[&branch], first.id());
    desk.undo(Direction::Undo).unwrap();
    assert!(!desk.repo.log().unwrap().refs().refs.contains_key(&branch));
}
