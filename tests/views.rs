//! What contents made of text mean: each kind found, read whole, and compared record by record.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use aisr::view::{self, Element, Key, Kind, Opened, Value, View, ViewError, element_of, path_of};
use proptest::prelude::*;

fn open(name: &str, content: impl AsRef<[u8]>) -> Opened {
    view::open(Arc::new(content.as_ref().to_vec()), name.as_bytes()).unwrap()
}

fn records(view: &dyn View, table: usize) -> Vec<(Key, Value)> {
    let mut cursor = view.cursor(&view.tables()[table], None).unwrap();
    let mut out: Vec<(Key, Value)> = Vec::new();
    while let Some(record) = cursor.next().unwrap() {
        if let Some((last, _)) = out.last() {
            assert!(*last < record.key, "{last:?} is not before {:?}", record.key);
        }
        out.push((record.key, record.value));
    }
    out
}

fn shown(value: &Value) -> String {
    match value {
        Value::Null => "null".into(),
        Value::Bool(truth) => truth.to_string(),
        Value::Integer(integer) => integer.to_string(),
        Value::Double(double) => format!("{double:?}"),
        Value::Number(written) => written.clone(),
        Value::Text(text) => format!("{text:?}"),
        Value::Bytes(bytes) => format!("{} bytes", bytes.len()),
        Value::Count(times) => format!("× {times}"),
        Value::List(items) => {
            format!("[{}]", items.iter().map(shown).collect::<Vec<_>>().join(", "))
        }
        Value::Fields(fields) => {
            let pair = |(name, value): &(String, Value)| format!("{name}: {}", shown(value));
            format!("{{{}}}", fields.iter().map(pair).collect::<Vec<_>>().join(", "))
        }
        Value::Tensor(tensor) => format!("{tensor:?}"),
    }
}

/// All that a view says of a content.
fn dump(opened: &Opened) -> String {
    let view = &*opened.view;
    let mut out = format!("{:?}\n", view.kind());
    if let Some(fell_back) = &opened.fell_back {
        writeln!(out, "seemed {:?}: {}", fell_back.seemed, fell_back.why).unwrap();
    }
    for key in &opened.doubled {
        writeln!(out, "doubled {}", path_of(key)).unwrap();
    }
    for (at, table) in view.tables().iter().enumerate() {
        writeln!(out, "table {:?} by {:?}", table.name, table.key).unwrap();
        for (key, value) in records(view, at) {
            writeln!(out, "  {} = {}", path_of(&key), shown(&value)).unwrap();
        }
    }
    out
}

fn data(path: &str) -> Vec<u8> {
    fs::read(Path::new("tests/data").join(path)).unwrap()
}

/// Each record cut to a line that fits.
fn short(dump: &str) -> String {
    let cut = |line: &str| match line.char_indices().nth(110) {
        Some((at, _)) => format!("{}…\n", &line[..at]),
        None => format!("{line}\n"),
    };
    dump.lines().map(cut).collect()
}

#[test]
fn real_files_are_what_they_are() {
    for path in [
        "agents/refunds.md",
        "agents/classify.prompt.yml",
        "agents/support-crew.agents.yaml",
        "agents/clients/dot-mcp.json",
        "agents/clients/vscode-mcp.json",
        "identity/agent-card.json",
        "identity/oms-bundle.sig.json",
        "mcp/everything.json",
        "mcp/filesystem.json",
        "mcp/memory.json",
        "traces/genai.otlp.jsonl",
    ] {
        let opened = open(path, data(path));
        assert!(opened.fell_back.is_none(), "{path}: {:?}", opened.fell_back);
        let name = path.replace(['/', '.'], "_");
        insta::assert_snapshot!(name, short(&dump(&opened)));
    }
}

#[test]
fn a_transcript_says_the_same_with_a_message_on_each_line() {
    let array: Vec<serde_json::Value> = serde_json::from_slice(&data("mcp/memory.json")).unwrap();
    let lines: String = array.iter().map(|message| format!("{message}\n")).collect();
    assert_eq!(dump(&open("a.json", data("mcp/memory.json"))), dump(&open("t.jsonl", lines)));
}

