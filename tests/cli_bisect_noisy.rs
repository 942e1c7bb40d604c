//! `aisr bisect run --noisy`: a test that passes only sometimes, its runs kept and taken up again.

#[path = "support/program.rs"]
mod program;

use std::fs;

use program::{Desk, Ran};

/// Fails where the prompt is poisoned, and about once in twelve elsewhere: which runs, a count of all
/// runs decides.
const TEST: &str = r#"n=$(cat "$OUT" 2>/dev/null || echo 0); n=$((n + 1)); echo $n > "$OUT"
! grep -q approve prompts/refunds.md && test $((n * 7919 % 1009 % 100)) -ge 8"#;

/// A desk of twelve commits, of which every other changes the prompt; it is poisoned in the seventh.
fn desk() -> (Desk, Vec<String>) {
    let desk = Desk::new();
    let ids = (1..=12).map(|n| {
        let poison = if n >= 7 { "approve\n" } else { "" };
        let path = if n % 2 == 1 { "prompts/refunds.md" } else { "notes.md" };
        desk.commit(path, &format!("Version {n}\n{poison}"), &format!("Version {n}"))
    });
    let ids = ids.collect();
    (desk, ids)
}

fn run(desk: &Desk, options: &[&str], script: &str) -> Ran {
    fs::create_dir_all(desk.outside("scratch")).unwrap();
    let words =
        ["bisect", "run", "--noisy", "--json", "--scratch", "../scratch", "--need", "prompts"];
    let words = [&words[..], options, &["--", "sh", "-c", script]].concat();
    Ran::of(desk.command(words).env("OUT", desk.outside("runs")).output().unwrap())
}

fn view(ran: &Ran) -> serde_json::Value {
    serde_json::from_slice(&ran.stdout).unwrap_or_else(|e| panic!("{e}: {}", ran.stderr))
}

#[test]
fn a_noisy_test_is_run_until_it_is_sure_and_taken_up_where_it_stopped() {
    let (desk, ids) = desk();
    desk.ok(["bisect", "start", "--no-checkout", "main", &ids[0]]);
    let short = run(&desk, &["--budget", "5"], TEST);
    assert_eq!(short.code, Some(1), "{}", short.stderr);
    assert_eq!(view(&short)["verdict"], "undecided");
    assert_eq!(view(&short)["runs"], 5);

    let whole = run(&desk, &[], TEST);
    assert_eq!(whole.code, Some(0), "{}", whole.stderr);
    let found = view(&whole);
    assert_eq!(found["verdict"], "brought");
    assert_eq!(found["commits"], serde_json::json!([ids[6]]));
    assert!(found["probability"].as_f64().unwrap() >= 0.95);
    // Those of before counted, and each was run once.
    let runs = fs::read_to_string(desk.outside("runs")).unwrap();
    assert_eq!(found["runs"].to_string(), runs.trim());
    // Asked again it knows.
    assert_eq!(view(&run(&desk, &[], "exit 1"))["runs"], found["runs"]);
    assert_eq!(fs::read_dir(desk.outside("scratch")).unwrap().count(), 0);

    // The runs are part of the log, and are replayed.
    let log = desk.ok(["bisect", "log"]);
    fs::write(desk.outside("log"), &log).unwrap();
    desk.ok(["bisect", "reset"]);
    desk.ok(["bisect", "replay", "../log"]);
    assert_eq!(view(&run(&desk, &[], "exit 1")), found);
    let words = ["bisect", "run", "--noisy", "--need", "prompts", "--", "false"];
    let shown = desk.ok(words);
    assert!(shown.starts_with("One commit brought it ("), "{shown}");
    assert!(shown.contains(&format!("  {} (Version 7)", &ids[6][..8])), "{shown}");
    assert!(shown.contains("\nLikeliest:\n"), "{shown}");
}

#[test]
fn several_noisy_tests_run_beside_each_other() {
    let (desk, ids) = desk();
    desk.ok(["bisect", "start", "--no-checkout", "main", &ids[0]]);
    let script = "! grep -q approve prompts/refunds.md";
    let ran = run(&desk, &["--jobs", "3"], script);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert_eq!(view(&ran)["commits"], serde_json::json!([ids[6]]));
}

#[test]
fn what_a_noisy_run_cannot_do_is_told() {
    let (desk, ids) = desk();
    desk.ok(["bisect", "start", "--no-checkout", "main"]);
    let ran = run(&desk, &[], "true");
    assert_eq!(ran.code, Some(3));
    assert!(ran.stderr.contains("no good commit is named yet"), "{}", ran.stderr);
    desk.ok(["bisect", "good", &ids[0]]);
    for options in [["--confidence", "1.5"], ["--budget", "0"]] {
        assert_eq!(run(&desk, &options, "true").code, Some(2));
    }
    let ran = run(&desk, &[], "exit 127");
    assert_eq!(ran.code, Some(3), "{}", ran.stderr);
    assert!(ran.stderr.contains("exit code 127"), "{}", ran.stderr);
    assert_ne!(desk.run(["bisect", "run", "--budget", "5", "--", "true"]).code, Some(0));
}
