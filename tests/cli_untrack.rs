//! What is in HEAD stays captured when it becomes ignored, until it is untracked.

#[path = "support/program.rs"]
mod program;

use insta::assert_snapshot;
use program::Desk;

fn paths(desk: &Desk) -> Vec<String> {
    let listed = desk.json(["ls", "-r", "--json"]);
    let paths = listed.as_array().unwrap().iter().filter(|entry| entry["kind"] == "file");
    paths.map(|entry| entry["path"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn what_becomes_ignored_stays_captured_until_it_is_untracked() {
    let desk = Desk::new();
    desk.write("logs/a.log", "a");
    desk.write("logs/deep/b.log", "b");
    desk.write("keep/c.log", "c");
    desk.commit("keep/d", "d", "First");
    desk.write(".aisrignore", "logs/\n*.log\n");
    desk.write("logs/a.log", "a, changed");
    desk.ok(["commit", "-m", "Ignore logs"]);
    assert_eq!(desk.ok(["cat", "HEAD:logs/a.log"]), "a, changed");

    assert_snapshot!(desk.shown(["untrack", "logs/deep/b.log", "keep/c.log"]), @r"
    [main <id>] Untrack 2 paths
      2 paths are no longer captured, still in the folder
    [0]
    ");
    assert_eq!(paths(&desk), [".aisrignore", "keep/d", "logs/a.log"]);
    assert_snapshot!(desk.shown(["-C", "logs", "untrack", "../logs", "-m", "Logs are no state"]), @r"
    [main <id>] Logs are no state
      1 path is no longer captured, still in the folder
    [0]
    ");
    assert_eq!(paths(&desk), [".aisrignore", "keep/d"]);
    assert_eq!(std::fs::read_to_string(desk.path().join("logs/a.log")).unwrap(), "a, changed");
    assert_eq!(desk.run(["commit", "-m", "again"]).code, Some(1), "the folder is what HEAD holds");
    let commit = desk.json(["show", "--json"]);
    assert_eq!(commit["report"], serde_json::Value::Null);
    assert_eq!(commit["signature"]["verdict"], "good");
    desk.ok(["fsck"]);
    desk.ok(["verify"]);
}

#[test]
fn only_what_is_in_head_and_ignored_can_be_untracked() {
    let desk = Desk::new();
    assert_snapshot!(desk.shown(["untrack", "a"]), @r"
    error: a is not in HEAD
    hint: `aisr ls -r` lists what is
    [3]
    ");
    let head = desk.commit("a", "a", "First");
    desk.write("new", "n");
    assert_snapshot!(desk.shown(["untrack", "a"]), @r"
    error: a is not ignored, so the next commit would capture it again
    hint: add it to .aisrignore first, then untrack it
    [3]
    ");
    assert_snapshot!(desk.shown(["untrack", "new"]), @r"
    error: new is not in HEAD
    hint: `aisr ls -r` lists what is
    [3]
    ");
    assert_snapshot!(desk.shown(["untrack", "."]), @r"
    error: . is not ignored, so the next commit would capture it again
    hint: add it to .aisrignore first, then untrack it
    [3]
    ");
    desk.write(".aisrignore", "a/\n");
    assert_eq!(desk.run(["untrack", "a"]).code, Some(3), "a/ means folders");
    assert_eq!(desk.head(), head);
}
