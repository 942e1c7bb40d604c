//! The refs file: where every ref points, and the log entry that says so.

use std::collections::BTreeMap;

use bstr::ByteSlice;

use crate::object::{CommitId, Id, LogEntry, LogEntryId, LogId, RefChange, RefTarget};

use super::ref_name::RefName;

const CONTEXT: &str = "aisr 2026-11-24 refs file v1";

/// Where every ref points.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Refs {
    /// The log that moves them.
    pub log: LogId,
    /// The last entry that counts.
    pub last: HeadEntry,
    /// Where the log file ends with it, in bytes.
    pub length: u64,
    /// What HEAD is.
    pub head: Head,
    /// Every ref and the object it names.
    pub refs: BTreeMap<RefName, Id>,
}

/// The last entry of a log.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct HeadEntry {
    /// Its number.
    pub sequence: u64,
    /// Its id.
    pub id: LogEntryId,
    /// Where its frame starts in the log file.
    pub offset: u64,
}

/// What HEAD is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Head {
    /// A branch, which need not exist yet.
    Branch(RefName),
    /// A commit.
    Detached(Id),
}

impl Head {
    /// What a log entry says of it.
    pub fn target(&self) -> RefTarget {
        match self {
            Self::Branch(name) => RefTarget::Symbolic(name.as_bytes().to_vec()),
            Self::Detached(id) => RefTarget::Object(*id),
        }
    }

    /// The branch that it is on.
    pub fn branch(&self) -> Option<&RefName> {
        match self {
            Self::Branch(name) => Some(name),
            Self::Detached(_) => None,
        }
    }
}

impl Refs {
    /// The commit that HEAD names, if its branch exists.
    pub fn head_commit(&self) -> Option<CommitId> {
        self.head_object().map(CommitId::from_id)
    }

    /// The object that HEAD names, if its branch exists.
    pub fn head_object(&self) -> Option<Id> {
        match &self.head {
            Head::Branch(name) => self.refs.get(name).copied(),
            Head::Detached(id) => Some(*id),
        }
    }

    /// Moves the refs back to where they were before `entry`, the last one that moved them.
    ///
    /// # Errors
    /// When a change names no ref, or led to another value than the ref has.
    pub fn take_back(&mut self, entry: &LogEntry) -> Result<(), String> {
        let back = entry.changes.iter().map(|change| {
            let (old, new) = (change.new.clone(), change.old.clone());
            RefChange { name: change.name.clone(), old, new, kind: change.kind }
        });
        // Before the first entry there is no HEAD.
        let changes = back.filter(|change| entry.sequence > 0 || change.name != b"HEAD");
        self.apply(&LogEntry { changes: changes.collect(), ..entry.clone() })
    }

    /// Moves the refs as `entry` says.
    ///
    /// # Errors
    /// When a change names no ref, or starts from another value than the ref has.
    pub fn apply(&mut self, entry: &LogEntry) -> Result<(), String> {
        for change in &entry.changes {
            if change.name == b"HEAD" {
                if entry.sequence > 0 && change.old.as_ref() != Some(&self.head.target()) {
                    return Err("HEAD does not have the old value that the entry states".into());
                }
                self.head = match &change.new {
                    Some(RefTarget::Object(id)) => Head::Detached(*id),
                    Some(RefTarget::Symbolic(name)) => Head::Branch(branch(name)?),
                    None => return Err("HEAD cannot be deleted".into()),
                };
                continue;
            }
            let name = RefName::new(&change.name).map_err(|e| e.to_string())?;
            let object = |target: &Option<RefTarget>| match target {
                Some(RefTarget::Symbolic(_)) => Err(format!("{name} is not HEAD, yet symbolic")),
                Some(RefTarget::Object(id)) => Ok(Some(*id)),
                None => Ok(None),
            };
            let (old, new) = (object(&change.old)?, object(&change.new)?);
            if self.refs.get(&name).copied() != old {
                return Err(format!("{name} does not have the old value that the entry states"));
            }
            match new {
                Some(id) => drop(self.refs.insert(name, id)),
                None => drop(self.refs.remove(&name)),
            }
        }
        Ok(())
    }

    /// The file's bytes.
    pub fn encode(&self) -> Vec<u8> {
        let head = match &self.head {
            Head::Branch(name) => [b"HEAD ref ", name.as_bytes()].concat(),
            Head::Detached(id) => format!("HEAD id {id}").into_bytes(),
        };
        let HeadEntry { sequence, id, offset } = self.last;
        let mut out = format!(
            "aisr-refs 0\nlog {}\nhead {sequence} {id} {offset}\nlength {}\n",
            self.log, self.length
        )
        .into_bytes();
        out.extend_from_slice(&head);
        out.push(b'\n');
        for (name, id) in &self.refs {
            out.extend_from_slice(format!("{id} ").as_bytes());
            out.extend_from_slice(name.as_bytes());
            out.push(b'\n');
        }
        let sum = Id::new(blake3::derive_key(CONTEXT, &out));
        out.extend_from_slice(format!("checksum {sum}\n").as_bytes());
        out
    }

    /// Reads the file.
    ///
    /// # Errors
    /// When the checksum does not match, or the text is not exactly what [`Refs::encode`] writes.
    pub fn decode(bytes: &[u8]) -> Result<Self, String> {
        if !bytes.starts_with(b"aisr-refs 0\n") {
            return Err("it does not start with `aisr-refs 0`".into());
        }
        let at = bytes.rfind(b"checksum ").ok_or("it has no checksum")?;
        let sum = format!("checksum {}\n", Id::new(blake3::derive_key(CONTEXT, &bytes[..at])));
        if bytes[at..] != *sum.as_bytes() {
            return Err("it does not match its checksum".into());
        }
        let refs = Self::parse(&bytes[..at]).ok_or("a line is not of the right form")?;
        if refs.encode() != bytes {
            return Err("it is not in its one form".into());
        }
        Ok(refs)
    }

    fn parse(text: &[u8]) -> Option<Self> {
        let mut lines = text.lines().skip(1);
        let log = LogId::from_hex(lines.next()?.strip_prefix(b"log ")?)?;
        let mut head = lines.next()?.strip_prefix(b"head ")?.split_str(" ");
        let last = HeadEntry {
            sequence: number(head.next()?)?,
            id: LogEntryId::from_id(Id::from_hex(head.next()?)?),
            offset: number(head.next()?)?,
        };
        let length = number(lines.next()?.strip_prefix(b"length ")?)?;
        let head = lines.next()?;
        let head = match head.strip_prefix(b"HEAD ref ") {
            Some(name) => Head::Branch(branch(name).ok()?),
            None => Head::Detached(Id::from_hex(head.strip_prefix(b"HEAD id ")?)?),
        };
        let refs = lines.map(|line| {
            let (id, name) = line.split_once_str(" ")?;
            Some((RefName::new(name).ok()?, Id::from_hex(id)?))
        });
        Some(Self { log, last, length, head, refs: refs.collect::<Option<_>>()? })
    }
}

/// HEAD is on a branch, or on no ref at all.
fn branch(name: &[u8]) -> Result<RefName, String> {
    let name = RefName::new(name).map_err(|e| e.to_string())?;
    if !name.is_branch() {
        return Err(format!("HEAD cannot be on {name}, which is no branch"));
    }
    Ok(name)
}

fn number(digits: &[u8]) -> Option<u64> {
    digits.to_str().ok()?.parse().ok()
}
