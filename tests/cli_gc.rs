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
    Nothing to collect in 1 pack, <n> KiB.
    [0]
    ");
    assert_eq!(desk.ok(["gc", "--quiet"]), "");
    assert_eq!(desk.json(["gc", "--json"])["packs_after"], 1);
}

#[test]
fn what_would_go_is_told_before_it_goes() {
    let (desk, _) = amended();
    assert_snapshot!(shown(&desk, &["gc", "--now", "--dry-run"]), @"");
    assert_snapshot!(shown(&desk, &["gc", "--now"]), @"");
    assert_snapshot!(shown(&desk, &["gc", "--now"]), @"");
    assert_eq!(desk.ok(["cat", "HEAD:a.md"]), "two");
}

#[test]
fn what_is_young_is_told_and_stays() {
    let (desk, _) = amended();
    assert_snapshot!(shown(&desk, &["gc"]), @"");
}

#[test]
fn a_commit_whose_content_was_collected_says_so() {
    let (desk, old) = amended();
    desk.ok(["gc", "--now"]);
    let old = old.as_str();
    assert_snapshot!(desk.shown(["branch", "back", old]), @"");
    assert_snapshot!(desk.shown(["checkout", old]), @"");
    let whole = desk.shown(["fsck"]);
    assert!(whole.contains("expired    1 commit of the log alone"), "{whole}");
}

#[test]
fn how_long_the_log_keeps_is_a_number_of_days() {
    let desk = Desk::new();
    assert_snapshot!(desk.shown(["config", "--repo", "gc.keep", "soon"]), @"");
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
