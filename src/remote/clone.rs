//! Making a second copy.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use crate::disk::{Disk, OnExisting};
use crate::log::{Head, RefName};
use crate::object::{Cause, CommitId, RefChange};
use crate::repo::{FOLDER, ReplicaOptions, Repository, init_replica};
use crate::worktree::{CheckoutOptions, Progress, checkout, recover};

use super::error::{RemoteError, Result};
use super::fetch::{FetchOptions, FetchReport, fetch};
use super::place::Place;
use super::remotes::{Remote, add_remote, find_remote, set_upstream, tracking};
use super::source::look;
use super::transfer::{find_genesis, list_packs};

/// How a place is cloned.
pub struct CloneOptions<'a> {
    /// The remote that the place becomes.
    pub remote: &'a Remote,
    /// The branch to check out; else the one that HEAD is on at the place.
    pub branch: Option<RefName>,
    /// Whether files are written.
    pub checkout: bool,
    /// How many workers check and write.
    pub threads: usize,
    /// Told how far it is.
    pub progress: &'a dyn Progress,
}

/// What a clone came to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Cloned {
    /// The folder.
    pub root: PathBuf,
    /// The branch that HEAD is on.
    pub branch: RefName,
    /// The commit that it is at, if there is one.
    pub commit: Option<CommitId>,
    /// How many files were written.
    pub files: u64,
    /// What was fetched.
    pub fetched: FetchReport,
}

/// Makes the folder `target`, which must be empty or not exist, a copy of what is at the place.
///
/// All of it is made in a draft beside and renamed at the end. A clone that is interrupted leaves
/// the draft, and the next one to the same target goes on from it.
///
/// # Errors
/// When the target is not empty, or as [`fetch`] and [`checkout`]. What the place is to blame for
/// leaves no draft.
pub fn clone(
    disk: &Disk,
    place: &dyn Place,
    target: &Path,
    options: &CloneOptions<'_>,
) -> Result<Cloned> {
    let not_empty = || RemoteError::NotEmpty { path: target.into() };
    let is_free = match std::fs::read_dir(target) {
        Ok(mut entries) => entries.next().is_none(),
        Err(_) => target.symlink_metadata().is_err(),
    };
    if !is_free {
        return Err(not_empty());
    }
    let (Some(parent), Some(name)) = (target.parent(), target.file_name()) else {
        return Err(not_empty());
    };
    let source = look(place, None)?;
    let mut draft_name = OsString::from(".");
    draft_name.push(name);
    draft_name.push(".aisr-clone");
    let draft = parent.join(draft_name);
    let branch = options.branch.clone().or_else(|| source.refs.head.branch().cloned());
    let branch = branch.map_or_else(|| RefName::branch("main"), Ok);
    let branch = branch.map_err(|e| RemoteError::BadName { name: e.to_string() })?;
    let done = begin(disk, place, &draft, &source, &branch)
        .and_then(|repo| fill(&repo, place, &branch, options));
    let mut cloned = match done {
        Ok(cloned) => cloned,
        Err(e) => {
            let blame = matches!(
                e,
                RemoteError::Refused { .. }
                    | RemoteError::Unsound { .. }
                    | RemoteError::Missing { .. }
                    | RemoteError::NoBranch { .. }
            );
            if blame {
                let _ = std::fs::remove_dir_all(&draft);
            }
            return Err(e);
        }
    };
    // An empty folder gives way to a rename.
    disk.rename(&draft, target, OnExisting::Replace)?;
    disk.sync_dir(parent)?;
    cloned.root = target.into();
    Ok(cloned)
}

/// The repository in the draft: a new one, or what an interrupted clone left.
fn begin(
    disk: &Disk,
    place: &dyn Place,
    draft: &Path,
    source: &super::source::Source,
    branch: &RefName,
) -> Result<Repository> {
    if draft.join(FOLDER).is_dir() {
        let repo = Repository::open(disk.clone(), draft)?;
        if repo.id() != source.repo {
            return Err(RemoteError::OtherDraft { path: draft.into() });
        }
        recover(&repo)?;
        return Ok(repo);
    }
    // What a crash left before there was a repository is nothing to go on from.
    let _ = std::fs::remove_dir_all(draft);
    disk.create_dir_all_synced(draft, 0o777)?;
    let packs = list_packs(place)?;
    let genesis = find_genesis(place, &packs, source.repo)?;
    let options = ReplicaOptions { genesis: &genesis, branch: branch.clone() };
    Ok(init_replica(disk, draft, &options)?)
}

fn fill(
    repo: &Repository,
    place: &dyn Place,
    branch: &RefName,
    options: &CloneOptions<'_>,
) -> Result<Cloned> {
    let Remote { name, .. } = options.remote;
    if find_remote(repo, name).is_err() {
        add_remote(repo, options.remote)?;
    }
    let (threads, progress) = (options.threads, options.progress);
    let fetched = fetch(repo, name, place, &FetchOptions { prune: true, threads, progress })?;
    set_upstream(repo, branch, name)?;
    let mut log = repo.log()?;
    let at = log.refs().refs.get(&tracking(name, branch)?).copied();
    if at.is_none() && options.branch.is_some() {
        return Err(RemoteError::NoBranch { name: branch.short().to_string() });
    }
    let mut cloned = Cloned {
        root: repo.root().into(),
        branch: branch.clone(),
        commit: at.map(CommitId::from_id),
        files: 0,
        fetched,
    };
    if let (Some(at), None) = (at, log.refs().refs.get(branch)) {
        if options.checkout {
            let options = CheckoutOptions {
                target: CommitId::from_id(at),
                head: Head::Branch(branch.clone()),
                create: true,
                // What an interrupted checkout left is in the draft alone.
                force: true,
                keep: &[],
                threads,
                progress,
            };
            cloned.files = checkout(repo, &options)?.map_or(0, |performed| performed.written);
        } else {
            let create = RefChange::create(branch.as_bytes(), at);
            repo.move_refs(&mut log, vec![create], Cause::of("clone"))?;
        }
    }
    Ok(cloned)
}
