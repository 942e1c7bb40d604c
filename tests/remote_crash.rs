//! A push, fetch or clone that is cut off at any moment leaves the old state or the new one, on
//! both sides, and the next one goes on.

mod support;

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use aisr::disk::crash::{Budget, CheckResult, StateInfo};
use aisr::disk::{Disk, FaultPlan};
use aisr::log::RefName;
use aisr::object::Id;
use aisr::remote::{
    FetchOptions, FetchReport, FolderPlace, PushOptions, PushReport, RemoteError, create_place,
    fetch, push,
};
use aisr::repo::{Identity, Repository};
use support::soundness::{chain, fsck};
use support::{
    Quiet, Random, copy_folder, identity, must_commit, new_repository, scratch, snapshot, write,
    write_fewer_bytes,
};

const SEED: u64 = 20_261_125;
const DONE: &str = "acknowledged";

fn main_branch() -> RefName {
    RefName::branch("main").unwrap()
}

fn tracking() -> RefName {
    RefName::new(b"refs/remotes/origin/main").unwrap()
}

fn try_push(disk: &Disk, base: &Path, me: &Identity) -> Result<PushReport, RemoteError> {
    let repo = Repository::open(disk.clone(), &base.join("mine"))?;
    let place = FolderPlace::open(disk, &base.join("team"))?;
    let refs = [main_branch()];
    let options =
        PushOptions { identity: me, refs: &refs, delete: &[], force: false, progress: &Quiet };
    push(&repo, "origin", &place, &options)
}

fn try_fetch(disk: &Disk, base: &Path) -> Result<FetchReport, RemoteError> {
    let repo = Repository::open(disk.clone(), &base.join("other"))?;
    let place = FolderPlace::open(disk, &base.join("team"))?;
    let options = FetchOptions { prune: false, threads: 1, progress: &Quiet };
    fetch(&repo, "origin", &place, &options)
}

/// In `base`: `mine` with two commits, of which the first is in `team`; with `fetched`, both are,
/// and `other` has the first.
fn prepare(base: &Path, me: &Identity, pushed: bool) -> [Id; 2] {
    let (disk, mine) = (Disk::new(), base.join("mine"));
    std::fs::create_dir(&mine).unwrap();
    let repo = new_repository(&disk, &mine, me);
    write_fewer_bytes(&mine, 1);
    let first = must_commit(&repo, me, "first").id();
    let place = FolderPlace::ensure(&disk, &base.join("team")).unwrap();
    create_place(&repo, &place, &main_branch(), me).unwrap();
    try_push(&disk, base, me).unwrap();
    if pushed {
        copy_folder(&mine, &base.join("other"));
        let _ = std::fs::remove_dir_all(base.join("other/.aisr/local/remotes"));
        try_fetch(&disk, base).unwrap();
    }
    write_fewer_bytes(&mine, 2);
    let second = must_commit(&repo, me, "second").id();
    if pushed {
        try_push(&disk, base, me).unwrap();
    }
    [first, second]
}

/// What a ref of the repository in `root` names, if that is whole.
fn sound_ref(root: &Path, name: &RefName) -> Result<Option<Id>, Box<dyn std::error::Error>> {
    let report = fsck(root);
    if let Some(problem) = report.problems.first() {
        return Err(format!("{}: {}: {}", root.display(), problem.place, problem.detail).into());
    }
    Ok(Repository::open(Disk::new(), root)?.log()?.refs().refs.get(name).copied())
}

fn budget() -> Budget {
    println!("seed {SEED}");
    Budget { exhaustive_up_to: 7, samples: 150, seed: SEED }
}

#[test]
fn a_power_loss_during_a_push_leaves_the_old_state_or_the_new_one() {
    let (base, me) = (scratch(), identity());
    let base = base.path();
    let [first, second] = prepare(base, &me, false);
    let (disk, recorder) = Disk::recording(base).unwrap();
    try_push(&disk, base, &me).unwrap();
    disk.mark(DONE);
    let check = |state: &StateInfo, at: &Path| -> CheckResult {
        let found = sound_ref(&at.join("team"), &main_branch())?;
        let old = found == Some(first) && !state.has_mark(DONE);
        if !old && found != Some(second) {
            return Err("the place is neither old nor new".into());
        }
        try_push(&Disk::new(), at, &me).map_err(|e| chain(&e))?;
        sound_ref(&at.join("mine"), &tracking())?;
        match sound_ref(&at.join("team"), &main_branch())? == Some(second) {
            true => Ok(()),
            false => Err("the next push does not go on".into()),
        }
    };
    let states = recorder.crash_states(budget());
    println!(
        "{:?}",
        states.for_each_state(scratch().path(), check).unwrap_or_else(|e| panic!("{e}"))
    );
}

