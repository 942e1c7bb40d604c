//! What programs rely on: JSON, exit codes, streams, and what never reaches a terminal.

#[path = "support/program.rs"]
mod program;
#[path = "support/terminal.rs"]
mod terminal;

use std::io::{Read, Write};
use std::process::{Command, Stdio};

use program::{Desk, Ran};
use terminal::on_a_terminal;

#[test]
fn every_reading_command_prints_json() {
    let desk = Desk::new();
    desk.commit("prompts/a.md", "x", "First");
    let id = desk.commit("prompts/a.md", "y", "Second");
    let log = desk.json(["log", "--json"]);
    assert_eq!(log.as_array().unwrap().len(), 2);
    assert_eq!(log[0]["id"], id.as_str());
    assert_eq!(log[0]["parents"][0], log[1]["id"]);
    assert_eq!(log[0]["message"], "Second");
    assert_eq!(log[0]["refs"], serde_json::json!(["refs/heads/main", "HEAD"]));
    assert_eq!(log[0]["author"]["name"], "mara@example.org");
    assert_eq!(log[0]["author"]["evidence"], "signed");
    assert_eq!(log[0]["signature"]["verdict"], "good");
    assert_eq!(desk.json(["log", "--json", "main..main"]).as_array().unwrap().len(), 0);
    assert_eq!(desk.json(["show", "--json"])["id"], id.as_str());
    let list = desk.json(["ls", "-r", "--json"]);
    assert_eq!(list[1]["path"], "prompts/a.md");
    assert_eq!(list[1]["kind"], "file");
    assert_eq!(list[1]["size"], 1);
    assert_eq!(desk.json(["verify", "--json"])["good"], 2);
    assert_eq!(desk.json(["fsck", "--json"])["problem_count"], 0);
    assert_eq!(desk.json(["version", "--json"])["format"], 0);
}

#[test]
fn a_path_that_is_not_text_is_whole_in_json() {
    use std::os::unix::ffi::OsStrExt;
    let desk = Desk::new();
    let name = std::ffi::OsStr::from_bytes(b"caf\xe9");
    std::fs::write(desk.path().join(name), "x").unwrap();
    desk.ok(["commit", "-m", "First"]);
    let list = desk.json(["ls", "--json"]);
    assert_eq!(list[1]["path_hex"], "636166e9");
    let target = std::ffi::OsStr::from_bytes(b"@:caf\xe9");
    assert_eq!(desk.run([std::ffi::OsStr::new("cat"), target]).stdout, b"x");
    assert!(desk.ok(["ls"]).contains("caf\\xe9\n"));
}

#[test]
fn exit_codes_tell_an_answer_from_an_error() {
    let desk = Desk::new();
    for (args, code) in [
        (&["version"][..], 0),
        (&["log"], 3),
        (&["log", "--bogus"], 2),
        (&["commit"], 2),
        (&["commit", "-m", ""], 1),
        (&["commit", "-m", "x", "--author", " "], 2),
        (&["commit", "-m", "x"], 0),
        (&["commit", "-m", "x"], 1),
        (&["checkout"], 2),
        (&["checkout", "@"], 0),
        (&["cat", "@:none"], 3),
        (&["init", "--branch", "a..b"], 2),
        (&["init", "--branch", "model"], 2),
        (&["verify"], 0),
    ] {
        assert_eq!(desk.run(args).code, Some(code), "{args:?}");
    }
}

#[test]
fn a_full_disk_is_named_and_leaves_the_branch() {
    let desk = Desk::new();
    let id = desk.commit("a", "1", "First");
    desk.write("a", "2");
    let mut command = desk.command(["commit", "-m", "Second"]);
    let ran = Ran::of(command.env("AISR_TEST_FAULT", "enospc:3").output().unwrap());
    if cfg!(debug_assertions) {
        assert_eq!(ran.code, Some(3));
        assert!(ran.stderr.contains("No space left on device"), "{}", ran.stderr);
        assert_eq!(desk.head(), id);
    }
    desk.ok(["fsck"]);
}

