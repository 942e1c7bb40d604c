//! ENOSPC, EIO and a short write at every call: a clear error, nothing lost, works again after.

use std::error::Error;
use std::num::NonZeroU64;
use std::path::Path;

use rustix::io::Errno;

use crate::disk::{Action, Disk, DiskError, Fault, FaultPlan, OnExisting, Result};

/// Fails each call of a workload in turn, in a folder where `f` says `old`.
///
/// Each time: the error says what the system said, about a path in the folder; `f` is whole; no
/// temporary file stays; and the same disk then does the same work.
#[track_caller]
fn fails_cleanly(work: impl Fn(&Disk, &Path) -> Result<()>) {
    let calls = {
        let root = prepared();
        let disk = Disk::failing(FaultPlan::none());
        work(&disk, root.path()).unwrap();
        disk.calls().unwrap().all
    };
    assert!(calls > 0);
    for (fault, errno) in
        [(Fault::NoSpace, Errno::NOSPC), (Fault::ShortWrite, Errno::NOSPC), (Fault::Io, Errno::IO)]
    {
        for nth in (1..=calls).filter_map(NonZeroU64::new) {
            let root = prepared();
            let disk = Disk::failing(FaultPlan::at(fault, nth));
            let error = work(&disk, root.path()).expect_err("a call failed");
            let said = error.source().and_then(|source| source.downcast_ref::<std::io::Error>());
            assert_eq!(said.and_then(Errno::from_io_error), Some(errno), "{error}");
            assert!(error.path().starts_with(root.path()), "{error}");
            assert_whole(root.path());
            work(&disk, root.path()).unwrap();
            assert_whole(root.path());
        }
    }
}

fn prepared() -> tempfile::TempDir {
    let root = tempfile::tempdir().unwrap();
    std::fs::write(root.path().join("f"), "old").unwrap();
    root
}

#[track_caller]
fn assert_whole(root: &Path) {
    let f = std::fs::read(root.join("f")).unwrap();
    assert!(f == b"old" || f == b"new", "f says {f:?}");
    for entry in std::fs::read_dir(root).unwrap() {
        let name = entry.unwrap().file_name();
        assert!(!name.to_string_lossy().starts_with("tmp-"), "{name:?} stayed");
    }
}

#[test]
fn replacing_a_whole_file_fails_cleanly() {
    fails_cleanly(|disk, root| disk.replace_whole(&root.join("f"), b"new", 0o600));
}

#[test]
fn a_temporary_file_written_and_persisted_fails_cleanly() {
    fails_cleanly(|disk, root| {
        let file = disk.create_temporary(root, 0o600)?;
        file.allocate(3)?;
        file.append(b"ne")?;
        file.append(b"wer")?;
        file.truncate(3)?;
        file.set_mode(0o400)?;
        file.persist(&root.join("f"), OnExisting::Replace)
    });
}

#[test]
fn creating_a_whole_file_fails_cleanly() {
    fails_cleanly(|disk, root| {
        match disk.create_whole(&root.join("g"), b"new", 0o600) {
            // The step that failed the first time was the last one.
            Err(error) if error.is_already_exists() => disk.sync_dir(root),
            other => other,
        }
    });
}

#[test]
fn creating_folders_fails_cleanly() {
    fails_cleanly(|disk, root| disk.create_dir_all_synced(&root.join("a/b"), 0o700));
}

#[test]
fn changes_of_a_folder_fail_cleanly() {
    fails_cleanly(|disk, root| {
        let dir = disk.open_dir(root)?;
        let there = |name: &str| root.join(name).symlink_metadata().is_ok();
        if !there("link") && !there("link2") {
            dir.symlink(Path::new("f"), "link")?;
        }
        if there("link") {
            dir.rename("link", &dir, "link2", OnExisting::Refuse)?;
        }
        dir.remove_file("link2")?;
        if !there("sub") {
            dir.create_dir("sub", 0o700)?;
        }
        dir.remove_dir("sub")?;
        dir.set_mode("f", 0o600)?;
        dir.sync()?;
        dir.sync_filesystem()
    });
}

#[test]
fn a_log_keeps_its_entries_when_an_append_fails() {
    for spec in ["enospc:1", "eio:1", "short-write:1"] {
        let root = prepared();
        let disk = Disk::failing(spec.parse().unwrap());
        let log = disk.open_file(&root.path().join("f")).unwrap();
        assert!(log.write_all_at(3, b"er").is_err());
        assert!(std::fs::read(log.path()).unwrap().starts_with(b"old"));
        log.write_all_at(3, b"er").unwrap();
        log.sync().unwrap();
        assert_eq!(std::fs::read(log.path()).unwrap(), b"older");
    }
}

#[test]
fn a_short_write_leaves_half_of_the_bytes() {
    let root = prepared();
    let disk = Disk::failing("short-write:2".parse().unwrap());
    let file = disk.create_file(&root.path().join("g"), 0o600).unwrap();
    let error = file.write_all_at(0, b"1234").unwrap_err();
    assert_eq!((error.action(), error.path()), (Action::Write, file.path()));
    assert_eq!(std::fs::read(file.path()).unwrap(), b"12");
}

#[test]
fn after_a_failed_sync_the_handle_is_spent() {
    let root = prepared();
    let disk = Disk::failing("eio:1".parse().unwrap());
    let file = disk.open_file(&root.path().join("f")).unwrap();
    assert_eq!(file.sync().unwrap_err().action(), Action::SyncFile);
    for again in [
        file.sync(),
        file.sync_if_needed(),
        file.write_all_at(0, b"x"),
        file.append(b"x").map(drop),
        file.truncate(0),
        file.set_mode(0o600),
        file.allocate(1),
    ] {
        assert!(matches!(again, Err(DiskError::Poisoned { .. })));
    }
    assert_eq!(std::fs::read(file.path()).unwrap(), b"old");
}

#[test]
fn an_error_about_a_whole_file_names_the_file_and_not_its_temporary_name() {
    let root = prepared();
    let target = root.path().join("f");
    for nth in 1..=4 {
        let disk = Disk::failing(format!("eio:{nth}").parse().unwrap());
        let error = disk.replace_whole(&target, b"new", 0o600).unwrap_err();
        assert_eq!(error.path(), target, "{error}");
    }
}

#[test]
fn a_skipped_sync_reports_success_and_is_counted() {
    let root = prepared();
    let disk = Disk::failing("skip-sync:2".parse().unwrap());
    disk.replace_whole(&root.path().join("f"), b"new", 0o600).unwrap();
    assert_eq!(disk.calls().unwrap().syncs, 2);
}
