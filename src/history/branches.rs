//! Branches: made, renamed and deleted by entries of the clone's log.

use crate::log::{Head, RefName, Refs};
use crate::object::{Cause, ChangeKind, CommitId, Id, RefChange};
use crate::repo::Repository;

use super::ref_error::RefError;
use super::revision::Range;
use super::walk::{CommitWalk, tips};

/// What becomes of a branch that alone leads to its commits.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Unmerged {
    /// It stays.
    Keep,
    /// It goes; the clone's log still knows where it was.
    Delete,
}

/// Makes the branch `name` at `commit`.
///
/// # Errors
/// [`RefError::Exists`], or when the log cannot take it.
pub fn create_branch(repo: &Repository, name: &RefName, commit: CommitId) -> Result<(), RefError> {
    // What the branch leads to must still be there when the log says so.
    let _lease = repo.store().lease()?;
    repo.ensure_not_expired(commit.id())?;
    repo.commit(commit)?;
    let mut log = repo.log()?;
    ensure_free(log.refs(), name)?;
    let change = RefChange::create(name.as_bytes(), commit.id());
    repo.move_refs(&mut log, vec![change], Cause::of("branch"))?;
    Ok(())
}

/// Deletes a branch; gives the object that it was at.
///
/// # Errors
/// When HEAD is on it, when no other ref leads to its commits and `unmerged` does not allow that,
/// or when there is none.
pub fn delete_branch(
    repo: &Repository,
    name: &RefName,
    unmerged: Unmerged,
) -> Result<Id, RefError> {
    let mut log = repo.log()?;
    let id = existing(log.refs(), name)?;
    if log.refs().head == Head::Branch(name.clone()) {
        return Err(RefError::Current { name: name.clone() });
    }
    if unmerged == Unmerged::Keep && !is_reachable_without(repo, log.refs(), name, id) {
        return Err(RefError::Unmerged { name: name.clone(), id });
    }
    repo.move_refs(&mut log, vec![RefChange::delete(name.as_bytes(), id)], Cause::of("branch"))?;
    Ok(id)
}

/// Renames a branch. HEAD goes with it, also where the branch has no commit yet.
///
/// # Errors
/// When there is no branch `old`, or there is one called `new`.
pub fn rename_branch(repo: &Repository, old: &RefName, new: &RefName) -> Result<(), RefError> {
    let mut log = repo.log()?;
    let refs = log.refs();
    let current = refs.head == Head::Branch(old.clone());
    let id = refs.refs.get(old).copied();
    if id.is_none() && !current {
        return Err(RefError::NotFound { name: old.clone() });
    }
    let mut without = refs.clone();
    without.refs.remove(old);
    ensure_free(&without, new)?;
    let mut changes = Vec::new();
    if let Some(id) = id {
        changes
            .extend([RefChange::delete(old.as_bytes(), id), RefChange::create(new.as_bytes(), id)]);
    }
    if current {
        let symbolic = |name: &RefName| Some(Head::Branch(name.clone()).target());
        // HEAD is at the same commit as before.
        let kind = ChangeKind::Forward;
        let name = b"HEAD".to_vec();
        changes.push(RefChange { name, old: symbolic(old), new: symbolic(new), kind });
    }
    repo.move_refs(&mut log, changes, Cause::of("branch"))?;
    Ok(())
}

/// Refuses a name that is taken, or that git could not hold beside the others.
pub(super) fn ensure_free(refs: &Refs, name: &RefName) -> Result<(), RefError> {
    if refs.refs.contains_key(name) {
        return Err(RefError::Exists { name: name.clone() });
    }
    let below = |inner: &RefName, outer: &RefName| {
        inner.as_bytes().strip_prefix(outer.as_bytes()).is_some_and(|rest| rest.starts_with(b"/"))
    };
    match refs.refs.keys().find(|other| below(other, name) || below(name, other)) {
        Some(other) => Err(RefError::Clash { name: name.clone(), other: other.clone() }),
        None => Ok(()),
    }
}

pub(super) fn existing(refs: &Refs, name: &RefName) -> Result<Id, RefError> {
    refs.refs.get(name).copied().ok_or_else(|| RefError::NotFound { name: name.clone() })
}

/// Whether HEAD or another ref leads to the commit. What cannot be read does not lead to it.
fn is_reachable_without(repo: &Repository, refs: &Refs, name: &RefName, id: Id) -> bool {
    let mut others = refs.clone();
    others.refs.remove(name);
    let exclude = tips(repo, &others).commits;
    let range = Range { include: vec![CommitId::from_id(id)], exclude };
    CommitWalk::by_graph(repo, &range).next().is_none()
}
