//! Writes sound inputs for the targets into `DIR/<target>/`, so that fuzzing starts behind the
//! first checks: `seeds DIR`.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::{env, fs, io};

use aisr::capture::StatKey;
use aisr::chunk::{ContentHint, Encoder};
use aisr::history::bisect;
use aisr::history::query::parse;
use aisr::log::{Head, HeadEntry, PlaceFile, RefName, Refs};
use aisr::object::cbor::{Reader, Writer};
use aisr::object::tuple::{self, Element};
use aisr::object::{
    ActingFor, Actor, AttributeValue, Attributes, BlobId, Cause, ChangeKind, Commit, CommitId,
    Component, ComponentKey, Edge, EdgeKey, ExternalEntry, ExternalKey, FormatId, Genesis, Id,
    KeyBytes, Level, LogEntry, LogEntryId, LogId, Node, NodeId, ObjectType, Operation, Origin,
    PackId, Part, Principal, PrincipalId, RecipeId, RecipeNode, RefChange, RefTarget, RepoPath,
    Report, RepositoryId, Session, Signed, Stamp, Step, Tag, TreeEntry, TrustRoot, TrustRootId,
    encode_id_list,
};
use aisr::repo::Format;
use aisr::sign::{
    Namespace, PublicKey, SecretKey, from_armored, parse_identities, parse_sshsig, to_armored,
};
use aisr::store::{Entry, Footer, PackKind, Trailer};
use aisr::system::Manifest;
use aisr::upkeep::Collected;
use aisr::view::{self, GgufView, Kind, SafetensorsView};
use aisr::worktree::{CacheEntry, CachedFolder, Record, decode_record, encode_record};
// Its library answers the calls that the instrumentation puts into every crate.
use libfuzzer_sys as _;

fn main() -> io::Result<()> {
    let out = env::args_os().nth(1).ok_or_else(|| io::Error::other("usage: seeds DIR"))?;
    for (target, name, bytes) in seeds() {
        assert!(is_sound(target, &bytes), "the seed {target}/{name} is refused");
        let folder = Path::new(&out).join(target);
        fs::create_dir_all(&folder)?;
        fs::write(folder.join(name), bytes)?;
    }
    Ok(())
}

/// Whether what the target decodes accepts the seed. Those that need a checksum set in by their
/// target, or that take any bytes, count as sound.
fn is_sound(target: &str, bytes: &[u8]) -> bool {
    let text = str::from_utf8(bytes).unwrap_or_default();
    match target {
        "bisect_session" => bisect::Session::decode(bytes).is_ok(),
        "agent_answer" => parse_identities(bytes).is_ok(),
        "cbor" => Reader::new(bytes).any().is_ok(),
        "commit" => Commit::decode(bytes).is_ok(),
        "component" => Component::decode(bytes).is_ok() || ComponentKey::decode(bytes).is_ok(),
        "edge" => Edge::decode(bytes).is_ok() || EdgeKey::decode(bytes).is_ok(),
        "external" => ExternalEntry::decode(bytes).is_ok() || ExternalKey::decode(bytes).is_ok(),
        "footer" => Footer::decode(&bytes[8..], 400).is_ok(),
        "format_file" => Format::decode(bytes).is_ok(),
        "genesis" => Genesis::decode(bytes).is_ok(),
        "log_entry" => LogEntry::decode(bytes).is_ok(),
        "manifest" => Manifest::parse(text).is_ok(),
        "node" => Node::decode(Arc::from(bytes)).is_ok(),
        "place_file" => PlaceFile::decode(bytes).is_ok(),
        "operation" => Operation::decode(bytes).is_ok(),
        "public_key" => {
            KeyBytes::from_slice(bytes).is_ok() || PublicKey::from_openssh(text).is_ok()
        }
        "query" => parse(text).is_ok(),
        "recipe" => RecipeNode::decode(bytes).is_ok(),
        "ref_name" => RefName::new(bytes).is_ok(),
        "refs" => Refs::decode(bytes).is_ok(),
        "repo_path" => RepoPath::parse(bytes).is_ok(),
        "signed" => Signed::decode(bytes).is_ok(),
        "sshsig" => parse_sshsig(bytes).is_ok() || from_armored(text).is_ok(),
        "stat_cache_record" => decode_record(bytes).is_some(),
        "tag" => Tag::decode(bytes).is_ok(),
        "tree_entry" => TreeEntry::decode(bytes).is_ok(),
        "trust_root" => TrustRoot::decode(bytes).is_ok(),
        "tuple" => tuple::decode(bytes).is_ok(),
        "view_gguf" => GgufView::open(Arc::new(bytes.to_vec())).is_ok(),
        "view_safetensors" => SafetensorsView::open(Arc::new(bytes.to_vec())).is_ok(),
        target => view_kind(target)
            .is_none_or(|kind| view::open_as(Arc::new(bytes.to_vec()), kind).is_ok()),
    }
}

