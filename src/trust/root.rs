//! The trust root in force.

use thiserror::Error;

use crate::object::{
    Actor, DecodeError, FormatId, Genesis, KEY_LEN, ObjectType, Principal, RepositoryId, Signed,
    TrustRoot, TrustRootId,
};
use crate::sign::{Namespace, PublicKey, SignError, verify};
use crate::store::{Store, StoreError};

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

/// Why a repository's trust cannot be read.
#[derive(Debug, Error)]
pub enum TrustError {
    /// The genesis cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The genesis does not decode.
    #[error("the genesis {id} is not sound: {source}")]
    Genesis {
        /// The repository.
        id: RepositoryId,
        /// Why.
        source: DecodeError,
    },
    /// The genesis is not signed by its first principal.
    #[error("the genesis {id} has no good signature: {source}")]
    Signature {
        /// The repository.
        id: RepositoryId,
        /// Why.
        source: SignError,
    },
    /// The key that signed the genesis belongs to nobody in the root that it embeds.
    #[error("the genesis {0} is signed by a key that its trust root does not name")]
    Stranger(RepositoryId),
    /// Two trust roots, of which neither comes after the other.
    #[error("trust root {offered} does not follow from {current}, which is in force here")]
    Forked {
        /// The one in force.
        current: TrustRootId,
        /// The other.
        offered: TrustRootId,
    },
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
        let object = store.read(ObjectType::Genesis, id.id())?;
        let unsound = |source| TrustError::Genesis { id, source };
        let signed = Signed::decode(&object).map_err(unsound)?;
        let (genesis, root) = Genesis::decode(signed.payload).map_err(unsound)?;
        let signer = verify(Namespace::Genesis, signed.payload, signed.signature)
            .map_err(|source| TrustError::Signature { id, source })?;
        if root.principal_of(signer.as_bytes()).is_none() {
            return Err(TrustError::Stranger(id));
        }
        let root_id = TrustRoot::embedded_id(&genesis.trust_root);
        Ok(Self { repo: id, format: genesis.format, root, root_id })
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
