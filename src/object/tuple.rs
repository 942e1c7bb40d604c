//! Composite keys whose byte order is the order of their elements (`docs/format.md`, "Tuples"),
//! after the tuple layer of FoundationDB.
//!
//! Null 0x00, bytes 0x01, text 0x02, nested 0x05, integers 0x0c to 0x1c, double 0x21, false 0x26,
//! true 0x27. A zero byte inside bytes and text, and a null inside a nested tuple, is followed
//! by 0xff; a lone 0x00 ends them.

use std::cmp::Ordering;

use super::cbor::{DecodeError, check_len};
use super::limits;

const NULL: u8 = 0x00;
const BYTES: u8 = 0x01;
const TEXT: u8 = 0x02;
const NESTED: u8 = 0x05;
const ZERO: u8 = 0x14;
const DOUBLE: u8 = 0x21;
const FALSE: u8 = 0x26;
const TRUE: u8 = 0x27;
const ESCAPE: u8 = 0xff;

/// One part of a composite key.
#[derive(Clone, Debug)]
pub enum Element {
    /// Nothing; sorts first.
    Null,
    /// Bytes.
    Bytes(Vec<u8>),
    /// UTF-8 text, in the order of its bytes.
    Text(String),
    /// A tuple inside the tuple.
    Nested(Vec<Element>),
    /// A whole number.
    Integer(Integer),
    /// A number in floating point, in the total order of IEEE 754; every bit is kept.
    Double(f64),
    /// A truth value.
    Bool(bool),
}

/// A whole number that 64 bits hold, signed or not.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Integer(i128);

impl Integer {
    /// The number; `None` below the least `i64` and above the greatest `u64`.
    pub fn new(number: i128) -> Option<Self> {
        (i128::from(i64::MIN)..=i128::from(u64::MAX)).contains(&number).then_some(Self(number))
    }

    /// The number.
    pub fn get(self) -> i128 {
        self.0
    }
}

impl From<i64> for Integer {
    fn from(number: i64) -> Self {
        Self(number.into())
    }
}

impl From<u64> for Integer {
    fn from(number: u64) -> Self {
        Self(number.into())
    }
}

impl From<&str> for Element {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<&[u8]> for Element {
    fn from(bytes: &[u8]) -> Self {
        Self::Bytes(bytes.to_vec())
    }
}

impl From<i64> for Element {
    fn from(number: i64) -> Self {
        Self::Integer(number.into())
    }
}

impl From<u64> for Element {
    fn from(number: u64) -> Self {
        Self::Integer(number.into())
    }
}

impl Element {
    fn rank(&self) -> u8 {
        match self {
            Self::Null => NULL,
            Self::Bytes(_) => BYTES,
            Self::Text(_) => TEXT,
            Self::Nested(_) => NESTED,
            Self::Integer(_) => ZERO,
            Self::Double(_) => DOUBLE,
            Self::Bool(_) => FALSE,
        }
    }
}

impl Ord for Element {
    fn cmp(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Bytes(a), Self::Bytes(b)) => a.cmp(b),
            (Self::Text(a), Self::Text(b)) => a.cmp(b),
            (Self::Nested(a), Self::Nested(b)) => a.cmp(b),
            (Self::Integer(a), Self::Integer(b)) => a.cmp(b),
            (Self::Double(a), Self::Double(b)) => a.total_cmp(b),
            (Self::Bool(a), Self::Bool(b)) => a.cmp(b),
            _ => self.rank().cmp(&other.rank()),
        }
    }
}

