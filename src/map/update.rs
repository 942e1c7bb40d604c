//! Editing a map, at the cost of what changes.
//!
//! The levels are done one after the other, from the leaves up. At each, edits fall into regions:
//! a region starts where an old node starts, is split anew entry by entry, and ends where a new
//! node ends together with an old one, for from there on everything is as it was. The old nodes
//! of the regions go and the new ones come: those are the edits of the level above. The result
//! is the map that [`super::Builder`] makes of the same entries.

use std::cmp::Ordering;
use std::error::Error;

use super::build::{ClosedNode, MapRoot, OpenNode};
use super::error::MapError;
use super::read::{Map, NodeSource, load};
use super::resplit::{Edit, Entry, Held, LevelChange, Resplit};
use crate::object::{Node, NodeId, Schema, Value};

/// The map with `edits` made: each sets the value of a key or removes it. Keys ascend, each
/// comes once; an edit that changes nothing is none. New nodes go to `sink`, in no promised
/// order, and all before this returns.
pub fn update<S, F>(
    map: &Map<'_, S>,
    edits: impl IntoIterator<Item = (Vec<u8>, Option<Value>)>,
    mut sink: F,
) -> Result<MapRoot, MapError<S::Error>>
where
    S: NodeSource + ?Sized,
    F: FnMut(NodeId, Vec<u8>) -> Result<(), S::Error>,
{
    let mut edits = leaf_edits(map.schema(), edits).peekable();
    if edits.peek().is_none() {
        return Ok(map.root());
    }
    let mut levels = vec![Resplit::new(map, 0, &mut sink)?.run(&mut edits)?];
    loop {
        let level = levels.len() - 1;
        let change = &mut levels[level];
        let mut next = Vec::new();
        if level < usize::from(map.root().level) {
            next = parent_edits(change);
            if next.is_empty() {
                return Ok(map.root());
            }
        } else {
            match change.added.as_slice() {
                [] => return store_empty(map.schema(), &mut sink),
                [root] if root.id == map.id() => return Ok(map.root()),
                [root] => {
                    let root = MapRoot::new(root, level as u8);
                    return finish(map, root, levels, &mut sink);
                }
                _ => next.extend(change.added.iter().map(|node| Edit {
                    key: node.key.clone(),
                    old: None,
                    new: Some(Entry::of_child(node)),
                })),
            }
        }
        let level = u8::try_from(level + 1).map_err(|_| MapError::TooLarge)?;
        let mut next = next.into_iter().map(Ok).peekable();
        levels.push(Resplit::new(map, level, &mut sink)?.run(&mut next)?);
    }
}

/// Encodes the caller's edits, having checked their order.
fn leaf_edits<E: Error + 'static>(
    schema: Schema,
    edits: impl IntoIterator<Item = (Vec<u8>, Option<Value>)>,
) -> impl Iterator<Item = Result<Edit, MapError<E>>> {
    let mut last: Option<Vec<u8>> = None;
    edits.into_iter().map(move |(key, value)| {
        if last.as_ref().is_some_and(|last| *last >= key) {
            return Err(MapError::Order);
        }
        let last = last.get_or_insert_default();
        last.clone_from(&key);
        let new = value
            .map(|value| Entry::of_leaf(schema, &key, &value))
            .transpose()
            .map_err(MapError::Entry)?;
        let old = None;
        Ok(Edit { key, old, new })
    })
}

/// What the change of a level means to the level above: both lists are in order of their keys.
fn parent_edits(change: &LevelChange) -> Vec<Edit> {
    let mut edits = Vec::with_capacity(change.removed.len().max(change.added.len()));
    let mut removed = change.removed.iter().peekable();
    let mut added = change.added.iter().peekable();
    loop {
        let order = match (removed.peek(), added.peek()) {
            (None, None) => return edits,
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (Some(old), Some(new)) => old.key.cmp(&new.key),
        };
        let old = removed.next_if(|_| order.is_le());
        let new = added.next_if(|_| order.is_ge());
        if old.map(|node| node.id) == new.map(|node| node.id) {
            continue;
        }
        let key = old.or(new).map(|node| node.key.clone());
        edits.push(Edit {
            key: key.unwrap_or_default(),
            old: old.map(ClosedNode::totals),
            new: new.map(Entry::of_child),
        });
    }
}

fn store_empty<E: Error + 'static>(
    schema: Schema,
    sink: &mut impl FnMut(NodeId, Vec<u8>) -> Result<(), E>,
) -> Result<MapRoot, MapError<E>> {
    let (closed, encoded) = OpenNode::new(0).close(schema);
    let id = closed.id;
    sink(id, encoded).map_err(|source| MapError::Store { id, source })?;
    Ok(MapRoot::new(&closed, 0))
}

/// Finds the root below a single node, going down while that has a single child, and stores the
/// nodes with a single child that are below the root.
fn finish<S, F>(
    map: &Map<'_, S>,
    mut root: MapRoot,
    levels: Vec<LevelChange>,
    sink: &mut F,
) -> Result<MapRoot, MapError<S::Error>>
where
    S: NodeSource + ?Sized,
    F: FnMut(NodeId, Vec<u8>) -> Result<(), S::Error>,
{
    while root.level > 0 {
        let change = &levels[usize::from(root.level)];
        let child = match &change.held {
            Some(held) if held.id == root.id => held.child,
            _ if change.added.last().is_some_and(|node| node.id == root.id) => break,
            _ => match only_child(&load(map.source(), root.id)?) {
                Some(child) => child,
                None => break,
            },
        };
        root.id = child;
        root.level -= 1;
    }
    let below = levels.into_iter().take(usize::from(root.level));
    for held in below.filter_map(|change| change.held) {
        let Held { id, encoded, .. } = held;
        if let Some(encoded) = encoded {
            sink(id, encoded).map_err(|source| MapError::Store { id, source })?;
        }
    }
    Ok(root)
}

fn only_child(node: &Node) -> Option<NodeId> {
    (node.len() == 1).then(|| node.child(0)).flatten()
}
