//! YAML (1.2, core schema), by key path.
//!
//! Readers of YAML differ, so what another reader may take for something else than text (`yes`,
//! `0777`, `1:30`, a date) stays as it is written, beside the numbers. Tags, second documents,
//! merge keys and members of one name all show. Aliases stand for what they name, within bounds.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

use granit_parser::{ErrorKind, Event, Options, Parser, ScalarStyle, ScanError, Tag};

use super::document::Node;
use super::element::{element_of, mark, member, member_of};
use super::error::ViewError;
use super::limits::{CONTENT, DEPTH, NODES, too_deep, too_many};
use super::number::number;
use super::value::{Element, Value};

/// The tree that a YAML stream holds. Of several documents the first is the root where it is a
/// mapping; the others stand under marks.
pub(super) fn parse(text: &str) -> Result<Node, ViewError> {
    let mut loader = Loader::default();
    for event in Parser::new_from_str_with_options(text, options()) {
        let (event, span) = event.map_err(|error| malformed(&error))?;
        let at = span.start.byte_offset().unwrap_or(0) as u64;
        loader.event(event, at)?;
    }
    Ok(join(loader.documents))
}

/// The parser's own nesting is bounded a little above ours, so that ours is told.
fn options() -> Options {
    let mut options = Options::default();
    options.flow_nesting_limit = DEPTH + 8;
    options.block_nesting_limit = DEPTH + 8;
    options
}

fn malformed(error: &ScanError) -> ViewError {
    if *error.kind() == ErrorKind::RecursionLimitExceeded {
        return too_deep();
    }
    let at = error.marker().byte_offset().unwrap_or(0) as u64;
    ViewError::Malformed { what: "YAML", why: error.info(), at }
}

fn join(mut documents: Vec<Node>) -> Node {
    if documents.len() < 2 {
        return documents.pop().unwrap_or(Node::Leaf(Value::Null));
    }
    let mut members = Vec::new();
    for (at, document) in documents.into_iter().enumerate() {
        match document {
            Node::Branch(first) if at == 0 => members = first,
            document => members.push((mark(format!("document {}", at + 1)), document)),
        }
    }
    Node::mapping(members)
}

/// What a finished node comes to with all that its aliases stand for.
#[derive(Clone, Copy, Default)]
struct Weight {
    nodes: usize,
    bytes: u64,
    depth: usize,
}

impl Weight {
    fn add(&mut self, below: Self) {
        self.nodes = self.nodes.saturating_add(below.nodes);
        self.bytes = self.bytes.saturating_add(below.bytes);
        self.depth = self.depth.max(below.depth + 1);
    }
}

enum Items {
    List(Vec<Node>),
    Mapping { members: Vec<(Element, Node)>, key: Option<Element> },
}

/// A list or mapping that has not ended.
struct Open {
    items: Items,
    anchor: usize,
    tag: Option<String>,
    weight: Weight,
}

#[derive(Default)]
struct Loader {
    documents: Vec<Node>,
    open: Vec<Open>,
    anchors: HashMap<usize, (Arc<Node>, Weight)>,
    nodes: usize,
    /// Bytes that aliases repeat.
    repeated: u64,
}

