//! Changes between systems, against comparing every component and edge.

use std::collections::BTreeMap;
use std::sync::Arc;

use proptest::prelude::*;

use super::*;
use crate::map::NodeSource;
use crate::object::{AttributeValue, BlobId, Id, Origin, RepoPath};
use crate::store::StoreError;
use crate::system::{Fresh, Graph};

/// There is nothing below what was made.
struct Nothing;

impl NodeSource for Nothing {
    type Error = StoreError;

    fn node(&self, _: NodeId) -> Result<Arc<[u8]>, StoreError> {
        unreachable!("a node that was built")
    }
}

impl GraphSource for Nothing {
    fn value(&self, _: BlobId, _: u64) -> Result<Vec<u8>, StoreError> {
        unreachable!("a value that was built")
    }
}

fn key(text: &str) -> ComponentKey {
    text.parse().unwrap()
}

/// A component of this content; a large one does not fit into a node.
fn component(content: u8, is_large: bool) -> Component {
    let text = if is_large { "x".repeat(3000) } else { String::new() };
    Component {
        content: Some(Id::new([content; 32])),
        origins: vec![Origin::Path(RepoPath::parse("a").unwrap())],
        attributes: BTreeMap::from([("text".to_owned(), AttributeValue::Text(text))]),
        was: None,
    }
}

fn graphs() -> impl Strategy<Value = Graph> {
    let name = prop::sample::select(vec!["model:a", "model:b", "prompt:a", "agent:a", "tool:a"]);
    let component = (0u8..3, prop::bool::weighted(0.2)).prop_map(|(c, large)| component(c, large));
    let components = prop::collection::btree_map(name.clone().prop_map(key), component, 0..5);
    let relation = prop::sample::select(vec!["runs", "uses"]);
    let edge_key = (name.clone(), relation, name).prop_map(|(from, relation, to)| EdgeKey {
        from: key(from),
        relation: relation.into(),
        to: key(to),
    });
    let mode = prop::option::of(prop::sample::select(vec!["r", "rw"]));
    let edge = mode.prop_map(|mode| {
        let mode = mode.map(|mode| ("mode".to_owned(), AttributeValue::Text(mode.into())));
        Edge { declared: Some(mode.into_iter().collect()), discovered: None }
    });
    let edges = prop::collection::btree_map(edge_key, edge, 0..6);
    (components, edges).prop_map(|(components, edges)| Graph { components, edges })
}

fn found(before: &Graph, after: &Graph) -> SystemChanges {
    let mut fresh = Fresh::new(&Nothing);
    let (before, after) = (before.build(&mut fresh).unwrap(), after.build(&mut fresh).unwrap());
    changes_of(&fresh, before, after).unwrap()
}

fn differing<K: Ord + Clone, V: PartialEq + Clone>(
    before: &BTreeMap<K, V>,
    after: &BTreeMap<K, V>,
) -> BTreeMap<K, (Option<V>, Option<V>)> {
    let keys = before.keys().chain(after.keys());
    keys.map(|key| (key.clone(), (before.get(key).cloned(), after.get(key).cloned())))
        .filter(|(_, (before, after))| before != after)
        .collect()
}

proptest! {
    #[test]
    fn changes_are_what_comparing_everything_finds(before in graphs(), after in graphs()) {
        let found = found(&before, &after);
        let components = differing(&before.components, &after.components);
        prop_assert_eq!(found.components.len(), components.len());
        for change in found.components {
            prop_assert_eq!(&components[&change.key], &(change.before, change.after));
            prop_assert_eq!(change.renamed_from, None);
        }
        let edges = differing(&before.edges, &after.edges);
        prop_assert_eq!(found.edges.len(), edges.len());
        for change in found.edges {
            prop_assert_eq!(&edges[&change.key], &(change.before, change.after));
        }
    }

    #[test]
    fn what_was_built_reads_as_it_was(graph in graphs()) {
        let mut fresh = Fresh::new(&Nothing);
        let maps = graph.build(&mut fresh).unwrap();
        prop_assert_eq!(maps.id.is_none(), graph.is_empty());
        prop_assert_eq!(maps.load(&fresh).unwrap(), graph);
    }
}

/// A graph of these components, each with its former name, and of an agent that runs the first.
fn models(models: &[(&str, u8, Option<&str>)]) -> Graph {
    let mut graph = Graph::default();
    for (name, content, was) in models {
        let was = was.map(key);
        graph.components.insert(key(name), Component { was, ..component(*content, false) });
    }
    let to = key(models[0].0);
    let runs = EdgeKey { from: key("agent:a"), relation: "runs".into(), to };
    graph.edges.insert(runs, Edge { declared: Some(BTreeMap::new()), discovered: None });
    graph
}

fn words(changes: &SystemChanges) -> Vec<String> {
    let components = changes.components.iter().map(|change| {
        let from = change.renamed_from.as_ref().map(|from| format!("{from} ")).unwrap_or_default();
        format!("{} {from}{}", change.word().word(), change.key)
    });
    let edges = changes.edges.iter().map(|change| {
        let sign = if change.before.is_none() { '+' } else { '-' };
        format!("{sign}{}", change.key.to)
    });
    components.chain(edges).collect()
}

#[test]
fn a_rename_joins_what_went_and_what_came_and_its_edges_follow() {
    let before = models(&[("model:a", 1, None)]);
    let after = models(&[("model:b", 2, Some("model:a"))]);
    let found = found(&before, &after);
    assert_eq!(words(&found), ["renamed model:a model:b"]);
    assert!(found.components[0].has_other_content());
}

#[test]
fn what_comes_under_a_name_that_was_left_is_new() {
    let before = models(&[("model:a", 1, None)]);
    let after = models(&[("model:b", 1, Some("model:a")), ("model:a", 2, None)]);
    assert_eq!(words(&found(&before, &after)), ["new model:a", "renamed model:a model:b"]);
    // And what comes again after it was gone.
    let gone = models(&[("model:b", 1, None)]);
    let again = models(&[("model:b", 1, None), ("model:a", 3, None)]);
    assert_eq!(words(&found(&gone, &again)), ["new model:a"]);
}

#[test]
fn a_former_name_means_nothing_where_it_is_still_there_or_never_was() {
    let before = models(&[("model:a", 1, None)]);
    let beside = models(&[("model:a", 1, None), ("model:b", 1, Some("model:a"))]);
    assert_eq!(words(&found(&before, &beside)), ["new model:b"]);
    let never = models(&[("model:c", 1, Some("model:x"))]);
    assert_eq!(
        words(&found(&before, &never)),
        ["gone model:a", "new model:c", "-model:a", "+model:c"]
    );
    let stays = models(&[("model:b", 1, Some("model:a"))]);
    assert_eq!(words(&found(&stays, &stays)), Vec::<String>::new());
}

#[test]
fn an_edge_that_leads_elsewhere_is_told_beside_a_rename() {
    let before = models(&[("model:a", 1, None), ("model:z", 1, None)]);
    let mut after = models(&[("model:b", 1, Some("model:a")), ("model:z", 1, None)]);
    let runs = EdgeKey { from: key("agent:a"), relation: "runs".into(), to: key("model:z") };
    after.edges =
        BTreeMap::from([(runs, Edge { declared: Some(BTreeMap::new()), discovered: None })]);
    let found = words(&found(&before, &after));
    assert_eq!(found, ["renamed model:a model:b", "-model:a", "+model:z"]);
}
