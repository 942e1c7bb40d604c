//! Lists of tools, as the model that may call them reads them: by the tool's name, then by field.
//!
//! Four forms are known: the result of MCP's `tools/list`, alone, in its JSON-RPC message, or among
//! the messages of a transcript; OpenAI's (`{"type": "function", "function": {"name", …}}`); and
//! Anthropic's (`{"name", "description", "input_schema"}`). Each may stand alone as a list or as the
//! member `tools` of an object. What else the content holds (a server's instructions, a system
//! prompt) is a second table, so that nothing is left out.

use std::collections::HashSet;

use super::Kind;
use super::document::{Document, Node, table};
use super::error::ViewError;
use super::value::{Element, Value};

/// The members of a tool that only a tool has.
const SCHEMAS: [&str; 3] = ["inputSchema", "input_schema", "parameters"];

/// Whether a text can hold tools: a quick look, which may be wrong only for names that are written
/// in escapes. Those are read as JSON, where all of it shows as well.
pub(super) fn may_be_there(text: &str) -> bool {
    ["\"tools\"", "\"function\""]
        .into_iter()
        .chain(SCHEMAS)
        .any(|word| memchr::memmem::find(text.as_bytes(), word.as_bytes()).is_some())
}

/// The tools of a content, and what else it holds; `None` where it holds none.
pub(super) fn view(content: Value) -> Result<Option<Document>, ViewError> {
    let mut tools = Vec::new();
    let Ok(rest) = take_tools(content, &mut tools) else {
        return Ok(None);
    };
    let tools: Vec<_> =
        tools.into_iter().map(|(name, fields)| (Element::Text(name), fields)).collect();
    let tools = if tools.is_empty() { Node::Branch(tools) } else { Node::mapping(tools) };
    let mut tables = vec![(table("tools", &["tool", "field"]), tools)];
    if let Some(rest) = rest {
        tables.insert(0, (table("other", &["path"]), Node::of(rest)));
    }
    Document::of_tables(Kind::Tools, tables).map(Some)
}

type Tools = Vec<(String, Node)>;

/// Takes the tools out of a content. What is left is `None` where nothing else was there.
fn take_tools(content: Value, out: &mut Tools) -> Result<Option<Value>, Value> {
    match content {
        Value::List(items) if is_tool_list(&items, true) => {
            out.extend(items.into_iter().filter_map(tool));
            Ok(None)
        }
        Value::List(messages) if messages.iter().any(is_answer) => {
            let left = messages.into_iter().map(|message| {
                if !is_answer(&message) {
                    return message;
                }
                match take_from_object(message, out) {
                    Ok(rest) => rest.unwrap_or(Value::Fields(Vec::new())),
                    Err(message) => message,
                }
            });
            Ok(Some(Value::List(left.collect())))
        }
        content if lists_tools(&content) => take_from_object(content, out),
        content => Err(content),
    }
}

/// Whether a message of JSON-RPC brings tools. Others that do are records which each have some, as
/// those that a model is tuned with.
fn is_answer(message: &Value) -> bool {
    field(message, "jsonrpc").is_some() && field(message, "result").is_some_and(lists_tools)
}

/// Whether an object has tools in its member `tools`, or in `tools` of its `result`.
fn lists_tools(object: &Value) -> bool {
    matches!(object, Value::Fields(fields) if lists_tools_in(fields))
}

fn lists_tools_in(fields: &[(String, Value)]) -> bool {
    // An empty list is one of tools where nothing but what MCP puts beside it is there.
    let bare = fields.iter().all(|(name, _)| is_beside(name));
    fields.iter().any(|(name, value)| match value {
        Value::List(items) if name == "tools" => {
            if items.is_empty() {
                bare
            } else {
                is_tool_list(items, false)
            }
        }
        Value::Fields(_) if name == "result" => lists_tools(value),
        _ => false,
    })
}

fn is_beside(name: &str) -> bool {
    matches!(name, "tools" | "nextCursor" | "_meta" | "ttlMs")
}

/// Takes the tools out of an object that has some.
fn take_from_object(object: Value, out: &mut Tools) -> Result<Option<Value>, Value> {
    let fields = match object {
        Value::Fields(fields) if lists_tools_in(&fields) => fields,
        object => return Err(object),
    };
    let mut left = Vec::new();
    for (name, value) in fields {
        match value {
            Value::List(items)
                if name == "tools" && (items.is_empty() || is_tool_list(&items, false)) =>
            {
                out.extend(items.into_iter().filter_map(tool));
            }
            Value::Fields(_) if name == "result" => match take_from_object(value, out) {
                Ok(Some(rest)) => left.push((name, rest)),
                Ok(None) => {}
                Err(value) => left.push((name, value)),
            },
            value => left.push((name, value)),
        }
    }
    Ok((!left.is_empty()).then_some(Value::Fields(left)))
}

/// Whether all items have the name of a tool, and one of them says more. A list that `stands_alone`
/// must say of each what only tools have.
fn is_tool_list(items: &[Value], stands_alone: bool) -> bool {
    let named = |item: &Value| name_of(item).is_some();
    let schema = |item: &Value| {
        function_of(item).is_some() || SCHEMAS.iter().any(|name| field(item, name).is_some())
    };
    let described = |item: &Value| schema(item) || field(item, "description").is_some();
    !items.is_empty()
        && items.iter().all(named)
        && if stands_alone { items.iter().all(schema) } else { items.iter().any(described) }
}

/// The one field of a name; `None` where several have it, since readers differ in which they take.
fn field<'v>(item: &'v Value, name: &str) -> Option<&'v Value> {
    let Value::Fields(fields) = item else {
        return None;
    };
    let mut named = fields.iter().filter(|(known, _)| known == name);
    named.next().filter(|_| named.next().is_none()).map(|(_, value)| value)
}

/// What OpenAI's form wraps.
fn function_of(item: &Value) -> Option<&Value> {
    let is_function = matches!(field(item, "type"), Some(Value::Text(kind)) if kind == "function");
    field(item, "function").filter(|function| is_function && text_field(function, "name").is_some())
}

fn text_field<'v>(item: &'v Value, name: &str) -> Option<&'v str> {
    match field(item, name) {
        Some(Value::Text(text)) => Some(text),
        _ => None,
    }
}

fn name_of(item: &Value) -> Option<&str> {
    text_field(function_of(item).unwrap_or(item), "name")
}

/// A tool by its name. What a function wraps stands beside its type, as in the other forms; where
/// both have a member of one name, all stays where it is.
fn tool(item: Value) -> Option<(String, Node)> {
    let name = name_of(&item)?.to_owned();
    let lifts = function_of(&item).is_some_and(|function| !share_a_name(&item, function));
    let Value::Fields(fields) = item else {
        return None;
    };
    let mut members = Vec::new();
    for (name, value) in fields {
        match value {
            Value::Fields(function) if lifts && name == "function" => members.extend(function),
            value => members.push((name, value)),
        }
    }
    Some((name, Node::of(Value::Fields(members))))
}

fn share_a_name(outer: &Value, inner: &Value) -> bool {
    match (outer, inner) {
        (Value::Fields(outer), Value::Fields(inner)) => {
            let inner: HashSet<&str> = inner.iter().map(|(name, _)| name.as_str()).collect();
            outer.iter().any(|(name, _)| inner.contains(name.as_str()))
        }
        _ => false,
    }
}
