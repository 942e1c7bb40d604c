//! What must stay: everything that refs, the log, and operations that can be undone lead to.

use std::collections::{BTreeSet, HashSet};

use crate::history::bisect::Session;
use crate::log::{Head, LogError, PlaceLog};
use crate::object::{Id, Operation, RefChange, RefTarget};
use crate::repo::Repository;
use crate::worktree::each_kept;

use super::gc::GcError;
use super::mark::{Marks, Root};

/// What was found of the log.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct LogRoots {
    /// How many entries are too old to keep what they name.
    pub expired: u64,
    /// When the oldest of the others was made, in microseconds since the epoch.
    pub oldest_kept: Option<i64>,
}

/// Marks everything that must stay. `kept_since` is when a log entry may have been made at the
/// earliest for what it names to stay whole; of what older ones name, commits and tags stay as
/// statements.
///
/// # Errors
/// When something cannot be read. That something is missing is noted in `marks`.
pub fn mark_roots(
    repo: &Repository,
    log: &PlaceLog,
    kept_since: i64,
    marks: &mut Marks<'_>,
) -> Result<LogRoots, GcError> {
    let expired = repo.expired()?;
    // Reading the log takes about as long as marking what refs lead to.
    let (named, marked) = std::thread::scope(|scope| {
        let named = scope.spawn(|| named_by_log(log, kept_since));
        let refs = log.refs().refs.values().copied().chain(log.refs().head_object());
        let marked = refs.map(Root::Whole).try_for_each(|root| marks.mark(root));
        (named.join(), marked)
    });
    marked?;
    let Named { young, old, found } = match named {
        Ok(named) => named?,
        Err(panic) => std::panic::resume_unwind(panic),
    };
    for id in young {
        match expired.contains(&id) {
            // What it held is gone, whatever the setting was then.
            true => marks.mark_what_is_there(Root::Statement(id))?,
            false => marks.mark(Root::Whole(id))?,
        }
    }
    mark_operations(repo, marks)?;
    mark_bisection(repo, marks)?;
    let vouched = repo.trust().chain().roots().flat_map(|root| root.root.heads.iter().copied());
    for id in old.into_iter().chain(vouched) {
        marks.mark_what_is_there(Root::Statement(id))?;
    }
    Ok(found)
}

/// Marks what a bisection under way names and where it goes back to, as far as it is stored. One that
/// cannot be read names nothing.
fn mark_bisection(repo: &Repository, marks: &mut Marks<'_>) -> Result<(), GcError> {
    let Ok(Some(session)) = Session::find(repo) else { return Ok(()) };
    let said = session.said.iter().map(|said| said.commit.id());
    let head = session.head.iter().filter_map(|head| match head {
        Head::Detached(id) => Some(*id),
        Head::Branch(_) => None,
    });
    for id in said.chain(head) {
        marks.mark_what_is_there(Root::Whole(id))?;
    }
    Ok(())
}

/// What the log names.
struct Named {
    /// By entries that are young enough to keep it whole.
    young: HashSet<Id>,
    /// By the others.
    old: HashSet<Id>,
    found: LogRoots,
}

fn named_by_log(log: &PlaceLog, kept_since: i64) -> Result<Named, LogError> {
    let mut named =
        Named { young: HashSet::new(), old: HashSet::new(), found: LogRoots::default() };
    for found in log.newest_first()? {
        let (_, entry) = found?;
        let time = entry.time.micros;
        let objects = named_by(&entry.changes).chain(entry.payload.iter().copied());
        let Named { young, old, found } = &mut named;
        if time >= kept_since {
            young.extend(objects);
            found.oldest_kept = Some(found.oldest_kept.map_or(time, |oldest| oldest.min(time)));
        } else {
            old.extend(objects);
            found.expired += 1;
        }
    }
    Ok(named)
}

/// Marks what operations that can be undone put in place and took away, as far as it is stored:
/// what was in no commit lies beside them.
fn mark_operations(repo: &Repository, marks: &mut Marks<'_>) -> Result<(), GcError> {
    let mut result = Ok(());
    each_kept(repo, &mut |operation: Operation| {
        if result.is_ok() {
            result = mark_operation(&operation, marks);
        }
    })?;
    result
}

fn mark_operation(operation: &Operation, marks: &mut Marks<'_>) -> Result<(), GcError> {
    for id in named_by(&operation.changes).collect::<BTreeSet<_>>() {
        marks.mark_what_is_there(Root::Whole(id))?;
    }
    for step in &operation.steps {
        for entry in [step.before, step.after].into_iter().flatten() {
            marks.mark_what_is_there(Root::Entry(entry))?;
        }
    }
    Ok(())
}

fn named_by(changes: &[RefChange]) -> impl Iterator<Item = Id> {
    let targets = changes.iter().flat_map(|change| [&change.old, &change.new]).flatten();
    targets.filter_map(|target| match target {
        RefTarget::Object(id) => Some(*id),
        RefTarget::Symbolic(_) => None,
    })
}
