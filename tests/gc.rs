//! What is collected, and what never is.

mod support;

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant, SystemTime};

use aisr::disk::Disk;
use aisr::history::{RefError, create_branch};
use aisr::log::RefName;
use aisr::object::{BlobId, CommitId, Level, ObjectType};
use aisr::repo::{Identity, RepoError, Repository};
use aisr::store::{Lookup, StoreError};
use aisr::upkeep::{GcError, GcOptions, GcReport, gc};
use aisr::worktree::{
    CommitOptions, CommitOutcome, Direction, Progress, RestoreOptions, UndoOptions, amend, commit,
    restore, undo,
};
use support::soundness::{fsck, read_commit, sound_head};
use support::{Quiet, Random, identity, must_commit, new_repository, scratch, snapshot, write};

const DAY: Duration = Duration::from_secs(24 * 3600);

/// Keeps nothing for the sake of its age.
fn all() -> GcOptions {
    GcOptions {
        keep: Duration::ZERO,
        now: true,
        dry_run: false,
        at: SystemTime::now() + DAY,
        patience: Duration::from_secs(20),
    }
}

fn collect(root: &Path, options: &GcOptions) -> GcReport {
    let repo = Repository::open(Disk::new(), root).unwrap();
    gc(&repo, options).unwrap()
}

fn options<'a>(me: &'a Identity, message: &str, progress: &'a dyn Progress) -> CommitOptions<'a> {
    CommitOptions {
        manifest: None,
        identity: me,
        message: Some(message.into()),
        author: None,
        acting_for: Vec::new(),
        allow_empty: false,
        paths: &[],
        level: Level::BestEffort,
        allowed_secrets: &[],
        quiesce: None,
        threads: 1,
        progress,
    }
}

fn must_amend(repo: &Repository, me: &Identity) -> CommitId {
    match amend(repo, &options(me, "amended", &Quiet)).unwrap() {
        CommitOutcome::Made(report) => report.id,
        CommitOutcome::Nothing { .. } => panic!("nothing to amend"),
    }
}

fn random_bytes(seed: u64, len: usize) -> Vec<u8> {
    let mut bytes = vec![0; len];
    blake3::Hasher::new().update(&seed.to_le_bytes()).finalize_xof().fill(&mut bytes);
    bytes
}

/// A repository whose first state was replaced by another, both with a file in many chunks: only
/// the log leads to the first.
fn replaced() -> (tempfile::TempDir, Identity, CommitId, CommitId) {
    let (root, me) = (scratch(), identity());
    let repo = new_repository(&Disk::new(), root.path(), &me);
    write(root.path(), "a", b"one");
    write(root.path(), "kept", b"the same in both");
    write(root.path(), "model.bin", &random_bytes(1, 700 << 10));
    let old = must_commit(&repo, &me, "first");
    write(root.path(), "a", b"two");
    write(root.path(), "model.bin", &random_bytes(2, 700 << 10));
    let new = must_amend(&repo, &me);
    (root, me, old, new)
}

fn packs(root: &Path) -> BTreeSet<PathBuf> {
    let entries = fs::read_dir(root.join(".aisr/packs")).unwrap();
    entries.map(|entry| entry.unwrap().path()).collect()
}

#[test]
fn what_only_an_old_log_entry_leads_to_goes_and_its_commit_stays_a_statement() {
    let (root, me, old, new) = replaced();
    let report = collect(root.path(), &all());
    assert!(report.removed.blobs > 3 && report.removed.nodes == 2, "{report:?}");
    assert_eq!((report.removed.commits, report.expired_commits), (0, 1));
    assert!(report.bytes_after < report.bytes_before - (600 << 10), "{report:?}");
    assert_eq!(sound_head(root.path()).unwrap().unwrap(), (new, snapshot(root.path())));

    let repo = Repository::open(Disk::new(), root.path()).unwrap();
    let stored = repo.commit(old).unwrap();
    assert!(repo.judge(&stored).is_good());
    assert!(read_commit(&repo, old).is_err(), "its content is still there");
    let found = fsck(root.path());
    assert!(found.is_good() && found.expired_commits == 1, "{found:?}");
    let name = RefName::branch("back").unwrap();
    let refused = create_branch(&repo, &name, old);
    let expected = matches!(&refused, Err(RefError::Repo(RepoError::Expired { commit }))
        if *commit == old.id());
    assert!(expected, "{refused:?}");

    write(root.path(), "a", b"three");
    must_commit(&repo, &me, "goes on");
    assert_eq!(sound_head(root.path()).unwrap().unwrap().1, snapshot(root.path()));
}

