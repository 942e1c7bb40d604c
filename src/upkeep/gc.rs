//! Collects what nothing leads to any more (`docs/storage.md`, "Collecting").
//!
//! Everything that must stay is marked while others write. What is live in the packs that go is
//! copied. Only then writers are waited for and kept out, what came meanwhile is marked too, and
//! the packs go that still hold nothing else. So nothing is ever removed by a list that was made
//! before the last writer ended.

use std::collections::BTreeSet;
use std::time::{Duration, SystemTime};

use thiserror::Error;

use crate::disk::{DiskError, Wait};
use crate::log::{LogError, PlaceLog};
use crate::object::{Id, LogEntryId, PackId};
use crate::repo::{RepoError, Repository};
use crate::store::{Copier, Store, StoreError, UpkeepLock};
use crate::worktree::WorktreeError;

use super::collected::Collected;
use super::compact::{CompactionBounds, compact};
use super::gc_report::GcReport;
use super::mark::{Marks, Missing};
use super::roots::{LogRoots, mark_roots};
use super::sweep::{Sweep, sweep};

/// How long another process that merges or collects is waited for.
const UPKEEP_PATIENCE: Duration = Duration::from_secs(60);

/// How a collection is made.
#[derive(Clone, Copy, Debug)]
pub struct GcOptions {
    /// How long what a log entry names stays whole.
    pub keep: Duration,
    /// Also what was written lately goes.
    pub now: bool,
    /// Nothing is done but to look.
    pub dry_run: bool,
    /// The present moment.
    pub at: SystemTime,
    /// How long writers are waited for.
    pub patience: Duration,
}

/// Why nothing was collected.
#[derive(Debug, Error)]
pub enum GcError {
    /// The repository cannot be read.
    #[error(transparent)]
    Repo(#[from] RepoError),
    /// The packs cannot be read or written.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The log cannot be read.
    #[error(transparent)]
    Log(#[from] LogError),
    /// What can be undone cannot be read.
    #[error(transparent)]
    Worktree(#[from] WorktreeError),
    /// The disk said no.
    #[error(transparent)]
    Disk(#[from] DiskError),
    /// A pack does not open, so it is not known what it holds.
    #[error("nothing is collected: {} packs do not open, the first because {why}", packs)]
    DamagedPacks {
        /// How many.
        packs: usize,
        /// What is wrong with the first.
        why: String,
    },
    /// Something that must stay is not there.
    #[error("nothing is collected: {} objects are missing or damaged: {}", missing.count,
        missing.first.join(", "))]
    Incomplete {
        /// What.
        missing: Missing,
    },
}

/// Collects what nothing leads to any more, and merges packs.
///
/// # Errors
/// When something that must stay is missing or damaged, or the disk says no. Nothing that anything
/// leads to is lost then.
pub fn gc(repo: &Repository, options: &GcOptions) -> Result<GcReport, GcError> {
    repo.ensure_writable()?;
    let store = repo.store();
    let upkeep = store.upkeep(Wait::AtMost(UPKEEP_PATIENCE))?;
    if let [(_, why), ..] = &store.damaged_packs()[..] {
        let packs = store.damaged_packs().len();
        return Err(GcError::DamagedPacks { packs, why: why.clone() });
    }
    let (packs_before, bytes_before) = size(store);
    let mut report = GcReport {
        dry_run: options.dry_run,
        packs_before,
        bytes_before,
        packs_after: packs_before,
        bytes_after: bytes_before,
        ..GcReport::default()
    };
    if is_collected(repo, options)? {
        return Ok(report);
    }
    if !options.dry_run {
        // What a collection that was cut short left.
        store.spare(&upkeep)?;
    }
    let mut collection = Collection { repo, options, upkeep, marks: Marks::new(store) };
    let (log, found) = collection.mark()?;
    let sweep = sweep(&collection.marks, options.at, options.now)?;
    report.expired_entries = found.expired;
    report.expired_commits = collection.marks.statements().len() as u64;
    (report.waiting_packs, report.waiting_bytes) = sweep.waiting;
    report.waste = sweep.waste;
    if options.dry_run {
        report.tell(&sweep);
        report.packs_after -= report.empty_packs;
        report.bytes_after -= sweep.bytes.min(bytes_before);
        return Ok(report);
    }
    let mut last = Some((log, found));
    if !sweep.doomed().is_empty() {
        last = collection.remove(&sweep, &mut report)?;
    }
    let Collection { upkeep, .. } = collection;
    report.merged_packs = compact(store, &upkeep, CompactionBounds::ALL)?.merged;
    (report.packs_after, report.bytes_after) = size(store);
    if let Some((log, found)) = last {
        remember(repo, options, log, &found, &sweep);
    }
    Ok(report)
}

struct Collection<'r> {
    repo: &'r Repository,
    options: &'r GcOptions,
    upkeep: UpkeepLock,
    marks: Marks<'r>,
}

impl Collection<'_> {
    /// Marks what must stay now; gives the log's last entry.
    fn mark(&mut self) -> Result<(LogEntryId, LogRoots), GcError> {
        let log: PlaceLog = self.repo.log()?;
        // In this order: what the log names was in a pack before.
        let store = self.repo.store();
        store.reload()?;
        self.marks.add(&store.pack_files())?;
        let kept_since = micros(self.options.at) - duration(self.options.keep);
        let found = mark_roots(self.repo, &log, kept_since, &mut self.marks)?;
        let missing = self.marks.missing();
        match missing.count {
            0 => Ok((log.refs().last.id, found)),
            _ => Err(GcError::Incomplete { missing: missing.clone() }),
        }
    }

