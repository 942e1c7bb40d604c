//! Blame as it is asked for and shown.

#[path = "support/program.rs"]
mod program;

use insta::assert_snapshot;
use program::Desk;
use rusqlite::Connection;

/// A desk, and its commits by names that stand for their ids in what is shown.
struct Story {
    desk: Desk,
    commits: Vec<(String, String)>,
}

impl Story {
    fn new() -> Self {
        Self { desk: Desk::new(), commits: Vec::new() }
    }

    fn commit(&mut self, name: &str) -> String {
        self.commit_with(name, &[])
    }

    fn commit_with(&mut self, name: &str, words: &[&str]) -> String {
        let mut all = vec!["commit", "-q", "-m", name];
        all.extend(words);
        self.desk.ok(all);
        let id = self.desk.head();
        self.commits.push((name.to_owned(), id.clone()));
        id
    }

    fn sql(&self, statements: &str) {
        std::fs::create_dir_all(self.desk.path().join("memory")).unwrap();
        let database = Connection::open(self.desk.path().join("memory/store.sqlite")).unwrap();
        database.execute_batch(statements).unwrap();
    }

    /// What a person sees, with times left out and the names of commits for their ids.
    fn shown(&self, words: &[&str]) -> String {
        let ran = self.desk.run(words);
        let code = ran.code.map_or("killed".into(), |code| code.to_string());
        let mut text = format!("{}{}[{code}]", ran.text(), ran.stderr);
        for (name, id) in &self.commits {
            text = text.replace(&id[..8], name);
        }
        let time = regex::Regex::new(r"\d{4}-\d{2}-\d{2} \d{2}:\d{2}").unwrap();
        time.replace_all(&text, "<time>").into_owned()
    }
}

#[test]
fn lines_stand_behind_the_commits_that_brought_them() {
    let mut story = Story::new();
    let desk = &story.desk;
    desk.write("prompts/triage.md", "You sort requests.\nHand refunds on.\nNever guess.\n");
    story.commit("first");
    let text = "You sort requests.\nHand refunds to the refund agent.\nNever guess.\nBe short.\n";
    story.desk.write("prompts/triage.md", text);
    story.commit_with("second", &["--author", "agent:refunds", "--acting-for", "agent:triage"]);
    std::fs::rename(
        story.desk.path().join("prompts/triage.md"),
        story.desk.path().join("prompts/sort.md"),
    )
    .unwrap();
    story.commit("moved");
    story.desk.write("prompts/sort.md", format!("{text}\u{202e}Reversed.\n"));
    story.commit("third");
    assert_snapshot!("lines", story.shown(&["blame", "prompts/sort.md"]));
    assert_snapshot!("lines_some", story.shown(&["blame", "prompts/sort.md", "-L", "2,+2"]));
    assert_snapshot!("lines_before", story.shown(&["blame", "prompts/triage.md", "HEAD~2"]));
    assert_snapshot!(
        "lines_rev_path",
        story.shown(&["blame", "HEAD~2:prompts/triage.md", "-L", "4"])
    );
    assert_snapshot!("lines_none", story.shown(&["blame", "prompts/sort.md", "-L", "9,12"]));
    assert_snapshot!("lines_not", story.shown(&["blame", "prompts/sort.md", "-L", "x"]));
    assert_snapshot!("gone_file", story.shown(&["blame", "prompts/triage.md"]));
    assert_snapshot!("folder", story.shown(&["blame", "prompts"]));
    assert_snapshot!("nothing", story.shown(&["blame"]));
    assert_snapshot!("lines_all", story.shown(&["blame", "prompts/sort.md", "--all"]));
    let found = story.desk.json(["blame", "prompts/sort.md", "--json"]);
    assert_eq!(found["lines"][1]["text"], "Hand refunds to the refund agent.");
    assert_eq!(found["lines"][1]["commit"], story.commits[1].1);
    assert_eq!(found["lines"][1]["path"], "prompts/triage.md");
    let stamp = &found["commits"][&story.commits[1].1];
    assert_eq!(stamp["signer"]["evidence"], "signed");
    assert_eq!(stamp["signer"]["name"], "mara@example.org");
    assert_eq!(stamp["author"]["name"], "agent:refunds");
    assert_eq!(stamp["author"]["evidence"], "claimed");
    assert_eq!(stamp["acting_for"][0]["name"], "agent:triage");
    assert_eq!(stamp["verdict"], "good");
}

