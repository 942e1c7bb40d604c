//! Checking out in place: the folder becomes what a commit holds, and HEAD goes there.

use std::collections::BTreeMap;

use crate::diff::diff_trees;
use crate::log::{Head, PlaceLog};
use crate::object::{
    Cause, ChangeKind, CommitId, NodeId, RefChange, RefTarget, RepoPath, TreeEntry,
};
use crate::repo::Repository;

use super::error::WorktreeError;
use super::folder_lock::lock_folder;
use super::operation::{Performed, Performing, Wanted, perform, plan};
use super::read_folder::Reading;
use super::report::Progress;
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
pub type Wants = BTreeMap<RepoPath, (Option<TreeEntry>, Option<TreeEntry>)>;

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
    checkout_moving(repo, options, None)
}

/// Makes the folder what `options.target` holds, and moves the branch that HEAD is on there from
/// the commit `from`. Local changes elsewhere stay.
///
/// # Errors
/// As [`checkout`], and when the branch is not at `from` any more.
pub fn fast_forward(
    repo: &Repository,
    options: &CheckoutOptions<'_>,
    from: CommitId,
) -> Result<Option<Performed>, WorktreeError> {
    checkout_moving(repo, options, Some(from))
}

fn checkout_moving(
    repo: &Repository,
    options: &CheckoutOptions<'_>,
    moved_from: Option<CommitId>,
) -> Result<Option<Performed>, WorktreeError> {
    repo.ensure_writable()?;
    let _folder = lock_folder(repo)?;
    let _lease = repo.store().lease()?;
    repo.ensure_not_expired(options.target.id())?;
    let mut log = repo.log()?;
    let from = log.refs().head_commit().map(|id| repo.files_of(id)).transpose()?;
    let to = repo.files_of(options.target)?;
    let mut wants = Wants::new();
    diff_trees(repo.store(), from, Some(to), &mut |change| {
        wants.insert(change.path, (change.before, change.after));
        Ok::<_, WorktreeError>(())
    })?;
    if options.force {
        drop_local_changes(repo, from, options, &mut wants)?;
    }
    wants.retain(|path, _| !options.keep.iter().any(|kept| path.is_within(kept)));
    let plan = plan(repo, wanted(wants), options.force)?;
    let mut changes = ref_changes(&log, options);
    if let (Head::Branch(name), Some(from)) = (&options.head, moved_from) {
        let (old, new) = (from.id(), options.target.id());
        let [old, new] = [old, new].map(|id| Some(RefTarget::Object(id)));
        let name = name.as_bytes().to_vec();
        changes.push(RefChange { name, old, new, kind: ChangeKind::Forward });
    }
    if plan.steps.is_empty() && changes.is_empty() {
        return Ok(None);
    }
    let cached = plan.cached_tree;
    let known = cached.is_some() && cached == from && options.keep.is_empty();
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
        keep_nodes: true,
    };
    let now = WorkingTree::read(repo, &reading)?;
    now.ensure_read(|path| !options.keep.iter().any(|kept| path.is_within(kept)))?;
    diff_trees(&now, from, Some(now.root.id), &mut |change| {
        if change.before.is_some() {
            wants.entry(change.path).or_insert((change.before, change.before));
        }
        Ok::<_, WorktreeError>(())
    })
}

/// What is wanted at each path, given what is known of it.
pub fn wanted(wants: Wants) -> Vec<Wanted> {
    let wanted = |(path, (known, after))| Wanted {
        path,
        known,
        known_from: None,
        after,
        from: None,
        keep: false,
    };
    wants.into_iter().map(wanted).collect()
}

fn ref_changes(log: &PlaceLog, options: &CheckoutOptions<'_>) -> Vec<RefChange> {
    let mut changes = Vec::new();
    if log.refs().head != options.head {
        changes.push(RefChange {
            name: b"HEAD".to_vec(),
            old: Some(log.refs().head.target()),
            new: Some(options.head.target()),
            kind: ChangeKind::Force,
        });
    }
    if let (Head::Branch(name), true) = (&options.head, options.create) {
        changes.push(RefChange::create(name.as_bytes(), options.target.id()));
    }
    changes
}
