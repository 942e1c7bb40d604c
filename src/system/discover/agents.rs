//! Agents: definitions in YAML, JSON, TOML and front matter.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::classify::AGENT_FOLDERS;
use super::document::{Format, pointer};
use super::draft::{Draft, Reference};
use super::finder::{Finder, Found};
use super::identities::field;
use super::names::{candidates, longer_and_longer};
use super::place::{folder_of, is_below, name_of, stem_of};
use super::references::{self, Group};
use crate::object::ComponentKind;

/// The keys under which a file holds several agents.
const SEVERAL: [&str; 4] = ["agents", "agent", "subagents", "sub_agents"];
/// The most agents of one file.
const MOST: usize = 2_000;
/// What the names of files add to those of agents.
const SUFFIXES: [&str; 5] = [".agents", ".agent", ".chatmode", "_agents", "-agents"];

/// Takes up what a document says of agents.
pub(super) fn take(finder: &mut Finder<'_>, found: &Found) {
    let Some(fields) = found.document.fields.as_object() else { return };
    let is_told = is_told(&found.path);
    let (fields, at) = unwrapped(fields);
    let front_matter = Format::of(&found.path) == Some(Format::FrontMatter);
    let described = front_matter
        && is_told
        && fields.contains_key("description")
        && (fields.contains_key("name") || found.document.has_body);
    let several = several(fields, is_told && !front_matter);
    if described || is_agent(fields, is_told) {
        let own = fields.get("name").and_then(Value::as_str);
        // Wrapped ones have their names outside.
        let own = own.or_else(|| found.document.fields.pointer("/metadata/name")?.as_str());
        let stem = short_stem(&found.path);
        let own_or_stem = own.unwrap_or(stem);
        let mut names = longer_and_longer(own_or_stem, &found.path);
        names.extend(candidates([format!("{stem}-{own_or_stem}").as_str()]));
        let mut draft = Draft::new(ComponentKind::Agent, names, &found.path);
        draft.references = nested(finder, found, fields, &at);
        finder.add(draft);
        return;
    }
    for (key, at, fields) in several.into_iter().take(MOST) {
        add_one(finder, found, &key, &at, fields);
    }
}

/// Takes up one agent of a file that holds several.
fn add_one(
    finder: &mut Finder<'_>,
    found: &Found,
    key: &str,
    at: &str,
    fields: &Map<String, Value>,
) {
    let stem = short_stem(&found.path);
    let long = format!("{stem}-{key}");
    let mut names = candidates([key, long.as_str()]);
    for longer in longer_and_longer(&long, &found.path) {
        if !names.contains(&longer) {
            names.push(longer);
        }
    }
    let mut draft = Draft::new(ComponentKind::Agent, names, &found.path);
    draft.rank = 1;
    draft.at = Some(at.to_owned());
    draft.references = nested(finder, found, fields, at);
    finder.add(draft);
}

/// What an agent's fields say of others; agents and tool servers that are defined inside are taken
/// up themselves.
fn nested(
    finder: &mut Finder<'_>,
    found: &Found,
    fields: &Map<String, Value>,
    at: &str,
) -> Vec<Reference> {
    let mut references = Vec::new();
    for (key, value) in fields {
        let at = pointer(at, key);
        let Some(group) = Group::of(key) else { continue };
        match (group, value) {
            (Group::Calls, Value::Array(values)) if at.matches('/').count() < 16 => {
                for (index, value) in values.iter().enumerate() {
                    let at = pointer(&at, &index.to_string());
                    let inner = value.as_object().filter(|fields| is_agent(fields, true));
                    let name = inner.and_then(|fields| fields.get("name")).and_then(Value::as_str);
                    if let (Some(inner), Some(name)) = (inner, name)
                        && finder.drafts.len() < super::MOST_FILES
                    {
                        add_one(finder, found, name, &at, inner);
                    }
                    references.extend(references::read(group, value, &found.path, &at));
                }
            }
            (Group::Tools, Value::Object(servers)) if servers_are_defined(servers) => {
                let names: Vec<_> = servers.keys().cloned().collect();
                for name in names {
                    finder.add(super::tools::server(&found.path, &at, &name));
                    references.push(Reference {
                        relation: "uses",
                        to: ComponentKind::Tool,
                        value: name.clone(),
                        folder: folder_of(&found.path).to_owned(),
                        file: found.path.clone(),
                        at: pointer(&at, &name),
                        attributes: BTreeMap::new(),
                    });
                }
            }
            _ => references.extend(references::read(group, value, &found.path, &at)),
        }
    }
    references
}

fn servers_are_defined(servers: &Map<String, Value>) -> bool {
    let starts = |server: &Value| server.get("command").is_some() || server.get("url").is_some();
    !servers.is_empty() && servers.values().all(starts)
}

