//! Branches, tags, the clone's log and amending, as a person and a program see them.

#[path = "support/program.rs"]
mod program;

use insta::assert_snapshot;
use program::Desk;

fn desk() -> Desk {
    let desk = Desk::new();
    desk.commit("a.md", "one\n", "First");
    desk
}

#[test]
fn branches_are_listed_with_the_current_one_marked() {
    let desk = desk();
    desk.ok(["branch", "trial"]);
    desk.commit("a.md", "two\n", "Second");
    assert_snapshot!(desk.shown(["branch"]), @r"
    * main
      trial
    [0]
    ");
    assert_snapshot!(desk.shown(["branch", "-v"]), @r"
    * main  <id> Second
      trial <id> First
    [0]
    ");
    let listed = desk.json(["branch", "--json"]);
    assert_eq!(listed[0]["name"], "main");
    assert_eq!(listed[0]["current"], true);
    assert_eq!(listed[0]["commit"], desk.head());
    assert_eq!(listed[1]["ref"], "refs/heads/trial");
    assert_eq!(listed[1]["subject"], "First");
}

#[test]
fn a_branch_without_a_commit_is_listed_and_can_be_renamed() {
    let desk = Desk::new();
    assert_snapshot!(desk.shown(["branch", "-v"]), @r"
    * main (no commit yet)
    [0]
    ");
    desk.ok(["branch", "-m", "main", "trunk"]);
    desk.commit("a", "a", "First");
    assert_snapshot!(desk.shown(["branch"]), @r"
    * trunk
    [0]
    ");
}

#[test]
fn a_branch_is_made_where_a_revision_says() {
    let desk = desk();
    let first = desk.head();
    desk.commit("a.md", "two\n", "Second");
    desk.ok(["branch", "old", "HEAD~1"]);
    assert_eq!(desk.json(["show", "old", "--json"])["id"], first);
    assert_snapshot!(desk.shown(["branch", "old"]), @r"
    error: branch old exists already
    [3]
    ");
    assert_snapshot!(desk.shown(["branch", "old/er"]), @r"
    error: branch old/er cannot be beside branch old, as git could not hold both
    [3]
    ");
    assert_snapshot!(desk.shown(["branch", "a..b"]), @r"
    error: `refs/heads/a..b` is not a valid name: Reference name cannot contain repeated dots
    hint: names follow git's rules (git-check-ref-format(1))
    [2]
    ");
    assert_snapshot!(desk.shown(["branch", "new", "nowhere"]), @r"
    error: no commit, branch or tag is called `nowhere`
    hint: `aisr log --oneline` lists the commits
    [3]
    ");
}

#[test]
fn renaming_the_current_branch_takes_head_along() {
    let desk = desk();
    let head = desk.head();
    desk.ok(["branch", "-m", "main", "main/deep"]);
    assert_snapshot!(desk.shown(["branch"]), @r"
    * main/deep
    [0]
    ");
    assert_eq!(desk.head(), head);
    desk.commit("a.md", "two\n", "Second");
    assert_eq!(desk.json(["show", "main/deep~1", "--json"])["id"], head);
    assert_snapshot!(desk.shown(["branch", "-m", "main", "x"]), @r"
    error: there is no branch main
    hint: `aisr branch` lists them
    [3]
    ");
    desk.ok(["verify"]);
}

#[test]
fn deleting_a_branch_loses_nothing_unless_asked() {
    let desk = desk();
    desk.ok(["branch", "merged"]);
    assert_snapshot!(desk.shown(["branch", "-d", "main"]), @r"
    error: HEAD is on branch main
    hint: rename it with `aisr branch -m`, or check out another first
    [3]
    ");
    desk.commit("a.md", "two\n", "Second");
    assert_snapshot!(desk.shown(["branch", "-d", "merged"]), @r"
    Deleted branch merged, which was at <id>
    [0]
    ");
    // A branch whose commit nothing else leads to.
    desk.ok(["branch", "alone"]);
    desk.ok(["commit", "--amend", "-m", "Second, better"]);
    assert_snapshot!(desk.shown(["branch", "-d", "alone"]), @r"
    error: no other ref leads to what branch alone holds
    hint: `aisr branch -D alone` deletes it all the same
    [3]
    ");
    desk.ok(["tag", "kept", "alone"]);
    assert_eq!(desk.run(["branch", "-d", "alone"]).code, Some(0));
    desk.ok(["branch", "again", "kept"]);
    desk.ok(["tag", "-d", "kept"]);
    assert_eq!(desk.run(["branch", "-d", "again"]).code, Some(3));
    assert_eq!(desk.run(["branch", "-D", "again"]).code, Some(0));
    assert_snapshot!(desk.shown(["branch", "-d", "again"]), @r"
    error: there is no branch again
    hint: `aisr branch` lists them
    [3]
    ");
    desk.ok(["verify"]);
}

#[test]
fn a_tag_is_a_signed_object_that_verify_counts() {
    let desk = desk();
    let commit = desk.head();
    assert_snapshot!(desk.shown(["tag", "v1", "-m", "As it went live", "-m", "All of it."]), @r"
    Tag v1 <id> names <id>
    [0]
    ");
    desk.ok(["tag", "v1.1", "v1"]);
    assert_snapshot!(desk.shown(["tag"]), @r"
    v1
    v1.1
    [0]
    ");
    assert_snapshot!(desk.shown(["tag", "-v"]), @r"
    v1   <id> As it went live
    v1.1 <id>
    [0]
    ");
    let tags = desk.json(["tag", "--json"]);
    assert_eq!(tags[0]["tag"]["target"], commit);
    assert_eq!(tags[0]["tag"]["signature"]["verdict"], "good");
    assert_eq!(tags[0]["tag"]["message"], "As it went live\n\nAll of it.");
    assert_eq!(tags[1]["tag"]["target_type"], "tag");
    assert_eq!(desk.json(["show", "v1.1^{}", "--json"])["id"], commit);
    assert_eq!(desk.json(["verify", "--json"])["tags"], 2);
    assert_snapshot!(desk.shown(["tag", "v1"]), @r"
    error: tag v1 exists already
    [3]
    ");
    assert_snapshot!(desk.shown(["tag", "-d", "v1.1"]), @r"
    Deleted tag v1.1, which was <id>
    [0]
    ");
    assert_snapshot!(desk.shown(["tag", "-d", "v1.1"]), @r"
    error: there is no tag v1.1
    hint: `aisr tag` lists them
    [3]
    ");
    desk.ok(["fsck"]);
}

#[test]
fn the_clones_log_tells_what_moved_and_why() {
    let desk = desk();
    desk.ok(["branch", "trial"]);
    desk.ok(["branch", "-D", "trial"]);
    let log = desk.json(["op", "log", "--json"]);
    let causes: Vec<_> = log.as_array().unwrap().iter().map(|entry| &entry["cause"]).collect();
    assert_eq!(causes, ["branch", "branch", "commit", "open"]);
    assert_eq!(log[0]["number"], 3);
    assert_eq!(log[0]["changes"][0]["ref"], "refs/heads/trial");
    assert_eq!(log[0]["changes"][0]["old"], desk.head());
    assert_eq!(log[0]["changes"][0]["new"], serde_json::Value::Null);
    assert_eq!(log[0]["changes"][0]["kind"], "delete");
    assert_eq!(log[3]["changes"][0]["new"], "refs/heads/main");
    let shown = desk.ok(["op", "log", "-n", "2"]);
    let lines: Vec<_> = shown.lines().collect();
    assert_eq!(lines.len(), 4, "{shown}");
    assert!(lines[0].starts_with("3    ") && lines[0].ends_with("  branch"), "{shown}");
    let short = &desk.head()[..8];
    assert_eq!(lines[1], format!("     refs/heads/trial: {short} → nothing (delete)"));
}

#[test]
fn amending_replaces_the_last_commit_and_keeps_what_it_said() {
    let desk = desk();
    let first = desk.head();
    desk.write("a.md", "two\n");
    desk.ok(["commit", "-m", "Second", "--author", "agent:x", "--acting-for", "board"]);
    let second = desk.json(["show", "--json"]);
    desk.write("a.md", "three\n");
    assert_eq!(desk.run(["commit", "--amend"]).code, Some(0));
    let amended = desk.json(["show", "--json"]);
    assert_ne!(amended["id"], second["id"]);
    assert_eq!(amended["parents"], serde_json::json!([first]));
    for kept in ["message", "author", "acting_for", "authored"] {
        assert_eq!(amended[kept], second[kept], "{kept}");
    }
    assert_eq!(desk.ok(["cat", "HEAD:a.md"]), "three\n");
    let moved = &desk.json(["op", "log", "--json"])[0];
    assert_eq!(moved["cause"], "amend");
    assert_eq!(moved["changes"][0]["kind"], "force");
    assert_eq!(moved["changes"][0]["old"], second["id"]);
    assert_eq!(desk.json(["show", "main@{1}", "--json"])["id"], second["id"]);

    desk.ok(["commit", "--amend", "-m", "Other words", "--author", "agent:y"]);
    let again = desk.json(["show", "--json"]);
    assert_eq!(again["message"], "Other words");
    assert_eq!(again["author"]["name"], "agent:y");
    assert_eq!(again["root"], amended["root"]);
    desk.ok(["verify"]);
}

#[test]
fn the_first_commit_can_be_amended_and_none_before_it() {
    let desk = Desk::new();
    assert_snapshot!(desk.shown(["commit", "--amend", "-m", "x"]), @r"
    error: there is no commit to amend
    hint: `aisr commit` makes the first one
    [3]
    ");
    desk.commit("a", "a", "First");
    desk.ok(["commit", "--amend", "-m", "The first"]);
    assert_eq!(desk.json(["show", "--json"])["parents"], serde_json::json!([]));
    assert_eq!(desk.json(["log", "--json"]).as_array().unwrap().len(), 1);
}
