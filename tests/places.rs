//! Where things lie on the disk: room, devices, links, who may read, and what is not looked at.

#[path = "support/forged.rs"]
mod forged;
#[path = "support/program.rs"]
mod program;
#[path = "support/mod.rs"]
mod support;

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use aisr::disk::Disk;
use aisr::log::Head;
use aisr::object::{BlobId, CommitId};
use aisr::repo::Repository;
use aisr::worktree::{
    CheckoutOptions, Direction, Performed, UndoOptions, WorktreeError, checkout, checkout_out,
    is_interrupted, undo,
};
use forged::{FILE, Forge, entry, leaf, leaf_entry};
use program::Desk;
use support::{
    Quiet, copy_folder, identity, must_commit, new_repository, scratch, snapshot, write,
};

fn go(
    repo: &Repository,
    target: CommitId,
    force: bool,
) -> Result<Option<Performed>, WorktreeError> {
    let options = CheckoutOptions {
        target,
        head: Head::Detached(target.id()),
        create: false,
        force,
        keep: &[],
        threads: 1,
        progress: &Quiet,
    };
    checkout(repo, &options)
}

/// Every file in a folder.
fn files(folder: &Path) -> Vec<PathBuf> {
    let (mut found, mut todo) = (Vec::new(), vec![folder.to_owned()]);
    while let Some(dir) = todo.pop() {
        for entry in fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            match path.symlink_metadata().unwrap().is_dir() {
                true => todo.push(path),
                false => found.push(path),
            }
        }
    }
    found
}

#[test]
fn a_state_that_the_disk_has_no_room_for_is_refused_before_anything_is_written() {
    let (root, me) = (scratch(), identity());
    let repo = new_repository(&Disk::new(), root.path(), &me);
    write(root.path(), "a", b"1");
    let first = must_commit(&repo, &me, "first");
    let forge = Forge { repo: &repo, me: &me };
    let size = 1 << 50;
    let file = entry(FILE, forge.blob(b"not so large").id(), size);
    let tree = forge.node(&leaf(size, &[leaf_entry(b"large", &file)]));
    let commit = forge.commit(forge.root_over(tree.as_bytes()));
    let before = snapshot(root.path());

    let refused = go(&repo, commit, false);
    let is_told = matches!(refused, Err(WorktreeError::NoRoom { needed, .. }) if needed == size);
    assert!(is_told, "{refused:?}");
    assert_eq!(snapshot(root.path()), before);
    assert!(!is_interrupted(&repo));
    assert_eq!(repo.log().unwrap().refs().head_commit(), Some(first));

    let elsewhere = scratch();
    let refused = checkout_out(&repo, tree, &elsewhere.path().join("out"), 1, &Quiet);
    assert!(matches!(refused, Err(WorktreeError::NoRoom { .. })), "{refused:?}");
    assert_eq!(files(elsewhere.path()), Vec::<PathBuf>::new());
    assert_eq!(fs::read_dir(elsewhere.path()).unwrap().count(), 0);
}

#[test]
fn what_would_move_between_file_systems_is_refused_before_anything_is_written() {
    let (root, elsewhere, me) = (tempfile::tempdir().unwrap(), scratch(), identity());
    if root.path().metadata().unwrap().dev() == elsewhere.path().metadata().unwrap().dev() {
        eprintln!("left out: there is one file system only");
        return;
    }
    let repo = new_repository(&Disk::new(), root.path(), &me);
    write(root.path(), "a", b"1");
    let first = must_commit(&repo, &me, "first");
    write(root.path(), "a", b"2");
    must_commit(&repo, &me, "second");
    let (own, there) = (root.path().join(".aisr"), elsewhere.path().join("aisr"));
    copy_folder(&own, &there);
    fs::remove_dir_all(&own).unwrap();
    symlink(&there, &own).unwrap();
    let repo = Repository::open(Disk::new(), root.path()).unwrap();
    match go(&repo, first, false) {
        Err(WorktreeError::OtherDevice { path }) => assert_eq!(path, "a"),
        other => panic!("{other:?}"),
    }
    assert_eq!(fs::read(root.path().join("a")).unwrap(), b"2");
    assert!(!is_interrupted(&repo));
}

