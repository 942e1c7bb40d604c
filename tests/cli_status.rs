//! `aisr status` as a person and a program see it.

#[path = "support/program.rs"]
mod program;

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use insta::assert_snapshot;
use program::{Desk, Ran};

fn desk() -> Desk {
    let desk = Desk::new();
    desk.write("prompts/a.md", "a\n");
    desk.write("prompts/b.md", "b\n");
    desk.write("models/w.bin", [0u8; 9]);
    desk.commit("notes/one.md", "one\n", "First");
    desk
}

/// Every file under `root`, and its bytes.
fn all_files(root: &Path, out: &mut BTreeMap<String, Vec<u8>>) {
    for entry in fs::read_dir(root).unwrap().map(|entry| entry.unwrap()) {
        if entry.file_type().unwrap().is_dir() {
            all_files(&entry.path(), out);
        } else {
            out.insert(entry.path().display().to_string(), fs::read(entry.path()).unwrap());
        }
    }
}

#[test]
fn a_clean_folder_is_said_to_be_clean() {
    let desk = desk();
    assert_snapshot!(desk.shown(["status"]), @r"
    On main, at <id> (First)
    Nothing changed: the commit holds the very state of the folder.
    [0]
    ");
    assert_eq!(desk.json(["status", "--json"])["changes"], serde_json::json!([]));
}

#[test]
fn what_changed_is_listed_with_renames() {
    let desk = desk();
    let at = desk.path();
    desk.write("prompts/a.md", "changed\n");
    desk.write("fresh/x.md", "x");
    desk.write("fresh/y.md", "y");
    desk.write(".env", "SECRET=1");
    fs::rename(at.join("prompts/b.md"), at.join("prompts/c.md")).unwrap();
    fs::remove_dir_all(at.join("notes")).unwrap();
    fs::set_permissions(at.join("models/w.bin"), fs::Permissions::from_mode(0o755)).unwrap();
    assert_snapshot!(desk.shown(["status", "--ignored"]), @r"
    On main, at <id> (First)
      new      fresh/  2 files
      changed  models/w.bin  file became executable
      gone     notes/  1 file
      changed  prompts/a.md
      renamed  prompts/b.md → prompts/c.md
      ignored  .env
    [0]
    ");
    let json = desk.json(["status", "--json", "--ignored"]);
    let changes = json["changes"].as_array().unwrap();
    let brief: Vec<String> = changes
        .iter()
        .map(|change| {
            format!("{} {}", change["change"].as_str().unwrap(), change["path"].as_str().unwrap())
        })
        .collect();
    assert_snapshot!(brief.join("\n"), @r"
    new fresh/x.md
    new fresh/y.md
    changed models/w.bin
    gone notes/one.md
    changed prompts/a.md
    renamed prompts/c.md
    ");
    let renamed = changes.iter().find(|change| change["change"] == "renamed").unwrap();
    assert_eq!(renamed["from"]["path"], "prompts/b.md");
    assert_eq!(renamed["similarity"], 100);
    assert_eq!(json["ignored_paths"][0]["path"], ".env");
}

#[test]
fn a_folder_that_moved_shows_where_its_files_went() {
    let desk = desk();
    fs::rename(desk.path().join("prompts"), desk.path().join("texts")).unwrap();
    assert_snapshot!(desk.shown(["status"]), @r"
    On main, at <id> (First)
      renamed  prompts/a.md → texts/a.md
      renamed  prompts/b.md → texts/b.md
    [0]
    ");
}

#[test]
fn a_file_rewritten_at_once_with_the_same_size_shows_as_changed() {
    let desk = Desk::new();
    for round in 0..10 {
        let path = desk.path().join("a");
        desk.write("a", format!("{round:04}"));
        let written = fs::metadata(&path).unwrap().modified().unwrap();
        desk.ok(["commit", "-m", "x"]);
        // In place, and the time put back: only reading shows it.
        desk.write("a", format!("{:04}", round + 5000));
        File::options().write(true).open(&path).unwrap().set_modified(written).unwrap();
        let json = desk.json(["status", "--json"]);
        assert_eq!(json["changes"][0]["change"], "changed", "round {round}");
    }
}

#[test]
fn a_stat_cache_that_cannot_be_read_changes_nothing() {
    let desk = desk();
    desk.write("prompts/a.md", "changed\n");
    let cache = desk.path().join(".aisr/local/stat-cache");
    let before = desk.ok(["status"]);
    for bytes in [&b""[..], b"AISRSTAT", &[0xff; 4096]] {
        fs::write(&cache, bytes).unwrap();
        assert_eq!(desk.ok(["status"]), before);
    }
    fs::remove_file(&cache).unwrap();
    fs::create_dir(&cache).unwrap();
    assert_eq!(desk.ok(["status"]), before);
}

#[test]
fn status_writes_the_stat_cache_and_nothing_else() {
    let desk = desk();
    desk.write("prompts/a.md", "changed\n");
    desk.write("new.md", "new\n");
    let (mut before, mut after) = (BTreeMap::new(), BTreeMap::new());
    all_files(&desk.path(), &mut before);
    desk.ok(["status"]);
    desk.ok(["diff"]);
    all_files(&desk.path(), &mut after);
    let is_cache = |path: &String, _: &mut Vec<u8>| !path.ends_with(".aisr/local/stat-cache");
    before.retain(is_cache);
    after.retain(is_cache);
    assert_eq!(before, after);
}

#[test]
fn status_works_where_nothing_can_be_written() {
    let desk = desk();
    desk.write("prompts/a.md", "changed\n");
    // Root may write wherever modes forbid it, so the first write also fails by plan.
    let local = desk.path().join(".aisr/local");
    fs::set_permissions(&local, fs::Permissions::from_mode(0o500)).unwrap();
    let mut command = desk.command(["status"]);
    let ran = Ran::of(command.env("AISR_TEST_FAULT", "eio:1").output().unwrap());
    fs::set_permissions(&local, fs::Permissions::from_mode(0o700)).unwrap();
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert!(ran.text().contains("prompts/a.md"), "{}", ran.text());
}

#[test]
fn status_works_while_others_commit() {
    let desk = desk();
    std::thread::scope(|scope| {
        let commits = scope.spawn(|| {
            for round in 0..15 {
                desk.commit("busy.md", &format!("{round}\n"), "Busy");
            }
        });
        while !commits.is_finished() {
            let json = desk.json(["status", "--json"]);
            let changes = json["changes"].as_array().unwrap();
            assert!(changes.iter().all(|change| change["path"] == "busy.md"), "{json}");
        }
        commits.join().unwrap();
    });
    assert_eq!(desk.json(["status", "--json"])["changes"], serde_json::json!([]));
}
