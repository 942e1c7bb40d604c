//! Diff, update and check, against plain ordered maps and against each other.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::sync::Arc;

use proptest::prelude::*;

use super::build_tests::{build, contents, keys, values};
use super::*;
use crate::object::{NodeId, Schema, Value};

type Content = BTreeMap<Vec<u8>, Value>;
type Edits = BTreeMap<Vec<u8>, Option<Value>>;

/// Counts the nodes that are read.
struct Counting<'a> {
    nodes: &'a MemoryNodes,
    reads: Cell<usize>,
}

impl<'a> Counting<'a> {
    fn new(nodes: &'a MemoryNodes) -> Self {
        let reads = Cell::new(0);
        Self { nodes, reads }
    }
}

impl NodeSource for Counting<'_> {
    type Error = MissingNode;

    fn node(&self, id: NodeId) -> Result<Arc<[u8]>, MissingNode> {
        self.reads.set(self.reads.get() + 1);
        self.nodes.node(id)
    }
}

fn apply(content: &Content, edits: &Edits) -> Content {
    let mut content = content.clone();
    for (key, value) in edits {
        match value {
            Some(value) => content.insert(key.clone(), value.clone()),
            None => content.remove(key),
        };
    }
    content
}

fn changes(before: &Content, after: &Content) -> Vec<Change> {
    let mut keys: Vec<_> = before.keys().chain(after.keys()).collect();
    keys.sort();
    keys.dedup();
    keys.into_iter()
        .filter(|key| before.get(*key) != after.get(*key))
        .map(|key| Change {
            key: key.clone(),
            before: before.get(key).cloned(),
            after: after.get(key).cloned(),
        })
        .collect()
}

/// Updates, and checks that the result is what a new build gives, that nothing stored already
/// is stored again, and that what is stored is all in use.
fn update_and_compare(content: &Content, edits: &Edits) {
    let (mut nodes, root) = build(content);
    let after = apply(content, edits);
    let (expected_nodes, expected) = build(&after);
    let mut new = MemoryNodes::new();
    let map = Map::open(&nodes, root.id, Schema::Table).unwrap();
    let updated = update(&map, edits.clone(), new.sink()).unwrap();
    assert_eq!(updated, expected);
    for id in new.ids() {
        assert!(expected_nodes.node(id).is_ok(), "a node without use");
    }
    nodes.extend(new);
    assert_eq!(check(&nodes, updated.id, Schema::Table).unwrap(), expected);
    let before = Map::open(&nodes, root.id, Schema::Table).unwrap();
    let map = Map::open(&nodes, updated.id, Schema::Table).unwrap();
    assert!(map.iter().map(Result::unwrap).eq(after.clone()));
    let found: Vec<_> = diff(&before, &map).map(Result::unwrap).collect();
    assert_eq!(found, changes(content, &after));
}

fn numbered(range: impl Iterator<Item = u32>, len: usize) -> Content {
    range.map(|n| (n.to_be_bytes().to_vec(), Value::of(&vec![n as u8; len]))).collect()
}

/// Edits at random places of a map, and some at its own keys.
fn edits(content: &Content) -> impl Strategy<Value = Edits> + use<> {
    let own: Vec<_> = content.keys().cloned().collect();
    let key = if own.is_empty() {
        keys().boxed()
    } else {
        prop_oneof![keys(), proptest::sample::select(own)].boxed()
    };
    proptest::collection::btree_map(key, proptest::option::of(values()), 0..40)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn an_update_gives_the_root_that_a_build_gives(
        (content, edits) in contents().prop_flat_map(|content| {
            let edits = edits(&content);
            (Just(content), edits)
        }),
    ) {
        update_and_compare(&content, &edits);
    }

    #[test]
    fn removing_a_range_gives_the_root_that_a_build_gives(
        content in contents(), from in any::<prop::sample::Index>(), len in 0usize..600,
    ) {
        let from = from.index(content.len().max(1));
        let edits = content.keys().skip(from).take(len).map(|key| (key.clone(), None));
        update_and_compare(&content, &edits.collect());
    }

    #[test]
    fn the_order_of_writing_never_shows(
        content in contents(), batch in 1usize..100, seed in any::<u64>(),
    ) {
        let mut order: Vec<_> = content.iter().collect();
        order.sort_by_key(|(key, _)| blake3::hash(&[&seed.to_le_bytes(), key.as_slice()].concat()).to_hex());
        let (mut nodes, mut root) = build([]);
        for edits in order.chunks(batch) {
            let edits: Edits = edits
                .iter()
                .map(|(key, value)| ((*key).clone(), Some((*value).clone())))
                .collect();
            let mut new = MemoryNodes::new();
            let map = Map::open(&nodes, root.id, Schema::Table).unwrap();
            root = update(&map, edits, new.sink()).unwrap();
            nodes.extend(new);
        }
        prop_assert_eq!(root, build(&content).1);
    }
}

#[test]
fn the_largest_entries_are_updated_like_any_other() {
    let large = |n: u32, len: usize| {
        let key = [&n.to_be_bytes()[..], &vec![1; len]].concat();
        (key, Value::Inline(vec![n as u8; 1019]))
    };
    let content: Content = (0..200).map(|n| large(2 * n, 4092)).collect();
    for (at, key) in content.keys().enumerate().take(40) {
        for (key, value) in [
            (key.clone(), None),
            (key.clone(), Some(Value::of(b"short"))),
            (large(2 * at as u32 + 1, 4092).0, Some(Value::of(b"x"))),
        ] {
            update_and_compare(&content, &Edits::from([(key, value)]));
        }
    }
}

