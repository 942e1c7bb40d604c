//! GGUF by tensor and by key of its metadata, versions 2 and 3, little endian
//! (<https://github.com/ggml-org/ggml/blob/master/docs/gguf.md>).
//!
//! The header stays as it is, and values are read out of it as they are asked for: an array of
//! a million tokens is a million records, of which one is in memory.

use std::any::Any;
use std::collections::BTreeMap;
use std::sync::Arc;

use super::dtype::block;
use super::error::ViewError;
use super::source::Source;
use super::tensors::{METADATA, Tensors, insert_named, read_head, tables};
use super::value::{Element, Record, Tensor, Value};
use super::{Cursor, Kind, Table, View};
use crate::chunk::MAX_HEAD;

const WHAT: &str = "GGUF file";
/// Arrays may nest by the format; no writer does.
const MAX_NESTING: u32 = 4;
/// More dimensions than any tensor library has.
const MAX_DIMENSIONS: u32 = 16;
/// Alignment of the data unless the key `general.alignment` says otherwise.
const DEFAULT_ALIGNMENT: u64 = 32;
/// What is read of a file at first; then twice as much, until the header is whole.
const FIRST_HEAD: u64 = 1 << 20;
/// Type number of a `u32` value.
const TYPE_U32: u32 = 4;
/// Type number of a string.
const TYPE_STRING: u32 = 8;
/// Type number of an array.
const TYPE_ARRAY: u32 = 9;

/// A GGUF file, by tensor and by key of its metadata. An array is a record for each element, by
/// key and place.
pub struct GgufView {
    tables: Vec<Table>,
    head: Vec<u8>,
    metadata: BTreeMap<Element, Place>,
    tensors: Tensors,
}

/// Where a value of the metadata lies.
#[derive(Clone, Copy, Debug)]
struct Place {
    value_type: u32,
    at: usize,
}

impl GgufView {
    /// Whether a content that begins so may be one.
    pub fn is_like(head: &[u8]) -> bool {
        head.starts_with(b"GGUF")
    }

    /// Reads the header.
    ///
    /// # Errors
    /// When the content cannot be read or is none, or its header is above 16 MiB.
    pub fn open(source: Arc<dyn Source>) -> Result<Self, ViewError> {
        let len = source.len();
        let mut wanted = FIRST_HEAD;
        let (mut head, header) = loop {
            let head = read_head(&*source, wanted)?;
            match Header::read(&head) {
                Ok(header) => break (head, header),
                Err(Stop::Ended) if (head.len() as u64) < len && wanted < MAX_HEAD as u64 => {
                    wanted *= 2;
                }
                Err(Stop::Ended) if (head.len() as u64) < len => {
                    let limit = format!("{} MiB", MAX_HEAD >> 20);
                    return Err(ViewError::Limit { what: "a header", limit });
                }
                Err(Stop::Ended) => {
                    let why = "it ends within its header".into();
                    return Err(ViewError::Malformed { what: WHAT, why, at: len });
                }
                Err(Stop::Wrong { why, at }) => {
                    let (why, at) = (why.into(), at as u64);
                    return Err(ViewError::Malformed { what: WHAT, why, at });
                }
            }
        };
        head.truncate(header.len);
        head.shrink_to_fit();
        let data = (header.len as u64).next_multiple_of(header.alignment).min(len)..len;
        let named = place_tensors(header.tensors, &data)?;
        let tensors = Tensors::new(source, named, data, header.alignment);
        Ok(Self { tables: tables(), head, metadata: header.metadata, tensors })
    }
}

impl View for GgufView {
    fn kind(&self) -> Kind {
        Kind::Gguf
    }

    fn tables(&self) -> &[Table] {
        &self.tables
    }

