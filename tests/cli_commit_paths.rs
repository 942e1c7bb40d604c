//! `aisr commit PATHS`: what is captured, and what is left as HEAD has it.

#[path = "support/program.rs"]
mod program;

use std::fs;
use std::os::unix::fs::PermissionsExt;

use insta::assert_snapshot;
use program::Desk;

/// The files that HEAD holds, by path and content; `*` marks what may be run.
fn held(desk: &Desk) -> Vec<String> {
    let listed = desk.json(["ls", "-r", "--json"]);
    let entries = listed.as_array().unwrap().iter();
    let shown = entries.map(|entry| {
        let (path, kind) = (entry["path"].as_str().unwrap(), entry["kind"].as_str().unwrap());
        match kind {
            "executable" => format!("{path}* {}", desk.ok(["cat", &format!("HEAD:{path}")])),
            _ => format!("{path} {}", desk.ok(["cat", &format!("HEAD:{path}")])),
        }
    });
    shown.collect()
}

/// The paths that differ from HEAD.
fn changed(desk: &Desk) -> Vec<String> {
    let status = desk.json(["status", "--json"]);
    let changes = status["changes"].as_array().unwrap().iter();
    changes.map(|change| change["path"].as_str().unwrap().to_owned()).collect()
}

/// A repository with a few files, one of which is in a folder.
fn desk() -> Desk {
    let desk = Desk::empty();
    desk.ok(["init"]);
    fs::remove_file(desk.path().join(".aisrignore")).unwrap();
    desk.write("a", "1");
    desk.write("b", "1");
    desk.write("dir/c", "1");
    desk.write("dir/d", "1");
    desk.ok(["commit", "-m", "First"]);
    desk
}

