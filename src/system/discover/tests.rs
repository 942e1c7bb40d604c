//! Discovery over files in memory: bounds, and hostile content.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;

/// Files in memory; those without content are as long as they say.
#[derive(Default)]
struct InMemory {
    files: BTreeMap<String, (Vec<u8>, u64)>,
    read: AtomicUsize,
}

impl InMemory {
    fn with(mut self, path: &str, text: impl AsRef<[u8]>) -> Self {
        let bytes = text.as_ref().to_vec();
        let size = bytes.len() as u64;
        self.files.insert(path.into(), (bytes, size));
        self
    }

    fn found(&self) -> Discovery {
        let paths = self.files.keys().filter(|path| is_of_interest(path)).cloned().collect();
        discover(&Listing { paths, cut: false }, self)
    }
}

impl Files for InMemory {
    fn head(&self, path: &str, len: usize) -> Option<Head> {
        let (bytes, size) = self.files.get(path)?;
        let mut bytes = bytes.clone();
        bytes.resize(usize::try_from(*size).map_or(len, |size| size.min(len)), b' ');
        self.read.fetch_add(bytes.len(), Ordering::Relaxed);
        Some(Head { bytes, size: *size })
    }
}

fn keys(found: &Discovery) -> Vec<String> {
    found.components.iter().map(|declared| declared.key.to_string()).collect()
}

#[test]
fn a_document_of_ten_gigabytes_is_told_and_not_read() {
    let mut files = InMemory::default().with("agents/a.json", "{}");
    files.files.insert("tools/huge.json".into(), (b"{".to_vec(), 10 << 30));
    let found = files.found();
    assert_eq!(found.told.too_large, ["tools/huge.json"]);
    assert!(found.unplaced.contains(&"tools/huge.json".to_owned()));
    assert!(files.read.load(Ordering::Relaxed) < 8 << 20);
}

#[test]
fn what_is_read_in_all_is_bounded_and_what_is_not_read_is_told() {
    let mut files = InMemory::default();
    for i in 0..200 {
        files.files.insert(format!("tools/{i}.json"), (b"{}".to_vec(), 4 << 20));
    }
    let found = files.found();
    assert!(files.read.load(Ordering::Relaxed) <= 129 << 20);
    assert!(found.told.too_large.len() > 150, "{}", found.told.too_large.len());
}

#[test]
fn of_very_many_documents_some_are_passed_over_and_that_is_told() {
    let mut files = InMemory::default().with("agents/a.yaml", "name: a\nmodel: m\nprompt: p\n");
    for i in 0..1500 {
        files = files.with(&format!("data/{i}.json"), "{\"a\": 1}");
    }
    let found = files.found();
    assert_eq!(keys(&found), ["model:m", "agent:a"]);
    assert_eq!(found.told.passed_over, 500);
}

#[test]
fn documents_that_are_broken_or_too_deep_are_told_and_the_others_are_found() {
    let deep = format!("name: a\nx: {}", "[".repeat(10_000));
    let files = InMemory::default()
        .with("agents/deep.yaml", deep)
        .with("agents/deep.json", "[".repeat(10_000))
        .with("agents/broken.toml", "name = ")
        .with("agents/sound.yaml", "name: sound\nmodel: m\n")
        .with("charts/values.yaml", "{{ broken }}");
    let found = files.found();
    let broken: Vec<_> = found.told.broken.iter().map(|(path, _)| path.as_str()).collect();
    assert_eq!(broken, ["agents/broken.toml", "agents/deep.json", "agents/deep.yaml"]);
    assert_eq!(keys(&found), ["model:m", "agent:sound"]);
}

#[test]
fn agents_that_say_very_much_are_followed_so_far_and_the_rest_is_told() {
    let many = |i: usize| format!("t{i}, ").repeat(1000);
    let crew =
        |n: usize| (0..90).map(move |i| format!("a{n}-{i}: {{role: r, tools: [{}]}}\n", many(i)));
    let mut files = InMemory::default();
    for n in 0..8 {
        files = files.with(&format!("agents/c{n}.yaml"), crew(n).collect::<String>());
    }
    let found = files.found();
    assert!(found.told.passed_over >= 4, "{}", found.told.passed_over);
    assert!(found.count(ComponentKind::Agent) >= 200);
}

