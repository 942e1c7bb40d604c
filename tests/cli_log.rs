//! The history of paths, as it is asked for and shown.

#[path = "support/program.rs"]
mod program;

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;

use aisr::disk::Disk;
use aisr::history::commit_graph::CommitGraph;
use aisr::object::{CommitId, Id};
use aisr::repo::Repository;
use insta::assert_snapshot;
use program::Desk;

/// A file that changes, one that goes, and its folder with it.
fn desk() -> Desk {
    let desk = Desk::new();
    desk.commit("a", "1", "A one");
    desk.commit("d/x", "1", "X one");
    desk.commit("a", "2", "A two");
    fs::remove_dir_all(desk.path().join("d")).unwrap();
    desk.ok(["commit", "-m", "X gone"]);
    desk
}

#[test]
fn a_path_has_the_commits_that_changed_it() {
    let desk = desk();
    assert_snapshot!(desk.shown(["log", "--oneline", "a"]), @r"
    <id> A two
    <id> A one
    [0]
    ");
    assert_snapshot!(desk.shown(["log", "--oneline", "--", "d/x"]), @r"
    <id> (HEAD -> main) X gone
    <id> X one
    [0]
    ");
    assert_snapshot!(desk.shown(["log", "--oneline", "main~", "--", "d"]), @r"
    <id> X one
    [0]
    ");
    assert_snapshot!(desk.shown(["log", "--oneline", "-n", "1", "--", "a", "d"]), @r"
    <id> (HEAD -> main) X gone
    [0]
    ");
    assert_snapshot!(desk.shown(["log", "--oneline", "main~2..", "a"]), @r"
    <id> A two
    [0]
    ");
    assert_snapshot!(desk.shown(["log", "--oneline", "main", "^main~2"]), @r"
    <id> (HEAD -> main) X gone
    <id> A two
    [0]
    ");
    let found = desk.json(["log", "--json", "--", "a"]);
    let messages: Vec<_> = found.as_array().unwrap().iter().map(|c| &c["message"]).collect();
    assert_eq!(messages, ["A two", "A one"]);
}

#[test]
fn what_is_neither_a_revision_nor_a_path_is_told_apart() {
    let desk = desk();
    assert_snapshot!(desk.shown(["log", "d/x"]), @r"
    error: no commit, branch or tag is called `d/x`
    hint: `aisr log --oneline` lists the commits
    hint: `aisr log -- d/x` shows the history of a path that is gone
    [3]
    ");
    assert_snapshot!(desk.shown(["log", "a", "main"]), @r"
    error: `main` is no path here
    hint: revisions come before paths; `aisr log -- main` names one that is gone
    [2]
    ");
    assert_snapshot!(desk.shown(["log", "--", "never"]), @r"
    No commit here changed never.
    [0]
    ");
    assert_snapshot!(desk.shown(["log", "--", "../elsewhere"]), @r"
    error: `../elsewhere` lies outside of <dir>/desk
    [2]
    ");
    assert_eq!(desk.json(["log", "--json", "--", "never"]).as_array().unwrap().len(), 0);
    desk.write("main", "a file");
    assert_snapshot!(desk.shown(["log", "main"]), @r"
    error: `main` is a revision and a path
    hint: `aisr log main -- .` means the revision, `aisr log -- main` the path
    [2]
    ");
}

#[test]
fn a_path_need_not_be_text_and_is_read_from_the_folder_one_is_in() {
    let desk = desk();
    let odd = OsStr::from_bytes(b"d/\xff");
    fs::create_dir(desk.path().join("d")).unwrap();
    fs::write(desk.path().join(odd), "1").unwrap();
    desk.ok(["commit", "-m", "Odd"]);
    assert!(desk.ok([OsStr::new("log"), OsStr::new("--"), odd]).contains("Odd"));
    assert!(desk.ok([OsStr::new("log"), odd]).contains("Odd"));
    let below = desk.path().join("d");
    let mut log = desk.command([OsStr::new("log"), OsStr::new("--oneline"), OsStr::new("x")]);
    let ran = log.current_dir(&below).output().unwrap();
    assert_eq!(ran.status.code(), Some(3));
    let words = ["log", "--oneline", "--", "x", "../a"];
    let ran = desk.command(words).current_dir(below).output().unwrap();
    assert_eq!(String::from_utf8(ran.stdout).unwrap().lines().count(), 4);
}

#[test]
fn a_commit_joins_the_commit_graph_when_it_is_made() {
    let desk = desk();
    let bytes = fs::read(desk.path().join(".aisr/local/commit-graph")).unwrap();
    let repo = Repository::open(Disk::new(), &desk.path()).unwrap();
    let len = bytes.len();
    let (graph, sound) = CommitGraph::decode(bytes, repo.id());
    assert_eq!((graph.len(), graph.layers(), sound), (4, 4, len));
    let head = Id::from_hex(desk.head().as_bytes()).unwrap();
    assert_eq!(graph.find(CommitId::from_id(head)), Some(3));
    // A graph that is gone is not made by a commit, which would have to read all that is behind.
    fs::remove_file(desk.path().join(".aisr/local/commit-graph")).unwrap();
    desk.commit("a", "3", "A three");
    assert!(!desk.path().join(".aisr/local/commit-graph").exists());
    assert_eq!(desk.ok(["log", "--oneline", "a"]).lines().count(), 3);
    assert!(desk.path().join(".aisr/local/commit-graph").exists());
}
