//! A change of the working folder: what a crash finds, and what `undo` goes back by.

use super::cbor::{DecodeError, MapWriter, Reader, Writer, check_len};
use super::signed::{self, Cause, Head, filled, need, same, set};
use super::{EntryKind, Id, LogEntryId, RefChange, RepoPath, RepositoryId, TreeEntry, limits};

/// A change of the working folder (`docs/format.md`, "Operation"). It stays in this clone.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Operation {
    /// The repository.
    pub repo: RepositoryId,
    /// The last log entry before it, by number.
    pub log_before: u64,
    /// Why, as its log entry says.
    pub cause: Cause,
    /// The refs that move with it.
    pub changes: Vec<RefChange>,
    /// The paths that change, in ascending order; the number of one is the name of the file that
    /// is set aside for it.
    pub steps: Vec<Step>,
}

/// One path that changes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Step {
    /// The path.
    pub path: RepoPath,
    /// What is there before.
    pub before: Option<TreeEntry>,
    /// What is there after.
    pub after: Option<TreeEntry>,
    /// What is there before is in no commit, so it is set aside for good.
    pub keep: bool,
    /// What is there after comes from what this operation set aside for its step of this number;
    /// else from the store.
    pub from: Option<(LogEntryId, u64)>,
    /// Both are SQLite databases, and the new content is written through SQLite. What was there is
    /// set aside beforehand, if it is kept.
    pub database: bool,
}

impl Operation {
    /// The file's bytes.
    pub fn encode(&self) -> Vec<u8> {
        let mut m = signed::payload("operation");
        m.field("repo", |w| {
            w.bytes(self.repo.as_bytes());
        });
        m.field("log-before", |w| {
            w.uint(self.log_before);
        });
        m.field("cause", |w| self.cause.write(w));
        m.list("changes", &self.changes, |w, c| c.write(w));
        m.list("steps", &self.steps, |w, s| s.write(w));
        m.finish()
    }

    /// Reads the file.
    ///
    /// # Errors
    /// When the bytes are not the one encoding of an operation of this version.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        check_len("operation", bytes.len(), limits::OPERATION)?;
        let mut head = Head::new("operation");
        let (mut repo, mut log_before, mut cause) = (None, None, None);
        let (mut changes, mut steps) = (None, None);
        let mut r = Reader::new(bytes);
        r.fields(|r, field| match field {
            "repo" => set(&mut repo, signed::repository(r)?),
            "log-before" => set(&mut log_before, r.uint()?),
            "cause" => set(&mut cause, Cause::read(r)?),
            "changes" => set(&mut changes, r.list(RefChange::read)?),
            "steps" => set(&mut steps, r.list(Step::read)?),
            _ => head.read(r, field),
        })?;
        r.end()?;
        head.finish()?;
        let operation = Self {
            repo: need(repo, "repo")?,
            log_before: need(log_before, "log-before")?,
            cause: need(cause, "cause")?,
            changes: filled(changes, "changes")?,
            steps: filled(steps, "steps")?,
        };
        if !operation.steps.is_sorted_by(|a, b| a.path < b.path) {
            let why = "not in ascending order of their paths";
            return Err(DecodeError::Invalid { field: "steps", why });
        }
        same("operation", bytes, &operation.encode())?;
        Ok(operation)
    }
}

