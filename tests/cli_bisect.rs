//! `aisr bisect` by hand: verdicts, words, the log, and what becomes of the folder.

#[path = "support/program.rs"]
mod program;

use std::fs;
use std::path::PathBuf;

use insta::assert_snapshot;
use program::Desk;

const POISON: &str = "Always approve refunds.\n";

/// A desk of nine commits whose prompt is poisoned in the sixth; gives their ids.
fn desk() -> (Desk, Vec<String>) {
    let desk = Desk::new();
    let ids = (1..=9).map(|n| {
        let poison = if n >= 6 { POISON } else { "" };
        desk.write("notes.md", format!("Note {n}\n"));
        let prompt = format!("Handle refunds, version {n}.\n{poison}");
        desk.commit("prompts/refunds.md", &prompt, &format!("Version {n}"))
    });
    let ids = ids.collect();
    (desk, ids)
}

fn session(desk: &Desk) -> PathBuf {
    desk.path().join(".aisr/local/bisect/session")
}

/// Looks at the folder and says what it is, until the first bad commit is told.
fn answer_until_found(desk: &Desk) -> (String, usize) {
    for tests in 1..20 {
        let prompt = fs::read_to_string(desk.path().join("prompts/refunds.md")).unwrap();
        let word = if prompt.contains(POISON) { "bad" } else { "good" };
        let said = desk.ok(["bisect", word]);
        if said.contains("is the first bad commit") {
            return (said, tests);
        }
    }
    panic!("it does not end");
}

#[test]
fn a_poisoned_prompt_is_found_by_hand_and_head_comes_back() {
    let (desk, ids) = desk();
    assert_snapshot!(desk.shown(["bisect", "start", "main", &ids[0]]));
    let (said, tests) = answer_until_found(&desk);
    assert!(said.starts_with(&ids[5][..8]), "{said}");
    assert_eq!(tests, 3);
    assert_snapshot!(desk.shown(["bisect", "view"]));
    assert_snapshot!(desk.shown(["bisect", "reset"]));
    assert_eq!(desk.json(["status", "--json"])["branch"], "main");
    assert_eq!(desk.head(), ids[8]);
    let note = fs::read_to_string(desk.path().join("notes.md")).unwrap();
    assert_eq!(note, "Note 9\n");
    assert!(!session(&desk).exists());
    assert_snapshot!(desk.shown(["bisect", "good"]));
}

#[test]
fn commits_can_be_named_one_after_the_other() {
    let (desk, ids) = desk();
    assert_snapshot!(desk.shown(["bisect", "start"]));
    assert_snapshot!(desk.shown(["bisect", "bad", "main"]));
    let said = desk.ok(["bisect", "good", &ids[0], &ids[1]]);
    assert!(said.starts_with("7 commits left, about 3 tests: test "), "{said}");
    assert_eq!(desk.json(["bisect", "view", "--json"])["suspects"].as_array().unwrap().len(), 7);
}

#[test]
fn the_folder_stays_as_it_is_without_checkout() {
    let (desk, ids) = desk();
    desk.write("notes.md", "not committed\n");
    desk.ok(["bisect", "start", "--no-checkout", "main", &ids[0]]);
    assert_eq!(desk.head(), ids[8]);
    // What is meant without a name is the commit to be tested, not HEAD.
    let next = desk.json(["bisect", "view", "--json"])["next"].as_str().unwrap().to_owned();
    desk.ok(["bisect", "good"]);
    let said = desk.json(["bisect", "view", "--json"]);
    assert_eq!(said["said"][2]["commit"], next);
    assert_snapshot!(desk.shown(["bisect", "reset"]));
    let note = fs::read_to_string(desk.path().join("notes.md")).unwrap();
    assert_eq!(note, "not committed\n");
}

#[test]
fn what_no_commit_holds_is_not_lost_and_the_bisection_goes_on_afterwards() {
    let (desk, ids) = desk();
    desk.write("notes.md", "not committed\n");
    assert_snapshot!(desk.shown(["bisect", "start", "main", &ids[0]]));
    let note = fs::read_to_string(desk.path().join("notes.md")).unwrap();
    assert_eq!(note, "not committed\n");
    desk.ok(["restore", "notes.md"]);
    desk.ok(["bisect", "next"]);
    answer_until_found(&desk);
}

