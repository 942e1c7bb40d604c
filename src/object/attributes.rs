//! What else is said of a component or an edge (`docs/format.md`, "The system graph").

use std::collections::BTreeMap;

use super::cbor::{DecodeError, Kind, MapWriter, Reader, Writer};
use super::signed::check_word;

/// Names, in lower-case words joined by hyphens, and what they stand for.
pub type Attributes = BTreeMap<String, AttributeValue>;

/// What an attribute says.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum AttributeValue {
    /// Text, such as a mode or a pointer into a file.
    Text(String),
    /// Bytes, such as an id.
    Bytes(Vec<u8>),
}

/// Writes them as a map.
pub(super) fn write(w: &mut Writer, attributes: &Attributes) {
    let mut m = MapWriter::new();
    for (name, value) in attributes {
        m.field(name, |w| match value {
            AttributeValue::Text(text) => drop(w.text(text)),
            AttributeValue::Bytes(bytes) => drop(w.bytes(bytes)),
        });
    }
    m.write(w);
}

/// Reads a map of them, which may be empty.
pub(super) fn read(r: &mut Reader<'_>) -> Result<Attributes, DecodeError> {
    let mut attributes = Attributes::new();
    r.fields(|r, name| {
        check_word(name, "attributes")?;
        let value = match r.kind()? {
            Kind::Text => AttributeValue::Text(r.text()?.to_owned()),
            _ => AttributeValue::Bytes(r.bytes()?.to_vec()),
        };
        attributes.insert(name.to_owned(), value);
        Ok(())
    })?;
    Ok(attributes)
}
