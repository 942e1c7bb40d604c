//! Whatever call to the disk fails: a clear error, nothing lost, and it works again afterwards.

mod support;

use std::error::Error;
use std::path::Path;

use aisr::disk::{Disk, FaultPlan};
use aisr::log::RefName;
use aisr::repo::{Identity, InitOptions, Repository, init};
use aisr::worktree::{CommitOutcome, WorktreeError, checkout_out};
use support::soundness::{chain, read_head, sound_head};
use support::{
    Quiet, copy_folder, identity, must_commit, new_repository, scratch, snapshot, try_commit,
    write_files,
};

const NO_SPACE: i32 = 28;
const IO: i32 = 5;

/// Each kind of fault at each of the calls that `run` makes, with what the system says then.
fn for_each_fault(calls: u64, mut run: impl FnMut(&str, FaultPlan, i32)) {
    assert!(calls > 0, "the workload does nothing");
    for nth in 1..=calls {
        for (fault, code) in [("enospc", NO_SPACE), ("eio", IO), ("short-write", NO_SPACE)] {
            let name = format!("{fault}:{nth}");
            run(&name, name.parse().unwrap(), code);
        }
    }
}

/// The error tells what failed and where, and what the system said.
#[track_caller]
fn assert_clear(error: &(dyn Error + 'static), code: i32, place: &Path, name: &str) {
    let text = chain(error);
    assert!(text.contains(&*place.to_string_lossy()), "{name}: no place in {text:?}");
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(io) = error.downcast_ref::<std::io::Error>() {
            assert_eq!(io.raw_os_error(), Some(code), "{name}: {text}");
            return;
        }
        next = error.source();
    }
    panic!("{name}: no error of the system behind {text:?}");
}

fn commit_with(disk: &Disk, root: &Path, me: &Identity) -> Result<CommitOutcome, WorktreeError> {
    try_commit(&Repository::open(disk.clone(), root)?, me, "under a fault")
}

fn assert_commit_survives_faults(prepare: impl Fn(&Path, &Identity)) {
    let (base, space, me) = (scratch(), scratch(), identity());
    prepare(base.path(), &me);
    let old = sound_head(base.path()).unwrap();
    let expected = snapshot(base.path());
    let root = space.path().join("repo");
    copy_folder(base.path(), &root);
    let counting = Disk::failing(FaultPlan::none());
    commit_with(&counting, &root, &me).unwrap();
    let (mut failed, mut stood) = (0, 0);
    for_each_fault(counting.calls().unwrap().all, |name, plan, code| {
        std::fs::remove_dir_all(&root).unwrap();
        copy_folder(base.path(), &root);
        match commit_with(&Disk::failing(plan), &root, &me) {
            Err(error) => {
                assert_clear(&error, code, &root, name);
                assert!(
                    sound_head(&root).unwrap() == old,
                    "{name}: told to have failed, but moved"
                );
                commit_with(&Disk::new(), &root, &me).unwrap();
                failed += 1;
            }
            Ok(_) => stood += 1,
        }
        let (_, tree) = sound_head(&root).unwrap().unwrap_or_else(|| panic!("{name}: no HEAD"));
        assert!(tree == expected, "{name}: not what was committed");
    });
    println!("{failed} failed, {stood} stood");
    assert!(failed > 0 && stood > 0, "{failed} commits failed, {stood} stood");
}

#[test]
fn a_first_commit_survives_every_fault() {
    assert_commit_survives_faults(|root, me| {
        new_repository(&Disk::new(), root, me);
        write_files(root, 1);
    });
}

#[test]
fn a_later_commit_survives_every_fault() {
    assert_commit_survives_faults(|root, me| {
        let repo = new_repository(&Disk::new(), root, me);
        write_files(root, 1);
        must_commit(&repo, me, "first");
        write_files(root, 2);
    });
}

#[test]
fn a_repository_is_made_whole_or_not_at_all() {
    let (space, me) = (scratch(), identity());
    let root = space.path().join("repo");
    let make = |disk: &Disk| {
        let options = InitOptions { founder: &me, branch: RefName::branch("main").unwrap() };
        init(disk, &root, &options).map(drop)
    };
    std::fs::create_dir(&root).unwrap();
    let counting = Disk::failing(FaultPlan::none());
    make(&counting).unwrap();
    for_each_fault(counting.calls().unwrap().all, |name, plan, code| {
        std::fs::remove_dir_all(&root).unwrap();
        std::fs::create_dir(&root).unwrap();
        write_files(&root, 1);
        if let Err(error) = make(&Disk::failing(plan)) {
            assert_clear(&error, code, &root, name);
            if !root.join(".aisr").exists() {
                let left = std::fs::read_dir(&root).unwrap().count();
                assert_eq!(left, 3, "{name}: something is left behind");
                make(&Disk::new()).unwrap();
            }
        }
        assert!(sound_head(&root).unwrap().is_none(), "{name}");
        commit_with(&Disk::new(), &root, &me).unwrap();
    });
}

#[test]
fn a_folder_is_checked_out_whole_or_not_at_all() {
    let (source, space, me) = (scratch(), scratch(), identity());
    let source = source.path();
    let repo = new_repository(&Disk::new(), source, &me);
    write_files(source, 1);
    std::os::unix::fs::symlink("prompts/a.md", source.join("link")).unwrap();
    must_commit(&repo, &me, "first");
    let expected = snapshot(source);
    let place = space.path().join("place");
    let out = place.join("out");
    let check_out = |disk: &Disk| -> Result<(), WorktreeError> {
        let repo = Repository::open(disk.clone(), source)?;
        let (id, _) = read_head(&repo).unwrap().unwrap();
        let files = repo.files(&repo.commit(id)?.commit)?;
        checkout_out(&repo, files, &out, 2, &Quiet).map(drop)
    };
    std::fs::create_dir(&place).unwrap();
    let counting = Disk::failing(FaultPlan::none());
    check_out(&counting).unwrap();
    for_each_fault(counting.calls().unwrap().all, |name, plan, code| {
        std::fs::remove_dir_all(&place).unwrap();
        std::fs::create_dir(&place).unwrap();
        if let Err(error) = check_out(&Disk::failing(plan)) {
            assert_clear(&error, code, &place, name);
            if !out.exists() {
                let left = std::fs::read_dir(&place).unwrap().count();
                assert_eq!(left, 0, "{name}: something is left behind");
                check_out(&Disk::new()).unwrap();
            }
        }
        assert!(snapshot(&out) == expected, "{name}: not what was checked out");
    });
}

/// The calls that a commit makes after its log entry is durable.
#[test]
fn a_commit_stands_whatever_becomes_of_what_is_derived() {
    let (root, me) = (scratch(), identity());
    let repo = new_repository(&Disk::new(), root.path(), &me);
    write_files(root.path(), 1);
    must_commit(&repo, &me, "first");
    let local = root.path().join(".aisr/local");
    for derived in ["stat-cache", "verified"] {
        // A folder in its place: nothing can be written there.
        std::fs::remove_file(local.join(derived)).unwrap();
        std::fs::create_dir(local.join(derived)).unwrap();
    }
    write_files(root.path(), 2);
    let repo = Repository::open(Disk::new(), root.path()).unwrap();
    let id = must_commit(&repo, &me, "second");
    for derived in ["stat-cache", "verified"] {
        std::fs::remove_dir(local.join(derived)).unwrap();
    }
    assert_eq!(sound_head(root.path()).unwrap(), Some((id, snapshot(root.path()))));
}
