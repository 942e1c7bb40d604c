//! The trust root in force.

use crate::object::{Actor, FormatId, KEY_LEN, Principal, RepositoryId, TrustRoot, TrustRootId};
use crate::sign::PublicKey;
use crate::store::Store;

use super::chain::{Chain, ChainedRoot};
use super::error::TrustError;

/// The trust root in force in a repository.
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
}

/// What the trust root says of the key behind a signature.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Standing {
    /// It belongs to this principal.
    Principal(Principal),
    /// It belongs to nobody the root knows.
    Unknown,
}

impl TrustState {
    /// Reads the genesis `id` and the root that it embeds.
    ///
    /// # Errors
    /// When it is absent, damaged, or not signed by a principal of its own root.
    pub fn load(store: &Store, id: RepositoryId) -> Result<Self, TrustError> {
        let chain = Chain::genesis(store, id)?;
        let ChainedRoot { id: root_id, root, .. } = chain.last().clone();
        Ok(Self { repo: id, format: chain.format, root, root_id })
    }

    /// What the root says of `key`.
    pub fn standing(&self, key: &[u8; KEY_LEN]) -> Standing {
        self.root.principal_of(key).cloned().map_or(Standing::Unknown, Standing::Principal)
    }

    /// The signer that a payload names for `key`.
    pub fn actor(&self, key: &PublicKey) -> Actor {
        let principal = self.root.principal_of(key.as_bytes()).map(|p| p.id);
        Actor { key: *key.as_bytes(), principal }
    }
}
