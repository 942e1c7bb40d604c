//! Which packs move, and how: whole where most of a pack is new, else the records that are.

use std::collections::{BTreeMap, HashSet};
use std::ops::ControlFlow;

use crate::chunk::Decoder;
use crate::object::{Id, ObjectType, PackId, RepositoryId};
use crate::repo::Repository;
use crate::store::{
    Incoming, Lookup, PACK_HEADER_LEN, PackKind, RemotePack, StoreError, stated_kind,
};
use crate::worktree::Progress;

use super::error::{RemoteError, Result};
use super::place::Place;
use super::source::unsound;

/// The most packs that a place may list.
const PACKS: u64 = 1 << 20;
/// A pack up to this length moves whole.
const SMALL: u64 = 256 << 10;

/// The packs of a place, by id, with the lengths of their files.
pub type PackList = BTreeMap<PackId, u64>;

/// What moved.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Moved {
    /// How many packs.
    pub packs: u64,
    /// How many bytes.
    pub bytes: u64,
}

/// The key of a pack.
pub fn pack_key(id: PackId) -> String {
    format!("packs/{id}.pack")
}

/// Lists the packs of a place.
///
/// # Errors
/// When there are more than anybody can take in, or they cannot be listed.
pub fn list_packs(place: &dyn Place) -> Result<PackList> {
    let (mut packs, mut count) = (PackList::new(), 0);
    place.list("packs/", &mut |listed| {
        count += 1;
        let name = listed.key.strip_prefix("packs/").and_then(|name| name.strip_suffix(".pack"));
        if let Some(id) = name.and_then(|hex| Id::from_hex(hex.as_bytes())) {
            packs.insert(PackId::from_id(id), listed.len);
        }
        if count > PACKS { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    })?;
    if count > PACKS {
        let (place, what) = (place.name().into(), "packs");
        return Err(RemoteError::TooMany { place, what, limit: PACKS });
    }
    Ok(packs)
}

fn footer(place: &dyn Place, id: PackId, len: u64) -> Result<RemotePack> {
    let key = pack_key(id);
    let read = |offset, len| place.get_range(&key, offset, len);
    RemotePack::read(id, len, &read).map_err(|e| at_place(place, e))
}

/// What is wrong with a pack is wrong at the place.
fn at_place(place: &dyn Place, error: RemoteError) -> RemoteError {
    match error {
        RemoteError::Store(
            e @ (StoreError::Damaged { .. }
            | StoreError::Record { .. }
            | StoreError::WrongId { .. }),
        ) => RemoteError::Refused { place: place.name().into(), why: e.to_string() },
        error => error,
    }
}

/// Takes in every object of these packs that is not here: what recipes consist of last, so that
/// the blobs are hashed as they come.
///
/// # Errors
/// When a pack is not what its name says, or something cannot be read or written.
pub fn receive(
    repo: &Repository,
    incoming: &mut Incoming<'_>,
    place: &dyn Place,
    packs: &PackList,
    threads: usize,
    progress: &dyn Progress,
) -> Result<Moved> {
    incoming.keep_only(&packs.keys().copied().collect())?;
    let mut here: HashSet<PackId> = incoming.packs()?.into_iter().collect();
    here.extend(repo.store().pack_files().iter().map(|pack| pack.id()));
    let new: Vec<_> = packs.iter().filter(|(id, _)| !here.contains(*id)).collect();
    progress.total(new.iter().map(|(_, len)| **len).sum());
    let mut moved = Moved::default();
    let (data, meta): (Vec<_>, Vec<_>) = new.into_iter().partition(|(id, _)| is_data(place, **id));
    let first_data = meta.len();
    for (nth, (id, len)) in meta.into_iter().chain(data).enumerate() {
        if nth == first_data {
            incoming.hash_ahead()?;
        }
        let pack = footer(place, *id, *len)?;
        let (lacking, bytes) = lacking(incoming, &pack)?;
        let key = pack_key(*id);
        let read = |offset, len| place.get_range(&key, offset, len);
        if !lacking.is_empty() {
            let whole = *len <= SMALL || bytes * 2 >= *len;
            let received = match whole {
                true => incoming.receive(&pack, &read, threads),
                false => incoming.receive_part(&pack, &|id| lacking.contains(&id), &read),
            };
            received.map_err(|e: RemoteError| at_place(place, e))?;
            moved.packs += 1;
            moved.bytes += if whole { *len } else { bytes };
        }
        progress.advance(0, *len);
    }
    Ok(moved)
}

/// Whether a pack says that it holds data; what it holds is checked when it is taken in.
fn is_data(place: &dyn Place, id: PackId) -> bool {
    let start = place.get_range(&pack_key(id), 0, PACK_HEADER_LEN);
    start.is_ok_and(|start| stated_kind(&start) == Some(PackKind::Data))
}

/// The objects of a pack that are not here, and how long their records are.
fn lacking(incoming: &Incoming<'_>, pack: &RemotePack) -> Result<(HashSet<Id>, u64)> {
    let (mut ids, mut bytes) = (HashSet::new(), 0);
    for (at, end, group) in pack.groups() {
        let before = ids.len();
        for entry in group {
            if let Lookup::Absent(_) = incoming.store().kind(entry.id)? {
                ids.insert(entry.id);
            }
        }
        if ids.len() > before {
            bytes += end.saturating_sub(at);
        }
    }
    Ok((ids, bytes))
}

/// Reads the genesis out of the packs of a place.
///
/// # Errors
/// When none of them holds it, or it cannot be read.
pub fn find_genesis(place: &dyn Place, packs: &PackList, repo: RepositoryId) -> Result<Vec<u8>> {
    let mut by_len: Vec<_> = packs.iter().map(|(id, len)| (*len, *id)).collect();
    by_len.sort_unstable();
    for (len, id) in by_len {
        let pack = footer(place, id, len)?;
        for (at, end, group) in pack.groups() {
            let wanted =
                |e: &&crate::store::Entry| e.id == repo.id() && e.kind == ObjectType::Genesis;
            let Some(entry) = group.iter().find(wanted) else { continue };
            let key = pack_key(id);
            let read = |offset, len| place.get_range(&key, offset, len);
            let found =
                pack.object::<RemoteError>(at, end, group, entry, &read, &mut Decoder::new());
            return found.map_err(|e| at_place(place, e));
        }
    }
    Err(unsound(place, "packs", format!("none of them holds the genesis {repo}")))
}
