//! What both formats of tensors share: where the tensors lie, and which of them two versions
//! surely have just so.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::ops::Range;
use std::sync::Arc;

use super::error::ViewError;
use super::source::{Chunk, Source};
use super::value::{Element, Record, Tensor, Value};
use super::{Cursor, Table};

/// The table of what is said of the tensors.
pub const METADATA: &str = "metadata";
/// The table of the tensors.
pub const TENSORS: &str = "tensors";
/// The table of bytes that no tensor claims.
pub const UNCLAIMED: &str = "unclaimed";

/// Tensors by name, and the bytes that they lie in.
pub struct Tensors {
    /// The content.
    pub source: Arc<dyn Source>,
    /// The tensors by name.
    pub named: BTreeMap<Element, Tensor>,
    /// Stretches that no tensor claims, by the name of the tensor before.
    pub unclaimed: BTreeMap<Element, Tensor>,
}

/// The three tables of a content with tensors, in the order of their names.
pub fn tables() -> Vec<Table> {
    [(METADATA, "key"), (TENSORS, "name"), (UNCLAIMED, "after")]
        .map(|(name, key)| Table { name: name.into(), key: vec![key.into()] })
        .into()
}

/// Adds `value` under `name`. Of a name that is there several times nothing is lost: the second
/// one is told as (name, 2).
pub fn insert_named<V>(all: &mut BTreeMap<Element, V>, name: Element, value: V) {
    let name = match all.entry(name) {
        Entry::Vacant(entry) => {
            entry.insert(value);
            return;
        }
        Entry::Occupied(entry) => entry.key().clone(),
    };
    let nth = |n: u64| Element::Nested(vec![name.clone(), Element::from(n)]);
    // Names that are there twice are rare, and a header has no room for many equal ones: the last
    // number is found by the order of the keys.
    let (from, to) = (nth(0), nth(u64::MAX));
    let last = all.range(from..=to).next_back().and_then(|(key, _)| match key {
        Element::Nested(parts) => match parts.last() {
            Some(Element::Integer(n)) => u64::try_from(n.get()).ok(),
            _ => None,
        },
        _ => None,
    });
    all.insert(nth(last.map_or(2, |n| n.saturating_add(1))), value);
}

impl Tensors {
    /// Tensors in `data`, the stretch of the content behind its header. Stretches of at least
    /// `least` bytes that none claims are noted.
    pub fn new(
        source: Arc<dyn Source>,
        named: BTreeMap<Element, Tensor>,
        data: Range<u64>,
        least: u64,
    ) -> Self {
        let mut by_place: Vec<_> = named.iter().collect();
        by_place.sort_by_key(|(_, tensor)| (tensor.data.start, tensor.data.end));
        let mut unclaimed = BTreeMap::new();
        let (mut at, mut before) = (data.start, Element::Null);
        let mut gap = |at: u64, to: u64, before: &Element| {
            if to.saturating_sub(at) >= least.max(1) {
                let bytes = Tensor { dtype: "U8".into(), shape: vec![to - at], data: at..to };
                unclaimed.insert(before.clone(), bytes);
            }
        };
        for (name, tensor) in by_place {
            gap(at, tensor.data.start, &before);
            if tensor.data.end >= at {
                (at, before) = (tensor.data.end, name.clone());
            }
        }
        gap(at, data.end, &before);
        Self { source, named, unclaimed }
    }

    /// The tensors of a table but for those that `beside` surely has just so.
    pub fn cursor<'v>(
        &'v self,
        table: &str,
        beside: Option<&'v Self>,
    ) -> Result<TensorCursor<'v>, ViewError> {
        let of = |tensors: &'v Self| match table {
            UNCLAIMED => &tensors.unclaimed,
            _ => &tensors.named,
        };
        let shared = match beside {
            Some(other) => Some(Shared {
                own: &*self.source,
                source: &*other.source,
                named: of(other),
                differences: self.source.differences(&*other.source)?,
            }),
            None => None,
        };
        Ok(TensorCursor { rest: of(self).iter(), shared })
    }
}