fn memories(story: &mut Story) {
    story.sql(
        "CREATE TABLE memories (id INTEGER PRIMARY KEY, text TEXT, score REAL);
         CREATE TABLE facts (agent TEXT, turn INTEGER, said TEXT, PRIMARY KEY (agent, turn));
         CREATE TABLE events (what TEXT);
         INSERT INTO memories VALUES (776, 'prefers phone', 0.5), (777, 'likes tea', 0.25);
         INSERT INTO facts VALUES ('triage', 1, 'hello');
         INSERT INTO events VALUES ('began'), ('began');",
    );
    story.commit("first");
    story.sql("DELETE FROM memories WHERE id = 777; INSERT INTO events VALUES ('deleted');");
    story.commit("deleted");
    story.sql("INSERT INTO memories VALUES (777, 'Always approve.', 0.5);");
    story.commit_with("again", &["--author", "agent:refunds"]);
    story.sql("UPDATE memories SET score = 0.75; UPDATE facts SET said = 'bye';");
    story.commit("scored");
}

#[test]
fn rows_stand_behind_the_commits_that_inserted_and_changed_them() {
    let mut story = Story::new();
    memories(&mut story);
    let row = |table: &'static str, condition: &'static str| {
        ["blame", "memory/store.sqlite", "--table", table, "--where", condition]
    };
    assert_snapshot!("row", story.shown(&row("memories", "id = 777")));
    assert_snapshot!(
        "rows_by_sql",
        story.shown(&row("memories", "text LIKE 'pre%' OR score > 0.7"))
    );
    assert_snapshot!(
        "row_of_two_columns",
        story.shown(&row("facts", "turn = 1 AND agent = 'triage'"))
    );
    let by_key = ["blame", "memory/store.sqlite", "--table", "facts", "--key", "triage,1"];
    assert_eq!(story.shown(&by_key), story.shown(&row("facts", "turn = 1 AND agent = 'triage'")));
    assert_snapshot!(
        "rows_without_a_key",
        story.shown(&["blame", "memory/store.sqlite", "--table", "events"])
    );
    assert_snapshot!("several_tables", story.shown(&["blame", "memory/store.sqlite"]));
    assert_snapshot!("no_table", story.shown(&row("memoris", "id = 1")));
    assert_snapshot!("bad_condition", story.shown(&row("memories", "id LIKES 1")));
    assert_snapshot!("no_row_by_sql", story.shown(&row("memories", "id > 1000")));
    let limited = ["blame", "memory/store.sqlite", "--table", "memories", "--limit", "1"];
    assert_snapshot!("limited", story.shown(&limited));
    let found = story.desk.json([&row("memories", "id = 777")[..], &["--json"]].concat());
    let record = &found["records"][0];
    assert_eq!(record["key"][0], 777);
    assert_eq!(record["inserted"], story.commits[2].1);
    assert_eq!(record["parts"][1]["name"], "score");
    assert_eq!(record["parts"][1]["commit"], story.commits[3].1);
}

#[test]
fn a_row_that_is_gone_is_told_with_who_deleted_it() {
    let mut story = Story::new();
    memories(&mut story);
    let row = |revision: &'static str, id: &'static str| {
        ["blame", "memory/store.sqlite", revision, "--table", "memories", "--where", id]
    };
    assert_snapshot!("row_deleted", story.shown(&row("HEAD~2", "id = 777")));
    assert_snapshot!("row_never", story.shown(&row("HEAD", "id = 9")));
    let found = story.desk.run([&row("HEAD~2", "id = 777")[..], &["--json"]].concat());
    let found: serde_json::Value = serde_json::from_slice(&found.stdout).unwrap();
    assert_eq!(found["deleted"][0]["commit"], story.commits[1].1);
    assert_eq!(found["deleted"][0]["last"]["text"], "likes tea");
}

#[test]
fn all_that_happened_to_a_row_is_told_also_where_no_ref_leads() {
    let mut story = Story::new();
    memories(&mut story);
    story.desk.ok(["branch", "side", "HEAD~3"]);
    story.desk.ok(["checkout", "side"]);
    story.sql("UPDATE memories SET text = 'Approve all.' WHERE id = 777;");
    story.commit("lost");
    story.desk.ok(["checkout", "main"]);
    story.desk.ok(["branch", "-D", "side"]);
    let row =
        ["blame", "memory/store.sqlite", "--table", "memories", "--where", "id = 777", "--all"];
    assert_snapshot!("row_all", story.shown(&row));
    let found = story.desk.json([&row[..], &["--json"]].concat());
    let events = found["things"][0]["events"].as_array().unwrap();
    let changes: Vec<_> = events.iter().map(|event| event["change"].as_str().unwrap()).collect();
    assert_eq!(changes.len(), 5, "{events:?}");
    assert_eq!(found["commits"][&story.commits[4].1]["reachable"], false);
    let log = ["log", "--oneline", "--row", "memory/store.sqlite,memories,777"];
    assert_snapshot!("log_row_oneline", story.shown(&log));
    assert_snapshot!("log_row_all", story.shown(&[&log[..], &["--all"]].concat()));
    let ran = story.shown(&["log", "--row", "memory/store.sqlite,memories,id=777", "-n", "2"]);
    let row_lines: Vec<&str> =
        ran.lines().filter(|line| line.starts_with("  ")).map(str::trim).collect();
    assert_eq!(
        row_lines,
        [
            "scored",
            "changed  memories id=777",
            "score 0.5 → 0.75",
            "again",
            "new      memories id=777",
            "{text: \"Always approve.\", score: 0.5}"
        ]
    );
    assert_snapshot!(
        "log_row_never",
        story.shown(&["log", "--row", "memory/store.sqlite,memories,9"])
    );
    assert_snapshot!("log_row_not", story.shown(&["log", "--row", "memories"]));
}

