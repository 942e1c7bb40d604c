//! Which commits one side lacks. Order comes from parents alone, never from clocks.

use std::collections::{HashSet, VecDeque};

use crate::object::{Commit, CommitId, Id, ObjectType, Signed, Tag, TagId};
use crate::repo::{RepoError, StoredCommit, StoredTag};
use crate::store::{Lookup, Store};

use super::error::Result;

/// From so many commits on, what the other side has is followed to its end.
const MANY: usize = 1024;
/// So many tags may stand on each other.
pub const TAGS_OF_TAGS: usize = 16;

/// Reads a commit.
pub fn load_commit(store: &Store, id: CommitId) -> Result<StoredCommit> {
    let object = store.read(ObjectType::Commit, id.id())?;
    let unsound = |source| RepoError::Object { what: "commit", id: id.id(), source };
    let signed = Signed::decode(&object).map_err(unsound)?;
    let commit = Commit::decode(signed.payload).map_err(unsound)?;
    let (payload, signature) = (signed.payload.to_vec(), signed.signature.to_vec());
    Ok(StoredCommit { id, commit, payload, signature })
}

/// Reads a tag.
pub fn load_tag(store: &Store, id: TagId) -> Result<StoredTag> {
    let object = store.read(ObjectType::Tag, id.id())?;
    let unsound = |source| RepoError::Object { what: "tag", id: id.id(), source };
    let signed = Signed::decode(&object).map_err(unsound)?;
    let tag = Tag::decode(signed.payload).map_err(unsound)?;
    let (payload, signature) = (signed.payload.to_vec(), signed.signature.to_vec());
    Ok(StoredTag { id, tag, payload, signature })
}

/// The commits that are `want` or behind it, without those that are `have` or behind it. Costs
/// what is new where history is a line; else it may list commits that both sides have, unless they
/// are many.
///
/// # Errors
/// When a commit behind `want` cannot be read.
pub fn missing(store: &Store, want: &[CommitId], have: &[CommitId]) -> Result<Vec<CommitId>> {
    let mut hidden: HashSet<CommitId> = have.iter().copied().collect();
    let mut behind: VecDeque<CommitId> = have.iter().copied().collect();
    let mut queue: VecDeque<CommitId> = want.iter().copied().collect();
    let (mut seen, mut found) = (HashSet::new(), Vec::new());
    while let Some(id) = queue.pop_front() {
        if hidden.contains(&id) || !seen.insert(id) {
            continue;
        }
        queue.extend(load_commit(store, id)?.commit.parents);
        found.push(id);
        // Both walks go at one pace, so that neither runs far past where they meet.
        hide_next(store, &mut behind, &mut hidden);
        if found.len() == MANY {
            while hide_next(store, &mut behind, &mut hidden) {}
            queue.retain(|id| !hidden.contains(id));
        }
    }
    found.retain(|id| !hidden.contains(id));
    Ok(found)
}

/// Hides the parents of the next commit; what cannot be read ends its line.
fn hide_next(
    store: &Store,
    behind: &mut VecDeque<CommitId>,
    hidden: &mut HashSet<CommitId>,
) -> bool {
    let Some(id) = behind.pop_front() else { return false };
    if let Ok(stored) = load_commit(store, id) {
        behind.extend(stored.commit.parents.into_iter().filter(|parent| hidden.insert(*parent)));
    }
    true
}

/// Whether `old` is `new` or behind it; what cannot be read leads nowhere.
pub fn is_behind(store: &Store, old: CommitId, new: CommitId) -> bool {
    let (mut seen, mut queue) = (HashSet::from([new]), VecDeque::from([new]));
    while let Some(id) = queue.pop_front() {
        if id == old {
            return true;
        }
        if let Ok(stored) = load_commit(store, id) {
            queue.extend(stored.commit.parents.into_iter().filter(|id| seen.insert(*id)));
        }
    }
    false
}

/// The commits among these objects, and those that tags among them lead to. What is not here
/// leads nowhere.
pub fn commits_of(store: &Store, ids: impl Iterator<Item = Id>) -> Vec<CommitId> {
    let mut commits = Vec::new();
    for mut id in ids {
        let mut steps = 0;
        while let Ok(Lookup::Here(ObjectType::Tag)) = store.kind(id) {
            let Ok(stored) = load_tag(store, TagId::from_id(id)) else { break };
            id = stored.tag.target;
            steps += 1;
            if steps > TAGS_OF_TAGS {
                break;
            }
        }
        if let Ok(Lookup::Here(ObjectType::Commit)) = store.kind(id) {
            commits.push(CommitId::from_id(id));
        }
    }
    commits.sort_unstable();
    commits.dedup();
    commits
}
