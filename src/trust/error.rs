//! What can be wrong with the trust of a repository.

use thiserror::Error;

use crate::object::{DecodeError, RepositoryId, TrustRootId};
use crate::sign::SignError;
use crate::store::StoreError;

/// Why a repository's trust cannot be read.
#[derive(Debug, Error)]
pub enum TrustError {
    /// The genesis, or a trust root, cannot be read.
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
    /// A later trust root does not decode.
    #[error("the trust root {id} is not sound: {source}")]
    Root {
        /// The root.
        id: TrustRootId,
        /// Why.
        source: DecodeError,
    },
    /// A later trust root has no good signature.
    #[error("the trust root {id} has no good signature: {source}")]
    RootSignature {
        /// The root.
        id: TrustRootId,
        /// Why.
        source: SignError,
    },
    /// A trust root of version 1 stands where only a later one can.
    #[error("the trust root {id} is of version 1, which only a genesis holds")]
    Embedded {
        /// The root.
        id: TrustRootId,
    },
    /// A trust root belongs to another repository.
    #[error("the trust root {id} is not one of the repository {repo}")]
    OtherRepository {
        /// The root.
        id: TrustRootId,
        /// The repository.
        repo: RepositoryId,
    },
    /// A trust root does not follow from the one before.
    #[error("trust root {version} ({id}) does not follow from the one before: {why}")]
    Link {
        /// The root.
        id: TrustRootId,
        /// Its version.
        version: u64,
        /// Why.
        why: String,
    },
    /// There are more trust roots, or longer ones, than are read.
    #[error("the trust roots up to {last} are more than can be checked")]
    TooLong {
        /// The last of them.
        last: TrustRootId,
    },
    /// Two trust roots claim the same place.
    #[error("there are two trust roots of version {version}: {ours} here, and {theirs}")]
    Fork {
        /// The version of both.
        version: u64,
        /// The one in force here.
        ours: TrustRootId,
        /// The other.
        theirs: TrustRootId,
    },
}
