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