/// Tensors in the order of their names.
pub struct TensorCursor<'v> {
    rest: std::collections::btree_map::Iter<'v, Element, Tensor>,
    shared: Option<Shared<'v>>,
}

struct Shared<'v> {
    own: &'v dyn Source,
    source: &'v dyn Source,
    named: &'v BTreeMap<Element, Tensor>,
    differences: Option<Vec<Range<u64>>>,
}

impl Cursor for TensorCursor<'_> {
    fn next(&mut self) -> Result<Option<Record>, ViewError> {
        for (name, tensor) in self.rest.by_ref() {
            if let Some(shared) = &self.shared
                && shared.has(name, tensor)?
            {
                continue;
            }
            let value = Value::Tensor(tensor.clone());
            return Ok(Some(Record { key: vec![name.clone()], value }));
        }
        Ok(None)
    }
}

impl Shared<'_> {
    /// Whether the other version surely has this tensor just so. It says the same from either
    /// side: it looks at both alike.
    fn has(&self, name: &Element, tensor: &Tensor) -> Result<bool, ViewError> {
        let Some(other) = self.named.get(name) else { return Ok(false) };
        if (&tensor.dtype, &tensor.shape) != (&other.dtype, &other.shape) {
            return Ok(false);
        }
        if let Some(differences) = &self.differences
            && tensor.data == other.data
        {
            let after = differences.partition_point(|range| range.end <= tensor.data.start);
            return Ok(differences.get(after).is_none_or(|range| range.start >= tensor.data.end));
        }
        let stretches = differing((self.own, &tensor.data), (self.source, &other.data))?;
        Ok(stretches.is_empty())
    }
}

/// The stretches, from the beginning of both ranges, outside of which both surely have the same
/// bytes, as the ids of their chunks say; both ranges whole, where they are not stored in chunks.
/// The ranges are of one length. Reads no content.
///
/// # Errors
/// When the lists of chunks cannot be read.
pub fn differing(
    a: (&dyn Source, &Range<u64>),
    b: (&dyn Source, &Range<u64>),
) -> Result<Vec<Range<u64>>, ViewError> {
    let len = (a.1.end.saturating_sub(a.1.start)).min(b.1.end.saturating_sub(b.1.start));
    let (Some(old), Some(new)) = (a.0.chunks(a.1.clone())?, b.0.chunks(b.1.clone())?) else {
        return Ok(if len == 0 { Vec::new() } else { std::iter::once(0..len).collect() });
    };
    // A chunk may begin before its tensor: places are told from the tensor's beginning.
    let place = |chunk: &Chunk, start: u64| i128::from(chunk.offset) - i128::from(start);
    let mut equal: Vec<Range<u64>> = Vec::new();
    let mut rest = new.iter().peekable();
    for chunk in &old {
        let at = place(chunk, a.1.start);
        while rest.next_if(|other| place(other, b.1.start) < at).is_some() {}
        let same = |other: &&Chunk| {
            place(other, b.1.start) == at && (other.id, other.len) == (chunk.id, chunk.len)
        };
        if rest.next_if(|other| same(other)).is_some() {
            let clip = |at: i128| u64::try_from(at.max(0)).unwrap_or(u64::MAX).min(len);
            equal.push(clip(at)..clip(at + i128::from(chunk.len)));
        }
    }
    let mut out: Vec<Range<u64>> = Vec::new();
    let mut at = 0;
    for range in equal.into_iter().chain(std::iter::once(len..len)) {
        if range.start > at {
            out.push(at..range.start);
        }
        at = at.max(range.end);
    }
    Ok(out)
}