#[test]
fn what_a_recent_log_entry_leads_to_stays_whole() {
    let (root, _, old, _) = replaced();
    let options = GcOptions { keep: 90 * DAY, ..all() };
    let report = collect(root.path(), &options);
    assert_eq!(report.removed.objects(), 0, "{report:?}");
    let repo = Repository::open(Disk::new(), root.path()).unwrap();
    read_commit(&repo, old).unwrap();
    let later = GcOptions { at: SystemTime::now() + 91 * DAY, ..options };
    assert!(collect(root.path(), &later).removed.blobs > 3);
}

#[test]
fn what_was_stored_lately_stays_unless_it_is_asked_for() {
    let (root, ..) = replaced();
    let young = GcOptions { now: false, at: SystemTime::now() + DAY, ..all() };
    let report = collect(root.path(), &young);
    assert!(report.removed.objects() == 0 && report.waiting_packs > 0, "{report:?}");
    assert!(report.waiting_bytes > 600 << 10, "{report:?}");
    let old = GcOptions { at: SystemTime::now() + 15 * DAY, ..young };
    assert!(collect(root.path(), &old).removed.blobs > 3);
    let report = collect(root.path(), &all());
    assert!(report.is_nothing(), "{report:?}");
}

#[test]
fn a_look_changes_nothing_and_tells_what_the_collection_does() {
    let (root, ..) = replaced();
    let before = packs(root.path());
    let told = collect(root.path(), &GcOptions { dry_run: true, ..all() });
    assert_eq!(packs(root.path()), before);
    let done = collect(root.path(), &all());
    assert_eq!(told.removed, done.removed);
    assert!(told.removed.objects() > 0 && packs(root.path()) != before);
}

#[test]
fn a_second_collection_finds_nothing_and_believes_so_only_while_nothing_happens() {
    let (root, me, ..) = replaced();
    collect(root.path(), &all());
    assert!(collect(root.path(), &all()).is_nothing());
    let repo = Repository::open(Disk::new(), root.path()).unwrap();
    write(root.path(), "a", b"three");
    must_amend(&repo, &me);
    let report = collect(root.path(), &all());
    assert!(report.removed.objects() > 0, "{report:?}");
}

#[test]
fn what_can_be_undone_and_done_again_stays() {
    let (root, _, old, _) = replaced();
    let repo = Repository::open(Disk::new(), root.path()).unwrap();
    let path = aisr::object::RepoPath::parse(b"a").unwrap();
    let options = RestoreOptions { from: old, paths: &[path], threads: 1, progress: &Quiet };
    restore(&repo, &options).unwrap();
    let go = |direction| {
        let options = UndoOptions { direction, force: false, threads: 1, progress: &Quiet };
        undo(&repo, &options).unwrap();
    };
    collect(root.path(), &all());
    go(Direction::Undo);
    assert_eq!(fs::read(root.path().join("a")).unwrap(), b"two");
    collect(root.path(), &all());
    go(Direction::Redo);
    assert_eq!(fs::read(root.path().join("a")).unwrap(), b"one");
    let refused = repo.store().blob(BlobId::of(&random_bytes(1, 700 << 10)));
    assert!(matches!(refused, Err(StoreError::Absent { .. })), "the rest of it stayed");
}

#[test]
fn an_undo_to_what_was_collected_is_refused() {
    let (root, ..) = replaced();
    collect(root.path(), &all());
    let repo = Repository::open(Disk::new(), root.path()).unwrap();
    let direction = Direction::Undo;
    let refused =
        undo(&repo, &UndoOptions { direction, force: false, threads: 1, progress: &Quiet });
    assert!(refused.unwrap_err().to_string().contains("was collected"));
}

