//! A power loss or a full disk while packs are merged or collected loses nothing, and every sync is
//! needed.

mod support;

use std::path::Path;
use std::time::{Duration, SystemTime};

use aisr::disk::crash::{Budget, CheckResult, Recorder, StateInfo};
use aisr::disk::{Disk, Fault, FaultPlan};
use aisr::object::{CommitId, Level};
use aisr::repo::{Identity, Repository};
use aisr::upkeep::{CompactionBounds, GcOptions, compact_if_due, gc};
use aisr::worktree::{CommitOptions, CommitOutcome, amend};
use support::soundness::{Tree, read_commit, sound_head};
use support::{
    Quiet, copy_folder, identity, must_commit, new_repository, scratch, snapshot, write_fewer_bytes,
};

const SEED: u64 = 20_261_125;

/// Removals are not synced, so many are open at once: samples tell as much.
const BUDGET: Budget = Budget { exhaustive_up_to: 6, samples: 60, seed: SEED };

fn options() -> GcOptions {
    GcOptions {
        keep: Duration::ZERO,
        now: true,
        dry_run: false,
        at: SystemTime::now() + Duration::from_secs(3600),
        patience: Duration::from_secs(20),
    }
}

fn must_amend(repo: &Repository, me: &Identity) -> CommitId {
    let options = CommitOptions {
        manifest: None,
        identity: me,
        message: Some("amended".into()),
        author: None,
        acting_for: Vec::new(),
        allow_empty: false,
        paths: &[],
        level: Level::BestEffort,
        allowed_secrets: &[],
        quiesce: None,
        threads: 1,
        progress: &Quiet,
    };
    match amend(repo, &options).unwrap() {
        CommitOutcome::Made(report) => report.id,
        CommitOutcome::Nothing { .. } => panic!("nothing to amend"),
    }
}

/// A history of three commits, the last of which took the place of another.
struct History {
    root: tempfile::TempDir,
    first: (CommitId, Tree),
    head: (CommitId, Tree),
}

impl History {
    fn new() -> Self {
        let (root, me) = (scratch(), identity());
        let repo = new_repository(&Disk::new(), root.path(), &me);
        write_fewer_bytes(root.path(), 1);
        let first = (must_commit(&repo, &me, "first"), snapshot(root.path()));
        write_fewer_bytes(root.path(), 2);
        must_commit(&repo, &me, "second");
        write_fewer_bytes(root.path(), 3);
        let head = (must_amend(&repo, &me), snapshot(root.path()));
        Self { root, first, head }
    }

    fn check(&self, folder: &Path) -> CheckResult {
        if sound_head(folder)?.as_ref() != Some(&self.head) {
            return Err("HEAD is another".into());
        }
        let repo = Repository::open(Disk::new(), folder)?;
        match read_commit(&repo, self.first.0)? == self.first.1 {
            true => Ok(()),
            false => Err("the first commit is another".into()),
        }
    }

    /// As [`History::check`], and the work can be done again.
    fn check_and_do_again(&self, folder: &Path) -> CheckResult {
        self.check(folder)?;
        let repo = Repository::open(Disk::new(), folder)?;
        gc(&repo, &options())?;
        self.check(folder)
    }

    fn assert_right_and_lean(&self, recorder: &Recorder) {
        println!("seed {SEED}");
        let scratch = scratch();
        let states = recorder.crash_states(BUDGET);
        let checked =
            states.for_each_state(scratch.path(), |_: &StateInfo, at| self.check_and_do_again(at));
        println!("{:?}", checked.unwrap_or_else(|error| panic!("{error}")));
        let states = recorder.crash_states(BUDGET);
        let needless = states.needless_syncs(scratch.path(), |_: &StateInfo, at| self.check(at));
        let needless = needless.unwrap_or_else(|error| panic!("{error}"));
        assert!(needless.is_empty(), "needless: {needless:#?}");
    }
}

#[test]
fn a_crash_while_packs_are_collected_loses_nothing() {
    let history = History::new();
    let (disk, recorder) = Disk::recording(history.root.path()).unwrap();
    let repo = Repository::open(disk, history.root.path()).unwrap();
    let report = gc(&repo, &options()).unwrap();
    assert!(report.removed.objects() > 0 && report.partly_packs > 0, "{report:?}");
    history.assert_right_and_lean(&recorder);
}

#[test]
fn a_crash_while_packs_are_merged_loses_nothing() {
    let history = History::new();
    let (disk, recorder) = Disk::recording(history.root.path()).unwrap();
    let repo = Repository::open(disk, history.root.path()).unwrap();
    let done = compact_if_due(repo.store(), CompactionBounds::ALL).unwrap();
    assert!(done.merged > 2, "{done:?}");
    history.assert_right_and_lean(&recorder);
}

#[test]
fn a_call_that_fails_while_packs_are_collected_loses_nothing() {
    let history = History::new();
    for fault in [Fault::NoSpace, Fault::Io, Fault::ShortWrite] {
        let mut done = false;
        for nth in 1u64.. {
            let copy = scratch();
            copy_folder(history.root.path(), copy.path());
            let plan = FaultPlan::at(fault, nth.try_into().unwrap());
            let disk = Disk::failing(plan);
            let repo = Repository::open(disk.clone(), copy.path()).unwrap();
            let result = gc(&repo, &options());
            let calls = disk.calls().unwrap().all;
            let checked = history.check_and_do_again(copy.path());
            checked.unwrap_or_else(|e| panic!("{fault:?} at call {nth}: {e}"));
            if calls < nth {
                assert!(result.is_ok() && nth > 10, "{result:?}");
                done = true;
                break;
            }
        }
        assert!(done);
    }
}
