//! What differs between two maps, without reading what they share.
//!
//! Two places walk side by side. Where both stand before a node of the same id they step over
//! it; else the one whose node is higher goes down, or both do. Boundaries that moved make the
//! two walk node by node until they stand before the same one again, so the cost is that of what
//! differs: O(k · depth) nodes for k changes.

use std::cmp::Ordering;
use std::sync::Arc;

use super::error::MapError;
use super::read::{Map, NodeSource, load_child};
use crate::object::{Node, NodeId, Value, ValueRef};

/// A key whose value differs.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Change {
    /// The key.
    pub key: Vec<u8>,
    /// Its value in the first map; `None` if it is new.
    pub before: Option<Value>,
    /// Its value in the second map; `None` if it is gone.
    pub after: Option<Value>,
}

/// The changes from one map to another, in the order of their keys.
pub struct Diff<'s, S: ?Sized> {
    before: Side<'s, S>,
    after: Side<'s, S>,
    failed: bool,
}

/// What turns `before` into `after`. Both are of one schema, whatever their sizes.
pub fn diff<'s, S: NodeSource + ?Sized>(before: &Map<'s, S>, after: &Map<'s, S>) -> Diff<'s, S> {
    Diff { before: Side::new(before), after: Side::new(after), failed: false }
}

impl<S: NodeSource + ?Sized> Iterator for Diff<'_, S> {
    type Item = Result<Change, MapError<S::Error>>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.failed {
            return None;
        }
        let next = self.find_change().transpose();
        self.failed = matches!(next, Some(Err(_)));
        next
    }
}

impl<S: NodeSource + ?Sized> Diff<'_, S> {
    fn find_change(&mut self) -> Result<Option<Change>, MapError<S::Error>> {
        loop {
            match (self.before.item(), self.after.item()) {
                (None, None) => return Ok(None),
                (Some(Item::Subtree(a)), Some(Item::Subtree(b))) if a == b => {
                    self.before.step_over();
                    self.after.step_over();
                }
                (Some(Item::Subtree(a)), Some(Item::Subtree(b))) => {
                    let (a, b) = (a.height, b.height);
                    if a >= b {
                        self.before.enter()?;
                    }
                    if b >= a {
                        self.after.enter()?;
                    }
                }
                (Some(Item::Subtree(_)), _) => self.before.enter()?,
                (_, Some(Item::Subtree(_))) => self.after.enter()?,
                (Some(Item::Entry(key, value)), None) => {
                    let change = Change::new(key, Some(value), None);
                    self.before.step_over();
                    return Ok(Some(change));
                }
                (None, Some(Item::Entry(key, value))) => {
                    let change = Change::new(key, None, Some(value));
                    self.after.step_over();
                    return Ok(Some(change));
                }
                (Some(Item::Entry(key, a)), Some(Item::Entry(other, b))) => {
                    let order = key.cmp(other);
                    let change = match order {
                        Ordering::Less => Some(Change::new(key, Some(a), None)),
                        Ordering::Greater => Some(Change::new(other, None, Some(b))),
                        Ordering::Equal if a != b => Some(Change::new(key, Some(a), Some(b))),
                        Ordering::Equal => None,
                    };
                    if order.is_le() {
                        self.before.step_over();
                    }
                    if order.is_ge() {
                        self.after.step_over();
                    }
                    if change.is_some() {
                        return Ok(change);
                    }
                }
            }
        }
    }
}

impl Change {
    fn new(key: &[u8], before: Option<ValueRef<'_>>, after: Option<ValueRef<'_>>) -> Self {
        Self {
            key: key.to_vec(),
            before: before.map(ValueRef::to_value),
            after: after.map(ValueRef::to_value),
        }
    }
}

/// What comes next on one side.
enum Item<'a> {
    Subtree(Subtree),
    Entry(&'a [u8], ValueRef<'a>),
}

#[derive(PartialEq, Eq)]
struct Subtree {
    height: u8,
    id: NodeId,
}

/// A place in one of the maps: before an entry or before a whole node.
struct Side<'s, S: ?Sized> {
    source: &'s S,
    root: Option<(NodeId, Arc<Node>)>,
    steps: Vec<(Arc<Node>, usize)>,
}

impl<'s, S: NodeSource + ?Sized> Side<'s, S> {
    fn new(map: &Map<'s, S>) -> Self {
        Self {
            source: map.source(),
            root: Some((map.id(), Arc::clone(map.root_node()))),
            steps: Vec::new(),
        }
    }

    fn item(&self) -> Option<Item<'_>> {
        if let Some((id, node)) = &self.root {
            let (id, height) = (*id, node.level());
            return Some(Item::Subtree(Subtree { height, id }));
        }
        let (node, index) = self.steps.last()?;
        if let Some(id) = node.child(*index) {
            let height = node.level() - 1;
            return Some(Item::Subtree(Subtree { height, id }));
        }
        Some(Item::Entry(node.key(*index)?, node.value(*index)?))
    }

    /// Goes down into the node that comes next.
    fn enter(&mut self) -> Result<(), MapError<S::Error>> {
        if let Some((_, node)) = self.root.take() {
            self.steps.push((node, 0));
            self.leave_finished();
        } else if let Some((node, index)) = self.steps.last() {
            let child = load_child(self.source, node, *index)?;
            self.steps.push((child, 0));
        }
        Ok(())
    }

    /// Leaves what comes next behind.
    fn step_over(&mut self) {
        if self.root.take().is_some() {
            return;
        }
        if let Some((_, index)) = self.steps.last_mut() {
            *index += 1;
        }
        self.leave_finished();
    }

    fn leave_finished(&mut self) {
        while self.steps.last().is_some_and(|(node, index)| *index >= node.len()) {
            self.steps.pop();
            if let Some((_, index)) = self.steps.last_mut() {
                *index += 1;
            }
        }
    }
}
