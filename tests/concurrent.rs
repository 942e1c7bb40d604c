//! Commits that meet: none is lost, and none silently reverts another.

mod support;

use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};

use aisr::disk::{Disk, Lock, Wait};
use aisr::log::RefName;
use aisr::object::Level;
use aisr::object::{Cause, ChangeKind, CommitId, RefChange, RefTarget};
use aisr::repo::Repository;
use aisr::worktree::{CommitOptions, CommitOutcome, Progress, commit};
use support::soundness::{Tree, check_all, read_commit, sound_head};
use support::{
    Quiet, commit_options, identity, must_commit, new_repository, scratch, snapshot, write,
};

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
                        manifest: None,
                        identity: me,
                        message: Some(format!("{name} {round}")),
                        author: None,
                        acting_for: Vec::new(),
                        allow_empty: true,
                        paths: &[],
                        level: Level::Snapshot,
                        allowed_secrets: &[],
                        quiesce: None,
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
    let options = commit_options(&me, &mover);
    let CommitOutcome::Made(report) = commit(&repo, &options).unwrap() else {
        panic!("nothing to commit")
    };
    assert!(mover.done.load(Ordering::Relaxed), "the capture told of no progress");
    assert_eq!(report.commit.parents, vec![first]);
    check_all(&repo).unwrap();
}

fn aisr(home: &Path, root: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_aisr"));
    command.args(arguments).current_dir(root).stdin(Stdio::null());
    command.env_clear().env("HOME", home).env("USER", "mara");
    command.output().unwrap()
}

/// The lines of a worker's file.
fn lines(tree: &Tree, worker: usize) -> &[u8] {
    tree.get(format!("{worker}.txt").as_bytes()).map_or(&[], |(_, bytes)| bytes)
}

#[test]
fn processes_that_commit_at_once_lose_no_line_and_revert_none() {
    const WORKERS: usize = 8;
    const EACH: usize = 5;
    let (home, root) = (scratch(), scratch());
    let (home, root) = (home.path(), root.path());
    assert!(aisr(home, root, &["init"]).status.success());
    let acknowledged: Vec<usize> = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..WORKERS)
            .map(|worker| scope.spawn(move || work(home, root, worker, EACH)))
            .collect();
        workers.into_iter().map(|worker| worker.join().unwrap()).collect()
    });
    assert!(acknowledged.iter().sum::<usize>() > 0, "no commit was acknowledged");

    let (mut at, mut newer) = sound_head(root).unwrap().unwrap();
    for (worker, count) in acknowledged.iter().enumerate() {
        let found = lines(&newer, worker).split(|byte| *byte == b'\n').count() - 1;
        assert!(found >= *count, "worker {worker}: {found} of {count} acknowledged lines");
    }
    let repo = Repository::open(Disk::new(), root).unwrap();
    let mut commits = 1;
    while let Some(parent) = repo.commit(at).unwrap().commit.parents.first().copied() {
        let older = read_commit(&repo, parent).unwrap();
        for worker in 0..WORKERS {
            let (before, after) = (lines(&older, worker), lines(&newer, worker));
            assert!(after.starts_with(before), "{at} takes lines of worker {worker} back");
        }
        (at, newer) = (parent, older);
        commits += 1;
    }
    println!("{commits} commits, {acknowledged:?} lines of {EACH} acknowledged");
}

/// Adds lines to a file of its own and commits each. Gives how many of them are in history for
/// sure: up to the last commit that came to its end.
fn work(home: &Path, root: &Path, worker: usize, count: usize) -> usize {
    let path = root.join(format!("{worker}.txt"));
    let mut file = OpenOptions::new().create(true).append(true).open(path).unwrap();
    let mut acknowledged = 0;
    for line in 1..=count {
        file.write_all(format!("line {line} of {worker}\n").as_bytes()).unwrap();
        let ran = aisr(home, root, &["commit", "-m", &format!("{worker}.{line}")]);
        let told = String::from_utf8_lossy(&ran.stderr);
        match ran.status.code() {
            // 1: another's commit holds the very state of the folder, with this line.
            Some(0 | 1) => acknowledged = line,
            // Only that the branch would not hold still is no fault.
            _ => assert!(told.contains("the branch moved"), "worker {worker}: {told}"),
        }
    }
    acknowledged
}

#[test]
fn what_a_commit_that_came_meanwhile_tracks_stays_captured() {
    let (root, me) = (scratch(), identity());
    let root = root.path();
    let repo = new_repository(&Disk::new(), root, &me);
    std::os::unix::fs::symlink("a", root.join("link")).unwrap();
    write(root, "a", b"1");
    let first = must_commit(&repo, &me, "first");
    write(root, "x.log", b"tracked");
    must_commit(&repo, &me, "second");
    write(root, ".aisrignore", b"*.log\n");
    let third = must_commit(&repo, &me, "third");
    let other = Repository::open(Disk::new(), root).unwrap();
    let back = Mover { repo: &other, to: first, done: AtomicBool::new(false) };
    back.advance(0, 0);
    write(root, "a", b"2");
    let mover = Mover { repo: &other, to: third, done: AtomicBool::new(false) };
    let options = commit_options(&me, &mover);
    let CommitOutcome::Made(report) = commit(&repo, &options).unwrap() else {
        panic!("nothing to commit")
    };
    assert_eq!(report.commit.parents, vec![third]);
    let tree = read_commit(&repo, report.id).unwrap();
    assert!(tree.contains_key(b"x.log".as_slice()), "the first look had left it out");
}

/// Whether somebody waits for the lock on a file. Only where the system tells.
fn is_waited_for(file: &Path) -> bool {
    let inode = format!(":{} ", std::fs::metadata(file).unwrap().ino());
    let locks = std::fs::read_to_string("/proc/locks").unwrap();
    locks.lines().any(|line| line.contains("->") && line.contains(&inode))
}

#[test]
fn one_command_at_a_time_works_in_the_folder() {
    if !Path::new("/proc/locks").exists() {
        eprintln!("left out: this system does not tell who waits for a lock");
        return;
    }
    let (home, root) = (scratch(), scratch());
    let (home, root) = (home.path(), root.path());
    assert!(aisr(home, root, &["init"]).status.success());
    write(root, "a", b"1");
    assert!(aisr(home, root, &["commit", "-m", "x"]).status.success());
    write(root, "a", b"2");
    let file = root.join(".aisr/local/folder-lock");
    let commands: [&[&str]; 6] = [
        &["commit", "-m", "x"],
        &["checkout", "@~"],
        &["undo"],
        &["redo"],
        &["restore", "--from", "main", "a"],
        &["untrack", "a"],
    ];
    for arguments in commands {
        let held = Lock::exclusive(&file, Wait::NO).unwrap();
        if arguments[0] == "untrack" {
            write(root, ".aisrignore", b"a\n");
        }
        let output = std::thread::scope(|scope| {
            let command = scope.spawn(|| aisr(home, root, arguments));
            while !is_waited_for(&file) {
                assert!(!command.is_finished(), "{arguments:?} did not wait");
                std::thread::sleep(std::time::Duration::from_millis(1));
            }
            drop(held);
            command.join().unwrap()
        });
        assert!(output.status.success(), "{arguments:?}: {output:?}");
    }
}