/// The head of a content: at most `len` bytes.
///
/// # Errors
/// When it cannot be read.
pub fn read_head(source: &dyn Source, len: u64) -> Result<Vec<u8>, ViewError> {
    let len = usize::try_from(len.min(source.len())).unwrap_or(usize::MAX);
    let mut head = vec![0; len];
    let mut at = 0;
    while let Some(rest) = head.get_mut(at..).filter(|rest| !rest.is_empty()) {
        match source.read_at(at as u64, rest)? {
            0 => break,
            read => at += read,
        }
    }
    head.truncate(at);
    Ok(head)
}

#[cfg(test)]
#[expect(clippy::single_range_in_vec_init, reason = "lists of one range are meant")]
mod tests {
    use super::*;
    use crate::object::BlobId;
    use std::any::Any;

    /// Bytes that are stored in chunks of these lengths.
    struct Chunked(Vec<u8>, Vec<usize>);

    impl Source for Chunked {
        fn len(&self) -> u64 {
            self.0.len() as u64
        }

        fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<usize, ViewError> {
            self.0.read_at(offset, buffer)
        }

        fn chunks(&self, range: Range<u64>) -> Result<Option<Vec<Chunk>>, ViewError> {
            let mut at = 0;
            let chunks = self.1.iter().map(|len| {
                let bytes = &self.0[at..at + len];
                at += len;
                Chunk { offset: (at - len) as u64, len: *len as u64, id: BlobId::of(bytes) }
            });
            let touched =
                |chunk: &Chunk| chunk.offset < range.end && chunk.offset + chunk.len > range.start;
            Ok(Some(chunks.filter(touched).collect()))
        }

        fn as_any(&self) -> &dyn Any {
            self
        }
    }

    #[test]
    fn equal_chunks_at_equal_places_of_a_tensor_are_passed_over() {
        let a = Chunked(b"xxAAAABBBBCCCC".to_vec(), vec![2, 4, 4, 4]);
        let b = Chunked(b"AAAAbBBBCCCC".to_vec(), vec![4, 4, 4]);
        assert_eq!(differing((&a, &(2..14)), (&b, &(0..12))).unwrap(), [4..8]);
        // The chunks before and after reach out of the tensor.
        assert_eq!(differing((&a, &(4..12)), (&b, &(2..10))).unwrap(), [2..6]);
        // Equal bytes at other places prove nothing.
        let moved = Chunked(b"xAAAABBBBCCC".to_vec(), vec![1, 4, 4, 3]);
        assert_eq!(differing((&a, &(2..14)), (&moved, &(0..12))).unwrap(), [0..12]);
        let plain = b"AAAABBBBCCCC".to_vec();
        assert_eq!(differing((&a, &(2..14)), (&plain, &(0..12))).unwrap(), [0..12]);
        assert_eq!(differing((&a, &(2..2)), (&plain, &(0..0))).unwrap(), []);
    }

    #[test]
    fn a_name_that_is_there_again_is_not_lost() {
        let mut all = BTreeMap::new();
        (0..4).for_each(|n| insert_named(&mut all, "a".into(), n));
        insert_named(&mut all, "b".into(), 9);
        let nested = |n: u64| Element::Nested(vec!["a".into(), n.into()]);
        let wanted =
            [("a".into(), 0), ("b".into(), 9), (nested(2), 1), (nested(3), 2), (nested(4), 3)];
        assert_eq!(all.into_iter().collect::<Vec<_>>(), wanted);
    }

    #[test]
    fn bytes_that_no_tensor_claims_are_noted() {
        let tensor = |data: Range<u64>| Tensor { dtype: "U8".into(), shape: vec![], data };
        let named = BTreeMap::from([
            ("a".into(), tensor(10..20)),
            ("b".into(), tensor(15..18)),
            ("c".into(), tensor(25..30)),
        ]);
        let tensors = Tensors::new(Arc::new(vec![0u8; 40]), named, 8..40, 1);
        let found: Vec<_> = tensors
            .unclaimed
            .iter()
            .map(|(name, bytes)| (name.clone(), bytes.data.clone()))
            .collect();
        assert_eq!(found, [(Element::Null, 8..10), ("a".into(), 20..25), ("c".into(), 30..40)]);
    }
}
