//! Commits and tags of a repository, read and judged.

use crate::object::{
    Actor, Commit, CommitId, Id, ObjectType, Principal, RepositoryId, Signed, Tag, TagId,
};
use crate::sign::{Namespace, SignError, verify};
use crate::trust::Standing;

use super::error::RepoError;
use super::repository::Repository;

/// A commit as it is stored.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct StoredCommit {
    /// Its id.
    pub id: CommitId,
    /// What it says.
    pub commit: Commit,
    /// The bytes that are signed.
    pub payload: Vec<u8>,
    /// The raw SSHSIG blob.
    pub signature: Vec<u8>,
}

/// A tag as it is stored.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct StoredTag {
    /// Its id.
    pub id: TagId,
    /// What it says.
    pub tag: Tag,
    /// The bytes that are signed.
    pub payload: Vec<u8>,
    /// The raw SSHSIG blob.
    pub signature: Vec<u8>,
}

/// What a signature is worth.
#[derive(Debug)]
pub enum SignatureState<'r> {
    /// Good, by a key of this principal.
    Good(&'r Principal),
    /// Good, by a key that this principal had until it was retired; this came afterwards.
    RetiredKey(&'r Principal),
    /// Good, by a key that the trust root does not name.
    UnknownKey,
    /// The key belongs to somebody else than the object says.
    WrongPrincipal,
    /// The object belongs to another repository, whose trust root is not here.
    OtherRepository,
    /// No good signature of these bytes.
    Bad(SignError),
    /// A good signature, but by another key than the object states.
    WrongKey,
}

impl SignatureState<'_> {
    /// Whether it proves who signed.
    pub fn is_good(&self) -> bool {
        matches!(self, Self::Good(_))
    }

    /// Whether the bytes are signed by the key they state, whoever that belongs to.
    pub fn is_sound(&self) -> bool {
        matches!(
            self,
            Self::Good(_) | Self::RetiredKey(_) | Self::UnknownKey | Self::OtherRepository
        )
    }
}

impl Repository {
    /// Reads a commit.
    ///
    /// # Errors
    /// When it is absent or damaged.
    pub fn commit(&self, id: CommitId) -> Result<StoredCommit, RepoError> {
        let object = self.store().read(ObjectType::Commit, id.id())?;
        let unsound = |source| RepoError::Object { what: "commit", id: id.id(), source };
        let signed = Signed::decode(&object).map_err(unsound)?;
        let commit = Commit::decode(signed.payload).map_err(unsound)?;
        let (payload, signature) = (signed.payload.to_vec(), signed.signature.to_vec());
        Ok(StoredCommit { id, commit, payload, signature })
    }

    /// Reads a tag.
    ///
    /// # Errors
    /// When it is absent or damaged.
    pub fn tag(&self, id: TagId) -> Result<StoredTag, RepoError> {
        let object = self.store().read(ObjectType::Tag, id.id())?;
        let unsound = |source| RepoError::Object { what: "tag", id: id.id(), source };
        let signed = Signed::decode(&object).map_err(unsound)?;
        let tag = Tag::decode(signed.payload).map_err(unsound)?;
        let (payload, signature) = (signed.payload.to_vec(), signed.signature.to_vec());
        Ok(StoredTag { id, tag, payload, signature })
    }

    /// Judges the signature of a commit.
    pub fn judge(&self, stored: &StoredCommit) -> SignatureState<'_> {
        match check_commit(stored) {
            Ok(()) => {
                self.judge_signer(stored.id.id(), &stored.commit.committer, stored.commit.repo)
            }
            Err(flaw) => flaw,
        }
    }

    /// Judges the signature of a commit to show it: one that was found good before is not checked
    /// again ([`CheckedSignatures`](crate::sign::CheckedSignatures)), but whose key it is, is.
    pub fn judge_to_show(&self, stored: &StoredCommit) -> SignatureState<'_> {
        let id = stored.id.id();
        if !self.checked_signatures().contains(id) {
            if let Err(flaw) = check_commit(stored) {
                return flaw;
            }
            self.checked_signatures().add(id);
        }
        self.judge_signer(id, &stored.commit.committer, stored.commit.repo)
    }

    /// Judges the signature of a tag.
    pub fn judge_tag(&self, stored: &StoredTag) -> SignatureState<'_> {
        let StoredTag { id, tag, payload, signature } = stored;
        match check(Namespace::Tag, payload, signature, &tag.tagger) {
            Ok(()) => self.judge_signer(id.id(), &tag.tagger, tag.repo),
            Err(flaw) => flaw,
        }
    }

    /// Judges whose key made a good signature.
    fn judge_signer(&self, id: Id, stated: &Actor, repo: RepositoryId) -> SignatureState<'_> {
        if repo != self.id() {
            return SignatureState::OtherRepository;
        }
        // A signer whose key no root knew yet could name no principal.
        let names = |p: &Principal| match stated.principal {
            Some(id) => id == p.id,
            None => self.trust().came_late(&stated.key),
        };
        match self.trust().standing(&stated.key) {
            Standing::Principal(p) if names(p) => SignatureState::Good(p),
            Standing::Retired { principal, by }
                if names(principal) || stated.principal.is_none() =>
            {
                match self.arrivals().came_before(id, by) {
                    true => SignatureState::Good(principal),
                    false => SignatureState::RetiredKey(principal),
                }
            }
            Standing::Unknown if stated.principal.is_none() => SignatureState::UnknownKey,
            _ => SignatureState::WrongPrincipal,
        }
    }
}

fn check_commit(stored: &StoredCommit) -> Result<(), SignatureState<'static>> {
    let StoredCommit { commit, payload, signature, .. } = stored;
    check(Namespace::Commit, payload, signature, &commit.committer)
}

/// Whether the bytes are signed by the key that they state; what is wrong, else.
fn check(
    namespace: Namespace,
    payload: &[u8],
    signature: &[u8],
    stated: &Actor,
) -> Result<(), SignatureState<'static>> {
    let signer = verify(namespace, payload, signature).map_err(SignatureState::Bad)?;
    match signer.as_bytes() == &stated.key {
        true => Ok(()),
        false => Err(SignatureState::WrongKey),
    }
}