#[test]
fn tools_are_found_in_each_form() {
    let cases = [
        (
            "mcp",
            r#"{"tools": [{"name": "t", "description": "d", "inputSchema": {"type": "object"}}]}"#,
        ),
        (
            "rpc",
            r#"{"jsonrpc": "2.0", "id": 1, "result": {"tools": [{"name": "t", "inputSchema": {}}]}}"#,
        ),
        (
            "openai",
            r#"[{"type": "function", "function": {"name": "t", "description": "d", "parameters": {"type": "object"}}}]"#,
        ),
        ("openai_flat", r#"[{"type": "function", "name": "t", "parameters": {}}]"#),
        ("anthropic", r#"[{"name": "t", "description": "d", "input_schema": {"type": "object"}}]"#),
        (
            "request",
            r#"{"model": "m", "system": "Obey.", "tools": [{"name": "t", "input_schema": {}}, {"type": "web_search", "name": "w"}]}"#,
        ),
        (
            "both",
            r#"[{"type": "function", "description": "outer", "function": {"name": "t", "description": "inner"}}]"#,
        ),
        (
            "twice",
            r#"[{"name": "t", "description": "d", "input_schema": {}}, {"name": "t", "description": "e", "input_schema": {}}]"#,
        ),
        ("empty", r#"{"tools": []}"#),
    ];
    let all: String = cases
        .iter()
        .map(|(name, content)| {
            let opened = open("x.json", content);
            assert_eq!(opened.view.kind(), Kind::Tools, "{name}");
            format!("{name}: {}", dump(&opened))
        })
        .collect();
    insta::assert_snapshot!("tools_in_each_form", all);
}

#[test]
fn what_only_resembles_tools_is_json() {
    for content in [
        r#"{"tools": ["a", "b"]}"#,
        r#"[{"name": "a", "description": "b"}]"#,
        r#"{"tools": [{"name": "a"}]}"#,
        r#"{"tools": [{"name": "a", "inputSchema": {}}, {"inputSchema": {}}]}"#,
        r#"{"tools": [], "agents": []}"#,
        r#"[{"type": "function", "function": {"description": "d"}}]"#,
    ] {
        assert_eq!(open("x.json", content).view.kind(), Kind::Json, "{content}");
    }
    let tuned = "{\"messages\":[],\"tools\":[{\"name\":\"t\",\"parameters\":{}}]}\n".repeat(2);
    assert_eq!(open("tune.jsonl", tuned).view.kind(), Kind::JsonLines);
}

#[test]
fn the_kind_is_found_by_content_first() {
    let cases: [(&str, &str, Kind); 18] = [
        ("notes.txt", "{\"a\": 1}\n", Kind::Json),
        ("noname", "[1, 2]", Kind::Json),
        ("a.json", "{\"a\": 1}\n{\"a\": 2}\n", Kind::JsonLines),
        ("a.jsonl", "{\n\"a\": 1}\n", Kind::Json),
        ("a.jsonl", "1\n\"two\"\n", Kind::JsonLines),
        ("a.yaml", "{\"a\": 1}", Kind::Yaml),
        ("a.yml", "---\na: 1\n---\nb: 2\n", Kind::Yaml),
        ("a.toml", "[a]\nb = 1\n", Kind::Toml),
        ("a.toml", "[1]\n", Kind::Toml),
        ("README.md", "# A\n", Kind::Text),
        ("AGENT.MD", "---\na: 1\n---\nbody", Kind::FrontMatter),
        ("agent", "+++\na = 1\n+++\nbody", Kind::FrontMatter),
        ("README.md", "---\njust words\n---\nmore", Kind::Text),
        ("README.md", "---\n", Kind::Text),
        ("a.csv", "id,b\n1,2\n", Kind::Csv),
        ("x", "a: 1\n", Kind::Text),
        ("\u{feff}.json", "\u{feff}{}", Kind::Json),
        ("", "", Kind::Text),
    ];
    for (name, content, kind) in cases {
        let opened = open(name, content);
        assert_eq!(opened.view.kind(), kind, "{name} {content:?}");
        assert!(opened.fell_back.is_none(), "{name} {content:?} {:?}", opened.fell_back);
    }
    let database = open("a.json", data("memory/langgraph.sqlite"));
    assert!(database.fell_back.is_none(), "{:?}", database.fell_back);
    assert_eq!(database.view.kind(), Kind::Sqlite);
    let broken = open("a.json", b"SQLite format 3\0rest");
    assert_eq!(broken.view.kind(), Kind::Bytes);
    assert_eq!(broken.fell_back.unwrap().seemed, Kind::Sqlite);
}

#[test]
fn broken_content_is_text_and_says_so() {
    let deep = "[".repeat(129) + &"]".repeat(129);
    let many = format!("[{}1]", "1,".repeat(1 << 20));
    let flow = "{a: ".repeat(200);
    let cases: [(&str, &[u8], &str, Kind); 11] = [
        (
            "a.json",
            b"{\"a\": 1,}",
            "not a sound JSON: a name in double quotes is missing (at byte 8)",
            Kind::Text,
        ),
        ("a.json", b"{\"a\": \xff}", "not a sound text: not UTF-8 (at byte 6)", Kind::Text),
        ("a.json", deep.as_bytes(), "nesting beyond what is looked at: 128 levels", Kind::Text),
        ("a.json", many.as_bytes(), "values beyond what is looked at: 1048576", Kind::Text),
        (
            "a.jsonl",
            b"{}\n{\n",
            "not a sound JSON lines: a name in double quotes is missing (at byte 5)",
            Kind::Text,
        ),
        ("a.toml", b"a = 1\na = 2\n", "not a sound TOML: duplicate key (at byte 6)", Kind::Text),
        ("a.yaml", b"a: [1\n", "not a sound YAML", Kind::Text),
        ("a.yaml", flow.as_bytes(), "nesting beyond what is looked at: 128 levels", Kind::Text),
        (
            "a.yaml",
            b"a: &a [*a]\n",
            "not a sound YAML: an alias to what holds it (at byte 7)",
            Kind::Text,
        ),
        ("a.md", b"---\na: [1\n---\nbody", "not a sound YAML", Kind::Text),
        ("a.md", b"a\0b", "not a sound text: it has zero bytes (at byte 0)", Kind::Bytes),
    ];
    for (name, content, why, kind) in cases {
        let opened = open(name, content);
        let what = String::from_utf8_lossy(&content[..content.len().min(40)]);
        assert_eq!(opened.view.kind(), kind, "{name} {what}");
        let fell_back = opened.fell_back.expect(&what).why.to_string();
        assert!(fell_back.starts_with(why), "{fell_back}");
    }
}

/// A source of zeros that says how long it is and cannot be read far in.
struct Endless(u8);

impl view::Source for Endless {
    fn len(&self) -> u64 {
        1 << 40
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<usize, ViewError> {
        assert!(offset + buffer.len() as u64 <= 1 << 20);
        buffer.fill(self.0);
        Ok(buffer.len())
    }

    fn as_any(&self) -> &dyn std::any::Any {
        self
    }
}

#[test]
fn a_content_beyond_the_bounds_is_bytes_and_is_not_read() {
    let opened = view::open(Arc::new(Endless(b' ')), b"a.json").unwrap();
    assert_eq!(opened.view.kind(), Kind::Bytes);
    assert!(matches!(opened.fell_back.unwrap().why, ViewError::Limit { .. }));
    let opened = view::open(Arc::new(Endless(0)), b"a.bin").unwrap();
    assert!(opened.fell_back.is_none());
}

#[test]
fn a_text_is_its_lines() {
    let opened = open("a.txt", b"one\r\n\xfftwo\nthree");
    assert_eq!(opened.view.kind(), Kind::Text);
    assert!(opened.fell_back.is_none());
    let values: Vec<_> = records(&*opened.view, 0).into_iter().map(|(_, value)| value).collect();
    let expected = [
        Value::Text("one\r\n".into()),
        Value::Bytes(b"\xfftwo\n".to_vec()),
        Value::Text("three".into()),
    ];
    assert_eq!(values, expected);
}

#[test]
fn every_leaf_of_a_document_shows() {
    let json = r#"{"a": {"b": [1, 1.0, 1.50, 1e400, {}], "": []}, "x y": null,
        "twice": 1, "twice": {"deep": 2}, "twice": 3, "0": 0, "esc": "\ud83d\ude00\n\u0000"}"#;
    insta::assert_snapshot!("json", dump(&open("a.json", json)));
    let toml = "a.b = 0x10\nc = 1.0\nd = 1_000.50\ne = nan\nf = 1979-05-27T07:32:00Z\n\
        g = 'x'\n[[h]]\ni = {}\n[[h]]\nj = [[], true]\n";
    insta::assert_snapshot!("toml", dump(&open("a.toml", toml)));
}

#[test]
fn yaml_hides_nothing() {
    let yaml = r##"
base: &base {model: small, tools: [a, b]}
merged:
  <<: *base
  "<<": no merge
  model: large
again: *base
yes: yes
quoted: "yes"
octal: 0777
canonical: 10
float: 1.0
date: 2026-11-24
time: 1:30
version: 1.2.3
not: .nan
nothing:
tilde: ~
"tilde": hidden
env: !env HOME
apply: !!python/object/apply:os.system ["id"]
binary: !!binary aGk=
text: !!str 1
exclaimed: ! 2
number: !!int "3"
1: one
"1": text one
[a, {b: c}]: complex
{}: empty
[]: empty
folded: >
  two
  lines
---
second: document
--- |
  third
"##;
    insta::assert_snapshot!("yaml", dump(&open("a.yaml", yaml)));
}

#[test]
fn a_list_and_a_mapping_with_numbers_for_keys_differ() {
    let list = records(&*open("a.yaml", "a: [x]").view, 0);
    let mapping = records(&*open("a.yaml", "a: {0: x}").view, 0);
    assert_ne!(list, mapping);
}

#[test]
fn aliases_that_multiply_are_bounded() {
    let mut bomb = "a0: &a0 [x]\n".to_owned();
    for n in 1..40 {
        let before = format!("*a{}, ", n - 1).repeat(9);
        writeln!(bomb, "a{n}: &a{n} [{before}]").unwrap();
    }
    let mut chain = "a0: &a0 [x]\n".to_owned();
    for n in 1..200 {
        writeln!(chain, "a{n}: &a{n} [*a{}]", n - 1).unwrap();
    }
    let wide = format!("a: &a {}\nb: [{}]\n", "x".repeat(1 << 20), "*a, ".repeat(100));
    for (content, what) in [(bomb, "values"), (chain, "nesting"), (wide, "repetition by aliases")] {
        let opened = open("a.yaml", content);
        assert_eq!(opened.view.kind(), Kind::Text);
        match opened.fell_back.unwrap().why {
            ViewError::Limit { what: told, .. } => assert_eq!(told, what),
            other => panic!("{other}"),
        }
    }
}

#[test]
fn long_names_above_many_values_are_bounded() {
    let content = format!("{{\"{}\": [{}0]}}", "x".repeat(1 << 20), "0,".repeat(1000));
    let opened = open("a.json", content);
    assert_eq!(
        opened.fell_back.unwrap().why.to_string(),
        "key paths beyond what is looked at: 256 MiB"
    );
}

#[test]
fn records_are_keyed_by_a_column_that_is_unique() {
    let keyed = "{\"id\": \"b\", \"n\": 1, \"n\": 2}\n\n{\"n\": {\"x\": []}, \"id\": \"a\"}\n";
    let cases = [
        ("keyed.jsonl", keyed),
        ("doubled.jsonl", "{\"id\": 1}\n{\"id\": 1}\n{\"id\":1}"),
        ("mixed.jsonl", "{\"id\": 1}\n{\"id\": \"1\"}\n"),
        ("second.jsonl", "{\"id\": 1, \"uuid\": \"x\"}\n{\"id\": 1, \"uuid\": \"y\"}\n"),
        ("missing.jsonl", "{\"id\": 1}\n{\"x\": 1}\n"),
        ("said_twice.jsonl", "{\"id\": 1, \"id\": 2}\n{\"id\": 3}\n"),
        ("order.jsonl", "{\"a\": 1, \"b\": 2}\n{\"b\": 2, \"a\": 1}\n[2]\n"),
        ("keyed.csv", "id,text\n2,\"two, or\n\"\"more\"\"\"\n10,ten,extra\n1\n"),
        ("semicolons.csv", "key;b\nx;1,5\ny;2\n"),
        ("tabs.tsv", "a\tb\nx\t1\nx\t1\n"),
        ("headless.csv", "1,2\n1,2\n3,4\n"),
        ("doubled_names.csv", "id,a,a\n1,2,3\n"),
        ("unnamed.csv", ",id\n0,7\n"),
        ("empty.csv", ""),
    ];
    let all: String = cases
        .iter()
        .map(|(name, content)| format!("{name}: {}", dump(&open(name, content))))
        .collect();
    insta::assert_snapshot!("records", all);
}

#[test]
fn records_of_one_key_and_the_same_bytes_are_left_out_on_both_sides() {
    let a = open("a.jsonl", "{\"id\": 1, \"x\": 1}\n{\"id\": 2}\n{\"id\": 3}\n{\"id\": 4}\n");
    let b =
        open("a.jsonl", "{\"id\": 3}\n{\"id\": 5}\n{\"x\": 1, \"id\": 1}\n{\"id\": 2, \"x\": 0}\n");
    let left = |view: &dyn View, beside: &dyn View| {
        let mut cursor = view.cursor(&view.tables()[0], Some(beside)).unwrap();
        let mut keys = Vec::new();
        while let Some(record) = cursor.next().unwrap() {
            keys.push(path_of(&record.key));
        }
        keys.concat()
    };
    assert_eq!(left(&*a.view, &*b.view), "[1][2][4]");
    assert_eq!(left(&*b.view, &*a.view), "[1][2][5]");
    let keyless = open("a.jsonl", "{\"id\": 1}\n{\"id\": 1}\n");
    assert_eq!(left(&*a.view, &*keyless.view), "[1][2][3][4]");
}

#[test]
fn two_kinds_meet_in_one_that_both_can_be() {
    let tools = r#"{"tools": [{"name": "t", "inputSchema": {}}]}"#;
    assert_eq!(view::common(Kind::Tools, Kind::Json), Kind::Json);
    assert_eq!(view::common(Kind::Yaml, Kind::Text), Kind::Text);
    assert_eq!(view::common(Kind::Sqlite, Kind::Text), Kind::Bytes);
    let opened = view::open_as(Arc::new(tools.as_bytes().to_vec()), Kind::Json).unwrap();
    assert_eq!(opened.view.kind(), Kind::Json);
    assert_eq!(records(&*opened.view, 0).len(), 2);
    for kind in [Kind::JsonLines, Kind::Toml, Kind::Sqlite] {
        let opened = view::open_as(Arc::new(b"[".to_vec()), kind);
        assert!(matches!(opened.err(), Some(ViewError::Malformed { .. })), "{kind:?}");
    }
}

#[test]
fn front_matter_and_body_are_apart() {
    let content = "---\r\nname: x\r\nname: y\r\n---\r\nBody.\r\n---\r\nmore";
    insta::assert_snapshot!("front_matter", dump(&open("a.md", content)));
    let toml = "+++\nname = 'x'\n+++\n";
    assert_eq!(open("a.md", toml).view.kind(), Kind::FrontMatter);
    assert_eq!(open("a.md", "---\n---\nbody").view.kind(), Kind::FrontMatter);
}

/// The leaves of a document as serde_json sees them.
fn walk(value: &serde_json::Value, key: &mut Key, out: &mut BTreeMap<Key, String>) {
    match value {
        serde_json::Value::Array(items) if !items.is_empty() => {
            for (at, item) in items.iter().enumerate() {
                key.push((at as u64).into());
                walk(item, key, out);
                key.pop();
            }
        }
        serde_json::Value::Object(members) if !members.is_empty() => {
            for (name, member) in members {
                key.push(Element::Text(name.clone()));
                walk(member, key, out);
                key.pop();
            }
        }
        leaf => {
            out.insert(key.clone(), leaf.to_string());
        }
    }
}

/// A leaf as serde_json writes it.
fn written(value: &Value) -> String {
    match value {
        Value::List(_) => "[]".into(),
        Value::Fields(_) => "{}".into(),
        Value::Text(text) => serde_json::to_string(text).unwrap(),
        other => shown(other),
    }
}

fn json() -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(Into::into),
        any::<i64>().prop_map(Into::into),
        any::<u64>().prop_map(Into::into),
        any::<f64>().prop_map(Into::into),
        ".{0,4}".prop_map(Into::into),
        "[a-c]".prop_map(Into::into),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(serde_json::Value::from),
            prop::collection::btree_map("[a-c]|.{0,3}", inner, 0..4)
                .prop_map(|members| serde_json::Value::Object(members.into_iter().collect())),
        ]
    })
}