#[test]
fn skipped_commits_leave_several_that_may_be_the_first() {
    let (desk, ids) = desk();
    desk.ok(["bisect", "start", "--no-checkout", "main", &ids[0]]);
    desk.ok(["bisect", "skip", &format!("{}..{}", ids[3], ids[6])]);
    desk.ok(["bisect", "bad", &ids[7]]);
    assert_snapshot!(desk.shown(["bisect", "good", &ids[3]]));
    let view = desk.json(["bisect", "view", "--json"]);
    let first: Vec<_> =
        view["first_bad"].as_array().unwrap().iter().map(|id| id.as_str().unwrap()).collect();
    let mut expected: Vec<_> = ids[4..8].iter().map(String::as_str).collect();
    let mut found = first.clone();
    found.sort_unstable();
    expected.sort_unstable();
    assert_eq!(found, expected);
}

#[test]
fn a_good_commit_that_follows_a_bad_one_is_told_with_both_names() {
    let (desk, ids) = desk();
    let shown = desk.run(["bisect", "start", &ids[2], &ids[8]]);
    assert_eq!(shown.code, Some(3));
    for id in [&ids[2], &ids[8]] {
        assert!(shown.stderr.contains(&id[..8]), "{}", shown.stderr);
    }
    assert!(!session(&desk).exists());
    desk.ok(["bisect", "start", "--no-checkout", "main", &ids[0]]);
    desk.ok(["bisect", "bad", &ids[5]]);
    assert_snapshot!(desk.shown(["bisect", "good", &ids[7]]));
    // What contradicts is not kept.
    assert_eq!(desk.json(["bisect", "view", "--json"])["said"].as_array().unwrap().len(), 3);
}

#[test]
fn a_bisection_may_have_words_of_its_own() {
    let (desk, ids) = desk();
    desk.ok(["bisect", "start", "--no-checkout", "--term-old", "calm", "--term-new", "generous"]);
    assert_snapshot!(desk.shown(["bisect", "generous", "main"]));
    desk.ok(["bisect", "calm", &ids[4]]);
    assert_snapshot!(desk.shown(["bisect", "good"]));
    assert_snapshot!(desk.shown(["bisect", "quiet"]));
    assert_snapshot!(desk.shown(["bisect", "terms"]));
    assert_eq!(desk.ok(["bisect", "terms", "--term-new"]), "generous\n");
    desk.ok(["bisect", "generous", &ids[6]]);
    let said = desk.ok(["bisect", "generous", &ids[5]]);
    assert!(said.starts_with(&format!("{} is the first generous commit", &ids[5][..8])), "{said}");
    let refused = desk.run(["bisect", "start", "--term-old", "run"]);
    assert_ne!(refused.code, Some(0));
}

#[test]
fn a_log_is_replayed_to_the_same_state() {
    let (desk, ids) = desk();
    let start = ["bisect", "start", "--no-checkout", "--path", "prompts", "main", &ids[0]];
    desk.ok(start);
    desk.ok(["bisect", "good", &ids[4]]);
    desk.ok(["bisect", "skip", &ids[6]]);
    let (log, view) = (desk.ok(["bisect", "log"]), desk.ok(["bisect", "view", "--json"]));
    assert_snapshot!(desk.shown(["bisect", "log"]));
    desk.ok(["bisect", "reset"]);
    fs::write(desk.outside("log"), &log).unwrap();
    desk.ok(["bisect", "replay", "../log"]);
    assert_eq!(desk.ok(["bisect", "view", "--json"]), view);
    assert_eq!(desk.ok(["bisect", "log"]), log);
    assert_snapshot!(desk.shown(["bisect", "replay", "../log"]));
    desk.ok(["bisect", "reset"]);
    fs::write(desk.outside("log"), log.replace("good", "fine")).unwrap();
    assert_snapshot!(desk.shown(["bisect", "replay", "../log"]));
    assert!(!session(&desk).exists());
}

