//! What `init` and `system scan` find, against what a careful person would write.

#[path = "support/program.rs"]
mod program;

use std::collections::BTreeSet;
use std::path::Path;

use aisr::disk::Disk;
use aisr::system::Manifest;
use insta::assert_snapshot;
use program::Desk;

/// Copies a folder of `tests/data` into the desk.
fn copy(desk: &Desk, from: &str) {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data");
    let mut waiting = vec![data.join(from)];
    while let Some(folder) = waiting.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            match path.is_dir() {
                true => waiting.push(path),
                false => {
                    let name = path.strip_prefix(&data).unwrap().to_str().unwrap();
                    desk.write(name, std::fs::read(&path).unwrap());
                }
            }
        }
    }
}

/// What the manifest of the desk says: `kind:name path… [at]` for each component, and
/// `from relation to` for each edge.
fn said(desk: &Desk) -> BTreeSet<String> {
    let manifest = Manifest::load(&Disk::new(), &desk.path()).unwrap();
    let mut said = BTreeSet::new();
    for declared in manifest.components {
        let at = declared.at.iter().map(|at| format!(" [{at}]"));
        let paths = declared.paths.iter().map(|path| format!(" {path}"));
        said.insert(format!("{}{}", declared.key, paths.chain(at).collect::<String>()));
        for edge in declared.edges {
            said.insert(format!("{} {} {}", declared.key, edge.relation, edge.to));
        }
    }
    said
}

fn set(lines: &str) -> BTreeSet<String> {
    lines.lines().map(str::trim).filter(|line| !line.is_empty()).map(str::to_owned).collect()
}

/// Written by hand after reading every sample.
const SAMPLES: &str = "
    agent:refunds agents/refunds.md
    agent:triage agents/support-crew.agents.yaml [/triage]
    agent:support-crew-refunds agents/support-crew.agents.yaml [/refunds]
    agent:refunds runs model:base
    agent:triage runs model:base
    agent:support-crew-refunds runs model:base
    agent:refunds uses tool:orders
    agent:refunds uses tool:payments
    agent:triage acts-as identity:triage
    model:base
    model:tiny-gguf models/tiny.gguf
    model:tiny-safetensors models/tiny.safetensors
    prompt:classify agents/classify.prompt.yml
    memory:chroma memory/chroma/
    memory:langgraph memory/langgraph.sqlite
    memory:small-pages memory/small-pages.sqlite
    memory:sqlite-vec memory/sqlite-vec.sqlite
    memory:virtual-tables memory/virtual-tables.sqlite
    tool:everything mcp/everything.json
    tool:filesystem mcp/filesystem.json
    tool:memory mcp/memory.json
    tool:orders agents/clients/dot-mcp.json [/mcpServers/orders]
    tool:payments agents/clients/dot-mcp.json [/mcpServers/payments]
    tool:vscode-orders agents/clients/vscode-mcp.json [/servers/orders]
    identity:triage identity/agent-card.json
";