#[test]
fn a_reader_that_goes_away_ends_the_program_quietly() {
    let desk = Desk::new();
    desk.write("big", vec![b'x'; 4 << 20]);
    desk.ok(["commit", "-m", "First"]);
    let mut command = desk.command(["cat", "@:big"]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut some = [0; 10];
    child.stdout.take().unwrap().read_exact(&mut some).unwrap();
    let ran = Ran::of(child.wait_with_output().unwrap());
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(141), ""));
}

#[test]
fn nothing_in_a_repository_steers_the_terminal() {
    let desk = Desk::new();
    desk.write("ev\x1b[31mil", "a\x1b]0;title\x07b\u{202e}c\n");
    desk.ok(["commit", "-m", "sub\x1b[2Jject", "--author", "age\u{202e}nt"]);
    for args in
        [&["log"][..], &["ls"], &["show"], &["log", "--oneline"], &["cat", "@:ev\x1b[31mil"]]
    {
        let mut command = desk.command([&["--color", "never"], args].concat());
        command.env("AISR_NO_PAGER", "1");
        let (shown, code) = on_a_terminal(command, "");
        assert_eq!(code, Some(0), "{shown}");
        let steers = |c: char| c != '\n' && (c.is_control() || c == '\u{202e}');
        assert!(!shown.contains(steers), "{args:?}: {shown:?}");
    }
    // What goes to a file is what was committed.
    assert_eq!(desk.run(["cat", "@:ev\x1b[31mil"]).text(), "a\x1b]0;title\x07b\u{202e}c\n");
}

#[test]
fn colours_come_on_a_terminal_and_go_by_wish() {
    let desk = Desk::new();
    desk.commit("a", "1", "First");
    let shown = |set: &[(&str, &str)], args: &[&str]| {
        let mut command = desk.command(args);
        command.env("AISR_NO_PAGER", "1").envs(set.iter().copied());
        on_a_terminal(command, "").0.contains('\x1b')
    };
    assert!(shown(&[], &["log"]));
    assert!(!shown(&[("NO_COLOR", "1")], &["log"]));
    assert!(!shown(&[("CLICOLOR", "0")], &["log"]));
    assert!(!shown(&[], &["log", "--color", "never"]));
    assert!(!desk.ok(["log"]).contains('\x1b'));
    assert!(desk.ok(["log", "--color", "always"]).contains('\x1b'));
}

#[test]
fn long_output_goes_through_the_pager_that_is_asked_for() {
    let desk = Desk::new();
    desk.commit("a", "1", "First");
    let mut command = desk.command(["log"]);
    command.env("AISR_PAGER", "sed s/^/paged:/");
    let (shown, code) = on_a_terminal(command, "");
    assert_eq!(code, Some(0));
    assert!(shown.contains("paged:    First"), "{shown}");
    let mut command = desk.command(["log"]);
    command.env("AISR_PAGER", "false");
    assert!(matches!(on_a_terminal(command, "").1, Some(0 | 141)));
}

#[test]
fn an_editor_writes_the_message_and_an_empty_one_stops() {
    let desk = Desk::new();
    let editor = desk.outside("editor");
    std::fs::write(
        &editor,
        "#!/bin/sh\nprintf 'Edited\\n\\nwhy  \\n' | cat - \"$1\" > \"$1.n\"\nmv \"$1.n\" \"$1\"\n",
    )
    .unwrap();
    let mut command = desk.command(["commit"]);
    command.env("AISR_EDITOR", format!("sh {}", editor.display()));
    let (shown, code) = on_a_terminal(command, "");
    assert_eq!(code, Some(0), "{shown}");
    assert_eq!(desk.json(["show", "--json"])["message"], "Edited\n\nwhy");
    let mut command = desk.command(["commit", "--allow-empty"]);
    command.env("EDITOR", "true");
    let (shown, code) = on_a_terminal(command, "");
    assert_eq!((shown.as_str(), code), ("Nothing is committed: the message is empty.\n", Some(1)));
}

