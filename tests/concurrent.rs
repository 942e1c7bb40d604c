//! Commits that meet: none is lost, and none silently reverts another.

mod support;

use std::sync::atomic::{AtomicBool, Ordering};

use aisr::disk::Disk;
use aisr::log::RefName;
use aisr::object::Level;
use aisr::object::{Cause, ChangeKind, CommitId, RefChange, RefTarget};
use aisr::repo::Repository;
use aisr::worktree::{CommitOptions, CommitOutcome, Progress, commit};
use support::soundness::{check_all, sound_head};
use support::{Quiet, identity, must_commit, new_repository, scratch, snapshot, write};

#[test]
fn commits_made_at_once_all_end_in_history() {
    let (root, me) = (scratch(), identity());
    let root = root.path();
    new_repository(&Disk::new(), root, &me);
    const EACH: usize = 5;
    std::thread::scope(|scope| {
        for name in ["a", "b", "c"] {
            let me = &me;
            scope.spawn(move || {
                let repo = Repository::open(Disk::new(), root).unwrap();
                for round in 0..EACH {
                    write(root, name, &[round as u8; 20]);
                    let options = CommitOptions {
                        identity: me,
                        message: Some(format!("{name} {round}")),
                        author: None,
                        acting_for: Vec::new(),
                        allow_empty: true,
                        paths: &[],
                        level: Level::Snapshot,
                        allowed_secrets: &[],
                        threads: 1,
                        progress: &Quiet,
                    };
                    commit(&repo, &options).unwrap();
                }
            });
        }
    });
    let (mut at, tree) = sound_head(root).unwrap().unwrap();
    assert_eq!(tree, snapshot(root));
    let repo = Repository::open(Disk::new(), root).unwrap();
    let mut messages = Vec::new();
    loop {
        let commit = repo.commit(at).unwrap().commit;
        messages.extend(commit.message);
        match commit.parents.first() {
            Some(parent) => at = *parent,
            None => break,
        }
    }
    messages.sort();
    let all = ["a", "b", "c"].iter().flat_map(|name| (0..EACH).map(move |n| format!("{name} {n}")));
    assert_eq!(messages, all.collect::<Vec<_>>());
}

/// Moves the branch back to its first commit while a capture is under way, once.
struct Mover<'a> {
    repo: &'a Repository,
    to: CommitId,
    done: AtomicBool,
}

impl Progress for Mover<'_> {
    fn total(&self, _: u64) {}

    fn advance(&self, _: u64, _: u64) {
        if self.done.swap(true, Ordering::Relaxed) {
            return;
        }
        let mut log = self.repo.log().unwrap();
        let target = |id: CommitId| Some(RefTarget::Object(id.id()));
        let change = RefChange {
            name: RefName::branch("main").unwrap().as_bytes().to_vec(),
            old: log.refs().head_object().map(RefTarget::Object),
            new: target(self.to),
            kind: ChangeKind::Force,
        };
        self.repo.move_refs(&mut log, vec![change], Cause::of("reset")).unwrap();
    }
}

#[test]
fn a_branch_that_moves_during_a_capture_is_not_reverted() {
    let (root, me) = (scratch(), identity());
    let root = root.path();
    let repo = new_repository(&Disk::new(), root, &me);
    std::os::unix::fs::symlink("a", root.join("link")).unwrap();
    write(root, "a", b"1");
    let first = must_commit(&repo, &me, "first");
    write(root, "a", b"2");
    must_commit(&repo, &me, "second");
    write(root, "a", b"3");
    let other = Repository::open(Disk::new(), root).unwrap();
    let mover = Mover { repo: &other, to: first, done: AtomicBool::new(false) };
    let options = CommitOptions {
        identity: &me,
        message: None,
        author: None,
        acting_for: Vec::new(),
        allow_empty: false,
        paths: &[],
        level: Level::Snapshot,
        allowed_secrets: &[],
        threads: 2,
        progress: &mover,
    };
    let CommitOutcome::Made(report) = commit(&repo, &options).unwrap() else {
        panic!("nothing to commit")
    };
    assert!(mover.done.load(Ordering::Relaxed), "the capture told of no progress");
    assert_eq!(report.commit.parents, vec![first]);
    check_all(&repo).unwrap();
}
