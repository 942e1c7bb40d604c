//! The model against the real file system, and against protocols known to be wrong.

use std::path::Path;

use proptest::prelude::*;

use super::model::Model;
use super::tree::Tree;
use super::{Budget, CheckResult, CrashError, StateInfo};
use crate::disk::{Disk, DurableFile, OnExisting};

/// One step of a random workload over a few names; what the system refuses is no step.
#[derive(Clone, Debug)]
enum Step {
    CreateFile(usize),
    Write(usize, u16, u16),
    Truncate(usize, u16),
    SetMode(usize),
    SyncFile(usize),
    CreateDir(usize),
    Symlink(usize),
    Remove(usize),
    RemoveDir(usize),
    Rename(usize, usize),
    RenameNew(usize, usize),
    Exchange(usize, usize),
    SyncDir(usize),
}

const NAMES: [&str; 8] = ["a", "b", "d", "e", "d/a", "d/b", "d/e", "d/e/a"];

fn step() -> impl Strategy<Value = Step> {
    let name = 0..NAMES.len();
    prop_oneof![
        name.clone().prop_map(Step::CreateFile),
        (name.clone(), 0..9000_u16, 0..9000_u16).prop_map(|(n, at, len)| Step::Write(n, at, len)),
        (name.clone(), 0..9000_u16).prop_map(|(n, len)| Step::Truncate(n, len)),
        name.clone().prop_map(Step::SetMode),
        name.clone().prop_map(Step::SyncFile),
        name.clone().prop_map(Step::CreateDir),
        name.clone().prop_map(Step::Symlink),
        name.clone().prop_map(Step::Remove),
        name.clone().prop_map(Step::RemoveDir),
        (name.clone(), name.clone()).prop_map(|(a, b)| Step::Rename(a, b)),
        (name.clone(), name.clone()).prop_map(|(a, b)| Step::RenameNew(a, b)),
        (name.clone(), name.clone()).prop_map(|(a, b)| Step::Exchange(a, b)),
        name.prop_map(Step::SyncDir),
    ]
}

