//! What the fields of an agent say of others.

use serde_json::Value;

use super::draft::Reference;
use super::identities::field;
use super::place::folder_of;
use crate::object::{AttributeValue, Attributes, ComponentKind};

/// Longer texts, or such with several lines, are no names and no paths.
const LONGEST: usize = 512;
/// The most references of one field.
const MOST: usize = 1_000;

/// What a field of an agent is about.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Group {
    Model,
    Prompts,
    Memory,
    Tools,
    Identity,
    Calls,
}

impl Group {
    /// That of a field of this name; case, `_` and `-` do not matter.
    pub fn of(name: &str) -> Option<Self> {
        Some(match field(name).as_str() {
            "model" | "llm" | "modelname" | "modelid" | "languagemodel" | "chatmodel"
            | "modelpath" | "modelconfig" | "modelclient" | "functioncallingllm" | "modelref" => {
                Self::Model
            }
            "prompt" | "prompts" | "systemprompt" | "systempromptfile" | "promptfile"
            | "promptpath" | "prompttemplate" | "instructions" | "instructionsfile"
            | "systemmessage" | "systemtemplate" | "prompttemplates" | "skills" => Self::Prompts,
            "memory" | "memories" | "memorypath" | "memorystore" | "vectorstore"
            | "vectorstores" | "store" | "checkpointer" | "sessionstore" | "knowledge"
            | "knowledgebase" | "memoryfile" | "longtermmemory" | "shorttermmemory" => Self::Memory,
            "tools" | "tool" | "toolsets" | "mcp" | "mcpservers" | "mcptools" | "toolservers" => {
                Self::Tools
            }
            "identity" | "spiffeid" | "spiffe" | "actsas" | "serviceaccount" | "runas"
            | "principal" | "agentcard" => Self::Identity,
            "agents" | "subagents" | "subagent" | "handoffs" | "handoff" | "delegatesto"
            | "calls" | "collaborators" | "participants" => Self::Calls,
            _ => return None,
        })
    }

    fn relation(self) -> (&'static str, ComponentKind) {
        match self {
            Self::Model => ("runs", ComponentKind::Model),
            Self::Prompts => ("prompted-by", ComponentKind::Prompt),
            Self::Memory => ("remembers-in", ComponentKind::Memory),
            Self::Tools => ("uses", ComponentKind::Tool),
            Self::Identity => ("acts-as", ComponentKind::Identity),
            Self::Calls => ("calls", ComponentKind::Agent),
        }
    }
}

/// The references that a field's value states.
pub(super) fn read(group: Group, value: &Value, path: &str, at: &str) -> Vec<Reference> {
    let mut texts = Vec::new();
    collect(group, value, &Attributes::new(), 0, &mut texts);
    let mut references = Vec::new();
    for (text, attributes) in texts.into_iter().take(MOST) {
        for (group, text) in split(group, &text) {
            let (relation, to) = group.relation();
            references.push(Reference {
                relation,
                to,
                value: text,
                folder: folder_of(path).to_owned(),
                file: path.to_owned(),
                at: at.to_owned(),
                attributes: attributes.clone(),
            });
        }
    }
    references
}

/// Lists in one text, as front matter has them, taken apart: `Read, mcp__orders__refund`. What
/// Claude Code writes `Task(refunds)` or `Agent(refunds)` among tools is an agent to call.
fn split(group: Group, text: &str) -> Vec<(Group, String)> {
    if !matches!(group, Group::Tools | Group::Calls | Group::Prompts) || !text.contains([',', '('])
    {
        return vec![(group, text.trim().to_owned())];
    }
    let mut parts = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let open = rest.find('(').unwrap_or(rest.len());
        let comma = rest.find(',').unwrap_or(rest.len());
        let end = match rest.find(')') {
            Some(close) if open < comma => close + 1,
            _ => comma,
        };
        let (part, after) = rest.split_at_checked(end).unwrap_or((rest, ""));
        rest = after.trim_start_matches([',', ' ']);
        let part = part.trim();
        match part.split_once('(').map(|(name, inner)| (name, inner.trim_end_matches(')'))) {
            Some(("Task" | "Agent", agents)) if group == Group::Tools => {
                parts.extend(agents.split(',').map(|a| (Group::Calls, a.trim().to_owned())));
            }
            Some((name, _)) => parts.push((group, name.trim().to_owned())),
            None => parts.push((group, part.to_owned())),
        }
    }
    parts
}

