use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::object::{Node, Schema, Value, ValueRef};

/// The map of these entries, and its nodes.
pub(super) fn build<'a>(
    entries: impl IntoIterator<Item = (&'a Vec<u8>, &'a Value)>,
) -> (MemoryNodes, MapRoot) {
    let mut nodes = MemoryNodes::new();
    let mut builder = Builder::new(Schema::Table, nodes.sink());
    for (key, value) in entries {
        builder.push(key, value.as_ref()).unwrap();
    }
    let root = builder.finish().unwrap();
    (nodes, root)
}

/// Keys of many lengths, often with long common beginnings.
pub(super) fn keys() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        proptest::collection::vec(any::<u8>(), 0..12),
        (0u32..5000).prop_map(|n| format!("common/beginning/of/many/{n:08}").into_bytes()),
        (0u8..200, 0usize..700).prop_map(|(n, len)| [vec![b'k'; len], vec![n]].concat()),
    ]
}

pub(super) fn values() -> impl Strategy<Value = Value> {
    (any::<u8>(), 0usize..1500)
        .prop_map(|(byte, len)| Value::of(&vec![byte; len.saturating_sub(300)]))
}

pub(super) fn contents() -> impl Strategy<Value = BTreeMap<Vec<u8>, Value>> {
    proptest::collection::btree_map(keys(), values(), 0..600)
}

#[test]
fn an_empty_map_is_a_leaf_without_entries() {
    let (nodes, root) = build([]);
    assert_eq!((root.count, root.bytes, root.level), (0, 0, 0));
    let map = Map::open(&nodes, root.id, Schema::Table).unwrap();
    assert_eq!(map.iter().count(), 0);
    assert_eq!(map.get(b"x").unwrap(), None);
}

/// The shape is format: a root that changes means a new splitter.
#[test]
fn the_root_of_a_known_map_never_changes() {
    let content: BTreeMap<_, _> =
        (0..20_000u32).map(|n| (n.to_be_bytes().to_vec(), Value::of(&n.to_le_bytes()))).collect();
    let (_, root) = build(&content);
    assert_eq!((root.level, root.count, root.bytes), (1, 20_000, 140_000));
    assert_eq!(
        root.id.to_hex(),
        "fe9bbdc41b9fd5ce3dab4f65e9a72c18e3b3ab7478dc160568449458bcbbe473"
    );
}

#[test]
fn keys_out_of_order_are_refused() {
    let mut nodes = MemoryNodes::new();
    let mut builder = Builder::new(Schema::Table, nodes.sink());
    builder.push(b"b", ValueRef::Inline(b"")).unwrap();
    for key in [b"a", b"b"] {
        let error = builder.push(key, ValueRef::Inline(b"")).unwrap_err();
        assert!(matches!(error, MapError::Order));
    }
}

#[test]
fn a_map_of_another_schema_does_not_open() {
    let (nodes, root) = build([]);
    let error = Map::open(&nodes, root.id, Schema::Tree).err().unwrap();
    assert!(matches!(error, MapError::Schema { .. }));
}

#[test]
fn nodes_stay_within_the_limit_with_the_largest_entries() {
    let entries: BTreeMap<_, _> = (0..200u16)
        .map(|n| {
            let key = [&n.to_be_bytes()[..], &[7; 4094]].concat();
            (key, Value::Inline(vec![1; 1019]))
        })
        .collect();
    let (nodes, root) = build(&entries);
    let map = Map::open(&nodes, root.id, Schema::Table).unwrap();
    assert!(map.iter().map(Result::unwrap).eq(entries));
}

#[test]
fn a_child_that_is_not_what_its_parent_says_is_refused() {
    let entries = |salt: u32| -> BTreeMap<_, _> {
        (0..3000u32).map(|n| ((n ^ salt).to_be_bytes().to_vec(), Value::of(b"value"))).collect()
    };
    let (mut nodes, root) = build(&entries(0));
    let (others, _) = build(&entries(1 << 31));
    let node = Node::decode(nodes.node(root.id).unwrap()).unwrap();
    let (_, honest) = node.children().next().unwrap();
    let other = others.ids().next().unwrap();
    let mut forged = node.encoded().to_vec();
    let at = forged.windows(32).position(|id| id == honest.as_bytes());
    forged[at.unwrap()..][..32].copy_from_slice(other.as_bytes());
    nodes.extend(others);
    let forged = nodes.insert(forged);
    let map = Map::open(&nodes, forged, Schema::Table).unwrap();
    assert!(matches!(map.get(&[0; 4]), Err(MapError::Misplaced { .. })));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn every_entry_is_found_and_no_other(content in contents(), absent in keys()) {
        let (nodes, root) = build(&content);
        let map = Map::open(&nodes, root.id, Schema::Table).unwrap();
        prop_assert_eq!(map.count(), content.len() as u64);
        for (key, value) in &content {
            let found = map.get(key).unwrap();
            prop_assert_eq!(found.as_ref(), Some(value));
        }
        prop_assert_eq!(map.get(&absent).unwrap(), content.get(&absent).cloned());
        prop_assert!(map.iter().map(Result::unwrap).eq(content));
    }

    #[test]
    fn a_cursor_goes_to_the_first_entry_not_before_a_key(
        content in contents(),
        seeks in proptest::collection::vec(keys(), 1..20),
    ) {
        let (nodes, root) = build(&content);
        let map = Map::open(&nodes, root.id, Schema::Table).unwrap();
        let mut cursor = map.cursor();
        for key in seeks {
            cursor.seek(&key).unwrap();
            let mut expected = content.range(key..);
            for _ in 0..3 {
                let found = cursor.entry().map(|(key, value)| (key.to_vec(), value.to_value()));
                let next = expected.next().map(|(key, value)| (key.clone(), value.clone()));
                prop_assert_eq!(found, next);
                cursor.advance().unwrap();
            }
        }
    }
}
