//! Nodes of Merkle maps: their encoding and nothing of how they are cut (`docs/format.md`,
//! "Map nodes").
//!
//! A node is the map `{c, e, l, s, z}`: entries in the subtree, the entries themselves, level,
//! schema, bytes in the subtree. A leaf entry is `[key, value]`, an inner one `[last key of the
//! child's subtree, child]`. A value is `[0, bytes]` while that item takes 1,024 bytes at most
//! (so up to 1,019 bytes of content) and `[1, blob, size]` beyond, never the other way round.

use std::sync::Arc;

use super::cbor::{DecodeError, Kind, Reader, Writer, check_len, head_len};
use super::id::{BlobId, ID_LEN, Id, NodeId};
use super::name::check_name;
use super::{TreeEntry, limits};

/// What the entries of a map mean.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Schema {
    /// The root map of a commit.
    Root,
    /// A directory: names to tree entries.
    Tree,
    /// The system graph.
    System,
    /// Components by kind and name.
    Components,
    /// Edges between components.
    Edges,
    /// What lives outside the folder.
    External,
    /// Rows by primary key.
    Table,
}

impl Schema {
    /// Every schema.
    pub const ALL: [Self; 7] = [
        Self::Root,
        Self::Tree,
        Self::System,
        Self::Components,
        Self::Edges,
        Self::External,
        Self::Table,
    ];

    /// The word for it in the encoding and in messages.
    pub fn name(self) -> &'static str {
        match self {
            Self::Root => "root",
            Self::Tree => "tree",
            Self::System => "system",
            Self::Components => "components",
            Self::Edges => "edges",
            Self::External => "external",
            Self::Table => "table",
        }
    }

    /// The schema with this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|schema| schema.name() == name)
    }

    /// What an entry adds to the subtree bytes of its map, having checked that a map of this
    /// schema may hold it.
    fn entry_bytes(self, key: &[u8], value: ValueRef<'_>) -> Result<u64, DecodeError> {
        if self != Self::Tree {
            return Ok(value.encoded_len() as u64);
        }
        check_name(key).map_err(|_| DecodeError::Invalid {
            field: "e",
            why: "a name that no directory may hold",
        })?;
        match value {
            ValueRef::Inline(bytes) => Ok(TreeEntry::decode(bytes)?.size()),
            ValueRef::Blob { .. } => {
                Err(DecodeError::Invalid { field: "e", why: "a tree entry is kept in its node" })
            }
        }
    }
}

/// A value of a map.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Value {
    /// Bytes kept in the node.
    Inline(Vec<u8>),
    /// Bytes too long for a node, kept as a blob.
    Blob {
        /// The blob.
        id: BlobId,
        /// Its length.
        size: u64,
    },
}

impl Value {
    /// The value that `bytes` is: in the node or as the blob that the caller has to store.
    pub fn of(bytes: &[u8]) -> Self {
        if ValueRef::Inline(bytes).encoded_len() <= limits::INLINE_VALUE {
            return Self::Inline(bytes.to_vec());
        }
        let (id, size) = (BlobId::of(bytes), bytes.len() as u64);
        Self::Blob { id, size }
    }

    /// The same, borrowed.
    pub fn as_ref(&self) -> ValueRef<'_> {
        match self {
            Self::Inline(bytes) => ValueRef::Inline(bytes),
            Self::Blob { id, size } => ValueRef::Blob { id: *id, size: *size },
        }
    }
}

/// A value that lies in a node.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ValueRef<'a> {
    /// Bytes kept in the node.
    Inline(&'a [u8]),
    /// Bytes kept as a blob.
    Blob {
        /// The blob.
        id: BlobId,
        /// Its length.
        size: u64,
    },
}

impl<'a> ValueRef<'a> {
    /// A copy that owns its bytes.
    pub fn to_value(self) -> Value {
        match self {
            Self::Inline(bytes) => Value::Inline(bytes.to_vec()),
            Self::Blob { id, size } => Value::Blob { id, size },
        }
    }

    /// Length of the encoded item.
    pub fn encoded_len(self) -> usize {
        match self {
            Self::Inline(bytes) => inline_len(bytes.len() as u64) as usize,
            Self::Blob { size, .. } => 1 + 1 + head_len(ID_LEN as u64) + ID_LEN + head_len(size),
        }
    }

