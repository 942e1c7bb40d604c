//! The making of a repository.

use std::path::Path;

use crate::chunk::ContentHint;
use crate::disk::{Disk, OnExisting};
use crate::log::{Append, Head, PlaceLog, RefName};
use crate::object::{
    Cause, ChangeKind, LogId, ObjectType, PrincipalId, RefChange, RefTarget, TrustRoot,
};
use crate::sign::SecretKey;
use crate::store::{Batch, Store};
use crate::trust::found;

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
    let folder = root.join(FOLDER);
    if folder.symlink_metadata().is_ok() {
        return Err(RepoError::Exists { folder });
    }
    let suffix: [u8; 8] = random()?;
    let draft = root.join(format!("{FOLDER}.new-{}", data_encoding::HEXLOWER.encode(&suffix)));
    let made = fill(disk, &draft, options).and_then(|()| place(disk, &draft, &folder, root));
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

fn fill(disk: &Disk, draft: &Path, options: &InitOptions<'_>) -> Result<(), RepoError> {
    disk.create_dir(draft, 0o700)?;
    let store = Store::create(disk.clone(), draft)?;
    let founder = options.founder;
    let principal = PrincipalId::new(random()?);
    let new = found(&founder.name, &founder.key, Format::id(), principal, random()?)?;
    let lease = store.lease()?;
    let writer = store.writer(&lease);
    let mut batch = Batch::new(&writer);
    batch.put(ObjectType::Genesis, new.id.id(), &new.object, ContentHint::Block)?;
    batch.flush()?;
    drop(batch);
    writer.finish()?;
    let replica = SecretKey::generate()?;
    let pem = replica.to_openssh_pem("aisr replica")?;
    let local = draft.join("local");
    disk.create_whole(&local.join("replica-key"), pem.as_bytes(), 0o600)?;
    let head = RefTarget::Symbolic(options.branch.as_bytes().to_vec());
    let open = Append {
        trust_root: TrustRoot::embedded_id(&new.trust_root),
        changes: vec![RefChange {
            name: b"HEAD".to_vec(),
            old: None,
            new: Some(head),
            kind: ChangeKind::Create,
        }],
        time: super::now(),
        cause: Cause::of("open"),
    };
    let head = Head::Branch(options.branch.clone());
    let id = LogId::new(random()?);
    PlaceLog::create(disk.clone(), draft, new.id, id, &head, open, &replica)?;
    let format = Format::default().encode();
    // The last file: with its name, the names of all others in the draft become durable.
    Ok(disk.create_whole(&draft.join("format"), format.as_bytes(), 0o600)?)
}

fn random<const N: usize>() -> Result<[u8; N], RepoError> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(RepoError::NoRandomness)?;
    Ok(bytes)
}