#[test]
fn a_power_loss_during_a_fetch_leaves_the_old_state_or_the_new_one() {
    let (base, me) = (scratch(), identity());
    let base = base.path();
    let [first, second] = prepare(base, &me, true);
    let (disk, recorder) = Disk::recording(base).unwrap();
    try_fetch(&disk, base).unwrap();
    disk.mark(DONE);
    let check = |state: &StateInfo, at: &Path| -> CheckResult {
        let found = sound_ref(&at.join("other"), &tracking())?;
        let old = found == Some(first) && !state.has_mark(DONE);
        if !old && found != Some(second) {
            return Err("the clone is neither old nor new".into());
        }
        try_fetch(&Disk::new(), at).map_err(|e| chain(&e))?;
        match sound_ref(&at.join("other"), &tracking())? == Some(second) {
            true => Ok(()),
            false => Err("the next fetch does not go on".into()),
        }
    };
    let states = recorder.crash_states(budget());
    println!(
        "{:?}",
        states.for_each_state(scratch().path(), check).unwrap_or_else(|e| panic!("{e}"))
    );
}

/// Runs the work once for each fault that can befall it; both sides stay whole, and without the
/// fault it works.
fn for_each_fault<T>(
    pushed: bool,
    work: impl Fn(&Disk, &Path, &Identity) -> Result<T, RemoteError>,
    reached: impl Fn(&Path, &Identity) -> Option<Id>,
) {
    let (base, space, me) = (scratch(), scratch(), identity());
    let [first, second] = prepare(base.path(), &me, pushed);
    let at = space.path().join("at");
    copy_folder(base.path(), &at);
    let counting = Disk::failing(FaultPlan::none());
    work(&counting, &at, &me).unwrap_or_else(|e| panic!("{}", chain(&e)));
    let mut failed = 0;
    for nth in 1..=counting.calls().unwrap().all {
        for fault in ["enospc", "short-write"] {
            let plan = format!("{fault}:{nth}");
            std::fs::remove_dir_all(&at).unwrap();
            copy_folder(base.path(), &at);
            let outcome = work(&Disk::failing(plan.parse().unwrap()), &at, &me);
            let found = reached(&at, &me);
            match outcome {
                Ok(_) => assert_eq!(found, Some(second), "{plan}"),
                // What was told to have failed may have happened where only the note of it failed.
                Err(_) => {
                    assert!([Some(first), Some(second)].contains(&found), "{plan}");
                    failed += 1;
                }
            }
            work(&Disk::new(), &at, &me).unwrap_or_else(|e| panic!("{plan}: {}", chain(&e)));
            assert_eq!(reached(&at, &me), Some(second), "{plan}");
        }
    }
    assert!(failed > 0, "no fault was felt");
}

#[test]
fn a_push_survives_every_fault() {
    for_each_fault(false, try_push, |at, _| sound_ref(&at.join("team"), &main_branch()).unwrap());
}

#[test]
fn a_fetch_survives_every_fault() {
    for_each_fault(
        true,
        |disk, at, _| try_fetch(disk, at),
        |at, _| sound_ref(&at.join("other"), &tracking()).unwrap(),
    );
}

fn aisr(home: &Path, at: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_aisr"));
    command.args(arguments).current_dir(at);
    command.env_clear().env("HOME", home).env("USER", "mara");
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    command
}

#[track_caller]
fn run(home: &Path, at: &Path, arguments: &[&str]) {
    let output = aisr(home, at, arguments).output().unwrap();
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "aisr {}: {told}", arguments.join(" "));
}

#[test]
fn a_clone_that_is_killed_is_not_there_and_the_next_one_goes_on() {
    let (home, base) = (scratch(), scratch());
    let (home, base) = (home.path(), base.path());
    let mine = base.join("mine");
    std::fs::create_dir(&mine).unwrap();
    run(home, &mine, &["init"]);
    let mut random = Random(SEED);
    for name in 0..40 {
        let mut bytes = vec![0; 10_000 + random.below(300_000)];
        blake3::Hasher::new().update(&[name]).finalize_xof().fill(&mut bytes);
        write(&mine, &format!("files/{name}"), &bytes);
    }
    run(home, &mine, &["commit", "-m", "first"]);
    let started = Instant::now();
    run(home, base, &["clone", "mine", "measured"]);
    let usual = started.elapsed();
    let (mut killed, mut kept) = (0, 0);
    for round in 0..12 {
        let target = base.join("copy");
        let draft = base.join(".copy.aisr-clone");
        let mut child = aisr(home, base, &["clone", "mine", "copy"]).spawn().unwrap();
        std::thread::sleep(usual * random.below(1100) as u32 / 1000);
        child.kill().unwrap();
        child.wait().unwrap();
        if !target.exists() {
            killed += 1;
            kept += usize::from(draft.exists());
            run(home, base, &["clone", "mine", "copy"]);
        }
        assert_eq!(snapshot(&target), snapshot(&mine), "seed {SEED}, round {round}");
        assert!(fsck(&target).is_good(), "seed {SEED}, round {round}");
        assert!(!draft.exists());
        std::fs::remove_dir_all(&target).unwrap();
    }
    println!("{killed} killed, of which {kept} left a draft; a clone took {usual:?}");
    assert!(killed > 0, "no clone was killed in time");
}
