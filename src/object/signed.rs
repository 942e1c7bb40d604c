//! The envelope of every signed object, and the fields that their payloads share.

use super::cbor::{DecodeError, MapWriter, Reader, Writer, check_len};
use super::{Id, KeyBytes, LogId, PrincipalId, RepositoryId};

/// The version that every payload of this format carries.
pub const PAYLOAD_VERSION: u64 = 1;

/// A signed object: the array `[payload, signature]`.
///
/// Signed are exactly the payload's bytes; the object's id covers both. The signature is a raw
/// SSHSIG blob (OpenSSH's PROTOCOL.sshsig), which the room `sign` makes and checks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Signed<'a> {
    /// The bytes that are signed: a CBOR map.
    pub payload: &'a [u8],
    /// The raw SSHSIG blob.
    pub signature: &'a [u8],
}

impl<'a> Signed<'a> {
    /// Takes an object apart.
    ///
    /// # Errors
    /// When the bytes are not exactly an array of two byte strings.
    pub fn decode(bytes: &'a [u8]) -> Result<Self, DecodeError> {
        let mut r = Reader::new(bytes);
        if r.array()? != 2 {
            return Err(DecodeError::Unexpected { expected: "an array of two", at: 0 });
        }
        let signed = Self { payload: r.bytes()?, signature: r.bytes()? };
        r.end()?;
        Ok(signed)
    }

    /// The object's bytes.
    pub fn encode(&self) -> Vec<u8> {
        let mut w = Writer::new();
        w.array(2).bytes(self.payload).bytes(self.signature);
        w.finish()
    }
}

/// A moment, and the zone in which its author read the clock.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Stamp {
    /// Microseconds since 1970-01-01T00:00:00Z.
    pub micros: i64,
    /// Minutes east of UTC.
    pub zone: i16,
}

impl Stamp {
    const MAX_ZONE: i64 = 24 * 60;

    pub(super) fn write(self, w: &mut Writer) {
        w.array(2).int(self.micros).int(i64::from(self.zone));
    }

    pub(super) fn read(r: &mut Reader<'_>, field: &'static str) -> Result<Self, DecodeError> {
        if r.array()? != 2 {
            return Err(DecodeError::Invalid { field, why: "not [microseconds, zone]" });
        }
        let (micros, zone) = (r.int()?, r.int()?);
        if !(-Self::MAX_ZONE..=Self::MAX_ZONE).contains(&zone) {
            return Err(DecodeError::Invalid { field, why: "the zone is over 24 hours" });
        }
        Ok(Self { micros, zone: zone as i16 })
    }
}

/// Who signed: the key proves, the principal is whom the trust root says the key belongs to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Actor {
    /// The public key.
    pub key: KeyBytes,
    /// The principal, absent for a key that no trust root names.
    pub principal: Option<PrincipalId>,
}

impl Actor {
    pub(super) fn write(&self, w: &mut Writer) {
        let mut m = MapWriter::new();
        m.field("key", |w| self.key.write(w));
        m.optional("principal", self.principal, |w, p| {
            w.bytes(p.as_bytes());
        });
        m.write(w);
    }

    pub(super) fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let (mut key, mut principal) = (None, None);
        r.fields(|r, name| match name {
            "key" => set(&mut key, KeyBytes::read(r)?),
            "principal" => set(&mut principal, PrincipalId::new(r.array_of("principal")?)),
            _ => Err(DecodeError::UnknownField(name.into())),
        })?;
        Ok(Self { key: need(key, "key")?, principal })
    }
}

/// In whose place somebody acted: a delegation that proves it, or a name that only claims it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ActingFor {
    /// The id of a delegation.
    Delegation(Id),
    /// A name; a claim.
    Claimed(String),
}

impl ActingFor {
    pub(super) fn write(&self, w: &mut Writer) {
        match self {
            Self::Delegation(id) => w.bytes(id.as_bytes()),
            Self::Claimed(name) => w.text(name),
        };
    }

    pub(super) fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        match r.kind()? {
            super::cbor::Kind::Text => Ok(Self::Claimed(text(r, "acting-for")?)),
            _ => Ok(Self::Delegation(Id::new(r.array_of("acting-for")?))),
        }
    }
}

/// Why an object came to be.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Cause {
    /// `manual`, `watch`, `merge`, `revert`, `cherry-pick`, `recover`, `import`, …: lower-case
    /// words joined by hyphens. The vocabulary is open.
    pub kind: String,
    /// What it was made from: the reverted commit, the picked commit, …
    pub ids: Vec<Id>,
    /// Version of the algorithm that made it, where one did.
    pub algorithm: Option<u64>,
}

impl Cause {
    /// A cause of this kind alone.
    pub fn of(kind: &str) -> Self {
        Self { kind: kind.into(), ids: Vec::new(), algorithm: None }
    }

    pub(super) fn write(&self, w: &mut Writer) {
        let mut m = MapWriter::new();
        m.list("ids", &self.ids, |w, id| {
            w.bytes(id.as_bytes());
        });
        m.field("kind", |w| {
            w.text(&self.kind);
        });
        m.optional("algorithm", self.algorithm, |w, n| {
            w.uint(n);
        });
        m.write(w);
    }

    pub(super) fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let (mut kind, mut ids, mut algorithm) = (None, None, None);
        r.fields(|r, name| match name {
            "kind" => set(&mut kind, word(r, "kind")?),
            "ids" => set(&mut ids, id_list(r, "ids")?),
            "algorithm" => set(&mut algorithm, r.uint()?),
            _ => Err(DecodeError::UnknownField(name.into())),
        })?;
        Ok(Self { kind: need(kind, "kind")?, ids: filled(ids, "ids")?, algorithm })
    }
}

