//! `aisr system`, `aisr check`, and what `commit`, `status` and `log` say of the system.

#[path = "support/program.rs"]
mod program;

use std::fs;
use std::os::unix::fs::symlink;

use insta::assert_snapshot;
use program::Desk;

const MANIFEST: &str = r#"[agent.refunds]
path = "agents/refunds.yaml"
runs = "model:base"
acts-as = "identity:refunds"

[agent.triage]
path = "agents/triage.yaml"
runs = "model:base"
prompted-by = "prompt:triage"
remembers-in = [{ to = "memory:store", mode = "rw" }]
uses = "tool:orders"
calls = ["agent:refunds"]
attributes = { team = "support" }

[data.faq]
path = "data/*.md"

[identity.refunds]
attributes = { id = "spiffe://example.org/agent/refunds" }

[memory.store]
path = "memory/log.jsonl"

[model.base]
path = "models/base.bin"

[prompt.triage]
path = "prompts/triage.md"

[tool.orders]
path = ".mcp.json"
at = "/mcpServers/orders"
"#;

fn files(desk: &Desk) {
    for (path, text) in [
        ("agents/triage.yaml", "model: base\n"),
        ("agents/refunds.yaml", "model: base\n"),
        ("data/one.md", "1\n"),
        ("data/two.md", "2\n"),
        ("memory/log.jsonl", "{}\n"),
        ("models/base.bin", "weights"),
        ("prompts/triage.md", "Sort.\n"),
        (".mcp.json", "{}\n"),
    ] {
        desk.write(path, text);
    }
}

/// A desk with the system above, committed.
fn desk() -> Desk {
    let desk = Desk::new();
    files(&desk);
    desk.write("aisr.toml", MANIFEST);
    desk.ok(["commit", "-m", "The desk as it went live"]);
    desk
}

fn edit(desk: &Desk, from: &str, to: &str) {
    let path = desk.path().join("aisr.toml");
    let text = fs::read_to_string(&path).unwrap();
    assert!(text.contains(from), "{from}");
    fs::write(path, text.replace(from, to)).unwrap();
}