#[test]
fn stores_are_one_memory_each_and_share_their_folder_with_others() {
    let files = InMemory::default()
        .with("store/chroma.sqlite3", "SQLite format 3\0")
        .with("store/75162e66-56f2-4d11-acab-7d2d13c2133d/length.bin", "")
        .with("store/desk.sqlite", "SQLite format 3\0")
        .with("faiss/index.faiss", "x")
        .with("faiss/index.pkl", "x")
        .with("lancedb/a.lance/data/x.lance", "x")
        .with("lancedb/b.lance/data/x.lance", "x")
        .with("sessions/1.jsonl", "{}\n")
        .with("traces/t.jsonl", "{\"resourceSpans\": []}\n")
        .with("data/train.jsonl", "{}\n");
    let found = files.found();
    let paths = |name: &str| {
        let found = found.components.iter().find(|declared| declared.key.name() == name);
        found.map(|declared| declared.paths.clone()).unwrap_or_default()
    };
    assert_eq!(paths("faiss"), ["faiss/"]);
    assert_eq!(paths("lancedb"), ["lancedb/"]);
    assert_eq!(paths("desk"), ["store/desk.sqlite"]);
    let chroma = ["store/75162e66-56f2-4d11-acab-7d2d13c2133d/length.bin", "store/chroma.sqlite3"];
    assert_eq!(paths("store"), chroma);
    assert_eq!(paths("1"), ["sessions/1.jsonl"]);
    assert_eq!(found.count(ComponentKind::Memory), 5);
    assert_eq!(found.unplaced, ["data/train.jsonl", "traces/t.jsonl"]);
}

#[test]
fn many_files_of_records_are_one_memory() {
    let mut files = InMemory::default();
    for i in 0..20 {
        files = files.with(&format!("sessions/{i}.jsonl"), "{}\n");
    }
    let found = files.found();
    assert_eq!(keys(&found), ["memory:sessions"]);
    assert_eq!(found.components[0].paths, ["sessions/*.jsonl"]);
}

#[test]
fn a_downloaded_model_is_its_folder() {
    let weights = b"\x02\0\0\0\0\0\0\0{}";
    let files = InMemory::default()
        .with("minilm/model/model.safetensors", weights)
        .with("minilm/model/config.json", "{}")
        .with("minilm/model/tokenizer.json", "{}")
        .with("minilm/model/vocab.txt", "a\n")
        .with("minilm/model/modules.json", "[]")
        .with("minilm/model/1_Pooling/config.json", "{}")
        .with("minilm/model/onnx/model.onnx", b"\x08\x07\x12");
    let found = files.found();
    assert_eq!(keys(&found), ["model:minilm"]);
    assert_eq!(found.components[0].paths, ["minilm/model/"]);
}

#[test]
fn names_that_would_be_wildcards_lose_that_meaning() {
    let files = InMemory::default().with("prompts/what?[1].md", "x").with("prompts/a*b/c.md", "x");
    let found = files.found();
    let paths: Vec<_> = found.components.iter().flat_map(|d| d.paths.clone()).collect();
    assert_eq!(paths, ["prompts/a\\*b/c.md", "prompts/what\\?\\[1].md"]);
    let manifest = Manifest::parse(&first_manifest(&found)).unwrap();
    assert_eq!(manifest.components.len(), 2);
    assert!(found.beyond(&manifest).components.is_empty());
}

#[test]
fn what_cannot_be_told_apart_leads_nowhere() {
    let files = InMemory::default()
        .with("a/prompts/system.md", "x")
        .with("b/prompts/system.md", "x")
        .with("agents/x.yaml", "name: x\nmodel: ../outside\nprompt: system\ntools: [nothing]\n");
    let found = files.found();
    let agent = found.components.iter().find(|d| d.key.name() == "x").unwrap();
    assert!(agent.edges.is_empty(), "{:?}", agent.edges);
    assert_eq!(keys(&found), ["prompt:a-prompts-system", "prompt:b-prompts-system", "agent:x"]);
}

#[test]
fn whatever_is_found_is_a_manifest_that_has_nothing_to_add() {
    let files = InMemory::default()
        .with("agents/a.yaml", "name: 'A \"quoted\" ☃ name'\nmodel: qwen2.5:7b\nprompt: p.txt\n")
        .with("agents/p.txt", "x")
        .with(
            "agents/crew.yaml",
            "b/c~d:\n  role: r\n  llm: openai/gpt-4o\ne:\n  role: r\n  llm: azure/gpt-4o\n",
        )
        .with("id.yaml", "spiffe_id: spiffe://example.org/x\n");
    let found = files.found();
    let text = first_manifest(&found);
    let manifest = Manifest::parse(&text).unwrap();
    let strip = |components: &[Declared]| -> Vec<_> {
        let line = |d: &Declared| (d.key.clone(), d.paths.clone(), d.at.clone(), d.edges.len());
        let mut all: Vec<_> = components.iter().map(line).collect();
        all.sort();
        all
    };
    assert_eq!(strip(&manifest.components), strip(&found.components), "{text}");
    assert!(found.beyond(&manifest).components.is_empty());
    assert!(text.contains("[model.\"qwen2.5-7b\"]  # not in this folder: qwen2.5:7b"), "{text}");
    assert!(text.contains("at = \"/b~1c~0d\""), "{text}");
    assert!(keys(&found).contains(&"model:azure-gpt-4o".to_owned()), "{text}");
}
