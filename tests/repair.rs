//! Damage of every kind of file in a repository, one by one: what is derived is made anew, what is
//! lost is named, and nothing else changes.

mod support;

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use aisr::disk::crash::{Budget, CheckResult, StateInfo};
use aisr::disk::{Disk, FaultPlan};
use aisr::object::CommitId;
use aisr::repo::{Identity, Repository};
use aisr::upkeep::{RepairError, RepairOptions, RepairReport, repair};
use support::soundness::{Tree, chain, fsck, read_commit, sound_head};
use support::{
    Quiet, copy_folder, identity, must_commit, new_repository, scratch, snapshot, write,
    write_fewer_bytes,
};

/// A repository of three commits, what each holds, and a copy of it.
struct Subject {
    folder: tempfile::TempDir,
    copy: tempfile::TempDir,
    me: Identity,
    commits: Vec<(CommitId, Tree)>,
}

/// What happens to a file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Damage {
    Flip,
    Truncate,
    Empty,
    Remove,
    Folder,
    Link,
    Pipe,
}

const DAMAGES: [Damage; 7] = [
    Damage::Flip,
    Damage::Truncate,
    Damage::Empty,
    Damage::Remove,
    Damage::Folder,
    Damage::Link,
    Damage::Pipe,
];

impl Subject {
    fn new() -> Subject {
        let (folder, copy, me) = (scratch(), scratch(), identity());
        let root = folder.path();
        let repo = new_repository(&Disk::new(), root, &me);
        let commits = (1..=3).map(|version| {
            write_fewer_bytes(root, version);
            // Does not shrink, so that a flipped bit hits it and nothing else.
            let noise: Vec<u8> = (0..50_000u32)
                .flat_map(|n| blake3::hash(&n.to_le_bytes()).as_bytes()[..8].to_vec())
                .collect();
            write(root, "noise.bin", &noise);
            write(root, &format!("notes/{version}"), &[version; 40]);
            (must_commit(&repo, &me, "another"), snapshot(root))
        });
        let commits = commits.collect();
        copy_folder(root, copy.path());
        Subject { folder, copy, me, commits }
    }

    fn root(&self) -> &Path {
        self.folder.path()
    }

    fn aisr(&self, path: &str) -> PathBuf {
        self.root().join(".aisr").join(path)
    }

    /// Puts everything back as it was.
    fn reset(&self) {
        let path = self.root().join(".aisr");
        if path.symlink_metadata().is_ok() {
            std::fs::remove_dir_all(&path).unwrap();
        }
        copy_folder(&self.copy.path().join(".aisr"), &self.root().join(".aisr"));
        std::fs::set_permissions(self.root().join(".aisr"), PermissionsExt::from_mode(0o700))
            .unwrap();
    }

    fn packs(&self) -> Vec<PathBuf> {
        let entries = std::fs::read_dir(self.aisr("packs")).unwrap();
        let mut packs: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
        packs.sort_by_key(|path| std::fs::metadata(path).map_or(0, |m| m.len()));
        packs
    }

    fn log(&self) -> PathBuf {
        std::fs::read_dir(self.aisr("log")).unwrap().next().unwrap().unwrap().path()
    }

    fn repair(&self) -> RepairReport {
        mend(&Disk::new(), self.root(), None, false).unwrap()
    }

    fn repair_from_copy(&self) -> RepairReport {
        mend(&Disk::new(), self.root(), Some(self.copy.path()), false).unwrap()
    }

    /// All is as it was before the damage, and the next commit works.
    #[track_caller]
    fn assert_restored(&self, what: &str) {
        let head = sound_head(self.root()).unwrap_or_else(|e| panic!("{what}: {e}"));
        assert_eq!(head, self.commits.last().cloned(), "{what}: another HEAD");
        let repo = Repository::open(Disk::new(), self.root()).unwrap();
        for (id, tree) in &self.commits {
            assert!(read_commit(&repo, *id).unwrap() == *tree, "{what}: {id} reads otherwise");
        }
        self.assert_idle(what);
        write(self.root(), "after", what.as_bytes());
        must_commit(&repo, &self.me, "after the repair");
        sound_head(self.root()).unwrap_or_else(|e| panic!("{what}, after a commit: {e}"));
        std::fs::remove_file(self.root().join("after")).unwrap();
    }

    /// A second run finds nothing to do.
    #[track_caller]
    fn assert_idle(&self, what: &str) {
        let again = self.repair();
        assert!(again.is_idle(), "{what}: a second run did {again:?}");
    }
}

