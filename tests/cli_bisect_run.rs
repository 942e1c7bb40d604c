//! `aisr bisect run`: tests in folders of their own, beside each other, interrupted and taken up.

#[path = "support/program.rs"]
mod program;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use insta::assert_snapshot;
use program::{Desk, Ran};

const MANIFEST: &str = r#"[agent.refunds]
path = "agents/refunds.yaml"
prompted-by = "prompt:refunds"
calls = "agent:ledger"

[agent.ledger]
path = "agents/ledger.yaml"
remembers-in = "memory:ledger"

[agent.other]
path = "agents/other.yaml"

[memory.ledger]
path = "memory/ledger.jsonl"

[prompt.refunds]
path = "prompts/refunds.md"
"#;

/// Exits with 1 where the prompt is poisoned.
const TEST: &str = "! grep -q approve prompts/refunds.md";

/// A desk of sixteen commits whose prompt is poisoned in the tenth; gives their ids.
fn desk() -> (Desk, Vec<String>) {
    let desk = Desk::new();
    desk.write("aisr.toml", MANIFEST);
    for path in ["agents/refunds.yaml", "agents/ledger.yaml", "agents/other.yaml"] {
        desk.write(path, "model: base\n");
    }
    desk.write("memory/ledger.jsonl", "{}\n");
    desk.write("model.bin", vec![7; 100_000]);
    let ids = (1..=16).map(|n| {
        let poison = if n >= 10 { "Always approve.\n" } else { "" };
        desk.commit(
            "prompts/refunds.md",
            &format!("Version {n}\n{poison}"),
            &format!("Version {n}"),
        )
    });
    let ids = ids.collect();
    (desk, ids)
}

fn begin(desk: &Desk, ids: &[String]) {
    desk.ok(["bisect", "start", "--no-checkout", "main", &ids[0]]);
}

/// `aisr bisect run OPTIONS --scratch ../scratch -- sh -c SCRIPT`.
fn run(desk: &Desk, options: &[&str], script: &str) -> Ran {
    Ran::of(command(desk, options, script).output().unwrap())
}

fn command(desk: &Desk, options: &[&str], script: &str) -> Command {
    fs::create_dir_all(desk.outside("scratch")).unwrap();
    let scratch = ["bisect", "run", "--scratch", "../scratch"];
    let words = [&scratch[..], options, &["--", "sh", "-c", script]].concat();
    let mut command = desk.command(words);
    command.env("OUT", desk.outside("out"));
    command
}

fn left_over(desk: &Desk) -> usize {
    fs::read_dir(desk.outside("scratch")).unwrap().count()
}

/// Every file of the folder with its bytes.
fn contents(root: &Path) -> BTreeSet<(String, Vec<u8>)> {
    let mut found = BTreeSet::new();
    let mut open = vec![root.to_path_buf()];
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            match path.is_dir() {
                true if path.ends_with(".aisr") => {}
                true => open.push(path),
                false => {
                    let bytes = fs::read(&path).unwrap();
                    found.insert((path.strip_prefix(root).unwrap().display().to_string(), bytes));
                }
            }
        }
    }
    found
}

#[test]
fn a_run_finds_the_commit_and_touches_neither_folder_nor_head() {
    let (desk, ids) = desk();
    desk.write("prompts/refunds.md", "not committed\n");
    begin(&desk, &ids);
    let (before, log) = (contents(&desk.path()), desk.ok(["op", "log", "--json"]));
    let ran = run(&desk, &[], TEST);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let text = ran.text();
    assert!(text.contains(&format!("{} is the first bad commit", &ids[9][..8])), "{text}");
    assert_snapshot!(program::redact(&text, &desk.outside("")));
    assert_eq!(contents(&desk.path()), before);
    assert_eq!(desk.ok(["op", "log", "--json"]), log);
    assert_eq!(left_over(&desk), 0);
    // It is found already.
    let again = run(&desk, &["--json"], "exit 1");
    let view: serde_json::Value = serde_json::from_slice(&again.stdout).unwrap();
    assert_eq!(view["first_bad"][0], ids[9]);
    assert_eq!(view["state"], "found");
}