/// Short keys, chosen so that the hash of none of them ends a node.
fn keys_that_end_nothing() -> (Content, Vec<u8>) {
    let mut splitter = Splitter::new(0).unwrap();
    let mut content = Content::new();
    for n in 0..=u16::MAX {
        let key = n.to_be_bytes();
        let mut tried = splitter.clone();
        let ends = tried.push(&key, 7);
        if ends && 7 * (content.len() + 1) <= FULL_ENTRY_BYTES {
            continue;
        }
        splitter = tried;
        content.insert(key.to_vec(), Value::Inline(vec![]));
        if ends {
            return (content, key.to_vec());
        }
    }
    panic!("too few keys");
}

#[test]
fn a_node_of_chosen_keys_ends_while_the_largest_entry_still_fits() {
    let (mut content, last) = keys_that_end_nothing();
    assert_eq!(content.len(), FULL_ENTRY_BYTES / 7 + 1);
    content.remove(&last);
    let largest = |key: &[u8]| {
        let key = [key, &vec![0xff; 4096 - key.len()]].concat();
        (key, Value::Inline(vec![1; 1019]))
    };
    let behind: Content = (0..50u8).map(|n| largest(&[0xff, 0xff, n])).collect();
    let (key, value) = largest(content.keys().next_back().unwrap());
    let with_largest = apply(&content, &Edits::from([(key.clone(), Some(value))]));
    let (nodes, root) = build(&with_largest);
    assert_eq!(root.level, 0);
    assert!(nodes.node(root.id).unwrap().len() > 65_000);
    for content in [content.clone(), content.into_iter().chain(behind).collect()] {
        let value = || Some(Value::Inline(vec![2; 1019]));
        update_and_compare(&content, &Edits::from([(last.clone(), value())]));
        update_and_compare(&content, &Edits::from([(key.clone(), value())]));
        update_and_compare(&content, &Edits::from([(vec![], value())]));
    }
}

#[test]
fn a_map_grows_from_nothing_and_shrinks_to_nothing() {
    let content = numbered(0..60_000, 20);
    let all = content.iter().map(|(k, v)| (k.clone(), Some(v.clone())));
    update_and_compare(&Content::new(), &all.collect());
    let none: Edits = content.keys().map(|key| (key.clone(), None)).collect();
    update_and_compare(&content, &none);
    for kept in [0, 1, 30_000, 59_999] {
        let mut most = none.clone();
        most.remove(&u32::to_be_bytes(kept)[..]);
        update_and_compare(&content, &most);
    }
    let back = none.clone().split_off(&100u32.to_be_bytes()[..]);
    update_and_compare(&content, &back);
    let front: Edits = none.into_iter().take(59_900).collect();
    update_and_compare(&content, &front);
}

#[test]
fn edits_at_both_ends_are_updates_like_any_other() {
    let content = numbered(1..30_000, 20);
    let value = || Some(Value::of(b"new"));
    let edits = Edits::from([
        (vec![], value()),
        (vec![0, 0, 0, 0], value()),
        (vec![0xff], value()),
        (vec![0xff; 8], value()),
    ]);
    update_and_compare(&content, &edits);
}

#[test]
fn edits_out_of_order_are_refused() {
    let (nodes, root) = build(&numbered(0..10, 4));
    let map = Map::open(&nodes, root.id, Schema::Table).unwrap();
    let edits = vec![(vec![2], None), (vec![1], None)];
    let error = update(&map, edits, |_, _| Ok(())).unwrap_err();
    assert!(matches!(error, MapError::Order));
}

#[test]
fn edits_that_change_nothing_store_nothing() {
    let content = numbered(0..20_000, 20);
    let (nodes, root) = build(&content);
    let map = Map::open(&nodes, root.id, Schema::Table).unwrap();
    let same = content.iter().step_by(500).map(|(k, v)| (k.clone(), Some(v.clone())));
    let absent = (0..10u8).map(|n| (vec![200, n], None));
    let mut new = MemoryNodes::new();
    let updated = update(&map, same.chain(absent), new.sink()).unwrap();
    assert_eq!((updated, new.len()), (root, 0));
}

#[test]
fn the_cost_of_update_and_diff_is_that_of_the_changes() {
    let content = numbered(0..1_000_000, 16);
    let (mut nodes, root) = build(&content);
    let depth = usize::from(root.level) + 1;
    for k in [1u32, 10, 100, 1000] {
        let edits: Edits = (0..k)
            .map(|n| n.wrapping_mul(2_654_435_761) % 1_000_000)
            .map(|n| {
                let (key, kind) = (n.to_be_bytes(), n % 3);
                match kind {
                    0 => (key.to_vec(), None),
                    1 => (key.to_vec(), Some(Value::of(b"changed"))),
                    _ => ([&key[..], b"+"].concat(), Some(Value::of(b"added"))),
                }
            })
            .collect();
        let budget = 4 * edits.len() * depth + 200;
        let counting = Counting::new(&nodes);
        let map = Map::open(&counting, root.id, Schema::Table).unwrap();
        let mut new = MemoryNodes::new();
        let updated = update(&map, edits.clone(), new.sink()).unwrap();
        let (reads, writes) = (counting.reads.get(), new.len());
        assert!(reads <= budget, "{k} edits read {reads} nodes");
        assert!(writes <= 2 * edits.len() * depth, "{k} edits wrote {writes} nodes");
        nodes.extend(new);
        let counting = Counting::new(&nodes);
        let before = Map::open(&counting, root.id, Schema::Table).unwrap();
        let after = Map::open(&counting, updated.id, Schema::Table).unwrap();
        let changes = diff(&before, &after).map(Result::unwrap).count();
        assert_eq!(changes, edits.len());
        let reads = counting.reads.get();
        assert!(reads <= budget, "a diff of {k} changes read {reads} nodes");
    }
}
