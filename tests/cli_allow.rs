//! What a folder asks for runs only when its user allowed exactly that.

mod support;

#[path = "support/program.rs"]
mod program;
#[path = "support/terminal.rs"]
mod terminal;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use insta::assert_snapshot;
use program::{Desk, Ran, redact};
use support::copy_folder;
use terminal::on_a_terminal;

/// Where the user's permissions lie.
const LIST: &str = ".config/aisr/allowed-requests";

/// A manifest whose commands are shell texts.
fn manifest(quiesce: &str, resume: &str, more: &str) -> String {
    let command = |text: &str| serde_json::json!(["/bin/sh", "-c", text]).to_string();
    let (quiesce, resume) = (command(quiesce), command(resume));
    format!("[capture]\nquiesce = {quiesce}\nresume = {resume}\n{more}")
}

/// A desk that is committed, and asks for commands that write into `trace`, outside of it.
fn asking(more: &str) -> (Desk, PathBuf) {
    let desk = Desk::new();
    let trace = desk.outside("trace");
    let echo = |word: &str| format!("echo {word} >> {}", trace.display());
    desk.write("aisr.toml", manifest(&echo("quiesce"), &echo("resume"), more));
    desk.write("a", "1");
    (desk, trace)
}

fn traced(trace: &Path) -> String {
    fs::read_to_string(trace).unwrap_or_default()
}

/// Answers the question of `aisr allow`; gives what it showed and its code.
fn answer(desk: &Desk, typed: &str) -> (String, Option<i32>) {
    on_a_terminal(desk.command(["allow"]), typed)
}

fn allow(desk: &Desk) {
    let (shown, code) = answer(desk, "y\n");
    assert_eq!(code, Some(0), "{shown}");
    assert!(shown.contains("] Allowed: commands "), "{shown}");
}

