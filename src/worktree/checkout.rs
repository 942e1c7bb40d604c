//! Checking out in place: the folder becomes what a commit holds, and HEAD goes there.

use std::collections::BTreeMap;

use crate::diff::diff_trees;
use crate::log::{Head, PlaceLog};
use crate::object::{
    Cause, ChangeKind, CommitId, NodeId, RefChange, RefTarget, RepoPath, TreeEntry,
};
use crate::repo::Repository;

use super::commit::head_target;
use super::error::WorktreeError;
use super::folder_lock::lock_folder;
use super::operation::{Performed, Performing, Plan, Planner, Wanted, perform};
use super::read_folder::Reading;
use super::report::Progress;
use super::stat_cache::CacheReader;
use super::working_tree::WorkingTree;

/// How a state is checked out.
pub struct CheckoutOptions<'a> {
    /// The commit whose state the folder takes on.
    pub target: CommitId,
    /// What HEAD becomes.
    pub head: Head,
    /// The branch of `head` is new.
    pub create: bool,
    /// What was changed or never committed gives way.
    pub force: bool,
    /// What lies here stays as it is.
    pub keep: &'a [RepoPath],
    /// How many workers write.
    pub threads: usize,
    /// Told how far it is.
    pub progress: &'a dyn Progress,
}

/// What at a path is known and what is wanted there.
type Wants = BTreeMap<RepoPath, (Option<TreeEntry>, Option<TreeEntry>)>;

/// Makes the folder what a commit holds, and moves HEAD. Local changes elsewhere stay. Gives
/// nothing where there was nothing to do.
///
/// # Errors
/// [`WorktreeError::InTheWay`] where something would be lost; else when something cannot be read
/// or written. The folder is as before then.
pub fn checkout(
    repo: &Repository,
    options: &CheckoutOptions<'_>,
) -> Result<Option<Performed>, WorktreeError> {
    repo.ensure_writable()?;
    let _folder = lock_folder(repo)?;
    let _lease = repo.store().lease()?;
    let mut log = repo.log()?;
    let head = log.refs().head_object().map(CommitId::from_id);
    let from = head.map(|id| repo.files(&repo.commit(id)?.commit)).transpose()?;
    let to = repo.files(&repo.commit(options.target)?.commit)?;
    let mut wants = Wants::new();
    diff_trees(repo.store(), from, Some(to), &mut |change| {
        wants.insert(change.path, (change.before, change.after));
        Ok::<_, WorktreeError>(())
    })?;
    if options.force {
        drop_local_changes(repo, from, options, &mut wants)?;
    }
    wants.retain(|path, _| !options.keep.iter().any(|kept| path.is_within(kept)));
    let plan = plan(repo, wants, options.force)?;
    let changes = ref_changes(&log, options);
    if plan.steps.is_empty() && changes.is_empty() {
        return Ok(None);
    }
    let cache = CacheReader::open(&repo.folder().join("local/stat-cache"));
    let known = cache.tree().is_some() && cache.tree() == from && options.keep.is_empty();
    let how = Performing {
        cause: Cause { ids: vec![options.target.id()], ..Cause::of("checkout") },
        changes,
        tree: known.then_some(to),
        threads: options.threads,
        progress: options.progress,
    };
    perform(repo, &mut log, plan, how).map(Some)
}

/// What differs between the folder and HEAD goes back to what HEAD holds, where the target does
/// not want something else anyway. What HEAD does not know stays.
fn drop_local_changes(
    repo: &Repository,
    from: Option<NodeId>,
    options: &CheckoutOptions<'_>,
    wants: &mut Wants,
) -> Result<(), WorktreeError> {
    let reading = Reading {
        head: from,
        threads: options.threads,
        progress: options.progress,
        list_ignored: false,
        guard: None,
    };
    let now = WorkingTree::read(repo, &reading)?;
    diff_trees(&now, from, Some(now.root.id), &mut |change| {
        if change.before.is_some() {
            wants.entry(change.path).or_insert((change.before, change.before));
        }
        Ok::<_, WorktreeError>(())
    })
}

/// Plans what is wanted, and refuses where something would be lost.
///
/// # Errors
/// [`WorktreeError::InTheWay`].
pub fn plan(repo: &Repository, wants: Wants, force: bool) -> Result<Plan, WorktreeError> {
    let mut planner = Planner::new(repo, force)?;
    let mut wants: Vec<_> = wants.into_iter().collect();
    wants.sort_by(|(a, _), (b, _)| {
        super::stat_cache::scan_order(a.as_bytes().into(), b.as_bytes().into())
    });
    for (path, (known, after)) in wants {
        planner.want(Wanted { path, known, after, from: None, keep: false })?;
    }
    let plan = planner.finish()?;
    refuse_conflicts(plan)
}

/// A plan that nothing speaks against.
///
/// # Errors
/// [`WorktreeError::InTheWay`].
pub fn refuse_conflicts(plan: Plan) -> Result<Plan, WorktreeError> {
    match plan.conflicts.is_empty() {
        true => Ok(plan),
        false => Err(WorktreeError::InTheWay { conflicts: plan.conflicts }),
    }
}

fn ref_changes(log: &PlaceLog, options: &CheckoutOptions<'_>) -> Vec<RefChange> {
    let mut changes = Vec::new();
    if log.refs().head != options.head {
        changes.push(RefChange {
            name: b"HEAD".to_vec(),
            old: Some(head_target(&log.refs().head)),
            new: Some(head_target(&options.head)),
            kind: ChangeKind::Force,
        });
    }
    if let (Head::Branch(name), true) = (&options.head, options.create) {
        changes.push(RefChange {
            name: name.as_bytes().to_vec(),
            old: None,
            new: Some(RefTarget::Object(options.target.id())),
            kind: ChangeKind::Create,
        });
    }
    changes
}
