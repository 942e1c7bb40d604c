//! Eight processes that commit, amend, name, read, check and collect at once, for as many seconds as
//! `AISR_STRESS_SECONDS` says (a few, if it says nothing).

mod support;

#[path = "support/program.rs"]
mod program;

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use aisr::disk::Disk;
use aisr::repo::Repository;
use aisr::upkeep::{CompactionBounds, compact_if_due};
use program::{Desk, Ran};
use support::soundness::{fsck, read_head};
use support::{Random, snapshot, write};

const SEED: u64 = 20_261_125;

struct Stress {
    desk: Desk,
    until: Instant,
    commits: Mutex<Vec<String>>,
    done: [AtomicU64; 5],
}

#[derive(Clone, Copy)]
enum Did {
    Commit,
    Amend,
    Name,
    Read,
    Collect,
}

impl Stress {
    fn count(&self, what: Did) {
        self.done[what as usize].fetch_add(1, Ordering::Relaxed);
    }

    fn again(&self) -> bool {
        Instant::now() < self.until
    }

    fn root(&self) -> std::path::PathBuf {
        self.desk.path()
    }

    /// Runs a command whose only excuse is one of these.
    #[track_caller]
    fn run(&self, arguments: &[&str], excuses: &[&str]) -> Option<Ran> {
        let ran = self.desk.run(arguments);
        if matches!(ran.code, Some(0 | 1)) {
            return Some(ran);
        }
        let excused = excuses.iter().any(|excuse| ran.stderr.contains(excuse));
        assert!(excused, "aisr {}: {}", arguments.join(" "), ran.stderr);
        None
    }
}

/// One of few contents, so that what was collected comes back.
fn content(which: usize) -> Vec<u8> {
    let mut bytes = vec![0; if which.is_multiple_of(3) { 400 << 10 } else { 900 }];
    blake3::Hasher::new().update(&which.to_le_bytes()).finalize_xof().fill(&mut bytes);
    bytes
}

fn commits(stress: &Stress, number: usize) {
    let mut random = Random(SEED + number as u64);
    while stress.again() {
        let name = format!("w{number}/{}.bin", random.below(3));
        write(&stress.root(), &name, &content(random.below(12)));
        let message = format!("{number}");
        let Some(ran) = stress.run(&["commit", "-m", &message], &["branch moved"]) else {
            continue;
        };
        if ran.code == Some(0) {
            let text = ran.text();
            let id = text.split_once("[main ").and_then(|(_, rest)| rest.split_once(']'));
            stress.commits.lock().unwrap().push(id.expect(&text).0.to_owned());
            stress.count(Did::Commit);
        }
    }
}

fn amends(stress: &Stress) {
    let mut random = Random(SEED + 100);
    while stress.again() {
        // At once, since others commit the folder meanwhile, and would commit half of it.
        let draft = stress.desk.outside("amended.bin");
        std::fs::write(&draft, content(random.below(12))).unwrap();
        std::fs::rename(&draft, stress.root().join("amended.bin")).unwrap();
        if stress.run(&["commit", "--amend", "-m", "amended"], &["branch moved"]).is_some() {
            stress.count(Did::Amend);
        }
    }
}

fn names(stress: &Stress) {
    let mut random = Random(SEED + 200);
    let mut named = Vec::new();
    while stress.again() {
        let known = stress.commits.lock().unwrap().clone();
        if known.is_empty() {
            continue;
        }
        let name = format!("b{}", random.below(1 << 20));
        // Often one that an amended commit has replaced.
        let target = &known[known.len() - 1 - random.below(known.len().min(6))];
        let excuses = ["was collected", "exists already"];
        if stress.run(&["branch", &name, target], &excuses).is_some() {
            named.push(name);
            stress.count(Did::Name);
        }
        if named.len() > 3 {
            let name = named.swap_remove(random.below(named.len()));
            stress.run(&["branch", "-D", &name], &[]);
        }
    }
}

fn reads(stress: &Stress) {
    while stress.again() {
        let head = || Repository::open(Disk::new(), &stress.root()).unwrap().log().unwrap();
        let before = head().refs().head_object();
        if before.is_none() {
            continue;
        }
        let ran = stress.desk.run(["cat", "HEAD:amended.bin"]);
        let known = (0..12).any(|which| content(which) == ran.stdout);
        // What an amended commit replaced may go while it is read; what HEAD names may not.
        let moved = head().refs().head_object() != before;
        let (length, stderr) = (ran.stdout.len(), ran.stderr);
        assert!(ran.code == Some(0) && known || moved, "cat: {length} unknown bytes, {stderr}");
        stress.count(Did::Read);
    }
}

fn checks(stress: &Stress) {
    while stress.again() {
        let report = fsck(&stress.root());
        assert!(report.is_good(), "{report:?}");
        stress.count(Did::Read);
    }
}

fn collects(stress: &Stress) {
    while stress.again() {
        let busy = "merges or collects";
        if stress.run(&["gc", "--now"], &[busy]).is_some() {
            stress.count(Did::Collect);
        }
    }
}

fn merges(stress: &Stress) {
    let repo = Repository::open(Disk::new(), &stress.root()).unwrap();
    while stress.again() {
        repo.store().reload().unwrap();
        compact_if_due(repo.store(), CompactionBounds::ALL).unwrap();
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn nothing_is_lost_while_others_commit_read_merge_and_collect() {
    let seconds = std::env::var("AISR_STRESS_SECONDS").ok().and_then(|text| text.parse().ok());
    let seconds = Duration::from_secs(seconds.unwrap_or(5));
    println!("seed {SEED}, {seconds:?}");
    let desk = Desk::new();
    desk.ok(["config", "--repo", "gc.keep", "0 days"]);
    write(&desk.path(), "amended.bin", &content(0));
    desk.ok(["commit", "-m", "first"]);
    let until = Instant::now() + seconds;
    let stress =
        Arc::new(Stress { desk, until, commits: Mutex::default(), done: Default::default() });
    std::thread::scope(|scope| {
        let stress = &*stress;
        for number in 0..2 {
            scope.spawn(move || commits(stress, number));
        }
        for work in [amends, names, reads, checks, collects, collects, merges] {
            scope.spawn(move || work(stress));
        }
    });
    let done: Vec<u64> = stress.done.iter().map(|n| n.load(Ordering::Relaxed)).collect();
    println!("commits, amended, named, read, collected: {done:?}");
    assert!(done.iter().all(|n| *n > 0), "somebody did nothing: {done:?}");
    let root = stress.root();
    end(&stress, &root);
}

/// What is left is whole: each commit that was told, each ref, and what HEAD holds.
fn end(stress: &Stress, root: &Path) {
    stress.desk.run(["commit", "-m", "last"]);
    stress.desk.ok(["gc", "--now"]);
    let report = fsck(root);
    assert!(report.is_good(), "{report:?}");
    let repo = Repository::open(Disk::new(), root).unwrap();
    let (_, tree) = read_head(&repo).unwrap().unwrap();
    let mut folder = snapshot(root);
    folder.retain(|path, _| !path.starts_with(b".aisr/"));
    assert!(tree == folder, "HEAD is not what the folder is");
    for id in stress.commits.lock().unwrap().iter() {
        let found = repo.store().with_prefix(id, &[aisr::object::ObjectType::Commit], 2).unwrap();
        assert!(!found.is_empty(), "commit {id} was told and is gone");
    }
    println!("{} commits, {} packs", report.commits, report.packs);
}
