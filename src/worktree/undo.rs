//! Taking back the last operation, and doing it again.

use std::collections::BTreeMap;

use crate::log::{LogError, PlaceLog};
use crate::object::{Cause, ChangeKind, LogEntry, LogEntryId, RefChange, RefTarget};
use crate::repo::Repository;

use super::error::WorktreeError;
use super::folder_lock::lock_folder;
use super::operation::{KINDS, Performed, Performing, Wanted, load, perform, plan};
use super::report::Progress;

const UNDO: &str = "undo";
const REDO: &str = "redo";

/// Which way to go.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Direction {
    /// The last operation is taken back.
    Undo,
    /// What was taken back last is done again.
    Redo,
}

/// How an operation is taken back.
pub struct UndoOptions<'a> {
    /// Which way.
    pub direction: Direction,
    /// What was changed since gives way, and is set aside.
    pub force: bool,
    /// How many workers write.
    pub threads: usize,
    /// Told how far it is.
    pub progress: &'a dyn Progress,
}

/// What was taken back.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Undone {
    /// What it was: `commit`, `checkout`, `restore`, …
    pub kind: String,
    /// Its log entry's number.
    pub sequence: u64,
    /// What was done to the folder.
    pub performed: Performed,
}

/// Takes back the last operation of this clone's log, or does again what was taken back last:
/// refs go back, and so do the files that it changed. A commit's files stay as they are.
///
/// # Errors
/// When there is nothing to take back, when files were changed since, or when something cannot be
/// read or written. The folder is as before then.
pub fn undo(repo: &Repository, options: &UndoOptions<'_>) -> Result<Undone, WorktreeError> {
    repo.ensure_writable()?;
    let _folder = lock_folder(repo)?;
    let _lease = repo.store().lease()?;
    let mut log = repo.log()?;
    let word = match options.direction {
        Direction::Undo => UNDO,
        Direction::Redo => REDO,
    };
    let found = find(&log, options.direction)?.ok_or(WorktreeError::NothingTo { what: word })?;
    for change in &found.changes {
        if let Some(RefTarget::Object(id)) = &change.old {
            repo.ensure_not_expired(*id)?;
        }
    }
    let steps = match load(repo, found.invert)? {
        Some(operation) => operation.steps,
        None if KINDS.contains(&found.inverted.as_str()) => {
            let (kind, sequence) = (found.kind, found.sequence);
            return Err(WorktreeError::NoLongerKept { kind, sequence });
        }
        None => Vec::new(),
    };
    let wanted = steps.into_iter().enumerate().map(|(n, step)| Wanted {
        path: step.path,
        known: step.after,
        known_from: step.from,
        after: step.before,
        from: step.keep.then_some((found.invert, n as u64)),
        keep: step.from.is_some(),
    });
    let plan = plan(repo, wanted.collect(), options.force)?;
    let how = Performing {
        cause: Cause { ids: vec![found.target.id()], ..Cause::of(word) },
        changes: found.changes.iter().map(inverse).collect(),
        tree: None,
        threads: options.threads,
        progress: options.progress,
    };
    let performed = perform(repo, &mut log, plan, how)?;
    Ok(Undone { kind: found.kind, sequence: found.sequence, performed })
}

struct Target {
    /// The operation that is taken back or done again.
    target: LogEntryId,
    kind: String,
    sequence: u64,
    /// The log entry whose changes are inverted: the operation's own, or that of its undoing.
    invert: LogEntryId,
    inverted: String,
    changes: Vec<RefChange>,
}

/// Reads back from the end of the log to what is to be taken back or done again.
fn find(log: &PlaceLog, direction: Direction) -> Result<Option<Target>, WorktreeError> {
    // Of each operation the last word counts: that it was undone, or done again.
    let mut undone: BTreeMap<LogEntryId, bool> = BTreeMap::new();
    let mut entries = log.newest_first()?.peekable();
    while let Some((id, entry)) = entries.next().transpose()? {
        let named = entry.cause.ids.first().map(|id| LogEntryId::from_id(*id));
        let word = match (entry.cause.kind.as_str(), named) {
            (UNDO, Some(named)) => Some((named, true)),
            (REDO, Some(named)) => Some((named, false)),
            _ => None,
        };
        if let Some((named, is_undone)) = word {
            let first_word = !undone.contains_key(&named);
            undone.entry(named).or_insert(is_undone);
            if direction == Direction::Redo && is_undone && first_word {
                return again(id, entry, named, entries);
            }
            continue;
        }
        if direction == Direction::Redo || entry.sequence == 0 {
            return Ok(None);
        }
        let root_before = match entries.peek() {
            Some(Ok((_, older))) => older.trust_root,
            _ => entry.trust_root,
        };
        if entry.trust_root != root_before && entry.changes.is_empty() {
            return Err(WorktreeError::TrustStays { sequence: entry.sequence });
        }
        if undone.get(&id) != Some(&true) {
            let LogEntry { cause, sequence, changes, .. } = entry;
            let kind = cause.kind;
            let inverted = kind.clone();
            return Ok(Some(Target { target: id, kind, sequence, invert: id, inverted, changes }));
        }
    }
    Ok(None)
}

/// What does `named` again, which `undoing` took back and which lies among the `older` entries.
fn again(
    invert: LogEntryId,
    undoing: LogEntry,
    named: LogEntryId,
    older: impl Iterator<Item = Result<(LogEntryId, LogEntry), LogError>>,
) -> Result<Option<Target>, WorktreeError> {
    for found in older {
        let (id, entry) = found?;
        if id == named {
            let (kind, sequence) = (entry.cause.kind, entry.sequence);
            let (inverted, changes) = (undoing.cause.kind, undoing.changes);
            return Ok(Some(Target { target: named, kind, sequence, invert, inverted, changes }));
        }
    }
    Ok(None)
}

fn inverse(change: &RefChange) -> RefChange {
    let kind = match (&change.old, &change.new) {
        (None, _) => ChangeKind::Delete,
        (_, None) => ChangeKind::Create,
        _ => ChangeKind::Force,
    };
    RefChange { name: change.name.clone(), old: change.new.clone(), new: change.old.clone(), kind }
}
