//! Contents that are a tree of values, seen as records: one for each leaf, under the path to it.

use std::any::Any;
use std::sync::Arc;

use super::element::{again, is_again};
use super::error::ViewError;
use super::limits::{KEY_BYTES, NODES, too_many};
use super::value::{Element, Key, Record, Value};
use super::{Cursor, Kind, Table, View};

/// How many keys that are there more than once are named.
const NAMED: usize = 20;

/// A value and what lies in it, in the order of keys.
#[derive(Clone, Debug)]
pub(super) enum Node {
    /// A value in which nothing lies. Empty lists and mappings are such ones.
    Leaf(Value),
    /// Parts of keys that ascend, each once.
    Branch(Vec<(Element, Node)>),
    /// A node that stands at several places.
    Shared(Arc<Node>),
}

impl Node {
    /// A mapping. Of members with one key the first keeps it, the others are numbered: none is
    /// left out.
    pub(super) fn mapping(mut members: Vec<(Element, Self)>) -> Self {
        if members.is_empty() {
            return Self::Leaf(Value::Fields(Vec::new()));
        }
        members.sort_by(|a, b| a.0.cmp(&b.0));
        let mut times = 1u64;
        let mut doubled = false;
        for at in 1..members.len() {
            // The one before may be numbered already; its own key is the first part then.
            let same = match &members[at - 1].0 {
                Element::Nested(parts) if times > 1 => parts.first() == Some(&members[at].0),
                before => *before == members[at].0,
            };
            times = if same { times + 1 } else { 1 };
            if same {
                doubled = true;
                members[at].0 = again(&members[at].0, times);
            }
        }
        if doubled {
            members.sort_by(|a, b| a.0.cmp(&b.0));
        }
        Self::Branch(members)
    }

    /// A list.
    pub(super) fn list(items: Vec<Self>) -> Self {
        if items.is_empty() {
            return Self::Leaf(Value::List(Vec::new()));
        }
        Self::Branch((0u64..).map(Element::from).zip(items).collect())
    }

    /// The tree that lists and fields make.
    pub(super) fn of(value: Value) -> Self {
        match value {
            Value::List(items) => Self::list(items.into_iter().map(Self::of).collect()),
            Value::Fields(fields) => Self::mapping(
                fields
                    .into_iter()
                    .map(|(name, value)| (Element::Text(name), Self::of(value)))
                    .collect(),
            ),
            leaf => Self::Leaf(leaf),
        }
    }

    fn resolve(&self) -> &Self {
        let mut node = self;
        while let Self::Shared(shared) = node {
            node = shared;
        }
        node
    }
}

/// A content that is one tree, or several with names.
pub(super) struct Document {
    kind: Kind,
    tables: Vec<Table>,
    trees: Vec<Node>,
}

impl Document {
    /// A content that is one tree; `key` names the parts of its keys.
    pub(super) fn new(kind: Kind, key: &[&str], tree: Node) -> Result<Self, ViewError> {
        Self::of_tables(kind, vec![(table("", key), tree)])
    }

    /// A content of several trees, in the order of their names.
    pub(super) fn of_tables(kind: Kind, trees: Vec<(Table, Node)>) -> Result<Self, ViewError> {
        let (tables, trees): (Vec<_>, Vec<_>) = trees.into_iter().unzip();
        let mut measure = Measure::default();
        trees.iter().try_for_each(|tree| measure.add(tree, 0))?;
        Ok(Self { kind, tables, trees })
    }

    /// The first of the keys that are there more than once.
    pub(super) fn doubled(&self) -> Vec<Key> {
        let mut out = Vec::new();
        for tree in &self.trees {
            find_doubled(tree, &mut Vec::new(), &mut out);
        }
        out
    }
}

/// A table with a name and names for the parts of its keys.
pub(super) fn table(name: &str, key: &[&str]) -> Table {
    Table { name: name.to_owned(), key: key.iter().map(|&part| part.to_owned()).collect() }
}

impl View for Document {
    fn kind(&self) -> Kind {
        self.kind
    }

    fn tables(&self) -> &[Table] {
        &self.tables
    }

    fn cursor<'v>(
        &'v self,
        table: &Table,
        _beside: Option<&'v dyn View>,
    ) -> Result<Box<dyn Cursor + 'v>, ViewError> {
        let mut named = self.tables.iter().zip(&self.trees);
        let tree = named.find(|(known, _)| known.name == table.name).map(|(_, tree)| tree);
        Ok(Box::new(Leaves { root: tree, above: Vec::new(), key: Vec::new() }))
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

/// Walks the leaves. Trees are at most [`DEPTH`](super::limits::DEPTH) deep.
struct Leaves<'v> {
    root: Option<&'v Node>,
    above: Vec<std::slice::Iter<'v, (Element, Node)>>,
    key: Key,
}

impl Cursor for Leaves<'_> {
    fn next(&mut self) -> Result<Option<Record>, ViewError> {
        match self.root.take().map(Node::resolve) {
            Some(Node::Leaf(value)) => {
                return Ok(Some(Record { key: Vec::new(), value: value.clone() }));
            }
            Some(Node::Branch(members)) => self.above.push(members.iter()),
            _ => {}
        }
        while let Some(members) = self.above.last_mut() {
            let Some((part, node)) = members.next() else {
                self.above.pop();
                self.key.pop();
                continue;
            };
            self.key.push(part.clone());
            match node.resolve() {
                Node::Leaf(value) => {
                    let record = Record { key: self.key.clone(), value: value.clone() };
                    self.key.pop();
                    return Ok(Some(record));
                }
                Node::Branch(members) => self.above.push(members.iter()),
                Node::Shared(_) => {}
            }
        }
        Ok(None)
    }
}

/// What the records of a tree come to.
#[derive(Default)]
struct Measure {
    leaves: usize,
    key_bytes: usize,
}

impl Measure {
    fn add(&mut self, node: &Node, above: usize) -> Result<(), ViewError> {
        match node.resolve() {
            Node::Branch(members) => members
                .iter()
                .try_for_each(|(part, node)| self.add(node, above.saturating_add(weight(part)))),
            _ => {
                self.leaves += 1;
                self.key_bytes = self.key_bytes.saturating_add(above);
                if self.leaves > NODES {
                    return Err(too_many());
                }
                if self.key_bytes > KEY_BYTES {
                    let limit = format!("{} MiB", KEY_BYTES >> 20);
                    return Err(ViewError::Limit { what: "key paths", limit });
                }
                Ok(())
            }
        }
    }
}

fn weight(part: &Element) -> usize {
    match part {
        Element::Text(text) => text.len(),
        Element::Bytes(bytes) => bytes.len(),
        Element::Nested(parts) => parts.iter().map(weight).sum(),
        _ => 8,
    }
}

fn find_doubled(node: &Node, key: &mut Key, out: &mut Vec<Key>) {
    if let Node::Branch(members) = node.resolve() {
        for (part, node) in members {
            if out.len() == NAMED {
                return;
            }
            key.push(part.clone());
            if is_again(part) {
                out.push(key.clone());
            }
            find_doubled(node, key, out);
            key.pop();
        }
    }
}
