//! Whether a map is the one map of its entries: boundaries, counts and sums.
//!
//! Reading checks that the keys of a map are in order and that each node fits its parent. That
//! the nodes end where the splitter ends them needs the whole of each level: only the last node of
//! a level may end where the splitter puts no boundary.

use std::collections::HashMap;

use super::build::MapRoot;
use super::error::MapError;
use super::read::{Map, NodeSource, load, misfit};
use super::splitter::Splitter;
use crate::object::{Node, NodeId, Schema};

/// Checks the whole of one map.
pub fn check<S: NodeSource + ?Sized>(
    source: &S,
    root: NodeId,
    schema: Schema,
) -> Result<MapRoot, MapError<S::Error>> {
    Checker::new(source).check(root, schema, &mut |_, _| ())
}

/// Checks many maps, and what they share only once. Remembers about 200 bytes a node.
pub struct Checker<'s, S: ?Sized> {
    source: &'s S,
    seen: HashMap<NodeId, Subtree>,
}

/// What is known of a subtree that is right in itself.
#[derive(Clone)]
struct Subtree {
    schema: Schema,
    level: u8,
    first_key: Box<[u8]>,
    last_key: Box<[u8]>,
    count: u64,
    bytes: u64,
    /// The last node of each level, the lowest first.
    ends: Vec<End>,
}

/// The last node of one level of a subtree.
#[derive(Clone, Copy)]
struct End {
    node: NodeId,
    /// Whether the splitter ends it there.
    is_boundary: bool,
}

type Visit<'v> = &'v mut dyn FnMut(NodeId, &Node);

impl<'s, S: NodeSource + ?Sized> Checker<'s, S> {
    /// A checker that has seen nothing.
    pub fn new(source: &'s S) -> Self {
        Self { source, seen: HashMap::new() }
    }

    /// Checks the map with this root. `visit` gets each node that this checker meets for the
    /// first time, before it is known whether the map is right.
    pub fn check(
        &mut self,
        root: NodeId,
        schema: Schema,
        visit: Visit<'_>,
    ) -> Result<MapRoot, MapError<S::Error>> {
        let map = Map::open(self.source, root, schema)?;
        if !self.seen.contains_key(&root) {
            self.learn(root, map.root_node(), visit)?;
        }
        Ok(map.root())
    }

    /// Checks a subtree whose top is right as far as one node can be.
    fn learn(
        &mut self,
        id: NodeId,
        node: &Node,
        visit: Visit<'_>,
    ) -> Result<(), MapError<S::Error>> {
        visit(id, node);
        let mut subtree = Subtree {
            schema: node.schema(),
            level: node.level(),
            first_key: node.first_key().unwrap_or_default().into(),
            last_key: node.last_key().unwrap_or_default().into(),
            count: node.count(),
            bytes: node.bytes(),
            ends: Vec::new(),
        };
        if node.level() > 0 {
            self.learn_children(id, node, &mut subtree, visit)?;
        }
        let end = check_node(id, node).map_err(|why| MapError::Misplaced { id, why })?;
        subtree.ends.push(end);
        self.seen.insert(id, subtree);
        Ok(())
    }

    fn learn_children(
        &mut self,
        id: NodeId,
        node: &Node,
        subtree: &mut Subtree,
        visit: Visit<'_>,
    ) -> Result<(), MapError<S::Error>> {
        let (mut count, mut bytes) = (0u64, 0u64);
        for (index, (_, child)) in node.children().enumerate() {
            let known = self.ensure_seen(node, index, child, visit)?;
            count = count.saturating_add(known.count);
            bytes = bytes.saturating_add(known.bytes);
            if index == 0 {
                subtree.first_key.clone_from(&known.first_key);
            }
            if let Some(end) = subtree.ends.iter().find(|end| !end.is_boundary) {
                let (id, why) = (end.node, "ends where the splitter puts no boundary");
                return Err(MapError::Misplaced { id, why });
            }
            subtree.ends.clone_from(&known.ends);
        }
        let why = if count != node.count() {
            "not the number of entries below it"
        } else if bytes != node.bytes() {
            "not the sum of the bytes below it"
        } else {
            return Ok(());
        };
        Err(MapError::Misplaced { id, why })
    }

    fn ensure_seen(
        &mut self,
        parent: &Node,
        index: usize,
        id: NodeId,
        visit: Visit<'_>,
    ) -> Result<&Subtree, MapError<S::Error>> {
        if !self.seen.contains_key(&id) {
            let node = load(self.source, id)?;
            if let Some(why) = misfit(parent, index, &node) {
                return Err(MapError::Misplaced { id, why });
            }
            self.learn(id, &node, visit)?;
        }
        // Learned just now, or before.
        let known = &self.seen[&id];
        match known.misfit(parent, index) {
            Some(why) => Err(MapError::Misplaced { id, why }),
            None => Ok(known),
        }
    }
}

impl Subtree {
    /// The rule that it breaks as the child of entry `index` of `parent`, all of its keys told.
    fn misfit(&self, parent: &Node, index: usize) -> Option<&'static str> {
        let before = index.checked_sub(1).and_then(|index| parent.key(index));
        if self.schema != parent.schema() {
            Some("another schema than its parent")
        } else if self.level + 1 != parent.level() {
            Some("not one level below its parent")
        } else if parent.key(index) != Some(&*self.last_key) {
            Some("another last key than its parent says")
        } else if before.is_some_and(|before| &*self.first_key <= before) {
            Some("keys that belong to the node before")
        } else {
            None
        }
    }
}

/// Checks that no boundary lies inside a node, and says how it ends.
fn check_node(id: NodeId, node: &Node) -> Result<End, &'static str> {
    let mut splitter = Splitter::new(node.level()).ok_or("too high a level")?;
    let mut is_boundary = false;
    for index in 0..node.len() {
        if is_boundary {
            return Err("goes on behind a boundary of the splitter");
        }
        let len = node.encoded_entry(index).map_or(0, <[u8]>::len);
        is_boundary = splitter.push(node.key(index).unwrap_or_default(), len);
    }
    let node = id;
    Ok(End { node, is_boundary })
}
