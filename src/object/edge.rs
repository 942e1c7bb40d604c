//! Relations between components, as the map of schema `edges` holds them (`docs/format.md`, "The
//! system graph").

use super::attributes::{self, Attributes};
use super::cbor::{DecodeError, MapWriter, Reader, check_len};
use super::component::ComponentKey;
use super::limits;
use super::signed::{check_word, same, set};
use super::tuple::{self, Element};

/// The key of an edge: from which component, by which relation, to which.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct EdgeKey {
    /// Where it begins.
    pub from: ComponentKey,
    /// What it says, a lower-case word: `runs`, `prompted-by`, `remembers-in`, `uses`, `acts-as`,
    /// `calls`, `delegates`, `derived-from`. The vocabulary is open.
    pub relation: String,
    /// Where it ends.
    pub to: ComponentKey,
}

impl EdgeKey {
    /// The key in the map: a tuple of three texts.
    pub fn encode(&self) -> Vec<u8> {
        let [from, to] = [&self.from, &self.to].map(|key| Element::Text(key.to_string()));
        tuple::encode(&[from, Element::from(self.relation.as_str()), to])
    }

    /// Reads a key of the map.
    ///
    /// # Errors
    /// When the bytes are no key of an edge.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        match tuple::decode(bytes)?.as_slice() {
            [Element::Text(from), Element::Text(relation), Element::Text(to)] => {
                check_word(relation, "relation")?;
                Ok(Self { from: from.parse()?, relation: relation.clone(), to: to.parse()? })
            }
            _ => Err(DecodeError::Invalid { field: "edge", why: "not a tuple of three texts" }),
        }
    }
}

/// What is said of an edge, by where it is known from: a value of the map of schema `edges`. At
/// least one of the two is there; its attributes may be none.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Edge {
    /// The manifest names it.
    pub declared: Option<Attributes>,
    /// It was read out of a configuration.
    pub discovered: Option<Attributes>,
}

impl Edge {
    /// The one encoding.
    pub fn encode(&self) -> Vec<u8> {
        let mut m = MapWriter::new();
        m.optional("declared", self.declared.as_ref(), attributes::write);
        m.optional("discovered", self.discovered.as_ref(), attributes::write);
        m.finish()
    }

    /// Reads a value of the map.
    ///
    /// # Errors
    /// When the bytes are not the one encoding of an edge.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        check_len("edge", bytes.len(), limits::COMPONENT)?;
        let (mut declared, mut discovered) = (None, None);
        let mut r = Reader::new(bytes);
        r.fields(|r, field| match field {
            "declared" => set(&mut declared, attributes::read(r)?),
            "discovered" => set(&mut discovered, attributes::read(r)?),
            _ => Err(DecodeError::UnknownField(field.into())),
        })?;
        r.end()?;
        if declared.is_none() && discovered.is_none() {
            return Err(DecodeError::Invalid { field: "edge", why: "known from nowhere" });
        }
        let edge = Self { declared, discovered };
        same("edge", bytes, &edge.encode())?;
        Ok(edge)
    }
}

#[cfg(test)]
mod tests {
    use super::super::AttributeValue;
    use super::*;

    fn uses() -> EdgeKey {
        let [from, to] = ["agent:desk", "tool:search"].map(|key| key.parse().unwrap());
        EdgeKey { from, relation: "uses".into(), to }
    }

    #[test]
    fn keys_and_values_read_as_they_were_written() {
        assert_eq!(EdgeKey::decode(&uses().encode()), Ok(uses()));
        let mode = [("mode".to_owned(), AttributeValue::Text("rw".into()))];
        let attributes = [None, Some(Attributes::new()), Some(mode.into_iter().collect())];
        for declared in &attributes {
            for discovered in &attributes {
                let edge = Edge { declared: declared.clone(), discovered: discovered.clone() };
                let known = declared.is_some() || discovered.is_some();
                assert_eq!(Edge::decode(&edge.encode()).ok(), known.then_some(edge));
            }
        }
    }

    #[test]
    fn edges_sort_by_where_they_begin() {
        let later = EdgeKey { from: "agent:desk-2".parse().unwrap(), ..uses() };
        assert!(uses().encode() < later.encode());
    }

    #[test]
    fn what_is_no_edge_is_refused() {
        let text = |text: &str| Element::Text(text.into());
        for wrong in [
            vec![text("agent:desk"), text("uses")],
            vec![text("agent:desk"), text("Uses"), text("tool:search")],
            vec![text("agent:desk"), text(""), text("tool:search")],
            vec![text("agent"), text("uses"), text("tool:search")],
            vec![text("agent:desk"), text("uses"), Element::Bytes(b"tool:search".to_vec())],
        ] {
            assert!(EdgeKey::decode(&tuple::encode(&wrong)).is_err(), "{wrong:?}");
        }
    }
}
