//! One level of an edit: splits anew where edits fall, and says which nodes go and come.

use std::error::Error;
use std::iter::Peekable;
use std::sync::Arc;

use super::build::{ClosedNode, OpenNode};
use super::cursor::Path;
use super::error::MapError;
use super::read::{Map, NodeSource, load};
use super::splitter::Splitter;
use crate::object::node::{write_inner_entry, write_leaf_entry};
use crate::object::{DecodeError, Node, NodeId, Schema, Value};

/// Entries and bytes below an entry.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Totals {
    pub(super) count: u64,
    pub(super) bytes: u64,
}

/// A new entry of some level.
pub(super) struct Entry {
    encoded: Vec<u8>,
    totals: Totals,
}

impl Entry {
    pub(super) fn of_leaf(schema: Schema, key: &[u8], value: &Value) -> Result<Self, DecodeError> {
        let mut encoded = Vec::new();
        let bytes = write_leaf_entry(schema, key, value.as_ref(), &mut encoded)?;
        let totals = Totals { count: 1, bytes };
        Ok(Self { encoded, totals })
    }

    pub(super) fn of_child(node: &ClosedNode) -> Self {
        let mut encoded = Vec::new();
        write_inner_entry(&node.key, node.id, &mut encoded);
        let totals = node.totals();
        Self { encoded, totals }
    }
}

/// A change of one entry of some level.
pub(super) struct Edit {
    pub(super) key: Vec<u8>,
    /// What the entry that goes stood for; needed above the leaves.
    pub(super) old: Option<Totals>,
    pub(super) new: Option<Entry>,
}

/// What became of a level.
pub(super) struct LevelChange {
    /// The old nodes of all regions, in order.
    pub(super) removed: Vec<ClosedNode>,
    /// The new nodes of all regions, in order; some may be old ones again.
    pub(super) added: Vec<ClosedNode>,
    /// The last node of the level, when it is new here and has a single child: it may turn out
    /// to stand above the root.
    pub(super) held: Option<Held>,
}

/// A node with a single child, not stored yet.
pub(super) struct Held {
    pub(super) id: NodeId,
    pub(super) child: NodeId,
    /// `None` when the old map has the same node.
    pub(super) encoded: Option<Vec<u8>>,
}

/// A new node, some of whose children stand for a number of entries that is not known yet: an
/// inner entry does not tell, and reading all children for it would cost more than the edit.
struct Draft {
    node: OpenNode,
    unknown: Vec<NodeId>,
}

/// Entries and bytes of old nodes minus those of new ones, over a stretch of whole nodes.
#[derive(Default)]
struct Balance {
    count: i128,
    bytes: i128,
}

impl Balance {
    fn add(&mut self, totals: Totals) {
        self.count += i128::from(totals.count);
        self.bytes += i128::from(totals.bytes);
    }

    fn subtract(&mut self, totals: Totals) {
        self.count -= i128::from(totals.count);
        self.bytes -= i128::from(totals.bytes);
    }

    fn totals(&self) -> Option<Totals> {
        Some(Totals {
            count: u64::try_from(self.count).ok()?,
            bytes: u64::try_from(self.bytes).ok()?,
        })
    }
}

/// The work on one level.
pub(super) struct Resplit<'m, 's, S: NodeSource + ?Sized, F> {
    map: &'m Map<'s, S>,
    sink: &'m mut F,
    level: u8,
    splitter: Splitter,
    open: Draft,
    /// Finished nodes that wait for the end of the stretch to learn what they stand for.
    drafts: Vec<Draft>,
    /// What the drafts and the open node stand for, once the stretch has ended.
    balance: Balance,
    change: LevelChange,
}

