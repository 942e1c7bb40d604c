//! Taking over what a place has.

use std::collections::{BTreeMap, HashSet};
use std::error::Error;

use crate::log::{PlaceLog, RefName, Refs};
use crate::object::{
    Cause, ChangeKind, CommitId, Id, LogEntry, PackId, RefChange, RefTarget, TrustRootId,
};
use crate::repo::Repository;
use crate::store::StoreError;
use crate::trust::{Adoption, adopt};
use crate::worktree::Progress;

use super::commits::{commits_of, is_behind, missing};
use super::error::{RemoteError, Result};
use super::place::Place;
use super::receipt::{Received, verify_received};
use super::remotes::tracking;
use super::seen::{remember, seen_packs, seen_refs};
use super::source::{Source, look};
use super::transfer::{Moved, list_packs, receive};

/// How a place is fetched from.
pub struct FetchOptions<'a> {
    /// What branches whose counterparts are gone become: they go too.
    pub prune: bool,
    /// How many workers check.
    pub threads: usize,
    /// Told how far it is.
    pub progress: &'a dyn Progress,
}

/// A ref that moved, or should have.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RefUpdate {
    /// The full name of the ref that moved.
    pub name: RefName,
    /// What it named before.
    pub old: Option<Id>,
    /// What it names now.
    pub new: Option<Id>,
    /// How it moved.
    pub kind: UpdateKind,
}

/// How a ref moved.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum UpdateKind {
    /// It is new.
    Create,
    /// It went on.
    Forward,
    /// It names something that does not follow what it named.
    Force,
    /// It is gone.
    Delete,
    /// A tag of this name is here and names something else: it stays.
    Kept,
}

/// What a fetch came to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FetchReport {
    /// The refs that moved, by name.
    pub updates: Vec<RefUpdate>,
    /// The branch that HEAD is on at the place.
    pub head: Option<RefName>,
    /// What moved.
    pub moved: Moved,
    /// What was checked.
    pub received: Received,
    /// The trust root that came into force here.
    pub trust_root: Option<TrustRootId>,
}

/// Takes over what the place has, and lets `refs/remotes/NAME/…` and tags name it. Nothing moves
/// before all of it was checked.
///
/// # Errors
/// When the place holds another repository, its log was rewritten, or something that it holds is
/// not right or cannot be read. What was received whole by then is not received again.
pub fn fetch(
    repo: &Repository,
    name: &str,
    place: &dyn Place,
    options: &FetchOptions<'_>,
) -> Result<FetchReport> {
    repo.ensure_writable()?;
    let lease = repo.store().lease()?;
    let seen = seen_refs(repo, name);
    let source = look(place, seen.as_ref())?;
    ensure_same_repository(repo, place, &source)?;
    let mut log = repo.log()?;
    let updates = plan(name, &source.refs, log.refs(), options.prune)?;
    let mut report = FetchReport {
        updates,
        head: source.refs.head.branch().cloned(),
        moved: Moved::default(),
        received: Received::default(),
        trust_root: None,
    };
    let mut trust_root = repo.trust().root_id;
    let wanted: HashSet<Id> = report.updates.iter().filter_map(|update| update.new).collect();
    let wanted: Vec<Id> = wanted.into_iter().collect();
    if !wanted.is_empty() || source.trust_root != trust_root {
        let have = commits_of(repo.store(), held(log.refs()));
        let listed = list_packs(place)?;
        let known = seen_packs(repo, name);
        let mut passes = vec![known];
        // A pack that was seen may hold what was collected here since.
        passes.extend((!passes[0].is_empty()).then(HashSet::new));
        let last = passes.len() - 1;
        for (n, known) in passes.iter().enumerate() {
            let mut incoming = repo.store().incoming(&lease)?;
            let new = listed.iter().filter(|(id, _)| !known.contains(*id));
            let new = new.map(|(id, len)| (*id, *len)).collect();
            match receive(repo, &mut incoming, place, &new, options.threads, options.progress) {
                Ok(moved) => add(&mut report.moved, moved),
                Err(e) => {
                    if is_refusal(&e) {
                        incoming.discard()?;
                    }
                    return Err(e);
                }
            }
            let place = place.name();
            let checked =
                verify_received(repo, &mut incoming, place, &wanted, &have, options.threads)
                    .and_then(|received| {
                        check_signers(repo, place, &source.entries)?;
                        let root = adopted(&incoming, repo, source.trust_root)?;
                        Ok((received, root))
                    });
            match checked {
                Ok((received, root)) => {
                    incoming.adopt()?;
                    report.received = received;
                    trust_root = root;
                    break;
                }
                Err(e) => {
                    incoming.discard()?;
                    if n == last || !is_absence(&e) {
                        return Err(refusal(place, e));
                    }
                }
            }
        }
        let packs: HashSet<PackId> = listed.keys().copied().collect();
        set_kinds(repo, &mut report.updates);
        move_refs(repo, &mut log, &report.updates, trust_root)?;
        no_longer_expired(repo, &wanted, &have)?;
        remember(repo, name, None, Some(&packs))?;
    } else {
        check_signers(repo, place.name(), &source.entries)?;
        move_refs(repo, &mut log, &report.updates, trust_root)?;
    }
    report.trust_root = (trust_root != repo.trust().root_id).then_some(trust_root);
    if source.log.is_some() && seen.as_ref() != Some(&source.refs) {
        remember(repo, name, Some(&source.refs), None)?;
    }
    Ok(report)
}

