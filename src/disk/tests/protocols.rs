//! The protocols that the other rooms are built of survive a crash at any moment, and need each of
//! their syncs.

use std::path::Path;

use crate::disk::crash::{Budget, CheckResult, CrashStates, StateInfo};
use crate::disk::{Calls, Disk, FaultPlan, OnExisting, Result};

const DONE: &str = "acknowledged";

/// A workload over a prepared folder, and what must hold after a crash.
struct Protocol {
    prepare: fn(&Path),
    work: fn(&Disk, &Path) -> Result<()>,
    check: fn(&StateInfo, &Path) -> CheckResult,
}

impl Protocol {
    /// Checks all states; then that each sync is needed, first in the record, then on the disk; then
    /// all states after a call that failed.
    #[track_caller]
    fn assert_right_and_lean(&self) {
        let scratch = tempfile::tempdir().unwrap();
        let (states, calls) = self.run(FaultPlan::none());
        match states.needless_syncs(scratch.path(), self.check) {
            Ok(needless) => assert!(needless.is_empty(), "{needless:?}"),
            Err(error) => panic!("{error}"),
        }
        for nth in 1..=calls.syncs {
            let (states, _) = self.run(format!("skip-sync:{nth}").parse().unwrap());
            let outcome = states.for_each_state(scratch.path(), self.check);
            assert!(outcome.is_err(), "sync {nth} was skipped, and no state showed it");
        }
        for nth in 1..=calls.all {
            let (states, _) = self.run(format!("short-write:{nth}").parse().unwrap());
            if let Err(error) = states.for_each_state(scratch.path(), self.check) {
                panic!("call {nth} failed, and then: {error}");
            }
        }
    }

    fn run(&self, plan: FaultPlan) -> (CrashStates, Calls) {
        let root = tempfile::tempdir().unwrap();
        (self.prepare)(root.path());
        let (disk, recorder) = Disk::recording_with(root.path(), plan).unwrap();
        if (self.work)(&disk, root.path()).is_ok() {
            disk.mark(DONE);
        }
        let states = recorder.crash_states(Budget::seeded(3));
        (states, disk.calls().unwrap())
    }
}

/// Bytes of several blocks that end neither at a block nor in zeros.
fn pack_bytes() -> Vec<u8> {
    (0..10_000_u32).map(|n| (n % 251) as u8 + 1).collect()
}

fn require(holds: bool, what: &str) -> CheckResult {
    if holds { Ok(()) } else { Err(what.into()) }
}

fn say(folder: &Path, name: &str, text: &str) {
    std::fs::write(folder.join(name), text).unwrap();
}

#[test]
fn replacing_a_whole_file_leaves_the_old_or_the_new_one() {
    Protocol {
        prepare: |root| say(root, "refs", "old"),
        work: |disk, root| disk.replace_whole(&root.join("refs"), b"new", 0o600),
        check: |state, folder| {
            let bytes = std::fs::read(folder.join("refs"))?;
            let old = bytes == b"old" && !state.has_mark(DONE);
            require(bytes == b"new" || old, "refs are neither old nor new")
        },
    }
    .assert_right_and_lean();
}

#[test]
fn creating_a_whole_file_leaves_nothing_or_all_of_it() {
    Protocol {
        prepare: |_| {},
        work: |disk, root| disk.create_whole(&root.join("entry"), &pack_bytes(), 0o444),
        check: |state, folder| match std::fs::read(folder.join("entry")) {
            Ok(bytes) => require(bytes == pack_bytes(), "the entry is torn"),
            Err(_) => require(!state.has_mark(DONE), "the entry is lost"),
        },
    }
    .assert_right_and_lean();
}

#[test]
fn a_pack_written_by_several_threads_is_there_whole_or_not_at_all() {
    Protocol {
        prepare: |root| std::fs::create_dir(root.join("packs")).unwrap(),
        work: |disk, root| {
            let packs = root.join("packs");
            let file = disk.create_temporary(&packs, 0o444)?;
            let bytes = pack_bytes();
            file.allocate(bytes.len() as u64)?;
            std::thread::scope(|scope| {
                let writers: Vec<_> = bytes
                    .chunks(4000)
                    .enumerate()
                    .map(|(n, part)| {
                        let file = &file;
                        scope.spawn(move || file.write_all_at(n as u64 * 4000, part))
                    })
                    .collect();
                writers.into_iter().try_for_each(|writer| writer.join().unwrap())
            })?;
            file.persist(&packs.join("pack"), OnExisting::Refuse)
        },
        check: |state, folder| match std::fs::read(folder.join("packs/pack")) {
            Ok(bytes) => require(bytes == pack_bytes(), "the pack is torn"),
            Err(_) => require(!state.has_mark(DONE), "the pack is lost"),
        },
    }
    .assert_right_and_lean();
}

