//! Deterministic CBOR, the subset that objects are made of (RFC 8949 §4.2.1).
//!
//! Definite lengths, shortest integers, unsigned and negative integers, byte strings, UTF-8
//! text, arrays, and maps whose keys are text in the byte order of their encodings. No floats,
//! tags, booleans or null: what is absent is left out. The reader refuses everything else, so
//! one value has one encoding.

use smallvec::SmallVec;
use thiserror::Error;

use super::limits;

/// Why bytes are not an object.
#[derive(Debug, Error, Clone, PartialEq, Eq)]
pub enum DecodeError {
    /// The bytes end before the value does.
    #[error("ends early, at byte {at}")]
    Truncated {
        /// Where the missing byte would be.
        at: usize,
    },
    /// Something else stands where `expected` should.
    #[error("{expected} expected at byte {at}")]
    Unexpected {
        /// What should be there.
        expected: &'static str,
        /// Where.
        at: usize,
    },
    /// The value could be encoded in another way, so this is not its one encoding.
    #[error("not the deterministic encoding, at byte {at}: {why}")]
    NotDeterministic {
        /// Where.
        at: usize,
        /// Which rule is broken.
        why: &'static str,
    },
    /// A limit of the format is exceeded.
    #[error("{what} of {size} exceeds the limit of {limit}")]
    Limit {
        /// What is too large.
        what: &'static str,
        /// Its size.
        size: u64,
        /// The limit.
        limit: u64,
    },
    /// A field that this version does not know.
    #[error("unknown field `{0}`")]
    UnknownField(String),
    /// A field that must be there is not.
    #[error("field `{0}` is missing")]
    MissingField(&'static str),
    /// A field's value breaks a rule of its type.
    #[error("field `{field}`: {why}")]
    Invalid {
        /// The field.
        field: &'static str,
        /// The rule.
        why: &'static str,
    },
    /// A type or version that this version does not know.
    #[error("{what} `{found}` is not known to this version of aisr")]
    UnknownVersion {
        /// What carries the number.
        what: &'static str,
        /// The number or name found.
        found: String,
    },
}

const UINT: u8 = 0;
const NINT: u8 = 1;
const BYTES: u8 = 2;
const TEXT: u8 = 3;
const ARRAY: u8 = 4;
const MAP: u8 = 5;

/// The number of bytes that the head of an item with this argument takes.
pub const fn head_len(argument: u64) -> usize {
    match argument {
        0..=23 => 1,
        24..=0xff => 2,
        0x100..=0xffff => 3,
        0x1_0000..=0xffff_ffff => 5,
        _ => 9,
    }
}

/// Writes items one after the other. Maps are the caller's to write in order; [`MapWriter`] does.
#[derive(Default, Clone)]
pub struct Writer {
    out: Vec<u8>,
}

impl Writer {
    /// An empty writer.
    pub fn new() -> Self {
        Self::default()
    }

    /// A writer that appends to `out`.
    pub fn over(out: Vec<u8>) -> Self {
        Self { out }
    }

    /// What has been written.
    pub fn finish(self) -> Vec<u8> {
        self.out
    }

    fn head(&mut self, major: u8, argument: u64) {
        let m = major << 5;
        match argument {
            0..=23 => self.out.push(m | argument as u8),
            24..=0xff => self.out.extend_from_slice(&[m | 24, argument as u8]),
            0x100..=0xffff => {
                self.out.push(m | 25);
                self.out.extend_from_slice(&(argument as u16).to_be_bytes());
            }
            0x1_0000..=0xffff_ffff => {
                self.out.push(m | 26);
                self.out.extend_from_slice(&(argument as u32).to_be_bytes());
            }
            _ => {
                self.out.push(m | 27);
                self.out.extend_from_slice(&argument.to_be_bytes());
            }
        }
    }

    /// An unsigned integer.
    pub fn uint(&mut self, value: u64) -> &mut Self {
        self.head(UINT, value);
        self
    }

    /// A signed integer.
    pub fn int(&mut self, value: i64) -> &mut Self {
        match u64::try_from(value) {
            Ok(v) => self.head(UINT, v),
            Err(_) => self.head(NINT, !(value as u64)),
        }
        self
    }

    /// A byte string.
    pub fn bytes(&mut self, value: &[u8]) -> &mut Self {
        self.head(BYTES, value.len() as u64);
        self.out.extend_from_slice(value);
        self
    }

    /// A text string.
    pub fn text(&mut self, value: &str) -> &mut Self {
        self.head(TEXT, value.len() as u64);
        self.out.extend_from_slice(value.as_bytes());
        self
    }

    /// The head of an array of `len` items, which the caller writes next.
    pub fn array(&mut self, len: usize) -> &mut Self {
        self.head(ARRAY, len as u64);
        self
    }

    /// The head of a map of `len` pairs, which the caller writes next, keys in order.
    pub fn map(&mut self, len: usize) -> &mut Self {
        self.head(MAP, len as u64);
        self
    }