fn mend(
    disk: &Disk,
    root: &Path,
    from: Option<&Path>,
    dry_run: bool,
) -> Result<RepairReport, RepairError> {
    repair(disk, root, &RepairOptions { dry_run, from, threads: 2, progress: &Quiet })
}

/// Damages the file at `path`, as the owner of the disk would find it one day.
fn damage(path: &Path, damage: Damage) {
    let bytes = std::fs::read(path).unwrap();
    std::fs::remove_file(path).unwrap();
    let write = |bytes: &[u8]| std::fs::write(path, bytes).unwrap();
    match damage {
        Damage::Flip => {
            let mut bytes = bytes;
            let at = bytes.len() / 2;
            bytes[at] ^= 4;
            write(&bytes);
        }
        Damage::Truncate => write(&bytes[..bytes.len() / 2]),
        Damage::Empty => write(b""),
        Damage::Remove => {}
        Damage::Folder => std::fs::create_dir(path).unwrap(),
        Damage::Link => std::os::unix::fs::symlink("/nowhere/at/all", path).unwrap(),
        Damage::Pipe => {
            let made = std::process::Command::new("mkfifo").arg(path).status().unwrap();
            assert!(made.success());
        }
    }
}

fn flip(path: &Path, at: usize) {
    let mut bytes = std::fs::read(path).unwrap();
    bytes[at] ^= 1;
    std::fs::remove_file(path).unwrap();
    std::fs::write(path, bytes).unwrap();
}

/// All files below a folder, with their bytes.
fn contents(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut todo = vec![folder.to_path_buf()];
    while let Some(dir) = todo.pop() {
        for entry in std::fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            match path.is_dir() {
                true => todo.push(path),
                false => drop(found.insert(path.clone(), std::fs::read(&path).unwrap())),
            }
        }
    }
    found
}

#[test]
fn what_is_derived_is_made_anew() {
    let subject = Subject::new();
    let files = [
        "format",
        "refs",
        "local/replica-key",
        "local/verified",
        "local/stat-cache",
        "local/folder-lock",
        "local/lease",
        "local/log-lock",
    ];
    for file in files {
        for kind in DAMAGES {
            subject.reset();
            let path = subject.aisr(file);
            let is_empty = std::fs::metadata(&path).is_ok_and(|m| m.len() == 0);
            if !path.exists() || (is_empty && matches!(kind, Damage::Flip | Damage::Truncate)) {
                continue;
            }
            damage(&path, kind);
            subject.repair();
            subject.assert_restored(&format!("{kind:?} of {file}"));
        }
    }
}

#[test]
fn folders_that_are_missing_or_no_folders_are_made_anew() {
    let subject = Subject::new();
    std::fs::remove_dir_all(subject.aisr("local")).unwrap();
    let report = subject.repair();
    assert!(report.steps.iter().any(|step| step.what == "local/replica-key"), "{report:?}");
    subject.assert_restored("no local folder");
    subject.reset();
    std::fs::remove_dir_all(subject.aisr("local")).unwrap();
    std::fs::write(subject.aisr("local"), b"no folder").unwrap();
    subject.repair();
    subject.assert_restored("a file in place of the local folder");
    for folder in ["packs", "log"] {
        subject.reset();
        std::fs::remove_dir_all(subject.aisr(folder)).unwrap();
        subject.repair_from_copy();
        subject.assert_restored(&format!("no folder {folder}"));
    }
}

#[test]
fn a_log_that_is_damaged_gives_way_to_a_new_one_that_keeps_every_ref() {
    let subject = Subject::new();
    for kind in DAMAGES {
        subject.reset();
        let before = std::fs::read(subject.log()).unwrap();
        let name = subject.log().file_name().unwrap().to_string_lossy().into_owned();
        damage(&subject.log(), kind);
        let path = subject.aisr(&format!("log/{name}"));
        let damaged = path.is_file().then(|| std::fs::read(&path).unwrap());
        let report = subject.repair();
        assert!(report.steps.iter().any(|step| step.what == "log"), "{kind:?}: {report:?}");
        let repo = Repository::open(Disk::new(), subject.root()).unwrap();
        let mut kinds = Vec::new();
        repo.log().unwrap().walk(&mut |_, entry| kinds.push(entry.cause)).unwrap();
        assert_eq!(kinds[0].kind, "open", "{kind:?}");
        if matches!(kind, Damage::Flip | Damage::Truncate) {
            assert_eq!(kinds[0].ids.len(), 1, "{kind:?}: the log before is not named");
            let kept = std::fs::read(subject.aisr(&format!("local/damaged/log-{name}"))).ok();
            assert_eq!(kept, damaged, "{kind:?}: the damaged log is not kept");
        }
        assert_ne!(std::fs::read(subject.log()).unwrap(), before);
        subject.assert_restored(&format!("{kind:?} of the log"));
    }
}