/// Commits without a terminal; gives what went to stderr.
fn commit(desk: &Desk) -> String {
    let ran = desk.run(["commit", "--allow-empty", "-m", "x"]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    ran.stderr
}

/// Waits for what happens in a process that nobody waits for.
fn wait_until(what: &str, happened: impl Fn() -> bool) {
    let begun = Instant::now();
    while !happened() {
        assert!(begun.elapsed() < Duration::from_secs(120), "in vain: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn without_permission_nothing_runs_and_the_commit_says_so() {
    let (desk, trace) = asking("");
    assert_snapshot!(commit(&desk), @r"
    warning: the commands that aisr.toml asks for are not run: you have not allowed them
    hint: `aisr allow` shows them, and asks you
    ");
    assert_eq!(traced(&trace), "");
    assert_eq!(desk.ok(["cat", "@:a"]), "1");
}

#[test]
fn what_is_allowed_runs_around_each_commit_and_nothing_else() {
    let (desk, trace) = asking("");
    allow(&desk);
    assert_eq!(traced(&trace), "");
    assert_eq!(commit(&desk), "");
    assert_eq!(traced(&trace), "quiesce\nresume\n");
    desk.write("a", "2");
    for args in [
        &["status"][..],
        &["diff"],
        &["log"],
        &["ls"],
        &["fsck"],
        &["verify"],
        &["restore", "a"],
        &["undo"],
        &["checkout", "@"],
        &["checkout", "@", "--out", "../out"],
        &["allow", "--list"],
        &["allow"],
    ] {
        let ran = desk.run(args);
        assert_eq!(ran.code, Some(0), "{args:?}: {}", ran.stderr);
    }
    assert_eq!(traced(&trace), "quiesce\nresume\n");
    let shown = desk.ok(["commit", "--amend", "--allow-empty", "-m", "again"]);
    assert!(shown.contains("\n  writers  held still for 0."), "{shown}");
    assert_eq!(traced(&trace), "quiesce\nresume\nquiesce\nresume\n");
}

#[test]
fn a_clone_with_a_hostile_request_runs_nothing() {
    let (desk, trace) = asking("");
    allow(&desk);
    commit(&desk);
    assert_eq!(traced(&trace), "quiesce\nresume\n");
    // The same folder elsewhere, of the same user.
    let copy = desk.outside("copy");
    copy_folder(&desk.path(), &copy);
    let mut command = desk.command(["commit", "--allow-empty", "-m", "x"]);
    let ran = Ran::of(command.current_dir(&copy).output().unwrap());
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert!(ran.stderr.contains("are not run"), "{}", ran.stderr);
    // Another user, whose clone carries all that ever allowed it, wherever that might be looked
    // for.
    let other = Desk::empty();
    fs::remove_dir(other.path()).unwrap();
    copy_folder(&desk.path(), &other.path());
    let list = fs::read(desk.home().join(LIST)).unwrap();
    for place in ["", ".aisr", ".aisr/local", ".config/aisr"] {
        let place = other.path().join(place);
        fs::create_dir_all(&place).unwrap();
        fs::write(place.join("allowed-requests"), &list).unwrap();
    }
    fs::copy(
        desk.home().join(".config/aisr/id_ed25519"),
        other.home().join(".config/aisr/id_ed25519"),
    )
    .unwrap();
    for args in [
        &["status"][..],
        &["log"],
        &["diff"],
        &["fsck"],
        &["allow"],
        &["commit", "-m", "x"],
        &["commit", "--amend", "-m", "x"],
        &["checkout", "@~"],
    ] {
        other.run(args);
    }
    assert!(other.ok(["log"]).contains("\n    x\n"));
    // Nor does another repository at the place where it is allowed.
    fs::remove_dir_all(desk.path().join(".aisr")).unwrap();
    desk.ok(["init"]);
    assert!(commit(&desk).contains("are not run"));
    assert_eq!(traced(&trace), "quiesce\nresume\n");
}

#[test]
fn what_a_repository_allows_itself_does_not_count() {
    let (desk, trace) = asking("");
    allow(&desk);
    let config = desk.path().join("home/.config/aisr");
    copy_folder(&desk.home().join(".config/aisr"), &config);
    desk.write(".aisrignore", "home/\n");
    let mut command = desk.command(["commit", "-m", "x"]);
    let ran = Ran::of(command.env("AISR_CONFIG_DIR", &config).output().unwrap());
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert!(ran.stderr.contains("lies inside the repository"), "{}", ran.stderr);
    assert_eq!(traced(&trace), "");
}

#[test]
fn a_request_is_shown_exactly_and_nothing_in_it_steers_the_terminal() {
    let desk = Desk::new();
    desk.write("stop.sh", "exit 0\n");
    let text = "[capture]\n\
                quiesce = [\"/bin/sh\", \"stop.sh\", \"a b\\\" \\\\n\\n\\u001b[2J\\u202e\"]\n\
                timeout = 7\n";
    desk.write("aisr.toml", text);
    let (shown, code) = answer(&desk, "n\n");
    assert_eq!(code, Some(1));
    assert_snapshot!(redact(&shown, desk.path().parent().unwrap()), @r#"
    n
    aisr.toml asks to run these commands around each commit:
      folder   <dir>/desk
      quiesce  "/bin/sh" "stop.sh" "a b\" \\n\n\u{1b}[2J\u{202e}"
               runs /bin/sh
               with stop.sh as it is now, <id>
      timeout  7 s for each
    They run as you, with your environment; what else they read may change.
    Allow exactly this? [y/N/never] Not allowed.
    "#);
    assert!(!desk.home().join(LIST).exists());
}

#[test]
fn without_a_terminal_nothing_can_be_allowed() {
    let (desk, _) = asking("");
    let ran = desk.run(["allow"]);
    assert_eq!(ran.code, Some(3));
    assert!(ran.text().contains("  quiesce  \"/bin/sh\" \"-c\" "), "{}", ran.text());
    assert_snapshot!(ran.stderr, @r"
    error: there is no terminal to ask on, so nothing is allowed
    hint: run `aisr allow` from a terminal
    ");
    assert!(!desk.home().join(LIST).exists());
    assert!(desk.run(["allow", "--json"]).code == Some(2));
}

#[test]
fn a_commit_on_a_terminal_asks_and_takes_no_for_an_answer() {
    let (desk, trace) = asking("");
    let commit = |typed: &str| {
        let args = ["commit", "--allow-empty", "-m", "x"];
        let (shown, code) = on_a_terminal(desk.command(args), typed);
        assert_eq!(code, Some(0), "{shown}");
        shown
    };
    for typed in ["n\n", "\n", "yn\n", "\u{4}"] {
        let shown = commit(typed);
        assert!(shown.contains("Allow exactly this? [y/N/never] "), "{shown}");
        assert!(shown.contains("are not run"), "{shown}");
        assert_eq!(traced(&trace), "");
    }
    assert!(commit("y\n").contains("Allow exactly this? [y/N/never] "));
    assert_eq!(traced(&trace), "quiesce\nresume\n");
    assert!(!commit("").contains("Allow exactly this?"));
    assert_eq!(traced(&trace), "quiesce\nresume\nquiesce\nresume\n");
}

#[test]
fn never_is_an_answer_until_it_is_taken_back() {
    let (desk, trace) = asking("");
    let commit = |typed: &str| {
        let args = ["commit", "--allow-empty", "-m", "x"];
        let (shown, code) = on_a_terminal(desk.command(args), typed);
        assert_eq!(code, Some(0), "{shown}");
        shown
    };
    assert!(commit("never\n").contains("Allow exactly this?"));
    let shown = commit("");
    assert!(!shown.contains("Allow exactly this?"), "{shown}");
    assert!(shown.contains("are not run: you declined"), "{shown}");
    let list = desk.json(["allow", "--list", "--json"]);
    assert_eq!(list[0]["allowed"], false);
    let id = list[0]["id"].as_str().unwrap();
    let text = desk.ok(["allow", "--list"]);
    assert!(text.starts_with(&format!("commands {id} (declined)\n")), "{text}");
    desk.ok(["allow", "--revoke", id]);
    assert!(commit("never\n").contains("Allow exactly this?"));
    assert_eq!(traced(&trace), "");
    // Who asks himself is asked.
    allow(&desk);
    assert!(!commit("").contains("are not run"));
    assert_eq!(traced(&trace), "quiesce\nresume\n");
}

#[test]
fn any_change_of_the_request_asks_again() {
    let desk = Desk::new();
    let trace = desk.outside("trace");
    desk.write("stop.sh", format!("echo ran >> {}\n", trace.display()));
    let base = "[capture]\nquiesce = [\"/bin/sh\", \"stop.sh\"]\n";
    desk.write("aisr.toml", base);
    allow(&desk);
    assert_eq!(commit(&desk), "");
    assert_eq!(traced(&trace), "ran\n");
    for changed in [
        "[capture]\nquiesce = [\"/bin/sh\", \"stop.sh\", \"x\"]\n".to_owned(),
        "[capture]\nquiesce = [\"sh\", \"stop.sh\"]\n".to_owned(),
        format!("{base}resume = [\"/bin/sh\"]\n"),
        format!("{base}timeout = 31\n"),
    ] {
        desk.write("aisr.toml", &changed);
        assert!(commit(&desk).contains("are not run"), "{changed}");
    }
    // What is no part of the request changes nothing.
    desk.write("aisr.toml", format!("# why\n{base}timeout = 30\n[model.x]\npath = \"stop.sh\"\n"));
    assert_eq!(commit(&desk), "");
    assert_eq!(traced(&trace), "ran\nran\n");
    desk.write("stop.sh", format!("echo other >> {}\n", trace.display()));
    assert!(commit(&desk).contains("are not run"));
    assert_eq!(traced(&trace), "ran\nran\n");
}

#[test]
fn what_is_allowed_is_listed_and_revoked() {
    let (desk, trace) = asking("timeout = 9\n");
    allow(&desk);
    desk.ok(["allow", "secret", "00112233445566778899aabbccddeeff"]);
    let list = desk.json(["allow", "--list", "--json"]);
    assert_eq!(list.as_array().unwrap().len(), 2);
    assert_eq!(list[0]["purpose"], "secret");
    assert_eq!(list[0]["id"], "00112233445566778899aabbccddeeff");
    let commands = &list[1];
    assert_eq!(commands["purpose"], "capture-commands");
    assert_eq!(commands["allowed"], true);
    assert_eq!(commands["root"], desk.path().to_str().unwrap());
    assert_eq!(commands["quiesce"]["argv"][0], "/bin/sh");
    assert_eq!(commands["quiesce"]["program"], "/bin/sh");
    assert_eq!(commands["resume"]["files"], serde_json::json!([]));
    assert_eq!(commands["timeout"], 9);
    let id = commands["id"].as_str().unwrap().to_owned();
    let text = desk.ok(["allow", "--list"]);
    assert!(text.starts_with("secret 00112233445566778899aabbccddeeff\ncommands "), "{text}");
    assert!(text.contains(&format!("commands {id}\n  folder   ")), "{text}");
    for (wrong, code) in [("xyz", 2), ("012", 2), ("ffffffff0000", 3)] {
        assert_eq!(desk.run(["allow", "--revoke", wrong]).code, Some(code), "{wrong}");
    }
    let revoked = desk.ok(["allow", "--revoke", &id[..8]]);
    assert_eq!(revoked, format!("Revoked: commands {id}\n"));
    assert_eq!(desk.ok(["allow", "--list"]), "secret 00112233445566778899aabbccddeeff\n");
    assert!(commit(&desk).contains("are not run"));
    assert_eq!(traced(&trace), "");
}

#[test]
fn the_folder_holds_still_from_the_first_look_to_the_last() {
    let desk = Desk::new();
    desk.write("aisr.toml", manifest("echo still > state", "echo moving > state", ""));
    desk.write("state", "moving\n");
    allow(&desk);
    let shown = desk.ok(["commit", "-m", "x"]);
    assert!(shown.contains(" · snapshot at "), "{shown}");
    assert_eq!(desk.ok(["cat", "@:state"]), "still\n");
    assert_eq!(fs::read_to_string(desk.path().join("state")).unwrap(), "moving\n");
}

#[test]
fn a_quiesce_that_fails_refuses_the_commit_and_resume_runs() {
    let desk = Desk::new();
    let head = desk.commit("a", "1", "First");
    let trace = desk.outside("trace");
    let resume = format!("echo resume >> {}", trace.display());
    desk.write("aisr.toml", manifest("printf 'no\\033[2J agent\\n' >&2; exit 4", &resume, ""));
    allow(&desk);
    assert_snapshot!(desk.shown(["commit", "-m", "Second"]), @r"
    error: what writes in the folder does not hold still, so nothing is captured: quiesce ended with exit code 4
      no\u{1b}[2J agent
    hint: run it by hand to see why, or take it back: `aisr allow --list`, --revoke
    [3]
    ");
    assert_eq!((traced(&trace), desk.head()), ("resume\n".into(), head));
}

#[test]
fn a_quiesce_that_takes_too_long_is_ended_with_all_that_it_started() {
    let desk = Desk::new();
    let (trace, pid) = (desk.outside("trace"), desk.outside("pid"));
    let quiesce = format!("sleep 100000 & echo $! > {}; wait", pid.display());
    let resume = format!("echo resume >> {}", trace.display());
    desk.write("aisr.toml", manifest(&quiesce, &resume, "timeout = 1\n"));
    allow(&desk);
    let ran = desk.run(["commit", "-m", "x"]);
    assert_eq!(ran.code, Some(3), "{}", ran.stderr);
    assert!(ran.stderr.contains("because it took more than 1 s"), "{}", ran.stderr);
    assert_eq!(traced(&trace), "resume\n");
    let stat = format!("/proc/{}/stat", traced(&pid).trim());
    // Who is dead may not be collected yet.
    wait_until("what it started ends", || {
        fs::read_to_string(&stat).map_or(true, |stat| stat.contains(") Z "))
    });
}

#[test]
fn a_resume_that_fails_is_told_loudly_and_the_commit_stands() {
    let desk = Desk::new();
    desk.write("aisr.toml", manifest("true", "echo stuck; kill -9 $$", ""));
    allow(&desk);
    assert_snapshot!(commit(&desk), @r"
    warning: resume was ended by signal 9: what was stopped for the commit may still stand still
      stuck
    hint: look after it, and let it go on by hand
    ");
    assert!(desk.ok(["log"]).contains("\n    x\n"));
}

#[test]
fn resume_runs_when_the_commit_is_refused() {
    let (desk, trace) = asking("");
    allow(&desk);
    desk.write("keys.txt", ["AKIA", "Q3EGUZ7TXN5WJ4RB"].concat());
    let ran = desk.run(["commit", "-m", "x"]);
    assert!(ran.code == Some(3) && ran.stderr.contains("holds a secret"), "{}", ran.stderr);
    assert_eq!(traced(&trace), "quiesce\nresume\n");
}

#[test]
fn resume_runs_when_the_commit_is_killed() {
    for signal in ["TERM", "KILL"] {
        let desk = Desk::new();
        let (resumed, late) = (desk.outside("resumed"), desk.outside("late"));
        // The parent of the process that runs the command is the commit.
        let quiesce = format!(
            "kill -{signal} $(sed -n 's/^PPid:.//p' /proc/$PPID/status); sleep 100000; touch {}",
            late.display()
        );
        desk.write("aisr.toml", manifest(&quiesce, &format!("touch {}", resumed.display()), ""));
        allow(&desk);
        let ran = desk.run(["commit", "-m", "x"]);
        assert_eq!(ran.code, None, "{}", ran.stderr);
        wait_until("resume runs", || resumed.exists());
        assert!(!late.exists());
        assert_eq!(desk.run(["log"]).code, Some(3), "a commit was made");
    }
}

#[test]
fn a_commit_lets_go_itself_when_the_process_beside_it_is_killed() {
    let (desk, trace) = asking("");
    let resume = format!("echo resume >> {}", trace.display());
    desk.write("aisr.toml", manifest("kill -9 $PPID", &resume, ""));
    allow(&desk);
    let ran = desk.run(["commit", "-m", "x"]);
    assert_eq!(ran.code, Some(3), "{}", ran.stderr);
    assert_eq!(traced(&trace), "resume\n");
}

#[test]
fn what_resume_leaves_running_may_go_on_printing() {
    let desk = Desk::new();
    let (go, done) = (desk.outside("go"), desk.outside("done"));
    let resume = format!(
        "(while ! test -e {}; do sleep 0.01; done; echo on && touch {}) &",
        go.display(),
        done.display()
    );
    desk.write("aisr.toml", manifest("true", &resume, ""));
    allow(&desk);
    assert_eq!(commit(&desk), "");
    fs::write(&go, "").unwrap();
    wait_until("it goes on", || done.exists());
}

#[test]
fn a_program_that_is_not_there_is_told_and_the_commit_goes_on() {
    let desk = Desk::new();
    desk.write("aisr.toml", "[capture]\nquiesce = [\"./no-such-program\"]\n");
    assert_snapshot!(commit(&desk), @r"
    warning: the commands that aisr.toml asks for are not run: there is no program `./no-such-program`
    ");
    assert_snapshot!(desk.shown(["allow"]), @r"
    error: there is no program `./no-such-program`
    [3]
    ");
}

#[test]
fn a_manifest_that_is_not_understood_stops_the_commit() {
    let desk = Desk::new();
    assert_snapshot!(desk.shown(["allow"]), @r"
    aisr.toml asks for nothing.
    [0]
    ");
    desk.write("aisr.toml", "[capture]\nquiesce = \"stop it\"\n");
    assert_snapshot!(desk.shown(["commit", "-m", "x"]), @r#"
    error: <dir>/desk/aisr.toml, line 2: invalid type: string "stop it", expected a sequence
    hint: a command is a list: ["PROGRAM", "ARGUMENT"]
    [3]
    "#);
    fs::remove_file(desk.path().join("aisr.toml")).unwrap();
    std::os::unix::fs::symlink("/etc/passwd", desk.path().join("aisr.toml")).unwrap();
    assert_snapshot!(desk.shown(["commit", "-m", "x"]), @r"
    error: <dir>/desk/aisr.toml is a symbolic link, which is not followed
    hint: put a file of its own in its place
    [3]
    ");
}

#[test]
fn the_hidden_command_does_nothing_by_itself() {
    let desk = Desk::new();
    assert_snapshot!(desk.shown(["hold-still"]), @"[0]");
    assert!(!desk.ok(["--help"]).contains("hold-still"));
}