/// What `commit` says, but for the lines that tell of time and size.
fn commit(desk: &Desk) -> String {
    let shown = desk.shown(["commit", "-m", "x"]);
    let lines = shown.lines().filter(|line| !line.starts_with("  captured"));
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn the_graph_shows_as_tree_table_dot_mermaid_and_json() {
    let desk = desk();
    assert_snapshot!(desk.shown(["system"]));
    assert_snapshot!(desk.shown(["system", "HEAD", "--table"]));
    assert_snapshot!(desk.shown(["system", "--dot"]));
    assert_snapshot!(desk.shown(["system", "--mermaid"]));
    let json = desk.json(["system", "--json"]);
    assert_eq!(json["components"].as_array().unwrap().len(), 8);
    assert_eq!(json["edges"].as_array().unwrap().len(), 7);
    let components = json["components"].as_array().unwrap();
    let tool = components.iter().find(|component| component["key"] == "tool:orders").unwrap();
    assert_eq!(tool["attributes"]["at"], "/mcpServers/orders");
    assert_eq!(tool["origins"][0]["path"], ".mcp.json");
    let edges = json["edges"].as_array().unwrap();
    let remembers = edges.iter().find(|edge| edge["relation"] == "remembers-in").unwrap();
    assert_eq!(remembers["declared"]["mode"], "rw");
}

#[test]
fn one_component_shows_with_all_edges_in_and_out() {
    let desk = desk();
    assert_snapshot!(desk.shown(["system", "show", "agent:triage"]));
    assert_snapshot!(desk.shown(["system", "show", "agent:refunds", "HEAD"]));
    assert_snapshot!(desk.shown(["system", "show", "agent:triag"]));
    assert_snapshot!(desk.shown(["system", "show", "triage"]));
    let json = desk.json(["system", "show", "model:base", "--json"]);
    assert_eq!(json["in"].as_array().unwrap().len(), 2);
    assert_eq!(json["out"].as_array().unwrap().len(), 0);
}

#[test]
fn a_content_id_is_that_of_the_file() {
    let desk = desk();
    let json = desk.json(["system", "show", "model:base", "--json"]);
    let id = blake3::hash(b"weights").to_hex();
    assert_eq!(json["component"]["content"], id.as_str());
    assert_eq!(json["component"]["size"], 7);
}

#[test]
fn commit_says_what_changed_in_the_terms_of_the_system() {
    let desk = Desk::new();
    files(&desk);
    desk.write("aisr.toml", MANIFEST);
    assert_snapshot!(commit(&desk));
    desk.write("prompts/triage.md", "Sort each.\n");
    edit(&desk, "uses = \"tool:orders\"", "uses = [\"tool:orders\", \"tool:pay\"]");
    edit(&desk, "mode = \"rw\"", "mode = \"r\"");
    edit(&desk, "[tool.orders]", "[tool.pay]\n\n[tool.orders]");
    assert_snapshot!(desk.shown(["status"]));
    assert_snapshot!(commit(&desk));
    // Nothing of the system changed.
    desk.write("notes.md", "x\n");
    assert_snapshot!(commit(&desk));
}

#[test]
fn a_renamed_component_is_told_and_its_edges_follow() {
    let desk = desk();
    edit(&desk, "[prompt.triage]", "[prompt.sorting]\nwas = \"triage\"");
    edit(&desk, "prompt:triage", "prompt:sorting");
    assert_snapshot!(commit(&desk));
}

#[test]
fn a_component_under_a_name_that_another_had_is_new() {
    let desk = desk();
    edit(&desk, "[prompt.triage]", "[prompt.sorting]\nwas = \"triage\"");
    edit(&desk, "prompt:triage", "prompt:sorting");
    edit(&desk, "[tool.orders]", "[prompt.triage]\npath = \"data/one.md\"\n\n[tool.orders]");
    assert_snapshot!(desk.shown(["status"]));
    desk.ok(["commit", "-m", "Another triage"]);
    assert_snapshot!(desk.shown(["log", "--component", "prompt:sorting"]));
    assert_snapshot!(desk.shown(["log", "--component", "prompt:triage", "-n", "1"]));
    // In one line a commit, without what it did, the same ones are found.
    for key in ["prompt:sorting", "prompt:triage"] {
        let whole = desk.ok(["log", "--component", key]);
        let ids = whole.lines().filter_map(|line| line.strip_prefix("commit   "));
        let ids: Vec<&str> = ids.filter_map(|line| line.split(' ').next()).collect();
        let short = desk.ok(["log", "--oneline", "--component", key]);
        let found: Vec<&str> = short.lines().filter_map(|line| line.split(' ').next()).collect();
        assert_eq!(found, ids, "{key}");
        assert_eq!(ids.len(), 2, "{key}");
    }
}

#[test]
fn log_follows_a_component_and_an_edge() {
    let desk = desk();
    desk.commit("notes.md", "x\n", "Notes");
    desk.commit("prompts/triage.md", "Sort each.\n", "Each");
    edit(&desk, "calls = [\"agent:refunds\"]\n", "");
    desk.ok(["commit", "-m", "No calls"]);
    let subjects = |args: &[&str]| -> Vec<String> {
        let all = [&["log", "--oneline"], args].concat();
        desk.ok(all).lines().map(|line| line.split_once(' ').unwrap().1.to_owned()).collect()
    };
    assert_eq!(subjects(&["--component", "prompt:triage"]), ["Each", "The desk as it went live"]);
    let edge = ["--edge", "agent:triage,calls,agent:refunds"];
    let lines = subjects(&edge);
    assert_eq!(lines.len(), 2, "{lines:?}");
    assert!(lines[0].ends_with("No calls"), "{lines:?}");
    assert_snapshot!(desk.shown(["log", "--edge", "agent:triage,calls,agent:refunds", "-n", "1"]));
    assert_snapshot!(desk.shown(["log", "--component", "tool:none"]));
    assert_snapshot!(desk.shown(["log", "--edge", "agent:triage"]));
    assert_eq!(
        desk.json(["log", "--json", "--component", "model:base"]).as_array().unwrap().len(),
        1
    );
}

#[test]
fn an_edge_that_leads_to_nothing_refuses_the_commit_and_names_both_ends() {
    let desk = desk();
    let before = desk.head();
    edit(&desk, "uses = \"tool:orders\"", "uses = \"tool:order\"");
    edit(&desk, "\"agent:refunds\"", "\"agent:reports\"");
    assert_snapshot!(desk.shown(["commit", "-m", "tune"]));
    assert_snapshot!(desk.shown(["check"]));
    assert_eq!(desk.head(), before);
    // Of some paths alone, HEAD's manifest counts.
    desk.write("prompts/triage.md", "Sort each.\n");
    desk.ok(["commit", "-m", "Each", "prompts"]);
    assert_snapshot!(desk.shown(["commit", "-m", "tune", "aisr.toml"]));
}

#[test]
fn what_may_be_wrong_is_told_and_committed() {
    let desk = desk();
    assert_snapshot!(desk.shown(["check"]));
    symlink("/var/models/large.bin", desk.path().join("models/large.bin")).unwrap();
    edit(&desk, "\"models/base.bin\"", "[\"models/base.bin\", \"models/large.bin\"]");
    edit(&desk, "\"data/*.md\"", "[\"data/*.md\", \"data/*.csv\"]");
    edit(&desk, "\"prompts/triage.md\"", "\"prompts/gone.md\"");
    edit(&desk, "[data.faq]", "[data.faq]\nwas = \"old\"\n[data.old]\n");
    assert_snapshot!(desk.shown(["check"]));
    assert_snapshot!(desk.shown(["check", "--strict", "--json"]));
    assert_snapshot!(commit(&desk));
}

#[test]
fn what_is_captured_less_is_told_first() {
    let desk = desk();
    desk.write(".aisrignore", "*.tmp\n");
    desk.ok(["commit", "-m", "Ignores"]);
    desk.write(".aisrignore", "*.tmp\nmemory/\n");
    edit(&desk, "\"data/*.md\"", "\"data/one.md\"");
    edit(&desk, "remembers-in = [{ to = \"memory:store\", mode = \"rw\" }]\n", "");
    edit(&desk, "[memory.store]\npath = \"memory/log.jsonl\"\n", "");
    edit(&desk, "\"models/base.bin\"", "\"models/none.bin\"");
    assert_snapshot!(desk.shown(["status"]));
    assert_eq!(desk.json(["status", "--json"])["system"]["narrowed"].as_array().unwrap().len(), 4);
    assert_snapshot!(commit(&desk));
}

#[test]
fn a_manifest_that_is_not_understood_stops_no_status() {
    let desk = desk();
    edit(&desk, "runs = \"model:base\"\nacts-as", "rnus = \"model:base\"\nacts-as");
    edit(&desk, "[data.faq]", "[dta.faq]");
    desk.write("notes.md", "x\n");
    assert_snapshot!(desk.shown(["status"]));
    assert_snapshot!(desk.shown(["check"]));
    assert_snapshot!(desk.shown(["commit", "-m", "x"]));
}

#[test]
fn a_folder_without_components_has_no_system() {
    let desk = Desk::new();
    desk.commit("notes.md", "x\n", "Notes");
    assert_snapshot!(desk.shown(["system"]));
    assert_snapshot!(desk.shown(["check"]));
    let json = desk.json(["system", "--json"]);
    assert_eq!(json["components"], serde_json::json!([]));
    // A system that goes is told.
    files(&desk);
    desk.write("aisr.toml", MANIFEST);
    desk.ok(["commit", "-m", "System"]);
    fs::remove_file(desk.path().join("aisr.toml")).unwrap();
    let shown = desk.shown(["status"]);
    assert!(shown.contains("narrows  agent:triage is no component any more"), "{shown}");
    desk.ok(["commit", "-m", "No system"]);
    assert_eq!(desk.json(["system", "--json"])["edges"], serde_json::json!([]));
    desk.ok(["fsck"]);
}
