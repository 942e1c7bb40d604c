//! What the program says of a repository that is damaged, and of keys that nobody knows.

#[path = "support/program.rs"]
mod program;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use program::Desk;

fn packs(desk: &Desk) -> Vec<PathBuf> {
    let entries = fs::read_dir(desk.path().join(".aisr/packs")).unwrap();
    let paths = entries.map(|entry| entry.unwrap().path());
    paths.filter(|path| path.extension().is_some_and(|e| e == "pack")).collect()
}

/// Flips a bit in the middle of the largest pack.
fn damage_largest(desk: &Desk) {
    let packs = packs(desk);
    let largest = packs.iter().max_by_key(|path| fs::metadata(path).unwrap().len()).unwrap();
    fs::set_permissions(largest, fs::Permissions::from_mode(0o600)).unwrap();
    let mut bytes = fs::read(largest).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(largest, bytes).unwrap();
}

fn with_a_big_file() -> Desk {
    let desk = Desk::new();
    let noise: Vec<u8> = (0u64..200_000).flat_map(|n| (n * n).to_le_bytes()).collect();
    desk.write("models/base.bin", noise);
    desk.ok(["commit", "-m", "First"]);
    desk.commit("prompts/a.md", "x", "Second");
    desk
}

#[test]
fn fsck_names_the_pack_the_path_and_the_commits() {
    let desk = with_a_big_file();
    damage_largest(&desk);
    let ran = desk.run(["fsck"]);
    let text = ran.text();
    assert_eq!(ran.code, Some(1), "{text}{}", ran.stderr);
    assert!(text.contains(" good; "), "{text}");
    assert!(text.lines().any(|line| line.starts_with("pack ")), "{text}");
    assert!(text.contains("models/base.bin in "), "{text}");
    assert!(text.contains("(2 commits); everything else is whole"), "{text}");
    let report: serde_json::Value =
        serde_json::from_slice(&desk.run(["fsck", "--json"]).stdout).unwrap();
    assert_eq!(report["affected"]["commit_count"], 2);
    assert_eq!(report["affected"]["paths"][0], "models/base.bin");
    // The rest is still there.
    assert_eq!(desk.ok(["cat", "@:prompts/a.md"]), "x");
    let ran = desk.run(["cat", "@:models/base.bin"]);
    assert_eq!(ran.code, Some(3));
    assert!(ran.stderr.contains("hint: `aisr fsck` tells"), "{}", ran.stderr);
}

#[test]
fn fsck_works_where_nothing_else_does() {
    for file in ["format", "refs"] {
        let desk = with_a_big_file();
        let path = desk.path().join(".aisr").join(file);
        fs::write(&path, "gone\n").unwrap();
        let ran = desk.run(["fsck"]);
        assert_eq!(ran.code, Some(1), "{}", ran.stderr);
        assert!(ran.text().contains("repository"), "{}", ran.text());
        assert!(ran.text().contains(file), "{}", ran.text());
    }
}

#[test]
fn every_lost_pack_is_noticed() {
    let desk = with_a_big_file();
    for pack in packs(&desk) {
        let aside = desk.outside("aside");
        fs::rename(&pack, &aside).unwrap();
        let ran = desk.run(["fsck"]);
        assert_eq!(ran.code, Some(1), "{}: {}", pack.display(), ran.text());
        fs::rename(&aside, &pack).unwrap();
    }
    desk.ok(["fsck"]);
}

#[test]
fn every_flipped_byte_of_a_small_pack_is_noticed() {
    let desk = Desk::new();
    desk.commit("a", "1", "First");
    let pack = packs(&desk).into_iter().min_by_key(|p| fs::metadata(p).unwrap().len()).unwrap();
    fs::set_permissions(&pack, fs::Permissions::from_mode(0o600)).unwrap();
    let whole = fs::read(&pack).unwrap();
    for at in (0..whole.len()).step_by(7) {
        let mut bytes = whole.clone();
        bytes[at] ^= 0x10;
        fs::write(&pack, &bytes).unwrap();
        let ran = desk.run(["fsck"]);
        assert_eq!(ran.code, Some(1), "byte {at}: {}{}", ran.text(), ran.stderr);
    }
    fs::write(&pack, &whole).unwrap();
    desk.ok(["fsck"]);
}