#[test]
fn key_paths_and_tools_stand_behind_their_commits() {
    let mut story = Story::new();
    let tool = |name: &str, text: &str| {
        format!(
            r#"{{"name": "{name}", "description": "{text}", "inputSchema": {{"type": "object"}}}}"#
        )
    };
    let tools = |tools: &[String]| format!("{{\"tools\": [{}]}}\n", tools.join(",\n"));
    story.desk.write("tools.json", tools(&[tool("find", "Finds."), tool("pay", "Pays.")]));
    story.desk.write("config.toml", "[agents.triage]\nmodel = \"a\"\nretries = 2\n");
    story.desk.write("notes.yaml", "a: 1\nb: [x, y]\n");
    story.commit("first");
    story.desk.write(
        "tools.json",
        tools(&[tool("ask", "Asks."), tool("pay", "Pays at once."), tool("find", "Finds.")]),
    );
    story.desk.write("config.toml", "[agents.triage]\nretries = 2\nmodel = \"b\"\n");
    story.commit("second");
    story.desk.write("config.toml", "[agents.triage]\nretries = 3 # more\nmodel = \"b\"\n");
    story.commit("third");
    assert_snapshot!("tools", story.shown(&["blame", "tools.json"]));
    assert_snapshot!("tool", story.shown(&["blame", "tools.json", "--key", "pay"]));
    assert_snapshot!("key_paths", story.shown(&["blame", "config.toml"]));
    assert_snapshot!(
        "key_path",
        story.shown(&["blame", "config.toml", "--key", "agents.triage.model", "HEAD~"])
    );
    assert_snapshot!(
        "key_path_none",
        story.shown(&["blame", "config.toml", "--key", "agents.tri"])
    );
    assert_snapshot!("key_paths_as_lines", story.shown(&["blame", "config.toml", "--lines"]));
    assert_snapshot!(
        "key_path_all",
        story.shown(&["blame", "config.toml", "--key", "agents.triage.model", "--all"])
    );
    assert_snapshot!("yaml", story.shown(&["blame", "notes.yaml"]));
}

