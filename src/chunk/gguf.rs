//! The header of GGUF files (versions 2 and 3, little endian): where each tensor lies.

use super::cutter::MAX_HEAD;
use super::hint::ContentHint;
use super::layout::{self, Extent, Parsed};

/// Arrays may nest by the format; no writer does.
const MAX_NESTING: u32 = 4;
/// More dimensions than any tensor library has.
const MAX_DIMENSIONS: u32 = 16;
/// Alignment of the data unless the key `general.alignment` says otherwise.
const DEFAULT_ALIGNMENT: u64 = 32;
/// Type number of a `u32` value.
const TYPE_U32: u32 = 4;
/// Type number of a string.
const TYPE_STRING: u32 = 8;
/// Type number of an array.
const TYPE_ARRAY: u32 = 9;
/// Tensor type number of brain floats.
const TENSOR_BF16: u32 = 30;

/// The layout that the head of a GGUF file states.
///
/// A tensor reaches from its offset to the next one's, padding included, so the sizes of element
/// types, of which there are ever more, need not be known. A header above [`MAX_HEAD`] makes the
/// file unstructured.
pub fn layout(head: &[u8], file_len: u64) -> Parsed {
    match read_header(head, file_len) {
        Ok(layout) => Parsed::Layout(layout),
        Err(Stop::Ended) if (head.len() as u64) < file_len && head.len() < MAX_HEAD => {
            let doubled = head.len().saturating_mul(2).clamp(1 << 20, MAX_HEAD);
            Parsed::Needs {
                head_len: usize::try_from(file_len).map_or(doubled, |len| len.min(doubled)),
            }
        }
        Err(_) => Parsed::Other,
    }
}

/// Why the header cannot be read.
enum Stop {
    /// The bytes end within it.
    Ended,
    /// It is no GGUF header that this version knows.
    Other,
}

fn read_header(head: &[u8], file_len: u64) -> Result<layout::Layout, Stop> {
    let mut reader = Reader { rest: head };
    if reader.bytes(4)? != b"GGUF" || !matches!(reader.u32()?, 2 | 3) {
        return Err(Stop::Other);
    }
    let tensors = reader.u64()?;
    let keys = reader.u64()?;
    let mut alignment = DEFAULT_ALIGNMENT;
    for _ in 0..keys {
        let key = reader.string()?;
        let value_type = reader.u32()?;
        if key == b"general.alignment" && value_type == TYPE_U32 {
            alignment = u64::from(reader.u32()?);
        } else {
            reader.skip_value(value_type, 0)?;
        }
    }
    if !alignment.is_power_of_two() {
        return Err(Stop::Other);
    }
    let mut starts = Vec::new();
    for _ in 0..tensors {
        starts.push(reader.tensor()?);
    }
    let header_len = (head.len() - reader.rest.len()) as u64;
    let data_start = header_len.next_multiple_of(alignment).min(file_len);
    Ok(layout::of_tensors(data_start, file_len, extents(data_start, file_len, starts)))
}

/// Extents from each tensor's start to the next one's, the last to the end of the file.
fn extents(data_start: u64, file_len: u64, mut starts: Vec<(u64, ContentHint)>) -> Vec<Extent> {
    starts.sort_unstable_by_key(|&(start, _)| start);
    let next = starts.iter().skip(1).map(|&(start, _)| data_start.saturating_add(start));
    let ends: Vec<u64> = next.chain([file_len]).collect();
    starts
        .iter()
        .zip(ends)
        .map(|(&(start, hint), end)| Extent { start: data_start.saturating_add(start), end, hint })
        .collect()
}

struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    fn bytes(&mut self, len: u64) -> Result<&'a [u8], Stop> {
        let len = usize::try_from(len).map_err(|_| Stop::Other)?;
        if len > MAX_HEAD {
            return Err(Stop::Other);
        }
        let (taken, rest) = self.rest.split_at_checked(len).ok_or(Stop::Ended)?;
        self.rest = rest;
        Ok(taken)
    }

    fn u32(&mut self) -> Result<u32, Stop> {
        let (&bytes, rest) = self.rest.split_first_chunk().ok_or(Stop::Ended)?;
        self.rest = rest;
        Ok(u32::from_le_bytes(bytes))
    }

    fn u64(&mut self) -> Result<u64, Stop> {
        let (&bytes, rest) = self.rest.split_first_chunk().ok_or(Stop::Ended)?;
        self.rest = rest;
        Ok(u64::from_le_bytes(bytes))
    }

    fn string(&mut self) -> Result<&'a [u8], Stop> {
        let len = self.u64()?;
        self.bytes(len)
    }

    fn skip_value(&mut self, value_type: u32, nesting: u32) -> Result<(), Stop> {
        match value_type {
            TYPE_STRING => self.string().map(drop),
            TYPE_ARRAY if nesting < MAX_NESTING => {
                let element = self.u32()?;
                let count = self.u64()?;
                self.skip_elements(element, count, nesting + 1)
            }
            _ => self.bytes(scalar_len(value_type)?).map(drop),
        }
    }

    /// Each turn of the loop takes at least 8 bytes, so a count that lies ends with the bytes.
    fn skip_elements(&mut self, element: u32, count: u64, nesting: u32) -> Result<(), Stop> {
        if let Ok(len) = scalar_len(element) {
            return self.bytes(count.checked_mul(len).ok_or(Stop::Other)?).map(drop);
        }
        for _ in 0..count {
            self.skip_value(element, nesting)?;
        }
        Ok(())
    }

    /// Offset (relative to the data) and hint of one tensor.
    fn tensor(&mut self) -> Result<(u64, ContentHint), Stop> {
        self.string()?;
        let dimensions = self.u32()?;
        if dimensions > MAX_DIMENSIONS {
            return Err(Stop::Other);
        }
        self.bytes(u64::from(dimensions) * 8)?;
        let hint =
            if self.u32()? == TENSOR_BF16 { ContentHint::Bf16 } else { ContentHint::Numeric };
        Ok((self.u64()?, hint))
    }
}