#[test]
fn nothing_goes_where_something_is_missing() {
    let (root, ..) = replaced();
    let repo = Repository::open(Disk::new(), root.path()).unwrap();
    let new = repo.log().unwrap().refs().head_object().unwrap();
    let holds = |pack: &&std::sync::Arc<aisr::store::PackFile>| pack.find(new).unwrap().is_some();
    let pack = repo.store().pack_files().iter().find(holds).unwrap().id();
    fs::remove_file(repo.store().pack_path(pack)).unwrap();
    let before = packs(root.path());
    let repo = Repository::open(Disk::new(), root.path()).unwrap();
    let refused = gc(&repo, &all());
    assert!(matches!(refused, Err(GcError::Incomplete { .. })), "{refused:?}");
    assert_eq!(packs(root.path()), before);
}

#[test]
fn nothing_goes_where_a_pack_does_not_open() {
    let (root, ..) = replaced();
    let name = root.path().join(format!(".aisr/packs/{}.pack", "0".repeat(64)));
    fs::write(name, b"no pack").unwrap();
    let before = packs(root.path());
    let repo = Repository::open(Disk::new(), root.path()).unwrap();
    let refused = gc(&repo, &all());
    assert!(matches!(refused, Err(GcError::DamagedPacks { .. })), "{refused:?}");
    assert_eq!(packs(root.path()), before);
}

#[test]
fn a_file_whose_chunks_were_collected_is_stored_again_though_its_recipe_stayed() {
    let (root, me, ..) = replaced();
    // The packs with chunks grow old, the others do not.
    let repo = Repository::open(Disk::new(), root.path()).unwrap();
    for pack in repo.store().pack_files().iter() {
        if pack.kind() == aisr::store::PackKind::Data {
            let file = File::open(repo.store().pack_path(pack.id())).unwrap();
            file.set_modified(SystemTime::now() - 20 * DAY).unwrap();
        }
    }
    let at = SystemTime::now() + DAY / 24;
    let report = collect(root.path(), &GcOptions { now: false, at, ..all() });
    assert!(report.empty_packs == 1 && report.removed.recipes == 0, "{report:?}");
    let repo = Repository::open(Disk::new(), root.path()).unwrap();
    write(root.path(), "model.bin", &random_bytes(1, 700 << 10));
    must_commit(&repo, &me, "again");
    assert_eq!(sound_head(root.path()).unwrap().unwrap().1, snapshot(root.path()));
}

/// Lets a collection run up to where it waits for writers, once, while a commit is under way.
struct CollectsMeanwhile<'a> {
    root: &'a Path,
    begun: AtomicBool,
    started: &'a (dyn Fn() + Sync),
}

impl Progress for CollectsMeanwhile<'_> {
    fn total(&self, _: u64) {}

    fn advance(&self, _: u64, _: u64) {
        if self.begun.swap(true, Ordering::Relaxed) {
            return;
        }
        (self.started)();
        let doomed = self.root.join(".aisr/local/doomed");
        let begun = Instant::now();
        while !doomed.exists() {
            assert!(begun.elapsed() < Duration::from_secs(60), "no pack was doomed");
            std::thread::sleep(Duration::from_millis(2));
        }
    }
}

#[test]
fn what_a_writer_finds_while_its_pack_is_doomed_is_kept() {
    let (root, me, ..) = replaced();
    let root = root.path();
    let repo = Repository::open(Disk::new(), root).unwrap();
    // The very content that the collection is about to remove.
    write(root, "model.bin", &random_bytes(1, 700 << 10));
    write(root, "a", b"one");
    std::thread::scope(|scope| {
        let (sender, receiver) = std::sync::mpsc::channel();
        let started = || {
            let sender = sender.clone();
            scope.spawn(move || sender.send(collect(root, &all())).unwrap());
        };
        let progress = CollectsMeanwhile { root, begun: AtomicBool::new(false), started: &started };
        let made = commit(&repo, &options(&me, "finds old objects", &progress)).unwrap();
        let CommitOutcome::Made(made) = made else { panic!("nothing to commit") };
        assert!(made.stored < 100 << 10, "it stored anew what was there: {}", made.stored);
        let report = receiver.recv_timeout(Duration::from_secs(60)).unwrap();
        assert!(!report.busy, "{report:?}");
    });
    assert_eq!(sound_head(root).unwrap().unwrap().1, snapshot(root));
    assert!(!root.join(".aisr/local/doomed").exists());
}