impl PartialOrd for Element {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Element {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Element {}

/// The key that these elements make. Tuples nested deeper than 16 make one that [`decode`]
/// refuses.
pub fn encode(elements: &[Element]) -> Vec<u8> {
    let mut out = Vec::new();
    elements.iter().for_each(|e| write(e, false, &mut out));
    out
}

fn write(element: &Element, nested: bool, out: &mut Vec<u8>) {
    match element {
        Element::Null if nested => out.extend_from_slice(&[NULL, ESCAPE]),
        Element::Null => out.push(NULL),
        Element::Bytes(bytes) => write_escaped(BYTES, bytes, out),
        Element::Text(text) => write_escaped(TEXT, text.as_bytes(), out),
        Element::Nested(elements) => {
            out.push(NESTED);
            elements.iter().for_each(|e| write(e, true, out));
            out.push(NULL);
        }
        Element::Integer(integer) => write_integer(*integer, out),
        Element::Double(double) => {
            out.push(DOUBLE);
            out.extend_from_slice(&order_bits(double.to_bits()).to_be_bytes());
        }
        Element::Bool(truth) => out.push(if *truth { TRUE } else { FALSE }),
    }
}

fn write_escaped(code: u8, bytes: &[u8], out: &mut Vec<u8>) {
    out.push(code);
    for byte in bytes {
        out.push(*byte);
        if *byte == NULL {
            out.push(ESCAPE);
        }
    }
    out.push(NULL);
}

/// A positive number of n bytes has the code 0x14 + n and its bytes, a negative one the code
/// 0x14 − n and the complement of the bytes of its absolute value.
fn write_integer(integer: Integer, out: &mut Vec<u8>) {
    // The range of `Integer` keeps the absolute value within 64 bits.
    let magnitude = integer.0.unsigned_abs() as u64;
    let len = 8 - magnitude.leading_zeros() as usize / 8;
    let bytes = magnitude.to_be_bytes();
    let bytes = &bytes[8 - len..];
    if integer.0 >= 0 {
        out.push(ZERO + len as u8);
        out.extend_from_slice(bytes);
    } else {
        out.push(ZERO - len as u8);
        out.extend(bytes.iter().map(|byte| !byte));
    }
}

/// Makes the order of the bits that of the numbers.
fn order_bits(bits: u64) -> u64 {
    if bits >> 63 == 1 { !bits } else { bits | 1 << 63 }
}

fn number_bits(ordered: u64) -> u64 {
    if ordered >> 63 == 1 { ordered & !(1 << 63) } else { !ordered }
}

/// The elements of a key, refusing whatever [`encode`] would not write.
pub fn decode(bytes: &[u8]) -> Result<Vec<Element>, DecodeError> {
    let mut reader = TupleReader { bytes, at: 0 };
    let mut elements = Vec::new();
    while reader.at < bytes.len() {
        elements.push(reader.element(0)?);
    }
    if encode(&elements) != bytes {
        return Err(DecodeError::NotDeterministic { at: 0, why: "not the shortest tuple" });
    }
    Ok(elements)
}

struct TupleReader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl TupleReader<'_> {
    fn byte(&mut self) -> Result<u8, DecodeError> {
        let at = self.at;
        let byte = *self.bytes.get(at).ok_or(DecodeError::Truncated { at })?;
        self.at += 1;
        Ok(byte)
    }

    fn element(&mut self, depth: usize) -> Result<Element, DecodeError> {
        let at = self.at;
        match self.byte()? {
            NULL if depth == 0 => Ok(Element::Null),
            NULL => match self.byte()? {
                ESCAPE => Ok(Element::Null),
                _ => Err(DecodeError::Unexpected { expected: "a nested null", at }),
            },
            BYTES => Ok(Element::Bytes(self.escaped()?)),
            TEXT => match String::from_utf8(self.escaped()?) {
                Ok(text) => Ok(Element::Text(text)),
                Err(_) => Err(DecodeError::Unexpected { expected: "UTF-8", at }),
            },
            NESTED => self.nested(depth + 1),
            code @ 0x0c..=0x1c => self.integer(code),
            DOUBLE => Ok(Element::Double(f64::from_bits(number_bits(self.big_endian(8)?)))),
            FALSE => Ok(Element::Bool(false)),
            TRUE => Ok(Element::Bool(true)),
            _ => Err(DecodeError::Unexpected { expected: "the code of a tuple's element", at }),
        }
    }

    fn escaped(&mut self) -> Result<Vec<u8>, DecodeError> {
        let mut out = Vec::new();
        loop {
            match self.byte()? {
                NULL if self.bytes.get(self.at) == Some(&ESCAPE) => {
                    self.at += 1;
                    out.push(NULL);
                }
                NULL => return Ok(out),
                byte => out.push(byte),
            }
        }
    }

    fn nested(&mut self, depth: usize) -> Result<Element, DecodeError> {
        check_len("nesting of a tuple", depth, limits::NESTING)?;
        let mut elements = Vec::new();
        loop {
            let ends = self.bytes.get(self.at) == Some(&NULL)
                && self.bytes.get(self.at + 1) != Some(&ESCAPE);
            if ends {
                self.at += 1;
                return Ok(Element::Nested(elements));
            }
            elements.push(self.element(depth)?);
        }
    }

    fn integer(&mut self, code: u8) -> Result<Element, DecodeError> {
        let at = self.at;
        let len = code.abs_diff(ZERO);
        let bits = self.big_endian(len)?;
        let number = if code >= ZERO {
            i128::from(bits)
        } else {
            i128::from(bits) - ((1i128 << (8 * u32::from(len))) - 1)
        };
        Integer::new(number)
            .map(Element::Integer)
            .ok_or(DecodeError::Unexpected { expected: "an integer of 64 bits", at })
    }

