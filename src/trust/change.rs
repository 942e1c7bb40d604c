//! The next trust root: a key joins, or a key is retired.

use thiserror::Error;

use crate::object::{
    Id, ObjectType, Principal, PrincipalId, Role, Signed, TrustRoot, TrustRootId, limits,
};
use crate::sign::{Namespace, PublicKey, SignError, Signer};

use super::chain::may_sign_next;
use super::root::{Standing, TrustState};

/// Why there is no next trust root of this kind.
#[derive(Debug, Error)]
pub enum ChangeError {
    /// The key is somebody's already.
    #[error("key {fingerprint} belongs to {name} already")]
    Held {
        /// The key.
        fingerprint: String,
        /// Whose it is.
        name: String,
    },
    /// The key was retired; it never comes back.
    #[error("key {fingerprint} of {name} was retired by trust root {by} and cannot come back")]
    Retired {
        /// The key.
        fingerprint: String,
        /// Whose it was.
        name: String,
        /// The version of the root.
        by: u64,
    },
    /// No principal is called that.
    #[error("there is no principal `{name}`")]
    NoPrincipal {
        /// The name.
        name: String,
        /// Those that there are.
        known: Vec<String>,
    },
    /// A new principal would be called like another.
    #[error("there is a principal `{name}` already")]
    NameTaken {
        /// The name.
        name: String,
    },
    /// A name that is empty or too long.
    #[error("a principal's name has 1 to {limit} bytes")]
    Name {
        /// The most.
        limit: usize,
    },
    /// The key is nobody's.
    #[error("key {fingerprint} belongs to no principal of trust root {version}")]
    NotHeld {
        /// The key.
        fingerprint: String,
        /// The version of the root in force.
        version: u64,
    },
    /// Nobody could make a root after that.
    #[error("without key {fingerprint} nobody could sign another trust root")]
    NobodyLeft {
        /// The key.
        fingerprint: String,
    },
    /// The key that would sign may not.
    #[error("your key may not sign a trust root: {why}")]
    MayNot {
        /// Why.
        why: String,
    },
    /// The root would be too long.
    #[error("the trust root would have {size} bytes, the most is {limit}")]
    TooLong {
        /// Its size.
        size: usize,
        /// The most.
        limit: usize,
    },
    /// It cannot be signed.
    #[error(transparent)]
    Sign(#[from] SignError),
}

/// Whose key joins.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Whose {
    /// That of a principal that there is.
    Of(PrincipalId),
    /// That of one who is new.
    New {
        /// A random id, for ever.
        id: PrincipalId,
        /// What it is called.
        name: String,
        /// Whether it may sign trust roots.
        signs_roots: bool,
    },
}

/// A trust root that is signed, and not yet written.
#[derive(Clone, Debug)]
pub struct SignedRoot {
    /// Its id.
    pub id: TrustRootId,
    /// What it says.
    pub root: TrustRoot,
    /// The signed object.
    pub object: Vec<u8>,
}

impl SignedRoot {
    /// The type of the object.
    pub const TYPE: ObjectType = ObjectType::TrustRoot;
}

/// The longest name of a principal in bytes.
const NAME_LIMIT: usize = 255;

/// The principal of the root in force that is called `name`, or whose id begins with it.
///
/// # Errors
/// [`ChangeError::NoPrincipal`], also where several are called that.
pub fn find_principal<'s>(state: &'s TrustState, name: &str) -> Result<&'s Principal, ChangeError> {
    let all = &state.root.principals;
    let named: Vec<_> = all.iter().filter(|p| p.names.iter().any(|n| n == name)).collect();
    let by_id: Vec<_> = all.iter().filter(|p| p.id.to_hex() == name).collect();
    match (&named[..], &by_id[..]) {
        ([one], _) | (_, [one]) => Ok(one),
        _ => {
            let known = all.iter().map(name_of).collect();
            Err(ChangeError::NoPrincipal { name: name.into(), known })
        }
    }
}

