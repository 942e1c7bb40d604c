//! Checks everything: files of the repository, packs, recipes, what refs and log lead to.

use std::collections::{BTreeMap, HashSet};
use std::path::Path;

use thiserror::Error;

use crate::disk::Disk;
use crate::log::{LogError, PlaceLog, Refs};
use crate::object::{Id, RefTarget};
use crate::policy::{TrustOrder, with_sources};
use crate::repo::{FOLDER, Repository};
use crate::store::{Store, StoreError};
use crate::worktree::Progress;

use super::connectivity::{Start, Walk, Wanted};
use super::contents::{Contents, check_contents};
use super::layout::misplaced;
use super::report::{FsckReport, ProblemKind};
use super::shelf::Shelf;

/// The deepest tree that the format allows needs less.
const STACK: usize = 256 << 20;

/// Why a repository cannot be checked at all.
#[derive(Debug, Error)]
pub enum FsckError {
    /// The packs cannot be listed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A thread could not be started.
    #[error("a thread cannot be started")]
    Thread(#[source] std::io::Error),
}

/// Checks the repository of the folder `root`, even if it does not open: every pack from its first
/// byte to its last, every recipe, every object that refs, HEAD and log lead to, once each, the
/// signatures, the log's chain.
///
/// # Errors
/// Only when nothing can be checked; whatever is wrong is in the report.
pub fn fsck(
    disk: &Disk,
    root: &Path,
    threads: usize,
    progress: &dyn Progress,
) -> Result<FsckReport, FsckError> {
    let mut report = FsckReport::default();
    let folder = root.join(FOLDER);
    let repo = match Repository::open(disk.clone(), root) {
        Ok(repo) => Some(repo),
        Err(e) => {
            report.problem(ProblemKind::Repository, FOLDER, with_sources(&e));
            None
        }
    };
    let own;
    let store = match &repo {
        Some(repo) => repo.store(),
        None => {
            own = Store::open(disk.clone(), &folder)?;
            &own
        }
    };
    check_layout(&folder, &mut report);
    // Nothing may be collected between a look at the packs and one at the log. Where no lock can be
    // had, nobody can collect either.
    let _lease = store.lease().ok();
    let starts = check_log(disk, &folder, repo.as_ref(), &mut report);
    // What the log names is in a pack by now.
    store.reload()?;
    let contents = check_contents(store, threads, progress, &mut report);
    walk(store, repo.as_ref(), &contents, &starts, &mut report)?;
    report.problems.sort_by_key(|problem| problem.kind);
    Ok(report)
}

/// Follows everything behind `starts`; gives what is needed and cannot be read.
pub(super) fn walk(
    store: &Store,
    repo: Option<&Repository>,
    contents: &Contents,
    starts: &[Start],
    report: &mut FsckReport,
) -> Result<BTreeMap<Id, Wanted>, FsckError> {
    let shelf = Shelf { store, salvage: &contents.salvage, lost: &contents.lost_ids };
    report.salvageable = contents.salvage.packs.iter().map(|(_, pack)| pack.objects).sum();
    std::thread::scope(|scope| {
        let walk = || Walk::new(&shelf, repo, contents, report).run(starts);
        let builder = std::thread::Builder::new().stack_size(STACK);
        let thread = builder.spawn_scoped(scope, walk).map_err(FsckError::Thread)?;
        thread.join().map_err(|panic| std::panic::resume_unwind(panic))
    })
}

/// Tells of files of the repository that are none.
fn check_layout(folder: &Path, report: &mut FsckReport) {
    for (path, what) in misplaced(folder) {
        let place = path.strip_prefix(folder).unwrap_or(&path).display();
        report.problem(ProblemKind::File, place, what.to_string());
    }
}

/// What HEAD and refs name.
pub(super) fn starts_of(refs: &Refs) -> Vec<Start> {
    let head = refs.head_object().map(|id| ("HEAD".to_owned(), id));
    let named = refs.refs.iter().map(|(name, id)| (name.to_string(), *id));
    let start = |(name, id)| Start { name, id, is_past: false };
    head.into_iter().chain(named).map(start).collect()
}

/// Checks refs and log; gives every object that they name, refs and HEAD first.
pub(super) fn check_log(
    disk: &Disk,
    folder: &Path,
    repo: Option<&Repository>,
    report: &mut FsckReport,
) -> Vec<Start> {
    let mut starts = Vec::new();
    let log = match PlaceLog::open(disk.clone(), folder) {
        Ok(log) => log,
        Err(e) => {
            report.problem(ProblemKind::Log, "log", with_sources(&e));
            return starts;
        }
    };
    starts.extend(starts_of(log.refs()));
    let founded = log.repository().id();
    starts.push(Start { name: "log".into(), id: founded, is_past: false });
    let mut entries = 0;
    let mut named = HashSet::new();
    let mut order = repo.map(|repo| TrustOrder::new(repo.trust().chain()));
    let walked: Result<_, LogError> = log.walk(&mut |_, entry| {
        entries += 1;
        if let Some(order) = &mut order {
            order.visit(&entry);
        }
        let targets = entry.changes.iter().flat_map(|c| [&c.old, &c.new]).flatten();
        let objects = targets.filter_map(|target| match target {
            RefTarget::Object(id) => Some(*id),
            RefTarget::Symbolic(_) => None,
        });
        for id in objects.chain(entry.payload.iter().copied()) {
            if named.insert(id) {
                let name = format!("log entry {}", entry.sequence);
                starts.push(Start { name, id, is_past: true });
            }
        }
    });
    report.log_entries = entries;
    if let Err(e) = walked {
        report.problem(ProblemKind::Log, "log", with_sources(&e));
    }
    if let Some(problem) = order.as_ref().and_then(TrustOrder::problem) {
        report.problem(ProblemKind::Log, "log", problem.to_owned());
    }
    starts
}
