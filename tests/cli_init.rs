//! `init` in a project of git: what its `.gitignore` hides from git, aisr captures.

#[path = "support/program.rs"]
mod program;

use insta::assert_snapshot;
use program::Desk;

#[test]
fn models_and_memory_that_git_ignores_are_captured_and_build_output_is_not() {
    let desk = Desk::empty();
    let gitignore = "# big\n*.safetensors\nmodels/\n/memory.sqlite\n.env\n!.env\n*.log\nout/\n";
    desk.write(".gitignore", gitignore);
    for path in
        ["models/base.gguf", "adapter.safetensors", "memory.sqlite", "run.log", "out/x.o", ".env"]
    {
        desk.write(path, "x");
    }
    assert_snapshot!(desk.shown(["init"]), @r"
    Signing key   ~/.config/aisr/id_ed25519 (SHA256:<key>), made just now, principal mara@example.org
    Repository    <dir>/desk/.aisr (branch main)
    Not placed    adapter.safetensors, memory.sqlite, models/base.gguf (captured all the same; name them in aisr.toml if that matters)
    Wrote         .aisrignore, with 2 lines of .gitignore
    Not taken     *.safetensors, models/, /memory.sqlite, !.env: that would hide models or memory, or show secrets
    [0]
    ");
    let ignores = std::fs::read_to_string(desk.path().join(".aisrignore")).unwrap();
    assert!(ignores.ends_with("\n# From .gitignore\n*.log\nout/\n"), "{ignores}");
    desk.ok(["commit", "-m", "First"]);
    let listed = desk.json(["ls", "-r", "--json"]);
    let files = listed.as_array().unwrap().iter().filter(|entry| entry["kind"] == "file");
    let paths: Vec<_> = files.map(|entry| entry["path"].as_str().unwrap()).collect();
    assert_eq!(
        paths,
        [".aisrignore", ".gitignore", "adapter.safetensors", "memory.sqlite", "models/base.gguf"]
    );
}

#[test]
fn an_ignore_file_that_is_there_gets_no_lines_from_git() {
    let desk = Desk::empty();
    desk.write(".gitignore", "*.log\n");
    desk.write(".aisrignore", "mine\n");
    desk.ok(["init"]);
    assert_eq!(std::fs::read_to_string(desk.path().join(".aisrignore")).unwrap(), "mine\n");
}

/// The paths of all files that HEAD holds.
fn captured(desk: &Desk) -> Vec<String> {
    let listed = desk.json(["ls", "-r", "--json"]);
    let files = listed.as_array().unwrap().iter().filter(|entry| entry["kind"] == "file");
    let mut paths: Vec<_> = files.map(|e| e["path"].as_str().unwrap().to_owned()).collect();
    paths.sort();
    paths
}

/// Each is left out by a line of its own.
const LEFT_OUT: [&str; 31] = [
    ".git/HEAD",
    ".hg/a",
    ".svn/a",
    ".jj/a",
    "target/debug/a",
    "src/node_modules/a.js",
    "__pycache__/a",
    "module.pyc",
    ".pytest_cache/a",
    ".mypy_cache/a",
    ".ruff_cache/a",
    ".ipynb_checkpoints/a",
    ".DS_Store",
    ".venv/a",
    "venv/a",
    ".env",
    "agents/.env.local",
    ".env.production",
    "id_rsa",
    "keys/id_dsa",
    "id_ecdsa",
    "id_ed25519",
    "id_ecdsa_sk",
    "id_ed25519_sk",
    "tls.key",
    "ca-key.pem",
    ".netrc",
    ".aws/config",
    ".ssh/config",
    "home/.ssh/known_hosts",
    "credentials.json",
];

#[test]
fn the_first_ignore_file_leaves_out_what_should_not_be_kept_and_commits_count_it() {
    let desk = Desk::new();
    let kept = [".env.example", ".github/a", ".hidden", "ca.pem", "id_rsa.pub", "keys.md"];
    for path in LEFT_OUT.iter().chain(&kept) {
        desk.write(path, "x");
    }
    desk.ok(["commit", "-m", "First"]);
    let mut expected: Vec<_> = kept.iter().map(ToString::to_string).collect();
    expected.push(".aisrignore".into());
    expected.sort();
    assert_eq!(captured(&desk), expected);
    let commit = desk.json(["show", "--json"]);
    assert_eq!(commit["report"]["ignored"], LEFT_OUT.len(), "{commit}");
}

#[test]
fn without_an_ignore_file_nothing_is_left_out() {
    let desk = Desk::new();
    std::fs::remove_file(desk.path().join(".aisrignore")).unwrap();
    desk.write(".gitignore", "*\n");
    for path in LEFT_OUT {
        desk.write(path, "x");
    }
    desk.ok(["commit", "-m", "First"]);
    let mut expected: Vec<_> = LEFT_OUT.iter().map(ToString::to_string).collect();
    expected.push(".gitignore".into());
    expected.sort();
    assert_eq!(captured(&desk), expected);
}