#[test]
fn where_refs_and_log_are_damaged_the_sound_entries_say_where_refs_are() {
    let subject = Subject::new();
    damage(&subject.log(), Damage::Flip);
    damage(&subject.aisr("refs"), Damage::Flip);
    let report = subject.repair();
    let told = report.steps.iter().find(|step| step.what == "log").unwrap();
    assert!(told.detail.contains("is damaged (an entry does not match its checksum)"), "{told:?}");
    subject.assert_restored("refs and log");
}

#[test]
fn without_refs_and_log_the_tips_of_what_is_here_become_branches() {
    let subject = Subject::new();
    damage(&subject.log(), Damage::Remove);
    damage(&subject.aisr("refs"), Damage::Remove);
    subject.repair();
    subject.assert_restored("no refs and no log");
}

#[test]
fn a_format_of_a_newer_version_is_left_alone() {
    let subject = Subject::new();
    let newer = b"aisr-format 7\nsomething else\n";
    std::fs::write(subject.aisr("format"), newer).unwrap();
    let error = mend(&Disk::new(), subject.root(), None, false).unwrap_err();
    assert!(matches!(error, RepairError::Newer { .. }), "{error}");
    assert_eq!(std::fs::read(subject.aisr("format")).unwrap(), newer);
    // One damaged digit is not a newer version.
    subject.reset();
    flip(&subject.aisr("format"), "aisr-format ".len());
    subject.repair();
    subject.assert_restored("a damaged version");
}

#[test]
fn a_pack_whose_records_are_whole_loses_nothing() {
    let subject = Subject::new();
    let packs: Vec<String> = subject
        .packs()
        .iter()
        .map(|path| path.file_name().unwrap().to_string_lossy().into_owned())
        .collect();
    for name in packs {
        let path = subject.aisr("packs").join(&name);
        let len = std::fs::metadata(&path).unwrap().len() as usize;
        let footer = u64::from_le_bytes(
            std::fs::read(&path).unwrap()[len - 32..len - 24].try_into().unwrap(),
        ) as usize;
        // Header of the pack, header of the first record, head and rows of the footer, trailer.
        for at in [2, 20, 40, footer + 20, footer + 60, len - 30, len - 3] {
            subject.reset();
            flip(&path, at);
            let report = subject.repair();
            assert_eq!(report.packs.len(), 1, "byte {at} of {name}: {report:?}");
            assert_eq!(report.lost, 0, "byte {at} of {name}: {report:?}");
            assert!(report.packs[0].kept > 0, "byte {at} of {name}: {report:?}");
            let kept = subject.aisr("local/damaged").join(&name);
            assert!(kept.is_file(), "byte {at} of {name}: the damaged pack is gone");
            subject.assert_restored(&format!("byte {at} of {name}"));
        }
        // The footer cut off.
        subject.reset();
        let bytes = std::fs::read(&path).unwrap();
        std::fs::remove_file(&path).unwrap();
        std::fs::write(&path, &bytes[..footer]).unwrap();
        let report = subject.repair();
        assert_eq!((report.lost, report.packs[0].lost), (0, None), "{report:?}");
        subject.assert_restored("a pack without its footer");
    }
}

#[test]
fn every_damage_of_every_pack_heals_from_a_second_copy() {
    let subject = Subject::new();
    let names: Vec<_> =
        subject.packs().iter().map(|path| path.file_name().unwrap().to_owned()).collect();
    for name in names {
        for kind in DAMAGES {
            subject.reset();
            let path = subject.aisr("packs").join(&name);
            damage(&path, kind);
            // Nothing in the folder helps.
            let moved = subject.root().join("model.bin");
            let aside = std::fs::read(&moved).unwrap();
            std::fs::write(&moved, b"another").unwrap();
            let report = subject.repair_from_copy();
            std::fs::write(&moved, aside).unwrap();
            assert!(report.is_whole(), "{kind:?} of {name:?}: {report:?}");
            subject.assert_restored(&format!("{kind:?} of {name:?}"));
        }
    }
}