    fn cursor<'v>(
        &'v self,
        table: &Table,
        beside: Option<&'v dyn View>,
    ) -> Result<Box<dyn Cursor + 'v>, ViewError> {
        if table.name == METADATA {
            let (rest, array) = (self.metadata.iter(), None);
            return Ok(Box::new(Values { head: &self.head, rest, array }));
        }
        let other = beside.and_then(|view| view.as_any().downcast_ref::<Self>());
        Ok(Box::new(self.tensors.cursor(&table.name, other.map(|view| &view.tensors))?))
    }

    fn source(&self) -> Option<&dyn Source> {
        Some(&*self.tensors.source)
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

/// A tensor as the header says it: where it starts from the beginning of the data.
struct Claim {
    name: Element,
    dtype: String,
    shape: Vec<u64>,
    start: u64,
}

/// A tensor is as long as its type and shape say; one of a type that is not known reaches to the
/// next one.
fn place_tensors(
    claims: Vec<Claim>,
    data: &std::ops::Range<u64>,
) -> Result<BTreeMap<Element, Tensor>, ViewError> {
    let mut starts: Vec<u64> = claims.iter().map(|claim| claim.start).collect();
    starts.sort_unstable();
    let mut named = BTreeMap::new();
    for Claim { name, dtype, shape, start } in claims {
        let malformed = |why: String| ViewError::Malformed { what: WHAT, why, at: data.start };
        let len = match block(&dtype) {
            Some(block) => block
                .len_of(&shape)
                .ok_or_else(|| malformed(format!("a tensor of {dtype} has no whole blocks")))?,
            None => {
                let next = starts.get(starts.partition_point(|other| *other <= start));
                let end = next.copied().unwrap_or(data.end - data.start);
                end.saturating_sub(start)
            }
        };
        let place = |at: Option<u64>| {
            at.and_then(|at| data.start.checked_add(at)).filter(|at| *at <= data.end)
        };
        let (Some(from), Some(to)) = (place(Some(start)), place(start.checked_add(len))) else {
            return Err(malformed("a tensor lies beyond the end".into()));
        };
        insert_named(&mut named, name, Tensor { dtype, shape, data: from..to });
    }
    Ok(named)
}

/// Why the header cannot be read.
#[derive(Debug)]
enum Stop {
    /// The bytes end within it.
    Ended,
    /// It breaks the rules.
    Wrong { why: &'static str, at: usize },
}

struct Header {
    len: usize,
    alignment: u64,
    metadata: BTreeMap<Element, Place>,
    tensors: Vec<Claim>,
}

impl Header {
    fn read(head: &[u8]) -> Result<Self, Stop> {
        let mut reader = Reader { head, at: 0 };
        if reader.bytes(4)? != b"GGUF" || !matches!(reader.u32()?, 2 | 3) {
            return Err(reader.wrong("it is no GGUF of version 2 or 3, little endian"));
        }
        let (tensors, keys) = (reader.u64()?, reader.u64()?);
        let mut alignment = DEFAULT_ALIGNMENT;
        let mut metadata = BTreeMap::new();
        for _ in 0..keys {
            let key = reader.string()?;
            let value_type = reader.u32()?;
            let place = Place { value_type, at: reader.at };
            if key == b"general.alignment" && value_type == TYPE_U32 {
                alignment = u64::from(reader.u32()?);
            } else {
                reader.skip(value_type, 0)?;
            }
            insert_named(&mut metadata, name_of(key), place);
        }
        if !alignment.is_power_of_two() {
            return Err(reader.wrong("its alignment is no power of two"));
        }
        let mut claims = Vec::new();
        for _ in 0..tensors {
            claims.push(reader.tensor()?);
        }
        Ok(Self { len: reader.at, alignment, metadata, tensors: claims })
    }
}

fn name_of(bytes: &[u8]) -> Element {
    match std::str::from_utf8(bytes) {
        Ok(text) => Element::from(text),
        Err(_) => Element::from(bytes),
    }
}

struct Reader<'a> {
    head: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    fn wrong(&self, why: &'static str) -> Stop {
        Stop::Wrong { why, at: self.at }
    }

    fn bytes(&mut self, len: u64) -> Result<&'a [u8], Stop> {
        let len = usize::try_from(len).ok().filter(|len| *len <= MAX_HEAD);
        let len = len.ok_or_else(|| self.wrong("a length that is out of bounds"))?;
        let taken = self.head.get(self.at..).and_then(|rest| rest.get(..len));
        let taken = taken.ok_or(Stop::Ended)?;
        self.at += len;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Stop> {
        let bytes = self.bytes(N as u64)?;
        bytes.first_chunk::<N>().copied().ok_or(Stop::Ended)
    }

    fn u32(&mut self) -> Result<u32, Stop> {
        Ok(u32::from_le_bytes(self.array()?))
    }

    fn u64(&mut self) -> Result<u64, Stop> {
        Ok(u64::from_le_bytes(self.array()?))
    }

    fn string(&mut self) -> Result<&'a [u8], Stop> {
        let len = self.u64()?;
        self.bytes(len)
    }

    /// The type and number of the elements of an array.
    fn array_head(&mut self) -> Result<(u32, u64), Stop> {
        Ok((self.u32()?, self.u64()?))
    }

    fn skip(&mut self, value_type: u32, nesting: u32) -> Result<(), Stop> {
        match value_type {
            TYPE_STRING => self.string().map(drop),
            TYPE_ARRAY if nesting < MAX_NESTING => {
                let (element, count) = self.array_head()?;
                if let Some(len) = scalar_len(element) {
                    let len = count.checked_mul(len);
                    let len = len.ok_or_else(|| self.wrong("a length that is out of bounds"))?;
                    return self.bytes(len).map(drop);
                }
                // Each turn takes at least 8 bytes, so a count that lies ends with the bytes.
                (0..count).try_for_each(|_| self.skip(element, nesting + 1))
            }
            _ => match scalar_len(value_type) {
                Some(len) => self.bytes(len).map(drop),
                None => Err(self.wrong("a value of a type that is not known")),
            },
        }
    }

    /// A value that is no array of the outermost level; one inside is told by its bytes.
    fn value(&mut self, value_type: u32) -> Result<Value, Stop> {
        Ok(match value_type {
            0 => Value::Integer(u8::from_le_bytes(self.array()?).into()),
            1 => Value::Integer(i8::from_le_bytes(self.array()?).into()),
            2 => Value::Integer(u16::from_le_bytes(self.array()?).into()),
            3 => Value::Integer(i16::from_le_bytes(self.array()?).into()),
            TYPE_U32 => Value::Integer(self.u32()?.into()),
            5 => Value::Integer(i32::from_le_bytes(self.array()?).into()),
            6 => Value::Double(f32::from_le_bytes(self.array()?).into()),
            7 => match u8::from_le_bytes(self.array()?) {
                0 => Value::Bool(false),
                1 => Value::Bool(true),
                other => Value::Integer(other.into()),
            },
            TYPE_STRING => {
                let bytes = self.string()?;
                match std::str::from_utf8(bytes) {
                    Ok(text) => Value::Text(text.into()),
                    Err(_) => Value::Bytes(bytes.to_vec()),
                }
            }
            10 => Value::Integer(self.u64()?.into()),
            11 => Value::Integer(i64::from_le_bytes(self.array()?).into()),
            12 => Value::Double(f64::from_le_bytes(self.array()?)),
            _ => {
                let start = self.at;
                self.skip(value_type, 1)?;
                Value::Bytes(self.head.get(start..self.at).unwrap_or_default().to_vec())
            }
        })
    }

    fn tensor(&mut self) -> Result<Claim, Stop> {
        let name = name_of(self.string()?);
        let dimensions = self.u32()?;
        if dimensions > MAX_DIMENSIONS {
            return Err(self.wrong("a tensor of too many dimensions"));
        }
        let mut shape = Vec::new();
        for _ in 0..dimensions {
            shape.push(self.u64()?);
        }
        let dtype = match type_name(self.u32()?) {
            Ok(name) => name.to_owned(),
            Err(number) => format!("type {number}"),
        };
        Ok(Claim { name, dtype, shape, start: self.u64()? })
    }
}

