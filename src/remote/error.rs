//! What can go wrong between two copies.

use std::path::PathBuf;

use thiserror::Error;

use crate::disk::DiskError;
use crate::log::{LogError, RefName};
use crate::object::{Id, RepositoryId};
use crate::repo::{RepoError, SettingError};
use crate::sign::SignError;
use crate::store::StoreError;
use crate::trust::TrustError;
use crate::worktree::WorktreeError;

/// What can go wrong between two copies.
#[derive(Debug, Error)]
pub enum RemoteError {
    /// What was given is no address of a place.
    #[error("`{address}` is no address of a place: {why}")]
    Address {
        /// What was given.
        address: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// There is no repository at the place.
    #[error("there is no repository in {place}")]
    NotAPlace {
        /// The place.
        place: String,
    },
    /// Something is there already.
    #[error("{place} is a place already")]
    PlaceExists {
        /// The place.
        place: String,
    },
    /// Something that the place holds cannot be read or written.
    #[error("{place}: {key}")]
    Key {
        /// The place.
        place: String,
        /// What it holds.
        key: String,
        /// Why.
        #[source]
        source: DiskError,
    },
    /// Something that the place says is not sound.
    #[error("{place} is not sound: {key}: {why}")]
    Unsound {
        /// The place.
        place: String,
        /// Where.
        key: String,
        /// What is wrong.
        why: String,
    },
    /// The place says more than anybody can take in.
    #[error("{place} lists more than {limit} {what}")]
    TooMany {
        /// The place.
        place: String,
        /// Of what.
        what: &'static str,
        /// The limit.
        limit: u64,
    },
    /// The place holds another repository.
    #[error("{place} holds the repository {found}, and this is {expected}")]
    OtherRepository {
        /// The place.
        place: String,
        /// What it holds.
        found: RepositoryId,
        /// What it should hold.
        expected: RepositoryId,
    },
    /// The place's log is not the one that was seen before.
    #[error("the log of {place} was rewritten: {why}")]
    Rewritten {
        /// The place.
        place: String,
        /// How it shows.
        why: String,
    },
    /// An entry of the place's log is not sound.
    #[error("the log of {place} is not sound: {source}")]
    PlaceLog {
        /// The place.
        place: String,
        /// Why.
        source: LogError,
    },
    /// A push goes to shared places alone.
    #[error("{place} is a repository that somebody works in")]
    Working {
        /// The place.
        place: String,
    },
    /// What was received is not what it says.
    #[error("what came from {place} is refused: {why}")]
    Refused {
        /// The place.
        place: String,
        /// Why.
        why: String,
    },
    /// What was received names an object that did not come with it.
    #[error("{place} names {id}, and does not have it")]
    Missing {
        /// The place.
        place: String,
        /// The object.
        id: Id,
    },
    /// The ref at the place is not behind the one that is pushed.
    #[error("{name} at {place} holds what the one here does not")]
    NotForward {
        /// The place.
        place: String,
        /// The ref.
        name: RefName,
    },
    /// A branch that shall go is not there.
    #[error("there is no {name} at {place}")]
    NotThere {
        /// The place.
        place: String,
        /// The branch.
        name: RefName,
    },
    /// A branch that shall go is the one that is checked out of a clone.
    #[error("{name} is the branch that HEAD is on at {place}")]
    CurrentThere {
        /// The place.
        place: String,
        /// The branch.
        name: RefName,
    },
    /// Others moved the place again and again.
    #[error("others push to {place} all the time")]
    Contended {
        /// The place.
        place: String,
    },
    /// There is no remote of this name.
    #[error("there is no remote `{name}`")]
    NoRemote {
        /// The name.
        name: String,
    },
    /// There is one already.
    #[error("there is a remote `{name}` already")]
    RemoteExists {
        /// The name.
        name: String,
    },
    /// The name is none.
    #[error("`{name}` is no name of a remote")]
    BadName {
        /// The name.
        name: String,
    },
    /// There is no such branch here.
    #[error("there is no branch `{name}` here")]
    NoBranch {
        /// The name.
        name: String,
    },
    /// HEAD is on no branch, and none was named.
    #[error("HEAD is on no branch")]
    Detached,
    /// The branch here and the one there went different ways.
    #[error("{name} and {other} went different ways")]
    Diverged {
        /// The branch here.
        name: RefName,
        /// The one that was fetched.
        other: RefName,
    },
    /// The clone's folder is taken.
    #[error("{} exists and is not empty", path.display())]
    NotEmpty {
        /// The folder.
        path: PathBuf,
    },
    /// What an interrupted clone of something else left.
    #[error("{} is left of a clone of another repository", path.display())]
    OtherDraft {
        /// The folder.
        path: PathBuf,
    },
    /// A thread could not be started.
    #[error("a thread cannot be started")]
    Thread(#[source] std::io::Error),
    /// The system has no random numbers.
    #[error("the system gives no random numbers")]
    NoRandomness(#[source] getrandom::Error),
    /// The key cannot sign.
    #[error(transparent)]
    Sign(#[from] SignError),
    /// The disk said no.
    #[error(transparent)]
    Disk(#[from] DiskError),
    /// The store said no.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The log said no.
    #[error(transparent)]
    Log(#[from] LogError),
    /// The trust root said no.
    #[error(transparent)]
    Trust(#[from] TrustError),
    /// The configuration said no.
    #[error(transparent)]
    Setting(#[from] SettingError),
    /// The repository said no.
    #[error(transparent)]
    Repo(#[from] RepoError),
    /// The working copy said no.
    #[error(transparent)]
    Worktree(Box<WorktreeError>),
}

impl From<WorktreeError> for RemoteError {
    fn from(error: WorktreeError) -> Self {
        Self::Worktree(Box::new(error))
    }
}

/// A result of this room.
pub type Result<T, E = RemoteError> = std::result::Result<T, E>;