/// The root after the one in force, in which `key` is one of `whose`.
///
/// # Errors
/// When the key is somebody's or was, or a new name is taken.
pub fn with_key(
    state: &TrustState,
    key: &PublicKey,
    whose: &Whose,
) -> Result<TrustRoot, ChangeError> {
    let fingerprint = key.fingerprint();
    match state.standing(key.as_bytes()) {
        Standing::Unknown => {}
        Standing::Principal(p) => return Err(ChangeError::Held { fingerprint, name: name_of(p) }),
        Standing::Retired { principal, by } => {
            let name = name_of(principal);
            return Err(ChangeError::Retired { fingerprint, name, by });
        }
    }
    let mut root = next(state);
    match whose {
        Whose::Of(id) => {
            for principal in root.principals.iter_mut().filter(|p| p.id == *id) {
                principal.keys.push(*key.as_bytes());
                principal.keys.sort_unstable();
            }
        }
        Whose::New { id, name, signs_roots } => {
            if name.trim().is_empty() || name.len() > NAME_LIMIT {
                return Err(ChangeError::Name { limit: NAME_LIMIT });
            }
            if root.principals.iter().any(|p| p.names.contains(name)) {
                return Err(ChangeError::NameTaken { name: name.clone() });
            }
            root.principals.push(Principal {
                id: *id,
                names: vec![name.clone()],
                kind: "person".into(),
                controller: None,
                keys: vec![*key.as_bytes()],
            });
            root.principals.sort_unstable_by_key(|p| p.id);
            if *signs_roots {
                let_sign_roots(&mut root, *id);
            }
        }
    }
    Ok(root)
}

/// The root after the one in force, without `key`. `heads` is what refs and HEAD name now.
///
/// # Errors
/// When the key is nobody's, or nobody could sign a root after that one.
pub fn without_key(
    state: &TrustState,
    key: &PublicKey,
    mut heads: Vec<Id>,
) -> Result<TrustRoot, ChangeError> {
    let fingerprint = key.fingerprint();
    if state.root.principal_of(key.as_bytes()).is_none() {
        let version = state.root.version;
        return Err(ChangeError::NotHeld { fingerprint, version });
    }
    heads.sort_unstable();
    heads.dedup();
    let mut root = TrustRoot { heads, ..next(state) };
    for principal in &mut root.principals {
        principal.keys.retain(|held| held != key.as_bytes());
    }
    match someone_signs_roots(&root) {
        true => Ok(root),
        false => Err(ChangeError::NobodyLeft { fingerprint }),
    }
}

/// Signs the root after the one in force.
///
/// # Errors
/// When the root in force does not let the key do that, or it cannot sign.
pub fn sign_root(
    state: &TrustState,
    root: TrustRoot,
    signer: &Signer,
) -> Result<SignedRoot, ChangeError> {
    may_sign_next(&state.root, &signer.public()).map_err(|why| ChangeError::MayNot { why })?;
    let payload = root.encode();
    let (size, limit) = (payload.len(), limits::LOG_ENTRY);
    if size > limit {
        return Err(ChangeError::TooLong { size, limit });
    }
    let signature = signer.sign(Namespace::TrustRoot, &payload)?;
    let object = Signed { payload: &payload, signature: &signature }.encode();
    Ok(SignedRoot { id: TrustRootId::of(&object), root, object })
}

/// What a principal is called.
pub fn name_of(principal: &Principal) -> String {
    principal.names.first().cloned().unwrap_or_else(|| principal.id.to_hex())
}

fn next(state: &TrustState) -> TrustRoot {
    TrustRoot {
        repo: Some(state.repo),
        version: state.root.version + 1,
        previous: Some(state.root_id),
        heads: Vec::new(),
        ..state.root.clone()
    }
}

fn let_sign_roots(root: &mut TrustRoot, id: PrincipalId) {
    match root.roles.iter_mut().find(|role| role.name == TrustRoot::ROLE) {
        Some(role) => {
            role.holders.push(id);
            role.holders.sort_unstable();
        }
        None => {
            let name = TrustRoot::ROLE.to_owned();
            root.roles.push(Role { name, holders: vec![id], threshold: 1 });
            root.roles.sort_unstable_by(|a, b| a.name.cmp(&b.name));
        }
    }
}

/// Whether as many holders of the role have a key as must agree.
fn someone_signs_roots(root: &TrustRoot) -> bool {
    let has_key =
        |id: &PrincipalId| root.principals.iter().any(|p| p.id == *id && !p.keys.is_empty());
    let role = root.roles.iter().find(|role| role.name == TrustRoot::ROLE);
    role.is_some_and(|role| {
        role.holders.iter().filter(|id| has_key(id)).count() as u64 >= role.threshold
    })
}