#[test]
fn verify_tells_keys_that_nobody_vouches_for() {
    let desk = Desk::new();
    desk.commit("a", "1", "First");
    // Another person, whose key the trust root does not name.
    fs::remove_file(desk.home().join(".config/aisr/id_ed25519")).unwrap();
    let other = Desk::new();
    fs::copy(
        other.home().join(".config/aisr/id_ed25519"),
        desk.home().join(".config/aisr/id_ed25519"),
    )
    .unwrap();
    let id = desk.commit("a", "2", "Second");
    let ran = desk.run(["verify"]);
    assert_eq!(ran.code, Some(1));
    assert!(ran.text().starts_with(&format!("{}  unknown key  SHA256:", &id[..8])));
    assert!(ran.text().contains("commits  2: 1 good, 1 by unknown keys\n"), "{}", ran.text());
    assert!(ran.stderr.contains("hint: --allow-unknown"), "{}", ran.stderr);
    desk.ok(["verify", "--allow-unknown"]);
    desk.ok(["verify", "@~"]);
    assert!(desk.ok(["log"]).contains("signed   unknown key SHA256:"));
    // An unknown key is no damage.
    desk.ok(["fsck"]);
}

#[test]
fn verify_notices_a_log_that_was_touched() {
    let desk = Desk::new();
    desk.commit("a", "1", "First");
    desk.commit("a", "2", "Second");
    let log = fs::read_dir(desk.path().join(".aisr/log")).unwrap().next().unwrap().unwrap().path();
    let mut bytes = fs::read(&log).unwrap();
    bytes[60] ^= 1;
    fs::write(&log, bytes).unwrap();
    for command in ["verify", "fsck"] {
        let ran = desk.run([command]);
        assert_eq!(ran.code, Some(1), "{command}");
        assert!(ran.text().contains("BAD"), "{}", ran.text());
        assert!(ran.text().contains("does not match its checksum"), "{}", ran.text());
    }
}

#[test]
fn repair_says_what_it_would_do_what_it_did_and_what_is_lost() {
    let desk = with_a_big_file();
    let copy = desk.outside("copy");
    copy_folder(&desk.path(), &copy);
    damage_largest(&desk);
    fs::remove_file(desk.path().join("models/base.bin")).unwrap();
    let fsck = desk.run(["fsck"]);
    assert!(fsck.text().contains(" record "), "{}", fsck.text());
    assert!(fsck.text().contains(" in damaged packs can be taken over; 1 object lost\n"));
    assert!(fsck.stderr.contains("hint: `aisr repair`"), "{}", fsck.stderr);
    let is_named = |text: &str| {
        let line = text.lines().find(|line| line.starts_with("affects    models/base.bin in "));
        line.is_some_and(|line| line.contains('…') && line.ends_with(" (2 commits)"))
    };
    let dry = desk.shown(["repair", "--dry-run"]);
    assert!(dry.contains(" objects can be taken over, 1 in it lost\n"), "{dry}");
    assert!(is_named(&dry) && dry.ends_with("[1]"), "{dry}");
    let done = desk.shown(["repair"]);
    assert!(done.contains(" objects taken over into <id>…, 1 in it lost\n"), "{done}");
    assert!(done.contains("aside      <dir>/desk/.aisr/local/damaged keeps what was damaged"));
    assert!(done.contains("lost       1 object\n") && is_named(&done), "{done}");
    assert!(done.contains("hint: `aisr repair --from PLACE`"), "{done}");
    // Commits that hold the rest are as they were.
    assert_eq!(desk.ok(["cat", "@:prompts/a.md"]), "x");
    insta::assert_snapshot!(desk.shown(["repair", "--from", "../copy"]), @r"
    healed     1 object taken from the second copy
    Everything is whole.
    [0]
    ");
    insta::assert_snapshot!(desk.shown(["repair"]), @r"
    Nothing to repair: everything is whole.
    [0]
    ");
    desk.ok(["fsck"]);
}

#[test]
fn repair_refuses_a_copy_that_is_none() {
    let desk = with_a_big_file();
    for (place, says) in [("../nowhere", "no place of one"), (".", "that is repaired")] {
        let ran = desk.run(["repair", "--from", place]);
        assert_eq!(ran.code, Some(3), "{}", ran.stderr);
        assert!(ran.stderr.contains(says) && ran.stderr.contains("hint: "), "{}", ran.stderr);
    }
}

#[test]
fn repair_brings_refs_back_and_says_where_from() {
    let desk = with_a_big_file();
    let before = desk.head();
    fs::write(desk.path().join(".aisr/refs"), "").unwrap();
    assert_eq!(desk.run(["log"]).code, Some(3));
    let report = desk.json(["repair", "--json"]);
    assert_eq!(report["steps"][0]["what"], "refs");
    let detail = report["steps"][0]["detail"].as_str().unwrap();
    assert!(detail.contains("derived from the log, which ends with entry 2"), "{detail}");
    assert_eq!(report["problem_count"], 0);
    assert_eq!(desk.head(), before);
}

fn copy_folder(from: &std::path::Path, to: &std::path::Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let target = to.join(path.file_name().unwrap());
        match path.is_dir() {
            true => copy_folder(&path, &target),
            false => drop(fs::copy(&path, target).unwrap()),
        }
    }
}
