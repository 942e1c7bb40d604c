//! Checks everything: files of the repository, packs, recipes, what refs and log lead to.

use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use thiserror::Error;

use crate::disk::Disk;
use crate::log::{LogError, PlaceLog, Refs};
use crate::object::{BlobId, Id, ObjectType, RecipeId, RefTarget};
use crate::policy::{TrustOrder, with_sources};
use crate::repo::{FOLDER, Repository};
use crate::store::{PackReport, Store, StoreError, check_pack};
use crate::worktree::Progress;

use super::connectivity::{Start, Walk};
use super::report::{FsckReport, ProblemKind};

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

/// What is known of the objects in the packs.
pub(super) struct Contents {
    /// Objects that no pack holds in a form that can be read.
    pub lost: HashSet<Id>,
    /// Blobs that recipes build, and whether one of these is true.
    pub built: HashMap<Id, bool>,
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
    let contents = check_packs(store, threads, progress, &mut report);
    let starts = check_log(disk, &folder, repo.as_ref(), &mut report);
    std::thread::scope(|scope| {
        let walk = || Walk::new(store, repo.as_ref(), &contents, &mut report).run(&starts);
        let builder = std::thread::Builder::new().stack_size(STACK);
        let thread = builder.spawn_scoped(scope, walk).map_err(FsckError::Thread)?;
        if let Err(panic) = thread.join() {
            std::panic::resume_unwind(panic);
        }
        Ok::<_, FsckError>(())
    })?;
    report.problems.sort_by_key(|problem| problem.kind);
    Ok(report)
}

fn check_packs(
    store: &Store,
    threads: usize,
    progress: &dyn Progress,
    report: &mut FsckReport,
) -> Contents {
    let packs = store.pack_files();
    let damaged = store.damaged_packs();
    report.packs = (packs.len() + damaged.len()) as u64;
    for (path, why) in damaged.iter() {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        report.problem(ProblemKind::Pack, name, why.clone());
    }
    progress.total(packs.iter().map(|pack| pack.records_end()).sum());
    let checked = in_parallel(threads, &packs, |pack| {
        let checked = check_pack(store, pack);
        progress.advance(0, pack.records_end());
        checked
    });

    let mut lost: HashMap<Id, ObjectType> = HashMap::new();
    let mut recipes: HashSet<(Id, RecipeId)> = HashSet::new();
    for (pack, checked) in packs.iter().zip(checked) {
        let found = checked.unwrap_or_else(|e| PackReport {
            problems: vec![with_sources(&e)],
            ..PackReport::default()
        });
        report.packs_good += u64::from(found.problems.is_empty());
        report.objects += found.objects;
        report.bytes += found.bytes;
        for problem in found.problems {
            report.problem(ProblemKind::Pack, pack.id(), problem);
        }
        lost.extend(found.lost);
        recipes.extend(found.recipes);
    }
    // What one pack has lost, another may hold whole.
    lost.retain(|id, kind| store.read(*kind, *id).is_err());
    let lost = lost.into_keys().collect();
    Contents { lost, built: check_recipes(store, threads, recipes, report) }
}

/// Hashes every blob through every recipe that a footer lists for it.
fn check_recipes(
    store: &Store,
    threads: usize,
    recipes: HashSet<(Id, RecipeId)>,
    report: &mut FsckReport,
) -> HashMap<Id, bool> {
    let mut recipes: Vec<_> = recipes.into_iter().collect();
    recipes.sort_unstable();
    report.recipes = recipes.len() as u64;
    let checked = in_parallel(threads, &recipes, |(blob, root)| {
        store.verify_recipe(*root, BlobId::from_id(*blob))
    });
    let mut built: HashMap<Id, bool> = HashMap::new();
    for ((blob, root), checked) in recipes.into_iter().zip(checked) {
        let good = checked.is_ok();
        *built.entry(blob).or_default() |= good;
        report.recipes_good += u64::from(good);
        if let Err(e) = checked {
            report.problem(
                ProblemKind::Recipe,
                root,
                format!("of blob {blob}: {}", with_sources(&e)),
            );
        }
    }
    built
}

/// Does `work` on every item; the results come in the order of the items.
fn in_parallel<T: Sync, R: Send>(
    threads: usize,
    items: &[T],
    work: impl Fn(&T) -> R + Sync,
) -> Vec<R> {
    let next = AtomicUsize::new(0);
    let done = Mutex::new(Vec::with_capacity(items.len()));
    let run = || {
        while let Some((at, item)) = {
            let at = next.fetch_add(1, Ordering::Relaxed);
            items.get(at).map(|item| (at, item))
        } {
            let result = work(item);
            done.lock().unwrap_or_else(|e| e.into_inner()).push((at, result));
        }
    };
    std::thread::scope(|scope| {
        for _ in 1..threads.min(items.len()) {
            scope.spawn(run);
        }
        run();
    });
    let mut done = done.into_inner().unwrap_or_else(|e| e.into_inner());
    done.sort_unstable_by_key(|(at, _)| *at);
    done.into_iter().map(|(_, result)| result).collect()
}

/// Checks refs and log; gives every object that they name, refs and HEAD first.
fn check_log(
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
    let Refs { refs, .. } = log.refs();
    if let Some(id) = log.refs().head_object() {
        starts.push(Start { name: "HEAD".into(), id });
    }
    starts.extend(refs.iter().map(|(name, id)| Start { name: name.to_string(), id: *id }));
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
                starts.push(Start { name: format!("log entry {}", entry.sequence), id });
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
