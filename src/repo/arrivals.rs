//! Under which trust root each commit and tag came to be known in this place.

use std::collections::HashMap;

use crate::log::LogError;
use crate::object::{CommitId, Id, ObjectType, RefTarget, TagId, TrustRootId};
use crate::store::Lookup;

use super::repository::Repository;

/// For each commit and tag that the log, or a trust root, names or leads to, the version of the
/// trust root that was in force when it came.
///
/// Two things tell: the log of this place, by the root in force at the entry that first moved a
/// ref to it or past it; and the `heads` of a trust root, which whoever signed that root vouches
/// for. The earlier of the two counts, so what came before a retirement is known as that in a
/// clone made afterwards too. Costs one look at each commit, and about 60 bytes for each.
#[derive(Debug)]
pub struct Arrivals {
    versions: HashMap<Id, u64>,
}

impl Arrivals {
    /// Follows the log and the trust roots of `repo`. What cannot be read counts as not there: a
    /// damaged log proves nothing.
    pub fn of(repo: &Repository) -> Self {
        let mut arrivals = Self { versions: HashMap::new() };
        let named = named_by_log(repo).unwrap_or_default();
        let roots: Vec<_> = repo.trust().chain().roots().collect();
        for (at, chained) in roots.iter().enumerate() {
            let by_log = named.get(&chained.id).cloned().unwrap_or_default();
            let vouched = roots.get(at + 1).map_or(&[][..], |next| &next.root.heads);
            arrivals.add(repo, by_log.into_iter().chain(vouched.iter().copied()), at as u64 + 1);
        }
        arrivals
    }

    /// Whether `id` was there before the trust root `version` came into force.
    pub fn came_before(&self, id: Id, version: u64) -> bool {
        self.versions.get(&id).is_some_and(|came| *came < version)
    }

    fn add(&mut self, repo: &Repository, starts: impl Iterator<Item = Id>, version: u64) {
        let mut stack: Vec<Id> = starts.collect();
        while let Some(id) = stack.pop() {
            if self.versions.contains_key(&id) {
                continue;
            }
            self.versions.insert(id, version);
            stack.extend(behind(repo, id));
        }
    }
}

/// What a commit or tag names.
fn behind(repo: &Repository, id: Id) -> Vec<Id> {
    match repo.store().kind(id) {
        Ok(Lookup::Here(ObjectType::Commit)) => {
            let stored = repo.commit(CommitId::from_id(id));
            let parents = stored.map(|stored| stored.commit.parents).unwrap_or_default();
            parents.iter().map(CommitId::id).collect()
        }
        Ok(Lookup::Here(ObjectType::Tag)) => {
            let stored = repo.tag(TagId::from_id(id));
            stored.map(|stored| stored.tag.target).into_iter().collect()
        }
        _ => Vec::new(),
    }
}

/// What the log's entries moved refs to, by the trust root that was in force.
fn named_by_log(repo: &Repository) -> Result<HashMap<TrustRootId, Vec<Id>>, LogError> {
    let mut named: HashMap<TrustRootId, Vec<Id>> = HashMap::new();
    repo.log()?.walk(&mut |_, entry| {
        let targets = entry.changes.iter().filter_map(|change| match change.new {
            Some(RefTarget::Object(id)) => Some(id),
            _ => None,
        });
        named.entry(entry.trust_root).or_default().extend(targets);
    })?;
    Ok(named)
}
