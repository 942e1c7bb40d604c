use proptest::prelude::*;

use super::*;
use crate::view::value::Key;

fn string(text: &str) -> Vec<u8> {
    [&(text.len() as u64).to_le_bytes()[..], text.as_bytes()].concat()
}

/// A file of this metadata (key, type, encoded value) and these tensors (name, type, shape,
/// offset), and `data` bytes behind it.
fn file(
    metadata: &[(&str, u32, Vec<u8>)],
    tensors: &[(&str, u32, &[u64], u64)],
    data: usize,
) -> Vec<u8> {
    let mut file = b"GGUF\x03\0\0\0".to_vec();
    file.extend((tensors.len() as u64).to_le_bytes());
    file.extend((metadata.len() as u64).to_le_bytes());
    for (key, value_type, value) in metadata {
        file.extend(string(key));
        file.extend(value_type.to_le_bytes());
        file.extend(value);
    }
    for (name, dtype, shape, offset) in tensors {
        file.extend(string(name));
        file.extend((shape.len() as u32).to_le_bytes());
        shape.iter().for_each(|len| file.extend(len.to_le_bytes()));
        file.extend(dtype.to_le_bytes());
        file.extend(offset.to_le_bytes());
    }
    file.resize(file.len().next_multiple_of(32) + data, 0);
    file
}

fn array(element: u32, elements: &[Vec<u8>]) -> Vec<u8> {
    let count = (elements.len() as u64).to_le_bytes();
    [&element.to_le_bytes()[..], &count, &elements.concat()].concat()
}

fn open(file: Vec<u8>) -> Result<GgufView, ViewError> {
    GgufView::open(Arc::new(file))
}

fn records(view: &GgufView, table: usize) -> Vec<(Key, Value)> {
    let mut cursor = view.cursor(&view.tables[table], None).unwrap();
    let mut out = Vec::new();
    while let Some(record) = cursor.next().unwrap() {
        out.push((record.key, record.value));
    }
    out
}

#[test]
fn metadata_is_records_and_an_array_one_for_each_element() {
    let metadata = [
        ("tokenizer.ggml.tokens", 9, array(8, &[string("<s>"), string("a")])),
        ("tokenizer.chat_template", 8, string("{{ messages }}")),
        ("general.count", 11, (-7i64).to_le_bytes().to_vec()),
        ("general.empty", 9, array(6, &[])),
        ("general.ratio", 6, 0.5f32.to_le_bytes().to_vec()),
        ("general.yes", 7, vec![1]),
        ("general.yes", 7, vec![0]),
    ];
    let view = open(file(&metadata, &[], 0)).unwrap();
    let key = |name: &str| vec![Element::from(name)];
    let token = |n: u64| vec![Element::from("tokenizer.ggml.tokens"), n.into()];
    let twice = Element::Nested(vec!["general.yes".into(), 2u64.into()]);
    let text = |text: &str| Value::Text(text.into());
    assert_eq!(
        records(&view, 0),
        [
            (key("general.count"), Value::Integer(-7)),
            (key("general.empty"), Value::List(vec![])),
            (key("general.ratio"), Value::Double(0.5)),
            (key("general.yes"), Value::Bool(true)),
            (key("tokenizer.chat_template"), text("{{ messages }}")),
            (token(0), text("<s>")),
            (token(1), text("a")),
            (vec![twice], Value::Bool(false)),
        ]
    );
}

#[test]
fn tensors_are_as_long_as_their_type_says_and_unknown_ones_reach_to_the_next() {
    let tensors: [(&str, u32, &[u64], u64); 3] =
        [("q", 2, &[64, 2], 0), ("strange", 99, &[5], 96), ("f", 0, &[3], 160)];
    let view = open(file(&[], &tensors, 172)).unwrap();
    let start = view.tensors.source.len() - 172;
    let found: Vec<_> = records(&view, 1)
        .into_iter()
        .map(|(key, value)| match value {
            Value::Tensor(t) => (key, t.dtype, t.data.start - start..t.data.end - start),
            _ => panic!("a tensor"),
        })
        .collect();
    let wanted = [("f", "F32", 160..172), ("q", "Q4_0", 0..72), ("strange", "type 99", 96..160)];
    assert_eq!(
        found,
        wanted.map(|(name, dtype, data)| (vec![name.into()], dtype.to_owned(), data))
    );
    // What lies between is padding of less than the alignment.
    assert_eq!(records(&view, 2), []);
}

#[test]
fn headers_that_lie_are_refused() {
    let beyond: [(&str, u32, &[u64], u64); 1] = [("t", 0, &[9], 0)];
    let overflow: [(&str, u32, &[u64], u64); 1] = [("t", 0, &[1], u64::MAX)];
    let blocks: [(&str, u32, &[u64], u64); 1] = [("t", 2, &[33], 0)];
    for tensors in [beyond, overflow, blocks] {
        assert!(matches!(open(file(&[], &tensors, 32)), Err(ViewError::Malformed { .. })));
    }
    // Counts that lie end with the bytes.
    for at in [8, 16] {
        let mut bytes = file(&[], &[], 0);
        bytes[at..at + 8].fill(0xff);
        assert!(open(bytes).is_err());
    }
    let deep = (0..9).fold(Vec::new(), |inner, _| array(9, &[inner]));
    assert!(open(file(&[("deep", 9, deep)], &[], 0)).is_err());
    assert!(open(b"GGUF\x01\0\0\0".to_vec()).is_err());
    assert!(open(file(&[("general.alignment", 4, 33u32.to_le_bytes().to_vec())], &[], 0)).is_err());
}

#[test]
fn a_header_of_more_than_a_megabyte_is_read_whole() {
    let tokens: Vec<_> = (0..100_000).map(|n| string(&format!("token{n}"))).collect();
    let view = open(file(&[("tokens", 9, array(8, &tokens))], &[("t", 0, &[8], 0)], 32)).unwrap();
    assert_eq!(records(&view, 0).len(), 100_000);
    assert_eq!(records(&view, 1).len(), 1);
}

proptest! {
    #[test]
    fn damaged_files_are_read_or_refused(
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
        cut in any::<prop::sample::Index>(),
    ) {
        let metadata = [
            ("a", 9, array(8, &[string("x"), string("y")])),
            ("b", 9, array(9, &[array(0, &[vec![1], vec![2]])])),
            ("c", 8, string("text")),
        ];
        let tensors: [(&str, u32, &[u64], u64); 2] = [("t", 30, &[4, 4], 0), ("u", 8, &[32], 32)];
        let mut bytes = file(&metadata, &tensors, 66);
        for (at, value) in damage {
            let at = at.index(bytes.len());
            bytes[at] = value;
        }
        bytes.truncate(bytes.len() - cut.index(bytes.len()) / 8);
        let len = bytes.len() as u64;
        if let Ok(view) = open(bytes) {
            for table in 0..3 {
                for (_, value) in records(&view, table) {
                    if let Value::Tensor(tensor) = value {
                        prop_assert!(tensor.data.start <= tensor.data.end && tensor.data.end <= len);
                    }
                }
            }
        }
    }
}