#[test]
fn two_copies_that_are_damaged_at_different_places_make_one_whole() {
    let subject = Subject::new();
    let packs = subject.packs();
    let copied = subject.copy.path().join(".aisr/packs");
    // In the copy all trailers are damaged; here one pack after the other is gone.
    for pack in &packs {
        let path = copied.join(pack.file_name().unwrap());
        let len = std::fs::metadata(&path).unwrap().len() as usize;
        flip(&path, len - 20);
    }
    let before = contents(&subject.copy.path().join(".aisr"));
    for pack in &packs {
        std::fs::remove_file(pack).unwrap();
    }
    let report = subject.repair_from_copy();
    assert!(report.is_whole() && report.from_copy > 0, "{report:?}");
    subject.assert_restored("two damaged copies");
    assert!(contents(&subject.copy.path().join(".aisr")) == before, "the copy was written to");
}

#[test]
fn a_copy_that_lies_is_not_believed() {
    let subject = Subject::new();
    let largest = subject.packs().pop().unwrap();
    let name = largest.file_name().unwrap();
    let copied = subject.copy.path().join(".aisr/packs").join(name);
    let len = std::fs::metadata(&copied).unwrap().len() as usize;
    flip(&copied, len / 2);
    std::fs::remove_file(&largest).unwrap();
    std::fs::write(subject.root().join("noise.bin"), b"gone here as well").unwrap();
    let report = subject.repair_from_copy();
    assert!(!report.is_whole() && report.lost > 0, "{report:?}");
    let repo = Repository::open(Disk::new(), subject.root()).unwrap();
    for (id, tree) in &subject.commits {
        assert!(read_commit(&repo, *id).map_or(true, |read| read == *tree), "{id} reads otherwise");
    }
}

/// Flips a bit in the payload of `noise.bin`, which lies in the largest pack.
fn lose_noise(subject: &Subject) {
    let largest = subject.packs().pop().unwrap();
    let len = std::fs::metadata(&largest).unwrap().len() as usize;
    flip(&largest, len / 2);
}

#[test]
fn a_lost_chunk_comes_back_from_the_working_folder() {
    let subject = Subject::new();
    lose_noise(&subject);
    let report = subject.repair();
    assert!(report.is_whole() && report.from_folder == 1, "{report:?}");
    subject.assert_restored("a lost chunk");
    // A file that changed elsewhere still has the chunk.
    subject.reset();
    lose_noise(&subject);
    let path = subject.root().join("noise.bin");
    let whole = std::fs::read(&path).unwrap();
    std::fs::write(&path, [&whole[..], b"and more"].concat()).unwrap();
    let report = subject.repair();
    std::fs::write(&path, whole).unwrap();
    assert!(report.is_whole(), "{report:?}");
    subject.assert_restored("a lost chunk of a file that changed");
}

#[test]
fn what_is_lost_is_named_and_a_later_commit_stores_it_again() {
    let subject = Subject::new();
    lose_noise(&subject);
    let path = subject.root().join("noise.bin");
    let whole = std::fs::read(&path).unwrap();
    std::fs::write(&path, b"not here").unwrap();
    let report = subject.repair();
    assert!(!report.is_whole(), "{report:?}");
    let place = &report.affected.places[0];
    assert_eq!((place.path.as_str(), place.commit_count), ("noise.bin", 3));
    assert_eq!(place.first, subject.commits[0].0.to_hex());
    assert_eq!(place.last, subject.commits[2].0.to_hex());
    assert!(place.objects[0].starts_with("blob "), "{place:?}");
    subject.assert_idle("a loss that stays");
    // The lost chunk no longer counts as present.
    std::fs::write(&path, whole).unwrap();
    write(subject.root(), "another", b"file");
    let repo = Repository::open(Disk::new(), subject.root()).unwrap();
    must_commit(&repo, &subject.me, "again");
    assert!(fsck(subject.root()).is_good(), "{:?}", fsck(subject.root()).problems);
}