/// Bytes of a value of this type: u8, i8, u16, i16, u32, i32, f32, bool, u64, i64, f64.
fn scalar_len(value_type: u32) -> Option<u64> {
    match value_type {
        0 | 1 | 7 => Some(1),
        2 | 3 => Some(2),
        4..=6 => Some(4),
        10..=12 => Some(8),
        _ => None,
    }
}

/// The name of a type of tensors, or its number where it has none that is known.
fn type_name(number: u32) -> Result<&'static str, u32> {
    Ok(match number {
        0 => "F32",
        1 => "F16",
        2 => "Q4_0",
        3 => "Q4_1",
        6 => "Q5_0",
        7 => "Q5_1",
        8 => "Q8_0",
        10 => "Q2_K",
        11 => "Q3_K",
        12 => "Q4_K",
        13 => "Q5_K",
        14 => "Q6_K",
        15 => "Q8_K",
        16 => "IQ2_XXS",
        17 => "IQ2_XS",
        18 => "IQ3_XXS",
        19 => "IQ1_S",
        20 => "IQ4_NL",
        21 => "IQ3_S",
        22 => "IQ2_S",
        23 => "IQ4_XS",
        24 => "I8",
        25 => "I16",
        26 => "I32",
        27 => "I64",
        28 => "F64",
        29 => "IQ1_M",
        30 => "BF16",
        34 => "TQ1_0",
        35 => "TQ2_0",
        39 => "MXFP4",
        other => return Err(other),
    })
}

/// The values of the metadata in the order of their keys.
struct Values<'v> {
    head: &'v [u8],
    rest: std::collections::btree_map::Iter<'v, Element, Place>,
    array: Option<Array<'v>>,
}

/// An array that is walked.
struct Array<'v> {
    name: &'v Element,
    element: u32,
    next: u64,
    count: u64,
    reader: Reader<'v>,
}

impl Cursor for Values<'_> {
    fn next(&mut self) -> Result<Option<Record>, ViewError> {
        loop {
            if let Some(array) = &mut self.array {
                if array.next < array.count {
                    let value = array.reader.value(array.element).map_err(unexpected)?;
                    let key = vec![array.name.clone(), Element::from(array.next)];
                    array.next += 1;
                    return Ok(Some(Record { key, value }));
                }
                self.array = None;
            }
            let Some((name, place)) = self.rest.next() else { return Ok(None) };
            let mut reader = Reader { head: self.head, at: place.at };
            if place.value_type != TYPE_ARRAY {
                let value = reader.value(place.value_type).map_err(unexpected)?;
                return Ok(Some(Record { key: vec![name.clone()], value }));
            }
            let (element, count) = reader.array_head().map_err(unexpected)?;
            if count == 0 {
                return Ok(Some(Record { key: vec![name.clone()], value: Value::List(vec![]) }));
            }
            self.array = Some(Array { name, element, next: 0, count, reader });
        }
    }
}

/// The header was read once already, so this is not met.
fn unexpected(stop: Stop) -> ViewError {
    let (why, at) = match stop {
        Stop::Ended => ("it ends within its header", 0),
        Stop::Wrong { why, at } => (why, at as u64),
    };
    ViewError::Malformed { what: WHAT, why: why.into(), at }
}

#[cfg(test)]
#[path = "gguf_tests.rs"]
mod tests;
