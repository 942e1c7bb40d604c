//! Safetensors by tensor: 8 bytes of length, a JSON header, the tensors
//! (<https://github.com/huggingface/safetensors#format>).

use std::any::Any;
use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};

use super::dtype::block;
use super::error::ViewError;
use super::source::Source;
use super::tensors::{METADATA, Tensors, insert_named, read_head, tables};
use super::value::{Element, Record, Tensor, Value};
use super::{Cursor, Kind, Table, View};
use crate::chunk::MAX_HEAD;

const WHAT: &str = "safetensors file";

/// A safetensors file, by tensor and by key of its metadata.
pub struct SafetensorsView {
    tables: Vec<Table>,
    metadata: BTreeMap<Element, String>,
    tensors: Tensors,
}

impl SafetensorsView {
    /// Whether a content that begins so may be one: the length of a header, and a JSON object.
    pub fn is_like(head: &[u8], len: u64) -> bool {
        let Some((length, rest)) = head.split_first_chunk::<8>() else { return false };
        let end = u64::from_le_bytes(*length).checked_add(8);
        end.is_some_and(|end| end > 9 && end <= len) && rest.first() == Some(&b'{')
    }

    /// Reads the header.
    ///
    /// # Errors
    /// When the content cannot be read or is none, or its header is above 16 MiB.
    pub fn open(source: Arc<dyn Source>) -> Result<Self, ViewError> {
        let malformed = |why: String, at: u64| ViewError::Malformed { what: WHAT, why, at };
        let len = source.len();
        let start = read_head(&*source, 8)?;
        let Some(json_len) = start.first_chunk::<8>().map(|len| u64::from_le_bytes(*len)) else {
            return Err(malformed("it ends before its header".into(), len));
        };
        let Some(data) = json_len.checked_add(8).filter(|end| *end <= len) else {
            return Err(malformed("its header is longer than it is".into(), 0));
        };
        if data > MAX_HEAD as u64 {
            let limit = format!("{} MiB", MAX_HEAD >> 20);
            return Err(ViewError::Limit { what: "a header", limit });
        }
        let head = read_head(&*source, data)?;
        let json = head.get(8..).unwrap_or_default();
        let header: Header =
            serde_json::from_slice(json).map_err(|e| malformed(e.to_string(), 8))?;
        let mut named = BTreeMap::new();
        for (name, entry) in header.tensors {
            let tensor = entry
                .tensor(data..len)
                .map_err(|why| malformed(format!("tensor {name}: {why}"), 8))?;
            insert_named(&mut named, Element::Text(name), tensor);
        }
        let mut metadata = BTreeMap::new();
        for (key, text) in header.metadata {
            insert_named(&mut metadata, Element::Text(key), text);
        }
        let tensors = Tensors::new(source, named, data..len, 1);
        Ok(Self { tables: tables(), metadata, tensors })
    }
}

impl View for SafetensorsView {
    fn kind(&self) -> Kind {
        Kind::Safetensors
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
            return Ok(Box::new(Texts(self.metadata.iter())));
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

struct Texts<'v>(std::collections::btree_map::Iter<'v, Element, String>);

impl Cursor for Texts<'_> {
    fn next(&mut self) -> Result<Option<Record>, ViewError> {
        Ok(self
            .0
            .next()
            .map(|(key, text)| Record { key: vec![key.clone()], value: Value::Text(text.clone()) }))
    }
}

#[derive(Deserialize)]
struct Entry {
    dtype: String,
    shape: Vec<u64>,
    data_offsets: (u64, u64),
}

impl Entry {
    fn tensor(self, data: Range<u64>) -> Result<Tensor, String> {
        let (from, to) = self.data_offsets;
        let place = |offset: u64| data.start.checked_add(offset).filter(|at| *at <= data.end);
        let (Some(start), Some(end)) = (place(from), place(to)) else {
            return Err("it lies beyond the end".into());
        };
        if start > end {
            return Err("it ends before it begins".into());
        }
        if let Some(block) = block(&self.dtype)
            && block.len_of(&self.shape) != Some(end - start)
        {
            return Err(format!("{} bytes are not what its shape needs", end - start));
        }
        Ok(Tensor { dtype: self.dtype, shape: self.shape, data: start..end })
    }
}

/// The header in the order written, names that are there twice included.
struct Header {
    tensors: Vec<(String, Entry)>,
    metadata: Vec<(String, String)>,
}

impl<'de> Deserialize<'de> for Header {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Entries;

