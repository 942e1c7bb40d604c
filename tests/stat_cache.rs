//! Looking at times alone tells the same as reading everything.

#[path = "support/program.rs"]
mod program;
#[path = "support/mod.rs"]
mod support;

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use aisr::capture::StatKey;
use aisr::object::BlobId;
use aisr::worktree::{Record, decode_record, encode_record};
use program::Desk;
use support::Random;

const ROUNDS: usize = 80;
const NAMES: [&str; 6] = ["a", "b", "x1", "x2", "c:d", ".aisrignore"];
const RULES: [&str; 5] = ["x*\n", "!x1\n", "b/\n", ".aisrignore\n", "x2\n!a\n"];

/// Some folder under `root`, down a random way.
fn folder(root: &Path, random: &mut Random) -> PathBuf {
    let mut at = root.to_owned();
    for _ in 0..random.below(4) {
        let next = at.join(NAMES[random.below(4)]);
        match fs::symlink_metadata(&next) {
            Ok(stat) if stat.is_dir() => at = next,
            Ok(_) => {}
            Err(_) => {
                fs::create_dir(&next).unwrap();
                at = next;
            }
        }
    }
    at
}

fn remove(path: &Path) {
    match fs::symlink_metadata(path) {
        Ok(stat) if stat.is_dir() => fs::remove_dir_all(path).unwrap(),
        Ok(_) => fs::remove_file(path).unwrap(),
        Err(_) => {}
    }
}

/// Changes one thing in the folder.
fn change(root: &Path, random: &mut Random, database: &rusqlite::Connection) -> String {
    let place = folder(root, random);
    let path = place.join(NAMES[random.below(5)]);
    let other = folder(root, random).join(NAMES[random.below(5)]);
    let kind = random.below(10);
    match kind {
        0 | 1 => {
            let path = place.join(NAMES[random.below(5)]);
            if !path.is_dir() {
                remove(&path);
                fs::write(&path, random.below(1000).to_string()).unwrap();
            }
        }
        2 => remove(&path),
        3 => {
            remove(&place.join(NAMES[5]));
            fs::write(place.join(NAMES[5]), RULES[random.below(5)]).unwrap();
        }
        4 => remove(&place.join(NAMES[5])),
        5 if path.is_file() => {
            let mode = if random.below(2) == 0 { 0o644 } else { 0o755 };
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        }
        6 if !other.starts_with(&path) && !path.starts_with(&other) => {
            remove(&other);
            let _ = fs::rename(&path, &other);
        }
        7 if !root.starts_with(&path) => {
            remove(&path);
            symlink("../a", &path).unwrap();
        }
        8 => {
            database.execute("INSERT INTO t VALUES (1)", ()).unwrap();
        }
        _ => {}
    }
    format!("{kind} at {} and {}", path.display(), other.display())
}

#[test]
fn status_with_the_cache_and_without_it_is_the_same_after_random_changes() {
    for seed in 0..2 {
        let desk = Desk::new();
        let (root, cache) = (desk.path(), desk.path().join(".aisr/local/stat-cache"));
        fs::create_dir(root.join("memory")).unwrap();
        let database = rusqlite::Connection::open(root.join("memory/store.db")).unwrap();
        database.pragma_update(None, "journal_mode", "wal").unwrap();
        database.execute("CREATE TABLE t (n)", ()).unwrap();
        let mut random = Random(seed);
        for round in 0..ROUNDS {
            let what = change(&root, &mut random, &database);
            if random.below(3) == 0 {
                // Old enough that its times tell.
                std::thread::sleep(std::time::Duration::from_millis(25));
            }
            if random.below(6) == 0 {
                desk.run(["commit", "-q", "-m", "x"]);
                desk.ok(["fsck", "-q"]);
            }
            let with = desk.ok(["status", "--json", "--ignored"]);
            let plain = desk.ok(["status", "--json"]);
            let kept = fs::read(&cache).unwrap();
            fs::remove_file(&cache).unwrap();
            let without = desk.ok(["status", "--json", "--ignored"]);
            assert_eq!(with, without, "seed {seed}, round {round}: {what}");
            fs::remove_file(&cache).unwrap();
            assert_eq!(plain, desk.ok(["status", "--json"]), "seed {seed}, round {round}: {what}");
            fs::write(&cache, kept).unwrap();
        }
    }
}

#[test]
fn rules_that_change_far_above_count_in_folders_in_which_nothing_changed() {
    let desk = Desk::new();
    desk.write("d/.aisrignore", "x\n");
    desk.write("d/e/f/kept", "1");
    desk.write("d/e/f/x", "1");
    std::thread::sleep(std::time::Duration::from_millis(25));
    desk.ok(["commit", "-m", "First"]);
    assert_eq!(desk.json(["status", "--json"])["ignored"], 1);
    desk.write("d/.aisrignore", "y\n");
    let status = desk.json(["status", "--json"]);
    assert_eq!(status["changes"][1]["path"], "d/e/f/x");
    assert_eq!(status["ignored"], 0);
    desk.write("d/.aisrignore", "x\n");
    assert_eq!(desk.json(["status", "--json"])["changes"].as_array().unwrap().len(), 0);
    // An ignore file that is left out itself is in no record.
    desk.write("d/.aisrignore", "x\n.aisrignore\n");
    desk.ok(["untrack", "d/.aisrignore"]);
    desk.ok(["status"]);
    desk.write("d/.aisrignore", ".aisrignore\n");
    assert_eq!(desk.json(["status", "--json"])["changes"][0]["path"], "d/e/f/x");
}

