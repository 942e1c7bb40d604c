//! Tools: the servers that clients are configured with, and lists of tools.

use serde_json::{Map, Value};

use super::document::pointer;
use super::draft::Draft;
use super::finder::{Finder, Found};
use super::names::{candidates, longer_and_longer};
use super::place::{folder_of, is_below, name_of, stem_of};
use crate::object::ComponentKind;

/// Under these names clients keep the servers that they start or call: Claude Code, Claude
/// Desktop and Cursor; VS Code; Codex; Zed; opencode.
const SERVERS: [&str; 5] = ["mcpServers", "servers", "mcp_servers", "context_servers", "mcp"];
/// The most tools of a list that are looked at.
const MOST_TOOLS: usize = 10_000;
/// Names of lists that say nothing: the folder says whose tools they are.
const GENERIC: [&str; 6] = ["tools", "tool", "tool-list", "tools-list", "tools_list", "list"];

/// Takes up what a document says of tools; whether that is what it is for.
pub(super) fn take(finder: &mut Finder<'_>, found: &Found) -> bool {
    let is_agent = found.document.fields.as_object().is_some_and(|fields| {
        ["instructions", "prompt", "role", "system_prompt"]
            .iter()
            .any(|key| fields.contains_key(*key))
    });
    if found.document.has_body || is_agent {
        return false;
    }
    for key in SERVERS {
        let servers = found.document.fields.get(key).and_then(Value::as_object);
        let Some(servers) = servers.filter(|servers| are_servers(servers)) else { continue };
        let at = pointer("", key);
        let names: Vec<_> = servers.keys().cloned().collect();
        for name in names {
            finder.add(server(&found.path, &at, &name));
        }
        // A client's settings may hold its agents too.
        return found.document.fields.get("agent").is_none();
    }
    let tools = list(&found.document.fields);
    if tools.is_empty() {
        return false;
    }
    let stem = stem_of(&found.path);
    let name = if GENERIC.contains(&stem) { name_of(folder_of(&found.path)) } else { stem };
    let name = if name.is_empty() { stem } else { name };
    let short = name.strip_suffix("-tools").or_else(|| name.strip_suffix("_tools"));
    let names = longer_and_longer(short.unwrap_or(name), &found.path);
    finder.add(Draft { tools, ..Draft::new(ComponentKind::Tool, names, &found.path) });
    true
}

fn are_servers(servers: &Map<String, Value>) -> bool {
    let starts = |server: &Value| {
        ["command", "url", "serverUrl", "httpUrl"].iter().any(|key| server.get(key).is_some())
    };
    !servers.is_empty() && servers.values().all(starts)
}

/// The tool that is the server `name` in this file, whose map of servers lies at `at`.
pub(super) fn server(path: &str, at: &str, name: &str) -> Draft {
    let stem = stem_of(path).trim_start_matches('.');
    let editor = path.split('/').rev().nth(1).and_then(|folder| folder.strip_prefix('.'));
    let client = match editor {
        Some(editor) => editor.to_owned(),
        None => stem.replace("mcp", "").replace("config", ""),
    };
    let long = format!("{client}-{name}");
    let mut names = candidates([name, long.as_str()]);
    for longer in longer_and_longer(&long, path) {
        if !names.contains(&longer) {
            names.push(longer);
        }
    }
    // What belongs to an editor or to one person's client gives way to the project's own.
    let of_a_client = is_below(path, &[".vscode", ".cursor", ".claude", ".gemini"])
        || stem.contains("desktop")
        || at == "/servers";
    let rank = u8::from(of_a_client);
    Draft { rank, at: Some(pointer(at, name)), ..Draft::new(ComponentKind::Tool, names, path) }
}

/// The names of the tools in a list: the answer to `tools/list`, a transcript that holds such
/// answers, or an array as OpenAI's or Anthropic's interfaces take it.
fn list(fields: &Value) -> Vec<String> {
    match fields {
        Value::Object(map) => match map.get("tools").or_else(|| fields.pointer("/result/tools")) {
            Some(Value::Array(tools)) if !map.contains_key("model") => all_tools(tools),
            _ => Vec::new(),
        },
        Value::Array(items) => {
            let answers = items.iter().filter_map(|item| item.pointer("/result/tools"));
            let answered: Vec<_> = answers.filter_map(Value::as_array).flatten().cloned().collect();
            all_tools(if answered.is_empty() { items } else { &answered })
        }
        _ => Vec::new(),
    }
}

/// Nothing, unless each is a tool.
fn all_tools(tools: &[Value]) -> Vec<String> {
    let tools = tools.get(..MOST_TOOLS).unwrap_or(tools);
    tools.iter().map(tool).collect::<Option<Vec<_>>>().unwrap_or_default()
}

fn tool(value: &Value) -> Option<String> {
    let named = value.get("function").unwrap_or(value);
    let described = ["description", "inputSchema", "input_schema", "parameters"];
    let name = named.get("name")?.as_str()?;
    let schema = described.iter().skip(1).any(|key| named.get(key).is_some());
    let is_tool = schema || (named.get("description").is_some() && value.get("type").is_some());
    is_tool.then(|| name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn every_way_to_write_a_list_of_tools_is_known() {
        let mcp = json!({"name": "a", "description": "A", "inputSchema": {}});
        let openai = json!([{"type": "function", "function": {"name": "a", "parameters": {}}}]);
        for fields in [
            json!({"tools": [mcp]}),
            json!({"jsonrpc": "2.0", "id": 1, "result": {"tools": [mcp]}}),
            json!([{"method": "tools/list"}, {"result": {"tools": [mcp]}}]),
            json!([{"name": "a", "description": "A", "input_schema": {}}]),
            openai,
        ] {
            assert_eq!(list(&fields), ["a"], "{fields}");
        }
        for fields in [
            json!({"tools": ["a"]}),
            json!({"tools": []}),
            json!({"model": "m", "tools": [mcp]}),
            json!([{"name": "a"}]),
            json!([{"name": "a", "description": "a person"}]),
        ] {
            assert!(list(&fields).is_empty(), "{fields}");
        }
    }
}
