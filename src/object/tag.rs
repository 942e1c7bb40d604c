//! A tag: a signed name for an object.

use super::cbor::{DecodeError, Reader, check_len};
use super::signed::{self, Actor, Extensions, Head, Stamp, need, same, set};
use super::{Id, ObjectType, RepositoryId, limits};

/// What a tag's signature covers (`docs/format.md`, "Tag").
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Tag {
    /// The repository it was made in.
    pub repo: RepositoryId,
    /// The object it names.
    pub target: Id,
    /// That object's type.
    pub target_type: ObjectType,
    /// The tag's own name, without `refs/tags/`.
    pub name: Vec<u8>,
    /// Who signed it.
    pub tagger: Actor,
    /// When it was made.
    pub time: Stamp,
    /// What the tagger says of it.
    pub message: Option<String>,
    /// What later versions add.
    pub ext: Extensions,
}

impl Tag {
    /// The payload's bytes.
    pub fn encode(&self) -> Vec<u8> {
        let mut m = signed::payload("tag");
        m.field("repo", |w| {
            w.bytes(self.repo.as_bytes());
        });
        m.field("target", |w| {
            w.bytes(self.target.as_bytes());
        });
        m.field("target-type", |w| {
            w.uint(self.target_type as u64);
        });
        m.field("name", |w| {
            w.bytes(&self.name);
        });
        m.field("tagger", |w| self.tagger.write(w));
        m.field("time", |w| self.time.write(w));
        m.optional("message", self.message.as_deref(), |w, t| {
            w.text(t);
        });
        signed::write_ext(&mut m, &self.ext);
        m.finish()
    }

    /// Reads a payload.
    ///
    /// # Errors
    /// When the bytes are not the one encoding of a tag of this version.
    pub fn decode(payload: &[u8]) -> Result<Self, DecodeError> {
        check_len("tag", payload.len(), limits::COMMIT)?;
        let mut head = Head::new("tag");
        let (mut repo, mut target, mut target_type, mut name) = (None, None, None, None);
        let (mut tagger, mut time, mut message, mut ext) = (None, None, None, None);
        let mut r = Reader::new(payload);
        r.fields(|r, field| match field {
            "repo" => set(&mut repo, signed::repository(r)?),
            "target" => set(&mut target, Id::new(r.array_of("target")?)),
            "target-type" => {
                let number = r.uint()?;
                let known = u8::try_from(number).ok().and_then(ObjectType::from_u8);
                let found = number.to_string();
                let unknown = DecodeError::UnknownVersion { what: "object type", found };
                set(&mut target_type, known.ok_or(unknown)?)
            }
            "name" => set(&mut name, r.bytes()?.to_vec()),
            "tagger" => set(&mut tagger, Actor::read(r)?),
            "time" => set(&mut time, Stamp::read(r, "time")?),
            "message" => set(&mut message, signed::message(r)?),
            "ext" => set(&mut ext, signed::read_ext(r)?),
            _ => head.read(r, field),
        })?;
        r.end()?;
        head.finish()?;
        let tag = Self {
            repo: need(repo, "repo")?,
            target: need(target, "target")?,
            target_type: need(target_type, "target-type")?,
            name: need(name, "name")?,
            tagger: need(tagger, "tagger")?,
            time: need(time, "time")?,
            message,
            ext: ext.unwrap_or_default(),
        };
        same("tag", payload, &tag.encode())?;
        Ok(tag)
    }
}
