//! Small repositories of every type of object, schema, codec and odd name, as they lie in
//! `tests/fixtures`: this version opens them, and reads of them what was put in.
//!
//! While format version 0 may change, `cargo xtask fixtures` makes them anew.

#[path = "fixtures/make.rs"]
mod make;
#[path = "support/program.rs"]
mod program;
mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use aisr::disk::Disk;
use aisr::object::{Node, ObjectType, RecipeNode};
use aisr::store::Store;
use make::repositories::NAMES;
use make::workshop::line;
use program::Desk;
use support::{copy_folder, independent_reader, snapshot};

fn home(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name)
}

/// A desk over a copy of the fixture's repository, with nothing checked out.
fn open(name: &str) -> Desk {
    let desk = Desk::empty();
    let aisr = desk.path().join(".aisr");
    copy_folder(&home(name).join("repo.aisr"), &aisr);
    let key = aisr.join("local/replica-key");
    fs::set_permissions(key, fs::Permissions::from_mode(0o600)).unwrap();
    desk
}

/// The branches whose content is noted beside the fixture.
fn branches(name: &str) -> Vec<String> {
    let entries = fs::read_dir(home(name)).unwrap().map(|entry| entry.unwrap().path());
    let lists = entries.filter(|path| path.extension().is_some_and(|end| end == "txt"));
    lists.map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned()).collect()
}

/// What a branch must look like, one line for each path.
fn noted(name: &str, branch: &str) -> BTreeSet<String> {
    let text = fs::read_to_string(home(name).join(format!("{branch}.txt"))).unwrap();
    text.lines().map(Into::into).collect()
}

/// What a folder looks like, in the same lines.
fn seen(folder: &Path) -> BTreeSet<String> {
    let line = |(path, (kind, bytes)): (Vec<u8>, (char, Vec<u8>))| {
        let content = (blake3::hash(&bytes).to_string(), bytes.len() as u64);
        line(kind, Some(content).filter(|_| kind != 'd'), &path)
    };
    snapshot(folder).into_iter().map(line).collect()
}

fn files(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut todo = vec![folder.to_owned()];
    while let Some(dir) = todo.pop() {
        for entry in fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            match path.is_dir() {
                true => todo.push(path),
                false => {
                    let name = path.strip_prefix(folder).unwrap().to_owned();
                    found.insert(name, fs::read(path).unwrap());
                }
            }
        }
    }
    found
}

#[test]
fn the_code_makes_the_fixtures_as_they_lie_here() {
    let scratch = tempfile::tempdir().unwrap();
    for name in NAMES {
        let made = scratch.path().join(name);
        make::repositories::make(name, &made);
        let (made, here) = (files(&made), files(&home(name)));
        let same = made.iter().all(|(name, bytes)| here.get(name) == Some(bytes));
        let gone: Vec<_> = here.keys().filter(|name| !made.contains_key(*name)).collect();
        assert!(
            same && gone.is_empty(),
            "{name} is not what the code makes now: `cargo xtask fixtures` makes it anew"
        );
        let size: usize = here.values().map(Vec::len).sum();
        assert!(size < 300 << 10, "{name} takes {size} bytes");
    }
}

#[test]
fn every_fixture_is_sound() {
    for name in NAMES {
        let desk = open(name);
        let report = desk.json(["fsck", "--json"]);
        assert_eq!(report["problem_count"], 0, "{name}: {report:#}");
        let report = desk.run(["verify", "--json"]);
        assert_eq!(report.code, Some(0), "{name}: {}{}", report.text(), report.stderr);
        for branch in branches(name) {
            assert!(desk.ok(["log", "--oneline", &branch]).lines().count() > 0);
            desk.ok(["show", &branch]);
        }
    }
}

#[test]
fn every_branch_is_written_out_as_it_was_put_in() {
    for name in NAMES {
        let desk = open(name);
        for branch in branches(name) {
            let out = desk.outside(&branch);
            desk.ok(["checkout", &branch, "--out", out.to_str().unwrap()]);
            assert_eq!(seen(&out), noted(name, &branch), "{name}, {branch}");
        }
    }
}

