//! An entry of a place's log: the only thing that moves a ref.

use super::cbor::{DecodeError, Kind, MapWriter, Reader, Writer, check_len};
use super::signed::{
    self, ActingFor, Actor, Cause, Extensions, Head, Stamp, filled, need, same, set, text,
};
use super::{AttestationId, Id, KEY_LEN, LogEntryId, LogId, RepositoryId, TrustRootId, limits};

/// What a log entry's signature covers (`docs/format.md`, "Log entry").
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LogEntry {
    /// The repository.
    pub repo: RepositoryId,
    /// The log of the place.
    pub log: LogId,
    /// 0, 1, 2, …
    pub sequence: u64,
    /// The entry before; absent in entry 0.
    pub previous: Option<LogEntryId>,
    /// The trust root in force.
    pub trust_root: TrustRootId,
    /// The refs that move.
    pub changes: Vec<RefChange>,
    /// Who signed it. A clone's own key carries no principal.
    pub signer: Actor,
    /// In whose place it was made.
    pub acting_for: Vec<ActingFor>,
    /// The approvals it stands on.
    pub approvals: Vec<AttestationId>,
    /// Objects that it brings into force beside the refs.
    pub payload: Vec<Id>,
    /// When, by the clock of whoever signed.
    pub time: Stamp,
    /// Why: `open` for entry 0, else the operation.
    pub cause: Cause,
    /// In entry 0 of a clone's log: the public key that signs the rest.
    pub replica: Option<[u8; KEY_LEN]>,
    /// What later versions add.
    pub ext: Extensions,
}

/// What a ref points at.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum RefTarget {
    /// An object.
    Object(Id),
    /// Another ref, by its full name: only HEAD does that.
    Symbolic(Vec<u8>),
}

/// How a ref moves.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ChangeKind {
    /// It did not exist.
    Create,
    /// The new commit descends from the old.
    Forward,
    /// It does not.
    Force,
    /// It no longer exists.
    Delete,
}

impl ChangeKind {
    const ALL: [(Self, &'static str); 4] = [
        (Self::Create, "create"),
        (Self::Forward, "forward"),
        (Self::Force, "force"),
        (Self::Delete, "delete"),
    ];

    /// The word in the payload and in every output.
    pub fn name(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Forward => "forward",
            Self::Force => "force",
            Self::Delete => "delete",
        }
    }
}

/// One ref that moves.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RefChange {
    /// The full name: `HEAD` or `refs/…`.
    pub name: Vec<u8>,
    /// What it pointed at.
    pub old: Option<RefTarget>,
    /// What it points at now.
    pub new: Option<RefTarget>,
    /// How it moves.
    pub kind: ChangeKind,
}

impl LogEntry {
    /// The payload's bytes.
    pub fn encode(&self) -> Vec<u8> {
        let mut m = signed::payload("log-entry");
        m.field("repo", |w| {
            w.bytes(self.repo.as_bytes());
        });
        m.field("log", |w| {
            w.bytes(self.log.as_bytes());
        });
        m.field("sequence", |w| {
            w.uint(self.sequence);
        });
        m.optional("previous", self.previous, |w, id| {
            w.bytes(id.as_bytes());
        });
        m.field("trust-root", |w| {
            w.bytes(self.trust_root.as_bytes());
        });
        m.list("changes", &self.changes, |w, c| c.write(w));
        m.field("signer", |w| self.signer.write(w));
        m.list("acting-for", &self.acting_for, |w, a| a.write(w));
        m.list("approvals", &self.approvals, |w, id| {
            w.bytes(id.as_bytes());
        });
        m.list("payload", &self.payload, |w, id| {
            w.bytes(id.as_bytes());
        });
        m.field("time", |w| self.time.write(w));
        m.field("cause", |w| self.cause.write(w));
        m.optional("replica", self.replica, |w, key| {
            w.bytes(&key);
        });
        signed::write_ext(&mut m, &self.ext);
        m.finish()
    }

