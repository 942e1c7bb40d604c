//! What the packs hold: every pack from its first byte to its last, every recipe.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::object::{BlobId, Id, ObjectType, PackId, RecipeId};
use crate::policy::with_sources;
use crate::store::{
    Known, PackCheck, PackFile, PackProblem, PackReport, SalvageIndex, Seen, Store, StoreError,
    check_recipes,
};
use crate::worktree::Progress;

use super::report::{FsckReport, Problem, ProblemKind};

/// A pack above this length is checked by all threads at once, in spans of this length.
const SPAN: u64 = 8 << 20;
/// How many objects of one damage are named.
const NAMED: usize = 8;

/// What is known of the objects in the packs.
pub(super) struct Contents {
    /// Objects that no pack holds in a form that can be read.
    pub lost_ids: HashSet<Id>,
    /// Blobs that recipes build, and whether one of these is true.
    pub built: HashMap<Id, bool>,
    /// Recipes of which parts are missing.
    pub partial: Vec<PartialRecipe>,
    /// The packs that are damaged.
    pub damaged: Vec<DamagedPack>,
    /// What these still hold.
    pub salvage: SalvageIndex,
}

/// A recipe of which parts are missing: that matters if something leads to the blob.
pub(super) struct PartialRecipe {
    pub blob: BlobId,
    pub root: RecipeId,
    pub detail: String,
}

/// A pack that is damaged.
pub(super) struct DamagedPack {
    pub id: PackId,
    pub path: PathBuf,
}

/// Checks all packs and recipes.
pub(super) fn check_contents(
    store: &Store,
    threads: usize,
    progress: &dyn Progress,
    report: &mut FsckReport,
) -> Contents {
    let packs = store.pack_files();
    progress.total(packs.iter().map(|pack| pack.records_end()).sum());
    let seen = Seen::default();
    let recipes = recipes_of(&packs);
    let advance = |bytes| progress.advance(0, bytes);
    let (built, partial) = judge_recipes(store, &recipes, threads, &seen, &advance, report);

    let mut damaged = Vec::new();
    for (path, why) in store.damaged_packs().iter() {
        let Some(id) = pack_id(path) else { continue };
        report.problems_of_pack(
            id,
            [PackProblem { record: None, offset: None, objects: Vec::new(), detail: why.clone() }],
        );
        damaged.push(DamagedPack { id, path: path.clone() });
    }
    report.packs = (packs.len() + damaged.len()) as u64;
    let mut lost: HashMap<Id, ObjectType> = HashMap::new();
    for (pack, found) in packs.iter().zip(check_packs(store, &packs, &seen, threads, progress)) {
        report.packs_good += u64::from(found.problems.is_empty());
        report.objects += found.objects;
        report.bytes += found.bytes;
        lost.extend(found.lost);
        if !found.problems.is_empty() {
            damaged.push(DamagedPack { id: pack.id(), path: store.pack_path(pack.id()) });
        }
        report.problems_of_pack(pack.id(), found.problems);
    }
    let salvage = SalvageIndex::of(damaged.iter().map(|pack| (pack.path.as_path(), pack.id)));
    // What one pack has lost, another may hold whole.
    lost.retain(|id, kind| salvage.kind(*id).is_none() && store.read(*kind, *id).is_err());
    let lost_ids = lost.keys().copied().collect();
    Contents { lost_ids, built, partial, damaged, salvage }
}

pub(super) fn pack_id(path: &Path) -> Option<PackId> {
    let name = path.file_name()?.to_str()?.strip_suffix(".pack")?;
    Id::from_hex(name.as_bytes()).map(PackId::from_id)
}