    /// Appends an item that is encoded already.
    pub fn raw(&mut self, encoded: &[u8]) -> &mut Self {
        self.out.extend_from_slice(encoded);
        self
    }
}

/// Collects the fields of a map and writes them in the order that the encoding asks for.
pub struct MapWriter {
    /// Keys and values, as they came.
    written: Writer,
    /// Where each key begins, where it ends and its value begins, and where that ends.
    fields: SmallVec<[(usize, usize, usize); 16]>,
}

impl Default for MapWriter {
    fn default() -> Self {
        Self::new()
    }
}

impl MapWriter {
    /// A map without fields, with room for what most maps hold.
    pub fn new() -> Self {
        Self { written: Writer::over(Vec::with_capacity(512)), fields: SmallVec::new() }
    }

    /// Adds a field whose value `write` writes.
    pub fn field(&mut self, key: &str, write: impl FnOnce(&mut Writer)) -> &mut Self {
        let start = self.written.out.len();
        self.written.text(key);
        let value = self.written.out.len();
        write(&mut self.written);
        self.fields.push((start, value, self.written.out.len()));
        self
    }

    /// Adds a field when there is a value.
    pub fn optional<T>(
        &mut self,
        key: &str,
        value: Option<T>,
        write: impl FnOnce(&mut Writer, T),
    ) -> &mut Self {
        if let Some(value) = value {
            self.field(key, |w| write(w, value));
        }
        self
    }

    /// Adds an array unless it is empty.
    pub fn list<T>(
        &mut self,
        key: &str,
        items: &[T],
        mut write: impl FnMut(&mut Writer, &T),
    ) -> &mut Self {
        if !items.is_empty() {
            self.field(key, |w| {
                w.array(items.len());
                items.iter().for_each(|item| write(w, item));
            });
        }
        self
    }

    /// Writes the map to `out`.
    pub fn write(mut self, out: &mut Writer) {
        let written = &self.written.out;
        out.map(self.fields.len());
        let key = |(start, value, _): &(usize, usize, usize)| {
            // Keys of different lengths differ in their heads.
            (written[*start], &written[*start..*value])
        };
        if self.fields.is_sorted_by(|a, b| key(a) < key(b)) {
            out.raw(written);
            return;
        }
        self.fields.sort_unstable_by(|a, b| key(a).cmp(&key(b)));
        for (start, _, end) in &self.fields {
            out.raw(&written[*start..*end]);
        }
    }

    /// The map as bytes of its own.
    pub fn finish(self) -> Vec<u8> {
        // The head of a map takes nine bytes at most.
        let mut out = Writer::over(Vec::with_capacity(self.written.out.len() + 9));
        self.write(&mut out);
        out.finish()
    }
}

/// What the next item is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// An unsigned integer.
    Uint,
    /// A negative integer.
    Negative,
    /// A byte string.
    Bytes,
    /// Text.
    Text,
    /// An array.
    Array,
    /// A map.
    Map,
}

/// Reads items one after the other, refusing whatever is not their one encoding.
#[derive(Clone)]
pub struct Reader<'a> {
    input: &'a [u8],
    at: usize,
    depth: usize,
}

impl<'a> Reader<'a> {
    /// A reader at the start of `input`.
    pub fn new(input: &'a [u8]) -> Self {
        Self { input, at: 0, depth: 0 }
    }

    /// Where the next item starts.
    pub fn position(&self) -> usize {
        self.at
    }

