//! Every step of the benchmark's corpus, as a person sees it: a system with real weights, taken on,
//! and changed in one way after the other.

#[path = "support/program.rs"]
mod program;

use std::path::{Path, PathBuf};
use std::process::Command;

use insta::assert_snapshot;
use program::Desk;

/// Python with what the generator needs.
fn python() -> PathBuf {
    let python = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/venv/bin/python");
    assert!(python.exists(), "no {}: run `bash xtask/setup` first", python.display());
    python
}

fn corpus(desk: &Desk, args: &[&str]) -> String {
    let generator = Path::new(env!("CARGO_MANIFEST_DIR")).join("xtask/bench/make_corpus.py");
    let made = Command::new(python()).arg(generator).arg(desk.path()).args(args).output().unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    String::from_utf8(made.stdout).unwrap()
}

#[test]
fn each_step_is_told_in_the_terms_of_the_system() {
    let desk = Desk::empty();
    std::fs::remove_dir(desk.path()).unwrap();
    let made = corpus(&desk, &["--size", "tiny"]);
    assert!(made.contains("weights: all-MiniLM-L6-v2"), "{made}");
    assert_snapshot!("init", desk.shown(["init"]));
    assert_snapshot!("manifest", std::fs::read_to_string(desk.path().join("aisr.toml")).unwrap());
    desk.ok(["commit", "-m", "As it was taken on"]);
    assert_snapshot!("system", desk.shown(["system"]));
    for step in
        ["prompt", "memory", "jsonl", "tools", "adapter", "finetune", "rename", "churn", "poison"]
    {
        corpus(&desk, &["--step", step]);
        assert_snapshot!(format!("{step}_stat"), desk.shown(["diff", "--stat"]));
        assert_snapshot!(step, desk.shown(["diff", "--limit", "3"]));
        assert_snapshot!(format!("{step}_commit"), desk.shown(["commit", "-m", step]));
        assert_eq!(desk.ok(["diff", "--name-only"]), "");
    }
}