#[test]
fn the_samples_are_found_as_a_careful_person_would_name_them() {
    let desk = Desk::empty();
    for folder in ["agents", "identity", "mcp", "memory", "models", "traces"] {
        copy(&desk, folder);
    }
    assert_snapshot!(desk.shown(["init"]), @r#"
    Signing key   ~/.config/aisr/id_ed25519 (SHA256:<key>), made just now, principal mara@example.org
    Repository    <dir>/desk/.aisr (branch main)
    Found         3 models, 1 prompt, 3 agents, 6 tool servers (36 tools), 5 memories (chroma, sqlite), 1 identity
    Relations     3 runs, 2 uses, 1 acts-as
    Not placed    identity/oms-bundle.sig.json, models/tensors.json, traces/genai.otlp.jsonl (captured all the same; name them in aisr.toml if that matters)
    Wrote         aisr.toml, .aisrignore
    [0]
    "#);
    assert_eq!(said(&desk), set(SAMPLES));
    assert_snapshot!(desk.shown(["system", "scan"]), @r#"
    Not placed    identity/oms-bundle.sig.json, models/tensors.json, traces/genai.otlp.jsonl (captured all the same; name them in aisr.toml if that matters)
    Nothing to add: aisr.toml names every component that is found.
    [0]
    "#);
}

/// The shape of the generated corpus of the benchmarks, smaller.
fn write_corpus(desk: &Desk, agents: usize) {
    let weights = |len: u8| [&[len, 0, 0, 0, 0, 0, 0, 0][..], b"{}", &b" ".repeat(8)].concat();
    desk.write("models/base.safetensors", weights(2));
    desk.write("models/config.json", r#"{"architectures": ["Bench"], "torch_dtype": "bfloat16"}"#);
    desk.write("models/adapter/adapter_model.safetensors", weights(3));
    let adapter = r#"{"base_model_name_or_path": "../base.safetensors", "r": 16}"#;
    desk.write("models/adapter/adapter_config.json", adapter);
    let mut servers = serde_json::Map::new();
    for i in 0..agents {
        desk.write(&format!("prompts/agent-{i:02}.md"), format!("# Agent {i}\n"));
        let tool = |n| serde_json::json!({"name": format!("server{i}_{n}"), "description": "d", "inputSchema": {}});
        let list = serde_json::json!({"tools": [tool(0), tool(1)]});
        desk.write(&format!("tools/server-{i:02}.json"), list.to_string());
        servers.insert(format!("server-{i:02}"), serde_json::json!({"command": "npx", "args": []}));
        let text = format!(
            "name: agent-{i:02}\nmodel: models/base.safetensors\nprompt: prompts/agent-{i:02}.md\n\
             tools: [server-{i:02}]\nmemory: memory/store.sqlite\n\
             identity: spiffe://example.org/agent/{i}\n"
        );
        desk.write(&format!("agents/agent-{i:02}.yaml"), text);
    }
    desk.write(".mcp.json", serde_json::json!({"mcpServers": servers}).to_string());
    desk.write("src/a/module_1.py", "def f(x):\n    return x\n");
    std::fs::create_dir_all(desk.path().join("memory")).unwrap();
    let database = rusqlite::Connection::open(desk.path().join("memory/store.sqlite")).unwrap();
    database.execute_batch("CREATE TABLE memories(id INTEGER PRIMARY KEY, text TEXT)").unwrap();
    desk.write("memory/episodes.jsonl", "{\"id\": 0, \"agent\": \"agent-00\", \"text\": \"x\"}\n");
    desk.write("data/eval.csv", "question,answer\n");
}

#[test]
fn the_corpus_is_found_as_a_careful_person_would_name_it() {
    let desk = Desk::empty();
    write_corpus(&desk, 2);
    assert_snapshot!(desk.shown(["init"]), @r#"
    Signing key   ~/.config/aisr/id_ed25519 (SHA256:<key>), made just now, principal mara@example.org
    Repository    <dir>/desk/.aisr (branch main)
    Found         2 models, 2 prompts, 2 agents, 2 tool servers (4 tools), 2 memories (jsonl, sqlite), 2 identities
    Relations     2 runs, 2 prompted-by, 2 remembers-in, 2 uses, 2 acts-as, 1 derived-from
    Not placed    data/eval.csv (captured all the same; name it in aisr.toml if that matters)
    Wrote         aisr.toml, .aisrignore
    [0]
    "#);
    let expected = "
        model:base models/base.safetensors models/config.json
        model:adapter models/adapter/adapter_config.json models/adapter/adapter_model.safetensors
        model:adapter derived-from model:base
        prompt:agent-00 prompts/agent-00.md
        prompt:agent-01 prompts/agent-01.md
        memory:store memory/store.sqlite
        memory:episodes memory/episodes.jsonl
        tool:server-00 .mcp.json tools/server-00.json [/mcpServers/server-00]
        tool:server-01 .mcp.json tools/server-01.json [/mcpServers/server-01]
        identity:agent-0 agents/agent-00.yaml [/identity]
        identity:agent-1 agents/agent-01.yaml [/identity]
        agent:agent-00 agents/agent-00.yaml
        agent:agent-00 runs model:base
        agent:agent-00 prompted-by prompt:agent-00
        agent:agent-00 uses tool:server-00
        agent:agent-00 remembers-in memory:store
        agent:agent-00 acts-as identity:agent-0
        agent:agent-01 agents/agent-01.yaml
        agent:agent-01 runs model:base
        agent:agent-01 prompted-by prompt:agent-01
        agent:agent-01 uses tool:server-01
        agent:agent-01 remembers-in memory:store
        agent:agent-01 acts-as identity:agent-1
    ";
    assert_eq!(said(&desk), set(expected));
    assert_snapshot!(std::fs::read_to_string(desk.path().join("aisr.toml")).unwrap(), @r#"
    # The system in this folder: its components, and how they relate.
    # Written by `aisr init` from what lies here; it is yours to edit. `aisr system scan`
    # proposes what it lacks, and changes nothing that stands here.

    # Agents

    [agent.agent-00]
    path = "agents/agent-00.yaml"
    runs = "model:base"
    prompted-by = "prompt:agent-00"
    remembers-in = "memory:store"
    uses = "tool:server-00"
    acts-as = "identity:agent-0"

    [agent.agent-01]
    path = "agents/agent-01.yaml"
    runs = "model:base"
    prompted-by = "prompt:agent-01"
    remembers-in = "memory:store"
    uses = "tool:server-01"
    acts-as = "identity:agent-1"

    # Models

    [model.adapter]
    path = ["models/adapter/adapter_config.json", "models/adapter/adapter_model.safetensors"]
    derived-from = "model:base"

    [model.base]
    path = ["models/base.safetensors", "models/config.json"]

    # Prompts

    [prompt.agent-00]
    path = "prompts/agent-00.md"

    [prompt.agent-01]
    path = "prompts/agent-01.md"

    # Memory

    [memory.episodes]
    path = "memory/episodes.jsonl"

    [memory.store]
    path = "memory/store.sqlite"

    # Tools

    [tool.server-00]
    path = [".mcp.json", "tools/server-00.json"]
    at = "/mcpServers/server-00"

    [tool.server-01]
    path = [".mcp.json", "tools/server-01.json"]
    at = "/mcpServers/server-01"

    # Identities

    [identity.agent-0]  # spiffe://example.org/agent/0
    path = "agents/agent-00.yaml"
    at = "/identity"

    [identity.agent-1]  # spiffe://example.org/agent/1
    path = "agents/agent-01.yaml"
    at = "/identity"
    "#);
}

#[test]
fn a_project_of_many_formats_is_found_as_a_careful_person_would_name_it() {
    let desk = Desk::empty();
    for (path, text) in [
        ("AGENTS.md", "Be careful.\n"),
        ("README.md", "A desk.\n"),
        ("package.json", "{\"name\": \"desk\", \"version\": \"1.0.0\"}"),
        (".github/workflows/ci.yml", "name: ci\non: push\njobs: {}\n"),
        ("docker-compose.yml", "services:\n  a:\n    image: x\n"),
        ("skills/pdf/SKILL.md", "---\nname: pdf\ndescription: Reads PDF.\n---\nRun extract.py.\n"),
        ("skills/pdf/extract.py", "pass\n"),
        (
            ".claude/agents/reviewer.md",
            "---\nname: reviewer\ndescription: Reviews: all of it\ntools: Read, Task(triage)\nmodel: sonnet\n---\nReview.\n",
        ),
        (
            "config/agents/triage.toml",
            "name = 'triage'\nmodel = { provider = 'openai', name = 'gpt-4o' }\nprompt = '../../prompts/triage.md'\nsub_agents = ['refunds']\nservice_account = 'desk-bot'\n[memory]\nuri = 'sqlite:///state/desk.db'\naccess = 'read-only'\n",
        ),
        (
            "config/agents/refunds.json",
            "{\"name\": \"refunds\", \"model\": \"openai/gpt-4o\", \"instructions\": \"texts/refunds.txt\", \"tools\": [{\"type\": \"mcp\", \"server_label\": \"orders\"}, \"lookup_order\"]}",
        ),
        ("texts/refunds.txt", "Refund with care.\n"),
        ("prompts/triage.md", "Sort.\n"),
        ("prompts/README.md", "How we write prompts.\n"),
        ("mcp.json", "{\"mcpServers\": {\"orders\": {\"command\": \"npx\"}}}"),
        (
            ".vscode/mcp.json",
            "{\n  // mine\n  \"servers\": {\"orders\": {\"url\": \"http://x\"},}\n}",
        ),
        ("tests/agents/fake.yaml", "name: fake\nmodel: m\nprompt: p\n"),
        ("notes/old-ideas.md", "Once.\n"),
        ("agents/broken.yaml", "name: [\n"),
        ("big/model-00001-of-00002.gguf", "GGUF\u{3}"),
        ("big/model-00002-of-00002.gguf", "GGUF\u{3}"),
        ("weights/lfs.safetensors", "version https://git-lfs.github.com/spec/v1\n"),
    ] {
        desk.write(path, text);
    }
    std::fs::create_dir_all(desk.path().join("state")).unwrap();
    let database = rusqlite::Connection::open(desk.path().join("state/desk.db")).unwrap();
    database.execute_batch("CREATE TABLE m(id INTEGER PRIMARY KEY)").unwrap();
    assert_snapshot!(desk.shown(["init"]), @r#"
    Signing key   ~/.config/aisr/id_ed25519 (SHA256:<key>), made just now, principal mara@example.org
    Repository    <dir>/desk/.aisr (branch main)
    Found         3 models, 4 prompts, 3 agents, 2 tool servers, 1 memory (sqlite), 1 identity
    Relations     3 runs, 2 prompted-by, 1 remembers-in, 1 uses, 1 acts-as, 2 calls
    Not placed    agents/broken.yaml, notes/old-ideas.md, weights/lfs.safetensors (captured all the same; name them in aisr.toml if that matters)
    Not readable  agents/broken.yaml: unclosed bracket '[' at char 6 line 1 column 7
    Wrote         aisr.toml, .aisrignore
    [0]
    "#);
    let expected = "
        agent:reviewer .claude/agents/reviewer.md
        agent:reviewer calls agent:triage
        agent:reviewer runs model:sonnet
        agent:triage config/agents/triage.toml
        agent:triage runs model:gpt-4o
        agent:triage prompted-by prompt:triage
        agent:triage calls agent:refunds
        agent:triage acts-as identity:desk-bot
        agent:triage remembers-in memory:desk
        agent:refunds config/agents/refunds.json
        agent:refunds runs model:gpt-4o
        agent:refunds prompted-by prompt:refunds
        agent:refunds uses tool:orders
        model:sonnet
        model:gpt-4o
        model:big big/model-*-of-00002.gguf
        prompt:agents AGENTS.md
        prompt:pdf skills/pdf/
        prompt:triage prompts/triage.md
        prompt:refunds texts/refunds.txt
        memory:desk state/desk.db
        tool:orders mcp.json [/mcpServers/orders]
        tool:vscode-orders .vscode/mcp.json [/servers/orders]
        identity:desk-bot config/agents/triage.toml [/service_account]
    ";
    assert_eq!(said(&desk), set(expected));
    let manifest = std::fs::read_to_string(desk.path().join("aisr.toml")).unwrap();
    assert!(
        manifest.contains("remembers-in = { to = \"memory:desk\", mode = \"r\" }"),
        "{manifest}"
    );
}

#[test]
fn a_manifest_that_is_there_is_left_as_it_is() {
    let desk = Desk::empty();
    desk.write("prompts/triage.md", "Sort.\n");
    let mine = "# mine\n[prompt.sorter]   # by hand\npath = 'prompts/triage.md'\n";
    desk.write("aisr.toml", mine);
    assert_snapshot!(desk.shown(["init"]), @r#"
    Signing key   ~/.config/aisr/id_ed25519 (SHA256:<key>), made just now, principal mara@example.org
    Repository    <dir>/desk/.aisr (branch main)
    Wrote         .aisrignore
    hint: aisr.toml was there and stays; `aisr system scan` proposes what it lacks
    [0]
    "#);
    desk.write("prompts/escalate.md", "Escalate.\n");
    desk.write("agents/a.yaml", "name: a\nmodel: m\nprompt: prompts/triage.md\n");
    assert_snapshot!(desk.shown(["system", "scan"]), @r#"
    Found         1 model, 1 prompt, 1 agent
    Relations     1 runs, 1 prompted-by

    [model.m]  # not in this folder: m

    [prompt.escalate]
    path = "prompts/escalate.md"

    [agent.a]
    path = "agents/a.yaml"
    runs = "model:m"
    prompted-by = "prompt:sorter"
    hint: `aisr system scan --write` adds this to aisr.toml, --add PATH a part of it
    [0]
    "#);
    assert_eq!(std::fs::read_to_string(desk.path().join("aisr.toml")).unwrap(), mine);
    assert_snapshot!(desk.shown(["system", "scan", "--add", "prompts/escalate.md"]), @r#"
    Found         1 prompt
    Added         1 component to aisr.toml
    [0]
    "#);
    let added = std::fs::read_to_string(desk.path().join("aisr.toml")).unwrap();
    assert_eq!(added, format!("{mine}\n[prompt.escalate]\npath = \"prompts/escalate.md\"\n"));
    assert_snapshot!(desk.shown(["system", "scan", "--add", "prompts/escalate.md"]), @r#"
    error: prompts/escalate.md belongs to prompt:escalate already
    hint: line 5 of aisr.toml names it
    [3]
    "#);
    desk.write("notes.md", "x\n");
    assert_snapshot!(desk.shown(["system", "scan", "--add", "notes.md"]), @r#"
    error: what notes.md is cannot be told from its name or content
    hint: name it by hand: [KIND.NAME] and path = "notes.md" in aisr.toml
    [3]
    "#);
    desk.ok(["system", "scan", "--write", "-q"]);
    let written = std::fs::read_to_string(desk.path().join("aisr.toml")).unwrap();
    assert!(
        written.starts_with(&added) && written.contains("prompted-by = \"prompt:sorter\""),
        "{written}"
    );
    assert_snapshot!(desk.shown(["system", "scan", "--write"]), @r#"
    Not placed    notes.md (captured all the same; name it in aisr.toml if that matters)
    Nothing to add: aisr.toml names every component that is found.
    [0]
    "#);
    let json = desk.json(["system", "scan", "--json"]);
    assert_eq!(json["components"], serde_json::json!([]));
    assert_eq!(json["not_placed"], serde_json::json!(["notes.md"]));
}

#[test]
fn what_is_ignored_and_what_a_link_leads_to_is_not_found() {
    let desk = Desk::empty();
    desk.write("outside.md", "x\n");
    desk.write("prompts/mine.md", "x\n");
    desk.write("cache/prompts/theirs.md", "x\n");
    desk.write(".aisrignore", "cache/\n");
    std::os::unix::fs::symlink("../outside.md", desk.path().join("prompts/link.md")).unwrap();
    std::os::unix::fs::symlink("/etc", desk.path().join("agents")).unwrap();
    desk.ok(["init"]);
    assert_eq!(said(&desk), set("prompt:mine prompts/mine.md"));
}

#[test]
fn a_folder_without_a_system_gets_no_manifest() {
    let desk = Desk::empty();
    desk.write("src/main.py", "pass\n");
    desk.ok(["init"]);
    assert!(!desk.path().join("aisr.toml").exists());
    assert_snapshot!(desk.shown(["system", "scan"]), @r#"
    Nothing to add: aisr.toml names every component that is found.
    [0]
    "#);
}
