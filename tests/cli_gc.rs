//! `aisr gc`, as a person sees it.

mod support;

#[path = "support/program.rs"]
mod program;

use insta::assert_snapshot;
use program::Desk;

/// What is shown, with every size redacted.
fn shown(desk: &Desk, arguments: &[&str]) -> String {
    let text = desk.shown(arguments);
    let mut words: Vec<&str> = text.split(' ').collect();
    let mut at = 1;
    while at < words.len() {
        let unit = ["bytes", "KiB", "MiB"].iter().any(|unit| words[at].starts_with(unit));
        if unit {
            words[at - 1] = "<n>";
        }
        at += 1;
    }
    words.join(" ")
}

/// A desk whose only commit took the place of another; nothing is kept for the log's sake.
fn amended() -> (Desk, String) {
    let desk = Desk::new();
    let old = desk.commit("a.md", "one", "first");
    desk.write("a.md", "two");
    desk.ok(["commit", "--amend", "-m", "better"]);
    desk.ok(["config", "--repo", "gc.keep", "0 days"]);
    (desk, old)
}

#[test]
fn a_fresh_repository_has_nothing_to_collect() {
    let desk = Desk::new();
    assert_snapshot!(shown(&desk, &["gc"]), @"
    Nothing to collect in 1 pack, <n> bytes.
    [0]
    ");
    assert_eq!(desk.ok(["gc", "--quiet"]), "");
    assert_eq!(desk.json(["gc", "--json"])["packs_after"], 1);
}

#[test]
fn what_would_go_is_told_before_it_goes() {
    let (desk, _) = amended();
    assert_snapshot!(shown(&desk, &["gc", "--now", "--dry-run"]), @"
    3 packs, <n> KiB → would be 3 packs, <n> KiB
      to go    2 tree nodes, 1 blob or chunk that nothing leads to
      packs    0 whole, 1 written anew
      expired  1 commit that only log entries older than 0 days lead to: kept as a statement, without content
    [0]
    ");
    assert_snapshot!(shown(&desk, &["gc", "--now"]), @"
    3 packs, <n> KiB → 1 pack, <n> KiB
      removed  2 tree nodes, 1 blob or chunk that nothing leads to
      packs    0 whole, 1 written anew
      merged   3 packs
      expired  1 commit that only log entries older than 0 days lead to: kept as a statement, without content
    [0]
    ");
    assert_snapshot!(shown(&desk, &["gc", "--now"]), @"
    Nothing to collect in 1 pack, <n> KiB.
    [0]
    ");
    assert_eq!(desk.ok(["cat", "HEAD:a.md"]), "two");
}

#[test]
fn what_is_young_is_told_and_stays() {
    let (desk, _) = amended();
    assert_snapshot!(shown(&desk, &["gc"]), @"
    3 packs, <n> KiB → 1 pack, <n> KiB
      merged   3 packs
      expired  1 commit that only log entries older than 0 days lead to: kept as a statement, without content
      young    <n> bytes in 1 pack of the last 14 days: --now takes that too
    [0]
    ");
}

#[test]
fn a_commit_whose_content_was_collected_says_so() {
    let (desk, old) = amended();
    desk.ok(["gc", "--now"]);
    let old = old.as_str();
    assert_snapshot!(desk.shown(["branch", "back", old]), @"
    error: the content of commit <id> was collected: only its statement is kept
    hint: `aisr show` tells what it states; its content may come back from another copy
    [3]
    ");
    assert_snapshot!(desk.shown(["checkout", old]), @"
    error: the content of commit <id> was collected: only its statement is kept
    hint: `aisr show` tells what it states; its content may come back from another copy
    [3]
    ");
    let whole = desk.shown(["fsck"]);
    assert!(whole.contains("expired    1 commit of the log alone"), "{whole}");
}

#[test]
fn how_long_the_log_keeps_is_a_number_of_days() {
    let desk = Desk::new();
    assert_snapshot!(desk.shown(["config", "--repo", "gc.keep", "soon"]), @r#"
    error: gc.keep is a time in whole days, as in "90 days", and not "soon"
    hint: `aisr config gc.keep "90 days"`
    [3]
    "#);
    desk.ok(["config", "--repo", "gc.keep", "30 days"]);
    assert_eq!(desk.ok(["config", "gc.keep"]), "30 days\n");
}

#[test]
fn nothing_is_collected_while_something_is_missing() {
    let (desk, _) = amended();
    let pack = std::fs::read_dir(desk.path().join(".aisr/packs")).unwrap();
    let largest = pack.map(|p| p.unwrap()).max_by_key(|p| p.metadata().unwrap().len()).unwrap();
    std::fs::write(largest.path(), b"").unwrap();
    let ran = desk.run(["gc", "--now"]);
    assert_eq!(ran.code, Some(3));
}

#[test]
fn packs_are_merged_by_themselves() {
    let desk = Desk::new();
    for n in 0..12 {
        desk.commit("a.md", &format!("{n}"), "again");
    }
    let packs = std::fs::read_dir(desk.path().join(".aisr/packs")).unwrap().count();
    assert!(packs < 12, "{packs} packs");
    let whole = desk.shown(["fsck"]);
    assert!(whole.contains("Everything is whole."), "{whole}");
}

#[test]
fn what_a_bisection_names_is_not_collected() {
    let (desk, old) = amended();
    desk.ok(["bisect", "start", "--no-checkout", &old]);
    desk.ok(["gc", "--now"]);
    assert_eq!(desk.ok(["cat", &format!("{old}:a.md")]), "one");
}