#[test]
fn only_the_paths_are_captured_and_all_else_stays_uncommitted() {
    let desk = desk();
    for path in ["a", "b", "dir/c", "new"] {
        desk.write(path, "2");
    }
    assert_snapshot!(desk.shown(["commit", "-m", "Second", "a", "dir/c"]), @r"
    [main <id>] Second
      captured 2 bytes in 2 files, <size> stored, <n> s · snapshot at <time>
      signed   mara@example.org
    [0]
    ");
    assert_eq!(held(&desk), ["a 2", "b 1", "dir/c 2", "dir/d 1"]);
    assert_eq!(changed(&desk), ["b", "new"]);
    let second = blake3::hash(b"2").to_hex();
    assert!(desk.ok(["ls", "-l", "HEAD:a"]).contains(&second[..8]));
    desk.ok(["commit", "-m", "Third"]);
    assert_eq!(held(&desk), ["a 2", "b 2", "dir/c 2", "dir/d 1", "new 2"]);
    assert_eq!(changed(&desk), [""; 0]);
    desk.ok(["fsck"]);
    desk.ok(["verify"]);
}

#[test]
fn the_content_of_other_files_is_not_stored() {
    let desk = desk();
    let other = "what nobody asked to commit ".repeat(30_000);
    desk.write("a", "2");
    desk.write("other", &other);
    desk.ok(["commit", "-m", "Second", "a"]);
    let packs = fs::read_dir(desk.path().join(".aisr/packs")).unwrap();
    let packs: Vec<_> = packs.map(|pack| fs::read(pack.unwrap().path()).unwrap()).collect();
    let is_named = |content: &str| {
        let id = blake3::hash(content.as_bytes());
        packs.iter().any(|pack| memchr::memmem::find(pack, id.as_bytes()).is_some())
    };
    assert!(is_named("2") && !is_named(&other));
    // Nor is it looked at: it may even hold a secret.
    desk.write("keys", ["AKIA", "Q3EGUZ7TXN5WJ4RB"].concat());
    desk.write("a", "3");
    desk.ok(["commit", "-m", "Third", "a"]);
    assert_eq!(desk.run(["commit", "-m", "Fourth", "keys"]).code, Some(3));
}

#[test]
fn a_path_that_is_gone_is_removed_and_empty_folders_around_it_go_too() {
    let desk = desk();
    fs::remove_file(desk.path().join("dir/c")).unwrap();
    fs::remove_file(desk.path().join("b")).unwrap();
    desk.ok(["commit", "-m", "Second", "dir/c"]);
    assert_eq!(held(&desk), ["a 1", "b 1", "dir/d 1"]);
    fs::remove_dir_all(desk.path().join("dir")).unwrap();
    desk.ok(["commit", "-m", "Third", "dir/d"]);
    assert_eq!(held(&desk), ["a 1", "b 1"]);
    assert_eq!(changed(&desk), ["b"]);
}

#[test]
fn a_folder_is_committed_with_all_that_is_in_it() {
    let desk = desk();
    fs::remove_file(desk.path().join("dir/c")).unwrap();
    desk.write("dir/d", "2");
    desk.write("dir/deep/new", "2");
    desk.write("dirt", "2");
    desk.ok(["commit", "-m", "Second", "dir", "dir/d"]);
    assert_eq!(held(&desk), ["a 1", "b 1", "dir/d 2", "dir/deep/new 2"]);
    assert_eq!(changed(&desk), ["dirt"]);
}

#[test]
fn new_folders_come_with_what_was_named_alone() {
    let desk = desk();
    for path in ["new/deep/x", "new/deep/y", "new/z"] {
        desk.write(path, "2");
    }
    desk.ok(["commit", "-m", "Second", "new/deep/x", "new/z"]);
    let now = ["a 1", "b 1", "dir/c 1", "dir/d 1", "new/deep/x 2"];
    assert_eq!(held(&desk), [&now[..], &["new/z 2"]].concat());
    assert_eq!(changed(&desk), ["new/deep/y"]);
}

#[test]
fn a_renamed_file_takes_both_paths() {
    let desk = desk();
    fs::rename(desk.path().join("a"), desk.path().join("dir/a")).unwrap();
    desk.ok(["commit", "-m", "Second", "a", "dir/a"]);
    assert_eq!(held(&desk), ["b 1", "dir/a 1", "dir/c 1", "dir/d 1"]);
    assert_eq!(changed(&desk), [""; 0]);
}

#[test]
fn what_may_be_run_and_what_takes_another_kind_is_a_change() {
    let desk = desk();
    let script = desk.path().join("a");
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).unwrap();
    desk.write("dir/d", "2");
    desk.ok(["commit", "-m", "Second", "a"]);
    assert_eq!(held(&desk), ["a* 1", "b 1", "dir/c 1", "dir/d 1"]);
    fs::remove_dir_all(desk.path().join("dir")).unwrap();
    desk.write("dir", "2");
    fs::remove_file(desk.path().join("b")).unwrap();
    desk.write("b/x", "2");
    desk.write("b/y", "2");
    desk.ok(["commit", "-m", "Third", "dir/c", "b/x"]);
    assert_eq!(held(&desk), ["a* 1", "b/x 2", "dir/d 1"]);
    desk.ok(["commit", "-m", "Fourth", "dir"]);
    assert_eq!(held(&desk), ["a* 1", "b/x 2", "dir 2"]);
    assert_eq!(changed(&desk), ["b/y"]);
    desk.ok(["fsck"]);
}

