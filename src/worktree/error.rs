//! What can go wrong with the folder.

use std::path::PathBuf;

use bstr::BString;
use thiserror::Error;

use crate::capture::CaptureError;
use crate::capture::secrets::Secret;
use crate::disk::DiskError;
use crate::log::LogError;
use crate::map::MapError;
use crate::object::{CommitId, DecodeError, NameError, RepoPath};
use crate::repo::RepoError;
use crate::sign::SignError;
use crate::store::StoreError;
use crate::system::{Finding, ManifestError};
use crate::view::ViewError;

use super::operation::Conflict;
use super::quiesce::QuiesceError;

/// What can go wrong with the folder.
#[derive(Debug, Error)]
pub enum WorktreeError {
    /// A file or folder cannot be read.
    #[error("cannot read {path}")]
    Read {
        /// Its path inside the root.
        path: BString,
        /// Why.
        source: std::io::Error,
    },
    /// A path is longer or deeper than the format allows.
    #[error("{path} cannot be captured: {source}")]
    Path {
        /// Its path inside the root.
        path: BString,
        /// Why.
        source: NameError,
    },
    /// An ignore file cannot be understood.
    #[error("{path} is not valid: {why}")]
    Ignore {
        /// Its path inside the root.
        path: BString,
        /// What is wrong.
        why: String,
    },
    /// A file cannot be captured.
    #[error(transparent)]
    Capture(#[from] CaptureError),
    /// New content holds secrets. It was not stored.
    #[error("the folder holds {} that would be kept for ever", secrets_in_words(secrets.len() as u64 + more))]
    Secrets {
        /// Where, by path and line.
        secrets: Vec<Secret>,
        /// How many more.
        more: u64,
    },
    /// A content cannot be looked into.
    #[error(transparent)]
    View(#[from] ViewError),
    /// What writes in the folder does not hold still.
    #[error("what writes in the folder does not hold still, so nothing is captured")]
    Quiesce(#[source] QuiesceError),
    /// A map cannot be written or read.
    #[error(transparent)]
    Map(#[from] Box<MapError<StoreError>>),
    /// The repository said no.
    #[error(transparent)]
    Repo(#[from] RepoError),
    /// The disk said no.
    #[error(transparent)]
    Disk(#[from] DiskError),
    /// The key cannot sign.
    #[error(transparent)]
    Sign(#[from] SignError),
    /// The message, author or another text is too long for a commit.
    #[error("the commit would be {size} bytes, and {limit} is the limit: the message is too long")]
    TooLong {
        /// Its size in bytes.
        size: usize,
        /// The limit.
        limit: usize,
    },
    /// Others committed each time while this was captured.
    #[error("the branch moved {times} times while the folder was captured")]
    BranchKeepsMoving {
        /// How often.
        times: usize,
    },
    /// HEAD does not hold it.
    #[error("{path} is not in HEAD")]
    NotInHead {
        /// Its path inside the root.
        path: BString,
    },
    /// No pattern leaves it out, so the next commit would capture it again.
    #[error("{path} is not ignored, so the next commit would capture it again")]
    NotIgnored {
        /// Its path inside the root.
        path: BString,
    },
    /// There is no commit yet whose place another could take.
    #[error("there is no commit to amend")]
    NothingToAmend,
    /// Others moved the branch, so another commit would be replaced than the one that was meant.
    #[error("the branch moved while the folder was captured, so nothing is amended")]
    AmendedMoved,
    /// HEAD names something that is no commit.
    #[error("HEAD names {0}, which is no commit that can be read")]
    NoCommit(CommitId),
    /// The place to check out to has something in it.
    #[error("{} exists and is not an empty folder", path.display())]
    NotEmpty {
        /// The place.
        path: PathBuf,
    },
    /// The place to check out to lies in the repository's own folder.
    #[error("{} lies inside .aisr", path.display())]
    InsideRepository {
        /// The place.
        path: PathBuf,
    },
    /// Too little room on the disk.
    #[error("{} needs {needed} bytes, and {free} are free", path.display())]
    NoRoom {
        /// The place.
        path: PathBuf,
        /// What the state takes.
        needed: u64,
        /// What is free.
        free: u64,
    },
    /// An operation that changes the folder was interrupted and must be brought to its end.
    #[error("an operation on the folder was interrupted")]
    Interrupted,
    /// The plan of an operation is damaged.
    #[error("{} is not a plan that can be read", path.display())]
    Plan {
        /// The file.
        path: PathBuf,
        /// Why.
        source: DecodeError,
    },
    /// What would be overwritten is in no commit, or cannot be replaced.
    #[error("{} in the way: {}", plural(conflicts.len()), listed(conflicts))]
    InTheWay {
        /// The paths, and what is the matter with each.
        conflicts: Vec<(RepoPath, Conflict)>,
    },
    /// Somebody wrote to a file after it was planned to replace it.
    #[error("{path} was changed by somebody else meanwhile; nothing is changed")]
    ChangedMeanwhile {
        /// Its path inside the root.
        path: BString,
    },
    /// SQLite cannot open a database that it should write.
    #[error("SQLite cannot write {path}: {why}; nothing is changed")]
    DatabaseRefused {
        /// Its path inside the root.
        path: BString,
        /// What SQLite says.
        why: String,
    },
    /// What was set aside is damaged.
    #[error("what was set aside of {path} is no longer what it was")]
    NotWhatItWas {
        /// Its path inside the root.
        path: BString,
    },
    /// A file would have to move between file systems.
    #[error("{path} lies on another file system than .aisr")]
    OtherDevice {
        /// Its path inside the root.
        path: BString,
    },
    /// Two paths are one to the file system of the folder.
    #[error("{first} and {second} are one name to this file system; nothing is changed")]
    SameName {
        /// The one that is there, or comes first.
        first: RepoPath,
        /// The other.
        second: RepoPath,
    },
    /// The file system of the folder cannot hold a name as it is.
    #[error("this file system cannot hold the name {path}; nothing is changed")]
    NameNotHeld {
        /// The path.
        path: RepoPath,
    },
    /// What an operation changed is not kept any more.
    #[error("what the {kind} of entry {sequence} changed is not kept any more")]
    NoLongerKept {
        /// What it was.
        kind: String,
        /// Its log entry's number.
        sequence: u64,
    },
    /// A path that is to be committed is nowhere.
    #[error("{path} is neither in the folder nor in HEAD")]
    Nowhere {
        /// Its path inside the root.
        path: BString,
    },
    /// A path that is to be committed is left out by the ignore rules, and HEAD does not hold it.
    #[error("{path} is ignored, and HEAD does not hold it")]
    Ignored {
        /// Its path inside the root.
        path: BString,
    },
    /// A path that is to be committed cannot be captured.
    #[error("{path} cannot be captured: {why}")]
    NotCaptured {
        /// Its path inside the root.
        path: BString,
        /// Why.
        why: String,
    },
    /// A path is neither in the folder nor in the state.
    #[error("{path} is neither in the folder nor in that state")]
    NoSuchPath {
        /// The path.
        path: RepoPath,
    },
    /// The manifest is not understood.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    /// The system of the folder is wrong. Each is an error.
    #[error("{}", first_of(findings))]
    System {
        /// What is wrong.
        findings: Vec<Finding>,
    },
    /// A component stands on so many paths that it is too long to keep.
    #[error("a component of {bytes} bytes is too long to keep: it stands on too many paths")]
    ComponentTooLarge {
        /// The length of its encoding.
        bytes: usize,
    },
    /// There is no operation to take back.
    #[error("there is nothing to {what}")]
    NothingTo {
        /// `undo` or `redo`.
        what: &'static str,
    },
    /// The last operation put a trust root in force.
    #[error("entry {sequence} put a trust root in force, and trust roots never go back")]
    TrustStays {
        /// Its log entry's number.
        sequence: u64,
    },
    /// A thread failed; the first error says why.
    #[error("stopped after an error in another thread")]
    Stopped,
}

fn first_of(findings: &[Finding]) -> String {
    findings.first().map(ToString::to_string).unwrap_or_default()
}

fn secrets_in_words(count: u64) -> String {
    if count == 1 { "a secret".into() } else { format!("{count} secrets") }
}

fn plural(count: usize) -> String {
    if count == 1 { "a path is".into() } else { format!("{count} paths are") }
}

/// The first few, each with what is the matter.
fn listed(conflicts: &[(RepoPath, Conflict)]) -> String {
    const SHOWN: usize = 8;
    let shown = conflicts.iter().take(SHOWN);
    let mut text: Vec<_> = shown.map(|(path, why)| format!("{path} ({})", why.reason())).collect();
    if conflicts.len() > SHOWN {
        text.push(format!("and {} more", conflicts.len() - SHOWN));
    }
    text.join(", ")
}

impl From<StoreError> for WorktreeError {
    fn from(error: StoreError) -> Self {
        Self::Repo(error.into())
    }
}

impl From<LogError> for WorktreeError {
    fn from(error: LogError) -> Self {
        Self::Repo(error.into())
    }
}

impl From<MapError<StoreError>> for WorktreeError {
    fn from(error: MapError<StoreError>) -> Self {
        Self::Map(Box::new(error))
    }
}
