//! The text of a manifest that says what was found.

use std::fmt::Write;

use toml_edit::{Array, InlineTable, Value};

use super::Discovery;
use crate::object::{AttributeValue, ComponentKind};
use crate::system::{Declared, DeclaredEdge};

/// The kinds in the order in which a reader meets them, and their headings.
const GROUPS: [(ComponentKind, &str); 9] = [
    (ComponentKind::Agent, "Agents"),
    (ComponentKind::Model, "Models"),
    (ComponentKind::Prompt, "Prompts"),
    (ComponentKind::Memory, "Memory"),
    (ComponentKind::Tool, "Tools"),
    (ComponentKind::Identity, "Identities"),
    (ComponentKind::Data, "Data"),
    (ComponentKind::Config, "Configuration"),
    (ComponentKind::System, "Other systems"),
];
/// Longer values stand over several lines.
const LONGEST_LINE: usize = 100;

/// The whole first manifest.
pub fn first_manifest(found: &Discovery) -> String {
    let mut text = String::from(
        "# The system in this folder: its components, and how they relate.\n\
         # Written by `aisr init` from what lies here; it is yours to edit. `aisr system scan`\n\
         # proposes what it lacks, and changes nothing that stands here.\n",
    );
    for (kind, heading) in GROUPS {
        let group: Vec<_> = found.components.iter().filter(|d| d.key.kind() == kind).collect();
        if !group.is_empty() {
            // Writing to a text cannot fail.
            let _ = write!(text, "\n# {heading}\n");
            text.push_str(&tables(&group, found));
        }
    }
    text
}

/// The tables of what was found, as they would be added to a manifest.
pub fn written(found: &Discovery) -> String {
    tables(&found.components.iter().collect::<Vec<_>>(), found)
}

/// The tables of these components, an empty line before each.
pub(super) fn tables(components: &[&Declared], found: &Discovery) -> String {
    let mut text = String::new();
    for declared in components {
        text.push('\n');
        table(declared, found, &mut text);
    }
    text
}

fn table(declared: &Declared, found: &Discovery, text: &mut String) {
    let remark = found.remarks.iter().find(|(key, _)| *key == declared.key);
    let remark = remark.map_or(String::new(), |(_, remark)| format!("  # {}", on_one_line(remark)));
    let _ = writeln!(text, "{}{remark}", head(declared));
    let paths = declared.paths.iter().map(|path| Value::from(path.as_str()));
    line(text, "path", paths.collect());
    if let Some(at) = &declared.at {
        line(text, "at", vec![at.as_str().into()]);
    }
    for (relation, values) in relations(&declared.edges) {
        line(text, relation, values);
    }
    if !declared.attributes.is_empty() {
        let table: InlineTable = pairs(&declared.attributes).collect();
        line(text, "attributes", vec![table.into()]);
    }
}

/// `[agent.triage]`; a name with a dot in it stands in quotes, or it would be two.
pub(super) fn head(declared: &Declared) -> String {
    let (kind, name) = (declared.key.kind().name(), declared.key.name());
    match name.contains('.') {
        true => format!("[{kind}.\"{name}\"]"),
        false => format!("[{kind}.{name}]"),
    }
}

/// The values of each relation, in the order of the relations.
pub(super) fn relations(edges: &[DeclaredEdge]) -> Vec<(&str, Vec<Value>)> {
    let mut relations: Vec<(&str, Vec<Value>)> = Vec::new();
    for edge in edges {
        let to = edge.to.to_string();
        let value = match edge.attributes.is_empty() {
            true => Value::from(to),
            false => {
                let to = [("to".to_owned(), Value::from(to))];
                let table: InlineTable = to.into_iter().chain(pairs(&edge.attributes)).collect();
                table.into()
            }
        };
        match relations.last_mut().filter(|(relation, _)| *relation == edge.relation) {
            Some((_, values)) => values.push(value),
            None => relations.push((&edge.relation, vec![value])),
        }
    }
    relations
}

fn pairs(attributes: &crate::object::Attributes) -> impl Iterator<Item = (String, Value)> {
    attributes.iter().map(|(name, value)| {
        let value = match value {
            AttributeValue::Text(text) => Value::from(text.as_str()),
            AttributeValue::Bytes(bytes) => Value::from(data_encoding::HEXLOWER.encode(bytes)),
        };
        (name.clone(), value)
    })
}

/// One value, or several as a list.
pub(super) fn value_of(mut values: Vec<Value>) -> Option<Value> {
    if values.len() > 1 {
        let mut list: Array = values.into_iter().collect();
        if list.to_string().len() > LONGEST_LINE {
            list.iter_mut().for_each(|value| value.decor_mut().set_prefix("\n    "));
            list.set_trailing("\n");
            list.set_trailing_comma(true);
        }
        return Some(list.into());
    }
    values.pop()
}

fn line(text: &mut String, name: &str, values: Vec<Value>) {
    if let Some(value) = value_of(values) {
        let _ = writeln!(text, "{name} = {value}");
    }
}

fn on_one_line(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).collect()
}
