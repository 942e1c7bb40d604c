//! A recipe: one way to build a blob out of chunks, as a tree.

use super::cbor::{DecodeError, MapWriter, Reader, check_len};
use super::signed::{need, set};
use super::{BlobId, Id, limits};

/// One node of a recipe (`docs/format.md`, "Recipe").
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RecipeNode {
    /// 0: the parts are chunks; else the parts are nodes of the level below.
    pub level: u8,
    /// The parts in order.
    pub parts: Vec<Part>,
    /// In the root: the blob that the recipe claims to build. So no root is ever the same object
    /// as a node inside another recipe, and each root belongs to one blob.
    pub builds: Option<BlobId>,
}

/// A part of a blob.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Part {
    /// Its length in bytes, never 0.
    pub len: u64,
    /// The id of the chunk or of the node.
    pub id: Id,
}

impl RecipeNode {
    /// The number of bytes that the parts make up.
    pub fn total(&self) -> u64 {
        self.parts.iter().map(|part| part.len).sum()
    }

    /// The object's bytes.
    pub fn encode(&self) -> Vec<u8> {
        let mut m = MapWriter::new();
        m.optional("b", self.builds, |w, blob| {
            w.bytes(blob.as_bytes());
        });
        m.field("l", |w| {
            w.uint(u64::from(self.level));
        });
        m.field("n", |w| {
            w.uint(self.total());
        });
        m.field("p", |w| {
            w.array(self.parts.len());
            for part in &self.parts {
                w.array(2).uint(part.len).bytes(part.id.as_bytes());
            }
        });
        m.finish()
    }

    /// Reads a node.
    ///
    /// # Errors
    /// When the bytes are not the one encoding of a recipe node: among others when a part has no
    /// bytes, a chunk is longer than the limit, or the sum is not what the node says.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        check_len("recipe node", bytes.len(), limits::NODE)?;
        let (mut level, mut total, mut parts, mut builds) = (None, None, None, None);
        let mut r = Reader::new(bytes);
        r.fields(|r, name| match name {
            "b" => set(&mut builds, BlobId::from_id(Id::new(r.array_of("b")?))),
            "l" => set(&mut level, r.uint()?),
            "n" => set(&mut total, r.uint()?),
            "p" => set(&mut parts, r.list(read_part)?),
            _ => Err(DecodeError::UnknownField(name.into())),
        })?;
        r.end()?;
        let (level, parts) = (need(level, "l")?, need(parts, "p")?);
        if level >= limits::MAP_DEPTH as u64 {
            let limit = limits::MAP_DEPTH as u64 - 1;
            return Err(DecodeError::Limit { what: "recipe level", size: level, limit });
        }
        let invalid = |field, why| Err(DecodeError::Invalid { field, why });
        if parts.is_empty() {
            return invalid("p", "no parts");
        }
        if level == 0 && parts.iter().any(|part| part.len > limits::CHUNK as u64) {
            return invalid("p", "a chunk is over the limit");
        }
        let sum = parts.iter().try_fold(0u64, |sum, part| sum.checked_add(part.len));
        if sum != Some(need(total, "n")?) {
            return invalid("n", "not the sum of the parts");
        }
        Ok(Self { level: level as u8, parts, builds })
    }
}

fn read_part(r: &mut Reader<'_>) -> Result<Part, DecodeError> {
    if r.array()? != 2 {
        return Err(DecodeError::Invalid { field: "p", why: "not [length, id]" });
    }
    let part = Part { len: r.uint()?, id: Id::new(r.array_of("p")?) };
    if part.len == 0 {
        return Err(DecodeError::Invalid { field: "p", why: "a part without bytes" });
    }
    Ok(part)
}
