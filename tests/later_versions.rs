//! Repositories that a later version made: what is needed is said, what can be read is read, and
//! nothing is written.

#[path = "support/program.rs"]
mod program;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use aisr::object::Id;
use aisr::repo::Format;
use program::Desk;

/// A desk with a commit and a change that is not committed, whose format file is `text` under a
/// right checksum.
fn desk_with_format(text: &str) -> Desk {
    let desk = Desk::new();
    desk.commit("prompts/a.md", "first\n", "First");
    desk.ok(["branch", "kept"]);
    desk.write("prompts/a.md", "second\n");
    desk.write("notes.md", "third\n");
    let sum = Id::new(blake3::derive_key("aisr 2026-11-24 format file v1", text.as_bytes()));
    fs::write(desk.path().join(".aisr/format"), format!("{text}checksum {sum}\n")).unwrap();
    desk
}

/// The format file of this version without its checksum.
fn body() -> String {
    let text = Format::default().encode();
    text[..text.rfind("checksum ").unwrap()].to_owned()
}

/// Every file below a folder, with its bytes.
fn files(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut todo = vec![folder.to_owned()];
    while let Some(dir) = todo.pop() {
        for entry in fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            match path.is_dir() {
                true => todo.push(path),
                false => drop(found.insert(path.clone(), fs::read(&path).unwrap())),
            }
        }
    }
    found
}

#[test]
fn what_opening_needs_is_said_by_name() {
    let cases = [
        (body().replace("requires\n", "requires deltas redactions\n"), "`deltas`"),
        (body().replace("aisr-format 0", "aisr-format 7"), "format version 7"),
        (body().replace("blake3", "sha3-256"), "`object-hash sha3-256`"),
        (body().replace("splitter 1", "splitter 2"), "`splitter 2`"),
        (body().replace("chunker 1\n", "chunker 1\ncipher age\n"), "`cipher age`"),
    ];
    for (text, needed) in cases {
        let desk = desk_with_format(&text);
        let before = files(&desk.path());
        for args in [&["log"][..], &["status"], &["commit", "-m", "x"], &["cat", "@:notes.md"]] {
            let ran = desk.run(args);
            let wanted = format!(
                "error: this repository was made by a later aisr: opening it needs {needed}\n\
                 hint: a newer version of aisr opens it\n"
            );
            assert_eq!((ran.code, ran.stderr), (Some(3), wanted), "{args:?}");
        }
        // Damage is told apart: a version that cannot be opened is no reason to repair.
        assert!(desk.run(["fsck"]).text().contains(needed));
        assert_eq!(files(&desk.path()), before);
    }
}

#[test]
fn a_damaged_format_file_is_not_taken_for_a_later_one() {
    let damaged = [
        body().replace("aisr-format 0", "aisr-format seven"),
        body().replace("aisr-format 0", "aisr-format 00"),
        body().replace("requires\n", "requires  x\n"),
        body().replace("requires\n", "requires X\n"),
        body().replace("chunker 1", "chunker one"),
        body().replace("requires-write\n", ""),
    ];
    for text in damaged {
        let ran = desk_with_format(&text).run(["log"]);
        let is_damage = ran.stderr.contains(".aisr/format is damaged: ");
        assert!(ran.code == Some(3) && is_damage, "{text}{}", ran.stderr);
    }
}

/// What a version that may not write can be asked for.
const READS: [&[&str]; 14] = [
    &["log"],
    &["log", "--json"],
    &["show"],
    &["ls", "-r"],
    &["cat", "@:prompts/a.md"],
    &["diff"],
    &["status"],
    &["branch"],
    &["tag"],
    &["op", "log"],
    &["verify"],
    &["fsck"],
    &["config", "--list"],
    &["checkout", "@", "--out", "../out"],
];

const WRITES: [&[&str]; 14] = [
    &["commit", "-m", "x"],
    &["commit", "-m", "x", "notes.md"],
    &["commit", "--amend", "-m", "x"],
    &["checkout", "@", "--force"],
    &["checkout", "-b", "side"],
    &["restore", "prompts/a.md"],
    &["undo", "--force"],
    &["redo"],
    &["branch", "side"],
    &["branch", "-m", "main", "trunk"],
    &["branch", "-D", "kept"],
    &["tag", "v1"],
    &["tag", "v1", "-m", "x"],
    &["untrack", "prompts/a.md"],
];

#[test]
fn what_only_writers_must_know_leaves_everything_readable() {
    let cases = [
        (body().replace("requires-write\n", "requires-write deltas\n"), "`deltas`"),
        (body().replace("chunker 1", "chunker 2"), "`chunker 2`"),
    ];
    for (text, needed) in cases {
        let desk = desk_with_format(&text);
        for args in READS {
            let ran = desk.run(args);
            assert_eq!((ran.code, &*ran.stderr), (Some(0), ""), "{args:?}");
        }
        assert_eq!(fs::read(desk.outside("out/prompts/a.md")).unwrap(), b"first\n");
        let before = files(&desk.path());
        for args in WRITES {
            let ran = desk.run(args);
            let needs = format!(
                "error: a later aisr has written to this repository: writing to it needs {needed}\n"
            );
            assert!(
                ran.code == Some(3) && ran.stderr.starts_with(&needs),
                "{args:?}: {}",
                ran.stderr
            );
        }
        let changed: Vec<_> = files(&desk.path())
            .into_iter()
            .filter(|(path, bytes)| before.get(path) != Some(bytes))
            .map(|(path, _)| path)
            .collect();
        assert_eq!(changed, Vec::<PathBuf>::new());
    }
}