/// Does a step; files that were opened stay open, so that writes reach them under other names.
fn take(step: &Step, disk: &Disk, root: &Path, open: &mut [Option<DurableFile>]) {
    let at = |n: &usize| root.join(NAMES[*n]);
    let mut with_file = |n: &usize, work: &dyn Fn(&DurableFile)| {
        if open[*n].is_none() {
            open[*n] = disk.open_file(&at(n)).ok();
        }
        open[*n].as_ref().map(work);
    };
    match step {
        Step::CreateFile(n) => {
            if let Ok(file) = disk.create_file(&at(n), 0o600) {
                open[*n] = Some(file);
            }
        }
        Step::Write(n, offset, len) => with_file(n, &|file| {
            let bytes = vec![*len as u8 | 1; *len as usize];
            file.write_all_at((*offset).into(), &bytes).unwrap();
        }),
        Step::Truncate(n, len) => with_file(n, &|file| file.truncate((*len).into()).unwrap()),
        Step::SetMode(n) => with_file(n, &|file| file.set_mode(0o640).unwrap()),
        Step::SyncFile(n) => with_file(n, &|file| file.sync().unwrap()),
        Step::CreateDir(n) => drop(disk.create_dir(&at(n), 0o700)),
        Step::Symlink(n) => drop(disk.symlink(Path::new("nowhere"), &at(n))),
        Step::Remove(n) => drop(disk.remove_file(&at(n))),
        Step::RemoveDir(n) => drop(disk.remove_dir(&at(n))),
        Step::Rename(a, b) => drop(disk.rename(&at(a), &at(b), OnExisting::Replace)),
        Step::RenameNew(a, b) => drop(disk.rename(&at(a), &at(b), OnExisting::Refuse)),
        Step::Exchange(a, b) => {
            if let Ok(dir) = disk.open_dir(root) {
                let _ = dir.exchange(NAMES[*a], &dir, NAMES[*b]);
            }
        }
        Step::SyncDir(n) => drop(disk.sync_dir(&at(n))),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn with_nothing_lost_the_model_is_the_real_folder(
        steps in prop::collection::vec(step(), 1..40),
    ) {
        let root = tempfile::tempdir()?;
        let (disk, recorder) = Disk::recording(root.path())?;
        let mut model = Model::new(&Tree::load(root.path())?, 1);
        let mut open: Vec<Option<DurableFile>> = NAMES.iter().map(|_| None).collect();
        for step in &steps {
            take(step, &disk, root.path(), &mut open);
        }
        for operation in recorder.operations() {
            prop_assert!(model.play(&operation).is_some(), "{operation}");
        }
        let real = Tree::load(root.path())?.hash();
        let uncertain = model.uncertain();
        let everything = vec![1; uncertain.outcomes.len()];
        prop_assert_eq!(model.tree_after_crash(&uncertain, &everything).hash(), real);

        model.play(&crate::disk::Operation::SyncFilesystem);
        let uncertain = model.uncertain();
        prop_assert!(uncertain.outcomes.is_empty());
        prop_assert_eq!(model.tree_after_crash(&uncertain, &[]).hash(), real);
    }
}

/// Runs a workload over a folder with a durable file `f` that says `old`, and checks its states.
fn crash(
    workload: impl Fn(&Disk, &Path) -> crate::disk::Result<()>,
    check: impl FnMut(&StateInfo, &Path) -> CheckResult,
) -> Result<super::Checked, CrashError> {
    let root = tempfile::tempdir().unwrap();
    let scratch = tempfile::tempdir().unwrap();
    std::fs::write(root.path().join("f"), "old").unwrap();
    let (disk, recorder) = Disk::recording(root.path()).unwrap();
    workload(&disk, root.path()).unwrap();
    disk.mark("acknowledged");
    let states = recorder.crash_states(Budget::seeded(1));
    states.for_each_state(scratch.path(), check)
}

/// `f` is old or new and whole, and new once that was acknowledged.
fn old_or_new(state: &StateInfo, folder: &Path) -> CheckResult {
    let bytes = std::fs::read(folder.join("f"))?;
    match bytes.as_slice() {
        b"new" => Ok(()),
        b"old" if !state.has_mark("acknowledged") => Ok(()),
        other => Err(format!("f says {:?}", String::from_utf8_lossy(other)).into()),
    }
}

#[track_caller]
fn assert_broken(outcome: Result<super::Checked, CrashError>, after: &str) {
    match outcome {
        Err(CrashError::Broken { info, .. }) => {
            let last = info.last.unwrap_or_default();
            assert!(last.starts_with(after), "broken after {last:?}, not {after:?}");
        }
        other => panic!("the protocol is wrong, and no state showed it: {other:?}"),
    }
}

#[test]
fn temporary_write_sync_rename_sync_is_right() {
    let checked = crash(
        |disk, root| {
            let file = disk.create_temporary(root, 0o600)?;
            file.write_all_at(0, b"new")?;
            file.persist(&root.join("f"), OnExisting::Replace)
        },
        old_or_new,
    );
    assert!(checked.unwrap().states > 3);
}

#[test]
fn a_rename_of_unsynced_content_is_caught() {
    let outcome = crash(
        |disk, root| {
            let dir = disk.open_dir(root)?;
            let file = dir.create_temporary(0o600)?;
            file.write_all_at(0, b"new")?;
            file.place_in(&dir, "f", OnExisting::Replace)?;
            dir.sync()
        },
        old_or_new,
    );
    assert_broken(outcome, "rename");
}

#[test]
fn a_rename_without_a_sync_of_the_folder_is_caught_once_acknowledged() {
    let outcome = crash(
        |disk, root| {
            let dir = disk.open_dir(root)?;
            let file = dir.create_temporary(0o600)?;
            file.write_all_at(0, b"new")?;
            file.sync()?;
            file.place_in(&dir, "f", OnExisting::Replace)
        },
        old_or_new,
    );
    assert_broken(outcome, "mark");
}

#[test]
fn an_unsynced_append_is_caught_once_acknowledged() {
    let outcome = crash(
        |disk, root| {
            disk.open_file(&root.join("f"))?.append(b"er")?;
            Ok(())
        },
        |state, folder| match std::fs::read(folder.join("f"))?.starts_with(b"older") {
            false if state.has_mark("acknowledged") => Err("the entry is lost".into()),
            _ => Ok(()),
        },
    );
    assert_broken(outcome, "mark");
}

#[test]
fn writing_in_place_is_caught() {
    let outcome = crash(
        |disk, root| {
            let file = disk.open_file(&root.join("f"))?;
            file.truncate(0)?;
            file.write_all_at(0, b"new")?;
            file.sync()
        },
        old_or_new,
    );
    assert_broken(outcome, "set the length");
}

#[test]
fn a_synced_file_whose_name_was_not_synced_is_caught() {
    let outcome = crash(
        |disk, root| {
            let file = disk.create_file(&root.join("new"), 0o600)?;
            file.write_all_at(0, b"new")?;
            file.sync()
        },
        |state, folder| match folder.join("new").exists() {
            false if state.has_mark("acknowledged") => Err("the file is lost".into()),
            _ => Ok(()),
        },
    );
    assert_broken(outcome, "mark");
}

#[test]
fn a_synced_folder_whose_own_name_was_not_synced_is_caught() {
    let outcome = crash(
        |disk, root| {
            let folder = root.join("folder");
            disk.create_dir(&folder, 0o700)?;
            disk.create_whole(&folder.join("file"), b"new", 0o600)
        },
        |state, folder| match folder.join("folder/file").exists() {
            false if state.has_mark("acknowledged") => Err("the file is lost".into()),
            _ => Ok(()),
        },
    );
    assert_broken(outcome, "mark");
}

#[test]
fn a_rename_between_folders_with_only_the_source_synced_is_caught() {
    let outcome = crash(
        |disk, root| {
            disk.create_dir_all_synced(&root.join("to"), 0o700)?;
            disk.rename(&root.join("f"), &root.join("to/f"), OnExisting::Refuse)?;
            disk.sync_dir(root)
        },
        |state, folder| match folder.join("to/f").exists() {
            false if state.has_mark("acknowledged") => Err("the file is lost".into()),
            _ => Ok(()),
        },
    );
    assert_broken(outcome, "mark");
}

#[test]
fn unsynced_removals_reach_the_disk_in_any_order() {
    let mut seen = std::collections::BTreeSet::new();
    crash(
        |disk, root| {
            disk.create_whole(&root.join("g"), b"", 0o600)?;
            disk.remove_file(&root.join("f"))?;
            disk.remove_file(&root.join("g"))
        },
        |state, folder| {
            if state.has_mark("acknowledged") {
                seen.insert((folder.join("f").exists(), folder.join("g").exists()));
            }
            Ok(())
        },
    )
    .unwrap();
    assert_eq!(seen.len(), 4);
}

#[test]
fn more_open_changes_than_can_be_combined_are_sampled() {
    let names: Vec<String> = (0..30).map(|n| format!("new{n}")).collect();
    let outcome = crash(
        |disk, root| {
            for name in &names {
                disk.create_dir(&root.join(name), 0o700)?;
            }
            Ok(())
        },
        |_, folder| {
            let count = names.iter().filter(|name| folder.join(name).exists()).count();
            match count {
                15 => Err("half of them".into()),
                _ => Ok(()),
            }
        },
    );
    assert_broken(outcome, "create folder");
}

#[test]
fn a_record_that_does_not_fit_its_beginning_is_told() {
    let root = tempfile::tempdir().unwrap();
    let (disk, recorder) = Disk::recording(root.path()).unwrap();
    std::fs::write(root.path().join("past"), "").unwrap();
    disk.remove_file(&root.path().join("past")).unwrap();
    let scratch = tempfile::tempdir().unwrap();
    let states = recorder.crash_states(Budget::seeded(1));
    let outcome = states.for_each_state(scratch.path(), |_, _| Ok(()));
    assert!(matches!(outcome, Err(CrashError::Unplayable { number: 1, .. })));
}
