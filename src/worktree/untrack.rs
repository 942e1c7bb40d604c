//! Untracking: a commit without what became ignored, which stays in the folder.
//!
//! A path in HEAD stays captured when a pattern begins to match it, so that nobody loses a model
//! from history by a stroke in `.aisrignore`. This is the way out, and it is itself a commit.

use std::collections::BTreeMap;

use bstr::BString;

use crate::map::MemoryNodes;
use crate::object::{CommitId, EntryKind, NodeId, RepoPath, TreeEntry};
use crate::repo::Repository;
use crate::store::Batch;
use crate::system::Fresh;

use super::commit::{ATTEMPTS, Advance, CommitOptions, Onto, advance, describe, store_commit};
use super::error::WorktreeError;
use super::folder_lock::lock_folder;
use super::ignores::is_ignored_now;
use super::overlay::Overlay;
use super::tree_edit::edit_tree;
use super::tree_system::{Anew, Before, store_fresh, tree_system};

/// The commit that untracking made.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Untracked {
    /// The commit.
    pub id: CommitId,
    /// The branch that it is on; none where HEAD is detached.
    pub branch: Option<crate::log::RefName>,
}

/// Commits HEAD's tree without `paths`, files or folders that are ignored now. The folder is not
/// touched.
///
/// # Errors
/// When a path is not in HEAD or is not ignored, or the commit cannot be made; nothing has changed
/// then.
pub fn untrack(
    repo: &Repository,
    paths: &[RepoPath],
    options: &CommitOptions<'_>,
) -> Result<Untracked, WorktreeError> {
    repo.ensure_writable()?;
    let _folder = lock_folder(repo)?;
    let lease = repo.store().lease()?;
    for _ in 0..ATTEMPTS {
        let log = repo.log()?;
        let head = log.refs().head_commit();
        let Some(files) = head.map(|id| repo.files_of(id)).transpose()? else {
            let path = paths.first().map(|path| path.as_bytes().into()).unwrap_or_default();
            return Err(WorktreeError::NotInHead { path });
        };
        let edits = removals(repo, files, paths)?;
        let writer = repo.store().writer(&lease);
        let mut batch = Batch::new(&writer);
        let mut seen = Overlay { memory: MemoryNodes::new(), store: repo.store() };
        let mut added = Vec::new();
        let root = edit_tree(repo.store(), files, &edits, &mut |id, bytes| {
            added.push(bytes.clone());
            batch.node(id, &bytes)
        })?;
        added.into_iter().for_each(|bytes| {
            seen.memory.insert(bytes);
        });
        let before = head.map(|id| repo.commit(id)).transpose()?;
        let before =
            before.map(|before| Before::of(repo, before.commit.root, files)).transpose()?;
        let mut fresh = Fresh::new(&seen);
        let system = tree_system(repo, &mut fresh, before, root.id, &[], Anew::Changed(None))?;
        store_fresh(&fresh, &mut batch)?;
        batch.flush()?;
        drop(batch);
        // Nothing was captured, so there is no report.
        let (id, _) = store_commit(&writer, options, root.id, system.maps, |state| {
            describe(repo, options, head, state, |_| None)
        })?;
        writer.finish()?;
        match advance(repo, log, head, id, Onto::Head)? {
            Advance::Done(branch) => return Ok(Untracked { id, branch }),
            Advance::Moved => {}
        }
    }
    Err(WorktreeError::BranchKeepsMoving { times: ATTEMPTS })
}

/// The edits that take `paths` out of the tree `files`.
fn removals(
    repo: &Repository,
    files: NodeId,
    paths: &[RepoPath],
) -> Result<BTreeMap<BString, Option<TreeEntry>>, WorktreeError> {
    let mut edits = BTreeMap::new();
    for path in paths {
        let shown = || path.as_bytes().into();
        if path.is_root() {
            return Err(WorktreeError::NotIgnored { path: ".".into() });
        }
        let entry = repo.entry_at(files, path)?;
        let entry = entry.ok_or_else(|| WorktreeError::NotInHead { path: shown() })?;
        let directory = entry.kind() == EntryKind::Directory;
        if !is_ignored_now(repo.root(), path, directory)? {
            return Err(WorktreeError::NotIgnored { path: shown() });
        }
        edits.insert(shown(), None);
    }
    Ok(edits)
}
