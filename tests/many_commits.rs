//! What a long history does to packs and to what is asked of them. `AISR_COMMITS` says how long it
//! is (short, if it says nothing); figures are printed, and those that do not depend on the clock
//! are checked.

mod support;

use std::time::{Duration, Instant, SystemTime};

use aisr::disk::Disk;
use aisr::object::Level;
use aisr::repo::Repository;
use aisr::upkeep::{CompactionBounds, GcOptions, GcReport, compact_if_due, gc};
use aisr::worktree::{CommitOutcome, StatusOptions, status};
use support::soundness::sound_head;
use support::{Quiet, identity, new_repository, scratch, snapshot, try_commit_at, write};

const FEW: u32 = 60;
const FILES: u32 = 40;

/// The median time of opening the repository and asking for its status.
fn open_and_status(root: &std::path::Path) -> (Duration, Duration) {
    let mut times: Vec<_> = (0..21)
        .map(|_| {
            let begun = Instant::now();
            let repo = Repository::open(Disk::new(), root).unwrap();
            let opened = begun.elapsed();
            let options = StatusOptions { threads: 2, list_ignored: false, progress: &Quiet };
            status(&repo, &options).unwrap();
            (opened, begun.elapsed())
        })
        .collect();
    times.sort_unstable();
    times[times.len() / 2]
}

fn collect(root: &std::path::Path) -> GcReport {
    let options = GcOptions {
        keep: Duration::from_secs(90 * 24 * 3600),
        now: true,
        dry_run: false,
        at: SystemTime::now(),
        patience: Duration::from_secs(20),
    };
    let repo = Repository::open(Disk::new(), root).unwrap();
    let begun = Instant::now();
    let report = gc(&repo, &options).unwrap();
    println!("gc: {:?}, {} → {} packs", begun.elapsed(), report.packs_before, report.packs_after);
    report
}

#[test]
fn packs_stay_few_and_little_is_written_again() {
    let commits = std::env::var("AISR_COMMITS").ok().and_then(|text| text.parse().ok());
    let commits: u32 = commits.unwrap_or(FEW);
    let (root, me) = (scratch(), identity());
    let root = root.path();
    new_repository(&Disk::new(), root, &me);
    for file in 0..FILES {
        write(root, &format!("prompts/{}/{file}.md", file % 5), b"a prompt");
    }
    let (mut stored, mut again, mut most, mut longest) = (0, 0, 0, Duration::ZERO);
    for n in 0..commits {
        // Each is a process of its own, as with the program.
        let repo = Repository::open(Disk::new(), root).unwrap();
        let file = n % FILES;
        let text = format!("prompt {file} as of {n}: {}", blake3::hash(&n.to_le_bytes()));
        write(root, &format!("prompts/{}/{file}.md", file % 5), text.repeat(20).as_bytes());
        let message = format!("commit {n}");
        let made = try_commit_at(&repo, &me, &message, Level::BestEffort).unwrap();
        let CommitOutcome::Made(made) = made else { panic!("nothing to commit") };
        stored += made.stored;
        let begun = Instant::now();
        let done = compact_if_due(repo.store(), CompactionBounds::AFTER_COMMIT).unwrap();
        longest = longest.max(begun.elapsed());
        again += done.written;
        most = most.max(repo.store().pack_files().len());
        if n == 9 || n + 1 == commits {
            let (open, status) = open_and_status(root);
            println!("after {} commits: open {open:?}, open and status {status:?}", n + 1);
        }
        if n + 1 == 1000 || n + 1 == commits {
            let ratio = again as f64 / stored as f64;
            let packs = repo.store().pack_files().len();
            println!(
                "{} commits: {packs} packs, at most {most}, each byte again {ratio:.2}",
                n + 1
            );
        }
    }
    println!("the longest merge took {longest:?}");
    let logarithm = u64::from(commits.ilog2());
    assert!(most as u64 <= logarithm + 9, "{most} packs");
    assert!(again <= logarithm * stored, "{again} bytes for {stored}");
    collect(root);
    assert!(collect(root).is_nothing());
    assert_eq!(sound_head(root).unwrap().unwrap().1, snapshot(root));
}
