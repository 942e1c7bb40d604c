//! A place in a map, at any of its levels.

use std::sync::Arc;

use super::error::MapError;
use super::read::{NodeSource, load_child};
use crate::object::{Node, NodeId, Value, ValueRef};

/// A node on the way down, and the entry of it that is followed.
struct Step {
    node: Arc<Node>,
    index: usize,
}

/// The way from the root to a node of one level.
pub(super) struct Path<'s, S: ?Sized> {
    source: &'s S,
    root: Arc<Node>,
    level: u8,
    steps: Vec<Step>,
}

impl<'s, S: NodeSource + ?Sized> Path<'s, S> {
    /// A path that leads nowhere yet, for nodes of `level`, which the map has.
    pub(super) fn new(source: &'s S, root: Arc<Node>, level: u8) -> Self {
        Self { source, root, level, steps: Vec::new() }
    }

    /// The node at the end; `None` when the path leads nowhere.
    pub(super) fn node(&self) -> Option<&Arc<Node>> {
        self.steps.last().map(|step| &step.node)
    }

    /// The id of the node at the end; `None` for the root, too.
    pub(super) fn id(&self) -> Option<NodeId> {
        let (_, ancestors) = self.steps.split_last()?;
        let parent = ancestors.last()?;
        parent.node.child(parent.index)
    }

    /// Leads to the node that `key` lies in or would be written to: the first whose last key is
    /// not before it, else the last. Steps that stay right are kept.
    pub(super) fn seek(&mut self, key: &[u8]) -> Result<(), MapError<S::Error>> {
        while self.steps.len() > 1 && !self.end_holds(key) {
            self.steps.pop();
        }
        if self.steps.is_empty() {
            self.enter(Arc::clone(&self.root));
        }
        while let Some(step) = self.steps.last_mut() {
            if step.node.level() == self.level {
                break;
            }
            let index = step.node.search(key).unwrap_or_else(|index| index);
            step.index = index.min(step.node.len().saturating_sub(1));
            self.descend()?;
        }
        Ok(())
    }

    /// Whether `key` belongs to the last node of the path, as its ancestors see it.
    fn end_holds(&self, key: &[u8]) -> bool {
        let ancestors = &self.steps[..self.steps.len() - 1];
        let below = ancestors.iter().all(|step| {
            key <= step.node.key(step.index).unwrap_or_default()
                || step.index + 1 == step.node.len()
        });
        let above = ancestors.iter().all(|step| {
            step.index
                .checked_sub(1)
                .and_then(|index| step.node.key(index))
                .is_none_or(|before| before < key)
        });
        below && above
    }

    /// Whether the level has no node behind this one.
    pub(super) fn is_last(&self) -> bool {
        let ancestors = self.steps.split_last().map_or(&[][..], |(_, rest)| rest);
        ancestors.iter().all(|step| step.index + 1 >= step.node.len())
    }

    /// Leads to the next node of the level, or nowhere and says so.
    pub(super) fn next_node(&mut self) -> Result<bool, MapError<S::Error>> {
        self.steps.pop();
        while let Some(step) = self.steps.last_mut() {
            if step.index + 1 < step.node.len() {
                step.index += 1;
                self.descend_to_level()?;
                return Ok(true);
            }
            self.steps.pop();
        }
        Ok(false)
    }

    /// Goes down along first children.
    fn descend_to_level(&mut self) -> Result<(), MapError<S::Error>> {
        self.descend()?;
        while self.node().is_some_and(|node| node.level() > self.level) {
            self.descend()?;
        }
        Ok(())
    }

    fn descend(&mut self) -> Result<(), MapError<S::Error>> {
        if let Some(step) = self.steps.last() {
            let child = load_child(self.source, &step.node, step.index)?;
            self.enter(child);
        }
        Ok(())
    }

    fn enter(&mut self, node: Arc<Node>) {
        self.steps.push(Step { node, index: 0 });
    }
}

/// A place between or at the entries of a map.
pub struct Cursor<'s, S: ?Sized> {
    path: Path<'s, S>,
    index: usize,
}

impl<'s, S: NodeSource + ?Sized> Cursor<'s, S> {
    pub(super) fn new(source: &'s S, root: Arc<Node>) -> Self {
        Self { path: Path::new(source, root, 0), index: 0 }
    }

    /// Goes to the first entry whose key is not before `key`.
    pub fn seek(&mut self, key: &[u8]) -> Result<(), MapError<S::Error>> {
        self.path.seek(key)?;
        let node = self.path.node();
        self.index = node.map_or(0, |node| node.search(key).unwrap_or_else(|index| index));
        self.skip_ends()
    }

    /// Goes to the next entry.
    pub fn advance(&mut self) -> Result<(), MapError<S::Error>> {
        self.index += 1;
        self.skip_ends()
    }

    fn skip_ends(&mut self) -> Result<(), MapError<S::Error>> {
        while self.path.node().is_some_and(|node| self.index >= node.len()) {
            self.path.next_node()?;
            self.index = 0;
        }
        Ok(())
    }

    /// The entry that the cursor stands at; `None` before the first seek and behind the last.
    pub fn entry(&self) -> Option<(&[u8], ValueRef<'_>)> {
        let node = self.path.node()?;
        Some((node.key(self.index)?, node.value(self.index)?))
    }
}

/// The entries of a map in order.
pub struct Iter<'s, S: ?Sized> {
    cursor: Cursor<'s, S>,
    state: State,
}

enum State {
    Start,
    Running,
    Done,
}

impl<'s, S: NodeSource + ?Sized> Iter<'s, S> {
    pub(super) fn new(cursor: Cursor<'s, S>) -> Self {
        let state = State::Start;
        Self { cursor, state }
    }
}

impl<S: NodeSource + ?Sized> Iterator for Iter<'_, S> {
    type Item = Result<(Vec<u8>, Value), MapError<S::Error>>;

    fn next(&mut self) -> Option<Self::Item> {
        let moved = match self.state {
            State::Start => self.cursor.seek(b""),
            State::Running => self.cursor.advance(),
            State::Done => return None,
        };
        self.state = State::Running;
        if let Err(error) = moved {
            self.state = State::Done;
            return Some(Err(error));
        }
        let entry = self.cursor.entry();
        let item = entry.map(|(key, value)| Ok((key.to_vec(), value.to_value())));
        if item.is_none() {
            self.state = State::Done;
        }
        item
    }
}
