//! Help, manual pages and completions: every command has them, and shells and `man` take them.

#[path = "support/program.rs"]
mod program;

use std::collections::BTreeSet;
use std::fs;
use std::process::Command;

use program::Desk;

/// The commands that `aisr --help` lists.
fn commands(desk: &Desk) -> Vec<String> {
    let help = desk.ok(["--help"]);
    let (_, list) = help.split_once("Commands:\n").expect("a list of commands");
    let lines = list.lines().take_while(|line| !line.is_empty());
    // What is further in goes on with what stands before.
    let names = lines.filter_map(|line| line.strip_prefix("  ").filter(|l| !l.starts_with(' ')));
    let names = names.filter_map(|line| line.split_whitespace().next());
    names.filter(|name| *name != "help").map(Into::into).collect()
}

/// The manual pages by name, made anew.
fn pages(desk: &Desk) -> Vec<(String, String)> {
    desk.ok(["man", "../man/man1"]);
    let mut pages: Vec<_> = fs::read_dir(desk.outside("man/man1"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .map(|path| (path.file_name().unwrap().to_str().unwrap().into(), fs::read(path).unwrap()))
        .map(|(name, page): (String, _)| (name, String::from_utf8(page).unwrap()))
        .collect();
    pages.sort();
    pages
}

#[test]
fn every_command_says_what_it_is_for() {
    let desk = Desk::empty();
    let commands = commands(&desk);
    for expected in ["init", "commit", "bug-report", "completions", "man"] {
        assert!(commands.iter().any(|name| name == expected), "{commands:?}");
    }
    for name in commands {
        let help = desk.ok([&name, "--help"]);
        assert_eq!(help, desk.ok(["help", &name]), "{name}");
        let first = help.lines().next().unwrap();
        assert!(first.starts_with(char::is_uppercase), "{name}: {first}");
        assert!(help.contains(&format!("Usage: aisr {name}")), "{help}");
        let (own, _) = help.split_once("\nGlobal options:\n").expect("a heading");
        assert!(!own.contains("--quiet"), "{help}");
    }
}

#[test]
fn every_command_has_a_manual_page() {
    let desk = Desk::empty();
    let pages = pages(&desk);
    let found: BTreeSet<_> = pages.iter().map(|(name, _)| name.as_str()).collect();
    for name in commands(&desk) {
        assert!(found.contains(&*format!("aisr-{name}.1")), "{name}: {found:?}");
    }
    assert!(found.contains("aisr.1") && found.contains("aisr-op-log.1"), "{found:?}");
    let none = |part: &str| !found.iter().any(|name| name.contains(part));
    assert!(none("hold-still") && none("help"), "{found:?}");
    for (name, page) in &pages {
        for section in ["NAME", "SYNOPSIS", "DESCRIPTION", "OPTIONS"] {
            assert!(page.contains(&format!(".SH {section}\n")), "{name} has no {section}");
        }
        let title = name.strip_suffix(".1").unwrap();
        assert!(page.contains(&format!("{} \\- ", title.replace('-', "\\-"))), "{name}:\n{page}");
    }
    // Pages are replaced, so a second run is no error.
    assert_eq!(pages.len(), self::pages(&desk).len());
}

#[test]
fn a_manual_page_reads_well() {
    let desk = Desk::empty();
    let pages = pages(&desk);
    let (_, page) = pages.iter().find(|(name, _)| name == "aisr-untrack.1").unwrap();
    // Without the lines that set up the apostrophe, and without what all pages have.
    let (own, rest) = page.split_once(".SH \"GLOBAL OPTIONS\"\n").unwrap();
    let (_, rest) = rest.split_once(".SH EXAMPLES\n").unwrap();
    let page = format!("{own}.SH EXAMPLES\n{rest}");
    let sets_up = |line: &&str| [".ie ", ".el ", ".TH "].iter().any(|r| line.starts_with(r));
    let lines = page.lines().filter(|line| !sets_up(line));
    insta::assert_snapshot!(lines.collect::<Vec<_>>().join("\n"), @r#"
    .SH NAME
    aisr\-untrack \- Stop capturing paths that are ignored now; they stay in the folder and in history
    .SH SYNOPSIS
    .nf
    \&aisr untrack [OPTIONS] <PATHS>...
    .fi
    .SH DESCRIPTION
    Stop capturing paths that are ignored now; they stay in the folder and in history
    .SH OPTIONS
    .TP
    \fB\-m\fR, \fB\-\-message\fR \fI<MESSAGE>\fR
    What to say of it; each further one is a paragraph
    .TP
    \fB\-h\fR, \fB\-\-help\fR
    Print help
    .TP
    <\fIPATHS\fR>
    Files or folders
    .SH EXAMPLES
    .nf
    \&aisr untrack cache
    \&aisr untrack data/tmp.json \-m "Not ours"
    .fi
    .SH "SEE ALSO"
    \fBaisr\fR(1)
    "#);
}

/// groff tells of every request that it does not know.
#[test]
fn manual_pages_have_no_errors_where_groff_is_there_to_say() {
    let desk = Desk::empty();
    if Command::new("groff").arg("--version").output().is_err() {
        return;
    }
    for (name, _) in pages(&desk) {
        let page = desk.outside("man/man1").join(&name);
        let ran = Command::new("groff").args(["-man", "-ww", "-z", "-Tutf8"]).arg(page).output();
        let ran = ran.unwrap();
        let told = String::from_utf8_lossy(&ran.stderr);
        assert!(ran.status.success() && told.is_empty(), "{name}: {told}");
    }
}

#[test]
fn a_folder_that_cannot_be_made_is_an_error() {
    let desk = Desk::empty();
    desk.write("file", "");
    let ran = desk.run(["man", "file/man1"]);
    assert_eq!(ran.code, Some(3), "{}", ran.stderr);
    assert!(ran.stderr.starts_with("error: cannot "), "{}", ran.stderr);
}

#[test]
fn every_shell_gets_a_script_that_knows_every_command() {
    let desk = Desk::empty();
    let commands = commands(&desk);
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = desk.ok(["completions", shell]);
        for name in &commands {
            assert!(script.contains(name.as_str()), "{shell} does not know {name}");
        }
    }
    let ran = desk.run(["completions", "tcsh"]);
    assert_eq!(ran.code, Some(2));
    assert!(ran.stderr.contains("possible values: bash, elvish, fish"), "{}", ran.stderr);
}

#[test]
fn shells_take_the_scripts() {
    let desk = Desk::empty();
    for (shell, args) in [("bash", &["-n"][..]), ("zsh", &["-n"]), ("fish", &["--no-execute"])] {
        if Command::new(shell).args(["-c", "true"]).output().is_err() {
            assert_ne!(shell, "bash", "the one shell that is everywhere");
            continue;
        }
        let file = desk.outside(shell);
        fs::write(&file, desk.ok(["completions", shell])).unwrap();
        let ran = Command::new(shell).args(args).arg(&file).output().unwrap();
        let told = String::from_utf8_lossy(&ran.stderr);
        assert!(ran.status.success() && told.is_empty(), "{shell}: {told}");
    }
}

/// What bash offers for a begun command line.
fn offered(desk: &Desk, words: &[&str]) -> Vec<String> {
    let file = desk.outside("completions.bash");
    fs::write(&file, desk.ok(["completions", "bash"])).unwrap();
    let line = words.iter().map(|word| format!("'{word}'")).collect::<Vec<_>>().join(" ");
    let program = format!(
        ". {}; COMP_WORDS=({line}); COMP_CWORD={}; _aisr aisr '{}' ''; printf '%s\\n' \
         \"${{COMPREPLY[@]}}\"",
        file.display(),
        words.len() - 1,
        words.last().unwrap()
    );
    let ran = Command::new("bash").arg("-c").arg(program).output().unwrap();
    String::from_utf8(ran.stdout).unwrap().lines().map(Into::into).collect()
}

#[test]
fn bash_completes_commands_and_options() {
    let desk = Desk::empty();
    assert_eq!(offered(&desk, &["aisr", "bug"]), ["bug-report"]);
    assert_eq!(offered(&desk, &["aisr", "commit", "--am"]), ["--amend"]);
    assert_eq!(offered(&desk, &["aisr", "completions", "po"]), ["powershell"]);
}