fn add(sum: &mut Moved, moved: Moved) {
    sum.packs += moved.packs;
    sum.bytes += moved.bytes;
}

/// What is here: nothing that refs and HEAD lead to is asked for again.
pub fn held(refs: &Refs) -> impl Iterator<Item = Id> {
    refs.refs.values().copied().chain(refs.head_object())
}

/// Refuses a place that holds another repository.
///
/// # Errors
/// [`RemoteError::OtherRepository`].
pub fn ensure_same_repository(repo: &Repository, place: &dyn Place, source: &Source) -> Result<()> {
    if source.repo == repo.id() {
        return Ok(());
    }
    let (place, found, expected) = (place.name().into(), source.repo, repo.id());
    Err(RemoteError::OtherRepository { place, found, expected })
}

/// What moves: decided over names and ids alone.
fn plan(remote: &str, theirs: &Refs, ours: &Refs, prune: bool) -> Result<Vec<RefUpdate>> {
    let mut updates = BTreeMap::new();
    let mut tracked = HashSet::new();
    for (name, id) in &theirs.refs {
        let is_branch = name.is_branch();
        let local = if is_branch { tracking(remote, name)? } else { name.clone() };
        let old = ours.refs.get(&local).copied();
        tracked.insert(local.clone());
        let kind = match old {
            Some(old) if old == *id => continue,
            Some(_) if !is_branch => UpdateKind::Kept,
            Some(_) => UpdateKind::Forward,
            None => UpdateKind::Create,
        };
        let new = (kind != UpdateKind::Kept).then_some(*id);
        updates.insert(local.clone(), RefUpdate { name: local, old, new, kind });
    }
    let folder = format!("refs/remotes/{remote}/");
    for (name, id) in ours.refs.iter().filter(|_| prune) {
        if name.as_bytes().starts_with(folder.as_bytes()) && !tracked.contains(name) {
            let (name, old) = (name.clone(), Some(*id));
            let update = RefUpdate { name: name.clone(), old, new: None, kind: UpdateKind::Delete };
            updates.insert(name, update);
        }
    }
    Ok(updates.into_values().collect())
}

/// Tells what went on from what was replaced, now that both are here.
fn set_kinds(repo: &Repository, updates: &mut [RefUpdate]) {
    for update in updates.iter_mut().filter(|update| update.kind == UpdateKind::Forward) {
        if let (Some(old), Some(new)) = (update.old, update.new)
            && !is_behind(repo.store(), CommitId::from_id(old), CommitId::from_id(new))
        {
            update.kind = UpdateKind::Force;
        }
    }
}