    fn check_place(self) -> Result<(), DecodeError> {
        match self {
            Self::Inline(_) => {
                check_len("value kept in a node", self.encoded_len(), limits::INLINE_VALUE)
            }
            Self::Blob { size, .. } if inline_len(size) <= limits::INLINE_VALUE as u64 => {
                Err(DecodeError::Invalid { field: "e", why: "a short value is kept in its node" })
            }
            Self::Blob { .. } => Ok(()),
        }
    }

    fn write(self, w: &mut Writer) {
        match self {
            Self::Inline(bytes) => w.array(2).uint(0).bytes(bytes),
            Self::Blob { id, size } => w.array(3).uint(1).bytes(id.as_bytes()).uint(size),
        };
    }

    fn read(r: &mut Reader<'a>) -> Result<Self, DecodeError> {
        let at = r.position();
        match (r.array()?, r.uint()?) {
            (2, 0) => Ok(Self::Inline(r.bytes()?)),
            (3, 1) => {
                Ok(Self::Blob { id: BlobId::from_id(Id::new(r.array_of("e")?)), size: r.uint()? })
            }
            _ => Err(DecodeError::Unexpected { expected: "a value", at }),
        }
    }
}

/// Length of the item `[0, bytes]` for so many bytes.
fn inline_len(len: u64) -> u64 {
    len.saturating_add(2 + head_len(len) as u64)
}

/// Appends the encoded leaf entry to `out` and says what it adds to the subtree bytes.
pub(crate) fn write_leaf_entry(
    schema: Schema,
    key: &[u8],
    value: ValueRef<'_>,
    out: &mut Vec<u8>,
) -> Result<u64, DecodeError> {
    check_len("key", key.len(), limits::KEY)?;
    value.check_place()?;
    let bytes = schema.entry_bytes(key, value)?;
    let mut w = Writer::over(std::mem::take(out));
    w.array(2).bytes(key);
    value.write(&mut w);
    *out = w.finish();
    Ok(bytes)
}

/// Appends the encoded inner entry to `out`.
pub(crate) fn write_inner_entry(key: &[u8], child: NodeId, out: &mut Vec<u8>) {
    let mut w = Writer::over(std::mem::take(out));
    w.array(2).bytes(key).bytes(child.as_bytes());
    *out = w.finish();
}

/// What a node says besides its entries.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct NodeHeader {
    /// What the entries mean.
    pub schema: Schema,
    /// 0 for a leaf.
    pub level: u8,
    /// Number of leaf entries in the subtree.
    pub count: u64,
    /// Bytes in the subtree: content bytes for `tree`, else the lengths of the encoded values.
    pub bytes: u64,
}

/// The node with these entries, of which there are `len`, encoded one after the other.
pub(crate) fn encode_node(header: &NodeHeader, len: usize, entries: &[u8]) -> Vec<u8> {
    let mut w = Writer::over(Vec::with_capacity(entries.len() + 64));
    w.map(5).text("c").uint(header.count);
    w.text("e").array(len).raw(entries);
    w.text("l").uint(u64::from(header.level));
    w.text("s").text(header.schema.name());
    w.text("z").uint(header.bytes);
    w.finish()
}

/// Where an entry lies: its key is `key..value`, its value or child starts at `value`. A node
/// has at most 64 KiB, and something follows its entries, so 16 bits hold every place.
#[derive(Clone, Copy, Debug)]
struct Span {
    key: u16,
    value: u16,
}

/// A decoded node. It shares the encoded bytes and knows where its entries lie.
#[derive(Clone, Debug)]
pub struct Node {
    encoded: Arc<[u8]>,
    header: NodeHeader,
    spans: Vec<Span>,
    end: usize,
}

impl Node {
    /// Reads a node, refusing whatever is not its one encoding or breaks a rule that one node
    /// alone can break. Costs one allocation.
    pub fn decode(encoded: Arc<[u8]>) -> Result<Self, DecodeError> {
        check_len("map node", encoded.len(), limits::NODE)?;
        let mut raw = RawNode::default();
        let mut r = Reader::new(&encoded);
        r.fields(|r, key| raw.read_field(r, key))?;
        r.end()?;
        let (header, entries) = raw.check()?;
        let node = Self { encoded, header, spans: entries.spans, end: entries.end };
        node.check_sums(entries.value_bytes)?;
        Ok(node)
    }

