//! Whether the trust roots that somebody else offers go on from one's own.

use crate::object::{RepositoryId, TrustRootId};
use crate::sign::CheckedSignatures;
use crate::store::{Store, StoreError};

use super::chain::{Chain, read_root};
use super::error::TrustError;

/// How an offered trust root stands to the one in force here.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Adoption {
    /// It is the same.
    Same,
    /// It is one of those before: whoever offers it has not seen the later ones yet.
    Behind,
    /// It goes on from the one in force, by these roots; the offered one is the last.
    Extends(Vec<TrustRootId>),
}

/// Compares the trust root `offered` with `current`, the one in force here. All roots up to both
/// must be in `store`; each is checked against the one before (`docs/format.md`, "Trust root").
///
/// # Errors
/// [`TrustError::Fork`] when neither goes on from the other: it names the first two that differ.
/// Else when a root is absent, damaged, of another repository, or does not follow from the one
/// before.
pub fn adopt(
    store: &Store,
    current: TrustRootId,
    offered: TrustRootId,
) -> Result<Adoption, TrustError> {
    if current == offered {
        return Ok(Adoption::Same);
    }
    // At most one of two different roots can be that of the genesis, which is no object.
    let repo = match repository_of(store, offered) {
        Err(TrustError::Store(StoreError::Absent { .. })) => repository_of(store, current)?,
        found => found?,
    };
    let (ours, theirs) = (Chain::load(store, repo, current)?, Chain::load(store, repo, offered)?);
    let mut pairs = ours.roots().zip(theirs.roots());
    if let Some((ours, theirs)) = pairs.find(|(ours, theirs)| ours.id != theirs.id) {
        let (version, ours, theirs) = (ours.root.version, ours.id, theirs.id);
        return Err(TrustError::Fork { version, ours, theirs });
    }
    Ok(match theirs.position(current) {
        Some(at) => Adoption::Extends(theirs.roots().skip(at + 1).map(|root| root.id).collect()),
        None => Adoption::Behind,
    })
}

/// The repository that a root names which is an object of its own.
fn repository_of(store: &Store, id: TrustRootId) -> Result<RepositoryId, TrustError> {
    let (found, _) = read_root(store, id, &CheckedSignatures::default())?;
    found.root.repo.ok_or(TrustError::Embedded { id })
}