#[test]
fn no_two_files_are_ever_links_to_one() {
    let (root, me) = (scratch(), identity());
    let repo = new_repository(&Disk::new(), root.path(), &me);
    let large = vec![7; 600 << 10];
    for (name, bytes) in [("a", b"1".as_slice()), ("b", b"1"), ("c", &large), ("d", &large)] {
        write(root.path(), name, bytes);
    }
    let first = must_commit(&repo, &me, "first");
    for name in ["a", "b", "c", "d"] {
        fs::remove_file(root.path().join(name)).unwrap();
    }
    let second = must_commit(&repo, &me, "second");
    let alone = |folder: &Path| {
        for file in files(folder) {
            assert_eq!(file.symlink_metadata().unwrap().nlink(), 1, "{}", file.display());
        }
    };
    alone(root.path());
    go(&repo, first, false).unwrap();
    alone(root.path());
    write(root.path(), "a", b"local");
    go(&repo, second, true).unwrap();
    let options =
        UndoOptions { direction: Direction::Undo, force: false, threads: 1, progress: &Quiet };
    undo(&repo, &options).unwrap();
    alone(root.path());
    let elsewhere = scratch();
    let tree = repo.files_of(first).unwrap();
    checkout_out(&repo, tree, &elsewhere.path().join("out"), 1, &Quiet).unwrap();
    alone(elsewhere.path());
}

#[test]
fn what_is_set_aside_lies_beside_the_packs_and_never_in_them() {
    let (root, me) = (scratch(), identity());
    let repo = new_repository(&Disk::new(), root.path(), &me);
    write(root.path(), "a", b"1");
    let first = must_commit(&repo, &me, "first");
    write(root.path(), "a", b"2");
    must_commit(&repo, &me, "second");
    let local = b"perhaps a secret".as_slice();
    write(root.path(), "a", local);
    let performed = go(&repo, first, true).unwrap().unwrap();
    let kept = root.path().join(".aisr/undo").join(performed.entry.to_hex()).join("files/0");
    assert_eq!(fs::read(&kept).unwrap(), local);
    assert!(!repo.store().has_blob(BlobId::of(local)).unwrap());
    let again = Repository::open(Disk::new(), root.path()).unwrap();
    assert!(!again.store().has_blob(BlobId::of(local)).unwrap());
    for folder in kept.ancestors().skip(1).take(4) {
        let mode = folder.metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o700, "{}", folder.display());
    }
}

#[test]
fn nobody_else_may_read_a_repository_and_packs_may_not_be_written() {
    let desk = Desk::new();
    desk.commit("a", "1", "First");
    let mode = |path: &Path| path.symlink_metadata().unwrap().permissions().mode() & 0o777;
    let own = desk.path().join(".aisr");
    assert_eq!(mode(&own), 0o700);
    assert_eq!(mode(&own.join("local/replica-key")), 0o600);
    assert_eq!(mode(&desk.home().join(".config/aisr/id_ed25519")), 0o600);
    let packs = files(&own.join("packs"));
    assert!(!packs.is_empty());
    for pack in packs {
        assert_eq!(mode(&pack), 0o444, "{}", pack.display());
    }
}

#[test]
fn what_is_stored_is_shown_without_a_look_at_the_folder() {
    let desk = Desk::new();
    let first = desk.commit("d/a", "1\n", "First");
    let second = desk.commit("d/a", "2\n", "Second");
    fs::remove_dir_all(desk.path().join("d")).unwrap();
    let cache = desk.path().join(".aisr/local/stat-cache");
    fs::remove_file(&cache).unwrap();
    assert_eq!(desk.ok(["cat", &format!("{first}:d/a")]), "1\n");
    assert_eq!(desk.ok(["cat", "@:d/a"]), "2\n");
    let patch = desk.ok(["diff", &first, &second]);
    assert!(patch.contains("-1\n+2\n"), "{patch}");
    assert!(desk.ok(["show", "@"]).contains("Second"));
    assert!(desk.ok(["ls", "-r", "@"]).contains("d/a"));
    desk.ok(["checkout", "--out", desk.outside("out").to_str().unwrap(), "@"]);
    assert!(!cache.exists(), "the folder was scanned");
}
