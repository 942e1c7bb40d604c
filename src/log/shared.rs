//! The log of a shared place: one object for each entry, signed by whoever pushed.
//!
//! Where the objects come from is the caller's business: a folder now, an object storage later.
//! Entries are appended by *create if absent* at the next number, so of two who append at once one
//! finds the number taken, reads what is there and decides anew.

use crate::object::{
    Actor, Cause, ChangeKind, Id, LogEntry, LogEntryId, LogId, RefChange, RefTarget, RepositoryId,
    Signed, Stamp, TrustRootId,
};
use crate::sign::{Namespace, PublicKey, Signer};

use super::error::LogError;
use super::place::read_entry;
use super::ref_name::RefName;
use super::refs::{Head, HeadEntry, Refs};

/// A shared place's log as far as it was read, and the refs that it leads to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SharedLog {
    repo: RepositoryId,
    refs: Refs,
    /// Whether any entry was read.
    begun: bool,
    trust_root: Option<TrustRootId>,
}

/// What an entry of a shared log says, beside what the log itself adds.
pub struct SharedAppend {
    /// Who signs it, and as whom.
    pub signer: Actor,
    /// The trust root in force.
    pub trust_root: TrustRootId,
    /// The refs that move, in the order of their names.
    pub changes: Vec<RefChange>,
    /// When.
    pub time: Stamp,
    /// Why.
    pub cause: Cause,
}

impl SharedLog {
    /// The log `log` of the repository `repo`, of which nothing was read.
    pub fn new(repo: RepositoryId, log: LogId) -> Self {
        let nothing = LogEntryId::from_id(Id::new([0; 32]));
        let last = HeadEntry { sequence: 0, id: nothing, offset: 0 };
        let head = Head::Detached(nothing.id());
        let refs = Refs { log, last, length: 0, head, refs: Default::default() };
        Self { repo, refs, begun: false, trust_root: None }
    }

    /// The same log from the entry on that `refs` names as the last one read.
    pub fn resume(repo: RepositoryId, refs: Refs) -> Self {
        Self { repo, refs, begun: true, trust_root: None }
    }

    /// The key under which the entry of this number lies, relative to the place.
    pub fn key(log: LogId, sequence: u64) -> String {
        format!("log/{log}/{sequence:020}")
    }

    /// The repository.
    pub fn repository(&self) -> RepositoryId {
        self.repo
    }

    /// Where every ref points, after the last entry that was read.
    pub fn refs(&self) -> &Refs {
        &self.refs
    }

    /// The trust root that the last entry read says is in force; `None` where none was read.
    pub fn trust_root(&self) -> Option<TrustRootId> {
        self.trust_root
    }

    /// The number of the entry that comes next.
    pub fn next(&self) -> u64 {
        if self.begun { self.refs.last.sequence + 1 } else { 0 }
    }

    /// Checks the object of the next entry and moves the refs as it says.
    ///
    /// # Errors
    /// When it is not signed by the key that it states, does not follow the entry before, moves
    /// what no shared place has, or moves a ref from another value than it has.
    pub fn take(&mut self, object: &[u8]) -> Result<LogEntry, LogError> {
        let (sequence, id) = (self.next(), LogEntryId::of(object));
        let (entry, _) = read_entry(object, sequence)?;
        let chain = |why: &str| LogError::Chain { sequence, id, why: why.into() };
        let previous = self.begun.then_some(self.refs.last.id);
        let why = if entry.repo != self.repo {
            Some("it belongs to another repository")
        } else if entry.log != self.refs.log {
            Some("it belongs to another log")
        } else if entry.sequence != sequence {
            Some("its number does not follow")
        } else if entry.previous != previous {
            Some("it does not name the entry before it")
        } else if entry.replica.is_some() {
            Some("it is an entry of a clone's own log")
        } else {
            None
        };
        if let Some(why) = why {
            return Err(chain(why));
        }
        for change in &entry.changes {
            let shared = change.name == b"HEAD"
                || RefName::new(&change.name).is_ok_and(|name| name.is_branch() || name.is_tag());
            if !shared {
                return Err(chain("it moves a ref that no shared place has"));
            }
        }
        let mut refs = self.refs.clone();
        refs.apply(&entry).map_err(|why| chain(&why))?;
        if sequence == 0 && refs.head.branch().is_none() {
            return Err(chain("it does not say on which branch HEAD is"));
        }
        refs.last = HeadEntry { sequence, id, offset: 0 };
        (self.refs, self.begun, self.trust_root) = (refs, true, Some(entry.trust_root));
        Ok(entry)
    }

    /// Makes the object of the next entry. It counts once it lies under its number.
    ///
    /// # Errors
    /// When the key cannot sign, or a ref does not have the old value that a change states.
    pub fn prepare(&self, append: SharedAppend, key: &Signer) -> Result<Vec<u8>, LogError> {
        let entry = LogEntry {
            repo: self.repo,
            log: self.refs.log,
            sequence: self.next(),
            previous: self.begun.then_some(self.refs.last.id),
            trust_root: append.trust_root,
            changes: append.changes,
            signer: append.signer,
            acting_for: Vec::new(),
            approvals: Vec::new(),
            payload: Vec::new(),
            time: append.time,
            cause: append.cause,
            replica: None,
            ext: Vec::new(),
        };
        self.refs.clone().apply(&entry).map_err(|why| LogError::Moved { why })?;
        let payload = entry.encode();
        let signature = key.sign(Namespace::LogEntry, &payload).map_err(LogError::Sign)?;
        Ok(Signed { payload: &payload, signature: &signature }.encode())
    }

    /// The change of entry 0: HEAD is on `branch`.
    pub fn opening(branch: &RefName) -> RefChange {
        RefChange {
            name: b"HEAD".to_vec(),
            old: None,
            new: Some(RefTarget::Symbolic(branch.as_bytes().to_vec())),
            kind: ChangeKind::Create,
        }
    }
}

/// The id, the content and the signer's key of an entry that stands alone.
///
/// # Errors
/// When the object is no entry that is signed by the key that it states.
pub fn read_shared_entry(object: &[u8]) -> Result<(LogEntryId, LogEntry, PublicKey), LogError> {
    let sequence = Signed::decode(object)
        .and_then(|signed| LogEntry::decode(signed.payload))
        .map_or(0, |entry| entry.sequence);
    let (entry, key) = read_entry(object, sequence)?;
    Ok((LogEntryId::of(object), entry, key))
}
