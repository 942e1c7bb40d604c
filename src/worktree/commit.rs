//! Committing: captures the folder, signs what it is, and moves the branch.

use std::time::Instant;

use crate::capture::secrets::{Fingerprint, SecretGuard};
use crate::chunk::ContentHint;
use crate::log::{Head, LogError, PlaceLog};
use crate::object::{
    ActingFor, Cause, ChangeKind, Commit, CommitId, Level, NodeId, ObjectType, RefChange,
    RefTarget, RepoPath, Report, Signed, limits,
};
use crate::repo::{Identity, RepoError, Repository, now};
use crate::sign::Namespace;
use crate::store::{Batch, PackWriter};
use crate::system::{Fresh, MANIFEST_FILE, SystemMaps, build_root};

use super::coherent::{Aim, read_state};
use super::commit_paths::{ensure_there, put_in_place};
use super::error::WorktreeError;
use super::folder_lock::lock_folder;
use super::overlay::Overlay;
use super::quiesce::{Quiesce, Quiesced};
use super::read_folder::Reading;
use super::report::{CommitReport, Progress, Warning};
use super::selection::Selection;
use super::tree_system::{Anew, Before, ReadManifest, TreeSystem, store_fresh, tree_system};

/// How often the scan is repeated because the branch moved meanwhile.
pub(super) const ATTEMPTS: usize = 10;

/// How a commit is made.
pub struct CommitOptions<'a> {
    /// Who signs it.
    pub identity: &'a Identity,
    /// What is said of it.
    pub message: Option<String>,
    /// Who made the change, if not the signer: a claim.
    pub author: Option<String>,
    /// In whose place it is made: claims.
    pub acting_for: Vec<String>,
    /// Makes a commit even if nothing changed.
    pub allow_empty: bool,
    /// Only these paths are taken from the folder, with all that is in them; all else is as HEAD
    /// has it. Everything, if there are none.
    pub paths: &'a [RepoPath],
    /// What is aimed at: that all of it belongs to one moment, or each file by itself.
    pub level: Level,
    /// Secrets that the user let pass.
    pub allowed_secrets: &'a [Fingerprint],
    /// Holds still what writes in the folder while it is read.
    pub quiesce: Option<&'a dyn Quiesce>,
    /// The manifest of the folder, if it was read already.
    pub manifest: Option<&'a ReadManifest>,
    /// How many workers hash and code.
    pub threads: usize,
    /// Told how far it is.
    pub progress: &'a dyn Progress,
}

/// What came of it.
#[derive(Debug)]
pub enum CommitOutcome {
    /// A commit.
    Made(Box<CommitReport>),
    /// Nothing: this commit holds the very state of the folder, or of the paths.
    Nothing {
        /// The commit.
        head: CommitId,
        /// What the user should know.
        warnings: Vec<Warning>,
    },
}

/// What a commit does to the one that HEAD is on.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Onto {
    /// It follows it.
    Head,
    /// It takes its place.
    Amend,
}

/// Commits the folder: everything under the root that is not ignored, or the given paths of it.
///
/// # Errors
/// When something cannot be read, written or signed, new content holds a secret, the manifest is
/// not understood or names an edge that leads to nothing, or a path is in
/// neither HEAD nor the folder, or ignored and not in HEAD. The branch is
/// as before then, and what was stored already serves the next attempt.
pub fn commit(
    repo: &Repository,
    options: &CommitOptions<'_>,
) -> Result<CommitOutcome, WorktreeError> {
    capture(repo, options, Onto::Head)
}

/// Commits the folder in place of the commit that HEAD is on: with its parents, and what it says
/// but for what `options` say.
///
/// # Errors
/// As [`commit`], when there is no commit yet, and when the branch moved meanwhile: what then is
/// there, nobody asked to replace.
pub fn amend(
    repo: &Repository,
    options: &CommitOptions<'_>,
) -> Result<CommitOutcome, WorktreeError> {
    capture(repo, options, Onto::Amend)
}