    /// The bytes between two positions, which must have come from [`Reader::position`].
    pub fn slice(&self, from: usize, to: usize) -> &'a [u8] {
        &self.input[from..to]
    }

    /// Refuses bytes after the last item.
    pub fn end(&self) -> Result<(), DecodeError> {
        if self.at == self.input.len() {
            return Ok(());
        }
        Err(DecodeError::NotDeterministic { at: self.at, why: "bytes after the end" })
    }

    /// The kind of the next item, which is left in place.
    pub fn kind(&self) -> Result<Kind, DecodeError> {
        let byte = self.input.get(self.at).ok_or(DecodeError::Truncated { at: self.at })?;
        match byte >> 5 {
            UINT => Ok(Kind::Uint),
            NINT => Ok(Kind::Negative),
            BYTES => Ok(Kind::Bytes),
            TEXT => Ok(Kind::Text),
            ARRAY => Ok(Kind::Array),
            MAP => Ok(Kind::Map),
            _ => Err(DecodeError::Unexpected { expected: "an item of the subset", at: self.at }),
        }
    }

    fn take(&mut self, len: u64) -> Result<&'a [u8], DecodeError> {
        let rest = &self.input[self.at..];
        let len = usize::try_from(len)
            .ok()
            .filter(|len| *len <= rest.len())
            .ok_or(DecodeError::Truncated { at: self.input.len() })?;
        self.at += len;
        Ok(&rest[..len])
    }

    fn head(&mut self, major: u8, expected: &'static str) -> Result<u64, DecodeError> {
        let at = self.at;
        let byte = *self.input.get(at).ok_or(DecodeError::Truncated { at })?;
        if byte >> 5 != major {
            return Err(DecodeError::Unexpected { expected, at });
        }
        self.at += 1;
        let argument = match byte & 0x1f {
            small @ 0..=23 => return Ok(u64::from(small)),
            extra @ 24..=27 => {
                let bytes = self.take(1 << (extra - 24))?;
                bytes.iter().fold(0u64, |n, b| n << 8 | u64::from(*b))
            }
            _ => return Err(DecodeError::Unexpected { expected, at }),
        };
        if head_len(argument) != self.at - at {
            return Err(DecodeError::NotDeterministic {
                at,
                why: "an integer is not the shortest",
            });
        }
        Ok(argument)
    }

    /// An unsigned integer.
    pub fn uint(&mut self) -> Result<u64, DecodeError> {
        self.head(UINT, "an unsigned integer")
    }

    /// A signed integer.
    pub fn int(&mut self) -> Result<i64, DecodeError> {
        let at = self.at;
        let out_of_range = DecodeError::Unexpected { expected: "an integer of 64 bits", at };
        match self.kind()? {
            Kind::Negative => {
                let n = self.head(NINT, "an integer")?;
                i64::try_from(n).map(|n| !n).map_err(|_| out_of_range)
            }
            _ => i64::try_from(self.head(UINT, "an integer")?).map_err(|_| out_of_range),
        }
    }

    /// A byte string.
    pub fn bytes(&mut self) -> Result<&'a [u8], DecodeError> {
        let len = self.head(BYTES, "a byte string")?;
        self.take(len)
    }

    /// A byte string of exactly `N` bytes.
    pub fn array_of<const N: usize>(
        &mut self,
        field: &'static str,
    ) -> Result<[u8; N], DecodeError> {
        self.bytes()?.try_into().map_err(|_| DecodeError::Invalid { field, why: "wrong length" })
    }

    /// A text string.
    pub fn text(&mut self) -> Result<&'a str, DecodeError> {
        let len = self.head(TEXT, "text")?;
        let at = self.at;
        std::str::from_utf8(self.take(len)?)
            .map_err(|_| DecodeError::Unexpected { expected: "UTF-8", at })
    }

    /// The number of items of an array. No item is smaller than a byte, so a number above what
    /// is left is refused before anything is allocated for it.
    pub fn array(&mut self) -> Result<usize, DecodeError> {
        let n = self.head(ARRAY, "an array")?;
        self.bounded(n)
    }

    /// The number of pairs of a map.
    pub fn map(&mut self) -> Result<usize, DecodeError> {
        let n = self.head(MAP, "a map")?;
        self.bounded(n)
    }

    fn bounded(&self, items: u64) -> Result<usize, DecodeError> {
        usize::try_from(items)
            .ok()
            .filter(|n| *n <= self.input.len() - self.at)
            .ok_or(DecodeError::Truncated { at: self.input.len() })
    }

    /// An array whose items `read` reads.
    pub fn list<T>(
        &mut self,
        mut read: impl FnMut(&mut Self) -> Result<T, DecodeError>,
    ) -> Result<Vec<T>, DecodeError> {
        let len = self.array()?;
        self.nested(|r| (0..len).map(|_| read(r)).collect())
    }

    /// A map with text keys: `read` gets each key and reads its value. Keys out of order and
    /// keys that stand twice are refused here.
    pub fn fields(
        &mut self,
        mut read: impl FnMut(&mut Self, &'a str) -> Result<(), DecodeError>,
    ) -> Result<(), DecodeError> {
        let len = self.map()?;
        self.nested(|r| {
            let mut last: &[u8] = &[];
            for _ in 0..len {
                let at = r.at;
                let key = r.text()?;
                let encoded = &r.input[at..r.at];
                if encoded <= last {
                    let why = "keys of a map are not in order";
                    return Err(DecodeError::NotDeterministic { at, why });
                }
                last = encoded;
                read(r, key)?;
            }
            Ok(())
        })
    }

    fn nested<T>(
        &mut self,
        read: impl FnOnce(&mut Self) -> Result<T, DecodeError>,
    ) -> Result<T, DecodeError> {
        self.depth += 1;
        if self.depth > limits::NESTING {
            let (size, limit) = (self.depth as u64, limits::NESTING as u64);
            return Err(DecodeError::Limit { what: "nesting", size, limit });
        }
        let value = read(self);
        self.depth -= 1;
        value
    }

    /// Skips one item of any kind and gives its bytes, which are checked as if they were read.
    pub fn any(&mut self) -> Result<&'a [u8], DecodeError> {
        let from = self.at;
        match self.kind()? {
            Kind::Uint => self.uint().map(drop)?,
            Kind::Negative => self.int().map(drop)?,
            Kind::Bytes => self.bytes().map(drop)?,
            Kind::Text => self.text().map(drop)?,
            Kind::Array => self.list(|r| r.any().map(drop)).map(drop)?,
            Kind::Map => self.fields(|r, _| r.any().map(drop))?,
        }
        Ok(&self.input[from..self.at])
    }
}

/// Refuses an encoding longer than `limit`.
pub fn check_len(what: &'static str, len: usize, limit: usize) -> Result<(), DecodeError> {
    if len <= limit {
        return Ok(());
    }
    Err(DecodeError::Limit { what, size: len as u64, limit: limit as u64 })
}