#[test]
fn every_file_is_listed_and_printed_as_it_was_put_in() {
    for name in NAMES {
        let desk = open(name);
        for branch in branches(name) {
            let listed = desk.json(["ls", "-r", "--json", &branch]);
            let noted = noted(name, &branch);
            for entry in listed.as_array().unwrap() {
                let hex = |text: &str| data_encoding::HEXLOWER.decode(text.as_bytes()).unwrap();
                let path = match entry["path_hex"].as_str() {
                    Some(digits) => hex(digits),
                    None => entry["path"].as_str().unwrap().as_bytes().to_vec(),
                };
                let kind = match entry["kind"].as_str().unwrap() {
                    "file" => 'f',
                    "executable" => 'x',
                    "symlink" => 'l',
                    _ => continue,
                };
                let id = entry["id"].as_str().unwrap().to_owned();
                let line = line(kind, Some((id, entry["size"].as_u64().unwrap())), &path);
                assert!(noted.contains(&line), "{name}, {branch}: {line}");
            }
        }
    }
    // A few, as a person asks for them.
    let desk = open("objects");
    let hash = |args: [&str; 2]| blake3::hash(&desk.run(args).stdout).to_string();
    for (branch, path) in [("main", "weights.bin"), ("side", "prompts/triage.md")] {
        let hash = hash(["cat", &format!("{branch}:{path}")]);
        assert!(noted("objects", branch).iter().any(|line| line.contains(&hash)), "{path}");
    }
}

#[test]
fn the_independent_reader_reads_the_fixtures() {
    for name in NAMES {
        let desk = open(name);
        let out = desk.outside("main");
        desk.ok(["checkout", "main", "--out", out.to_str().unwrap()]);
        let ran = independent_reader(&desk.path(), &out);
        let told = String::from_utf8_lossy(&ran.stdout);
        let errors = String::from_utf8_lossy(&ran.stderr);
        assert!(ran.status.success(), "{name}: {told}{errors}");
    }
}

/// What the packs of a fixture hold.
#[derive(Default)]
struct Held {
    types: BTreeSet<ObjectType>,
    codecs: BTreeSet<u8>,
    schemas: BTreeSet<String>,
    map_levels: BTreeMap<String, u8>,
    recipe_level: u8,
}

fn held(name: &str) -> Held {
    let desk = open(name);
    let store = Store::open(Disk::new(), &desk.path().join(".aisr")).unwrap();
    let mut held = Held::default();
    for pack in store.pack_files().iter() {
        for entry in pack.footer().unwrap().entries {
            held.types.insert(entry.kind);
            held.codecs.insert(entry.codec);
            let bytes = store.read(entry.kind, entry.id).unwrap();
            match entry.kind {
                ObjectType::Node => {
                    let header = *Node::decode(bytes.into()).unwrap().header();
                    let schema = header.schema.name().to_owned();
                    let level = held.map_levels.entry(schema.clone()).or_default();
                    *level = header.level.max(*level);
                    held.schemas.insert(schema);
                }
                ObjectType::Recipe => {
                    let level = RecipeNode::decode(&bytes).unwrap().level;
                    held.recipe_level = held.recipe_level.max(level);
                }
                _ => {}
            }
        }
    }
    held
}

#[test]
fn together_they_hold_everything_that_this_version_writes() {
    let objects = held("objects");
    let later = [ObjectType::Attestation, ObjectType::Delegation];
    let types = ObjectType::ALL.into_iter().filter(|kind| !later.contains(kind));
    assert_eq!(objects.types, types.collect());
    let schemas = ["components", "edges", "external", "root", "system", "table", "tree"];
    assert_eq!(objects.schemas, schemas.map(Into::into).into());
    assert_eq!(objects.recipe_level, 3);
    assert_eq!(held("codecs").codecs, [0, 1, 2].into());
    let deep = held("deep-maps").map_levels;
    assert!(deep["table"] >= 3 && deep["tree"] >= 2, "{deep:?}");
}

#[test]
fn history_goes_on_from_a_fixture() {
    let desk = open("objects");
    let files = ["NOTES.md", "README.md", "current", "empty", "run.sh", "weights.bin"];
    desk.ok(["restore", "agents", "prompts"].iter().chain(&files));
    assert_eq!(seen(&desk.path()), noted("objects", "main"));
    // Signed by the founder's own key, which the genesis names.
    let ssh = desk.home().join(".ssh");
    fs::create_dir(&ssh).unwrap();
    let founder = make::workshop::pem(1);
    fs::write(ssh.join("id_ed25519"), founder).unwrap();
    fs::set_permissions(ssh.join("id_ed25519"), fs::Permissions::from_mode(0o600)).unwrap();
    desk.commit("prompts/new.md", "new\n", "On top");
    assert_eq!(desk.ok(["diff", "--name-only", "@~..@"]), "prompts/new.md\n");
    desk.ok(["verify"]);
    assert_eq!(desk.json(["fsck", "--json"])["problem_count"], 0);
}