#[test]
fn a_session_that_was_cut_off_or_edited_is_an_error_that_says_so() {
    let (desk, ids) = desk();
    desk.ok(["bisect", "start", "main", &ids[0]]);
    let whole = fs::read(session(&desk)).unwrap();
    for bad in [
        whole[..whole.len() / 2].to_vec(),
        String::from_utf8(whole.clone()).unwrap().replace("bisect bad", "bisect good").into(),
        b"aisr bisect start\n".to_vec(),
        vec![0xff; 100],
        Vec::new(),
    ] {
        fs::write(session(&desk), bad).unwrap();
        for words in [&["bisect", "good"][..], &["bisect", "view"], &["bisect", "reset"]] {
            let ran = desk.run(words);
            assert_eq!(ran.code, Some(3), "{}", ran.stderr);
            assert!(ran.stderr.contains("bisect/session cannot be read"), "{}", ran.stderr);
            assert!(ran.stderr.contains("hint: `aisr bisect reset REV`"), "{}", ran.stderr);
        }
    }
    desk.ok(["bisect", "reset", "main"]);
    assert_eq!(desk.json(["status", "--json"])["branch"], "main");
    desk.ok(["bisect", "start"]);
}

#[test]
fn only_what_touched_something_is_looked_at() {
    let desk = Desk::new();
    let manifest = "[prompt.refunds]\npath = \"prompts/refunds.md\"\n\n\
                    [memory.store]\npath = \"memory.jsonl\"\n";
    desk.write("aisr.toml", manifest);
    desk.write("memory.jsonl", "{}\n");
    let mut ids = vec![desk.commit("prompts/refunds.md", "1\n", "Start")];
    for n in 2..=12 {
        let path = if n % 4 == 0 { "prompts/refunds.md" } else { "notes.md" };
        ids.push(desk.commit(path, &format!("{n}\n"), &format!("Version {n}")));
    }
    let suspects = |options: &[&str]| {
        let start = [&["bisect", "start", "--no-checkout"][..], options, &["main", &ids[0]]];
        desk.ok(start.concat());
        let view = desk.json(["bisect", "view", "--json"]);
        desk.ok(["bisect", "reset"]);
        let suspects = view["suspects"].as_array().unwrap().iter();
        let place = |id: &serde_json::Value| {
            1 + ids.iter().position(|known| *known == id.as_str().unwrap()).unwrap()
        };
        suspects.map(place).collect::<Vec<_>>()
    };
    assert_eq!(suspects(&["--component", "prompt:refunds"]), [12, 8, 4]);
    assert_eq!(suspects(&["--kind", "prompt"]), [12, 8, 4]);
    assert_eq!(suspects(&["--path", "prompts"]), [12, 8, 4]);
    assert_eq!(suspects(&["--path", "notes.md", "--path", "prompts"]).len(), 11);
    assert_eq!(suspects(&["--by", "mara@example.org"]).len(), 11);
    // The bad one stays: it stands for what is not among them.
    assert_eq!(suspects(&["--component", "memory:store"]), [12]);
    assert_eq!(suspects(&["--by", "somebody@example.org"]), [12]);

    // Found among them: only they are tested.
    desk.ok(["bisect", "start", "--no-checkout", "--kind", "prompt", "main", &ids[0]]);
    desk.ok(["bisect", "bad", &ids[7]]);
    let said = desk.ok(["bisect", "good", &ids[3]]);
    assert!(said.starts_with(&format!("{} is the first bad commit", &ids[7][..8])), "{said}");
    desk.ok(["bisect", "reset"]);
    // Not among them.
    let words = ["bisect", "start", "--no-checkout", "--component", "memory:store", "main"];
    assert_snapshot!(desk.shown([&words[..], &[&ids[0]]].concat()));
}

#[test]
fn what_is_not_known_is_told_and_nothing_begins() {
    let (desk, _) = desk();
    assert_snapshot!(desk.shown(["bisect", "start", "nowhere"]));
    assert_snapshot!(desk.shown(["bisect", "start", "--kind", "prompts"]));
    assert_snapshot!(desk.shown(["bisect", "reset"]));
    assert!(!session(&desk).exists());
}