        impl<'de> Visitor<'de> for Entries {
            type Value = Header;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a map from names to tensors")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Header, A::Error> {
                let mut header = Header { tensors: Vec::new(), metadata: Vec::new() };
                while let Some(name) = map.next_key::<String>()? {
                    if name == "__metadata__" {
                        header.metadata.extend(map.next_value::<Pairs>()?.0);
                    } else {
                        header.tensors.push((name, map.next_value()?));
                    }
                }
                Ok(header)
            }
        }

        deserializer.deserialize_map(Entries)
    }
}

/// Texts by key, keys that are there twice included.
struct Pairs(Vec<(String, String)>);

impl<'de> Deserialize<'de> for Pairs {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Texts;

        impl<'de> Visitor<'de> for Texts {
            type Value = Pairs;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a map from keys to texts")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Pairs, A::Error> {
                let mut pairs = Vec::new();
                while let Some(pair) = map.next_entry()? {
                    pairs.push(pair);
                }
                Ok(Pairs(pairs))
            }
        }

        deserializer.deserialize_map(Texts)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(json: &str, data: usize) -> Arc<dyn Source> {
        let mut file = (json.len() as u64).to_le_bytes().to_vec();
        file.extend_from_slice(json.as_bytes());
        file.resize(file.len() + data, 0);
        Arc::new(file)
    }

    fn records(view: &SafetensorsView, table: usize) -> Vec<(Key, Value)> {
        let mut cursor = view.cursor(&view.tables[table], None).unwrap();
        let mut out = Vec::new();
        while let Some(record) = cursor.next().unwrap() {
            out.push((record.key, record.value));
        }
        out
    }

    use super::super::value::Key;

    #[test]
    fn tensors_and_metadata_are_records_by_name() {
        let json = r#"{"b":{"dtype":"F32","shape":[2],"data_offsets":[4,12]},
            "__metadata__":{"format":"pt"},"a":{"dtype":"BF16","shape":[1,2],"data_offsets":[0,4]}}"#;
        let view = SafetensorsView::open(file(json, 13)).unwrap();
        let start = 8 + json.len() as u64;
        let tensor = |name: &str, dtype: &str, shape: &[u64], from: u64, to: u64| {
            let data = start + from..start + to;
            let tensor = Tensor { dtype: dtype.into(), shape: shape.to_vec(), data };
            (vec![Element::from(name)], Value::Tensor(tensor))
        };
        assert_eq!(records(&view, 0), [(vec!["format".into()], Value::Text("pt".into()))]);
        assert_eq!(
            records(&view, 1),
            [tensor("a", "BF16", &[1, 2], 0, 4), tensor("b", "F32", &[2], 4, 12)]
        );
        // A byte behind the last tensor is told.
        assert_eq!(records(&view, 2), [tensor("b", "U8", &[1], 12, 13)]);
    }

    #[test]
    fn headers_that_lie_are_refused() {
        let one = |entry: &str| format!(r#"{{"a":{entry}}}"#);
        let cases = [
            one(r#"{"dtype":"F32","shape":[3],"data_offsets":[0,8]}"#),
            one(r#"{"dtype":"F32","shape":[2],"data_offsets":[8,16]}"#),
            one(r#"{"dtype":"X","shape":[2],"data_offsets":[8,0]}"#),
            one(r#"{"dtype":"F32","shape":[4611686018427387905],"data_offsets":[0,4]}"#),
            one(r#"{"dtype":"F32","shape":[2],"data_offsets":[18446744073709551615,8]}"#),
            one("7"),
            "[]".into(),
            format!(r#"{{"a":{}"#, "[".repeat(100_000)),
        ];
        for json in cases {
            let found = SafetensorsView::open(file(&json, 8));
            assert!(matches!(found, Err(ViewError::Malformed { .. })), "{json}");
        }
        assert!(SafetensorsView::open(Arc::new(vec![1, 2, 3])).is_err());
        assert!(SafetensorsView::open(Arc::new(vec![0xff; 9])).is_err());
    }

    #[test]
    fn a_tensor_that_is_named_twice_is_shown_twice() {
        let entry = |from: u64| {
            format!(r#"{{"dtype":"U8","shape":[1],"data_offsets":[{from},{}]}}"#, from + 1)
        };
        let json = format!(r#"{{"a":{},"a":{}}}"#, entry(0), entry(1));
        let view = SafetensorsView::open(file(&json, 2)).unwrap();
        assert_eq!(records(&view, 1).len(), 2);
    }
}
