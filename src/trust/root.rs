//! The trust root in force.

use crate::object::{Actor, FormatId, KeyBytes, Principal, RepositoryId, TrustRoot, TrustRootId};
use crate::sign::{CheckedSignatures, PublicKey};
use crate::store::Store;

use super::chain::{Chain, ChainedRoot};
use super::error::TrustError;

/// The trust root in force in a repository, and those before it.
#[derive(Clone, Debug)]
pub struct TrustState {
    /// The repository.
    pub repo: RepositoryId,
    /// The hash of the format's identity part that the genesis names.
    pub format: FormatId,
    /// The root in force.
    pub root: TrustRoot,
    /// Its id.
    pub root_id: TrustRootId,
    chain: Chain,
}

/// What the trust roots say of the key behind a signature.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Standing<'a> {
    /// It belongs to this principal.
    Principal(&'a Principal),
    /// It belonged to this principal and was retired.
    Retired {
        /// The principal, as the last root that knew the key had it.
        principal: &'a Principal,
        /// The version of the first root without the key.
        by: u64,
    },
    /// It belongs to nobody whom a root knows.
    Unknown,
}

impl TrustState {
    /// Reads the genesis `id`, and all roots up to `in_force`.
    ///
    /// # Errors
    /// When one of them is absent, damaged, or does not follow from the one before.
    pub fn load(
        store: &Store,
        id: RepositoryId,
        in_force: TrustRootId,
    ) -> Result<Self, TrustError> {
        Self::load_knowing(store, id, in_force, &CheckedSignatures::default())
    }

    /// As [`TrustState::load`]; what is known to be signed well is not checked again.
    ///
    /// # Errors
    /// As [`TrustState::load`].
    pub fn load_knowing(
        store: &Store,
        id: RepositoryId,
        in_force: TrustRootId,
        checked: &CheckedSignatures,
    ) -> Result<Self, TrustError> {
        let chain = Chain::load_knowing(store, id, in_force, checked)?;
        let ChainedRoot { id: root_id, root, .. } = chain.last().clone();
        Ok(Self { repo: id, format: chain.format, root, root_id, chain })
    }

    /// All roots, from version 1 to the one in force.
    pub fn chain(&self) -> &Chain {
        &self.chain
    }

    /// What the roots say of `key`.
    pub fn standing(&self, key: &KeyBytes) -> Standing<'_> {
        let known = self.chain.roots().rev().find_map(|chained| {
            let principal = chained.root.principal_of(key)?;
            Some((chained.root.version, principal))
        });
        match known {
            None => Standing::Unknown,
            Some((version, principal)) if version == self.root.version => {
                Standing::Principal(principal)
            }
            Some((version, principal)) => Standing::Retired { principal, by: version + 1 },
        }
    }

    /// Whether some root did not know `key` yet: who signed then could name no principal.
    pub fn came_late(&self, key: &KeyBytes) -> bool {
        self.chain.roots().next().is_some_and(|first| first.root.principal_of(key).is_none())
    }

    /// The signer that a payload names for `key`.
    pub fn actor(&self, key: &PublicKey) -> Actor {
        let principal = self.root.principal_of(key.as_bytes()).map(|p| p.id);
        Actor { key: *key.as_bytes(), principal }
    }
}