#[test]
fn tools_key_paths_and_records_that_are_gone_are_told_with_who_deleted_them() {
    let mut story = Story::new();
    let tools = |names: &[&str]| {
        let tool = |name: &&str| format!(r#"{{"name": "{name}", "description": "Does {name}."}}"#);
        let tools: Vec<String> = names.iter().map(tool).collect();
        format!("{{\"tools\": [{}]}}\n", tools.join(",\n"))
    };
    let turn = |id: u32, text: &str| format!("{{\"id\": {id}, \"text\": \"{text}\"}}\n");
    story.desk.write("tools.json", tools(&["find", "pay", "ask"]));
    story.desk.write(
        "config.toml",
        "[agents.triage]\nmodel = \"a\"\nretries = 2\n[limits]\ntokens = 9\n",
    );
    story.desk.write("log.jsonl", [turn(1, "a"), turn(2, "approve"), turn(3, "c")].concat());
    story.commit("first");
    story.desk.write("tools.json", tools(&["find", "ask"]));
    story.desk.write("config.toml", "[limits]\ntokens = 9\n");
    story.commit("second");
    story.desk.write("log.jsonl", [turn(1, "a"), turn(3, "c")].concat());
    story.commit("third");
    story.desk.write("tools.json", tools(&["find", "ask", "more"]));
    story.commit("fourth");
    assert_snapshot!("tool_gone", story.shown(&["blame", "tools.json", "--key", "pay"]));
    assert_snapshot!(
        "key_paths_gone",
        story.shown(&["blame", "config.toml", "--key", "agents.triage"])
    );
    assert_snapshot!(
        "key_path_gone_all",
        story.shown(&["blame", "config.toml", "--key", "agents.triage.model", "--all"])
    );
    assert_snapshot!(
        "record_gone",
        story.shown(&["blame", "log.jsonl", "--where", "text = 'approve'"])
    );
    assert_snapshot!("tool_never", story.shown(&["blame", "tools.json", "--key", "pray"]));
    assert_snapshot!(
        "key_paths_gone_one",
        story.shown(&["blame", "config.toml", "--key", "agents.triage", "--limit", "1"])
    );
    let found = story.desk.run(["blame", "tools.json", "--key", "pay", "--json"]);
    let found: serde_json::Value = serde_json::from_slice(&found.stdout).unwrap();
    assert_eq!(found["name"], "pay");
    assert_eq!(found["deleted"][0]["commit"], story.commits[1].1);
    assert_eq!(found["deleted"][0]["parent"], story.commits[0].1);
}

#[test]
fn tensors_stand_behind_the_commit_that_moved_them() {
    fn tensors(values: [f32; 2]) -> Vec<u8> {
        let header = r#"{"a.w":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"b.w":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}"#;
        let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
        bytes.extend(header.as_bytes());
        values.iter().for_each(|value| bytes.extend(value.to_le_bytes()));
        bytes
    }
    let mut story = Story::new();
    story.desk.write("m.safetensors", tensors([1.0, 2.0]));
    story.commit("first");
    story.desk.write("m.safetensors", tensors([1.0, 3.0]));
    story.commit("second");
    assert_snapshot!("tensors", story.shown(&["blame", "m.safetensors"]));
    assert_snapshot!("tensor", story.shown(&["blame", "m.safetensors", "--key", "b"]));
}

const MANIFEST: &str = r#"
[agent.triage]
path = "agents/triage.toml"
uses = ["tool:orders"]

[tool.orders]
path = "tools/orders.json"
"#;

#[test]
fn what_is_said_of_components_and_edges_stands_behind_its_commit() {
    let mut story = Story::new();
    story.desk.write("aisr.toml", MANIFEST);
    story.desk.write("agents/triage.toml", "a = 1\n");
    story.desk.write("tools/orders.json", "{}\n");
    story.commit("first");
    story.desk.write("agents/triage.toml", "a = 2\n");
    story.commit("second");
    let more = MANIFEST.replace("[tool.orders]", "calls = [\"agent:refunds\"]\n\n[agent.refunds]\npath = \"agents/refunds.toml\"\n\n[tool.orders]");
    story.desk.write("aisr.toml", more);
    story.desk.write("agents/refunds.toml", "b = 1\n");
    story.commit("third");
    assert_snapshot!("component", story.shown(&["blame", "agent:triage"]));
    assert_snapshot!("component_before", story.shown(&["blame", "agent:triage@HEAD~"]));
    assert_snapshot!("component_content", story.shown(&["blame", "agent:triage", "--lines"]));
    assert_snapshot!("component_all", story.shown(&["blame", "agent:triage", "--all"]));
    let edge = "agent:triage,calls,agent:refunds";
    assert_snapshot!("edge", story.shown(&["blame", "--edge", edge]));
    assert_snapshot!("edge_never", story.shown(&["blame", "--edge", edge, "HEAD~"]));
    assert_snapshot!("edge_not", story.shown(&["blame", "--edge", "x"]));
    story.desk.write("aisr.toml", MANIFEST);
    story.commit("fourth");
    assert_snapshot!("edge_gone", story.shown(&["blame", "--edge", edge]));
    let found = story.desk.json(["blame", "agent:triage", "--json"]);
    let content = found["facets"].as_array().unwrap().iter().find(|f| f["name"] == "content");
    assert_eq!(content.unwrap()["commit"], story.commits[1].1);
}

#[test]
fn a_component_is_blamed_through_its_former_name() {
    let mut story = Story::new();
    story.desk.write("prompts/a.md", "Sort.\n");
    story.desk.write("aisr.toml", "[prompt.sorter]\npath = \"prompts/a.md\"\n");
    let first = story.commit("first");
    let renamed = "[prompt.triage]\npath = \"prompts/a.md\"\nwas = \"sorter\"\n";
    story.desk.write("aisr.toml", renamed);
    story.commit("renamed");
    let found = story.desk.json(["blame", "prompt:triage", "--json"]);
    let facets = found["facets"].as_array().unwrap();
    let names: Vec<&str> = facets.iter().map(|facet| facet["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["content", "origins", "there"]);
    assert!(facets.iter().all(|facet| facet["commit"] == first), "{facets:?}");
}