    fn check_sums(&self, value_bytes: u64) -> Result<(), DecodeError> {
        if self.header.level > 0 {
            let enough = self.header.count >= self.len() as u64;
            return enough
                .then_some(())
                .ok_or(DecodeError::Invalid { field: "c", why: "fewer entries than children" });
        }
        if self.header.count != self.len() as u64 {
            return Err(DecodeError::Invalid { field: "c", why: "not the number of entries" });
        }
        let mut sum = Some(value_bytes);
        if self.header.schema == Schema::Tree {
            sum = Some(0);
            for (key, value) in self.entries() {
                let bytes = self.header.schema.entry_bytes(key, value)?;
                sum = sum.and_then(|sum| sum.checked_add(bytes));
            }
        }
        (sum == Some(self.header.bytes))
            .then_some(())
            .ok_or(DecodeError::Invalid { field: "z", why: "not the sum of the entries" })
    }

    /// Everything but the entries.
    pub fn header(&self) -> &NodeHeader {
        &self.header
    }

    /// What the entries mean.
    pub fn schema(&self) -> Schema {
        self.header.schema
    }

    /// 0 for a leaf.
    pub fn level(&self) -> u8 {
        self.header.level
    }

    /// Number of leaf entries in the subtree.
    pub fn count(&self) -> u64 {
        self.header.count
    }

    /// Bytes in the subtree.
    pub fn bytes(&self) -> u64 {
        self.header.bytes
    }

    /// Number of entries of this node.
    pub fn len(&self) -> usize {
        self.spans.len()
    }

    /// Whether it is the leaf of an empty map.
    pub fn is_empty(&self) -> bool {
        self.spans.is_empty()
    }

    /// The encoded node.
    pub fn encoded(&self) -> &Arc<[u8]> {
        &self.encoded
    }

    /// The id.
    pub fn id(&self) -> NodeId {
        NodeId::of(&self.encoded)
    }

    /// The key of entry `index`, which for an inner node is the last one below the child.
    pub fn key(&self, index: usize) -> Option<&[u8]> {
        let span = self.spans.get(index)?;
        Some(&self.encoded[usize::from(span.key)..usize::from(span.value)])
    }

    /// The first key.
    pub fn first_key(&self) -> Option<&[u8]> {
        self.key(0)
    }

    /// The last key.
    pub fn last_key(&self) -> Option<&[u8]> {
        self.key(self.len().checked_sub(1)?)
    }

    /// The value of entry `index` of a leaf.
    pub fn value(&self, index: usize) -> Option<ValueRef<'_>> {
        let span = self.spans.get(index).filter(|_| self.header.level == 0)?;
        ValueRef::read(&mut Reader::new(&self.encoded[usize::from(span.value)..])).ok()
    }

    /// The child of entry `index` of an inner node.
    pub fn child(&self, index: usize) -> Option<NodeId> {
        let span = self.spans.get(index).filter(|_| self.header.level > 0)?;
        let id = Reader::new(&self.encoded[usize::from(span.value)..]).bytes().ok()?;
        Id::from_slice(id).map(NodeId::from_id)
    }

    /// The whole encoded entry `index`.
    pub fn encoded_entry(&self, index: usize) -> Option<&[u8]> {
        let end = self.entry_start(index + 1).unwrap_or(self.end);
        Some(&self.encoded[self.entry_start(index)?..end])
    }

    fn entry_start(&self, index: usize) -> Option<usize> {
        let span = self.spans.get(index)?;
        let key_len = u64::from(span.value - span.key);
        Some(usize::from(span.key) - head_len(key_len) - 1)
    }

    /// What entry `index` of a leaf adds to the subtree bytes.
    pub(crate) fn entry_bytes(&self, index: usize) -> Option<u64> {
        let (key, value) = (self.key(index)?, self.value(index)?);
        self.header.schema.entry_bytes(key, value).ok()
    }

    /// Where `key` is, or where it would be.
    pub fn search(&self, key: &[u8]) -> Result<usize, usize> {
        self.spans.binary_search_by(|span| {
            self.encoded[usize::from(span.key)..usize::from(span.value)].cmp(key)
        })
    }

    /// Keys and values of a leaf, in order.
    pub fn entries(&self) -> impl Iterator<Item = (&[u8], ValueRef<'_>)> {
        (0..self.len()).filter_map(|index| Some((self.key(index)?, self.value(index)?)))
    }

    /// Last keys and children of an inner node, in order.
    pub fn children(&self) -> impl Iterator<Item = (&[u8], NodeId)> {
        (0..self.len()).filter_map(|index| Some((self.key(index)?, self.child(index)?)))
    }
}

