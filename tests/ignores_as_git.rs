//! `.aisrignore` means what git means: the same patterns over the same trees, through both.

mod support;

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::process::Command;

use aisr::disk::Disk;
use aisr::object::{EntryKind, RepoPath};
use aisr::repo::{Descend, RepoError, Repository};
use support::{Random, identity, must_commit, new_repository, scratch};

/// Names that patterns are made of too.
const NAMES: [&[u8]; 22] = [
    b"a",
    b"b",
    b"ab",
    b"a.b",
    b"ba",
    b"abc",
    b"x1",
    b"a b",
    b"a ",
    b" a",
    b"!a",
    b"#a",
    b"[a]",
    b"a*",
    b"a\\",
    b"\t",
    b"-",
    b"]",
    b"A",
    b"\xff",
    b"\xc3\xa9",
    b"**",
];
/// Parts of patterns: literal, glob, broken.
const PARTS: [&[u8]; 44] = [
    b"a",
    b"b",
    b"ab",
    b".b",
    b"*",
    b"*",
    b"?",
    b"**",
    b"**/",
    b"/**",
    b"/",
    b"/",
    b"/**/",
    b"***",
    b"[a-c]",
    b"[!a]",
    b"[^b]",
    b"[]]",
    b"[]-a]",
    b"[a",
    b"[[:alpha:]]",
    b"[[:space:]]",
    b"[[:x:]]",
    b"[[:upper:]a]",
    b"[\\]]",
    b"[a-]",
    b"[!a-b]",
    b"[/]",
    b"[--0]",
    b"\\a",
    b"\\*",
    b"\\\\",
    b"\\ ",
    b" ",
    b"\\[",
    b"\\",
    b"!",
    b"#",
    b"\\!",
    b"\\#",
    b"\t",
    b"\xff",
    b"\xc3\xa9",
    b"$",
];
const ENDS: [&[u8]; 8] = [b"\n", b"\n", b"\n", b"\n", b"\r\n", b" \n", b"\r\r\n", b"\\ \n"];
/// Lines that say something special.
const LINES: [&[u8]; 16] = [
    b"\n",
    b"   \n",
    b"# a\n",
    b"/\n",
    b"!\n",
    b"*\n",
    b"!*/\n",
    b"/*\n",
    b"!/a\n",
    b"a/\n",
    b"!a/b\n",
    b"**/a\n",
    b"a**/b\n",
    b"a/**/b\n",
    b"a\0b\n",
    b"//\n",
];

fn pick<'a>(random: &mut Random, from: &[&'a [u8]]) -> &'a [u8] {
    from[random.below(from.len())]
}

fn ignore_file(random: &mut Random) -> Vec<u8> {
    let mut text = Vec::new();
    if random.below(8) == 0 {
        text.extend_from_slice(b"\xef\xbb\xbf");
    }
    for _ in 0..1 + random.below(5) {
        if random.below(4) == 0 {
            text.extend_from_slice(pick(random, &LINES));
            continue;
        }
        if random.below(3) == 0 {
            text.push(b'!');
        }
        for _ in 0..1 + random.below(4) {
            text.extend_from_slice(pick(random, &PARTS));
        }
        if random.below(4) == 0 {
            text.push(b'/');
        }
        text.extend_from_slice(pick(random, &ENDS));
    }
    if random.below(6) == 0 {
        // The last line need not end.
        text.pop();
    }
    text
}

/// A small tree with an ignore file at its top and perhaps further down.
fn fill(random: &mut Random, folder: &Path, depth: usize) {
    std::fs::create_dir_all(folder).expect("a folder");
    if depth == 0 || random.below(4) == 0 {
        std::fs::write(folder.join(".aisrignore"), ignore_file(random)).expect("an ignore file");
    }
    for _ in 0..2 + random.below(4) {
        let path = folder.join(OsStr::from_bytes(pick(random, &NAMES)));
        if path.exists() {
            continue;
        }
        match depth < 3 && random.below(2) == 0 {
            true => fill(random, &path, depth + 1),
            false => std::fs::write(&path, b"").expect("a file"),
        }
    }
}

