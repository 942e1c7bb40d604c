//! The trust roots of a repository, from the genesis on, each checked against the one before.

use std::collections::{BTreeMap, BTreeSet};

use crate::object::{
    FormatId, Genesis, KeyBytes, ObjectType, PrincipalId, RepositoryId, Signed, TrustRoot,
    TrustRootId, limits,
};
use crate::sign::{CheckedSignatures, Namespace, PublicKey};
use crate::store::Store;

use super::error::TrustError;

/// The most trust roots that a repository may have.
pub const MAX_ROOTS: usize = 4096;
/// The most bytes that all of them may have together.
const MAX_BYTES: usize = 4 * limits::LOG_ENTRY;

/// A trust root in its chain.
#[derive(Clone, Debug)]
pub struct ChainedRoot {
    /// Its id.
    pub id: TrustRootId,
    /// What it says.
    pub root: TrustRoot,
    /// The key that signed it; of version 1, the one that signed the genesis.
    pub signer: PublicKey,
}

/// The trust roots of a repository, from version 1 on without gaps.
#[derive(Clone, Debug)]
pub struct Chain {
    /// The repository.
    pub repo: RepositoryId,
    /// The hash of the format's identity part that the genesis names.
    pub format: FormatId,
    first: ChainedRoot,
    later: Vec<ChainedRoot>,
    /// Every key of every root, and whose it is for ever.
    owners: BTreeMap<KeyBytes, PrincipalId>,
}

impl Chain {
    /// Reads the genesis `repo`, and the root that it embeds.
    ///
    /// # Errors
    /// When it is absent, damaged, or not signed by a principal of its own root.
    pub fn genesis(store: &Store, repo: RepositoryId) -> Result<Self, TrustError> {
        Self::genesis_knowing(store, repo, &CheckedSignatures::default())
    }

    fn genesis_knowing(
        store: &Store,
        repo: RepositoryId,
        checked: &CheckedSignatures,
    ) -> Result<Self, TrustError> {
        let object = store.read(ObjectType::Genesis, repo.id())?;
        let unsound = |source| TrustError::Genesis { id: repo, source };
        let signed = Signed::decode(&object).map_err(unsound)?;
        let (genesis, root) = Genesis::decode(signed.payload).map_err(unsound)?;
        let signer = checked
            .verify(repo.id(), Namespace::Genesis, signed.payload, signed.signature)
            .map_err(|source| TrustError::Signature { id: repo, source })?;
        if root.principal_of(signer.as_bytes()).is_none() {
            return Err(TrustError::Stranger(repo));
        }
        let id = TrustRoot::embedded_id(&genesis.trust_root);
        let first = ChainedRoot { id, root, signer };
        let owners = keys(&first.root).map(|(key, owner)| (*key, owner)).collect();
        Ok(Self { repo, format: genesis.format, first, later: Vec::new(), owners })
    }

    /// Reads the roots of `repo` up to `last`, and checks each against the one before.
    ///
    /// # Errors
    /// When one is absent or damaged, belongs to another repository, or does not follow from the
    /// one before; when they are more, or longer, than is read.
    pub fn load(store: &Store, repo: RepositoryId, last: TrustRootId) -> Result<Self, TrustError> {
        Self::load_knowing(store, repo, last, &CheckedSignatures::default())
    }

    /// As [`Chain::load`]; what is known to be signed well is not checked again.
    pub(super) fn load_knowing(
        store: &Store,
        repo: RepositoryId,
        last: TrustRootId,
        checked: &CheckedSignatures,
    ) -> Result<Self, TrustError> {
        let mut chain = Self::genesis_knowing(store, repo, checked)?;
        let (mut back, mut bytes, mut next) = (Vec::new(), 0, last);
        while next != chain.first.id {
            let (found, length) = read_root(store, next, checked)?;
            bytes += length;
            if back.len() + 1 >= MAX_ROOTS || bytes > MAX_BYTES {
                return Err(TrustError::TooLong { last });
            }
            if found.root.repo != Some(repo) {
                return Err(TrustError::OtherRepository { id: next, repo });
            }
            next = found.root.previous.ok_or(TrustError::Embedded { id: next })?;
            back.push(found);
        }
        for found in back.into_iter().rev() {
            chain.push(found)?;
        }
        Ok(chain)
    }