#[test]
fn ssh_keygen_accepts_what_cat_prints() {
    let desk = Desk::new();
    desk.commit("a", "1", "First");
    let payload = desk.run(["cat", "--payload", "@"]).stdout;
    let signature = desk.outside("sig");
    std::fs::write(&signature, desk.run(["cat", "--signature", "@"]).stdout).unwrap();
    let key = desk.home().join(".config/aisr/id_ed25519");
    let public = Command::new("ssh-keygen").arg("-y").arg("-f").arg(&key).output().unwrap();
    let signers = desk.outside("signers");
    let line = format!("mara@example.org {}", String::from_utf8(public.stdout).unwrap());
    std::fs::write(&signers, line).unwrap();
    let check = |payload: &[u8]| {
        let mut child = Command::new("ssh-keygen")
            .args(["-Y", "verify", "-n", "commit@aisr", "-I", "mara@example.org", "-f"])
            .arg(&signers)
            .arg("-s")
            .arg(&signature)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(payload).unwrap();
        child.wait().unwrap().success()
    };
    assert!(check(&payload));
    let mut forged = payload.clone();
    *forged.last_mut().unwrap() ^= 1;
    assert!(!check(&forged));
}

#[test]
fn a_repository_of_another_user_is_opened_only_when_the_configuration_says_so() {
    if !rustix::process::geteuid().is_root() {
        eprintln!("left out: only root can give a folder away");
        return;
    }
    let desk = Desk::new();
    desk.commit("a", "1", "First");
    let folder = desk.path().join(".aisr");
    std::os::unix::fs::chown(&folder, Some(54_321), None).unwrap();
    for args in [&["log"][..], &["commit", "-m", "x"], &["fsck"], &["cat", "@:a"]] {
        let ran = desk.run(args);
        assert_eq!(ran.code, Some(3), "{args:?}: {}", ran.stderr);
        assert!(
            ran.stderr.starts_with("error: ") && ran.stderr.contains("54321"),
            "{}",
            ran.stderr
        );
        assert!(ran.stderr.contains("hint: if you trust it"), "{}", ran.stderr);
    }
    assert_eq!(desk.run(["init"]).code, Some(3));
    let elsewhere = desk.outside("elsewhere");
    std::fs::rename(&folder, &elsewhere).unwrap();
    std::os::unix::fs::symlink(&elsewhere, &folder).unwrap();
    assert_eq!(desk.run(["log"]).code, Some(3), "through a link");
    let config = desk.home().join(".config/aisr/config.toml");
    let mut text = std::fs::read_to_string(&config).unwrap();
    text.push_str(&format!("[safe]\nfolders = [{:?}]\n", desk.path()));
    std::fs::write(&config, text).unwrap();
    assert_eq!(desk.ok(["cat", "@:a"]), "1");
    desk.commit("a", "2", "Second");
}

#[test]
fn a_key_that_others_may_read_is_told() {
    use std::os::unix::fs::PermissionsExt;
    let desk = Desk::new();
    let key = desk.home().join(".config/aisr/id_ed25519");
    for (mode, told) in [(0o644, true), (0o600, false)] {
        std::fs::set_permissions(&key, PermissionsExt::from_mode(mode)).unwrap();
        desk.write("a", mode.to_string());
        let ran = desk.run(["commit", "-m", "x"]);
        assert_eq!(ran.code, Some(0), "{}", ran.stderr);
        assert_eq!(ran.stderr.contains("warning: others may read your key"), told, "{mode:o}");
        assert_eq!(ran.stderr.contains("hint: `chmod 600 "), told, "{mode:o}");
    }
}
