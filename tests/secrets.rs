//! Secrets are refused at commit, before anything of them is stored.

#[path = "support/program.rs"]
mod program;

use std::fs;
use std::path::{Path, PathBuf};

use aisr::capture::secrets::Scanner;
use insta::assert_snapshot;
use program::Desk;

/// Put together here, so that no scanner of this source takes it for a real one.
fn token() -> String {
    ["AKIA", "Q3EGUZ7TXN5WJ4RB"].concat()
}

/// The fingerprint that a refused commit told.
fn fingerprint(stderr: &str) -> String {
    let rest = stderr.split("aisr allow secret ").nth(1).expect("a hint");
    rest[..32].to_owned()
}

fn files_below(root: &Path) -> Vec<PathBuf> {
    let (mut files, mut todo) = (Vec::new(), vec![root.to_owned()]);
    while let Some(dir) = todo.pop() {
        for entry in fs::read_dir(dir).unwrap() {
            let entry = entry.unwrap();
            let to = if entry.file_type().unwrap().is_dir() { &mut todo } else { &mut files };
            to.push(entry.path());
        }
    }
    files
}

#[test]
fn a_secret_is_refused_with_file_line_and_the_ways_out() {
    let desk = Desk::new();
    desk.commit("a", "1", "First");
    let (head, log) = (desk.head(), desk.ok(["log"]));
    desk.write("notes/keys.txt", format!("\nkey {}\n", token()));
    let shown = desk.shown(["commit", "-m", "Second"]);
    let hidden = shown.replace(&fingerprint(&shown), "<fingerprint>");
    assert_snapshot!(hidden, @r"
    error: the folder holds a secret that would be kept for ever
      notes/keys.txt:2  aws-access-token  <fingerprint>
    hint: take it out of the file, or leave the file out: a line in .aisrignore
    hint: or let one pass, here alone: `aisr allow secret <fingerprint>`
    [3]
    ");
    assert_eq!((desk.head(), desk.ok(["log"])), (head, log));
}

#[test]
fn nothing_of_a_refused_file_is_stored_whatever_its_size() {
    for filler in [0, 300 << 10, (4 << 20) - 100] {
        let desk = Desk::new();
        let text = format!("{}\n{}\n", "x y\n".repeat(filler / 4), token());
        desk.write("big.txt", &text);
        assert_eq!(desk.run(["commit", "-m", "x"]).code, Some(3), "{filler}");
        let id = blake3::hash(text.as_bytes());
        for file in files_below(&desk.path().join(".aisr")) {
            let bytes = fs::read(&file).unwrap();
            // The stat cache names what lies in the folder, stored or not.
            let cache = file.ends_with("local/stat-cache");
            // Packs name what they hold by id; small ones may lie there uncompressed.
            let named = memchr::memmem::find(&bytes, id.as_bytes()).is_some();
            assert!(cache || !named, "{}", file.display());
            assert!(memchr::memmem::find(&bytes, token().as_bytes()).is_none());
        }
        // The next commit without it goes through.
        desk.write("big.txt", "clean\n");
        desk.ok(["commit", "-m", "x"]);
    }
}

#[test]
fn an_ignored_file_is_not_scanned() {
    let desk = Desk::new();
    desk.write("keys.txt", token());
    desk.write(".aisrignore", "keys.txt\n");
    desk.ok(["commit", "-m", "x"]);
}

#[test]
fn what_is_allowed_passes_at_its_path_alone_until_revoked() {
    let desk = Desk::new();
    desk.write("keys.txt", format!("{}\n", token()));
    let refused = desk.run(["commit", "-m", "x"]);
    let print = fingerprint(&refused.stderr);
    desk.ok(["allow", "secret", &print]);
    desk.write("other.txt", format!("{} there\n", token()));
    let other = fingerprint(&desk.run(["commit", "-m", "x"]).stderr);
    assert_ne!(other, print);
    desk.write("other.txt", "none\n");
    desk.ok(["commit", "-m", "x"]);
    let list = fs::read_to_string(desk.home().join(".config/aisr/allowed-secrets")).unwrap();
    assert_eq!(list, format!("{print}\n"));
    assert_eq!(desk.ok(["allow", "--list"]), format!("secret {print}\n"));
    desk.ok(["allow", "--revoke", &print]);
    assert_eq!(desk.ok(["allow", "--list"]), "");
    desk.write("keys.txt", format!("changed, but {}\n", token()));
    assert_eq!(desk.run(["commit", "-m", "x"]).code, Some(3));
}

#[test]
fn content_that_the_repository_holds_is_no_news() {
    let desk = Desk::new();
    desk.write("keys.txt", token());
    let print = fingerprint(&desk.run(["commit", "-m", "x"]).stderr);
    desk.ok(["allow", "secret", &print]);
    desk.ok(["commit", "-m", "x"]);
    desk.ok(["allow", "--revoke", &print]);
    desk.write("keys.txt", token());
    desk.commit("a", "1", "Touched, and the same");
}

#[test]
fn what_is_not_scanned_is_counted() {
    let desk = Desk::new();
    desk.write("binary", [b"\xff\x00 ".as_slice(), token().as_bytes()].concat());
    desk.write("large.txt", "x".repeat((4 << 20) + 1));
    let shown = desk.ok(["commit", "-m", "x"]);
    assert!(shown.contains("not looked for in 2 files"), "{shown}");
}

#[test]
fn secrets_are_many_and_are_listed_up_to_a_limit() {
    let desk = Desk::new();
    desk.write("many.txt", format!("{}\n", token()).repeat(60));
    let stderr = desk.run(["commit", "-m", "x"]).stderr;
    assert!(stderr.contains("60 secrets") && stderr.contains("and 10 more"), "{stderr}");
}

#[test]
fn the_files_of_other_programs_raise_no_alarm() {
    let scanner = Scanner::new();
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    for file in files_below(&root.join("tests/data")) {
        let found = scanner.scan(&fs::read(&file).unwrap());
        assert!(found.is_empty(), "{}: {found:?}", file.display());
    }
}