    fn big_endian(&mut self, len: u8) -> Result<u64, DecodeError> {
        (0..len).try_fold(0, |number, _| Ok(number << 8 | u64::from(self.byte()?)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn element() -> impl Strategy<Value = Element> {
        let short = || {
            let byte = prop_oneof![Just(0u8), Just(0xff), any::<u8>()];
            proptest::collection::vec(byte, 0..4)
        };
        let leaf = prop_oneof![
            Just(Element::Null),
            short().prop_map(Element::Bytes),
            "[\0a-c\u{7f}-\u{100}]{0,3}".prop_map(Element::Text),
            any::<i64>().prop_map(Element::from),
            any::<u64>().prop_map(Element::from),
            (-300i64..300).prop_map(Element::from),
            any::<u64>().prop_map(|bits| Element::Double(f64::from_bits(bits))),
            (-2i8..2).prop_map(|n| Element::Double(n.into())),
            any::<bool>().prop_map(Element::Bool),
        ];
        leaf.prop_recursive(3, 12, 3, |inner| {
            proptest::collection::vec(inner, 0..3).prop_map(Element::Nested)
        })
    }

    fn tuples() -> impl Strategy<Value = Vec<Element>> {
        proptest::collection::vec(element(), 0..4)
    }

    /// From the examples of the specification.
    #[test]
    fn the_encoding_is_that_of_the_tuple_layer() {
        let cases: [(Element, &[u8]); 7] = [
            (Element::Bytes(b"foo\x00bar".to_vec()), b"\x01foo\x00\xffbar\x00"),
            ("F\u{d4}O\0bar".into(), b"\x02F\xc3\x94O\x00\xffbar\x00"),
            (
                Element::Nested(vec![
                    Element::Bytes(b"foo\x00bar".to_vec()),
                    Element::Null,
                    Element::Nested(vec![]),
                ]),
                b"\x05\x01foo\x00\xffbar\x00\x00\xff\x05\x00\x00",
            ),
            ((-5_551_212i64).into(), b"\x11\xab\x4b\x93"),
            (0i64.into(), b"\x14"),
            (Element::Double(-42.0), b"\x21\x3f\xba\xff\xff\xff\xff\xff\xff"),
            (Element::Bool(true), b"\x27"),
        ];
        for (element, bytes) in cases {
            assert_eq!(encode(std::slice::from_ref(&element)), bytes);
            assert_eq!(decode(bytes), Ok(vec![element]));
        }
    }

    #[test]
    fn the_ends_of_the_range_of_integers_come_back() {
        for number in [i128::from(i64::MIN), -256, -255, 255, 256, u64::MAX.into()] {
            let element = Element::Integer(Integer::new(number).unwrap());
            let tuple = vec![element];
            assert_eq!(decode(&encode(&tuple)), Ok(tuple));
        }
        let below = b"\x0c\x7f\xff\xff\xff\xff\xff\xff\xfe";
        assert!(decode(below).is_err());
        assert_eq!(Integer::new(i128::from(i64::MIN) - 1), None);
    }

    #[test]
    fn what_is_not_the_one_encoding_is_refused() {
        let cases: [&[u8]; 8] = [
            b"\x15\x00",
            b"\x13\xff",
            b"\x16\x00\x01",
            b"\x01abc",
            b"\x02\xff\x00",
            b"\x05\x14",
            b"\x21\x00",
            b"\x30",
        ];
        for bytes in cases {
            assert!(decode(bytes).is_err(), "{bytes:?}");
        }
        let deep = [vec![NESTED; 17], vec![NULL; 17]].concat();
        assert!(matches!(decode(&deep), Err(DecodeError::Limit { .. })));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]

        #[test]
        fn the_order_of_the_bytes_is_that_of_the_elements(a in tuples(), b in tuples()) {
            prop_assert_eq!(encode(&a).cmp(&encode(&b)), a.cmp(&b));
        }

        #[test]
        fn every_tuple_comes_back(tuple in tuples()) {
            prop_assert_eq!(decode(&encode(&tuple)), Ok(tuple));
        }

        #[test]
        fn whatever_decodes_encodes_to_the_same_bytes(
            bytes in proptest::collection::vec(
                prop_oneof![0u8..6, 0x0cu8..0x28, Just(0xff), any::<u8>()], 0..12),
        ) {
            if let Ok(elements) = decode(&bytes) {
                prop_assert_eq!(encode(&elements), bytes);
            }
        }
    }
}