/// The fields as they come; entries come before the level that says what they are.
#[derive(Default)]
struct RawNode {
    count: Option<u64>,
    entries: Option<RawEntries>,
    level: Option<u64>,
    schema: Option<Schema>,
    bytes: Option<u64>,
}

impl RawNode {
    fn read_field(&mut self, r: &mut Reader<'_>, key: &str) -> Result<(), DecodeError> {
        match key {
            "c" => self.count = Some(r.uint()?),
            "e" => self.entries = Some(RawEntries::read(r)?),
            "l" => self.level = Some(r.uint()?),
            "s" => {
                let name = r.text()?;
                let schema = Schema::from_name(name).ok_or_else(|| {
                    DecodeError::UnknownVersion { what: "schema", found: name.to_owned() }
                })?;
                self.schema = Some(schema);
            }
            "z" => self.bytes = Some(r.uint()?),
            unknown => return Err(DecodeError::UnknownField(unknown.to_owned())),
        }
        Ok(())
    }

    fn check(self) -> Result<(NodeHeader, RawEntries), DecodeError> {
        let entries = self.entries.ok_or(DecodeError::MissingField("e"))?;
        let level = self.level.ok_or(DecodeError::MissingField("l"))?;
        let level = u8::try_from(level)
            .ok()
            .filter(|level| usize::from(*level) < limits::MAP_DEPTH)
            .ok_or(DecodeError::Limit {
                what: "level",
                size: level,
                limit: limits::MAP_DEPTH as u64 - 1,
            })?;
        let shape_fits = match entries.shape {
            Some(shape) => (shape == Shape::Inner) == (level > 0),
            None => level == 0,
        };
        if !shape_fits {
            return Err(DecodeError::Invalid { field: "e", why: "not what the level asks for" });
        }
        let header = NodeHeader {
            schema: self.schema.ok_or(DecodeError::MissingField("s"))?,
            level,
            count: self.count.ok_or(DecodeError::MissingField("c"))?,
            bytes: self.bytes.ok_or(DecodeError::MissingField("z"))?,
        };
        Ok((header, entries))
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Shape {
    Leaf,
    Inner,
}

struct RawEntries {
    spans: Vec<Span>,
    shape: Option<Shape>,
    end: usize,
    value_bytes: u64,
}

impl RawEntries {
    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let len = r.array()?;
        let mut entries = Self {
            // An entry takes at least 4 bytes.
            spans: Vec::with_capacity(len.min(limits::NODE / 4)),
            shape: None,
            end: 0,
            value_bytes: 0,
        };
        let mut last: Option<&[u8]> = None;
        for _ in 0..len {
            let key = entries.read_entry(r)?;
            if last.is_some_and(|last| last >= key) {
                return Err(DecodeError::NotDeterministic {
                    at: r.position(),
                    why: "keys of a node are not in order",
                });
            }
            last = Some(key);
        }
        entries.end = r.position();
        Ok(entries)
    }

    fn read_entry<'a>(&mut self, r: &mut Reader<'a>) -> Result<&'a [u8], DecodeError> {
        let at = r.position();
        if r.array()? != 2 {
            return Err(DecodeError::Unexpected { expected: "an entry of two items", at });
        }
        let key = r.bytes()?;
        check_len("key", key.len(), limits::KEY)?;
        let value = r.position();
        let place = |at: usize| {
            u16::try_from(at).map_err(|_| DecodeError::Limit {
                what: "map node",
                size: at as u64,
                limit: limits::NODE as u64,
            })
        };
        self.spans.push(Span { key: place(value - key.len())?, value: place(value)? });
        let shape = self.read_value(r)?;
        if *self.shape.get_or_insert(shape) != shape {
            return Err(DecodeError::Invalid {
                field: "e",
                why: "leaf and inner entries in one node",
            });
        }
        Ok(key)
    }

    fn read_value(&mut self, r: &mut Reader<'_>) -> Result<Shape, DecodeError> {
        if r.kind()? == Kind::Bytes {
            r.array_of::<ID_LEN>("e")?;
            return Ok(Shape::Inner);
        }
        let value = ValueRef::read(r)?;
        value.check_place()?;
        self.value_bytes += value.encoded_len() as u64;
        Ok(Shape::Leaf)
    }
}