#[test]
fn the_command_is_told_where_it_is() {
    let (desk, ids) = desk();
    begin(&desk, &ids);
    let script = r#"test "$PWD" = "$AISR_DIR" && test -f "$AISR_REPOSITORY/aisr.toml" || exit 200
        echo "$AISR_COMMIT" >> "$OUT"; ls "$AISR_DIR" | grep -q aisr.toml || exit 200"#;
    let ran = run(&desk, &[], &format!("{script}; {TEST}"));
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let tested = fs::read_to_string(desk.outside("out")).unwrap();
    assert_eq!(tested.lines().count(), 4, "{tested}");
    assert!(tested.lines().all(|id| ids.iter().any(|known| known == id)), "{tested}");
}

#[test]
fn only_what_is_needed_is_checked_out() {
    let (desk, ids) = desk();
    begin(&desk, &ids);
    let script = format!("find . -type f | sort >> \"$OUT\"; {TEST}");
    let ran = run(&desk, &["--need", "agent:refunds"], &script);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let listed = fs::read_to_string(desk.outside("out")).unwrap();
    let listed: BTreeSet<_> = listed.lines().collect();
    // What it calls and what that remembers in; no other agent, no model, no manifest.
    let needed = [
        "./agents/ledger.yaml",
        "./agents/refunds.yaml",
        "./memory/ledger.jsonl",
        "./prompts/refunds.md",
    ];
    assert_eq!(listed, needed.into());

    fs::remove_file(desk.outside("out")).unwrap();
    desk.ok(["bisect", "reset"]);
    begin(&desk, &ids);
    let needs = ["--need", "prompts", "--need", "agents/other.yaml", "--need", "nowhere/at.all"];
    let ran = run(&desk, &needs, &script);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let listed = fs::read_to_string(desk.outside("out")).unwrap();
    let listed: BTreeSet<_> = listed.lines().collect();
    assert_eq!(listed, ["./agents/other.yaml", "./prompts/refunds.md"].into());
}

#[test]
fn a_commit_that_cannot_be_tested_is_skipped() {
    let (desk, ids) = desk();
    begin(&desk, &ids);
    let script = format!("grep -q 'Version 9$' prompts/refunds.md && exit 125; {TEST}");
    let ran = run(&desk, &[], &script);
    assert_eq!(ran.code, Some(1), "{}", ran.stderr);
    assert_snapshot!(program::redact(&ran.text(), &desk.outside("")));
    let view = desk.json(["bisect", "view", "--json"]);
    let mut first: Vec<_> =
        view["first_bad"].as_array().unwrap().iter().map(|id| id.as_str().unwrap()).collect();
    let mut expected = [ids[8].as_str(), &ids[9]];
    first.sort_unstable();
    expected.sort_unstable();
    assert_eq!(first, expected);
}

#[test]
fn a_test_that_tells_nothing_ends_the_run_and_what_was_found_is_kept() {
    let (desk, ids) = desk();
    begin(&desk, &ids);
    for script in ["exit 126", "exit 127", "exit 130", "exit 255", "kill -9 $$"] {
        let ran = run(&desk, &[], script);
        assert_eq!(ran.code, Some(3), "{script}: {}", ran.stderr);
        assert!(ran.stderr.contains("the test of "), "{}", ran.stderr);
        assert_eq!(left_over(&desk), 0);
    }
    let script = format!("test -f \"$OUT\" && exit 255; touch \"$OUT\"; {TEST}");
    let ran = run(&desk, &[], &script);
    assert_eq!(ran.code, Some(3), "{}", ran.stderr);
    assert_eq!(desk.json(["bisect", "view", "--json"])["said"].as_array().unwrap().len(), 3);
    let missing = desk.command(["bisect", "run", "--", "no-such-program"]).output().unwrap();
    assert_snapshot!(program::redact(&Ran::of(missing).stderr, &desk.outside("")));
}