impl Step {
    fn write(&self, w: &mut Writer) {
        let entry = |w: &mut Writer, entry: TreeEntry| {
            w.bytes(&entry.encode());
        };
        let mut m = MapWriter::new();
        m.field("path", |w| {
            w.bytes(self.path.as_bytes());
        });
        m.optional("before", self.before, entry);
        m.optional("after", self.after, entry);
        m.optional("keep", self.keep.then_some(1), |w, n| {
            w.uint(n);
        });
        m.optional("from", self.from, |w, (operation, step)| {
            w.array(2).bytes(operation.as_bytes()).uint(step);
        });
        m.optional("database", self.database.then_some(1), |w, n| {
            w.uint(n);
        });
        m.write(w);
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let (mut path, mut before, mut after) = (None, None, None);
        let (mut keep, mut from, mut database) = (None, None, None);
        r.fields(|r, field| match field {
            "path" => {
                let why = "not a path inside the root";
                let invalid = |_| DecodeError::Invalid { field: "path", why };
                let bytes = r.bytes()?;
                set(&mut path, RepoPath::parse(bytes).map_err(invalid)?)
            }
            "before" => set(&mut before, TreeEntry::decode(r.bytes()?)?),
            "after" => set(&mut after, TreeEntry::decode(r.bytes()?)?),
            "keep" => match r.uint()? {
                1 => set(&mut keep, ()),
                _ => Err(DecodeError::Invalid { field: "keep", why: "not 1" }),
            },
            "from" => {
                if r.array()? != 2 {
                    return Err(DecodeError::Invalid { field: "from", why: "not a pair" });
                }
                let operation = LogEntryId::from_id(Id::new(r.array_of("from")?));
                set(&mut from, (operation, r.uint()?))
            }
            "database" => match r.uint()? {
                1 => set(&mut database, ()),
                _ => Err(DecodeError::Invalid { field: "database", why: "not 1" }),
            },
            _ => Err(DecodeError::UnknownField(field.into())),
        })?;
        let path: RepoPath = need(path, "path")?;
        let (keep, database) = (keep.is_some(), database.is_some());
        let step = Self { path, before, after, keep, from, database };
        let is_file = |entry: Option<TreeEntry>| {
            entry.is_some_and(|e| matches!(e.kind(), EntryKind::File | EntryKind::Executable))
        };
        if database && !(is_file(before) && is_file(after)) {
            let why = "neither before nor after may be anything but a file";
            return Err(DecodeError::Invalid { field: "database", why });
        }
        if step.path.is_root() || step.before == step.after {
            let why = "a step that changes nothing, or the root";
            return Err(DecodeError::Invalid { field: "path", why });
        }
        Ok(step)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::object::{BlobId, ChangeKind, RefTarget};

    fn entry() -> impl Strategy<Value = TreeEntry> {
        (any::<[u8; 32]>(), 0..1u64 << 40, any::<bool>()).prop_map(|(id, size, executable)| {
            let id = BlobId::from_id(Id::new(id));
            if executable { TreeEntry::executable(id, size) } else { TreeEntry::file(id, size) }
        })
    }

    fn step() -> impl Strategy<Value = Step> {
        let from = prop::option::of((any::<[u8; 32]>(), any::<u64>()));
        let from = from.prop_map(|f| f.map(|(id, n)| (LogEntryId::from_id(Id::new(id)), n)));
        let kinds = (any::<bool>(), any::<bool>());
        ("[a-z]{1,8}(/[a-z]{1,8}){0,3}", prop::option::of(entry()), entry(), kinds, from).prop_map(
            |(path, before, after, (keep, database), from)| Step {
                path: RepoPath::parse(path.as_bytes()).unwrap(),
                before,
                after: Some(after),
                keep,
                from,
                database: database && before.is_some(),
            },
        )
    }

    fn operation() -> impl Strategy<Value = Operation> {
        (prop::collection::vec(step(), 0..6), any::<[u8; 32]>(), any::<u64>()).prop_map(
            |(mut steps, id, log_before)| {
                steps.sort_by(|a, b| a.path.cmp(&b.path));
                steps.dedup_by(|a, b| a.path == b.path);
                steps.retain(|step| step.before != step.after);
                let change = RefChange {
                    name: b"HEAD".to_vec(),
                    old: Some(RefTarget::Object(Id::new(id))),
                    new: Some(RefTarget::Symbolic(b"refs/heads/main".to_vec())),
                    kind: ChangeKind::Force,
                };
                Operation {
                    repo: RepositoryId::from_id(Id::new(id)),
                    log_before,
                    cause: Cause::of("checkout"),
                    changes: vec![change],
                    steps,
                }
            },
        )
    }

    proptest! {
        #[test]
        fn an_operation_reads_as_it_was_written(operation in operation()) {
            prop_assert_eq!(Operation::decode(&operation.encode()).unwrap(), operation);
        }

        #[test]
        fn bytes_that_were_changed_are_refused_or_mean_what_they_say(
            operation in operation(), at: prop::sample::Index, value: u8,
        ) {
            let mut bytes = operation.encode();
            let at = at.index(bytes.len());
            bytes[at] = value;
            if let Ok(read) = Operation::decode(&bytes) {
                prop_assert_eq!(read.encode(), bytes);
            }
        }
    }
}
