//! A power loss at any moment leaves the old state or the new one, and every sync is needed.

mod support;

use std::path::Path;

use aisr::disk::crash::{Budget, CheckResult, Recorder, StateInfo};
use aisr::disk::{Disk, FaultPlan};
use aisr::log::RefName;
use aisr::object::{CommitId, Level};
use aisr::repo::{Identity, InitOptions, Repository, init};
use aisr::worktree::checkout_out;
use support::soundness::{Tree, sound_head};
use support::{
    Quiet, identity, must_commit, new_repository, scratch, snapshot, try_commit, try_commit_at,
    write_fewer_bytes, write_files,
};

const SEED: u64 = 20_261_124;
const DONE: &str = "acknowledged";

/// Every subset of up to ten operations that are open, 1,000 samples of more.
fn budget() -> Budget {
    println!("seed {SEED}");
    Budget::seeded(SEED)
}

/// What finds a sync that is missing: each of them is left out in turn, so it is tried often.
fn few() -> Budget {
    Budget { exhaustive_up_to: 7, samples: 120, seed: SEED }
}

fn require(holds: bool, what: &str) -> CheckResult {
    if holds { Ok(()) } else { Err(what.into()) }
}

/// A repository with what its HEAD held before and holds after the workload.
struct History {
    me: Identity,
    old: Option<(CommitId, Tree)>,
    new: (CommitId, Tree),
}

impl History {
    /// HEAD is old or new, and new once that was acknowledged; everything there is sound.
    fn check(&self, state: &StateInfo, folder: &Path) -> CheckResult {
        let head = sound_head(folder)?;
        let old = head == self.old && !state.has_mark(DONE);
        require(old || head.as_ref() == Some(&self.new), "HEAD is neither old nor new")
    }

    /// As [`History::check`], and a next commit works and comes back.
    fn check_and_go_on(&self, state: &StateInfo, folder: &Path) -> CheckResult {
        self.check(state, folder)?;
        goes_on(folder, &self.me)
    }

    fn assert_right_and_lean(&self, recorder: &Recorder) {
        let scratch = scratch();
        let states = recorder.crash_states(budget());
        let checked =
            states.for_each_state(scratch.path(), |state, at| self.check_and_go_on(state, at));
        let checked = checked.unwrap_or_else(|error| panic!("{error}"));
        println!("{checked:?}");
        assert_lean(recorder, |state, at| self.check(state, at));
    }
}

/// Each sync that is left out breaks a promise in some state.
fn assert_lean(recorder: &Recorder, check: impl FnMut(&StateInfo, &Path) -> CheckResult) {
    let scratch = scratch();
    let needless = recorder.crash_states(few()).needless_syncs(scratch.path(), check);
    let needless = needless.unwrap_or_else(|error| panic!("{error}"));
    assert!(needless.is_empty(), "needless: {needless:#?}");
}

fn goes_on(folder: &Path, me: &Identity) -> CheckResult {
    write_fewer_bytes(folder, 9);
    let repo = Repository::open(Disk::new(), folder)?;
    try_commit_at(&repo, me, "after the crash", Level::BestEffort)?;
    let mut expected = snapshot(folder);
    // What is left of an `init` that was cut short is no content.
    expected.retain(|path, _| !path.starts_with(b".aisr.new-"));
    let head = sound_head(folder)?;
    require(head.is_some_and(|(_, tree)| tree == expected), "the next commit is not whole")
}

#[test]
fn a_first_commit_is_there_whole_or_not_at_all() {
    let (root, me) = (scratch(), identity());
    let root = root.path();
    new_repository(&Disk::new(), root, &me);
    write_fewer_bytes(root, 1);
    let (disk, recorder) = Disk::recording(root).unwrap();
    let repo = Repository::open(disk.clone(), root).unwrap();
    let id = must_commit(&repo, &me, "first");
    disk.mark(DONE);
    let history = History { me, old: None, new: (id, snapshot(root)) };
    history.assert_right_and_lean(&recorder);
}