/// The same of a store whose damaged packs have been replaced: only what was not known to be true
/// is hashed again.
pub(super) fn recheck_recipes(
    store: &Store,
    threads: usize,
    mut built: HashMap<Id, bool>,
) -> Contents {
    let mut recipes = recipes_of(&store.pack_files());
    recipes.retain(|(blob, _)| built.get(blob) != Some(&true));
    let checked =
        check_recipes(store, &recipes, Known::default(), threads, &Seen::default(), &|_| {});
    for ((blob, _), checked) in recipes.iter().zip(checked) {
        *built.entry(*blob).or_default() |= checked.is_ok();
    }
    let (damaged, salvage) = (Vec::new(), SalvageIndex::default());
    let partial = Vec::new();
    Contents { lost_ids: HashSet::new(), built, partial, damaged, salvage }
}

/// The recipes that sound footers state.
fn recipes_of(packs: &[Arc<PackFile>]) -> Vec<(Id, RecipeId)> {
    let sound = packs.iter().filter(|pack| pack.ensure_sound().is_ok());
    let mut recipes: Vec<_> = sound.flat_map(|pack| pack.recipes().unwrap_or_default()).collect();
    recipes.sort_unstable();
    recipes.dedup();
    recipes
}

/// Hashes every blob through every recipe that a footer lists for it.
fn judge_recipes(
    store: &Store,
    recipes: &[(Id, RecipeId)],
    threads: usize,
    seen: &Seen,
    advance: &(dyn Fn(u64) + Sync),
    report: &mut FsckReport,
) -> (HashMap<Id, bool>, Vec<PartialRecipe>) {
    report.recipes = recipes.len() as u64;
    let (mut built, mut partial) = (HashMap::<Id, bool>::new(), Vec::new());
    let checked = check_recipes(store, recipes, Known::default(), threads, seen, advance);
    for ((blob, root), checked) in recipes.iter().zip(checked) {
        *built.entry(*blob).or_default() |= checked.is_ok();
        report.recipes_good += u64::from(checked.is_ok());
        if let Err(e) = checked {
            let detail = format!("of blob {blob}: {}", with_sources(&e));
            match e {
                StoreError::Absent { .. } => {
                    let blob = BlobId::from_id(*blob);
                    partial.push(PartialRecipe { blob, root: *root, detail });
                }
                _ => report.problem(ProblemKind::Recipe, root, detail),
            }
        }
    }
    (built, partial)
}

/// Checks every pack: small ones side by side, large ones in spans. The answers come in the
/// order of the packs.
fn check_packs(
    store: &Store,
    packs: &[Arc<PackFile>],
    seen: &Seen,
    threads: usize,
    progress: &dyn Progress,
) -> Vec<PackReport> {
    let whole = |pack: &Arc<PackFile>, threads: usize| {
        let known = seen.of_pack(pack.id());
        let check = match PackCheck::begin(store, pack) {
            Ok(check) => check,
            Err(report) => return report,
        };
        let spans = check.spans(SPAN);
        let is_known = |row: &crate::store::Entry| known.contains(&row.record);
        let found = in_parallel(threads, &spans, |span| {
            let found = check.check(span.clone(), &is_known);
            progress.advance(0, found.read());
            found
        });
        check.join(found)
    };
    let is_large = |pack: &&Arc<PackFile>| pack.records_end() > SPAN;
    let small: Vec<_> = packs.iter().filter(|pack| !is_large(pack)).collect();
    let mut small = in_parallel(threads, &small, |pack| whole(pack, 1)).into_iter();
    let each = packs.iter().map(|pack| match is_large(&pack) {
        true => whole(pack, threads),
        false => small.next().unwrap_or_default(),
    });
    each.collect()
}

/// Does `work` on every item; the results come in the order of the items.
pub(super) fn in_parallel<T: Sync, R: Send>(
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

/// How a damage of a pack is told.
pub(super) fn problem_of(pack: PackId, problem: PackProblem) -> Problem {
    let objects = problem.objects.iter().take(NAMED);
    Problem {
        kind: ProblemKind::Pack,
        place: pack.to_string(),
        detail: problem.detail,
        record: problem.record,
        offset: problem.offset,
        objects: objects.map(|(id, kind)| format!("{} {id}", kind.name())).collect(),
        object_count: problem.objects.len() as u64,
    }
}