fn capture(
    repo: &Repository,
    options: &CommitOptions<'_>,
    onto: Onto,
) -> Result<CommitOutcome, WorktreeError> {
    repo.ensure_writable()?;
    let started = Instant::now();
    let _folder = lock_folder(repo)?;
    let lease = repo.store().lease()?;
    let only = Selection::of(options.paths);
    for _ in 0..ATTEMPTS {
        let log = repo.log()?;
        let head = log.refs().head_commit();
        let parent = head.map(|id| repo.commit(id)).transpose()?;
        let files = parent.as_ref().map(|p| repo.files(&p.commit)).transpose()?;
        ensure_there(repo, files, &only)?;
        let replaced = match onto {
            Onto::Head => None,
            Onto::Amend => Some(&parent.as_ref().ok_or(WorktreeError::NothingToAmend)?.commit),
        };

        // What HEAD holds is compared with; of a first commit without a manifest nothing is asked.
        let has_system = files.is_some() || has_manifest(repo);
        let mut quiesced = Quiesced::begin(options.quiesce)?;
        let begun = now();
        let writer = repo.store().writer(&lease);
        let guard = SecretGuard::new(options.allowed_secrets);
        let reading = Reading {
            head: files,
            threads: options.threads,
            progress: options.progress,
            list_ignored: false,
            guard: Some(&guard),
            keep_nodes: has_system,
        };
        let mut batch = Batch::new(&writer);
        // Of some paths alone not all nodes are those of the commit.
        let mut nodes = |id, bytes: Vec<u8>| match only.is_all() {
            true => batch.node(id, &bytes),
            false => Ok(()),
        };
        let aim = match options.level {
            Level::BestEffort => Aim::Content,
            Level::Snapshot if options.allow_empty || replaced.is_some() => Aim::Moment,
            Level::Snapshot => Aim::Change,
        };
        let mut state = read_state(repo, &writer, &reading, aim, &mut quiesced, &only, &mut nodes)?;
        batch.flush()?;
        let found = guard.finish();
        if !found.secrets.is_empty() {
            return Err(WorktreeError::Secrets { secrets: found.secrets, more: found.more });
        }
        let tree = std::mem::take(&mut state.tree);
        let captured = tree.root.ok_or(WorktreeError::Stopped)?;
        let mut root = captured;
        let memory = std::mem::take(&mut state.memory);
        let mut seen = Overlay { memory, store: repo.store() };
        if !only.is_all() {
            let mut added = Vec::new();
            let mut sink = |id, bytes: Vec<u8>| {
                added.push(bytes.clone());
                batch.node(id, &bytes)
            };
            let warnings = &tree.warnings;
            root = put_in_place(repo, files, &seen, captured, &only, warnings, &mut sink)?;
            batch.flush()?;
            added.into_iter().for_each(|bytes| {
                seen.memory.insert(bytes);
            });
        }
        let unchanged = files == Some(root.id);
        if unchanged && !options.allow_empty && replaced.is_none() {
            // What a damaged pack had lost was stored again, though nothing changed.
            writer.finish()?;
            state.remember(repo, root.id);
            let head = head.ok_or(WorktreeError::Stopped)?;
            return Ok(CommitOutcome::Nothing { head, warnings: tree.warnings });
        }
        if moved(repo, &log)? {
            ensure_repeatable(onto)?;
            continue;
        }

        let before = parent.as_ref().zip(files);
        let before = before.map(|(parent, files)| Before::of(repo, parent.commit.root, files));
        let mut fresh = Fresh::new(&seen);
        let warnings = &tree.warnings;
        let system = match has_system {
            true => {
                let (before, anew) = (before.transpose()?, Anew::Changed(options.manifest));
                tree_system(repo, &mut fresh, before, root.id, warnings, anew)?
            }
            false => TreeSystem::default(),
        };
        system.ensure_sound()?;
        store_fresh(&fresh, &mut batch)?;
        batch.flush()?;
        let maps = system.maps;
        let (id, commit) = store_commit(&writer, options, root.id, maps, |state| {
            let report = |end| Some(tree.report((begun.micros, end)));
            let new = describe(repo, options, head, state, report);
            match replaced {
                Some(old) => in_place_of(repo, old, new, options),
                None => new,
            }
        })?;
        let written = writer.finish()?;
        let branch = match advance(repo, log, head, id, onto)? {
            Advance::Done(branch) => branch,
            Advance::Moved => {
                ensure_repeatable(onto)?;
                continue;
            }
        };
        let lock_held = state.lock_held.as_secs_f64();
        state.remember(repo, root.id);
        return Ok(CommitOutcome::Made(Box::new(CommitReport {
            id,
            commit,
            branch,
            files: tree.files,
            bytes: captured.bytes,
            stored: written.bytes,
            seconds: started.elapsed().as_secs_f64(),
            lock_held,
            ignored: tree.ignored,
            unscanned: found.unscanned,
            warnings: tree.warnings,
            system,
        })));
    }
    Err(WorktreeError::BranchKeepsMoving { times: ATTEMPTS })
}

fn ensure_repeatable(onto: Onto) -> Result<(), WorktreeError> {
    match onto {
        Onto::Head => Ok(()),
        Onto::Amend => Err(WorktreeError::AmendedMoved),
    }
}

/// Stores the root map over `files` and the system, and the signed commit that `describe` makes of it.
pub(super) fn store_commit(
    writer: &PackWriter<'_>,
    options: &CommitOptions<'_>,
    files: NodeId,
    system: SystemMaps,
    describe: impl FnOnce(NodeId) -> Commit,
) -> Result<(CommitId, Commit), WorktreeError> {
    let mut batch = Batch::new(writer);
    let root = build_root(files, system.id, &mut |id, bytes| batch.node(id, &bytes))?;
    let commit = describe(root);
    let (id, object) = sign(options.identity, &commit)?;
    batch.put(ObjectType::Commit, id.id(), &object, ContentHint::Block)?;
    batch.flush()?;
    Ok((id, commit))
}

