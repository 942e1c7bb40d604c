//! The header of safetensors files: where each tensor lies.

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, Visitor};

use super::cutter::MAX_HEAD;
use super::hint::ContentHint;
use super::layout::{self, Extent, Parsed};

/// The layout that the head of a safetensors file states: 8 bytes of length, then a JSON object.
///
/// A header above [`MAX_HEAD`] is legal by the format, but then the file is taken as unstructured.
pub fn layout(head: &[u8], file_len: u64) -> Parsed {
    let Some((len, rest)) = head.split_first_chunk::<8>() else {
        return Parsed::Other;
    };
    let Some(data_start) = u64::from_le_bytes(*len).checked_add(8) else {
        return Parsed::Other;
    };
    if data_start > file_len.min(MAX_HEAD as u64) || rest.first().is_some_and(|&byte| byte != b'{')
    {
        return Parsed::Other;
    }
    let data_start = data_start as usize;
    let Some(json) = head.get(8..data_start) else {
        return Parsed::Needs { head_len: data_start };
    };
    let Ok(Header(tensors)) = serde_json::from_slice(json) else {
        return Parsed::Other;
    };
    let data_start = data_start as u64;
    let extents = tensors.into_iter().map(|tensor| tensor.extent(data_start)).collect();
    Parsed::Layout(layout::of_tensors(data_start, file_len, extents))
}

/// The tensors of a header in the order written, without their names.
struct Header(Vec<Tensor>);

struct Tensor {
    hint: ContentHint,
    /// Relative to the end of the header.
    offsets: (u64, u64),
}

impl Tensor {
    fn extent(&self, data_start: u64) -> Extent {
        Extent {
            start: data_start.saturating_add(self.offsets.0),
            end: data_start.saturating_add(self.offsets.1),
            hint: self.hint,
        }
    }
}

impl<'de> Deserialize<'de> for Header {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Tensors;

        impl<'de> Visitor<'de> for Tensors {
            type Value = Header;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a map from names to tensors")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Header, A::Error> {
                let mut tensors = Vec::new();
                while let Some(Text(name)) = map.next_key()? {
                    if name == "__metadata__" {
                        map.next_value::<IgnoredAny>()?;
                        continue;
                    }
                    let entry: Entry = map.next_value()?;
                    let hint = if entry.dtype.0 == "BF16" {
                        ContentHint::Bf16
                    } else {
                        ContentHint::Numeric
                    };
                    tensors.push(Tensor { hint, offsets: entry.data_offsets });
                }
                Ok(Header(tensors))
            }
        }

        deserializer.deserialize_map(Tensors)
    }
}

#[derive(Deserialize)]
struct Entry<'a> {
    #[serde(borrow)]
    dtype: Text<'a>,
    data_offsets: (u64, u64),
}

/// A string, borrowed where the JSON has no escapes in it.
#[derive(Deserialize)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

#[cfg(test)]
mod tests {
    use super::super::layout::{Rule, Segment};
    use super::*;
    use proptest::prelude::*;

    fn head(json: &str) -> Vec<u8> {
        let mut head = (json.len() as u64).to_le_bytes().to_vec();
        head.extend_from_slice(json.as_bytes());
        head
    }

    #[test]
    fn tensors_are_segments_with_their_element_as_hint() {
        let head = head(
            r#"{"__metadata__":{"format":"pt"},"a":{"dtype":"BF16","shape":[50000],"data_offsets":[0,100000]},
                "b\n":{"dtype":"F32","shape":[25000],"data_offsets":[100000,200000]}}"#,
        );
        let start = head.len() as u64;
        let Parsed::Layout(layout) = layout(&head, start + 200_000) else {
            panic!("the header is complete");
        };
        assert_eq!(
            layout.segments,
            [
                Segment { end: start, rule: Rule::Content },
                Segment { end: start + 100_000, rule: Rule::Tensor { hint: ContentHint::Bf16 } },
                Segment { end: start + 200_000, rule: Rule::Tensor { hint: ContentHint::Numeric } },
            ]
        );
    }

    #[test]
    fn a_header_longer_than_the_head_says_how_much_is_needed() {
        let head = head(r#"{"a":{"dtype":"BF16","shape":[],"data_offsets":[0,2]}}"#);
        assert_eq!(layout(&head[..20], 10_000), Parsed::Needs { head_len: head.len() });
    }

    #[test]
    fn a_header_above_the_limit_makes_the_file_unstructured() {
        let mut head = (MAX_HEAD as u64).to_le_bytes().to_vec();
        head.push(b'{');
        assert_eq!(layout(&head, u64::MAX), Parsed::Other);
    }

    #[test]
    fn deep_nesting_is_refused() {
        let json = format!(r#"{{"__metadata__":{}"#, "[".repeat(100_000));
        assert_eq!(layout(&head(&json), u64::MAX), Parsed::Other);
    }

    proptest! {
        #[test]
        fn arbitrary_headers_give_rising_ends_within_the_file_or_none(
            json in r#"\{("[a-c]":\{"dtype":"(BF16|F8)","shape":\[\],"data_offsets":\[[0-9]{1,20},[0-9]{1,6}\]\},?){0,5}\}"#,
            file_len in any::<u64>(),
        ) {
            if let Parsed::Layout(layout) = layout(&head(&json), file_len) {
                prop_assert!(layout.segments.is_sorted_by(|a, b| a.end < b.end));
                prop_assert!(layout.segments.iter().all(|segment| segment.end <= file_len));
            }
        }
    }
}