fn leaves(content: &str) -> BTreeMap<Key, String> {
    let opened = view::open_as(Arc::new(content.as_bytes().to_vec()), Kind::Json).unwrap();
    records(&*opened.view, 0).into_iter().map(|(key, value)| (key, written(&value))).collect()
}

fn reference(value: &serde_json::Value) -> BTreeMap<Key, String> {
    let mut out = BTreeMap::new();
    walk(value, &mut Vec::new(), &mut out);
    out
}

/// The keys whose records differ, by a merge of two cursors.
fn differing(a: &dyn View, b: &dyn View) -> Vec<Key> {
    let mut left = a.cursor(&a.tables()[0], Some(b)).unwrap();
    let mut right = b.cursor(&b.tables()[0], Some(a)).unwrap();
    let (mut x, mut y) = (left.next().unwrap(), right.next().unwrap());
    let mut out = Vec::new();
    loop {
        let order = match (&x, &y) {
            (None, None) => return out,
            (Some(_), None) => std::cmp::Ordering::Less,
            (None, Some(_)) => std::cmp::Ordering::Greater,
            (Some(x), Some(y)) => x.key.cmp(&y.key),
        };
        if x.as_ref().map(|x| (&x.key, &x.value)) != y.as_ref().map(|y| (&y.key, &y.value)) {
            let key = if order == std::cmp::Ordering::Greater { &y } else { &x };
            out.push(key.as_ref().unwrap().key.clone());
        }
        if order != std::cmp::Ordering::Greater {
            x = left.next().unwrap();
        }
        if order != std::cmp::Ordering::Less {
            y = right.next().unwrap();
        }
    }
}

