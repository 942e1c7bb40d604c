//! What one map has that another does not: nodes and entries.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use crate::object::{Node, NodeId, ObjectType, Value};
use crate::repo::RepoError;
use crate::store::Store;

use super::error::Result;

/// An entry that is new or has another value.
pub struct Changed {
    /// The key.
    pub key: Vec<u8>,
    /// The value.
    pub value: Value,
    /// The value in the other map.
    pub before: Option<Value>,
}

type Level = HashMap<NodeId, Arc<Node>>;

/// The entries of the map `root` that the map `before` does not have; `node` is shown each node
/// that it does not have either. What `past` knows is passed over with all below it.
///
/// Both maps go down level by level. What both have is dropped on the way, so the cost is that of
/// what differs.
///
/// # Errors
/// When a node of `root` is absent or does not decode.
pub fn changed_entries(
    store: &Store,
    root: NodeId,
    before: Option<NodeId>,
    past: &dyn Fn(NodeId) -> bool,
    node: &mut dyn FnMut(NodeId),
) -> Result<Vec<Changed>> {
    let mut new = Level::from([(root, load(store, root)?)]);
    // What cannot be read of the other map has nothing in common with this one.
    let other = before.and_then(|id| Some((id, load(store, id).ok()?)));
    let mut old: Level = other.into_iter().collect();
    node(root);
    loop {
        let height = |level: &Level| level.values().map(|n| n.level()).max().unwrap_or(0);
        let top = height(&new).max(height(&old));
        if top == 0 {
            break;
        }
        let new_children = children(&mut new, top);
        let old_children = children(&mut old, top);
        for id in old_children.difference(&new_children) {
            match new.remove(id) {
                Some(_) => {}
                None => drop(load(store, *id).map(|n| old.insert(*id, n))),
            }
        }
        for id in new_children.difference(&old_children) {
            if old.remove(id).is_none() && !past(*id) {
                node(*id);
                new.insert(*id, load(store, *id)?);
            }
        }
    }
    let mut values: BTreeMap<Vec<u8>, Value> = BTreeMap::new();
    for leaf in old.values() {
        values.extend(leaf.entries().map(|(key, value)| (key.to_vec(), value.to_value())));
    }
    let mut changes = Vec::new();
    for leaf in new.values() {
        for (key, value) in leaf.entries() {
            let before = values.get(key).cloned();
            let value = value.to_value();
            if before.as_ref() != Some(&value) {
                changes.push(Changed { key: key.to_vec(), value, before });
            }
        }
    }
    Ok(changes)
}

/// Takes out the nodes of the level `top`, and gives their children.
fn children(level: &mut Level, top: u8) -> HashSet<NodeId> {
    let mut below = HashSet::new();
    level.retain(|_, node| {
        if node.level() == top {
            below.extend(node.children().map(|(_, child)| child));
        }
        node.level() != top
    });
    below
}

fn load(store: &Store, id: NodeId) -> Result<Arc<Node>> {
    let bytes = store.read(ObjectType::Node, id.id())?;
    let unsound = |source| RepoError::Object { what: "map node", id: id.id(), source };
    Ok(Arc::new(Node::decode(bytes.into()).map_err(unsound)?))
}
