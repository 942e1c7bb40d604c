//! The making of a repository.

use std::path::Path;

use crate::chunk::ContentHint;
use crate::disk::{Disk, OnExisting};
use crate::log::{Append, Head, PlaceLog, RefName};
use crate::object::{
    Cause, ChangeKind, Genesis, LogId, ObjectType, PrincipalId, RefChange, RefTarget, RepositoryId,
    Signed, TrustRoot, TrustRootId,
};
use crate::sign::SecretKey;
use crate::store::{Batch, Store};
use crate::trust::{NewRepository, TrustError, found};

use super::error::RepoError;
use super::format::Format;
use super::identity::Identity;
use super::repository::{FOLDER, Repository};

/// How a repository is made.
pub struct InitOptions<'a> {
    /// Who founds it, and is its first principal.
    pub founder: &'a Identity,
    /// The branch that HEAD is on.
    pub branch: RefName,
}

/// Makes the repository of the folder `root`: everything is written beside and renamed into place
/// at the end, so that it is there whole or not at all.
///
/// # Errors
/// When there is a repository already, or the disk says no.
pub fn init(disk: &Disk, root: &Path, options: &InitOptions<'_>) -> Result<Repository, RepoError> {
    make(disk, root, &|draft| {
        disk.create_dir(draft, 0o700)?;
        let store = Store::create(disk.clone(), draft)?;
        let new = founding(options.founder)?;
        put_genesis(&store, new.id, &new.object)?;
        let trust_root = TrustRoot::embedded_id(&new.trust_root);
        fill(disk, draft, new.id, trust_root, &options.branch)
    })
}

/// Fills a draft beside and renames it into place.
fn make(
    disk: &Disk,
    root: &Path,
    fill: &dyn Fn(&Path) -> Result<(), RepoError>,
) -> Result<Repository, RepoError> {
    let folder = root.join(FOLDER);
    if folder.symlink_metadata().is_ok() {
        return Err(RepoError::Exists { folder });
    }
    let suffix: [u8; 8] = random()?;
    let draft = root.join(format!("{FOLDER}.new-{}", data_encoding::HEXLOWER.encode(&suffix)));
    let made = fill(&draft).and_then(|()| place(disk, &draft, &folder, root));
    if made.is_err() {
        let _ = std::fs::remove_dir_all(&draft);
    }
    made?;
    Repository::open(disk.clone(), root)
}

fn place(disk: &Disk, draft: &Path, folder: &Path, root: &Path) -> Result<(), RepoError> {
    disk.rename(draft, folder, OnExisting::Refuse).map_err(|e| match e.is_already_exists() {
        true => RepoError::Exists { folder: folder.into() },
        false => e.into(),
    })?;
    Ok(disk.sync_dir(root)?)
}

/// How a repository becomes a second copy of one that exists.
pub struct ReplicaOptions<'a> {
    /// The genesis, whose id is the repository's.
    pub genesis: &'a [u8],
    /// The branch that HEAD is on.
    pub branch: RefName,
}

/// Makes the folder `root` another copy of an existing repository, with a key and a log of its
/// own, and without its commits.
///
/// # Errors
/// When there is a repository already, or the disk says no.
pub fn init_replica(
    disk: &Disk,
    root: &Path,
    options: &ReplicaOptions<'_>,
) -> Result<Repository, RepoError> {
    make(disk, root, &|draft| {
        disk.create_dir(draft, 0o700)?;
        let store = Store::create(disk.clone(), draft)?;
        let repo = RepositoryId::of(options.genesis);
        let root = first_root(repo, options.genesis)?;
        put_genesis(&store, repo, options.genesis)?;
        fill(disk, draft, repo, root, &options.branch)
    })
}

/// The trust root that a genesis embeds. Who signed it is checked when the repository is opened.
fn first_root(id: RepositoryId, object: &[u8]) -> Result<TrustRootId, RepoError> {
    let genesis = Signed::decode(object).and_then(|signed| Genesis::decode(signed.payload));
    match genesis {
        Ok((genesis, _)) => Ok(TrustRoot::embedded_id(&genesis.trust_root)),
        Err(source) => Err(TrustError::Genesis { id, source }.into()),
    }
}

/// A new repository's genesis, signed by its founder.
///
/// # Errors
/// When the key cannot sign.
pub fn founding(founder: &Identity) -> Result<NewRepository, RepoError> {
    let principal = PrincipalId::new(random()?);
    Ok(found(&founder.name, &founder.key, Format::id(), principal, random()?)?)
}

fn put_genesis(store: &Store, repo: RepositoryId, genesis: &[u8]) -> Result<(), RepoError> {
    let lease = store.lease()?;
    let writer = store.writer(&lease);
    let mut batch = Batch::new(&writer);
    batch.put(ObjectType::Genesis, repo.id(), genesis, ContentHint::Block)?;
    batch.flush()?;
    drop(batch);
    writer.finish()?;
    Ok(())
}

/// Writes the replica key, the log and the format file of a repository whose packs are there.
fn fill(
    disk: &Disk,
    draft: &Path,
    repo: RepositoryId,
    trust_root: TrustRootId,
    branch: &RefName,
) -> Result<(), RepoError> {
    let replica = SecretKey::generate()?;
    let pem = replica.to_openssh_pem("aisr replica")?;
    let local = draft.join("local");
    disk.create_whole(&local.join("replica-key"), pem.as_bytes(), 0o600)?;
    let head = RefTarget::Symbolic(branch.as_bytes().to_vec());
    let open = Append {
        trust_root,
        changes: vec![RefChange {
            name: b"HEAD".to_vec(),
            old: None,
            new: Some(head),
            kind: ChangeKind::Create,
        }],
        time: super::now(),
        cause: Cause::of("open"),
    };
    let head = Head::Branch(branch.clone());
    let id = LogId::new(random()?);
    PlaceLog::create(disk.clone(), draft, repo, id, &head, open, &replica)?;
    let format = Format::default().encode();
    // The last file: with its name, the names of all others in the draft become durable.
    Ok(disk.create_whole(&draft.join("format"), format.as_bytes(), 0o600)?)
}

fn random<const N: usize>() -> Result<[u8; N], RepoError> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(RepoError::NoRandomness)?;
    Ok(bytes)
}