#[test]
fn what_a_writer_finds_after_its_pack_was_doomed_does_not_count() {
    let (root, _, old, _) = replaced();
    let repo = Repository::open(Disk::new(), root.path()).unwrap();
    let store = repo.store();
    let doomed = store.pack_files().iter().map(|pack| pack.id()).collect();
    let upkeep = store.upkeep(aisr::disk::Wait::NO).unwrap();
    store.doom(&upkeep, &doomed).unwrap();
    let lease = store.lease().unwrap();
    assert!(!store.is_present(old.id()).unwrap());
    assert!(!store.has_blob(BlobId::of(b"kept")).unwrap());
    assert!(store.writer(&lease).claim(old.id()).unwrap());
    assert!(matches!(store.kind(old.id()).unwrap(), Lookup::Here(ObjectType::Commit)));
    drop(lease);
    store.spare(&upkeep).unwrap();
    let _lease = store.lease().unwrap();
    assert!(store.is_present(old.id()).unwrap());
}

#[test]
fn a_store_that_was_open_all_the_time_does_not_count_on_what_was_collected() {
    let (root, me, ..) = replaced();
    let open = Repository::open(Disk::new(), root.path()).unwrap();
    // Looks into every pack once, so that it has all of them open.
    assert!(open.store().has_blob(BlobId::of(&random_bytes(1, 700 << 10))).unwrap());
    collect(root.path(), &all());
    write(root.path(), "model.bin", &random_bytes(1, 700 << 10));
    must_commit(&open, &me, "again");
    assert_eq!(sound_head(root.path()).unwrap().unwrap().1, snapshot(root.path()));
}

#[test]
fn writers_that_never_end_are_not_waited_for_without_end() {
    let (root, ..) = replaced();
    let repo = Repository::open(Disk::new(), root.path()).unwrap();
    let lease = repo.store().lease().unwrap();
    let options = GcOptions { patience: Duration::from_millis(50), ..all() };
    let report = collect(root.path(), &options);
    assert!(report.busy && report.removed.objects() == 0, "{report:?}");
    assert!(fsck(root.path()).is_good());
    drop(lease);
    let report = collect(root.path(), &all());
    assert!(!report.busy && report.removed.blobs > 3, "{report:?}");
    assert!(collect(root.path(), &all()).is_nothing());
    assert!(fsck(root.path()).is_good());
}

#[test]
fn what_a_dead_writer_left_half_written_goes() {
    let (root, ..) = replaced();
    let left = root.path().join(".aisr/packs/tmp-0123456789abcdef");
    fs::write(&left, [0; 1000]).unwrap();
    fs::write(root.path().join(".aisr/packs/tmp-notes"), b"somebody's").unwrap();
    let report = collect(root.path(), &all());
    assert_eq!((report.temporaries, report.temporary_bytes), (1, 1000));
    assert!(!left.exists() && root.path().join(".aisr/packs/tmp-notes").exists());
}

#[test]
fn random_histories_lose_only_what_nothing_leads_to() {
    for seed in 0..6 {
        println!("seed {seed}");
        let (root, me) = (scratch(), identity());
        let repo = new_repository(&Disk::new(), root.path(), &me);
        let mut random = Random(seed);
        let mut named = Vec::new();
        for round in 0..12 {
            for _ in 0..=random.below(3) {
                let name = format!("d{}/f{}", random.below(3), random.below(4));
                write(root.path(), &name, format!("{round} {}", random.below(9)).as_bytes());
            }
            if random.below(3) == 0 {
                let seed = random.below(3) as u64;
                write(root.path(), "model.bin", &random_bytes(seed, 400 << 10));
            }
            let made = match round > 0 && random.below(2) == 0 {
                true => amend(&repo, &options(&me, "amended", &Quiet)),
                false => commit(&repo, &options(&me, "made", &Quiet)),
            };
            let Ok(CommitOutcome::Made(made)) = made else { continue };
            if random.below(3) == 0 {
                let name = RefName::branch(&format!("b{round}")).unwrap();
                create_branch(&repo, &name, made.id).unwrap();
                named.push((made.id, snapshot(root.path())));
            }
            if random.below(3) == 0 {
                collect(root.path(), &all());
            }
        }
        collect(root.path(), &all());
        let repo = Repository::open(Disk::new(), root.path()).unwrap();
        for (id, tree) in named {
            assert_eq!(read_commit(&repo, id).unwrap(), tree, "seed {seed}");
        }
        let report = fsck(root.path());
        assert!(report.is_good(), "seed {seed}: {report:?}");
    }
}