#[test]
fn nothing_is_committed_where_nothing_changed_at_the_paths() {
    let desk = desk();
    desk.write("b", "2");
    let head = desk.head();
    assert_snapshot!(desk.shown(["commit", "-m", "Second", "a", "dir"]), @r"
    Nothing to commit: <id> holds the very state of these paths (First).
    [1]
    ");
    assert_eq!(desk.head(), head);
    desk.ok(["commit", "--allow-empty", "-m", "Second", "a"]);
    assert_eq!(held(&desk), ["a 1", "b 1", "dir/c 1", "dir/d 1"]);
}

#[test]
fn amending_with_paths_takes_them_into_the_last_commit() {
    let desk = desk();
    let first = desk.head();
    desk.write("a", "2");
    desk.ok(["commit", "-m", "Second", "a"]);
    desk.write("a", "3");
    desk.write("b", "3");
    desk.ok(["commit", "--amend", "b"]);
    assert_eq!(held(&desk), ["a 2", "b 3", "dir/c 1", "dir/d 1"]);
    let now = desk.json(["show", "--json"]);
    assert_eq!(now["message"], "Second");
    assert_eq!(now["parents"], serde_json::json!([first]));
    assert_eq!(changed(&desk), ["a"]);
}

#[test]
fn paths_are_those_of_the_current_folder() {
    let desk = desk();
    for path in ["a", "dir/a", "dir/c"] {
        desk.write(path, "2");
    }
    desk.ok(["-C", "dir", "commit", "-m", "Second", "a", "../a"]);
    assert_eq!(changed(&desk), ["dir/c"]);
    desk.ok(["-C", "dir", "commit", "-m", "Third", "."]);
    assert_eq!(changed(&desk), [""; 0]);
    desk.write("a", "3");
    desk.ok(["-C", "dir", "commit", "-m", "Fourth", ".."]);
    assert_eq!(changed(&desk), [""; 0]);
    assert_snapshot!(desk.shown(["commit", "-m", "x", "../other"]), @r"
    error: `../other` lies outside of <dir>/desk
    [2]
    ");
    assert_eq!(desk.run(["commit", "-m", "x", ".aisr/refs"]).code, Some(2));
}

#[test]
fn a_path_that_is_nowhere_or_ignored_is_refused_and_nothing_is_committed() {
    let desk = desk();
    desk.write("a", "2");
    desk.write(".aisrignore", "*.log\nb\n");
    desk.write("x.log", "2");
    desk.write("b", "2");
    let head = desk.head();
    assert_snapshot!(desk.shown(["commit", "-m", "Second", "a", "dir/none"]), @r"
    error: dir/none is neither in the folder nor in HEAD
    hint: `aisr status` lists what changed
    [3]
    ");
    assert_snapshot!(desk.shown(["commit", "-m", "Second", "a", "x.log"]), @r"
    error: x.log is ignored, and HEAD does not hold it
    hint: a later line in .aisrignore takes it in again: `!PATH`
    [3]
    ");
    rustix::fs::mknodat(
        rustix::fs::CWD,
        desk.path().join("pipe"),
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::RUSR,
        0,
    )
    .unwrap();
    std::os::unix::fs::symlink("dir", desk.path().join("link")).unwrap();
    assert_snapshot!(desk.shown(["commit", "-m", "Second", "pipe"]), @r"
    error: pipe cannot be captured: a FIFO
    [3]
    ");
    assert_snapshot!(desk.shown(["commit", "-m", "Second", "link/c"]), @r"
    error: link/c cannot be captured: it belongs to a database, or lies below a link
    [3]
    ");
    assert_eq!(desk.head(), head);
    // What HEAD has stays captured when it becomes ignored.
    desk.ok(["commit", "-m", "Second", "b", "link"]);
    assert_eq!(changed(&desk), [".aisrignore", "a"]);
}

#[test]
fn the_first_commit_may_be_of_some_paths() {
    let desk = Desk::new();
    desk.write("dir/a", "1");
    desk.write("dir/b", "1");
    desk.ok(["commit", "-m", "First", "dir/a"]);
    assert_eq!(held(&desk), ["dir/a 1"]);
}

#[test]
fn a_database_is_committed_by_its_path_and_others_are_not_read() {
    let desk = desk();
    let open = |name: &str| rusqlite::Connection::open(desk.path().join(name)).unwrap();
    let (one, two) = (open("one.db"), open("dir/two.db"));
    for db in [&one, &two] {
        db.execute_batch("PRAGMA journal_mode = wal; CREATE TABLE t (x); INSERT INTO t VALUES (1)")
            .unwrap();
    }
    desk.ok(["commit", "-m", "Second", "one.db"]);
    assert_eq!(changed(&desk), ["dir/two.db"]);
    one.execute_batch("INSERT INTO t VALUES (2)").unwrap();
    desk.ok(["commit", "-m", "Third", "dir"]);
    assert_eq!(changed(&desk), ["one.db"]);
    two.execute_batch("INSERT INTO t VALUES (2)").unwrap();
    desk.ok(["commit", "-m", "Fourth"]);
    assert_eq!(changed(&desk), [""; 0]);
    assert_snapshot!(desk.shown(["commit", "-m", "x", "one.db-wal"]), @r"
    error: one.db-wal cannot be captured: it belongs to a database, or lies below a link
    [3]
    ");
}

#[test]
fn files_that_changed_just_now_are_read_again_before_it_is_called_a_snapshot() {
    let desk = desk();
    for n in 0..20 {
        desk.write("a", format!("a {n}"));
        desk.write("b", format!("b {n}"));
        desk.ok(["commit", "-m", "x", "a"]);
        assert_eq!(desk.json(["show", "--json"])["report"]["level"], "snapshot");
        assert_eq!(desk.ok(["cat", "HEAD:a"]), format!("a {n}"));
        assert_eq!(changed(&desk), ["b"], "{n}");
    }
}