type Seed = (&'static str, &'static str, Vec<u8>);

/// Contents of each kind that is made of text.
fn views() -> Vec<Seed> {
    let texts = [
        ("view_json", "all", r#"{"a": [1, -1.5e3, "\ud83d\ude00", null, {}], "a": true}"#),
        ("view_toml", "all", "a.b = 0x1f\n[[c]]\nd = 1979-05-27T07:32:00Z\ne = [1.0, {f = 'g'}]\n"),
        (
            "view_yaml",
            "all",
            "a: &a [1, ~, !x y]\nb: {<<: *a, ? [c] : d}\ne: |\n  f\n  g\n---\n- 'h'\n",
        ),
        ("view_jsonl", "keyed", "{\"id\": 1, \"x\": [2]}\n{\"id\": 2}\n"),
        ("view_jsonl", "multiset", "{\"a\": 1}\n{\"a\": 1}\n[2]\n"),
        ("view_csv", "keyed", "id,b\n1,\"two, \"\"or\"\"\"\n2\n"),
        ("view_csv", "multiset", "a;b\r\nx;y\r\nx;y\r\n"),
        (
            "view_tools",
            "mcp",
            r#"{"tools": [{"name": "t", "description": "d", "inputSchema": {}}]}"#,
        ),
        (
            "view_tools",
            "openai",
            r#"[{"type": "function", "function": {"name": "t", "parameters": {"type": "object"}}}]"#,
        ),
        (
            "view_tools",
            "transcript",
            "{\"jsonrpc\":\"2.0\",\"result\":{\"tools\":[{\"name\":\"t\",\"inputSchema\":{}}]}}\n",
        ),
        ("view_front_matter", "yaml", "---\nname: x\ntools: [a, b]\n---\nBody.\n"),
        ("view_front_matter", "toml", "+++\nname = 'x'\n+++\nBody.\n"),
    ];
    texts.map(|(target, name, text)| (target, name, text.as_bytes().to_vec())).into()
}

/// The kind that a target for views reads.
fn view_kind(target: &str) -> Option<Kind> {
    Some(match target {
        "view_json" => Kind::Json,
        "view_toml" => Kind::Toml,
        "view_yaml" => Kind::Yaml,
        "view_jsonl" => Kind::JsonLines,
        "view_csv" => Kind::Csv,
        "view_tools" => Kind::Tools,
        "view_front_matter" => Kind::FrontMatter,
        _ => return None,
    })
}

/// A component, an edge and something outside, with all that they can hold, and their keys.
fn graph() -> Vec<Seed> {
    let key = |text: &str| -> ComponentKey { text.parse().expect("a key") };
    let said = [
        ("at".to_owned(), AttributeValue::Text("/mcpServers/search".into())),
        ("source".to_owned(), AttributeValue::Bytes(vec![7; 32])),
    ];
    let attributes = Attributes::from(said);
    let component = Component {
        content: Some(Id::new([1; 32])),
        origins: vec![
            Origin::Path(RepoPath::parse(".mcp.json").expect("a path")),
            Origin::External(b"key".to_vec()),
        ],
        attributes: attributes.clone(),
        was: Some(key("tool:find")),
    };
    let edge = Edge { declared: Some(attributes), discovered: Some(Attributes::new()) };
    let uses = EdgeKey { from: key("agent:a"), relation: "uses".into(), to: key("tool:b") };
    let table = ExternalEntry::Table { root: NodeId::of(b"root"), size: 300 };
    let part = vec![Element::from("public"), Element::from(7u64)];
    let tickets = ExternalKey { component: key("memory:crm"), part };
    vec![
        ("component", "value", component.encode()),
        ("component", "key", key("tool:search").encode()),
        ("edge", "value", edge.encode()),
        ("edge", "key", uses.encode()),
        ("external", "value", table.encode()),
        ("external", "key", tickets.encode()),
    ]
}

/// Files that say what a system is made of; the first byte says which path the file has.
fn configurations() -> Vec<Seed> {
    let file = |which: u8, text: &str| [&[which], text.as_bytes()].concat();
    let agent = "name: a\nmodel: {provider: p, name: m}\nprompt: x.md\ntools: [mcp__t__x]\n\
                 identity: spiffe://example.org/a\nagents: [{name: b, llm: m}]\n";
    let front = "---\nname: a\ndescription: d\ntools: Read, Task(b)\n---\nBe kind.\n";
    let servers = r#"{"mcpServers": {"a": {"command": "npx"}, "b/c": {"url": "https://x"}}}"#;
    let tools = r#"{"tools": [{"name": "x", "description": "d", "inputSchema": {}}]}"#;
    let card = r#"{"name": "a", "url": "u", "skills": [], "capabilities": {}}"#;
    vec![
        ("discover", "agent", file(0, agent)),
        ("discover", "json", file(1, r#"{"name": "a", "model": "m", "tools": ["x"]}"#)),
        ("discover", "toml", file(2, "name = 'a'\nmodel = 'm'\n[memory]\npath = 'x.db'\n")),
        ("discover", "front", file(3, front)),
        ("discover", "servers", file(4, servers)),
        ("discover", "tools", file(5, tools)),
        ("discover", "skill", file(6, front)),
        ("discover", "adapter", file(7, r#"{"base_model_name_or_path": "../x"}"#)),
        ("discover", "card", file(10, card)),
        ("discover", "crew", file(11, "a: &a {role: r, llm: m}\nb:\n  <<: *a\n")),
    ]
}

/// A file of each format of tensors, with metadata.
fn tensors() -> Vec<Seed> {
    let header =
        r#"{"__metadata__":{"format":"pt"},"a":{"dtype":"BF16","shape":[2],"data_offsets":[0,4]}}"#;
    let length = (header.len() as u64).to_le_bytes();
    let safetensors = [&length[..], header.as_bytes(), &[0; 5]].concat();
    let string = |text: &str| [&(text.len() as u64).to_le_bytes()[..], text.as_bytes()].concat();
    let mut gguf = b"GGUF\x03\0\0\0".to_vec();
    gguf.extend([1u64.to_le_bytes(), 2u64.to_le_bytes()].concat());
    gguf.extend(
        [string("tokens"), 9u32.to_le_bytes().to_vec(), 8u32.to_le_bytes().to_vec()].concat(),
    );
    gguf.extend([&2u64.to_le_bytes()[..], &string("<s>"), &string("a")].concat());
    gguf.extend([string("general.alignment"), 4u32.to_le_bytes().to_vec()].concat());
    gguf.extend(32u32.to_le_bytes());
    gguf.extend([string("w"), 1u32.to_le_bytes().to_vec(), 32u64.to_le_bytes().to_vec()].concat());
    gguf.extend([&2u32.to_le_bytes()[..], &0u64.to_le_bytes()].concat());
    gguf.resize(gguf.len().next_multiple_of(32) + 18, 0);
    vec![("view_safetensors", "metadata", safetensors), ("view_gguf", "array", gguf)]
}

/// A manifest with all that one can say.
const MANIFEST: &str = r#"[capture]
quiesce = ["docker", "pause", "agent"]
[agent.triage]
path = ["agents/triage.yaml", "agents/**/*.md"]
at = "/agents/0"
was = "sorter"
attributes = { team = "support" }
runs = "model:base"
remembers-in = [{ to = "memory:store", mode = "rw" }, "memory:log"]
[agent.triage.edges]
reads = "data:faq"
"#;

fn seeds() -> Vec<Seed> {
    let mut seeds = payloads();
    let objects: Vec<Seed> =
        seeds.iter().map(|(target, _, bytes)| ("cbor", *target, bytes.clone())).collect();
    seeds.extend(objects);
    seeds.extend(signatures());
    seeds.extend(pack_parts());
    seeds.extend(contents());
    seeds.extend(maps());
    seeds.extend(graph());
    seeds.extend(tensors());
    seeds.extend(views());
    seeds.extend(working_folder());
    seeds.extend(configurations());
    seeds.push(("format_file", "plain", Format::default().encode().into_bytes()));
    let place = PlaceFile { repo: repository(), log: LogId::new([4; 16]) };
    seeds.push(("place_file", "plain", place.encode().into_bytes()));
    seeds.push(("manifest", "desk", MANIFEST.as_bytes().to_vec()));
    let log = "aisr bisect start --kind prompt\naisr bisect bad ";
    let bisection = bisect::Session::replay(format!("{log}{}\n", "07".repeat(32)).as_bytes());
    seeds.extend(bisection.map(|session| ("bisect_session", "begun", session.encode())));
    seeds.push(("ref_name", "branch", b"refs/heads/main".to_vec()));
    seeds.push(("repo_path", "prompt", b"prompts/triage.md".to_vec()));
    seeds.push(("refs", "branches", refs().encode()));
    seeds.push(("commit_graph", "octopus", commit_graph()));
    let question = "not exists(tool:a) and (edge(agent:b, uses, tool:a) or content(path:c/d) ~ \"x\\d\")\n\
                    or row(memory:m, t, id=7, n >= 1.5).text contains 'y' and count(memory:m, *) != 2\n\
                    or tool(tool:a, f).description !~ '^z' or key(config:k, a.b) = null\n\
                    or changed(model:base) and signer = \"ci\"";
    seeds.push(("query", "every-atom", question.into()));
    let ids = [id(53), id(54)].into();
    seeds.push(("upkeep_file", "doomed", encode_id_list("doomed", &ids)));
    let state = Collected {
        log: LogEntryId::from_id(id(55)),
        packs: id(56),
        keep: 7_776_000_000_000,
        until: 1_790_000_000_000_000,
        held: true,
    };
    seeds.push(("upkeep_file", "collected", state.encode().into_bytes()));
    let database = include_bytes!("../../data/memory/small-pages.sqlite");
    seeds.push(("view_sqlite", "small", database.to_vec()));
    seeds.push(("log_frame", "entry", [&[5, 0, 0, 0][..], &[0; 8], b"entry"].concat()));
    seeds
}

/// A layer of three commits without parents and one that merges them, without the checksum.
fn commit_graph() -> Vec<u8> {
    let row = |id: u8, generation: u32, first: u32, second: u32, filter: u32| {
        let numbers = [generation, first, second, filter].map(u32::to_le_bytes);
        [&[id; 32][..], &[9; 32], &[8; 32], &1_700_000_000i64.to_le_bytes(), &numbers.concat()]
            .concat()
    };
    let none = u32::MAX;
    let rows = [
        row(1, 1, none, none, 1),
        row(2, 1, none, none, 1),
        row(3, 1, none, none, 3),
        row(4, 2, 0, 1 << 31, 4),
    ];
    let counts = [0u32, 4, 2, 4].map(u32::to_le_bytes).concat();
    let edges = [1u32, 2 | 1 << 31].map(u32::to_le_bytes).concat();
    [counts, rows.concat(), edges, vec![0xff, 0x12, 0x34, 0]].concat()
}

fn payloads() -> Vec<Seed> {
    let first = TrustRoot::first(principal());
    let genesis = Genesis {
        nonce: [3; 32],
        format: FormatId::from_id(id(1)),
        trust_root: first.encode(),
        ext: Vec::new(),
    };
    let second = TrustRoot {
        repo: Some(repository()),
        version: 2,
        previous: Some(TrustRootId::from_id(id(2))),
        expires: Some(stamp()),
        ..first.clone()
    };
    let parts = vec![Part { len: 5, id: id(4) }, Part { len: 70_000, id: id(5) }];
    vec![
        ("commit", "full", commit().encode()),
        ("tag", "full", tag().encode()),
        ("genesis", "first", genesis.encode()),
        ("trust_root", "first", first.encode()),
        ("trust_root", "second", second.encode()),
        ("log_entry", "open", opening().encode()),
        ("log_entry", "move", moving().encode()),
        ("recipe", "leaf", RecipeNode { level: 0, parts: parts.clone(), builds: None }.encode()),
        ("recipe", "inner", RecipeNode { level: 1, parts, builds: Some(BlobId::of(b"")) }.encode()),
    ]
}

fn maps() -> Vec<Seed> {
    let file = TreeEntry::file(BlobId::from_id(id(70)), 900);
    let folder = TreeEntry::directory(NodeId::from_id(id(71)), 4000);
    let tuple = tuple::encode(&[
        Element::Null,
        Element::Bytes(b"a\0b".to_vec()),
        Element::Text("desk".into()),
        Element::Nested(vec![Element::Bool(true), Element::Double(-0.5)]),
        Element::Integer((-70_000i64).into()),
    ]);
    let node = |schema: &str, level: u64, count: usize, bytes: u64, entries: &[(&[u8], Writer)]| {
        let mut w = Writer::new();
        w.map(5).text("c").uint(count as u64).text("e").array(entries.len());
        for (key, value) in entries {
            w.array(2).bytes(key).raw(&value.clone().finish());
        }
        w.text("l").uint(level).text("s").text(schema).text("z").uint(bytes);
        w.finish()
    };
    let inline = |bytes: &[u8]| {
        let mut w = Writer::new();
        w.array(2).uint(0).bytes(bytes);
        w
    };
    let child = |n| {
        let mut w = Writer::new();
        w.bytes(id(n).as_bytes());
        w
    };
    let tree =
        [(&b"README.md"[..], inline(&file.encode())), (b"prompts", inline(&folder.encode()))];
    let table = [(&tuple[..], inline(b"row"))];
    let inner = [(&b"k"[..], child(72)), (b"z", child(73))];
    vec![
        ("tree_entry", "file", file.encode()),
        ("tree_entry", "folder", folder.encode()),
        ("node", "tree", node("tree", 0, 2, 4900, &tree)),
        ("node", "table", node("table", 0, 1, 6, &table)),
        ("node", "inner", node("tree", 1, 40, 9000, &inner)),
        ("tuple", "mixed", tuple),
    ]
}

/// What lies beside the packs of a working folder: a plan with every kind of step, and records.
fn working_folder() -> Vec<Seed> {
    let path = |text: &str| RepoPath::parse(text).expect("a path");
    let file = TreeEntry::file(BlobId::from_id(id(80)), 900);
    let larger = TreeEntry::file(BlobId::from_id(id(83)), 1800);
    let folder = TreeEntry::directory(NodeId::from_id(id(81)), 4000);
    let step = |text, before, after| Step {
        path: path(text),
        before,
        after,
        keep: false,
        from: None,
        database: false,
    };
    let from = Some((LogEntryId::from_id(id(82)), 3));
    let operation = Operation {
        repo: repository(),
        log_before: 7,
        cause: Cause { ids: vec![id(21)], ..Cause::of("checkout") },
        changes: moving().changes,
        steps: vec![
            Step { keep: true, ..step("changed", Some(file), TreeEntry::symlink(b"target")) },
            step("folder", None, Some(folder)),
            Step { from, ..step("folder/new", None, Some(file)) },
            step("gone", Some(file), None),
            Step { database: true, ..step("store.sqlite", Some(file), Some(larger)) },
        ],
    };
    let stat = StatKey { size: 900, mtime: -1, ctime: 1 << 60, inode: 7, executable: true };
    let (content, tree) = (BlobId::from_id(id(80)), NodeId::from_id(id(81)));
    let entry = CacheEntry { path: "prompts/a".into(), stat, racy: true, id: content };
    let folder = CachedFolder {
        path: "prompts".into(),
        stat: StatKey { executable: false, ..stat },
        tree,
        bytes: 900,
        files: 1,
        ignored: 2,
        span: 84,
        rules: id(83),
    };
    let database = Record::Database("store.sqlite".into());
    let mut records = Vec::new();
    for record in [Record::File(entry), Record::Folder(folder), database] {
        encode_record(&record, &mut records);
    }
    vec![("operation", "every step", operation.encode()), ("stat_cache_record", "three", records)]
}

fn signatures() -> Vec<Seed> {
    let key = SecretKey::generate().expect("randomness");
    let payload = commit().encode();
    let signature = key.sign(Namespace::Commit, &payload).expect("a key signs");
    let signed = Signed { payload: &payload, signature: &signature };
    let point = *key.public().as_bytes().point();
    let security_key = KeyBytes::security_key(point, b"ssh:work").expect("an application");
    let security_key = PublicKey::from_bytes(&security_key).expect("a key");
    let rsa = [&[0, 0, 0, 7][..], b"ssh-rsa"].concat();
    vec![
        ("signed", "commit", signed.encode()),
        ("sshsig", "raw", signature.clone()),
        ("sshsig", "armored", to_armored(&signature).into_bytes()),
        ("public_key", "line", key.public().to_openssh("mara@example.org").into_bytes()),
        ("public_key", "raw", key.public().as_bytes().to_vec()),
        ("public_key", "security key", security_key.as_bytes().to_vec()),
        ("public_key", "security key line", security_key.to_openssh("").into_bytes()),
        ("agent_answer", "none", vec![12, 0, 0, 0, 0]),
        ("agent_answer", "rsa", [&[12, 0, 0, 0, 1, 0, 0, 0, 11][..], &rsa, &[0; 4]].concat()),
    ]
}

fn pack_parts() -> Vec<Seed> {
    let entry = |n, record| Entry {
        id: id(n),
        record,
        stored: 90,
        decoded: 100,
        start: 0,
        len: 100,
        kind: ObjectType::Blob,
        codec: 1,
        depth: 0,
    };
    let mut footer = Footer {
        kind: PackKind::Data,
        records: 2,
        offset: 400,
        entries: vec![entry(7, 16), entry(8, 200)],
        recipes: vec![(id(9), RecipeId::from_id(id(10)))],
    };
    let bytes = footer.encode();
    let trailer = Trailer { footer_offset: 400, footer_len: bytes.len() as u64 };
    let file_len = 400 + bytes.len() as u64 + 32;
    let mut record = Vec::from(*b"AREC\x01\0\x02\0");
    record.extend_from_slice(&90u32.to_le_bytes());
    record.extend_from_slice(&100u32.to_le_bytes());
    record.extend_from_slice(&[0; 8]);
    for (kind, flags, len) in [(ObjectType::Blob, 0, 40u32), (ObjectType::Recipe, 1, 60)] {
        record.extend_from_slice(&[kind as u8, flags, 0, 0]);
        record.extend_from_slice(&len.to_le_bytes());
    }
    record.extend_from_slice(id(11).as_bytes());
    vec![
        ("footer", "two", [&400u64.to_le_bytes()[..], &bytes].concat()),
        ("trailer", "two", [&file_len.to_le_bytes()[..], &trailer.encode()].concat()),
        ("record_header", "two", record),
        ("salvage", "one", pack_of_one()),
    ]
}

/// A pack with one sound record and no footer.
fn pack_of_one() -> Vec<u8> {
    let content = b"what is left of a pack";
    let len = (content.len() as u32).to_le_bytes();
    let head = [&b"AREC\0\0\x01\0"[..], &len, &len].concat();
    let row = [&[ObjectType::Blob as u8, 0, 0, 0][..], &len].concat();
    let mut hasher = blake3::Hasher::new_derive_key("aisr 2026-11-24 record header v1");
    hasher.update(&head).update(&row);
    let sum = hasher.finalize();
    let sum = &sum.as_bytes()[..8];
    [&b"AISRPACK\0\x01\0\0\0\0\0\0"[..], &head, sum, &row, content].concat()
}

fn contents() -> Vec<Seed> {
    let weights: Vec<u8> = (0..6000u32).flat_map(|i| [(i * 37 % 251) as u8, 0x3c]).collect();
    let text = b"Hand refunds to the refund agent. ".repeat(40);
    let hinted = [("planes", ContentHint::Bf16, &weights), ("text", ContentHint::Block, &text)];
    let mut seeds = Vec::new();
    for (name, hint, content) in hinted {
        let mut stored = Vec::new();
        let codec = Encoder::new().encode(hint, content, &mut stored);
        let [a, b, c, _] = (content.len() as u32).to_le_bytes();
        seeds.push(("codec", name, [&[codec as u8, a, b, c][..], &stored].concat()));
        let number = if hint == ContentHint::Bf16 { 1 } else { 4 };
        seeds.push(("codec_round_trip", name, [&[number][..], content].concat()));
    }
    let header = br#"{"w":{"dtype":"BF16","shape":[40,150],"data_offsets":[0,12000]}}"#;
    let head = (header.len() as u64).to_le_bytes();
    let safetensors = [&head[..], header, &weights].concat();
    let mut sqlite = b"SQLite format 3\0\x10\0\x01\x01\0\x40\x20\x20".to_vec();
    sqlite.resize(8192, 0);
    let mut gguf = b"GGUF\x03\0\0\0".to_vec();
    gguf.extend_from_slice(&[1u64, 0, 1].map(u64::to_le_bytes).concat());
    gguf.extend_from_slice(b"w\x01\0\0\0");
    gguf.extend_from_slice(&64u64.to_le_bytes());
    gguf.extend_from_slice(&[0; 12]);
    gguf.resize(512, 0);
    for (name, file) in [("safetensors", safetensors), ("sqlite", sqlite), ("gguf", gguf)] {
        seeds.push(("cutter", name, [&(file.len() as u64).to_le_bytes()[..], &file].concat()));
    }
    seeds
}

fn commit() -> Commit {
    Commit {
        repo: repository(),
        root: NodeId::from_id(id(20)),
        parents: vec![CommitId::from_id(id(21)), CommitId::from_id(id(22))],
        committer: actor(),
        author: Some("agent:triage".into()),
        acting_for: vec![ActingFor::Delegation(id(23)), ActingFor::Claimed("mara".into())],
        authored: stamp(),
        committed: stamp(),
        cause: Cause { kind: "cherry-pick".into(), ids: vec![id(24)], algorithm: Some(1) },
        sessions: vec![Session { kind: "trace".into(), id: b"4bf92f35".to_vec() }],
        report: Some(Report {
            window: (1, 2),
            level: Level::BestEffort,
            ignored: 3,
            skipped: 1,
            skipped_paths: vec![(b"pipe".to_vec(), "not a file".into())],
            moved: vec![b"memory/store.sqlite".to_vec()],
        }),
        origins: Some(NodeId::from_id(id(25))),
        observed: vec![BlobId::from_id(id(26))],
        message: Some("The desk as it went live".into()),
        ext: vec![("later".into(), b"bytes".to_vec())],
    }
}

fn tag() -> Tag {
    Tag {
        repo: repository(),
        target: id(30),
        target_type: ObjectType::Commit,
        name: b"v1.0".to_vec(),
        tagger: actor(),
        time: stamp(),
        message: Some("First release".into()),
        ext: Vec::new(),
    }
}

fn opening() -> LogEntry {
    let branch = RefTarget::Symbolic(b"refs/heads/main".to_vec());
    let head = RefChange {
        name: b"HEAD".to_vec(),
        old: None,
        new: Some(branch),
        kind: ChangeKind::Create,
    };
    LogEntry {
        repo: repository(),
        log: LogId::new([6; 16]),
        sequence: 0,
        previous: None,
        trust_root: TrustRootId::from_id(id(40)),
        changes: vec![head],
        signer: Actor { key: KEY.into(), principal: None },
        acting_for: Vec::new(),
        approvals: Vec::new(),
        payload: Vec::new(),
        time: stamp(),
        cause: Cause::of("open"),
        replica: Some(KEY),
        ext: Vec::new(),
    }
}

fn moving() -> LogEntry {
    let change = RefChange {
        name: b"refs/heads/main".to_vec(),
        old: Some(RefTarget::Object(id(41))),
        new: Some(RefTarget::Object(id(42))),
        kind: ChangeKind::Forward,
    };
    LogEntry {
        sequence: 7,
        previous: Some(LogEntryId::from_id(id(43))),
        changes: vec![change],
        acting_for: vec![ActingFor::Claimed("mara".into())],
        payload: vec![id(44)],
        cause: Cause::of("commit"),
        replica: None,
        ..opening()
    }
}

fn refs() -> Refs {
    let main = RefName::branch("main").expect("a valid name");
    let tag = RefName::new(b"refs/tags/v1.0").expect("a valid name");
    Refs {
        log: LogId::new([6; 16]),
        last: HeadEntry { sequence: 7, id: LogEntryId::from_id(id(50)), offset: 900 },
        length: 1400,
        head: Head::Branch(main.clone()),
        refs: BTreeMap::from([(main, id(51)), (tag, id(52))]),
    }
}

const KEY: [u8; 32] = [11; 32];

fn actor() -> Actor {
    Actor { key: KEY.into(), principal: Some(PrincipalId::new([5; 16])) }
}

fn principal() -> Principal {
    Principal {
        id: PrincipalId::new([5; 16]),
        names: vec!["mara@example.org".into()],
        kind: "person".into(),
        controller: None,
        keys: vec![KEY.into()],
    }
}

fn repository() -> RepositoryId {
    RepositoryId::from_id(id(60))
}

fn stamp() -> Stamp {
    Stamp { micros: 1_795_000_000_000_000, zone: 60 }
}

/// The id of something that these seeds only name.
fn id(n: u8) -> Id {
    Id::new(*PackId::of(&[n]).as_bytes())
}