#[test]
fn what_is_told_of_a_folder_is_told_each_time() {
    let desk = Desk::new();
    desk.write("d/e/a:b", "1");
    desk.write("f/g", "1");
    std::thread::sleep(std::time::Duration::from_millis(25));
    desk.ok(["commit", "-m", "First"]);
    for _ in 0..3 {
        let warnings = desk.json(["status", "--json"])["warnings"].as_array().unwrap().clone();
        assert_eq!(warnings.len(), 1, "{warnings:?}");
        desk.ok(["commit", "--allow-empty", "-m", "Again"]);
        std::thread::sleep(std::time::Duration::from_millis(25));
    }
}

/// Where the records begin.
const START: usize = 48;

/// A stat cache with other records: `edit` says of each whether it stays.
fn edited(cache: &[u8], mut edit: impl FnMut(&mut Record) -> bool) -> Vec<u8> {
    let mut rest = &cache[START..cache.len() - 32];
    let mut records = Vec::new();
    while !rest.is_empty() {
        let (mut record, len) = decode_record(rest).unwrap();
        rest = &rest[len..];
        if edit(&mut record) {
            encode_record(&record, &mut records);
        }
    }
    let mut hasher = blake3::Hasher::new();
    hasher.update(&records).update(&cache[..START]);
    [&cache[..START], &records, hasher.finalize().as_bytes()].concat()
}

type Change = fn(&mut StatKey);

/// What may differ, one at a time.
const PARTS: [(&str, Change); 5] = [
    ("size", |stat| stat.size += 1),
    ("time of change", |stat| stat.mtime -= 1),
    ("time of the inode's change", |stat| stat.ctime -= 1),
    ("inode", |stat| stat.inode += 1),
    ("mode", |stat| stat.executable = !stat.executable),
];

fn shows_a_change(desk: &Desk, cache: &[u8]) -> bool {
    fs::write(desk.path().join(".aisr/local/stat-cache"), cache).unwrap();
    !desk.json(["status", "--json"])["changes"].as_array().unwrap().is_empty()
}

/// A desk with one file in a folder of its own, in two versions, and the cache after each.
fn two_versions() -> (Desk, [Vec<u8>; 2]) {
    let desk = Desk::new();
    fs::remove_file(desk.path().join(".aisrignore")).unwrap();
    let pause = || std::thread::sleep(std::time::Duration::from_millis(30));
    let caches = ["1", "2"].map(|text| {
        desk.write("a", text);
        pause();
        desk.ok(["commit", "-m", text]);
        pause();
        desk.ok(["status"]);
        fs::read(desk.path().join(".aisr/local/stat-cache")).unwrap()
    });
    (desk, caches)
}

#[test]
fn a_file_is_read_again_when_any_part_of_its_stat_differs_and_else_it_is_not() {
    let (desk, [_, cache]) = two_versions();
    // A lie about the content, which only reading brings to light.
    let lie = |change: &dyn Fn(&mut StatKey), racy| {
        edited(&cache, |record| {
            let Record::File(entry) = record else { return false };
            entry.id = BlobId::of(b"1");
            entry.racy = racy;
            change(&mut entry.stat);
            true
        })
    };
    assert!(shows_a_change(&desk, &lie(&|_| (), false)), "what is known is not read");
    for (part, change) in PARTS {
        assert!(!shows_a_change(&desk, &lie(&change, false)), "{part}");
    }
    assert!(!shows_a_change(&desk, &lie(&|_| (), true)), "racily clean");
}

#[test]
fn a_folder_is_listed_again_when_any_part_of_a_stat_in_it_differs_and_else_it_is_not() {
    let (desk, caches) = two_versions();
    let mut old = None;
    edited(&caches[0], |record| {
        if let Record::Folder(folder) = record {
            old = Some(folder.tree);
        }
        true
    });
    // A lie about what the folder came to.
    let lie = |of_folder: &dyn Fn(&mut StatKey), of_file: &dyn Fn(&mut StatKey), is_racy| {
        edited(&caches[1], |record| {
            match record {
                Record::Folder(folder) => {
                    folder.tree = old.unwrap();
                    of_folder(&mut folder.stat);
                }
                Record::File(entry) => {
                    of_file(&mut entry.stat);
                    entry.racy = is_racy;
                }
                Record::Database(_) => {}
            }
            true
        })
    };
    assert!(shows_a_change(&desk, &lie(&|_| (), &|_| (), false)), "one look at times is enough");
    for (part, change) in PARTS {
        assert!(!shows_a_change(&desk, &lie(&change, &|_| (), false)), "{part} of the folder");
        assert!(!shows_a_change(&desk, &lie(&|_| (), &change, false)), "{part} of the file");
    }
    assert!(!shows_a_change(&desk, &lie(&|_| (), &|_| (), true)), "racily clean");
}

#[test]
fn what_status_noted_is_stored_by_the_next_commit() {
    let desk = Desk::new();
    let pause = || std::thread::sleep(std::time::Duration::from_millis(30));
    for round in 0..2 {
        desk.write(&format!("{round}/deep/a"), round.to_string());
        let database = desk.path().join(format!("{round}/store.db"));
        let database = rusqlite::Connection::open(database).unwrap();
        database.execute_batch("CREATE TABLE t (n); INSERT INTO t VALUES (1)").unwrap();
        drop(database);
        pause();
        desk.ok(["status"]);
        pause();
        desk.ok(["status"]);
        desk.ok(["commit", "-m", "x"]);
        desk.ok(["fsck"]);
        assert_eq!(desk.ok(["cat", &format!("@:{round}/deep/a")]), round.to_string());
    }
}