    /// Reads a payload.
    ///
    /// # Errors
    /// When the bytes are not the one encoding of a log entry of this version.
    pub fn decode(payload: &[u8]) -> Result<Self, DecodeError> {
        check_len("log entry", payload.len(), limits::LOG_ENTRY)?;
        let mut head = Head::new("log-entry");
        let (mut repo, mut log, mut sequence, mut previous) = (None, None, None, None);
        let (mut trust_root, mut changes, mut signer, mut acting_for) = (None, None, None, None);
        let (mut approvals, mut objects, mut time, mut cause) = (None, None, None, None);
        let (mut replica, mut ext) = (None, None);
        let mut r = Reader::new(payload);
        r.fields(|r, name| match name {
            "repo" => set(&mut repo, signed::repository(r)?),
            "log" => set(&mut log, signed::log_id(r)?),
            "sequence" => set(&mut sequence, r.uint()?),
            "previous" => set(&mut previous, LogEntryId::from_id(Id::new(r.array_of("previous")?))),
            "trust-root" => {
                set(&mut trust_root, TrustRootId::from_id(Id::new(r.array_of("trust-root")?)))
            }
            "changes" => set(&mut changes, r.list(RefChange::read)?),
            "signer" => set(&mut signer, Actor::read(r)?),
            "acting-for" => set(&mut acting_for, r.list(ActingFor::read)?),
            "approvals" => set(&mut approvals, signed::id_list(r, "approvals")?),
            "payload" => set(&mut objects, signed::id_list(r, "payload")?),
            "time" => set(&mut time, Stamp::read(r, "time")?),
            "cause" => set(&mut cause, Cause::read(r)?),
            "replica" => set(&mut replica, r.array_of("replica")?),
            "ext" => set(&mut ext, signed::read_ext(r)?),
            _ => head.read(r, name),
        })?;
        r.end()?;
        head.finish()?;
        let approvals = filled(approvals, "approvals")?;
        let entry = Self {
            repo: need(repo, "repo")?,
            log: need(log, "log")?,
            sequence: need(sequence, "sequence")?,
            previous,
            trust_root: need(trust_root, "trust-root")?,
            changes: filled(changes, "changes")?,
            signer: need(signer, "signer")?,
            acting_for: filled(acting_for, "acting-for")?,
            approvals: approvals.into_iter().map(AttestationId::from_id).collect(),
            payload: filled(objects, "payload")?,
            time: need(time, "time")?,
            cause: need(cause, "cause")?,
            replica,
            ext: ext.unwrap_or_default(),
        };
        let first = entry.sequence == 0;
        if first != entry.previous.is_none() || first != (entry.cause.kind == "open") {
            let why = "entry 0 alone is of kind `open` and has no predecessor";
            return Err(DecodeError::Invalid { field: "sequence", why });
        }
        if entry.replica.is_some() && !first {
            let why = "entry 0 alone names a clone's key";
            return Err(DecodeError::Invalid { field: "replica", why });
        }
        if !entry.changes.is_sorted_by(|a, b| a.name < b.name) {
            let why = "not in ascending order of their names";
            return Err(DecodeError::Invalid { field: "changes", why });
        }
        same("log entry", payload, &entry.encode())?;
        Ok(entry)
    }
}

impl RefTarget {
    fn write(&self, w: &mut Writer) {
        match self {
            Self::Object(id) => w.bytes(id.as_bytes()),
            Self::Symbolic(name) => w.array(1).bytes(name),
        };
    }

    fn read(r: &mut Reader<'_>, field: &'static str) -> Result<Self, DecodeError> {
        if r.kind()? != Kind::Array {
            return Ok(Self::Object(Id::new(r.array_of(field)?)));
        }
        if r.array()? != 1 {
            return Err(DecodeError::Invalid { field, why: "not one name" });
        }
        Ok(Self::Symbolic(r.bytes()?.to_vec()))
    }
}

impl RefChange {
    /// The ref `name`, which did not exist, names `id`.
    pub fn create(name: &[u8], id: Id) -> Self {
        let new = Some(RefTarget::Object(id));
        Self { name: name.to_vec(), old: None, new, kind: ChangeKind::Create }
    }

    /// The ref `name`, which names `id`, ceases to exist.
    pub fn delete(name: &[u8], id: Id) -> Self {
        let old = Some(RefTarget::Object(id));
        Self { name: name.to_vec(), old, new: None, kind: ChangeKind::Delete }
    }

    pub(super) fn write(&self, w: &mut Writer) {
        let mut m = MapWriter::new();
        m.field("name", |w| {
            w.bytes(&self.name);
        });
        m.optional("old", self.old.as_ref(), |w, t| t.write(w));
        m.optional("new", self.new.as_ref(), |w, t| t.write(w));
        m.field("kind", |w| {
            w.text(self.kind.name());
        });
        m.write(w);
    }

    pub(super) fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let (mut name, mut old, mut new, mut kind) = (None, None, None, None);
        r.fields(|r, field| match field {
            "name" => set(&mut name, r.bytes()?.to_vec()),
            "old" => set(&mut old, RefTarget::read(r, "old")?),
            "new" => set(&mut new, RefTarget::read(r, "new")?),
            "kind" => {
                let word = text(r, "kind")?;
                let known = ChangeKind::ALL.iter().find(|(_, name)| *name == word);
                let unknown = DecodeError::UnknownVersion { what: "kind of change", found: word };
                set(&mut kind, known.ok_or(unknown)?.0)
            }
            _ => Err(DecodeError::UnknownField(field.into())),
        })?;
        let kind = need(kind, "kind")?;
        if (kind == ChangeKind::Create) != old.is_none()
            || (kind == ChangeKind::Delete) != new.is_none()
        {
            let why = "does not fit the old and new values";
            return Err(DecodeError::Invalid { field: "kind", why });
        }
        Ok(Self { name: need(name, "name")?, old, new, kind })
    }
}
