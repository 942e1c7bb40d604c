//! What is committed comes back, byte for byte.

mod support;

use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

use aisr::disk::Disk;
use aisr::repo::Repository;
use aisr::worktree::{CommitOutcome, checkout_out};
use support::{Quiet, identity, must_commit, new_repository, snapshot, try_commit};

fn noise(len: usize, seed: u64) -> Vec<u8> {
    let mut out = vec![0; len];
    let mut hasher = blake3::Hasher::new();
    hasher.update(&seed.to_le_bytes());
    hasher.finalize_xof().fill(&mut out);
    out
}

fn write(root: &Path, path: impl AsRef<Path>, bytes: &[u8]) {
    let path = root.join(path);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, bytes).unwrap();
}

fn assert_comes_back(repo: &Repository, root: &Path, id: aisr::object::CommitId) {
    let files = repo.files(&repo.commit(id).unwrap().commit).unwrap();
    let out = tempfile::tempdir().unwrap();
    let out = out.path().join("out");
    checkout_out(repo, files, &out, 2, &Quiet).unwrap();
    assert!(snapshot(root) == snapshot(&out), "the folders differ");
}

#[test]
fn every_kind_of_file_comes_back() {
    let root = tempfile::tempdir().unwrap();
    let root = root.path();
    write(root, "prompts/a.md", b"# A\n");
    write(root, "empty-file", b"");
    write(root, "run.sh", b"#!/bin/sh\n");
    std::fs::set_permissions(root.join("run.sh"), PermissionsExt::from_mode(0o755)).unwrap();
    std::fs::create_dir_all(root.join("empty/inner")).unwrap();
    symlink("prompts/a.md", root.join("link")).unwrap();
    symlink("/nowhere/at all", root.join("dangling")).unwrap();
    write(root, ".hidden/.file", b"x");
    write(root, std::ffi::OsStr::from_bytes(b"not-utf8-\xff\xfe"), b"y");
    write(root, "n".repeat(255), b"z");
    write(root, "models/noise.bin", &noise((5 << 20) + 17, 1));
    write(root, "models/one-window.bin", &noise(1 << 20, 2));
    write(root, "models/zeros.bin", &vec![0; 3 << 20]);
    write(root, "just-above-whole", &noise((256 << 10) + 1, 3));
    for i in 0..300 {
        write(root, format!("src/{}/m{i}.py", i % 7), format!("x = {i}\n").repeat(i).as_bytes());
    }
    let me = identity();
    let repo = new_repository(&Disk::new(), root, &me);
    let id = must_commit(&repo, &me, "all kinds");
    assert_comes_back(&repo, root, id);
    let again = Repository::open(Disk::new(), root).unwrap();
    assert_comes_back(&again, root, id);
}

#[test]
fn an_unchanged_folder_is_nothing_to_commit() {
    let root = tempfile::tempdir().unwrap();
    write(root.path(), "a", b"1");
    let me = identity();
    let repo = new_repository(&Disk::new(), root.path(), &me);
    let first = must_commit(&repo, &me, "one");
    match try_commit(&repo, &me, "two").unwrap() {
        CommitOutcome::Nothing { head, .. } => assert_eq!(head, first),
        CommitOutcome::Made(_) => panic!("a commit of nothing"),
    }
}

#[test]
fn a_change_of_the_same_length_in_the_same_instant_is_seen() {
    let root = tempfile::tempdir().unwrap();
    let me = identity();
    write(root.path(), "a", b"1");
    let repo = new_repository(&Disk::new(), root.path(), &me);
    for round in 0..20u8 {
        write(root.path(), "a", &[b'a' + round]);
        let id = must_commit(&repo, &me, "round");
        assert_comes_back(&repo, root.path(), id);
    }
}

#[test]
fn only_new_objects_are_written() {
    let root = tempfile::tempdir().unwrap();
    let me = identity();
    write(root.path(), "models/base.bin", &noise(8 << 20, 1));
    write(root.path(), "prompt.md", b"one");
    let repo = new_repository(&Disk::new(), root.path(), &me);
    must_commit(&repo, &me, "one");
    write(root.path(), "prompt.md", b"two");
    std::fs::rename(root.path().join("models"), root.path().join("weights")).unwrap();
    let CommitOutcome::Made(report) = try_commit(&repo, &me, "two").unwrap() else {
        panic!("nothing to commit")
    };
    assert!(report.stored < 8 << 10, "{} bytes for a word and a rename", report.stored);
    assert_comes_back(&repo, root.path(), report.id);
}