/// The files that git would not ignore.
fn by_git(root: &Path) -> BTreeSet<Vec<u8>> {
    let git = tempfile::tempdir().expect("a folder");
    let run = |args: &[&str]| {
        let output = Command::new("git")
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("HOME", git.path())
            .env("GIT_DIR", git.path().join("git"))
            .env("GIT_WORK_TREE", root)
            .current_dir(root)
            .args(args)
            .output()
            .expect("git starts");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        output.stdout
    };
    run(&["init", "-q"]);
    let found = run(&["ls-files", "-z", "--others", "--exclude-per-directory=.aisrignore"]);
    let files = found.split(|byte| *byte == 0).filter(|path| !path.is_empty());
    files.filter(|path| !path.starts_with(b".aisr/")).map(<[u8]>::to_vec).collect()
}

/// The files that a commit holds.
fn by_aisr(repo: &Repository) -> BTreeSet<Vec<u8>> {
    let id = must_commit(repo, &identity(), "all");
    let files = repo.files(&repo.commit(id).expect("a commit").commit).expect("a tree");
    let mut found = BTreeSet::new();
    let visited: Result<(), RepoError> =
        repo.walk_tree(files, &RepoPath::root(), &mut |path, entry| {
            if entry.kind() != EntryKind::Directory {
                found.insert(path.as_bytes().to_vec());
            }
            Ok(Descend::Into)
        });
    visited.expect("the tree");
    found
}

/// Lays out the trees of one repository, and compares.
fn compare(seed: u64, cases: usize, layout: impl FnOnce(&mut Random, &Path, usize)) {
    let root = scratch();
    let root = root.path();
    let repo = new_repository(&Disk::new(), root, &identity());
    layout(&mut Random(seed), root, cases);
    let (git, aisr) = (by_git(root), by_aisr(&repo));
    let Some(path) = git.symmetric_difference(&aisr).next() else {
        // Neither everything nor nothing is left out, so that the comparison says something.
        let all = support::snapshot(root).values().filter(|(kind, _)| *kind == 'f').count();
        assert!(cases < 100 || (all / 5..all - all / 5).contains(&git.len()), "{}", git.len());
        return;
    };
    let shown = |path: &[u8]| path.escape_ascii().to_string();
    let mut told = format!("seed {seed}: git captures {}: {}\n", shown(path), git.contains(path));
    let at = root.join(OsStr::from_bytes(path));
    for folder in at.ancestors().take_while(|folder| folder.starts_with(root)) {
        if let Ok(text) = std::fs::read(folder.join(".aisrignore")) {
            told += &format!("{}: {}\n", shown(folder.as_os_str().as_bytes()), shown(&text));
        }
    }
    panic!("{told}");
}

#[test]
fn random_patterns_in_folders_mean_what_they_mean_to_git() {
    for seed in 0..4 {
        compare(seed, 250, |random, root, cases| {
            for case in 0..cases {
                fill(random, &root.join(format!("case-{case}")), 0);
            }
        });
    }
}

#[test]
fn random_patterns_at_the_root_mean_what_they_mean_to_git() {
    for seed in 100..140 {
        compare(seed, 1, |random, root, _| fill(random, root, 0));
    }
}

#[test]
fn the_default_patterns_mean_what_they_mean_to_git() {
    compare(0, 1, |_, root, _| {
        std::fs::write(root.join(".aisrignore"), aisr::worktree::DEFAULT_IGNORES).expect("a file");
        for path in [
            ".env",
            ".env.local",
            ".env.example",
            "a/.env",
            "id_rsa",
            "k/id_ed25519.pub",
            "tls.key",
            "a/ca-key.pem",
            "ca.pem",
            ".aws/config",
            ".ssh/known",
            "target/x",
            "src/target",
            "a/venv/x",
            "models/m.gguf",
            "__pycache__/x.pyc",
            "x.pyc",
            "credentials.json",
        ] {
            support::write(root, path, b"x");
        }
    });
}