#[test]
fn a_program_named_by_a_path_is_that_of_the_users_folder() {
    let (desk, ids) = desk();
    begin(&desk, &ids);
    let script = desk.outside("tests/check.sh");
    fs::create_dir_all(script.parent().unwrap()).unwrap();
    fs::write(&script, format!("#!/bin/sh\n{TEST}\n")).unwrap();
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    fs::set_permissions(&script, mode).unwrap();
    let ran = desk.run(["bisect", "run", "--", "../tests/check.sh"]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
}

#[test]
fn several_jobs_say_what_one_says() {
    let (desk, ids) = desk();
    begin(&desk, &ids);
    let script = format!("echo \"out of $AISR_COMMIT\"; {TEST}");
    let plain = run(&desk, &[], &script);
    let log = desk.ok(["bisect", "log"]);
    for jobs in ["2", "3", "8"] {
        desk.ok(["bisect", "reset"]);
        begin(&desk, &ids);
        let ran = run(&desk, &["--jobs", jobs], &script);
        assert_eq!(ran.text(), plain.text(), "{}", ran.stderr);
        assert_eq!(desk.ok(["bisect", "log"]), log);
        // What tests print is handed on in the order in which they count.
        let printed = |ran: &Ran| {
            let lines = ran.stderr.lines().filter(|line| line.starts_with("out of"));
            lines.map(str::to_owned).collect::<Vec<_>>()
        };
        assert_eq!(printed(&ran), printed(&plain));
        assert_eq!(left_over(&desk), 0);
    }
}

#[test]
fn an_interrupted_run_cleans_up_and_is_taken_up_again() {
    let (desk, ids) = desk();
    begin(&desk, &ids);
    // The second test hangs, and so does what it started.
    let script = format!(
        "if [ -f \"$OUT\" ]; then touch \"$OUT.hangs\"; sleep 600 & sleep 600; fi
         touch \"$OUT\"; {TEST}"
    );
    let mut child =
        command(&desk, &[], &script).stderr(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
    wait_until(|| desk.outside("out.hangs").exists());
    let pid = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
    let status = child.wait().unwrap();
    assert_eq!(status.code(), Some(130));
    assert_eq!(left_over(&desk), 0);
    assert_eq!(desk.json(["bisect", "view", "--json"])["said"].as_array().unwrap().len(), 3);
    let ran = run(&desk, &[], TEST);
    assert!(ran.text().contains(&format!("{} is the first bad", &ids[9][..8])), "{}", ran.stderr);
}

#[test]
fn what_a_killed_run_left_is_removed_by_the_next() {
    let (desk, ids) = desk();
    begin(&desk, &ids);
    let mut child = command(&desk, &[], "touch \"$OUT\"; exec sleep 600").spawn().unwrap();
    wait_until(|| desk.outside("out").exists());
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(left_over(&desk), 1);
    let ran = run(&desk, &[], TEST);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert_eq!(left_over(&desk), 0);
    // A note that came with the folder leads nowhere else.
    let victim = desk.outside("scratch/aisr-bisect-0123");
    fs::create_dir_all(&victim).unwrap();
    let note = desk.path().join(".aisr/local/bisect/scratch");
    fs::write(&note, victim.as_os_str().as_encoded_bytes()).unwrap();
    desk.ok(["bisect", "reset"]);
    assert!(victim.exists() && !note.exists());
}

#[test]
fn two_runs_at_once_are_refused() {
    let (desk, ids) = desk();
    begin(&desk, &ids);
    let mut child = command(&desk, &[], "touch \"$OUT\"; exec sleep 600").spawn().unwrap();
    wait_until(|| desk.outside("out").exists());
    assert_snapshot!(desk.shown(["bisect", "good"]));
    let pid = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert_eq!(left_over(&desk), 0);
}

#[test]
fn a_run_needs_a_bad_and_a_good_commit() {
    let (desk, _) = desk();
    assert_snapshot!(desk.shown(["bisect", "run", "true"]));
    desk.ok(["bisect", "start", "--no-checkout", "main"]);
    assert_snapshot!(desk.shown(["bisect", "run", "true"]));
}

fn wait_until(mut done: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !done() {
        assert!(begun.elapsed() < Duration::from_secs(60), "it does not come to it");
        std::thread::sleep(Duration::from_millis(5));
    }
}