fn collect(
    group: Group,
    value: &Value,
    attributes: &Attributes,
    depth: u8,
    texts: &mut Vec<(String, Attributes)>,
) {
    if texts.len() >= MOST || depth > 4 {
        return;
    }
    match value {
        Value::String(text) => {
            let text = text.trim();
            let plain = !text.is_empty() && text.len() <= LONGEST && !text.contains('\n');
            if plain && !text.contains("${") && !text.contains("{{") {
                texts.push((text.to_owned(), attributes.clone()));
            }
        }
        Value::Array(values) => {
            values.iter().for_each(|value| collect(group, value, attributes, depth + 1, texts));
        }
        Value::Object(fields) => {
            let mut attributes = attributes.clone();
            if group == Group::Memory
                && let Some(mode) = mode(fields)
            {
                attributes.insert("mode".into(), AttributeValue::Text(mode.into()));
            }
            if let Some(text) = named(group, fields) {
                collect(group, &Value::String(text), &attributes, depth + 1, texts);
            } else if matches!(group, Group::Tools | Group::Calls) {
                // A map from names to whether or how they are used.
                let used = fields.iter().filter(|(_, value)| **value != Value::Bool(false));
                texts.extend(used.map(|(name, _)| (name.clone(), attributes.clone())));
            } else {
                let inner =
                    fields.values().filter(|v| v.is_object() || v.is_array() || v.is_string());
                inner.for_each(|value| collect(group, value, &attributes, depth + 1, texts));
            }
        }
        _ => {}
    }
}

/// The text by which a map names what it is about.
fn named(group: Group, fields: &serde_json::Map<String, Value>) -> Option<String> {
    let text = |key: &str| {
        let found = fields.iter().find(|(name, _)| field(name) == key);
        found.and_then(|(_, value)| value.as_str()).map(str::to_owned)
    };
    let any = |keys: &[&str]| keys.iter().find_map(|key| text(key));
    let by_path = || any(&["path", "file", "uri", "url", "location", "ref"]);
    match group {
        Group::Model => {
            let name = by_path()
                .or_else(|| any(&["model", "modelid", "modelname", "id", "name", "deployment"]))?;
            let provider = any(&["provider", "vendor"]).filter(|_| !name.contains('/'));
            Some(provider.map_or(name.clone(), |provider| format!("{provider}/{name}")))
        }
        Group::Prompts => by_path().or_else(|| any(&["template", "id", "name"])),
        Group::Memory => by_path().or_else(|| {
            any(&["connection", "database", "db", "dsn", "persistdirectory", "store", "name", "id"])
        }),
        Group::Tools => {
            any(&["server", "servername", "serverlabel", "mcpserver", "ref", "path", "name", "id"])
                .or_else(|| fields.get("function")?.get("name")?.as_str().map(str::to_owned))
        }
        Group::Identity => any(&["spiffeid", "id", "ref", "path", "name", "subject"]),
        Group::Calls => any(&["agent", "target", "ref", "path", "file", "name", "id"]),
    }
}

/// In which way an agent uses a memory: `r`, `w`, `rw`.
fn mode(fields: &serde_json::Map<String, Value>) -> Option<&'static str> {
    for (name, value) in fields {
        match (field(name).as_str(), value) {
            ("mode" | "access" | "permissions", Value::String(mode)) => {
                return match field(mode).as_str() {
                    "r" | "ro" | "read" | "readonly" => Some("r"),
                    "w" | "wo" | "write" | "writeonly" | "append" => Some("w"),
                    "rw" | "wr" | "readwrite" | "full" => Some("rw"),
                    _ => None,
                };
            }
            ("readonly", Value::Bool(true)) => return Some("r"),
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn values(group: Group, value: Value) -> Vec<String> {
        let found = read(group, &value, "agents/a.yaml", "/x");
        found.into_iter().map(|r| format!("{} {}", r.relation, r.value)).collect()
    }

    #[test]
    fn lists_are_read_however_they_are_written() {
        let expected = ["uses Read", "uses mcp__orders__refund"];
        assert_eq!(values(Group::Tools, json!("Read, mcp__orders__refund")), expected);
        assert_eq!(
            values(Group::Tools, json!(["Read", {"name": "mcp__orders__refund"}])),
            expected
        );
        let map = json!({"Read": true, "Bash": false, "mcp__orders__refund": {"a": 1}});
        assert_eq!(values(Group::Tools, map), expected);
        let tasks = json!("Task(refunds, billing), Bash(git log:*), Read");
        assert_eq!(
            values(Group::Tools, tasks),
            ["calls refunds", "calls billing", "uses Bash", "uses Read"]
        );
    }

    #[test]
    fn a_model_with_a_provider_and_a_memory_with_a_mode_keep_them() {
        let model = json!({"provider": "openai", "name": "gpt-4o", "temperature": 0.2});
        assert_eq!(values(Group::Model, model), ["runs openai/gpt-4o"]);
        let memory = json!({"path": "memory/store.sqlite", "access": "read-only"});
        let found = read(Group::Memory, &memory, "a.yaml", "/memory");
        assert_eq!(found[0].attributes["mode"], AttributeValue::Text("r".into()));
        assert_eq!(values(Group::Memory, json!(true)), Vec::<String>::new());
    }

    #[test]
    fn long_texts_and_what_must_be_filled_in_are_no_names() {
        for text in ["You are kind.\nBe brief.", "${MODEL}", "{{ model }}", "", &"a".repeat(600)] {
            assert!(values(Group::Prompts, json!(text)).is_empty(), "{text}");
        }
    }
}