impl<'m, 's, S, F> Resplit<'m, 's, S, F>
where
    S: NodeSource + ?Sized,
    F: FnMut(NodeId, Vec<u8>) -> Result<(), S::Error>,
{
    pub(super) fn new(
        map: &'m Map<'s, S>,
        level: u8,
        sink: &'m mut F,
    ) -> Result<Self, MapError<S::Error>> {
        Ok(Self {
            map,
            sink,
            level,
            splitter: Splitter::new(level).ok_or(MapError::TooLarge)?,
            open: Draft::new(level),
            drafts: Vec::new(),
            balance: Balance::default(),
            change: LevelChange { removed: Vec::new(), added: Vec::new(), held: None },
        })
    }

    /// Makes the edits, whose keys ascend.
    pub(super) fn run<I>(
        mut self,
        edits: &mut Peekable<I>,
    ) -> Result<LevelChange, MapError<S::Error>>
    where
        I: Iterator<Item = Result<Edit, MapError<S::Error>>>,
    {
        let root = self.map.root_node();
        if self.level <= root.level() {
            let mut path = Path::new(self.map.source(), Arc::clone(root), self.level);
            while let Some(key) = peek_key(edits)? {
                path.seek(&key)?;
                self.region(&mut path, edits)?;
            }
        } else {
            self.insert_all(edits)?;
            self.end_stretch()?;
        }
        // Drafts learn what they stand for out of order.
        self.change.added.sort_by(|a, b| a.key.cmp(&b.key));
        Ok(self.change)
    }

    /// Splits anew from the node that `path` leads to, until the old boundaries hold again.
    fn region<I>(
        &mut self,
        path: &mut Path<'s, S>,
        edits: &mut Peekable<I>,
    ) -> Result<(), MapError<S::Error>>
    where
        I: Iterator<Item = Result<Edit, MapError<S::Error>>>,
    {
        while let Some(node) = path.node().cloned() {
            self.remove(&node, path.id().unwrap_or(self.map.id()));
            self.merge(&node, edits)?;
            if path.is_last() {
                self.insert_all(edits)?;
                return self.end_stretch();
            }
            if self.splitter.is_at_start() {
                return self.end_stretch();
            }
            path.next_node()?;
        }
        Ok(())
    }

    fn remove(&mut self, node: &Node, id: NodeId) {
        let removed = ClosedNode {
            key: node.last_key().unwrap_or_default().to_vec(),
            id,
            count: node.count(),
            bytes: node.bytes(),
        };
        self.balance.add(removed.totals());
        self.change.removed.push(removed);
    }

    /// Adds the entries of an old node, with the edits up to its last key.
    fn merge<I>(&mut self, node: &Node, edits: &mut Peekable<I>) -> Result<(), MapError<S::Error>>
    where
        I: Iterator<Item = Result<Edit, MapError<S::Error>>>,
    {
        for index in 0..node.len() {
            let key = node.key(index).unwrap_or_default();
            while let Some(edit) = next_edit(edits, |edit| edit < key)? {
                self.insert(edit)?;
            }
            let old = match self.level {
                0 => node.entry_bytes(index).map(|bytes| Totals { count: 1, bytes }),
                _ => None,
            };
            match next_edit(edits, |edit| edit == key)? {
                Some(edit) => {
                    if let Some(old) = old.or(edit.old) {
                        self.balance.subtract(old);
                    }
                    self.insert(edit)?;
                }
                None => {
                    let encoded = node.encoded_entry(index).unwrap_or_default();
                    self.push(key, encoded, old, node.child(index))?;
                }
            }
        }
        Ok(())
    }

    fn insert_all<I>(&mut self, edits: &mut Peekable<I>) -> Result<(), MapError<S::Error>>
    where
        I: Iterator<Item = Result<Edit, MapError<S::Error>>>,
    {
        edits.try_for_each(|edit| self.insert(edit?))
    }

    fn insert(&mut self, edit: Edit) -> Result<(), MapError<S::Error>> {
        let Some(entry) = edit.new else {
            return Ok(());
        };
        self.balance.add(entry.totals);
        self.push(&edit.key, &entry.encoded, Some(entry.totals), None)
    }

    /// Adds an entry to the open node. What an old child stands for may be unknown.
    fn push(
        &mut self,
        key: &[u8],
        encoded: &[u8],
        totals: Option<Totals>,
        child: Option<NodeId>,
    ) -> Result<(), MapError<S::Error>> {
        let known = totals.unwrap_or(Totals { count: 0, bytes: 0 });
        self.open.node.push(key, encoded, known.count, known.bytes).ok_or(MapError::TooLarge)?;
        if totals.is_none() {
            self.open.unknown.extend(child);
        }
        if self.splitter.push(key, encoded.len()) {
            self.close()?;
        }
        Ok(())
    }

    /// Ends the open node.
    fn close(&mut self) -> Result<(), MapError<S::Error>> {
        self.splitter.restart();
        let draft = std::mem::replace(&mut self.open, Draft::new(self.level));
        if draft.unknown.is_empty() {
            return self.emit(draft.node);
        }
        self.drafts.push(draft);
        Ok(())
    }

    /// Ends a stretch of whole nodes. The new ones hold what the old ones held, edits apart: so
    /// of the drafts all but one read their children, and that one stands for the rest.
    fn end_stretch(&mut self) -> Result<(), MapError<S::Error>> {
        if !self.splitter.is_at_start() {
            self.close()?;
        }
        let mut drafts = std::mem::take(&mut self.drafts);
        drafts.sort_by_key(|draft| draft.unknown.len());
        let rest = drafts.pop();
        for draft in drafts {
            let node = self.read_totals(draft)?;
            self.emit(node)?;
        }
        let balance = std::mem::take(&mut self.balance);
        if let Some(Draft { mut node, .. }) = rest {
            let totals = balance.totals().ok_or(MapError::Misplaced {
                id: self.map.id(),
                why: "counts that do not add up",
            })?;
            (node.count, node.bytes) = (totals.count, totals.bytes);
            self.emit(node)?;
        }
        self.balance = Balance::default();
        Ok(())
    }

    fn read_totals(&self, draft: Draft) -> Result<OpenNode, MapError<S::Error>> {
        let Draft { mut node, unknown } = draft;
        for id in unknown {
            let child = load(self.map.source(), id)?;
            if child.level() + 1 != self.level {
                let why = "not one level below its parent";
                return Err(MapError::Misplaced { id, why });
            }
            node.count = node.count.checked_add(child.count()).ok_or(MapError::TooLarge)?;
            node.bytes = node.bytes.checked_add(child.bytes()).ok_or(MapError::TooLarge)?;
        }
        Ok(node)
    }

    /// Stores a finished node, unless the old map has it or it has to be held.
    fn emit(&mut self, mut node: OpenNode) -> Result<(), MapError<S::Error>> {
        let only_child = node.only_child().filter(|_| self.level > 0);
        let (closed, encoded) = node.close(self.map.schema());
        let id = closed.id;
        self.balance.subtract(closed.totals());
        let removed = &self.change.removed;
        let is_old = removed
            .binary_search_by(|old| old.key.cmp(&closed.key))
            .is_ok_and(|index| removed[index].id == id);
        self.change.added.push(closed);
        let encoded = (!is_old).then_some(encoded);
        if let Some(child) = only_child {
            self.change.held = Some(Held { id, child, encoded });
        } else if let Some(encoded) = encoded {
            (self.sink)(id, encoded).map_err(|source| MapError::Store { id, source })?;
        }
        Ok(())
    }
}

impl Draft {
    fn new(level: u8) -> Self {
        Self { node: OpenNode::new(level), unknown: Vec::new() }
    }
}

impl ClosedNode {
    pub(super) fn totals(&self) -> Totals {
        Totals { count: self.count, bytes: self.bytes }
    }
}

fn peek_key<I, E>(edits: &mut Peekable<I>) -> Result<Option<Vec<u8>>, MapError<E>>
where
    I: Iterator<Item = Result<Edit, MapError<E>>>,
    E: Error + 'static,
{
    match edits.peek() {
        Some(Ok(edit)) => Ok(Some(edit.key.clone())),
        Some(Err(_)) => edits.next().transpose().map(|_| None),
        None => Ok(None),
    }
}

/// The next edit, if its key is as asked for.
fn next_edit<I, E>(
    edits: &mut Peekable<I>,
    wanted: impl Fn(&[u8]) -> bool,
) -> Result<Option<Edit>, MapError<E>>
where
    I: Iterator<Item = Result<Edit, MapError<E>>>,
    E: Error + 'static,
{
    edits
        .next_if(|edit| match edit {
            Ok(edit) => wanted(&edit.key),
            Err(_) => true,
        })
        .transpose()
}
