//! Changing who may sign: the next trust root, written and put in force.

use thiserror::Error;

use crate::chunk::ContentHint;
use crate::log::{LogError, PlaceLog};
use crate::object::{Cause, Id};
use crate::sign::{PublicKey, Signer};
use crate::store::{Batch, StoreError};
use crate::trust::{ChangeError, SignedRoot, Whose, sign_root, with_key, without_key};

use super::error::RepoError;
use super::repository::Repository;

/// What joins or goes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum TrustChange {
    /// A key joins.
    AddKey(PublicKey, Whose),
    /// A key is retired: what it signed until now stays good, what it signs later is not.
    RetireKey(PublicKey),
}

/// Why the trust root could not be changed.
#[derive(Debug, Error)]
pub enum TrustChangeError {
    /// There is no such next root.
    #[error(transparent)]
    Change(#[from] ChangeError),
    /// It cannot be written or put in force.
    #[error(transparent)]
    Repo(#[from] RepoError),
}

impl From<StoreError> for TrustChangeError {
    fn from(error: StoreError) -> Self {
        RepoError::from(error).into()
    }
}

impl From<LogError> for TrustChangeError {
    fn from(error: LogError) -> Self {
        RepoError::from(error).into()
    }
}

/// Makes the trust root after the one in force, signed by `signer`, and puts it in force: once this
/// returns, it is. This handle goes on by the root that it was opened with.
///
/// # Errors
/// When there is no such root, `signer` may not sign it, or it cannot be written; the root in force
/// is as before then.
pub fn change_trust(
    repo: &Repository,
    change: &TrustChange,
    signer: &Signer,
) -> Result<SignedRoot, TrustChangeError> {
    repo.ensure_writable()?;
    let mut log = repo.log()?;
    let (root, cause) = match change {
        TrustChange::AddKey(key, whose) => (with_key(repo.trust(), key, whose)?, "add-key"),
        TrustChange::RetireKey(key) => (without_key(repo.trust(), key, heads(&log))?, "retire-key"),
    };
    let signed = sign_root(repo.trust(), root, signer)?;
    let lease = repo.store().lease()?;
    let writer = repo.store().writer(&lease);
    let mut batch = Batch::new(&writer);
    batch.put(SignedRoot::TYPE, signed.id.id(), &signed.object, ContentHint::Block)?;
    batch.flush()?;
    drop(batch);
    writer.finish()?;
    repo.put_in_force(&mut log, signed.id, Vec::new(), Cause::of(cause))?;
    Ok(signed)
}

/// What refs and HEAD name.
fn heads(log: &PlaceLog) -> Vec<Id> {
    let refs = log.refs();
    refs.refs.values().copied().chain(refs.head_object()).collect()
}
