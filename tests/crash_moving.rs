//! A power loss at any moment of a checkout, a restore or an undo leaves the old folder or the new
//! one, once what was interrupted is gone on with.

mod support;

use std::collections::BTreeMap;
use std::path::Path;

use aisr::disk::Disk;
use aisr::disk::crash::{Budget, CheckResult, Recorder, StateInfo};
use aisr::log::Head;
use aisr::object::{CommitId, RepoPath};
use aisr::repo::Repository;
use aisr::worktree::{
    CheckoutOptions, Direction, RestoreOptions, UndoOptions, WorktreeError, checkout, recover,
    restore, undo,
};
use support::soundness::sound_head;
use support::{Quiet, identity, must_commit, new_repository, scratch, snapshot, write};

const SEED: u64 = 20_261_125;
const DONE: &str = "acknowledged";

type Shown = BTreeMap<Vec<u8>, (char, Vec<u8>)>;
type State = (CommitId, Shown);

/// A folder with a local change, and two commits that differ in every way a path can.
fn desk(root: &Path) -> (CommitId, CommitId) {
    let me = identity();
    let repo = new_repository(&Disk::new(), root, &me);
    write(root, "changes", b"1");
    write(root, "goes/deep/file", b"1");
    write(root, "becomes a folder", b"1");
    let first = must_commit(&repo, &me, "first");
    write(root, "changes", b"2");
    write(root, "comes/file", b"2");
    std::fs::remove_dir_all(root.join("goes")).unwrap();
    std::fs::remove_file(root.join("becomes a folder")).unwrap();
    write(root, "becomes a folder/file", b"2");
    let second = must_commit(&repo, &me, "second");
    (first, second)
}

fn go(repo: &Repository, target: CommitId, force: bool) {
    let head = Head::Detached(target.id());
    let options = CheckoutOptions {
        target,
        head,
        create: false,
        force,
        keep: &[],
        threads: 1,
        progress: &Quiet,
    };
    checkout(repo, &options).unwrap();
}

/// What finds a sync that is missing: each of them is left out in turn, so it is tried often.
fn few() -> Budget {
    Budget { exhaustive_up_to: 7, samples: 100, seed: SEED }
}

/// Checks every state that a crash may leave between `old` and `new`, and that no sync is needless.
/// With `back`, what was set aside must lead back too.
fn replay(recorder: &Recorder, old: &State, new: &State, back: Option<Direction>) {
    let check = |state: &StateInfo, folder: &Path| -> CheckResult {
        let repo = Repository::open(Disk::new(), folder)?;
        recover(&repo)?;
        let head = sound_head(folder)?.ok_or("no HEAD")?.0;
        let now = (head, snapshot(folder));
        if let (true, Some(direction)) = (now == *new, back) {
            turn(&repo, direction)?;
            let then = snapshot(folder);
            return if then == old.1 { Ok(()) } else { Err("it does not lead back".into()) };
        }
        if now == *new || now == *old && !state.has_mark(DONE) {
            return Ok(());
        }
        Err(format!("neither old nor new: {:?}", now.1.keys().collect::<Vec<_>>()).into())
    };
    let states = recorder.crash_states(Budget::seeded(SEED));
    let checked = states.for_each_state(scratch().path(), check);
    println!("seed {SEED}: {:?}", checked.unwrap_or_else(|error| panic!("{error}")));
    let needless = recorder.crash_states(few()).needless_syncs(scratch().path(), check);
    let needless = needless.unwrap_or_else(|error| panic!("{error}"));
    assert!(needless.is_empty(), "needless: {needless:#?}");
}

fn turn(repo: &Repository, direction: Direction) -> Result<(), WorktreeError> {
    let options = UndoOptions { direction, force: false, threads: 1, progress: &Quiet };
    undo(repo, &options).map(drop)
}

fn state(repo: &Repository) -> State {
    (repo.log().unwrap().refs().head_commit().unwrap(), snapshot(repo.root()))
}

/// Records `work` on the folder `root`, acknowledged at its end. Gives what was before and after.
fn recorded(root: &Path, work: impl FnOnce(&Repository)) -> (Recorder, State, State) {
    let old = state(&Repository::open(Disk::new(), root).unwrap());
    let (disk, recorder) = Disk::recording(root).unwrap();
    let repo = Repository::open(disk.clone(), root).unwrap();
    work(&repo);
    disk.mark(DONE);
    (recorder, old, state(&repo))
}

#[test]
fn a_checkout_is_done_whole_or_not_at_all() {
    let root = scratch();
    let (first, _) = desk(root.path());
    let (recorder, old, new) = recorded(root.path(), |repo| go(repo, first, false));
    replay(&recorder, &old, &new, None);
}

#[test]
fn what_force_drops_is_dropped_and_brought_back_whole_or_not_at_all() {
    let root = scratch();
    let (first, _) = desk(root.path());
    write(root.path(), "changes", b"local");
    // This one goes together with its folder.
    write(root.path(), "comes/file", b"local");
    let (recorder, old, new) = recorded(root.path(), |repo| go(repo, first, true));
    replay(&recorder, &old, &new, Some(Direction::Undo));

    let undone = |repo: &Repository| turn(repo, Direction::Undo).unwrap();
    let (recorder, dropped, back) = recorded(root.path(), undone);
    assert_eq!((&dropped, &back), (&new, &old));
    replay(&recorder, &dropped, &back, None);
}

#[test]
fn what_force_takes_out_of_a_folder_that_stays_is_aside_whole_or_not_at_all() {
    let (root, me) = (scratch(), identity());
    let repo = new_repository(&Disk::new(), root.path(), &me);
    write(root.path(), "stays", b"1");
    let first = must_commit(&repo, &me, "first");
    write(root.path(), "comes", b"2");
    must_commit(&repo, &me, "second");
    write(root.path(), "comes", b"local");
    let (recorder, old, new) = recorded(root.path(), |repo| go(repo, first, true));
    replay(&recorder, &old, &new, Some(Direction::Undo));
}

#[test]
fn a_restore_is_done_whole_or_not_at_all() {
    let root = scratch();
    let (first, _) = desk(root.path());
    write(root.path(), "changes", b"local");
    let paths = [RepoPath::parse("changes").unwrap(), RepoPath::parse("goes").unwrap()];
    let (recorder, old, new) = recorded(root.path(), |repo| {
        let options = RestoreOptions { from: first, paths: &paths, threads: 1, progress: &Quiet };
        restore(repo, &options).unwrap();
    });
    replay(&recorder, &old, &new, Some(Direction::Undo));
}