    /// Removes the packs that go. `None` where not all went that could.
    fn remove(
        &mut self,
        sweep: &Sweep,
        report: &mut GcReport,
    ) -> Result<Option<(LogEntryId, LogRoots)>, GcError> {
        let store = self.repo.store();
        let new = self.copy(sweep)?;
        let is_new = |number: &usize| new.contains(&self.marks.index().pack(*number).id());
        let doomed: BTreeSet<usize> = sweep.doomed().into_iter().filter(|n| !is_new(n)).collect();
        let id = |number: &usize| self.marks.index().pack(*number).id();
        store.doom(&self.upkeep, &doomed.iter().map(id).collect())?;
        let done = self.remove_doomed(doomed, sweep, report);
        store.spare(&self.upkeep)?;
        store.reload()?;
        done
    }

    /// Copies what is live in the packs that hold other things too.
    fn copy(&self, sweep: &Sweep) -> Result<Vec<PackId>, GcError> {
        let mut copier = Copier::new(self.repo.store(), &self.upkeep);
        for number in &sweep.partly {
            let first = self.marks.index().rows_of(*number).start;
            let live = |row: u64| self.marks.is_live(first + row as u32);
            copier.copy(self.marks.index().pack(*number), &mut |row, _| live(row))?;
        }
        Ok(copier.finish()?.0)
    }

    fn remove_doomed(
        &mut self,
        doomed: BTreeSet<usize>,
        sweep: &Sweep,
        report: &mut GcReport,
    ) -> Result<Option<(LogEntryId, LogRoots)>, GcError> {
        let store = self.repo.store();
        let Some(lease) = store.collect(&self.upkeep, self.options.patience)? else {
            report.busy = true;
            return Ok(None);
        };
        self.marks.doom(doomed.clone());
        let marked = self.mark()?;
        let statements = self.marks.statements().iter();
        let expired: BTreeSet<Id> = statements.chain(&sweep.left).copied().collect();
        if expired != self.repo.expired()? {
            self.repo.set_expired(&expired)?;
        }
        let rescued = self.marks.rescued();
        for number in doomed.difference(rescued) {
            store.remove_collected(&lease, self.marks.index().pack(*number).id())?;
        }
        (report.temporaries, report.temporary_bytes) = store.remove_temporaries(&lease)?;
        let all = rescued.is_empty();
        if all {
            report.tell(sweep);
        }
        Ok(all.then_some(marked))
    }
}