/// Records as they lie in JSON lines: with a key that repeats now and then.
fn rows() -> impl Strategy<Value = Vec<(u8, serde_json::Value)>> {
    prop::collection::vec((0u8..12, json()), 0..8)
}

fn json_lines(rows: &[(u8, serde_json::Value)]) -> String {
    let line = |(id, value): &(u8, serde_json::Value)| format!("{{\"id\":{id},\"v\":{value}}}\n");
    rows.iter().map(line).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn a_document_has_the_leaves_that_serde_json_sees(value in json(), pretty: bool) {
        let content = if pretty { serde_json::to_string_pretty(&value) } else { serde_json::to_string(&value) };
        prop_assert_eq!(leaves(&content.unwrap()), reference(&value));
    }

    #[test]
    fn a_diff_names_exactly_the_paths_that_differ(a in json(), b in json(), same: bool) {
        let b = if same { a.clone() } else { b };
        let (one, two) = (open("a.json", a.to_string()), open("a.json", b.to_string()));
        prop_assume!(one.view.kind() == Kind::Json && two.view.kind() == Kind::Json);
        let (a, b) = (reference(&a), reference(&b));
        let mut keys: Vec<&Key> = a.keys().chain(b.keys()).filter(|key| a.get(*key) != b.get(*key)).collect();
        keys.sort();
        keys.dedup();
        let told = differing(&*one.view, &*two.view);
        prop_assert_eq!(told.iter().collect::<Vec<_>>(), keys);
    }

    #[test]
    fn text_is_json_just_where_serde_json_says_so(
        content in r#"([\[\]{}:,"0-9.eE+ -]|\\|u|[a-f]|null|true|"a"|"\\ud8[0-9]0\\udc0[0-9]"|[\x00-\x20]){0,12}"#,
    ) {
        let mine = view::open_as(Arc::new(content.as_bytes().to_vec()), Kind::Json);
        // Its own kinds of numbers do not hold all that JSON can write.
        let theirs = match serde_json::from_str::<serde_json::Value>(&content) {
            Err(error) if error.to_string().starts_with("number out of range") => return Ok(()),
            theirs => theirs,
        };
        prop_assert_eq!(mine.is_ok(), theirs.is_ok(), "{:?}", content);
    }

    #[test]
    fn records_of_json_lines_differ_where_their_values_do(a in rows(), b in rows()) {
        let (one, two) = (json_lines(&a), json_lines(&b));
        let (one, two) = (open("a.jsonl", one), open("a.jsonl", two));
        let keyed = |rows: &[(u8, serde_json::Value)]| {
            let ids: std::collections::BTreeSet<u8> = rows.iter().map(|(id, _)| *id).collect();
            !rows.is_empty() && ids.len() == rows.len()
        };
        prop_assert_eq!(one.view.tables()[0].is_multiset(), !keyed(&a));
        if keyed(&a) && keyed(&b) {
            let (a, b): (BTreeMap<_, _>, BTreeMap<_, _>) = (a.into_iter().collect(), b.into_iter().collect());
            let differ = (0..12).filter(|id| a.get(id).map(reference) != b.get(id).map(reference));
            let keys: Vec<Key> = differ.map(|id| vec![u64::from(id).into()]).collect();
            prop_assert_eq!(differing(&*one.view, &*two.view), keys);
        } else {
            let count = |rows: &[(u8, serde_json::Value)]| {
                let mut counts = BTreeMap::new();
                rows.iter().for_each(|(id, value)| {
                    *counts.entry((*id, format!("{:?}", reference(value)))).or_insert(0u64) += 1;
                });
                counts
            };
            let table = view::Table { name: String::new(), key: Vec::new() };
            for (opened, rows) in [(&one, &a), (&two, &b)] {
                let mut cursor = opened.view.cursor(&table, None).unwrap();
                let mut told = 0;
                let mut different = 0;
                while let Some(record) = cursor.next().unwrap() {
                    let Value::Count(times) = record.value else { panic!("no count") };
                    told += times;
                    different += 1;
                }
                prop_assert_eq!(told, rows.len() as u64);
                prop_assert_eq!(different, count(rows).len());
            }
        }
    }

    #[test]
    fn no_content_makes_opening_fail(
        parts in prop::collection::vec(prop_oneof![
            prop::sample::select(vec![
                "{", "}", "[", "]", ":", ": ", ",", "\"", "'", "\n", "\r\n", "  ", "- ", "? ", "---\n",
                "+++\n", "&a ", "*a", "!t ", "|\n", ">\n", "<<: ", "#", "id", "\"id\": 1", "1", "1.5",
                " = ", "[[", "]]", ".", "\\u", "d83d", "null", "%TAG ! x\n", "\u{feff}", "\"name\": \"t\"",
                "\"tools\": [", "\"inputSchema\": {}", "\"result\": {", "é", "\0",
            ]).prop_map(|part| part.as_bytes().to_vec()),
            prop::collection::vec(any::<u8>(), 0..3),
        ], 0..24),
        name in prop::sample::select(vec![
            "a.json", "a.jsonl", "a.toml", "a.yaml", "a.csv", "a.md", "a.txt", "a",
        ]),
    ) {
        let opened = open(name, parts.concat());
        for at in 0..opened.view.tables().len() {
            records(&*opened.view, at);
        }
    }

    #[test]
    fn csv_says_what_the_csv_crate_reads(
        header in prop::collection::btree_set("[a-z]{1,3}", 1..4),
        rows in prop::collection::vec(prop::collection::vec("[a-c,;\"\n\r 0-9é]{0,4}", 0..6), 0..6),
        lines in prop_oneof![Just(csv::Terminator::CRLF), Just(csv::Terminator::Any(b'\n'))],
        always: bool,
    ) {
        let style = if always { csv::QuoteStyle::Always } else { csv::QuoteStyle::Necessary };
        let mut writer = csv::WriterBuilder::new()
            .flexible(true).quote_style(style).terminator(lines).from_writer(Vec::new());
        writer.write_record(&header).unwrap();
        for row in &rows {
            writer.write_record(row).unwrap();
        }
        let content = writer.into_inner().unwrap();
        // A header of one column says nothing about what separates.
        let mut reader = csv::ReaderBuilder::new().flexible(true).from_reader(content.as_slice());
        let names: Vec<String> = header.iter().cloned().collect();
        let mut counts: BTreeMap<Element, u64> = BTreeMap::new();
        for record in reader.records() {
            let name = |at: usize| names.get(at).cloned().unwrap_or(format!("column {}", at + 1));
            let fields = record.unwrap().iter().enumerate()
                .map(|(at, field)| (name(at), Value::Text(field.to_owned()))).collect();
            *counts.entry(element_of(&Value::Fields(fields))).or_default() += 1;
        }
        let opened = open("a.csv", &content);
        let table = view::Table { name: String::new(), key: Vec::new() };
        let mut cursor = opened.view.cursor(&table, None).unwrap();
        let mut told = BTreeMap::new();
        while let Some(mut record) = cursor.next().unwrap() {
            let Value::Count(times) = record.value else { panic!("no count") };
            told.insert(record.key.pop().unwrap(), times);
        }
        prop_assert_eq!(told, counts);
    }
}
