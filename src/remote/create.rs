//! The making of a shared place: packs first, then the log, then the file that makes it one.

use std::path::Path;

use crate::disk::Disk;
use crate::log::{PlaceFile, RefName, SharedAppend, SharedLog};
use crate::object::{Actor, Cause, LogId, ObjectType, RepositoryId, TrustRoot, TrustRootId};
use crate::repo::{Format, Identity, Repository, SHARED_PLACE, founding, now};
use crate::store::pack_of_one;

use super::error::{RemoteError, Result};
use super::folder::FolderPlace;
use super::place::{Place, Put, put_bytes};
use super::transfer::pack_key;

/// Makes an empty place a shared place of this repository, without its commits, which a push
/// brings. HEAD is on `branch` there.
///
/// # Errors
/// When something is there already, or the place says no. What was put by then does no harm, and
/// the next attempt goes on.
pub fn create_place(
    repo: &Repository,
    place: &dyn Place,
    branch: &RefName,
    identity: &Identity,
) -> Result<()> {
    let genesis = repo.store().read(ObjectType::Genesis, repo.id().id())?;
    let signer = repo.trust().actor(&identity.key.public());
    found_place(place, &genesis, repo.trust().root_id, signer, branch, identity)
}

/// Founds a repository that lies in a shared place in the folder `root` alone (`init --bare`).
///
/// # Errors
/// When something is there already, or the disk says no.
pub fn init_shared(
    disk: &Disk,
    root: &Path,
    branch: &RefName,
    founder: &Identity,
) -> Result<RepositoryId> {
    let place = FolderPlace::ensure(disk, root)?;
    ensure_free(&place)?;
    let new = founding(founder)?;
    let root_id = TrustRoot::embedded_id(&new.trust_root);
    let signed = TrustRoot::decode(&new.trust_root);
    let key = founder.key.public();
    let principal = signed.ok().and_then(|r| r.principal_of(key.as_bytes()).map(|p| p.id));
    let signer = Actor { key: *key.as_bytes(), principal };
    found_place(&place, &new.object, root_id, signer, branch, founder)?;
    Ok(new.id)
}

fn ensure_free(place: &dyn Place) -> Result<()> {
    for key in [PlaceFile::NAME, "refs"] {
        if place.get(key, u64::MAX)?.is_some() {
            return Err(RemoteError::PlaceExists { place: place.name().into() });
        }
    }
    Ok(())
}

fn found_place(
    place: &dyn Place,
    genesis: &[u8],
    trust_root: TrustRootId,
    signer: Actor,
    branch: &RefName,
    identity: &Identity,
) -> Result<()> {
    ensure_free(place)?;
    let repo = RepositoryId::of(genesis);
    let (pack, bytes) = pack_of_one(ObjectType::Genesis, repo.id(), genesis);
    put_bytes(place, &pack_key(pack), &bytes)?;
    let mut random = [0; 16];
    getrandom::fill(&mut random).map_err(RemoteError::NoRandomness)?;
    let log = SharedLog::new(repo, LogId::new(random));
    let open = SharedAppend {
        signer,
        trust_root,
        changes: vec![SharedLog::opening(branch)],
        time: now(),
        cause: Cause::of("open"),
    };
    let object = log.prepare(open, &identity.key)?;
    put_bytes(place, &SharedLog::key(log.refs().log, 0), &object)?;
    let format = Format { requires: vec![SHARED_PLACE.into()], ..Format::default() };
    put_bytes(place, "format", format.encode().as_bytes())?;
    let file = PlaceFile { repo, log: log.refs().log };
    // From here on it is a place.
    match put_bytes(place, PlaceFile::NAME, file.encode().as_bytes())? {
        Put::Created => Ok(()),
        Put::Exists => Err(RemoteError::PlaceExists { place: place.name().into() }),
    }
}
