//! Bringing commits to a shared place.

use std::collections::HashSet;

use crate::log::{PlaceLog, RefName, Refs, SharedAppend, SharedLog};
use crate::object::{
    Cause, ChangeKind, CommitId, Id, ObjectType, PackId, RefChange, RefTarget, Signed, TrustRoot,
    TrustRootId,
};
use crate::repo::{Identity, Repository, now};
use crate::store::{Lookup, PackFile, RemotePack};
use crate::trust::{Adoption, adopt};
use crate::worktree::Progress;

use super::closure::Closure;
use super::commits::{commits_of, is_behind, missing};
use super::error::{RemoteError, Result};
use super::fetch::{RefUpdate, UpdateKind, check_signers, ensure_same_repository};
use super::place::{Place, Put, put_bytes};
use super::receipt::deep;
use super::remotes::tracking;
use super::seen::{remember, seen_packs, seen_refs};
use super::source::{Source, look, read_on};
use super::transfer::{Moved, pack_key};

/// How often others may come first.
const ATTEMPTS: usize = 100;

/// What is pushed, and how.
pub struct PushOptions<'a> {
    /// Who signs.
    pub identity: &'a Identity,
    /// The refs: branches and tags.
    pub refs: &'a [RefName],
    /// Branches that the place shall have no longer.
    pub delete: &'a [RefName],
    /// Refs whose old values do not lead to the new ones move all the same.
    pub force: bool,
    /// Told how far it is.
    pub progress: &'a dyn Progress,
}

/// What a push came to.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct PushReport {
    /// The refs of the place that moved.
    pub updates: Vec<RefUpdate>,
    /// How many objects went.
    pub objects: u64,
    /// What moved.
    pub moved: Moved,
    /// The trust root that came into force there.
    pub trust_root: Option<TrustRootId>,
}

/// Lets refs of a shared place name what they name here. Objects go first, then one entry of the
/// place's log moves all refs at once; if others come first, their entries are read and all is
/// decided anew.
///
/// # Errors
/// When the place is none to push to, a ref there does not lead to the one here, a branch that is to
/// go is not there or the one that HEAD is on there, or the place says no. Nothing moved then.
pub fn push(
    repo: &Repository,
    name: &str,
    place: &dyn Place,
    options: &PushOptions<'_>,
) -> Result<PushReport> {
    repo.ensure_writable()?;
    let _lease = repo.store().lease()?;
    let seen = seen_refs(repo, name);
    let mut source = look(place, seen.as_ref())?;
    ensure_same_repository(repo, place, &source)?;
    check_signers(repo, place.name(), &source.entries)?;
    let Some(mut log) = source.log.take() else {
        return Err(RemoteError::Working { place: place.name().into() });
    };
    let mut ours = repo.log()?;
    let mut report = PushReport::default();
    let mut sent = HashSet::new();
    for _ in 0..ATTEMPTS {
        report.updates = plan(repo, place, ours.refs(), log.refs(), options)?;
        let trust_root = in_force(repo, source.trust_root)?;
        if report.updates.is_empty() && trust_root == source.trust_root {
            note(repo, name, &mut ours, &log, options, seen.as_ref(), &sent)?;
            return Ok(report);
        }
        send(repo, place, &source, &log, &mut report, &mut sent, options)?;
        report.trust_root = (trust_root != source.trust_root).then_some(trust_root);
        let append = SharedAppend {
            signer: repo.trust().actor(&options.identity.key.public()),
            trust_root,
            changes: changes(&report.updates),
            time: now(),
            cause: Cause::of("push"),
        };
        let object = log.prepare(append, &options.identity.key)?;
        let key = SharedLog::key(log.refs().log, log.next());
        let put = put_bytes(place, &key, &object)?;
        // Where the answer to a put got lost, what is there is our own.
        let is_ours = put == Put::Created
            || place.get(&key, object.len() as u64).ok().flatten().as_ref() == Some(&object);
        if is_ours {
            log.take(&object)?;
            note(repo, name, &mut ours, &log, options, seen.as_ref(), &sent)?;
            return Ok(report);
        }
        check_signers(repo, place.name(), &read_on(place, &mut log)?)?;
        source.trust_root = log.trust_root().unwrap_or(source.trust_root);
    }
    Err(RemoteError::Contended { place: place.name().into() })
}

/// What moves at the place.
fn plan(
    repo: &Repository,
    place: &dyn Place,
    ours: &Refs,
    theirs: &Refs,
    options: &PushOptions<'_>,
) -> Result<Vec<RefUpdate>> {
    let mut updates = Vec::new();
    for name in options.refs {
        let new = ours.refs.get(name).copied();
        let new = new.ok_or_else(|| RemoteError::NoBranch { name: name.short().to_string() })?;
        let old = theirs.refs.get(name).copied();
        let kind = match old {
            Some(old) if old == new => continue,
            None => UpdateKind::Create,
            Some(old) => {
                let [from, to] = [old, new].map(CommitId::from_id);
                let forward = name.is_branch() && is_behind(repo.store(), from, to);
                match (forward, options.force) {
                    (true, _) => UpdateKind::Forward,
                    (false, true) => UpdateKind::Force,
                    (false, false) => {
                        let (place, name) = (place.name().into(), name.clone());
                        return Err(RemoteError::NotForward { place, name });
                    }
                }
            }
        };
        updates.push(RefUpdate { name: name.clone(), old, new: Some(new), kind });
    }
    for name in options.delete {
        let (place, name) = (place.name().to_owned(), name.clone());
        let Some(old) = theirs.refs.get(&name).copied() else {
            return Err(RemoteError::NotThere { place, name });
        };
        // Who clones the place would find nothing to check out.
        if theirs.head.branch() == Some(&name) {
            return Err(RemoteError::CurrentThere { place, name });
        }
        updates.push(RefUpdate { name, old: Some(old), new: None, kind: UpdateKind::Delete });
    }
    updates.sort_by(|a, b| a.name.cmp(&b.name));
    updates.dedup();
    Ok(updates)
}

