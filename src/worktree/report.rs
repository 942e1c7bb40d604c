//! What a commit says of itself to whoever ran it.

use std::fmt;

use bstr::BString;

use crate::capture::Refused;
use crate::log::RefName;
use crate::object::{Commit, CommitId, EscapedName, PortabilityProblem};

use super::tree_system::TreeSystem;

/// Told how far a long operation is. Called from several threads.
pub trait Progress: Sync {
    /// About this many bytes are to be done.
    fn total(&self, bytes: u64);
    /// These were done now.
    fn advance(&self, files: u64, bytes: u64);
}

/// What a commit says of itself to whoever ran it.
#[derive(Clone, Debug)]
pub struct CommitReport {
    /// Its id.
    pub id: CommitId,
    /// What it says.
    pub commit: Commit,
    /// The branch that moved; none when HEAD is detached.
    pub branch: Option<RefName>,
    /// How many files and links were captured: those of the paths, where some were given.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
    /// How many bytes the repository grew by.
    pub stored: u64,
    /// How long it took, in seconds.
    pub seconds: f64,
    /// The longest time, in seconds, for which a database's writers or checkpoints were held up.
    pub lock_held: f64,
    /// What the user should know.
    pub warnings: Vec<Warning>,
    /// How many files and folders the ignore rules left out.
    pub ignored: u64,
    /// How many of the files that were read were not scanned for secrets: not UTF-8, or above 4 MiB.
    pub unscanned: u64,
    /// The system, and what changed in it.
    pub system: TreeSystem,
}

/// Something that the user should know of a capture.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Warning {
    /// A FIFO, socket or device.
    Special {
        /// Its path.
        path: BString,
        /// What it is.
        kind: &'static str,
    },
    /// A name that no repository can hold.
    Name {
        /// Its path.
        path: BString,
        /// Why.
        why: String,
    },
    /// A `.aisr` folder of another repository inside this one.
    NestedRepository {
        /// Its path.
        path: BString,
    },
    /// A link that leads out of the root: its target is not captured.
    OutsideLink {
        /// Its path.
        path: BString,
        /// Where it leads.
        target: BString,
    },
    /// A name that another system cannot hold.
    NotPortable {
        /// Its path.
        path: BString,
        /// Why.
        problem: PortabilityProblem,
    },
    /// A file that vanished between being listed and being read.
    Vanished {
        /// Its path.
        path: BString,
    },
    /// A file that changed each time it was read.
    Moved {
        /// Its path.
        path: BString,
    },
    /// A database that cannot be read now: it stays as HEAD has it.
    Database {
        /// Its path.
        path: BString,
        /// Why.
        why: Refused,
        /// HEAD has it.
        kept: bool,
    },
    /// SQLite had to make a file beside a database, which stays.
    MadeShared {
        /// The database's path.
        path: BString,
    },
}

impl Warning {
    /// The path it is about.
    pub fn path(&self) -> &BString {
        match self {
            Self::Special { path, .. }
            | Self::Name { path, .. }
            | Self::NestedRepository { path }
            | Self::OutsideLink { path, .. }
            | Self::NotPortable { path, .. }
            | Self::Vanished { path }
            | Self::Moved { path }
            | Self::Database { path, .. }
            | Self::MadeShared { path } => path,
        }
    }

    /// Whether the path is missing from the commit.
    pub fn is_skip(&self) -> bool {
        matches!(
            self,
            Self::Special { .. }
                | Self::Name { .. }
                | Self::NestedRepository { .. }
                | Self::Database { .. }
        )
    }

    /// Whether it may be otherwise the next time.
    pub fn is_passing(&self) -> bool {
        matches!(self, Self::Vanished { .. } | Self::Moved { .. } | Self::Database { .. })
    }

    /// The reason, in few words, as the commit's report keeps it.
    pub fn reason(&self) -> String {
        match self {
            Self::Special { kind, .. } => format!("a {kind}"),
            Self::Name { why, .. } => why.clone(),
            Self::NestedRepository { .. } => "the folder of another repository".into(),
            Self::OutsideLink { .. } => "a link out of the root".into(),
            Self::NotPortable { problem, .. } => problem.to_string(),
            Self::Vanished { .. } => "vanished".into(),
            Self::Moved { .. } => "changed while it was read".into(),
            Self::Database { why, .. } => why.to_string(),
            Self::MadeShared { .. } => "a file was made beside it".into(),
        }
    }

    /// What the user can do about it.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Database { why: Refused::Locked, .. } => {
                Some("commit again when the process that keeps it locked lets go of it")
            }
            Self::Database { why: Refused::HotJournal, .. } => {
                Some("open it once with the program that it belongs to, which rolls it back")
            }
            Self::Moved { .. } => Some("commit again while nothing writes to it"),
            Self::Name { .. } => Some("rename it, or ignore it in .aisrignore"),
            Self::OutsideLink { .. } => {
                Some("copy what it points at into the folder to capture it")
            }
            _ => None,
        }
    }
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = EscapedName(self.path());
        match self {
            Self::Special { kind, .. } => write!(f, "{path} is a {kind}: not captured"),
            Self::Name { why, .. } => write!(f, "{path} is not captured: {why}"),
            Self::NestedRepository { .. } => {
                write!(f, "{path} belongs to another repository: not captured")
            }
            Self::OutsideLink { target, .. } => write!(
                f,
                "{path} leads out of the folder, to {}: the link is captured, what it points at is not",
                EscapedName(target)
            ),
            Self::NotPortable { problem, .. } => {
                write!(f, "{path} {problem}: other systems may not be able to hold it")
            }
            Self::Vanished { .. } => write!(f, "{path} vanished before it was read"),
            Self::Moved { .. } => write!(f, "{path} changed each time it was read"),
            Self::Database { why, kept: true, .. } => {
                write!(f, "{path} is left as HEAD has it: {why}")
            }
            Self::Database { why, kept: false, .. } => write!(f, "{path} is not captured: {why}"),
            Self::MadeShared { .. } => {
                write!(f, "{path} has a -shm file beside it now, which SQLite made to read it")
            }
        }
    }
}