#[test]
fn an_appended_entry_is_there_once_acknowledged_and_never_harms_the_ones_before() {
    Protocol {
        prepare: |root| say(root, "log", "one;"),
        work: |disk, root| {
            let log = disk.open_file(&root.join("log"))?;
            let at = log.len()?;
            log.write_all_at(at, b"two;")?;
            log.sync()
        },
        check: |state, folder| {
            let log = std::fs::read(folder.join("log"))?;
            require(log.starts_with(b"one;"), "the old entry is lost")?;
            let whole = log == b"one;two;";
            require(whole || !state.has_mark(DONE), "the new entry is lost")
        },
    }
    .assert_right_and_lean();
}

#[test]
fn objects_come_before_the_entry_and_the_entry_before_the_ref() {
    Protocol {
        prepare: |root| {
            std::fs::create_dir(root.join("packs")).unwrap();
            say(root, "log", "one;");
            say(root, "refs", "4");
        },
        work: |disk, root| {
            disk.create_whole(&root.join("packs/two"), &pack_bytes(), 0o444)?;
            let log = disk.open_file(&root.join("log"))?;
            log.write_all_at(4, b"two;")?;
            log.sync()?;
            disk.replace_whole(&root.join("refs"), b"8", 0o600)
        },
        check: |state, folder| {
            let log = std::fs::read(folder.join("log"))?;
            let refs = std::fs::read_to_string(folder.join("refs"))?;
            let named: usize = refs.parse()?;
            require(log.len() >= named, "the log is shorter than the refs say")?;
            require(log.starts_with(&b"one;two;"[..named]), "the log is torn below the refs")?;
            if log == b"one;two;" {
                let pack = std::fs::read(folder.join("packs/two"))?;
                require(pack == pack_bytes(), "an entry names a torn pack")?;
            }
            require(named == 8 || !state.has_mark(DONE), "the ref is old")
        },
    }
    .assert_right_and_lean();
}

#[test]
fn missing_folders_are_there_once_acknowledged() {
    Protocol {
        prepare: |_| {},
        work: |disk, root| disk.create_dir_all_synced(&root.join("a/b/c"), 0o700),
        check: |state, folder| {
            let there = folder.join("a/b/c").is_dir();
            require(there || !state.has_mark(DONE), "a folder is lost")
        },
    }
    .assert_right_and_lean();
}

#[test]
fn a_bulk_write_is_there_whole_once_its_folder_has_its_name() {
    Protocol {
        prepare: |_| {},
        work: |disk, root| {
            let root = disk.open_dir(root)?;
            root.create_dir("tmp-out", 0o700)?;
            let out = root.sub_dir("tmp-out")?;
            for n in 0..4 {
                out.create_file(format!("file{n}"), 0o600)?.append(b"content")?;
            }
            out.create_dir("sub", 0o700)?;
            out.sub_dir("sub")?.symlink(Path::new("../file0"), "link")?;
            root.sync_filesystem()?;
            root.rename("tmp-out", &root, "out", OnExisting::Refuse)?;
            root.sync()
        },
        check: |state, folder| {
            let out = folder.join("out");
            if !out.exists() {
                return require(!state.has_mark(DONE), "the folder is lost");
            }
            for n in 0..4 {
                let bytes = std::fs::read(out.join(format!("file{n}")))?;
                require(bytes == b"content", "a file is torn")?;
            }
            let link = std::fs::read_link(out.join("sub/link"))?;
            require(link == Path::new("../file0"), "the link is wrong")
        },
    }
    .assert_right_and_lean();
}

#[test]
fn an_exchange_leaves_both_files_whole_under_either_name() {
    Protocol {
        prepare: |root| say(root, "f", "old"),
        work: |disk, root| {
            let dir = disk.open_dir(root)?;
            let file = dir.create_temporary(0o600)?;
            file.append(b"new")?;
            file.sync()?;
            let kept = file.exchange_with(&dir, "f")?;
            dir.rename(kept, &dir, "undo", OnExisting::Refuse)?;
            dir.sync()
        },
        check: |state, folder| {
            let names = std::fs::read_dir(folder)?;
            let mut old_is_kept = false;
            for name in names {
                old_is_kept |= std::fs::read(name?.path())? == b"old";
            }
            require(old_is_kept, "the old file is lost")?;
            let bytes = std::fs::read(folder.join("f"))?;
            let old = bytes == b"old" && !state.has_mark(DONE);
            require(bytes == b"new" || old, "f is neither old nor new")?;
            let undo = folder.join("undo").exists();
            require(undo || !state.has_mark(DONE), "what was swapped out has no name")
        },
    }
    .assert_right_and_lean();
}
