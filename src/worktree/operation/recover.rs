//! Going on with an operation that a crash interrupted.

use std::os::unix::ffi::OsStrExt;

use crate::disk::{Lock, Wait};
use crate::log::PlaceLog;
use crate::object::{ChangeKind, LogEntryId, Operation, RefChange, RefTarget, RepoPath};
use crate::repo::Repository;
use crate::worktree::error::WorktreeError;
use crate::worktree::folder_lock::folder_lock_path;

use super::databases;
use super::look::{Found, Looker, look_in};
use super::pending::{Pending, discard, slot};
use super::perform::finish;
use super::steps::{Move, Mover, moves};

/// What became of an operation that was interrupted.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Recovered {
    /// It had not begun to change the folder, which is as it was.
    Back,
    /// It was brought to its end.
    Forward {
        /// What it was: `checkout`, `restore`, `undo`, …
        kind: String,
        /// Its log entry.
        entry: LogEntryId,
        /// Paths that somebody changed since, which were left as they are, and folders that stay
        /// because of what is in them.
        left: Vec<RepoPath>,
    },
}

/// Whether an operation was interrupted, or is under way.
pub fn is_interrupted(repo: &Repository) -> bool {
    Pending::exists(repo)
}

/// Brings an operation to its end that was interrupted, or takes back what it had prepared.
///
/// # Errors
/// When its plan is damaged, or the disk says no.
pub fn recover(repo: &Repository) -> Result<Option<Recovered>, WorktreeError> {
    if !Pending::exists(repo) {
        return Ok(None);
    }
    let _folder = Lock::exclusive(&folder_lock_path(repo), Wait::Forever)?;
    // It may just have ended by itself.
    if !Pending::exists(repo) {
        return Ok(None);
    }
    repo.ensure_writable()?;
    let _lease = repo.store().lease()?;
    let Some((pending, operation)) = Pending::open(repo)? else {
        discard(repo)?;
        return Ok(Some(Recovered::Back));
    };
    let mut log = repo.log()?;
    let mut left = Vec::new();
    let entry = match entry_of(&log, &operation)? {
        Some(entry) => entry,
        None => {
            left = go_on(repo, &pending, &operation)?;
            let changes = rebase(&log, &operation.changes);
            repo.move_refs(&mut log, changes, operation.cause.clone())?
        }
    };
    let is_as_planned = |n: usize| {
        let before = operation.steps[n].before;
        let found = look_in(&pending.files, slot(n).as_bytes().into(), |_| None);
        found.is_ok_and(|found| found == Found::Nothing || found.is(before))
    };
    let kind = operation.cause.kind.clone();
    let as_planned: Vec<bool> = (0..operation.steps.len()).map(is_as_planned).collect();
    finish(pending, &operation, entry, &as_planned);
    Ok(Some(Recovered::Forward { kind, entry, left }))
}

/// The operation's own log entry, if it had come to that.
fn entry_of(log: &PlaceLog, operation: &Operation) -> Result<Option<LogEntryId>, WorktreeError> {
    let mut found = None;
    log.walk(&mut |id, entry| {
        if entry.sequence > operation.log_before
            && entry.cause == operation.cause
            && entry.changes == operation.changes
        {
            found = found.or(Some(id));
        }
    })?;
    Ok(found)
}

/// Does what was not done yet. Gives the paths where neither the old nor the new is, and folders
/// that stay because of what is in them.
fn go_on(
    repo: &Repository,
    pending: &Pending,
    operation: &Operation,
) -> Result<Vec<RepoPath>, WorktreeError> {
    let mut looker = Looker::new(repo)?;
    let mut mover = Mover::new(pending, operation);
    let mut left = Vec::new();
    for this in moves(operation) {
        mover.settle_before(this)?;
        let step = &operation.steps[this.step()];
        let mut found = looker.look(&step.path)?;
        for entry in [step.before, step.after] {
            found = looker.settle(&step.path, found, entry, None);
        }
        let (to_do, is_done) = match this {
            Move::Out(_) => {
                (found.is(step.before), found == Found::Nothing || found.is(step.after))
            }
            Move::RemoveFolder(_) => {
                (found == Found::Folder, found == Found::Nothing || found.is(step.after))
            }
            Move::MakeFolder(_) => (found == Found::Nothing, found == Found::Folder),
            Move::Exchange(_) => (found.is(step.before), found.is(step.after)),
            Move::In(_) => (found == Found::Nothing, found.is(step.after)),
        };
        if to_do {
            mover.forward(this, &mut looker.folders)?;
        } else if !is_done {
            left.push(step.path.clone());
        }
    }
    left.append(&mut mover.left);
    // A folder that gives way to a file is asked for twice.
    left.sort_unstable();
    left.dedup();
    // What whoever was interrupted had done need not be durable either.
    pending.files.sync_filesystem()?;
    left.extend(databases::go_on(repo, pending, operation, &mut looker.folders)?);
    Ok(left)
}

/// The changes, from the values that the refs have now.
fn rebase(log: &PlaceLog, changes: &[RefChange]) -> Vec<RefChange> {
    let refs = log.refs();
    let now = |name: &[u8]| {
        if name == b"HEAD" {
            return Some(refs.head.target());
        }
        let found = refs.refs.iter().find(|(ref_name, _)| ref_name.as_bytes() == name);
        found.map(|(_, id)| RefTarget::Object(*id))
    };
    let mut rebased = Vec::new();
    for change in changes {
        let old = now(&change.name);
        let kind = match (&old, &change.new) {
            (None, None) => continue,
            (None, Some(_)) => ChangeKind::Create,
            (Some(_), None) => ChangeKind::Delete,
            (Some(_), Some(_)) if old == change.old => change.kind,
            _ => ChangeKind::Force,
        };
        rebased.push(RefChange { old, kind, ..change.clone() });
    }
    rebased
}