fn changes(updates: &[RefUpdate]) -> Vec<RefChange> {
    let change = |update: &RefUpdate| {
        let kind = match update.kind {
            UpdateKind::Create => ChangeKind::Create,
            UpdateKind::Forward => ChangeKind::Forward,
            UpdateKind::Delete => ChangeKind::Delete,
            _ => ChangeKind::Force,
        };
        let [old, new] = [update.old, update.new].map(|id| id.map(RefTarget::Object));
        RefChange { name: update.name.as_bytes().to_vec(), old, new, kind }
    };
    updates.iter().map(change).collect()
}

/// The newer of the trust roots in force here and there.
fn in_force(repo: &Repository, theirs: TrustRootId) -> Result<TrustRootId> {
    let ours = repo.trust().root_id;
    Ok(match adopt(repo.store(), theirs, ours)? {
        Adoption::Behind => theirs,
        Adoption::Same | Adoption::Extends(_) => ours,
    })
}

/// Puts what the place lacks, and nothing else.
fn send(
    repo: &Repository,
    place: &dyn Place,
    source: &Source,
    log: &SharedLog,
    report: &mut PushReport,
    sent: &mut HashSet<PackId>,
    options: &PushOptions<'_>,
) -> Result<()> {
    let store = repo.store();
    let wanted: Vec<Id> = report.updates.iter().filter_map(|update| update.new).collect();
    let have = commits_of(store, log.refs().refs.values().copied());
    let objects = deep(|| {
        let mut closure = Closure::gathering(store);
        for id in &wanted {
            closure.tags(*id)?;
        }
        let want = commits_of(store, wanted.iter().copied());
        for id in missing(store, &want, &have)? {
            closure.commit(id)?;
        }
        Ok(closure.found)
    })?;
    let mut objects = objects;
    objects.extend(trust_roots(repo, source.trust_root)?);
    if objects.is_empty() {
        return Ok(());
    }
    let out = store.outgoing(&objects)?;
    report.objects = out.objects;
    options.progress.total(out.packs.iter().map(|pack| pack.file_len()).sum());
    for pack in &out.packs {
        if sent.insert(pack.id()) && put_pack(place, pack)? == Put::Created {
            report.moved.packs += 1;
            report.moved.bytes += pack.file_len();
        }
        options.progress.advance(0, pack.file_len());
    }
    Ok(())
}

/// The trust roots from the one in force here back to the one there.
fn trust_roots(repo: &Repository, theirs: TrustRootId) -> Result<Vec<Id>> {
    let (mut roots, mut at) = (Vec::new(), repo.trust().root_id);
    while at != theirs {
        let Lookup::Here(ObjectType::TrustRoot) = repo.store().kind(at.id())? else { break };
        let object = repo.store().read(ObjectType::TrustRoot, at.id())?;
        roots.push(at.id());
        let root = Signed::decode(&object).and_then(|signed| TrustRoot::decode(signed.payload));
        match root.ok().and_then(|root| root.previous) {
            Some(previous) => at = previous,
            None => break,
        }
    }
    Ok(roots)
}

/// Puts a pack, checking each byte on the way.
fn put_pack(place: &dyn Place, pack: &PackFile) -> Result<Put> {
    let key = pack_key(pack.id());
    // What is there need not be read here.
    if place.get_range(&key, 0, 1).is_ok() {
        return Ok(Put::Exists);
    }
    let read = |at, len: usize| pack.stored_at(at, len as u32).map_err(RemoteError::from);
    let source = RemotePack::read::<RemoteError>(pack.id(), pack.file_len(), &read)?;
    place.put_if_absent(&key, &mut |sink| source.stream_checked(&read, sink))
}

/// Remembers where the place's refs are now.
fn note(
    repo: &Repository,
    remote: &str,
    ours: &mut PlaceLog,
    log: &SharedLog,
    options: &PushOptions<'_>,
    seen: Option<&Refs>,
    sent: &HashSet<PackId>,
) -> Result<()> {
    let mut changes = Vec::new();
    for name in options.delete {
        let local = tracking(remote, name)?;
        if let Some(old) = ours.refs().refs.get(&local) {
            changes.push(RefChange::delete(local.as_bytes(), *old));
        }
    }
    for name in options.refs.iter().filter(|name| name.is_branch()) {
        let local = tracking(remote, name)?;
        let [old, new] = [ours.refs().refs.get(&local), log.refs().refs.get(name)];
        let (Some(new), true) = (new, old != new) else { continue };
        let kind = match old {
            None => ChangeKind::Create,
            Some(old)
                if is_behind(repo.store(), CommitId::from_id(*old), CommitId::from_id(*new)) =>
            {
                ChangeKind::Forward
            }
            Some(_) => ChangeKind::Force,
        };
        let [old, new] = [old, Some(new)].map(|id| id.copied().map(RefTarget::Object));
        changes.push(RefChange { name: local.as_bytes().to_vec(), old, new, kind });
    }
    if !changes.is_empty() {
        repo.move_refs(ours, changes, Cause::of("push"))?;
    }
    let packs = (!sent.is_empty()).then(|| {
        let mut packs = seen_packs(repo, remote);
        packs.extend(sent);
        packs
    });
    // The refs of others are remembered by a fetch, which brings what they name; but the end of
    // the log that was read must not go back.
    let refs = (seen != Some(log.refs())).then(|| log.refs());
    remember(repo, remote, refs, packs.as_ref())
}
