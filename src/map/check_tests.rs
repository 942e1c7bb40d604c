//! Maps that no builder makes, and what the check says of them.

use super::build_tests::build;
use super::*;
use crate::object::node::{encode_node, write_inner_entry};
use crate::object::{Node, NodeHeader, NodeId, Schema, Value};

/// A map that can be changed node by node: two levels or more, and the root's nodes.
fn honest() -> (MemoryNodes, Node) {
    let content: Vec<_> =
        (0..6000u32).map(|n| (n.to_be_bytes().to_vec(), Value::of(&n.to_le_bytes()))).collect();
    let (nodes, root) = build(content.iter().map(|(key, value)| (key, value)));
    check(&nodes, root.id, Schema::Table).unwrap();
    let root = Node::decode(nodes.node(root.id).unwrap()).unwrap();
    assert_eq!(root.level(), 1);
    (nodes, root)
}

/// Part of a leaf, as a leaf.
fn cut(leaf: &Node, from: usize, to: usize) -> (Vec<u8>, u64) {
    let entries: Vec<u8> =
        (from..to).flat_map(|index| leaf.encoded_entry(index).unwrap().to_vec()).collect();
    let bytes = (from..to).map(|index| leaf.entry_bytes(index).unwrap()).sum();
    let header = NodeHeader { count: (to - from) as u64, bytes, ..*leaf.header() };
    (encode_node(&header, to - from, &entries), bytes)
}

fn join(a: &Node, b: &Node) -> Vec<u8> {
    let entries = [a, b]
        .map(|node| (0..node.len()).flat_map(|index| node.encoded_entry(index).unwrap().to_vec()));
    let header =
        NodeHeader { count: a.count() + b.count(), bytes: a.bytes() + b.bytes(), ..*a.header() };
    let entries: Vec<u8> = entries.into_iter().flatten().collect();
    encode_node(&header, a.len() + b.len(), &entries)
}

fn inner(header: &NodeHeader, children: &[(Vec<u8>, NodeId)]) -> Vec<u8> {
    let mut entries = Vec::new();
    for (key, child) in children {
        write_inner_entry(key, *child, &mut entries);
    }
    encode_node(header, children.len(), &entries)
}

fn children(node: &Node) -> Vec<(Vec<u8>, NodeId)> {
    node.children().map(|(key, id)| (key.to_vec(), id)).collect()
}

fn why(nodes: &MemoryNodes, root: NodeId) -> &'static str {
    match check(nodes, root, Schema::Table) {
        Err(MapError::Misplaced { why, .. }) => why,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_node_split_where_no_boundary_is_does_not_pass() {
    let (mut nodes, root) = honest();
    let mut list = children(&root);
    let leaf = Node::decode(nodes.node(list[1].1).unwrap()).unwrap();
    let half = leaf.len() / 2;
    let first = nodes.insert(cut(&leaf, 0, half).0);
    let second = nodes.insert(cut(&leaf, half, leaf.len()).0);
    list[1].1 = second;
    list.insert(1, (leaf.key(half - 1).unwrap().to_vec(), first));
    let forged = nodes.insert(inner(root.header(), &list));
    assert_eq!(why(&nodes, forged), "ends where the splitter puts no boundary");
}

#[test]
fn nodes_put_together_over_a_boundary_do_not_pass() {
    let (mut nodes, root) = honest();
    let mut list = children(&root);
    let [a, b] = [1, 2].map(|at: usize| Node::decode(nodes.node(list[at].1).unwrap()).unwrap());
    list[2].1 = nodes.insert(join(&a, &b));
    list.remove(1);
    let forged = nodes.insert(inner(root.header(), &list));
    assert_eq!(why(&nodes, forged), "goes on behind a boundary of the splitter");
}

#[test]
fn a_wrong_count_does_not_pass() {
    let (mut nodes, root) = honest();
    let header = NodeHeader { count: root.count() + 1, ..*root.header() };
    let forged = nodes.insert(inner(&header, &children(&root)));
    assert_eq!(why(&nodes, forged), "not the number of entries below it");
}

#[test]
fn a_wrong_sum_of_bytes_does_not_pass() {
    let (mut nodes, root) = honest();
    let header = NodeHeader { bytes: root.bytes() + 1, ..*root.header() };
    let forged = nodes.insert(inner(&header, &children(&root)));
    assert_eq!(why(&nodes, forged), "not the sum of the bytes below it");
}

#[test]
fn a_root_with_a_single_child_does_not_pass() {
    let (mut nodes, root) = honest();
    let header = NodeHeader { level: 2, ..*root.header() };
    let child = (root.last_key().unwrap().to_vec(), root.id());
    let forged = nodes.insert(inner(&header, &[child]));
    assert_eq!(why(&nodes, forged), "a root with a single child");
}

#[test]
fn an_inner_node_with_too_few_children_does_not_pass() {
    let (mut nodes, root) = honest();
    let list = children(&root);
    let totals = |list: &[(Vec<u8>, NodeId)], nodes: &MemoryNodes| {
        let leaves = list.iter().map(|(_, id)| Node::decode(nodes.node(*id).unwrap()).unwrap());
        leaves.fold((0, 0), |(count, bytes), leaf| (count + leaf.count(), bytes + leaf.bytes()))
    };
    let parts: Vec<_> = [&list[..3], &list[3..]]
        .into_iter()
        .map(|part| {
            let (count, bytes) = totals(part, &nodes);
            let header = NodeHeader { count, bytes, ..*root.header() };
            (part.last().unwrap().0.clone(), nodes.insert(inner(&header, part)))
        })
        .collect();
    let header = NodeHeader { level: 2, ..*root.header() };
    let forged = nodes.insert(inner(&header, &parts));
    assert_eq!(why(&nodes, forged), "ends where the splitter puts no boundary");
}

#[test]
fn a_missing_node_is_named() {
    let (nodes, root) = honest();
    let mut less = MemoryNodes::new();
    let lost = root.child(2).unwrap();
    for id in nodes.ids().filter(|id| *id != lost) {
        less.insert(nodes.node(id).unwrap().to_vec());
    }
    let error = check(&less, root.id(), Schema::Table).unwrap_err();
    assert!(matches!(error, MapError::Load { id, .. } if id == lost));
}

#[test]
fn a_checker_meets_shared_nodes_once() {
    let (mut nodes, root) = honest();
    let mut new = MemoryNodes::new();
    let map = Map::open(&nodes, root.id(), Schema::Table).unwrap();
    let edit = (vec![0, 0, 0, 9], Some(Value::of(b"changed")));
    let changed = update(&map, [edit], new.sink()).unwrap();
    nodes.extend(new);
    let mut checker = Checker::new(&nodes);
    let mut met = 0;
    checker.check(root.id(), Schema::Table, &mut |_, _| met += 1).unwrap();
    assert_eq!(met, root.len() + 1);
    checker.check(changed.id, Schema::Table, &mut |_, _| met += 1).unwrap();
    assert_eq!(met, root.len() + 3);
}