#[test]
fn a_later_commit_leaves_the_old_state_or_the_new_one() {
    let (root, me) = (scratch(), identity());
    let root = root.path();
    let repo = new_repository(&Disk::new(), root, &me);
    write_fewer_bytes(root, 1);
    let first = must_commit(&repo, &me, "first");
    let old = Some((first, snapshot(root)));
    write_fewer_bytes(root, 2);
    let (disk, recorder) = Disk::recording(root).unwrap();
    let repo = Repository::open(disk.clone(), root).unwrap();
    let id = must_commit(&repo, &me, "second");
    disk.mark(DONE);
    let history = History { me, old, new: (id, snapshot(root)) };
    history.assert_right_and_lean(&recorder);
}

#[test]
fn an_ingest_that_was_interrupted_is_repeated_whole() {
    for nth in [2, 5, 9] {
        let (root, me) = (scratch(), identity());
        let root = root.path();
        new_repository(&Disk::new(), root, &me);
        write_fewer_bytes(root, 1);
        let plan: FaultPlan = format!("short-write:{nth}").parse().unwrap();
        let (disk, recorder) = Disk::recording_with(root, plan).unwrap();
        let repo = Repository::open(disk.clone(), root).unwrap();
        let first = try_commit(&repo, &me, "interrupted");
        disk.mark("interrupted");
        let id = match first {
            Ok(_) => CommitId::from_id(repo.log().unwrap().refs().head_object().unwrap()),
            Err(_) => must_commit(&repo, &me, "repeated"),
        };
        disk.mark(DONE);
        let history = History { me, old: None, new: (id, snapshot(root)) };
        let scratch = scratch();
        let states = recorder.crash_states(budget());
        let checked = states.for_each_state(scratch.path(), |s, at| history.check_and_go_on(s, at));
        println!("fault {nth}: {:?}", checked.unwrap_or_else(|error| panic!("{nth}: {error}")));
    }
}

#[test]
fn a_repository_is_made_whole_or_not_at_all() {
    let (root, me) = (scratch(), identity());
    let root = root.path();
    write_fewer_bytes(root, 1);
    let options = || InitOptions { founder: &me, branch: RefName::branch("main").unwrap() };
    let (disk, recorder) = Disk::recording(root).unwrap();
    init(&disk, root, &options()).unwrap();
    disk.mark(DONE);
    let check = |state: &StateInfo, folder: &Path| -> CheckResult {
        if folder.join(".aisr").exists() {
            require(sound_head(folder)?.is_none(), "a new repository has a commit")?;
        } else {
            require(!state.has_mark(DONE), "the repository is lost")?;
            init(&Disk::new(), folder, &options())?;
        }
        goes_on(folder, &me)
    };
    let states = recorder.crash_states(budget());
    println!("{:?}", states.for_each_state(scratch().path(), check).unwrap());
    assert_lean(&recorder, check);
}

#[test]
fn a_checked_out_folder_is_there_whole_or_not_at_all() {
    let (source, root, me) = (scratch(), scratch(), identity());
    let source = source.path();
    let repo = new_repository(&Disk::new(), source, &me);
    write_files(source, 1);
    std::os::unix::fs::symlink("prompts/a.md", source.join("link")).unwrap();
    let id = must_commit(&repo, &me, "first");
    let (disk, recorder) = Disk::recording(root.path()).unwrap();
    let repo = Repository::open(disk.clone(), source).unwrap();
    let files = repo.files(&repo.commit(id).unwrap().commit).unwrap();
    checkout_out(&repo, files, &root.path().join("out"), 2, &Quiet).unwrap();
    disk.mark(DONE);
    let expected = snapshot(source);
    let check = |state: &StateInfo, folder: &Path| -> CheckResult {
        let out = folder.join("out");
        if !out.exists() {
            return require(!state.has_mark(DONE), "the folder is lost");
        }
        require(snapshot(&out) == expected, "the folder is not whole")
    };
    let states = recorder.crash_states(budget());
    println!("{:?}", states.for_each_state(scratch().path(), check).unwrap());
    assert_lean(&recorder, check);
}
