//! Whatever a file of any name holds, what is found in it is a manifest that has nothing to add.

#![no_main]

use aisr::system::Manifest;
use aisr::system::discover::{Files, Head, Listing, append, discover, first_manifest};
use libfuzzer_sys::fuzz_target;

const PATHS: [&str; 12] = [
    "agents/a.yaml", "agents/a.json", "agents/a.toml", "agents/a.md", ".mcp.json", "tools/t.json",
    "skills/s/SKILL.md", "models/m/adapter_config.json", "memory/m.jsonl", "x.safetensors",
    "identity/card.json", "crew.agents.yml",
];

/// The same bytes at two paths.
struct Twice<'a>(&'a [u8]);

impl Files for Twice<'_> {
    fn head(&self, path: &str, len: usize) -> Option<Head> {
        // Weights beside the adapter, so that its configuration is read.
        let bytes = if path.ends_with("adapter_model.gguf") { b"GGUF" } else { self.0 };
        let head = bytes.get(..len).unwrap_or(bytes).to_vec();
        Some(Head { bytes: head, size: bytes.len() as u64 })
    }
}

fuzz_target!(|data: &[u8]| {
    let Some((which, bytes)) = data.split_first() else { return };
    let path = PATHS[usize::from(*which) % PATHS.len()];
    let mut listing = Listing::default();
    listing.paths.insert(path.into());
    listing.paths.insert(format!("other/{path}"));
    listing.paths.insert("models/m/adapter_model.gguf".into());
    let found = discover(&listing, &Twice(bytes));
    let text = first_manifest(&found);
    let manifest = Manifest::parse(&text).expect("what is written can be read");
    assert_eq!(manifest.components.len(), found.components.len());
    let more = found.beyond(&manifest);
    assert!(more.components.is_empty());
    assert_eq!(append("", &found).map(|text| Manifest::parse(&text).is_ok()).ok(), Some(true));
});
