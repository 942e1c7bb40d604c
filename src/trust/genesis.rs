//! The founding of a repository.

use crate::object::{FormatId, Genesis, Principal, PrincipalId, RepositoryId, Signed, TrustRoot};
use crate::sign::{Namespace, SignError, Signer};

/// A genesis that is signed, and not yet written.
pub struct NewRepository {
    /// The repository's id: that of the object.
    pub id: RepositoryId,
    /// The signed object.
    pub object: Vec<u8>,
    /// The payload of trust root 1.
    pub trust_root: Vec<u8>,
}

/// Founds a repository whose first principal is called `name` and holds `key`.
///
/// # Errors
/// When the key cannot sign.
pub fn found(
    name: &str,
    key: &Signer,
    format: FormatId,
    principal: PrincipalId,
    nonce: [u8; 32],
) -> Result<NewRepository, SignError> {
    let first = Principal {
        id: principal,
        names: vec![name.into()],
        kind: "person".into(),
        controller: None,
        keys: vec![*key.public().as_bytes()],
    };
    let trust_root = TrustRoot::first(first).encode();
    let genesis = Genesis { nonce, format, trust_root, ext: Vec::new() };
    let payload = genesis.encode();
    let signature = key.sign(Namespace::Genesis, &payload)?;
    let object = Signed { payload: &payload, signature: &signature }.encode();
    Ok(NewRepository { id: RepositoryId::of(&object), object, trust_root: genesis.trust_root })
}
