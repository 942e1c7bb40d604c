//! Records, taken apart into values (SQLite file format §2.1).

use std::ops::Range;

use crate::object::tuple::Element;
use crate::view::{Value, ViewError};

use super::header::{Encoding, malformed};
use super::page::varint;

/// No record of SQLite has more columns.
const COLUMNS: usize = 32_767;

/// A value as SQLite keeps it.
#[derive(Clone, PartialEq, Debug)]
pub enum Stored {
    /// NULL.
    Null,
    /// A whole number.
    Integer(i64),
    /// A number in floating point, never NaN.
    Real(f64),
    /// Text.
    Text(String),
    /// What is called text and is none in the database's encoding.
    BrokenText(Vec<u8>),
    /// Bytes.
    Blob(Vec<u8>),
}

impl Stored {
    /// As a part of a key.
    pub fn element(self) -> Element {
        match self {
            Self::Null => Element::Null,
            Self::Integer(number) => Element::from(number),
            Self::Real(number) => Element::Double(number),
            Self::Text(text) => Element::Text(text),
            Self::BrokenText(bytes) => {
                Element::Nested(vec![Element::Text(shown(&bytes)), Element::Bytes(bytes)])
            }
            Self::Blob(bytes) => Element::Bytes(bytes),
        }
    }

    /// As a value.
    pub fn value(self) -> Value {
        match self {
            Self::Null => Value::Null,
            Self::Integer(number) => Value::Integer(number.into()),
            Self::Real(number) => Value::Double(number),
            Self::Text(text) => Value::Text(text),
            Self::BrokenText(bytes) => {
                Value::List(vec![Value::Text(shown(&bytes)), Value::Bytes(bytes)])
            }
            Self::Blob(bytes) => Value::Bytes(bytes),
        }
    }

    /// In a column of affinity REAL, where whole numbers only save room.
    pub fn real(self) -> Self {
        match self {
            Self::Integer(number) => Self::Real(number as f64),
            other => other,
        }
    }
}

/// What a person sees of text that is broken; the bytes stand beside it.
fn shown(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// The values of a record, by their places in it.
pub struct Fields<'r> {
    record: &'r [u8],
    encoding: Encoding,
    /// The type of each value, and where it begins.
    places: Vec<(u64, usize)>,
}

impl<'r> Fields<'r> {
    /// Reads the header of a record. `at` is where it lies in the database, for errors.
    ///
    /// # Errors
    /// When the header and the values are not as long as the record.
    pub fn parse(record: &'r [u8], encoding: Encoding, at: u64) -> Result<Self, ViewError> {
        Self::parse_beginning(record, record.len() as u64, encoding, at)
    }

    /// The same for a record of `len` bytes that begins with these; it has only the values that
    /// lie in them.
    ///
    /// # Errors
    /// When the header is not all there, or it and the values are not as long as the record.
    pub fn parse_beginning(
        record: &'r [u8],
        len: u64,
        encoding: Encoding,
        at: u64,
    ) -> Result<Self, ViewError> {
        let whole = len;
        let bad = || malformed("a record's header does not fit its values", at);
        let (header, mut next) = varint(record, 0).ok_or_else(bad)?;
        let header = usize::try_from(header).map_err(|_| bad())?;
        let kinds = record.get(..header).filter(|_| header >= next).ok_or_else(bad)?;
        let (mut places, mut start) = (Vec::new(), header);
        while next < header {
            let (kind, len) = varint(kinds, next).ok_or_else(bad)?;
            next += len;
            let kind = u64::try_from(kind).map_err(|_| bad())?;
            let size = size(kind).ok_or_else(bad)?;
            if places.len() == COLUMNS {
                return Err(bad());
            }
            places.push((kind, start));
            start =
                usize::try_from(size).ok().and_then(|s| start.checked_add(s)).ok_or_else(bad)?;
        }
        if start as u64 != whole {
            return Err(bad());
        }
        Ok(Self { record, encoding, places })
    }

    /// Where the value at `place` lies in the record.
    pub fn range(&self, place: usize) -> Option<Range<usize>> {
        let (kind, start) = *self.places.get(place)?;
        Some(start..start + usize::try_from(size(kind)?).ok()?)
    }

    /// The value at `place`; `None` where the record ends before it.
    pub fn get(&self, place: usize) -> Option<Stored> {
        let (kind, start) = *self.places.get(place)?;
        let len = size(kind)? as usize;
        // The header was checked: its values lie inside of the record.
        let bytes = self.record.get(start..start + len)?;
        Some(match kind {
            0 => Stored::Null,
            1..=6 => Stored::Integer(integer(bytes)),
            7 => match f64::from_bits(integer(bytes) as u64) {
                number if number.is_nan() => Stored::Null,
                number => Stored::Real(number),
            },
            8 => Stored::Integer(0),
            9 => Stored::Integer(1),
            kind if kind % 2 == 0 => Stored::Blob(bytes.to_vec()),
            _ => text(bytes, self.encoding),
        })
    }
}

/// How long a value of this type is; `None` for the types that no file holds.
fn size(kind: u64) -> Option<u64> {
    match kind {
        0 | 8 | 9 => Some(0),
        1..=4 => Some(kind),
        5 => Some(6),
        6 | 7 => Some(8),
        10 | 11 => None,
        kind => Some((kind - 12) / 2),
    }
}

/// A number in two's complement, of up to eight bytes.
fn integer(bytes: &[u8]) -> i64 {
    let first = bytes.first().map_or(0, |byte| i64::from(*byte as i8));
    bytes.iter().skip(1).fold(first, |number, byte| number << 8 | i64::from(*byte))
}

fn text(bytes: &[u8], encoding: Encoding) -> Stored {
    let unit: fn([u8; 2]) -> u16 = match encoding {
        Encoding::Utf8 => {
            return match String::from_utf8(bytes.to_vec()) {
                Ok(text) => Stored::Text(text),
                Err(broken) => Stored::BrokenText(broken.into_bytes()),
            };
        }
        Encoding::Utf16Le => u16::from_le_bytes,
        Encoding::Utf16Be => u16::from_be_bytes,
    };
    let (pairs, rest) = bytes.as_chunks();
    let whole = rest.is_empty();
    let text: Result<String, _> =
        char::decode_utf16(pairs.iter().map(|pair| unit(*pair))).collect();
    match text {
        Ok(text) if whole => Stored::Text(text),
        _ => Stored::BrokenText(bytes.to_vec()),
    }
}