/// The fields of the agent itself, where they lie in an envelope: `spec` of a Kubernetes resource
/// of a kind of agent, `config` of a component of AutoGen, `agent`.
fn unwrapped(fields: &Map<String, Value>) -> (&Map<String, Value>, String) {
    let says_agent = |key: &str| {
        let text = fields.get(key).and_then(Value::as_str).unwrap_or_default();
        text.to_ascii_lowercase().contains("agent")
    };
    let inner = |key: &str| fields.get(key).and_then(Value::as_object);
    if says_agent("kind")
        && let Some(spec) = inner("spec")
    {
        return (spec, "/spec".into());
    }
    if says_agent("component_type")
        && let Some(config) = inner("config")
    {
        return (config, "/config".into());
    }
    match inner("agent").filter(|agent| is_agent(agent, true)) {
        Some(agent) => (agent, "/agent".into()),
        None => (fields, String::new()),
    }
}

/// The agents of a file that holds several: name, pointer, fields.
fn several(
    fields: &Map<String, Value>,
    is_told: bool,
) -> Vec<(String, String, &Map<String, Value>)> {
    for key in SEVERAL {
        let at = pointer("", key);
        let agents = match fields.get(key) {
            Some(Value::Object(map)) => members(map, &at),
            Some(Value::Array(list)) => list
                .iter()
                .enumerate()
                .filter_map(|(index, value)| {
                    let fields = value.as_object()?;
                    let name = fields.get("name").or_else(|| fields.get("id"))?.as_str()?;
                    Some((name.to_owned(), pointer(&at, &index.to_string()), fields))
                })
                .collect(),
            _ => continue,
        };
        let agents: Vec<_> = agents.into_iter().filter(|(_, _, f)| is_agent(f, true)).collect();
        if !agents.is_empty() {
            return agents;
        }
    }
    let all = members(fields, "");
    let each =
        is_told && all.len() == fields.len() && all.iter().all(|(_, _, f)| is_agent(f, true));
    if each { all } else { Vec::new() }
}

fn members<'v>(
    map: &'v Map<String, Value>,
    at: &str,
) -> Vec<(String, String, &'v Map<String, Value>)> {
    let member = |(key, value): (&'v String, &'v Value)| {
        Some((key.clone(), pointer(at, key), value.as_object()?))
    };
    map.iter().filter_map(member).collect()
}

/// Whether fields define an agent. Where the path does not say that they may, they must name it,
/// its model, and what it is told or may use.
fn is_agent(fields: &Map<String, Value>, is_told: bool) -> bool {
    let mut groups: Vec<Group> = Vec::new();
    let mut character = false;
    for (key, value) in fields {
        if value.is_null() {
            continue;
        }
        match Group::of(key) {
            Some(group) if !groups.contains(&group) => groups.push(group),
            Some(_) => {}
            None => character |= matches!(field(key).as_str(), "role" | "goal" | "backstory"),
        }
    }
    let has = |group: Group| groups.contains(&group);
    let says_something = has(Group::Prompts) || has(Group::Tools) || has(Group::Calls);
    match is_told {
        true => character || says_something || has(Group::Model),
        false => {
            let named = fields.get("name").is_some_and(Value::is_string);
            named && has(Group::Model) && (says_something || has(Group::Identity))
        }
    }
}

fn is_told(path: &str) -> bool {
    let name = name_of(path).to_ascii_lowercase();
    let stem = name.split('.').next().unwrap_or_default();
    is_below(path, &AGENT_FOLDERS)
        || name.contains(".agent.")
        || name.contains(".agents.")
        || name.contains(".chatmode.")
        || stem.split(['-', '_']).any(|word| matches!(word, "agent" | "agents" | "crew"))
}

fn short_stem(path: &str) -> &str {
    let stem = stem_of(path);
    let short = SUFFIXES.iter().find_map(|suffix| stem.strip_suffix(suffix));
    short.filter(|short| !short.is_empty()).unwrap_or(stem)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn is(fields: Value, told: bool) -> bool {
        is_agent(fields.as_object().unwrap(), told)
    }

    #[test]
    fn what_defines_no_agent_is_none() {
        assert!(is(json!({"role": "r", "goal": "g"}), true));
        assert!(is(json!({"name": "a", "model": "m", "tools": ["x"]}), false));
        for fields in [
            json!({"name": "ci", "on": "push", "jobs": {}}),
            json!({"name": "a", "model": "m"}),
            json!({"model": "m", "tools": []}),
            json!({"name": "db", "memory": "2Gi"}),
        ] {
            assert!(!is(fields.clone(), false), "{fields}");
        }
        assert!(!is(json!({"name": "a", "version": 1, "model": null}), true));
    }
}