impl GcReport {
    fn tell(&mut self, sweep: &Sweep) {
        self.empty_packs = sweep.empty.len() as u64;
        self.partly_packs = sweep.partly.len() as u64;
        self.removed = sweep.removed;
    }
}

/// Whether nothing was left to collect, and nothing happened since.
fn is_collected(repo: &Repository, options: &GcOptions) -> Result<bool, GcError> {
    let Some(known) = Collected::load(repo) else { return Ok(false) };
    Ok(known.keep == duration(options.keep) as u64
        && micros(options.at) < known.until
        && !(options.now && known.held)
        && known.log == repo.log()?.refs().last.id
        && known.packs == Collected::packs_of(repo))
}

fn remember(
    repo: &Repository,
    options: &GcOptions,
    log: LogEntryId,
    found: &LogRoots,
    sweep: &Sweep,
) {
    let keep = duration(options.keep);
    let expires = found.oldest_kept.map(|time| time.saturating_add(keep));
    let grows_old = sweep.next.map(micros);
    let until = expires.into_iter().chain(grows_old).min().unwrap_or(i64::MAX);
    let held = sweep.waiting.0 > 0;
    let packs = Collected::packs_of(repo);
    Collected { log, packs, keep: keep as u64, until, held }.save(repo);
}

fn size(store: &Store) -> (u64, u64) {
    let packs = store.pack_files();
    (packs.len() as u64, packs.iter().map(|pack| pack.file_len()).sum())
}

/// Microseconds since the epoch; what lies outside of what a number holds is at its end.
fn micros(at: SystemTime) -> i64 {
    match at.duration_since(SystemTime::UNIX_EPOCH) {
        Ok(since) => duration(since),
        Err(before) => -duration(before.duration()),
    }
}

fn duration(duration: Duration) -> i64 {
    // Half of the range, so that sums and differences stay inside.
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX / 2).min(i64::MAX / 2)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chunk::ContentHint;
    use crate::disk::Disk;
    use crate::log::RefName;
    use crate::object::{Cause, RefChange};
    use crate::repo::{Identity, InitOptions, init};
    use crate::sign::SecretKey;
    use crate::store::Batch;

    /// Stores something new as somebody else does, and makes a tag of it.
    fn tag_something_new(repo: &Repository) {
        let lease = repo.store().lease().unwrap();
        let writer = repo.store().writer(&lease);
        let mut batch = Batch::new(&writer);
        let id = batch.blob(b"new", ContentHint::Unknown).unwrap();
        batch.flush().unwrap();
        drop(batch);
        writer.finish().unwrap();
        let tag = RefChange::create(b"refs/tags/new", id.id());
        repo.move_refs(&mut repo.log().unwrap(), vec![tag], Cause::of("tag")).unwrap();
    }

    #[test]
    fn what_comes_after_the_packs_were_listed_is_not_missing() {
        let root = tempfile::tempdir().unwrap();
        let key = SecretKey::generate().unwrap().into();
        let founder = &Identity { key, path: "key".into(), name: "mara".into(), made: true };
        let branch = RefName::branch("main").unwrap();
        let repo = init(&Disk::new(), root.path(), &InitOptions { founder, branch }).unwrap();
        let options = &GcOptions {
            keep: Duration::ZERO,
            now: true,
            dry_run: false,
            at: SystemTime::now(),
            patience: Duration::ZERO,
        };
        let upkeep = repo.store().upkeep(Wait::NO).unwrap();
        let marks = Marks::new(repo.store());
        let mut collection = Collection { repo: &repo, options, upkeep, marks };
        collection.mark().unwrap();

        tag_something_new(&Repository::open(Disk::new(), root.path()).unwrap());
        collection.mark().unwrap();
    }
}
