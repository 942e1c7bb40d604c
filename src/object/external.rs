//! What lives outside the folder, as the map of schema `external` holds it (`docs/format.md`, "The
//! system graph").

use super::cbor::{DecodeError, Reader, Writer};
use super::component::ComponentKey;
use super::id::{BlobId, Id, NodeId};
use super::tuple::{self, Element};

/// The key of something outside: the component that it belongs to, and which of its parts it is.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct ExternalKey {
    /// The component.
    pub component: ComponentKey,
    /// Which part, such as schema and table. None where the component has but one.
    pub part: Vec<Element>,
}

impl ExternalKey {
    /// The key in the map: a tuple of the component's key as text, and the part.
    pub fn encode(&self) -> Vec<u8> {
        let mut elements = vec![Element::Text(self.component.to_string())];
        elements.extend_from_slice(&self.part);
        tuple::encode(&elements)
    }

    /// Reads a key of the map.
    ///
    /// # Errors
    /// When the bytes are no such tuple.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        match tuple::decode(bytes)?.as_slice() {
            [Element::Text(component), part @ ..] => {
                Ok(Self { component: component.parse()?, part: part.to_vec() })
            }
            _ => {
                let why = "not a tuple that begins with a component";
                Err(DecodeError::Invalid { field: "external", why })
            }
        }
    }
}

/// Something outside: a value of the map of schema `external`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum ExternalEntry {
    /// Content without rows.
    Content {
        /// The content.
        blob: BlobId,
        /// Its length in bytes.
        size: u64,
    },
    /// A table.
    Table {
        /// The root of its map, of schema `table`.
        root: NodeId,
        /// Bytes of the map's encoded values.
        size: u64,
    },
}

impl ExternalEntry {
    /// The one encoding.
    pub fn encode(&self) -> Vec<u8> {
        let (kind, id, size) = match *self {
            Self::Content { blob, size } => (0, blob.id(), size),
            Self::Table { root, size } => (1, root.id(), size),
        };
        let mut w = Writer::new();
        w.array(3).uint(kind).bytes(id.as_bytes()).uint(size);
        w.finish()
    }

    /// Reads a value of the map.
    ///
    /// # Errors
    /// When the bytes are not the one encoding of an entry.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut r = Reader::new(bytes);
        if r.array()? != 3 {
            let expected = "an external entry of three items";
            return Err(DecodeError::Unexpected { expected, at: 0 });
        }
        let (kind, id, size) = (r.uint()?, Id::new(r.array_of("external entry")?), r.uint()?);
        r.end()?;
        match kind {
            0 => Ok(Self::Content { blob: BlobId::from_id(id), size }),
            1 => Ok(Self::Table { root: NodeId::from_id(id), size }),
            other => {
                let found = other.to_string();
                Err(DecodeError::UnknownVersion { what: "kind of external entry", found })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_and_values_read_as_they_were_written() {
        let component: ComponentKey = "memory:crm".parse().unwrap();
        for part in [vec![], vec![Element::from("public"), Element::from("tickets")]] {
            let key = ExternalKey { component: component.clone(), part };
            assert_eq!(ExternalKey::decode(&key.encode()), Ok(key));
        }
        for entry in [
            ExternalEntry::Content { blob: BlobId::of(b"x"), size: 1 },
            ExternalEntry::Table { root: NodeId::of(b"x"), size: u64::MAX },
        ] {
            assert_eq!(ExternalEntry::decode(&entry.encode()), Ok(entry));
        }
    }

    #[test]
    fn what_is_none_is_refused() {
        let mut entry = ExternalEntry::Content { blob: BlobId::of(b"x"), size: 1 }.encode();
        entry[1] = 2;
        assert!(matches!(ExternalEntry::decode(&entry), Err(DecodeError::UnknownVersion { .. })));
        assert!(ExternalEntry::decode(&[]).is_err());
        for key in [vec![], vec![Element::from(1u64)], vec![Element::from("crm")]] {
            assert!(ExternalKey::decode(&tuple::encode(&key)).is_err(), "{key:?}");
        }
    }
}
