//! Fetching, and going on to what was fetched.

use crate::log::{Head, RefName};
use crate::object::CommitId;
use crate::repo::Repository;
use crate::worktree::{self, CheckoutOptions, Performed, Progress};

use super::commits::is_behind;
use super::error::{RemoteError, Result};
use super::remotes::tracking;

/// What going on came to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Pulled {
    /// The remote has no such branch.
    NoCounterpart {
        /// The branch here.
        branch: RefName,
    },
    /// The branch holds all that the remote's does.
    UpToDate {
        /// The branch here.
        branch: RefName,
    },
    /// The branch and the working copy went on.
    Forward {
        /// The branch here.
        branch: RefName,
        /// Where it was.
        old: Option<CommitId>,
        /// Where it is.
        new: CommitId,
        /// What was done to the folder.
        performed: Option<Performed>,
    },
}

/// Lets the branch that HEAD is on go on to where the remote's was seen, and the working copy with
/// it.
///
/// # Errors
/// [`RemoteError::Diverged`] where both hold something that the other does not; else when local
/// changes are in the way, or something cannot be read or written.
pub fn fast_forward(
    repo: &Repository,
    remote: &str,
    threads: usize,
    progress: &dyn Progress,
) -> Result<Pulled> {
    let log = repo.log()?;
    let Head::Branch(branch) = log.refs().head.clone() else { return Err(RemoteError::Detached) };
    let other = tracking(remote, &branch)?;
    let Some(new) = log.refs().refs.get(&other).copied().map(CommitId::from_id) else {
        return Ok(Pulled::NoCounterpart { branch });
    };
    let old = log.refs().refs.get(&branch).copied().map(CommitId::from_id);
    let store = repo.store();
    match old {
        Some(old) if is_behind(store, new, old) => return Ok(Pulled::UpToDate { branch }),
        Some(old) if !is_behind(store, old, new) => {
            return Err(RemoteError::Diverged { name: branch, other });
        }
        _ => {}
    }
    let options = CheckoutOptions {
        target: new,
        head: Head::Branch(branch.clone()),
        create: old.is_none(),
        force: false,
        keep: &[],
        threads,
        progress,
    };
    let performed = match old {
        Some(old) => worktree::fast_forward(repo, &options, old)?,
        None => worktree::checkout(repo, &options)?,
    };
    Ok(Pulled::Forward { branch, old, new, performed })
}