    /// All roots, by ascending version.
    pub fn roots(&self) -> impl DoubleEndedIterator<Item = &ChainedRoot> {
        std::iter::once(&self.first).chain(&self.later)
    }

    /// The last root.
    pub fn last(&self) -> &ChainedRoot {
        self.later.last().unwrap_or(&self.first)
    }

    /// Where `id` stands in the chain, counted from 0.
    pub fn position(&self, id: TrustRootId) -> Option<usize> {
        self.roots().position(|root| root.id == id)
    }

    /// Adds a root, if it follows from the last one.
    ///
    /// # Errors
    /// [`TrustError::Link`].
    pub fn push(&mut self, next: ChainedRoot) -> Result<(), TrustError> {
        match self.flaw(&next) {
            None => {
                self.owners.extend(keys(&next.root).map(|(key, owner)| (*key, owner)));
                self.later.push(next);
                Ok(())
            }
            Some(why) => Err(TrustError::Link { id: next.id, version: next.root.version, why }),
        }
    }

    /// Why `next` does not follow from the last root (`docs/format.md`, "Trust root").
    fn flaw(&self, next: &ChainedRoot) -> Option<String> {
        let before = self.last();
        if next.root.previous != Some(before.id) || next.root.version != before.root.version + 1 {
            return Some("it does not name that root, or its version is not the next".into());
        }
        if let Err(why) = may_sign_next(&before.root, &next.signer) {
            return Some(why);
        }
        let before_keys: BTreeSet<_> = keys(&before.root).map(|(key, _)| key).collect();
        for (key, principal) in keys(&next.root) {
            let fingerprint = || match PublicKey::from_bytes(key) {
                Ok(key) => key.fingerprint(),
                Err(_) => "that is none".into(),
            };
            match self.owners.get(key) {
                Some(owner) if *owner != principal => {
                    return Some(format!("it gives key {} to another principal", fingerprint()));
                }
                Some(_) if !before_keys.contains(key) => {
                    return Some(format!("it brings back the retired key {}", fingerprint()));
                }
                _ => {}
            }
        }
        None
    }
}

/// Whether `root` lets the holder of `key` sign the root after it; why not, else.
pub(super) fn may_sign_next(root: &TrustRoot, key: &PublicKey) -> Result<(), String> {
    let fingerprint = key.fingerprint();
    let Some(principal) = root.principal_of(key.as_bytes()) else {
        return Err(format!(
            "key {fingerprint} belongs to no principal of trust root {}",
            root.version
        ));
    };
    let role = root.roles.iter().find(|role| role.name == TrustRoot::ROLE);
    let Some(role) = role.filter(|role| role.holders.contains(&principal.id)) else {
        let name = principal.names.first().map_or("", String::as_str);
        return Err(format!("{name} ({fingerprint}) does not hold the role `{}`", TrustRoot::ROLE));
    };
    match role.threshold {
        1 => Ok(()),
        n => Err(format!("{n} holders of the role `{}` must agree, and one signed", role.name)),
    }
}

fn keys(root: &TrustRoot) -> impl Iterator<Item = (&KeyBytes, PrincipalId)> {
    root.principals.iter().flat_map(|p| p.keys.iter().map(|key| (key, p.id)))
}

/// Reads a root that is an object of its own, and its length in bytes.
pub(super) fn read_root(
    store: &Store,
    id: TrustRootId,
    checked: &CheckedSignatures,
) -> Result<(ChainedRoot, usize), TrustError> {
    let object = store.read(ObjectType::TrustRoot, id.id())?;
    let unsound = |source| TrustError::Root { id, source };
    let signed = Signed::decode(&object).map_err(unsound)?;
    let root = TrustRoot::decode(signed.payload).map_err(unsound)?;
    let signer = checked
        .verify(id.id(), Namespace::TrustRoot, signed.payload, signed.signature)
        .map_err(|source| TrustError::RootSignature { id, source })?;
    Ok((ChainedRoot { id, root, signer }, object.len()))
}
