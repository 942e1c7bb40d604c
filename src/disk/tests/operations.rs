//! What each operation does when nothing fails.

use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

use crate::disk::{
    Action, Disk, DiskError, DurableFile, FaultPlan, OnExisting, Operation, ReadFile, Result,
};

fn folder() -> (tempfile::TempDir, Disk) {
    (tempfile::tempdir().unwrap(), Disk::new())
}

fn mode_of(path: &Path) -> u32 {
    std::fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap();
    let mut names: Vec<_> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn a_persisted_file_has_its_name_content_and_mode() {
    let (root, disk) = folder();
    let target = root.path().join("pack");
    let file = disk.create_temporary(root.path(), 0o400).unwrap();
    file.append(b"content").unwrap();
    file.persist(&target, OnExisting::Refuse).unwrap();
    assert_eq!(std::fs::read(&target).unwrap(), b"content");
    assert_eq!(mode_of(&target), 0o400);
    assert_eq!(names(root.path()), ["pack"]);
}

#[test]
fn a_dropped_temporary_file_is_removed() {
    let (root, disk) = folder();
    drop(disk.create_temporary(root.path(), 0o600).unwrap());
    assert!(names(root.path()).is_empty());
}

#[test]
fn persisting_over_an_existing_file_is_refused_when_asked() {
    let (root, disk) = folder();
    let target = root.path().join("pack");
    disk.create_whole(&target, b"first", 0o600).unwrap();
    let error = disk.create_whole(&target, b"second", 0o600).unwrap_err();
    assert!(error.is_already_exists());
    assert_eq!((error.action(), error.path()), (Action::Rename, target.as_path()));
    assert_eq!(std::fs::read(&target).unwrap(), b"first");
    assert_eq!(names(root.path()), ["pack"]);
}

#[test]
fn appends_from_several_threads_do_not_overlap() {
    let (root, disk) = folder();
    let file = disk.create_file(&root.path().join("f"), 0o600).unwrap();
    std::thread::scope(|scope| {
        for n in 1..=4_u8 {
            let file = &file;
            scope.spawn(move || {
                for _ in 0..50 {
                    let at = file.append(&[n; 100]).unwrap();
                    assert_eq!(at % 100, 0);
                }
            });
        }
    });
    let bytes = std::fs::read(file.path()).unwrap();
    assert_eq!(bytes.len(), 4 * 50 * 100);
    assert!(bytes.chunks(100).all(|part| part[0] != 0 && part.iter().all(|b| *b == part[0])));
}

#[test]
fn reserving_space_does_not_change_the_length() {
    let (root, disk) = folder();
    let file = disk.create_file(&root.path().join("f"), 0o600).unwrap();
    file.allocate(1 << 20).unwrap();
    assert!(file.is_empty().unwrap());
    assert_eq!(file.append(b"x").unwrap(), 0);
}

#[test]
fn an_append_after_a_truncation_goes_to_the_new_end() {
    let (root, disk) = folder();
    let file = disk.create_file(&root.path().join("f"), 0o600).unwrap();
    file.append(b"one two").unwrap();
    file.truncate(3).unwrap();
    assert_eq!(file.append(b"!").unwrap(), 3);
    assert_eq!(std::fs::read(file.path()).unwrap(), b"one!");
}

#[test]
fn a_file_is_synced_again_only_after_a_change() {
    let root = tempfile::tempdir().unwrap();
    let disk = Disk::failing(FaultPlan::none());
    let file = disk.create_file(&root.path().join("f"), 0o600).unwrap();
    let changes: [fn(&DurableFile) -> Result<()>; 4] = [
        |_| Ok(()),
        |file| file.append(b"x").map(drop),
        |file| file.truncate(0),
        |file| file.set_mode(0o400),
    ];
    for (before, change) in changes.into_iter().enumerate() {
        change(&file).unwrap();
        file.sync_if_needed().unwrap();
        file.sync_if_needed().unwrap();
        assert_eq!(disk.calls().unwrap().syncs, before as u64 + 1);
    }
}

#[test]
fn opening_an_existing_file_appends_at_its_end() {
    let (root, disk) = folder();
    let path = root.path().join("log");
    disk.create_whole(&path, b"one;", 0o600).unwrap();
    disk.open_file(&path).unwrap().append(b"two;").unwrap();
    assert_eq!(std::fs::read(&path).unwrap(), b"one;two;");
}

#[test]
fn folders_above_are_created_and_existing_ones_left_alone() {
    let (root, disk) = folder();
    let deep = root.path().join("a/b/c");
    disk.create_dir_all_synced(&deep, 0o700).unwrap();
    disk.create_dir_all_synced(&deep, 0o755).unwrap();
    assert_eq!(mode_of(&deep), 0o700);
}

#[test]
fn a_file_in_the_place_of_a_folder_is_an_error() {
    let (root, disk) = folder();
    std::fs::write(root.path().join("a"), "").unwrap();
    assert!(disk.create_dir_all_synced(&root.path().join("a/b"), 0o700).is_err());
}

#[test]
fn nothing_below_a_folder_is_reached_through_a_symlink() {
    let (root, disk) = folder();
    let outside = tempfile::tempdir().unwrap();
    std::fs::write(outside.path().join("f"), "old").unwrap();
    symlink(outside.path(), root.path().join("dir")).unwrap();
    symlink(outside.path().join("f"), root.path().join("file")).unwrap();
    symlink(outside.path().join("new"), root.path().join("dangling")).unwrap();

    let dir = disk.open_dir(root.path()).unwrap();
    assert!(dir.sub_dir("dir").is_err());
    assert!(dir.open_beneath(Path::new("dir")).is_err());
    assert!(dir.open_read("file").is_err());
    assert!(dir.open_file("file").is_err());
    assert!(dir.set_mode("file", 0o777).is_err());
    assert!(dir.create_file("dangling", 0o600).is_err());
    assert_eq!(names(outside.path()), ["f"]);
}

#[test]
fn a_name_with_several_parts_is_refused() {
    let (root, disk) = folder();
    disk.create_dir_all_synced(&root.path().join("a/b"), 0o700).unwrap();
    let dir = disk.open_dir(root.path()).unwrap();
    for name in ["", ".", "..", "a/b", "/", "a\0"] {
        assert!(dir.create_file(name, 0o600).is_err(), "{name:?}");
        assert!(dir.sub_dir(name).is_err(), "{name:?}");
        for on_existing in [OnExisting::Replace, OnExisting::Refuse] {
            assert!(dir.rename("a", &dir, name, on_existing).is_err(), "{name:?}");
            assert!(dir.rename(name, &dir, "z", on_existing).is_err(), "{name:?}");
        }
    }
    assert!(dir.open_beneath(Path::new("a/../a")).is_err());
    assert_eq!(dir.open_beneath(Path::new("a/b")).unwrap().path(), root.path().join("a/b"));
}

#[test]
fn exchanging_leaves_the_old_file_under_the_temporary_name() {
    let (root, disk) = folder();
    std::fs::write(root.path().join("f"), "old").unwrap();
    let dir = disk.open_dir(root.path()).unwrap();
    let file = dir.create_temporary(0o600).unwrap();
    file.append(b"new").unwrap();
    let kept = file.exchange_with(&dir, "f").unwrap();
    assert_eq!(std::fs::read(root.path().join("f")).unwrap(), b"new");
    assert_eq!(std::fs::read(root.path().join(kept)).unwrap(), b"old");
}

#[test]
fn a_short_file_is_a_typed_error() {
    let (root, _) = folder();
    let path = root.path().join("f");
    std::fs::write(&path, "12345").unwrap();
    let file = ReadFile::open(&path).unwrap();
    let mut buffer = [0; 4];
    file.read_exact_at(1, &mut buffer).unwrap();
    assert_eq!(&buffer, b"2345");
    for (offset, wanted) in [(2, 4), (9, 4), (u64::MAX, 4), (i64::MAX as u64, 4)] {
        let error = file.read_vec_at(offset, wanted).unwrap_err();
        assert!(matches!(error, DiskError::TooShort { len: 5, .. }), "{error}");
    }
    let error = file.read_exact_at(2, &mut buffer).unwrap_err();
    assert!(matches!(error, DiskError::TooShort { offset: 2, wanted: 4, len: 5, .. }));
    assert!(file.read_exact_at(u64::MAX, &mut buffer).is_err());
    assert_eq!(file.read_at(2, &mut buffer).unwrap(), 3);
    assert_eq!(file.read_at(5, &mut buffer).unwrap(), 0);
}

#[test]
fn a_range_longer_than_the_file_takes_no_memory() {
    let (root, _) = folder();
    let path = root.path().join("f");
    std::fs::write(&path, "12345").unwrap();
    let file = ReadFile::open(&path).unwrap();
    assert!(matches!(file.read_vec_at(0, 1 << 60), Err(DiskError::TooShort { .. })));
    assert!(matches!(file.read_all(4), Err(DiskError::TooLarge { len: 5, limit: 4, .. })));
    assert_eq!(file.read_all(5).unwrap(), b"12345");
}

#[test]
fn what_is_no_regular_file_is_not_read() {
    let (root, _) = folder();
    let fifo = root.path().join("fifo");
    rustix::fs::mknodat(
        rustix::fs::CWD,
        &fifo,
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::RUSR,
        0,
    )
    .unwrap();
    assert!(ReadFile::open(&fifo).is_err());
    assert!(ReadFile::open(root.path()).is_err());
    assert!(ReadFile::open(&root.path().join("missing")).unwrap_err().is_not_found());
}

#[test]
fn a_record_follows_folders_that_are_renamed_while_open() {
    let (root, _) = folder();
    let (disk, recorder) = Disk::recording(root.path()).unwrap();
    let top = disk.open_dir(root.path()).unwrap();
    top.create_dir("a", 0o700).unwrap();
    let dir = top.sub_dir("a").unwrap();
    top.rename("a", &top, "b", OnExisting::Refuse).unwrap();
    dir.create_dir("c", 0o700).unwrap();
    let last = recorder.operations().pop().unwrap();
    assert_eq!(last.to_string(), "create folder b/c");
}

#[test]
fn what_lies_outside_the_recorded_folder_is_not_recorded() {
    let (root, _) = folder();
    let outside = tempfile::tempdir().unwrap();
    let (disk, recorder) = Disk::recording(root.path()).unwrap();
    disk.create_whole(&outside.path().join("f"), b"bytes", 0o600).unwrap();
    assert!(recorder.operations().is_empty());
}

#[test]
fn a_replaced_file_is_recorded_step_by_step() {
    let (root, _) = folder();
    let (disk, recorder) = Disk::recording(root.path()).unwrap();
    disk.replace_whole(&root.path().join("f"), b"new", 0o600).unwrap();
    let operations = recorder.operations();
    assert!(
        matches!(
            operations.as_slice(),
            [
                Operation::Create { .. },
                Operation::Write { offset: 0, .. },
                Operation::SyncFile { .. },
                Operation::Rename { .. },
                Operation::SyncDir { .. },
            ]
        ),
        "{operations:?}"
    );
}