/// Fields that later versions add, by name. A name that starts with `!` must be understood.
pub type Extensions = Vec<(String, Vec<u8>)>;

pub(super) fn write_ext(m: &mut MapWriter, ext: &Extensions) {
    if ext.is_empty() {
        return;
    }
    m.field("ext", |w| {
        let mut inner = MapWriter::new();
        for (name, value) in ext {
            inner.field(name, |w| {
                w.bytes(value);
            });
        }
        inner.write(w);
    });
}

pub(super) fn read_ext(r: &mut Reader<'_>) -> Result<Extensions, DecodeError> {
    let mut ext = Vec::new();
    r.fields(|r, name| {
        if name.starts_with('!') {
            return Err(DecodeError::UnknownVersion { what: "extension", found: name.into() });
        }
        ext.push((name.to_owned(), r.bytes()?.to_vec()));
        Ok(())
    })?;
    if ext.is_empty() {
        return Err(DecodeError::Invalid { field: "ext", why: "empty instead of absent" });
    }
    Ok(ext)
}

/// The head that every payload begins from: its type and version.
pub(super) fn payload(kind: &'static str) -> MapWriter {
    let mut m = MapWriter::new();
    write_version(&mut m);
    write_type(&mut m, kind);
    m
}

pub(super) fn write_version(m: &mut MapWriter) {
    m.field("v", |w| {
        w.uint(PAYLOAD_VERSION);
    });
}

pub(super) fn write_type(m: &mut MapWriter, kind: &'static str) {
    m.field("type", |w| {
        w.text(kind);
    });
}

/// The two fields that [`payload`] writes, while they are read.
pub(super) struct Head {
    kind: &'static str,
    type_seen: Option<()>,
    version_seen: Option<()>,
}

impl Head {
    pub(super) fn new(kind: &'static str) -> Self {
        Self { kind, type_seen: None, version_seen: None }
    }

    /// Reads `name` if it is one of the head's, else refuses it as unknown.
    pub(super) fn read(&mut self, r: &mut Reader<'_>, name: &str) -> Result<(), DecodeError> {
        match name {
            "type" => {
                let found = r.text()?;
                if found != self.kind {
                    return Err(DecodeError::UnknownVersion { what: "type", found: found.into() });
                }
                set(&mut self.type_seen, ())
            }
            "v" => {
                let found = r.uint()?;
                if found != PAYLOAD_VERSION {
                    let found = format!("{} version {found}", self.kind);
                    return Err(DecodeError::UnknownVersion { what: "payload", found });
                }
                set(&mut self.version_seen, ())
            }
            _ => Err(DecodeError::UnknownField(name.into())),
        }
    }

    pub(super) fn finish(self) -> Result<(), DecodeError> {
        need(self.type_seen, "type")?;
        need(self.version_seen, "v")
    }
}

pub(super) fn set<T>(slot: &mut Option<T>, value: T) -> Result<(), DecodeError> {
    *slot = Some(value);
    Ok(())
}

pub(super) fn need<T>(value: Option<T>, field: &'static str) -> Result<T, DecodeError> {
    value.ok_or(DecodeError::MissingField(field))
}

/// A list that is absent when it is empty.
pub(super) fn filled<T>(list: Option<Vec<T>>, field: &'static str) -> Result<Vec<T>, DecodeError> {
    match list {
        Some(list) if list.is_empty() => {
            Err(DecodeError::Invalid { field, why: "empty instead of absent" })
        }
        list => Ok(list.unwrap_or_default()),
    }
}

pub(super) fn id_list(r: &mut Reader<'_>, field: &'static str) -> Result<Vec<Id>, DecodeError> {
    r.list(|r| Ok(Id::new(r.array_of(field)?)))
}

pub(super) fn repository(r: &mut Reader<'_>) -> Result<RepositoryId, DecodeError> {
    Ok(RepositoryId::from_id(Id::new(r.array_of("repo")?)))
}

pub(super) fn log_id(r: &mut Reader<'_>) -> Result<LogId, DecodeError> {
    Ok(LogId::new(r.array_of("log")?))
}

/// Text that is there and not empty.
pub(super) fn text(r: &mut Reader<'_>, field: &'static str) -> Result<String, DecodeError> {
    let text = r.text()?;
    if text.is_empty() {
        return Err(DecodeError::Invalid { field, why: "empty instead of absent" });
    }
    Ok(text.to_owned())
}

/// Lower-case letters, digits and hyphens.
pub(super) fn word(r: &mut Reader<'_>, field: &'static str) -> Result<String, DecodeError> {
    let word = text(r, field)?;
    check_word(&word, field)?;
    Ok(word)
}

/// Refuses what is not made of lower-case letters, digits and hyphens, or is empty.
pub(super) fn check_word(word: &str, field: &'static str) -> Result<(), DecodeError> {
    if !is_word(word) {
        return Err(DecodeError::Invalid { field, why: "not a lower-case word" });
    }
    Ok(())
}

/// Whether it is a lower-case word: letters a to z, digits, hyphens.
pub fn is_word(word: &str) -> bool {
    let valid = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    !word.is_empty() && word.bytes().all(valid)
}

/// The last step of every decoder: what was read must encode to the very same bytes.
pub(super) fn same(field: &'static str, input: &[u8], again: &[u8]) -> Result<(), DecodeError> {
    if input == again {
        return Ok(());
    }
    Err(DecodeError::Invalid { field, why: "not its one encoding" })
}

/// Refuses a message that is too long.
pub(super) fn message(r: &mut Reader<'_>) -> Result<String, DecodeError> {
    let message = text(r, "message")?;
    check_len("message", message.len(), super::limits::MESSAGE)?;
    Ok(message)
}