impl Loader {
    fn event(&mut self, event: Event<'_>, at: u64) -> Result<(), ViewError> {
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                self.count(1)?;
                let weight = Weight { nodes: 1, bytes: text.len() as u64, depth: 0 };
                if self.awaits_key() && tag.is_none() && style == ScalarStyle::Plain {
                    let key = plain_key(&text);
                    let node = Node::Leaf(plain(&text));
                    self.anchored(node, anchor, weight);
                    self.add_weight(weight);
                    self.set_key(key);
                    return Ok(());
                }
                let node = scalar(text, style, tag.as_deref());
                let node = self.anchored(node, anchor, weight);
                self.add(node, weight)
            }
            Event::SequenceStart(_, anchor, tag) => {
                self.begin(Items::List(Vec::new()), anchor, tag.as_deref())
            }
            Event::MappingStart(_, anchor, tag) => {
                let items = Items::Mapping { members: Vec::new(), key: None };
                self.begin(items, anchor, tag.as_deref())
            }
            Event::SequenceEnd | Event::MappingEnd => self.end(),
            Event::Alias(anchor) => self.alias(anchor, at),
            Event::DocumentEnd => {
                self.anchors.clear();
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn count(&mut self, nodes: usize) -> Result<(), ViewError> {
        self.nodes = self.nodes.saturating_add(nodes);
        if self.nodes > NODES { Err(too_many()) } else { Ok(()) }
    }

    fn begin(&mut self, items: Items, anchor: usize, tag: Option<&Tag>) -> Result<(), ViewError> {
        self.count(1)?;
        if self.open.len() >= DEPTH {
            return Err(too_deep());
        }
        let tag = tag.filter(|tag| !is_core(tag, &["map", "seq"])).map(tag_name);
        let weight = Weight { nodes: 1, bytes: 0, depth: 0 };
        self.open.push(Open { items, anchor, tag, weight });
        Ok(())
    }

    fn end(&mut self) -> Result<(), ViewError> {
        let Some(open) = self.open.pop() else {
            return Ok(());
        };
        let node = match open.items {
            Items::List(items) => Node::list(items),
            Items::Mapping { members, .. } => Node::mapping(members),
        };
        let node = tagged(node, open.tag);
        let node = self.anchored(node, open.anchor, open.weight);
        self.add(node, open.weight)
    }

    fn alias(&mut self, anchor: usize, at: u64) -> Result<(), ViewError> {
        let Some((node, weight)) = self.anchors.get(&anchor) else {
            let why = "an alias to what holds it".to_owned();
            return Err(ViewError::Malformed { what: "YAML", why, at });
        };
        let (node, weight) = (Node::Shared(Arc::clone(node)), *weight);
        self.count(weight.nodes)?;
        self.repeated = self.repeated.saturating_add(weight.bytes);
        if self.repeated > CONTENT {
            let limit = format!("{} MiB", CONTENT >> 20);
            return Err(ViewError::Limit { what: "repetition by aliases", limit });
        }
        if self.open.len() + weight.depth > DEPTH {
            return Err(too_deep());
        }
        self.add(node, weight)
    }

    /// The node, kept for its aliases where it has a name.
    fn anchored(&mut self, node: Node, anchor: usize, weight: Weight) -> Node {
        if anchor == 0 {
            return node;
        }
        let shared = Arc::new(node);
        self.anchors.insert(anchor, (Arc::clone(&shared), weight));
        Node::Shared(shared)
    }

    fn awaits_key(&self) -> bool {
        matches!(self.open.last(), Some(Open { items: Items::Mapping { key: None, .. }, .. }))
    }

    fn set_key(&mut self, new: Element) {
        if let Some(Open { items: Items::Mapping { key, .. }, .. }) = self.open.last_mut() {
            *key = Some(new);
        }
    }

    fn add_weight(&mut self, weight: Weight) {
        if let Some(open) = self.open.last_mut() {
            open.weight.add(weight);
        }
    }

    fn add(&mut self, node: Node, weight: Weight) -> Result<(), ViewError> {
        self.add_weight(weight);
        match self.open.last_mut().map(|open| &mut open.items) {
            None => self.documents.push(node),
            Some(Items::List(items)) => items.push(node),
            Some(Items::Mapping { members, key }) => match key.take() {
                Some(key) => members.push((key, node)),
                None => *key = Some(key_of(&node)),
            },
        }
        Ok(())
    }
}

/// The key that a plain scalar is. Words are names, also those that old readers take for truth.
fn plain_key(text: &str) -> Element {
    match plain(text) {
        Value::Text(text) if text == "<<" => mark("<<"),
        Value::Number(_) if is_old_truth(text) => Element::Text(text.to_owned()),
        value => member(value),
    }
}

/// The key that any other node is.
fn key_of(node: &Node) -> Element {
    match node {
        Node::Leaf(value) => member(value.clone()),
        Node::Shared(shared) => key_of(shared),
        Node::Branch(_) => member_of(element_of_node(node)),
    }
}

fn element_of_node(node: &Node) -> Element {
    match node {
        Node::Leaf(value) => element_of(value),
        Node::Shared(shared) => element_of_node(shared),
        Node::Branch(members) => {
            let pair = |(part, node): &(Element, Node)| {
                Element::Nested(vec![part.clone(), element_of_node(node)])
            };
            Element::Nested(members.iter().map(pair).collect())
        }
    }
}

fn tagged(node: Node, tag: Option<String>) -> Node {
    match tag {
        Some(tag) => Node::Branch(vec![(mark(tag), node)]),
        None => node,
    }
}

fn is_core(tag: &Tag, names: &[&str]) -> bool {
    tag.core_suffix().is_some_and(|name| names.contains(&name))
}

/// The tag as it is resolved, with `!!` for those of YAML itself.
fn tag_name(tag: &Tag) -> String {
    let name = format!("{}{}", tag.handle(), tag.suffix());
    match name.strip_prefix("tag:yaml.org,2002:") {
        Some(name) => format!("!!{name}"),
        None => name,
    }
}

fn scalar(text: Cow<'_, str>, style: ScalarStyle, tag: Option<&Tag>) -> Node {
    let value = match style {
        ScalarStyle::Plain => plain(&text),
        _ => Value::Text(text.clone().into_owned()),
    };
    let Some(tag) = tag else {
        return Node::Leaf(value);
    };
    if is_core(tag, &["str"]) || (tag.handle().is_empty() && tag.suffix() == "!") {
        return Node::Leaf(Value::Text(text.into_owned()));
    }
    let as_plain = plain(&text);
    let fits = match &as_plain {
        Value::Null => is_core(tag, &["null"]),
        Value::Bool(_) => is_core(tag, &["bool"]),
        Value::Integer(_) => is_core(tag, &["int"]),
        Value::Double(_) => is_core(tag, &["float"]),
        _ => false,
    };
    if fits { Node::Leaf(as_plain) } else { tagged(Node::Leaf(value), Some(tag_name(tag))) }
}

/// The value of a scalar without quotes and tag.
fn plain(text: &str) -> Value {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => Value::Null,
        "true" | "True" | "TRUE" => Value::Bool(true),
        "false" | "False" | "FALSE" => Value::Bool(false),
        ".nan" | ".NaN" | ".NAN" => Value::Number(text.to_owned()),
        _ if is_infinity(text) || is_old_truth(text) => Value::Number(text.to_owned()),
        _ if looks_like_number(text) => number(text),
        _ => Value::Text(text.to_owned()),
    }
}

fn is_infinity(text: &str) -> bool {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    matches!(unsigned, ".inf" | ".Inf" | ".INF")
}

/// What YAML 1.1 takes for true or false, and 1.2 for text.
fn is_old_truth(text: &str) -> bool {
    ["y", "n", "yes", "no", "on", "off"].iter().any(|word| text.eq_ignore_ascii_case(word))
}

/// Numbers in any notation of YAML 1.1 and 1.2 (with underscores, to base 2, 8, 16 or 60), dates
/// and times; more than those, since what is shown without quotes does no harm.
fn looks_like_number(text: &str) -> bool {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let digits = unsigned.strip_prefix('.').unwrap_or(unsigned);
    let part = |c: char| c.is_ascii_hexdigit() || "_.:+-oxTtZz \t".contains(c);
    digits.starts_with(|c: char| c.is_ascii_digit()) && text.chars().all(part)
}
