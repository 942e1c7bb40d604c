//! Removing what `undo` has no use for any more.

use std::collections::HashSet;
use std::time::{Duration, SystemTime};

use crate::log::PlaceLog;
use crate::repo::Repository;
use crate::worktree::error::WorktreeError;

use super::pending::{named, remove_named};

/// What stays.
struct Bounds {
    /// So many of the last operations on the folder, however old they are.
    last: usize,
    /// All that are younger, however many they are.
    age: Duration,
    /// The others go in lots of at least so many: to find out which they are takes a walk of the
    /// log.
    lot: usize,
}

const BOUNDS: Bounds = Bounds { last: 100, age: Duration::from_secs(30 * 24 * 3600), lot: 16 };

/// Removes plans and set-aside files of operations that are neither among the last 100 nor younger
/// than 30 days at the time `now`.
///
/// # Errors
/// When the log is damaged, or the disk says no.
pub fn tidy(repo: &Repository, log: &PlaceLog, now: SystemTime) -> Result<(), WorktreeError> {
    tidy_to(&BOUNDS, repo, log, now)
}

fn tidy_to(
    bounds: &Bounds,
    repo: &Repository,
    log: &PlaceLog,
    now: SystemTime,
) -> Result<(), WorktreeError> {
    let folders = named(repo)?;
    let limit = now.checked_sub(bounds.age).unwrap_or(SystemTime::UNIX_EPOCH);
    // The folders' own times only say whether to look: a copy of the repository has others.
    let old = folders.iter().filter(|(_, changed)| *changed < limit).count();
    if old.min(folders.len().saturating_sub(bounds.last)) < bounds.lot {
        return Ok(());
    }
    let folders: HashSet<_> = folders.into_iter().map(|(id, _)| id).collect();
    let mut operations = Vec::new();
    log.walk(&mut |id, entry| {
        if folders.contains(&id) {
            operations.push((id, entry.time.micros));
        }
    })?;
    let limit = limit.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let limit = i64::try_from(limit.as_micros()).unwrap_or(i64::MAX);
    operations.truncate(operations.len().saturating_sub(bounds.last));
    operations.retain(|(_, micros)| *micros < limit);
    operations.into_iter().try_for_each(|(id, _)| remove_named(repo, id))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::disk::Disk;
    use crate::log::{Head, RefName};
    use crate::object::{CommitId, Level};
    use crate::repo::{Identity, InitOptions, init};
    use crate::sign::SecretKey;
    use crate::worktree::{
        CheckoutOptions, CommitOptions, CommitOutcome, Direction, Progress, UndoOptions, checkout,
        commit, undo,
    };

    const FEW: Bounds = Bounds { last: 5, age: BOUNDS.age, lot: 3 };
    const DAY: Duration = Duration::from_secs(24 * 3600);

    struct Quiet;

    impl Progress for Quiet {
        fn total(&self, _: u64) {}
        fn advance(&self, _: u64, _: u64) {}
    }

    fn go(repo: &Repository, target: CommitId) {
        let head = Head::Detached(target.id());
        let (create, force, keep, threads) = (false, true, &[], 1);
        let progress = &Quiet;
        let options = CheckoutOptions { target, head, create, force, keep, threads, progress };
        checkout(repo, &options).unwrap().unwrap();
    }

    fn take_back(repo: &Repository) -> Result<(), WorktreeError> {
        let direction = Direction::Undo;
        let options = UndoOptions { direction, force: false, threads: 1, progress: &Quiet };
        undo(repo, &options).map(drop)
    }

    /// A repository in which `count` checkouts were done, each of which set a file aside.
    fn after(count: usize) -> (tempfile::TempDir, Repository) {
        let root = tempfile::tempdir().unwrap();
        let key = SecretKey::generate().unwrap();
        let identity =
            Identity { key: key.into(), path: "key".into(), name: "m".into(), made: true };
        let branch = RefName::branch("main").unwrap();
        let options = InitOptions { founder: &identity, branch };
        let repo = init(&Disk::new(), root.path(), &options).unwrap();
        let states = ["1", "2"].map(|text| {
            fs::write(root.path().join("a"), text).unwrap();
            let options = CommitOptions {
                manifest: None,
                identity: &identity,
                message: None,
                author: None,
                acting_for: Vec::new(),
                allow_empty: false,
                level: Level::BestEffort,
                allowed_secrets: &[],
                threads: 1,
                progress: &Quiet,
                paths: &[],
                quiesce: None,
            };
            match commit(&repo, &options).unwrap() {
                CommitOutcome::Made(report) => report.id,
                CommitOutcome::Nothing { .. } => panic!("nothing to commit"),
            }
        });
        for n in 0..count {
            fs::write(root.path().join("a"), format!("local {n}")).unwrap();
            go(&repo, states[n % 2]);
        }
        (root, repo)
    }

    /// The operations that have a folder, in the order of the log, and how many went.
    fn tidied(repo: &Repository, later: Duration) -> usize {
        let before = named(repo).unwrap().len();
        let log = repo.log().unwrap();
        tidy_to(&FEW, repo, &log, SystemTime::now() + later).unwrap();
        let left: HashSet<_> = named(repo).unwrap().into_iter().map(|(id, _)| id).collect();
        let mut last = Vec::new();
        log.walk(&mut |id, entry| {
            if entry.cause.kind == "checkout" {
                last.push(id);
            }
        })
        .unwrap();
        let last: HashSet<_> = last.into_iter().rev().take(left.len()).collect();
        assert_eq!(left, last, "others than the last stayed");
        before - left.len()
    }

    #[test]
    fn what_is_old_goes_and_the_last_operations_stay() {
        let (root, repo) = after(8);
        assert_eq!(tidied(&repo, 29 * DAY), 0);
        assert_eq!(tidied(&repo, 31 * DAY), 3);
        assert_eq!(tidied(&repo, 31 * DAY), 0);
        for n in (3..8).rev() {
            take_back(&repo).unwrap();
            let text = fs::read_to_string(root.path().join("a")).unwrap();
            assert_eq!(text, format!("local {n}"));
            let last = ["1", "2"][(n + 1) % 2];
            fs::write(root.path().join("a"), last).unwrap();
        }
        let refused = take_back(&repo);
        let expected = matches!(&refused, Err(WorktreeError::NoLongerKept { kind, .. })
            if kind == "checkout");
        assert!(expected, "{refused:?}");
        assert_eq!(fs::read_to_string(root.path().join("a")).unwrap(), "1");
    }

    #[test]
    fn a_few_are_not_worth_a_walk_of_the_log() {
        let (_root, repo) = after(7);
        assert_eq!(tidied(&repo, 31 * DAY), 0);
    }
}