/// Whether HEAD or its branch is no longer where `log` saw it.
fn moved(repo: &Repository, log: &PlaceLog) -> Result<bool, WorktreeError> {
    let now = repo.log()?;
    Ok(now.refs().head != log.refs().head || now.refs().head_object() != log.refs().head_object())
}

/// Whether the folder has a manifest, which the nodes of its tree are needed for.
fn has_manifest(repo: &Repository) -> bool {
    repo.root().join(MANIFEST_FILE).symlink_metadata().is_ok()
}

pub(super) fn describe(
    repo: &Repository,
    options: &CommitOptions<'_>,
    parent: Option<CommitId>,
    root: NodeId,
    report: impl FnOnce(i64) -> Option<Report>,
) -> Commit {
    let committer = repo.trust().actor(&options.identity.key.public());
    let committed = now();
    // A name that the trust root already proves is no claim.
    let own = committer.principal.and_then(|id| {
        repo.trust().root.principals.iter().find(|p| p.id == id).map(|p| p.names.clone())
    });
    let own = own.unwrap_or_default();
    let author = options.author.clone().or_else(|| Some(options.identity.name.clone()));
    Commit {
        repo: repo.id(),
        root,
        parents: parent.into_iter().collect(),
        committer,
        author: author.filter(|name| !name.is_empty() && !own.contains(name)),
        acting_for: options.acting_for.iter().cloned().map(ActingFor::Claimed).collect(),
        authored: committed,
        committed,
        cause: Cause::of("manual"),
        sessions: Vec::new(),
        report: report(committed.micros),
        origins: None,
        observed: Vec::new(),
        message: options.message.clone().filter(|text| !text.is_empty()),
        ext: Vec::new(),
    }
}

/// The commit `new` in place of `old`: what `options` do not say is as it was.
fn in_place_of(
    repo: &Repository,
    old: &Commit,
    mut new: Commit,
    options: &CommitOptions<'_>,
) -> Commit {
    new.parents.clone_from(&old.parents);
    new.authored = old.authored;
    new.sessions.clone_from(&old.sessions);
    new.observed.clone_from(&old.observed);
    new.origins = old.origins;
    new.ext.clone_from(&old.ext);
    if options.message.is_none() {
        new.message.clone_from(&old.message);
    }
    if options.acting_for.is_empty() {
        new.acting_for.clone_from(&old.acting_for);
    }
    if options.author.is_none() && (old.author.is_some() || old.committer != new.committer) {
        // Whom the old signature proved is a claim once another signs.
        let principals = &repo.trust().root.principals;
        let signer = principals.iter().find(|p| Some(p.id) == old.committer.principal);
        let signer = signer.and_then(|p| p.names.first().cloned());
        new.author = old.author.clone().or(signer).or(new.author);
    }
    new
}

fn sign(identity: &Identity, commit: &Commit) -> Result<(CommitId, Vec<u8>), WorktreeError> {
    let payload = commit.encode();
    let message = commit.message.as_ref().map_or(0, String::len);
    if let Some((size, limit)) = limits::exceeded(payload.len(), message) {
        return Err(WorktreeError::TooLong { size, limit });
    }
    let signature = identity.key.sign(Namespace::Commit, &payload)?;
    let object = Signed { payload: &payload, signature: &signature }.encode();
    Ok((CommitId::of(&object), object))
}

pub(super) enum Advance {
    Done(Option<crate::log::RefName>),
    Moved,
}

/// Moves HEAD's branch, or HEAD itself where it is detached, from `old` to `new`.
pub(super) fn advance(
    repo: &Repository,
    mut log: PlaceLog,
    old: Option<CommitId>,
    new: CommitId,
    onto: Onto,
) -> Result<Advance, WorktreeError> {
    let target = |id: CommitId| RefTarget::Object(id.id());
    let (name, branch) = match &log.refs().head {
        Head::Branch(name) => (name.as_bytes().to_vec(), Some(name.clone())),
        Head::Detached(_) => (b"HEAD".to_vec(), None),
    };
    let (kind, cause) = match (old, onto) {
        (_, Onto::Amend) => (ChangeKind::Force, "amend"),
        (Some(_), Onto::Head) => (ChangeKind::Forward, "commit"),
        (None, Onto::Head) => (ChangeKind::Create, "commit"),
    };
    let change = RefChange { name, old: old.map(target), new: Some(target(new)), kind };
    match repo.move_refs(&mut log, vec![change], Cause::of(cause)) {
        Ok(_) => Ok(Advance::Done(branch)),
        Err(RepoError::Log(LogError::Moved { .. })) => Ok(Advance::Moved),
        Err(e) => Err(e.into()),
    }
}