#[test]
fn a_dry_run_changes_nothing_and_tells_the_same() {
    let subject = Subject::new();
    let largest = subject.packs().pop().unwrap();
    let smallest = subject.packs().remove(0);
    lose_noise(&subject);
    flip(&smallest, 2);
    damage(&subject.aisr("refs"), Damage::Flip);
    std::fs::write(subject.root().join("noise.bin"), b"not here").unwrap();
    let before = contents(subject.root());
    let dry = mend(&Disk::new(), subject.root(), None, true).unwrap();
    assert!(contents(subject.root()) == before, "a dry run wrote");
    let wet = subject.repair();
    assert_eq!(dry.packs.len(), wet.packs.len());
    assert!(!largest.exists() && wet.packs.len() == 2);
    let kept = |report: &RepairReport| report.packs.iter().map(|pack| pack.kept).sum::<u64>();
    assert_eq!(kept(&dry), kept(&wet));
    let steps = |report: &RepairReport| {
        report.steps.iter().map(|step| step.what.clone()).collect::<Vec<_>>()
    };
    assert_eq!(steps(&dry), steps(&wet));
}

#[test]
fn an_interrupted_operation_with_a_damaged_plan_is_moved_aside() {
    let subject = Subject::new();
    std::fs::create_dir_all(subject.aisr("undo/pending/files")).unwrap();
    std::fs::write(subject.aisr("undo/pending/plan"), b"no plan").unwrap();
    std::fs::write(subject.aisr("undo/pending/files/0"), b"set aside").unwrap();
    subject.repair();
    let kept = subject.aisr("local/damaged/undo-pending/files/0");
    assert_eq!(std::fs::read(kept).unwrap(), b"set aside");
    subject.assert_restored("a damaged plan");
}

/// Damages what a repair has to write for: a pack, refs, and the format.
fn damage_much(root: &Path) {
    let packs = std::fs::read_dir(root.join(".aisr/packs")).unwrap();
    let mut packs: Vec<_> = packs.map(|entry| entry.unwrap().path()).collect();
    packs.sort_by_key(|path| std::fs::metadata(path).unwrap().len());
    flip(&packs[packs.len() - 1], 20);
    let second = std::fs::metadata(&packs[0]).unwrap().len() as usize;
    flip(&packs[0], second / 3);
    damage(&root.join(".aisr/refs"), Damage::Flip);
    damage(&root.join(".aisr/format"), Damage::Empty);
    damage(&root.join(".aisr/local/replica-key"), Damage::Truncate);
}

#[test]
fn whatever_call_to_the_disk_fails_a_next_run_mends_it() {
    let subject = Subject::new();
    damage_much(subject.root());
    let (space, counting) = (scratch(), Disk::failing(FaultPlan::none()));
    let root = space.path().join("repo");
    copy_folder(subject.root(), &root);
    let from = Some(subject.copy.path());
    assert!(mend(&counting, &root, from, false).unwrap().is_whole());
    let calls = counting.calls().unwrap().all;
    assert!(calls > 20, "{calls}");
    for nth in 1..=calls {
        for fault in ["enospc", "eio"] {
            let plan: FaultPlan = format!("{fault}:{nth}").parse().unwrap();
            std::fs::remove_dir_all(&root).unwrap();
            copy_folder(subject.root(), &root);
            if let Err(error) = mend(&Disk::failing(plan), &root, from, false) {
                assert!(!chain(&error).is_empty());
            }
            let report = mend(&Disk::new(), &root, from, false).unwrap();
            assert!(report.is_whole(), "{fault}:{nth}: {report:?}");
            let head = sound_head(&root).unwrap_or_else(|e| panic!("{fault}:{nth}: {e}"));
            assert_eq!(head, subject.commits.last().cloned(), "{fault}:{nth}");
        }
    }
}

#[test]
fn a_crash_at_any_moment_leaves_what_a_next_run_mends() {
    let subject = Subject::new();
    damage_much(subject.root());
    let (disk, recorder) = Disk::recording(subject.root()).unwrap();
    let from = Some(subject.copy.path());
    assert!(mend(&disk, subject.root(), from, false).unwrap().is_whole());
    disk.mark("done");
    let check = |state: &StateInfo, folder: &Path| -> CheckResult {
        if !state.has_mark("done") {
            mend(&Disk::new(), folder, from, false)?;
        }
        match sound_head(folder)? == subject.commits.last().cloned() {
            true => Ok(()),
            false => Err("another HEAD".into()),
        }
    };
    let budget = Budget { exhaustive_up_to: 3, samples: 10, seed: 20_261_124 };
    let states = recorder.crash_states(budget);
    let checked = states.for_each_state(scratch().path(), check);
    println!("{:?}", checked.unwrap_or_else(|error| panic!("{error}")));
}
