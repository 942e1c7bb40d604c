//! Tags: signed objects, and the refs that name them.

use crate::chunk::ContentHint;
use crate::log::RefName;
use crate::object::{BlobId, Cause, Id, ObjectType, RefChange, Signed, Tag, TagId, limits};
use crate::repo::{Identity, Repository, now};
use crate::sign::Namespace;
use crate::store::{Batch, Lookup};

use super::branches::{ensure_free, existing};
use super::ref_error::RefError;
use super::revision::Found;

/// What a tag says.
pub struct TagOptions<'a> {
    /// Who signs it.
    pub identity: &'a Identity,
    /// Its full name, under `refs/tags/`.
    pub name: RefName,
    /// What it names.
    pub target: Found,
    /// What is said of it.
    pub message: Option<String>,
}

/// Makes a signed tag, and the ref that names it.
///
/// # Errors
/// When the name is taken, the key cannot sign, or the disk says no.
pub fn create_tag(repo: &Repository, options: &TagOptions<'_>) -> Result<TagId, RefError> {
    repo.ensure_writable()?;
    let lease = repo.store().lease()?;
    repo.ensure_not_expired(options.target.id)?;
    ensure_present(repo, options.target.id)?;
    let mut log = repo.log()?;
    ensure_free(log.refs(), &options.name)?;
    let (id, object) = sign(repo, options)?;
    let writer = repo.store().writer(&lease);
    let mut batch = Batch::new(&writer);
    batch.put(ObjectType::Tag, id.id(), &object, ContentHint::Block)?;
    batch.flush()?;
    drop(batch);
    writer.finish()?;
    let change = RefChange::create(options.name.as_bytes(), id.id());
    repo.move_refs(&mut log, vec![change], Cause::of("tag"))?;
    Ok(id)
}

/// Refuses what was collected since it was found.
fn ensure_present(repo: &Repository, id: Id) -> Result<(), RefError> {
    match repo.store().kind(id)? {
        Lookup::Here(kind) => drop(repo.store().read(kind, id)?),
        Lookup::Absent(_) => drop(repo.store().blob(BlobId::from_id(id))?),
    }
    Ok(())
}

/// Deletes the ref of a tag; gives the object that it named, which stays in the store.
///
/// # Errors
/// When there is none.
pub fn delete_tag(repo: &Repository, name: &RefName) -> Result<Id, RefError> {
    let mut log = repo.log()?;
    let id = existing(log.refs(), name)?;
    repo.move_refs(&mut log, vec![RefChange::delete(name.as_bytes(), id)], Cause::of("tag"))?;
    Ok(id)
}

fn sign(repo: &Repository, options: &TagOptions<'_>) -> Result<(TagId, Vec<u8>), RefError> {
    let key = &options.identity.key;
    let tag = Tag {
        repo: repo.id(),
        target: options.target.id,
        target_type: options.target.kind,
        name: options.name.short().to_vec(),
        tagger: repo.trust().actor(&key.public()),
        time: now(),
        message: options.message.clone().filter(|text| !text.is_empty()),
        ext: Vec::new(),
    };
    let payload = tag.encode();
    let message = tag.message.as_ref().map_or(0, String::len);
    if let Some((size, limit)) = limits::exceeded(payload.len(), message) {
        return Err(RefError::TooLong { size, limit });
    }
    let signature = key.sign(Namespace::Tag, &payload)?;
    let object = Signed { payload: &payload, signature: &signature }.encode();
    Ok((TagId::of(&object), object))
}
