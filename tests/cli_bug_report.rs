//! A report of a bug: it tells what is needed, works on what is damaged, and gives nothing away.

#[path = "support/program.rs"]
mod program;

use std::fs;
use std::os::unix::fs::PermissionsExt;

use program::{Desk, Ran};

/// Stands in every name and text that somebody could think of.
const SECRET: &str = "zqmarker";

/// A desk in whose every name and text the marker stands.
fn marked() -> Desk {
    let desk = Desk::empty();
    let config = format!("[user]\nemail = \"{SECRET}@example.org\"\n");
    fs::write(desk.home().join(".config/aisr/config.toml"), config).unwrap();
    let root = format!("desk/{SECRET}");
    fs::create_dir_all(desk.outside(&root)).unwrap();
    let run = |args: &[&str]| {
        let mut all = vec!["-C", SECRET];
        all.extend(args);
        desk.ok(all)
    };
    run(&["init", "--branch", SECRET]);
    desk.write(&format!("{SECRET}/{SECRET}/{SECRET}.md"), format!("{SECRET} in a file\n"));
    desk.write(&format!("{SECRET}/large.bin"), SECRET.repeat(100_000));
    run(&["commit", "-m", SECRET, "--author", SECRET, "--acting-for", SECRET]);
    run(&["tag", &format!("{SECRET}-1"), "-m", SECRET]);
    run(&["branch", &format!("{SECRET}-2")]);
    run(&["config", "--repo", "user.email", &format!("{SECRET}@example.com")]);
    desk.write(&format!("{SECRET}/{SECRET}/{SECRET}.md"), "other\n");
    run(&["restore", SECRET]);
    desk
}

fn report(desk: &Desk, args: &[&str]) -> Ran {
    let mut command = desk.command(["-C", SECRET, "bug-report"]);
    let ran = Ran::of(
        command
            .args(args)
            .env("AISR_PAGER", SECRET)
            .env("EDITOR", SECRET)
            .env("HOSTNAME", SECRET)
            .output()
            .unwrap(),
    );
    assert_eq!((ran.code, &*ran.stderr), (Some(0), ""), "{}", ran.text());
    let text = ran.text();
    assert!(!text.contains(SECRET), "{text}");
    // Neither ids nor keys: nothing that is long and looks random.
    let is_long = |word: &str| word.len() >= 32 && word.bytes().all(|b| b.is_ascii_hexdigit());
    assert!(!text.split(|c: char| !c.is_alphanumeric()).any(is_long), "{text}");
    assert!(!text.contains(desk.path().to_str().unwrap()), "{text}");
    assert!(!text.contains("mara") && !text.contains("SHA256"), "{text}");
    ran
}

fn json(desk: &Desk) -> serde_json::Value {
    serde_json::from_slice(&report(desk, &["--json"]).stdout).unwrap()
}

#[test]
fn counts_sizes_and_versions_are_told_and_no_names() {
    let desk = marked();
    let text = report(&desk, &[]).text();
    let names: Vec<_> = text.lines().map(|line| line[..12].trim()).collect();
    insta::assert_snapshot!(
        names.join("|"),
        @"aisr|system|settings|settings|environment|file system|format|packs|||log|trust|local"
    );
    assert!(text.contains("settings     of the user: user.email\n"), "{text}");
    assert!(text.contains("environment  AISR_PAGER, EDITOR, TZ\n"), "{text}");
    assert!(text.contains("2 branches, 1 tag, 0 other refs; HEAD on a branch\n"), "{text}");
    assert!(text.contains("root 1: person 1; 1 key, 1 role\n"), "{text}");

    let report = json(&desk);
    let repository = &report["repository"];
    assert_eq!(report["program"]["format"], 0);
    assert_eq!(report["settings"]["repository"], serde_json::json!(["user.email"]));
    assert_eq!(repository["format"]["version"], 0);
    assert_eq!(repository["packs"]["objects"]["commit"]["count"], 1);
    assert_eq!(repository["packs"]["objects"]["genesis"]["count"], 1);
    assert_eq!(repository["packs"]["objects"]["tag"]["count"], 1);
    assert_eq!(repository["packs"]["recipes"], 1);
    assert_eq!(repository["packs"]["damaged"], serde_json::json!({}));
    assert_eq!(repository["log"]["tags"], 1);
    assert_eq!(repository["local"]["operations"], 1);
    assert_eq!(repository["local"]["interrupted"], false);
}

#[test]
fn a_damaged_repository_is_told_of_part_by_part() {
    let desk = marked();
    let aisr = desk.path().join(SECRET).join(".aisr");
    let good = json(&desk);

    // A pack that does not open: the rest is told.
    let packs = fs::read_dir(aisr.join("packs")).unwrap().map(|entry| entry.unwrap().path());
    let data = packs.max_by_key(|path| fs::metadata(path).unwrap().len()).unwrap();
    fs::set_permissions(&data, fs::Permissions::from_mode(0o600)).unwrap();
    fs::write(&data, SECRET).unwrap();
    fs::write(aisr.join("packs").join(format!("tmp-{SECRET}")), SECRET).unwrap();
    let report = json(&desk);
    let found = &report["repository"];
    assert_eq!(found["packs"]["damaged"], serde_json::json!({ "the file ends early": 1 }));
    assert_eq!(found["packs"]["unfinished"]["count"], 1);
    assert_eq!(found["log"], good["repository"]["log"]);

    let damages: [(&str, &[u8], &str); 4] = [
        ("format", b"zqmarker", "it does not start with `aisr-format` and a version"),
        ("format", b"aisr-format 9\nzqmarker\n", "made by a later version"),
        ("refs", b"zqmarker", "the refs file is damaged"),
        ("config.toml", b"[zqmarker", "they cannot be read"),
    ];
    for (file, bytes, why) in damages {
        let path = aisr.join(file);
        let before = fs::read(&path).unwrap();
        fs::write(&path, bytes).unwrap();
        let report = json(&desk);
        let why = serde_json::json!({ "unreadable": why });
        let found = match file {
            "format" => &report["repository"]["format"],
            "refs" => &report["repository"]["log"],
            _ => &report["settings"]["repository"],
        };
        assert_eq!(found, &why, "{file}");
        fs::write(&path, before).unwrap();
    }
    for gone in ["packs", "log", "refs", "format", "local"] {
        let aside = aisr.join("aside");
        fs::rename(aisr.join(gone), &aside).unwrap();
        let text = self::report(&desk, &[]).text();
        let told = if gone == "local" { "local        .aisrignore " } else { "not read: " };
        assert!(text.contains(told), "{gone}: {text}");
        json(&desk);
        fs::rename(&aside, aisr.join(gone)).unwrap();
    }
    // Nothing was touched by looking.
    assert_eq!(json(&desk)["repository"]["log"], good["repository"]["log"]);
}

#[test]
fn outside_of_a_repository_program_and_system_are_told() {
    let desk = Desk::empty();
    let text = desk.ok(["bug-report"]);
    assert!(text.contains("\nrepository   there is none here\n"), "{text}");
    assert!(text.starts_with("aisr         0.1.0 (format 0)"), "{text}");
    // Settings that cannot be read are no reason to say nothing.
    fs::write(desk.home().join(".config/aisr/config.toml"), "[user").unwrap();
    let text = desk.ok(["bug-report"]);
    assert!(text.contains("settings     of the user: they cannot be read\n"), "{text}");
}