/// Bytes of a value of this type: u8, i8, u16, i16, u32, i32, f32, bool, u64, i64, f64.
fn scalar_len(value_type: u32) -> Result<u64, Stop> {
    match value_type {
        0 | 1 | 7 => Ok(1),
        2 | 3 => Ok(2),
        4..=6 => Ok(4),
        10..=12 => Ok(8),
        _ => Err(Stop::Other),
    }
}

#[cfg(test)]
mod tests {
    use super::super::layout::{Rule, Segment};
    use super::*;
    use proptest::prelude::*;

    fn string(text: &str) -> Vec<u8> {
        [&(text.len() as u64).to_le_bytes()[..], text.as_bytes()].concat()
    }

    /// A header with one array of strings and these tensors (type, offset).
    fn head(tensors: &[(u32, u64)]) -> Vec<u8> {
        let mut head = b"GGUF\x03\0\0\0".to_vec();
        head.extend((tensors.len() as u64).to_le_bytes());
        head.extend(2u64.to_le_bytes());
        head.extend(
            [&string("tokens")[..], &9u32.to_le_bytes(), &8u32.to_le_bytes(), &2u64.to_le_bytes()]
                .concat(),
        );
        head.extend([string("a"), string("bc")].concat());
        head.extend(
            [&string("general.alignment")[..], &4u32.to_le_bytes(), &64u32.to_le_bytes()].concat(),
        );
        for &(element, offset) in tensors {
            head.extend([&string("t")[..], &1u32.to_le_bytes(), &7u64.to_le_bytes()].concat());
            head.extend(element.to_le_bytes());
            head.extend(offset.to_le_bytes());
        }
        head
    }

    #[test]
    fn tensors_reach_to_the_next_one_whatever_their_order() {
        let head = head(&[(0, 100_032), (30, 0)]);
        let start = (head.len() as u64).next_multiple_of(64);
        let Parsed::Layout(layout) = layout(&head, start + 300_000) else {
            panic!("the header is complete");
        };
        assert_eq!(
            layout.segments,
            [
                Segment { end: start, rule: Rule::Content },
                Segment { end: start + 100_032, rule: Rule::Tensor { hint: ContentHint::Bf16 } },
                Segment { end: start + 300_000, rule: Rule::Tensor { hint: ContentHint::Numeric } },
            ]
        );
    }

    #[test]
    fn a_header_longer_than_the_head_asks_for_more_but_never_beyond_the_file() {
        let head = head(&[(0, 0)]);
        assert_eq!(layout(&head[..60], 10_000), Parsed::Needs { head_len: 10_000 });
        assert_eq!(layout(&head[..60], 60), Parsed::Other);
    }

    #[test]
    fn counts_that_lie_end_with_the_bytes() {
        for at in [8, 16, 24] {
            let mut head = head(&[(0, 0)]);
            head[at..at + 8].fill(0xFF);
            assert_eq!(layout(&head, head.len() as u64), Parsed::Other);
        }
    }

    proptest! {
        #[test]
        fn damaged_headers_give_rising_ends_within_the_file_or_none(
            tensors in prop::collection::vec((any::<u32>(), any::<u64>()), 0..6),
            damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..3),
            file_len in prop_oneof![0u64..2_000_000, any::<u64>()],
        ) {
            let mut head = head(&tensors);
            for (at, value) in damage {
                let at = at.index(head.len());
                head[at] = value;
            }
            if let Parsed::Layout(layout) = layout(&head, file_len) {
                prop_assert!(layout.segments.is_sorted_by(|a, b| a.end < b.end));
                prop_assert!(layout.segments.iter().all(|segment| segment.end <= file_len));
            }
        }
    }
}