fn move_refs(
    repo: &Repository,
    log: &mut PlaceLog,
    updates: &[RefUpdate],
    trust_root: TrustRootId,
) -> Result<()> {
    let changes = updates.iter().filter_map(|update| {
        let kind = match update.kind {
            UpdateKind::Create => ChangeKind::Create,
            UpdateKind::Forward => ChangeKind::Forward,
            UpdateKind::Force => ChangeKind::Force,
            UpdateKind::Delete => ChangeKind::Delete,
            UpdateKind::Kept => return None,
        };
        let name = update.name.as_bytes().to_vec();
        let [old, new] = [update.old, update.new].map(|id| id.map(RefTarget::Object));
        Some(RefChange { name, old, new, kind })
    });
    let changes: Vec<RefChange> = changes.collect();
    if !changes.is_empty() || trust_root != repo.trust().root_id {
        repo.put_in_force(log, trust_root, changes, Cause::of("fetch"))?;
    }
    Ok(())
}

/// What was collected here and came back is whole again.
fn no_longer_expired(repo: &Repository, wanted: &[Id], have: &[CommitId]) -> Result<()> {
    let mut expired = repo.expired()?;
    if expired.is_empty() {
        return Ok(());
    }
    let before = expired.len();
    let want = commits_of(repo.store(), wanted.iter().copied());
    for commit in missing(repo.store(), &want, have)? {
        expired.remove(&commit.id());
    }
    if expired.len() < before {
        repo.set_expired(&expired)?;
    }
    Ok(())
}

/// Who signed an entry is known or not; but no key speaks for a principal whose it is not.
///
/// # Errors
/// [`RemoteError::Refused`].
pub fn check_signers(repo: &Repository, place: &str, entries: &[LogEntry]) -> Result<()> {
    for entry in entries {
        // An entry under a root that is not here yet is judged once that is in force.
        let mut roots = repo.trust().chain().roots();
        let Some(in_force) = roots.find(|root| root.id == entry.trust_root) else { continue };
        let principal = in_force.root.principal_of(&entry.signer.key);
        if entry.signer.principal != principal.map(|principal| principal.id) {
            let why = format!("log entry {}: signed as somebody else", entry.sequence);
            return Err(RemoteError::Refused { place: place.into(), why });
        }
    }
    Ok(())
}

/// The trust root that is in force here from now on.
fn adopted(
    incoming: &crate::store::Incoming<'_>,
    repo: &Repository,
    offered: TrustRootId,
) -> Result<TrustRootId> {
    let current = repo.trust().root_id;
    Ok(match adopt(incoming.store(), current, offered)? {
        Adoption::Same | Adoption::Behind => current,
        Adoption::Extends(chain) => chain.last().copied().unwrap_or(current),
    })
}

/// Whether the place is to blame, and not the way to it.
fn is_refusal(error: &RemoteError) -> bool {
    matches!(
        error,
        RemoteError::Refused { .. } | RemoteError::Unsound { .. } | RemoteError::TooMany { .. }
    )
}

/// Whether an object is missing.
fn is_absence(error: &RemoteError) -> bool {
    if matches!(error, RemoteError::Missing { .. } | RemoteError::Store(StoreError::Absent { .. }))
    {
        return true;
    }
    let mut next: Option<&(dyn Error + 'static)> = error.source();
    while let Some(error) = next {
        if matches!(error.downcast_ref::<StoreError>(), Some(StoreError::Absent { .. })) {
            return true;
        }
        next = error.source();
    }
    matches!(error, RemoteError::Repo(crate::repo::RepoError::Store(StoreError::Absent { .. })))
}

/// What does not hold together is the place's fault, since nothing that was here was looked at.
fn refusal(place: &str, error: RemoteError) -> RemoteError {
    match error {
        RemoteError::Repo(e) => {
            RemoteError::Refused { place: place.into(), why: crate::policy::with_sources(&e) }
        }
        RemoteError::Store(e @ (StoreError::Absent { .. } | StoreError::WrongType { .. })) => {
            RemoteError::Refused { place: place.into(), why: e.to_string() }
        }
        error => error,
    }
}
