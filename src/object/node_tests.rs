use std::sync::Arc;

use proptest::prelude::*;

use super::node::*;
use super::*;

fn leaf(schema: Schema, entries: &[(&[u8], ValueRef<'_>)]) -> Vec<u8> {
    let mut encoded = Vec::new();
    let bytes = entries
        .iter()
        .map(|(key, value)| write_leaf_entry(schema, key, *value, &mut encoded).unwrap())
        .sum();
    let header = NodeHeader { schema, level: 0, count: entries.len() as u64, bytes };
    encode_node(&header, entries.len(), &encoded)
}

fn decode(bytes: &[u8]) -> Result<Node, DecodeError> {
    Node::decode(Arc::from(bytes))
}

fn invalid(bytes: &[u8]) -> (&'static str, &'static str) {
    match decode(bytes) {
        Err(DecodeError::Invalid { field, why }) => (field, why),
        other => panic!("{other:?}"),
    }
}

const TABLE: NodeHeader = NodeHeader { schema: Schema::Table, level: 0, count: 0, bytes: 0 };

#[test]
fn the_encoding_of_a_leaf_is_this() {
    let node = leaf(Schema::Table, &[(b"k", ValueRef::Inline(b"v"))]);
    let expected = b"\xa5\x61c\x01\x61e\x81\x82\x41k\x82\x00\x41v\x61l\x00\x61s\x65table\x61z\x04";
    assert_eq!(node, expected);
}

#[test]
fn the_encoding_of_an_inner_node_is_this() {
    let mut entries = Vec::new();
    write_inner_entry(b"k", NodeId::from_id(Id::new([7; 32])), &mut entries);
    let header = NodeHeader { level: 1, count: 300, ..TABLE };
    let node = encode_node(&header, 1, &entries);
    let mut expected = b"\xa5\x61c\x19\x01\x2c\x61e\x81\x82\x41k\x58\x20".to_vec();
    expected.extend([7; 32]);
    expected.extend(b"\x61l\x01\x61s\x65table\x61z\x00");
    assert_eq!(node, expected);
    let node = decode(&node).unwrap();
    assert_eq!(node.child(0), Some(NodeId::from_id(Id::new([7; 32]))));
    assert_eq!(node.value(0), None);
}

#[test]
fn entries_are_found_where_they_lie() {
    let blob = ValueRef::Blob { id: BlobId::of(b"long"), size: 1 << 40 };
    let entries =
        [(&b""[..], ValueRef::Inline(b"first")), (b"key", blob), (b"last", ValueRef::Inline(b""))];
    let node = decode(&leaf(Schema::Root, &entries)).unwrap();
    assert!(node.entries().eq(entries));
    assert_eq!(node.search(b"key"), Ok(1));
    assert_eq!(node.search(b"kez"), Err(2));
    assert_eq!(node.key(3), None);
    assert_eq!(node.child(0), None);
    let joined: Vec<u8> =
        (0..3).flat_map(|index| node.encoded_entry(index).unwrap().to_vec()).collect();
    let again = encode_node(node.header(), 3, &joined);
    assert_eq!(again, node.encoded().as_ref());
}

#[test]
fn a_value_is_inline_up_to_1019_bytes_and_a_blob_beyond() {
    let at_limit = Value::of(&[1; 1019]);
    assert_eq!(at_limit.as_ref().encoded_len(), 1024);
    assert!(matches!(at_limit, Value::Inline(_)));
    assert!(matches!(Value::of(&[1; 1020]), Value::Blob { size: 1020, .. }));
    let id = BlobId::of(b"");
    let mut out = Vec::new();
    for (value, is_valid) in [
        (Value::Inline(vec![0; 1020]), false),
        (Value::Blob { id, size: 1019 }, false),
        (Value::Blob { id, size: 1020 }, true),
        (Value::Blob { id, size: u64::MAX }, true),
    ] {
        let written = write_leaf_entry(Schema::Table, b"k", value.as_ref(), &mut out);
        assert_eq!(written.is_ok(), is_valid);
    }
    let short = b"\x82\x41k\x83\x01\x58\x20aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\x19\x03\xfb";
    let header = NodeHeader { count: 1, bytes: 39, ..TABLE };
    let node = encode_node(&header, 1, short);
    assert_eq!(invalid(&node), ("e", "a short value is kept in its node"));
}

#[test]
fn keys_ascend() {
    for keys in [[b"b", b"a"], [b"a", b"a"]] {
        let entries = keys.map(|key| (&key[..], ValueRef::Inline(b"")));
        let error = decode(&leaf(Schema::Table, &entries)).unwrap_err();
        assert!(matches!(error, DecodeError::NotDeterministic { .. }));
    }
}

#[test]
fn counts_sums_and_levels_are_checked() {
    let mut entries = Vec::new();
    write_leaf_entry(Schema::Table, b"k", ValueRef::Inline(b""), &mut entries).unwrap();
    let node = |count, bytes, level| {
        let header = NodeHeader { count, bytes, level, ..TABLE };
        encode_node(&header, 1, &entries)
    };
    assert!(decode(&node(1, 3, 0)).is_ok());
    assert_eq!(invalid(&node(2, 3, 0)), ("c", "not the number of entries"));
    assert_eq!(invalid(&node(1, 4, 0)), ("z", "not the sum of the entries"));
    assert_eq!(invalid(&node(1, 3, 1)), ("e", "not what the level asks for"));
    let too_high = decode(&node(1, 3, 16)).unwrap_err();
    assert!(matches!(too_high, DecodeError::Limit { what: "level", .. }));
}

#[test]
fn an_inner_node_is_never_empty() {
    let header = NodeHeader { level: 1, ..TABLE };
    let node = encode_node(&header, 0, &[]);
    assert_eq!(invalid(&node), ("e", "not what the level asks for"));
    assert!(decode(&encode_node(&TABLE, 0, &[])).unwrap().is_empty());
}

#[test]
fn a_directory_holds_valid_names_and_tree_entries() {
    let entry = TreeEntry::file(BlobId::of(b"x"), 1000).encode();
    let node = leaf(Schema::Tree, &[(b"name", ValueRef::Inline(&entry))]);
    assert_eq!(decode(&node).unwrap().bytes(), 1000);
    let mut out = Vec::new();
    let mut write = |name: &[u8], value| write_leaf_entry(Schema::Tree, name, value, &mut out);
    assert!(write(b"..", ValueRef::Inline(&entry)).is_err());
    assert!(write(b".AISR", ValueRef::Inline(&entry)).is_err());
    assert!(write(b"name", ValueRef::Inline(b"no entry")).is_err());
    let (id, size) = (BlobId::of(b""), 2000);
    assert!(write(b"name", ValueRef::Blob { id, size }).is_err());
    let mut forged = node.clone();
    let at = node.windows(4).position(|name| name == b"name").unwrap();
    forged[at + 1] = b'/';
    assert_eq!(invalid(&forged), ("e", "a name that no directory may hold"));
}

#[test]
fn a_directory_of_more_bytes_than_can_be_counted_is_refused() {
    let entry = TreeEntry::file(BlobId::of(b"x"), u64::MAX).encode();
    let mut entries = Vec::new();
    for name in [b"a", b"b"] {
        write_leaf_entry(Schema::Tree, name, ValueRef::Inline(&entry), &mut entries).unwrap();
    }
    let header = NodeHeader { schema: Schema::Tree, level: 0, count: 2, bytes: u64::MAX - 1 };
    let node = encode_node(&header, 2, &entries);
    assert_eq!(invalid(&node), ("z", "not the sum of the entries"));
}

#[test]
fn a_node_above_64_kib_is_refused_before_it_is_read() {
    let error = decode(&vec![0; 65_537]).unwrap_err();
    assert!(matches!(error, DecodeError::Limit { what: "map node", .. }));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn damage_is_refused_or_is_another_node(
        at in any::<prop::sample::Index>(),
        noise in proptest::collection::vec(any::<u8>(), 0..4),
        cut in 0usize..4,
    ) {
        let entries = [
            (&b"a"[..], ValueRef::Inline(&b"value"[..])),
            (b"b", ValueRef::Blob { id: BlobId::of(b"x"), size: 5000 }),
        ];
        let mut bytes = leaf(Schema::Edges, &entries);
        let at = at.index(bytes.len());
        let end = (at + cut).min(bytes.len());
        bytes.splice(at..end, noise);
        if let Ok(node) = decode(&bytes) {
            let mut entries = Vec::new();
            for (key, value) in node.entries() {
                write_leaf_entry(node.schema(), key, value, &mut entries).unwrap();
            }
            prop_assert_eq!(encode_node(node.header(), node.len(), &entries), bytes);
        }
    }
}
