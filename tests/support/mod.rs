//! What the tests of whole repositories share.
#![allow(dead_code)]

pub mod dag;
pub mod git_twin;
pub mod memory_place;
pub mod soundness;
pub mod texts;

use std::collections::BTreeMap;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use aisr::disk::Disk;
use aisr::log::RefName;
use aisr::object::{Commit, CommitId, Level};
use aisr::repo::{Identity, InitOptions, Repository, init};
use aisr::sign::SecretKey;
use aisr::worktree::{CommitOptions, CommitOutcome, Progress, WorktreeError, commit};

/// Nobody watches.
pub struct Quiet;

impl Progress for Quiet {
    fn total(&self, _: u64) {}
    fn advance(&self, _: u64, _: u64) {}
}

/// A fresh identity.
pub fn identity() -> Identity {
    let key = SecretKey::generate().expect("a key");
    let (path, name) = (PathBuf::from("id_ed25519"), "mara@example.org".into());
    Identity { key: key.into(), path, name, made: true }
}

/// A repository in `root`, founded by `founder`.
pub fn new_repository(disk: &Disk, root: &Path, founder: &Identity) -> Repository {
    let branch = RefName::branch("main").expect("a name");
    init(disk, root, &InitOptions { founder, branch }).expect("init")
}

/// A repository with a base that other commits are made on.
pub struct Made {
    pub dir: tempfile::TempDir,
    pub repo: Repository,
    pub identity: Identity,
}

impl Made {
    pub fn new() -> Self {
        let dir = scratch();
        let identity = identity();
        let repo = new_repository(&Disk::new(), dir.path(), &identity);
        write(dir.path(), "a", b"1");
        must_commit(&repo, &identity, "base");
        Self { dir, repo, identity }
    }

    /// The commit that HEAD is on.
    pub fn base(&self) -> Commit {
        let head = self.repo.log().expect("the log").refs().head_commit().expect("a commit");
        self.repo.commit(head).expect("the base").commit
    }
}

/// A commit of the whole folder by two workers, aiming at a snapshot, without a message.
pub fn commit_options<'a>(identity: &'a Identity, progress: &'a dyn Progress) -> CommitOptions<'a> {
    CommitOptions {
        manifest: None,
        identity,
        message: None,
        author: None,
        acting_for: Vec::new(),
        allow_empty: false,
        paths: &[],
        level: Level::Snapshot,
        allowed_secrets: &[],
        quiesce: None,
        threads: 2,
        progress,
    }
}

/// Commits with two workers.
pub fn try_commit(
    repo: &Repository,
    identity: &Identity,
    message: &str,
) -> Result<CommitOutcome, WorktreeError> {
    try_commit_at(repo, identity, message, Level::Snapshot)
}

/// The same, aiming at this level: a snapshot waits for the clock of the file system.
pub fn try_commit_at(
    repo: &Repository,
    identity: &Identity,
    message: &str,
    level: Level,
) -> Result<CommitOutcome, WorktreeError> {
    let message = Some(message.into());
    let options = CommitOptions { message, level, ..commit_options(identity, &Quiet) };
    commit(repo, &options)
}

/// Commits, and expects that there is something to commit.
pub fn must_commit(repo: &Repository, identity: &Identity, message: &str) -> CommitId {
    match try_commit(repo, identity, message).expect("commit") {
        CommitOutcome::Made(report) => report.id,
        CommitOutcome::Nothing { .. } => panic!("nothing to commit for {message}"),
    }
}

/// What a folder holds: by path, the kind, the mode that counts, and the bytes.
pub fn snapshot(root: &Path) -> BTreeMap<Vec<u8>, (char, Vec<u8>)> {
    let mut found = BTreeMap::new();
    let mut todo = vec![root.to_path_buf()];
    while let Some(dir) = todo.pop() {
        for entry in std::fs::read_dir(&dir).expect("read_dir") {
            let path = entry.expect("entry").path();
            let key = path.strip_prefix(root).expect("below").as_os_str().as_bytes().to_vec();
            if key == b".aisr" {
                continue;
            }
            let meta = path.symlink_metadata().expect("metadata");
            let value = if meta.is_symlink() {
                ('l', std::fs::read_link(&path).expect("link").as_os_str().as_bytes().to_vec())
            } else if meta.is_dir() {
                todo.push(path.clone());
                ('d', Vec::new())
            } else {
                let executable = meta.permissions().mode() & 0o100 != 0;
                (if executable { 'x' } else { 'f' }, std::fs::read(&path).expect("read"))
            };
            found.insert(key, value);
        }
    }
    found
}

/// A folder for very many short-lived states: in memory where the system has such a place.
pub fn scratch() -> tempfile::TempDir {
    let memory = Path::new("/dev/shm");
    let made = if memory.is_dir() { tempfile::tempdir_in(memory).ok() } else { None };
    made.unwrap_or_else(|| tempfile::tempdir().expect("a scratch folder"))
}

/// Writes a file and the folders above it.
pub fn write(root: &Path, path: &str, bytes: &[u8]) {
    let path = root.join(path);
    std::fs::create_dir_all(path.parent().expect("a folder")).expect("create_dir_all");
    std::fs::write(path, bytes).expect("write");
}

/// Files of every kind that store and checkout treat differently; `version` tells one state from
/// another.
pub fn write_files(root: &Path, version: u8) {
    write_fewer_bytes(root, version);
    // Above what a checkout writes with one worker.
    write(root, "model.bin", &vec![version; 1200 << 10]);
}

/// The same, as small as can be: for very many states.
pub fn write_fewer_bytes(root: &Path, version: u8) {
    write(root, "prompts/a.md", &[b"prompt ".as_slice(), &[b'0' + version]].concat());
    write(root, "empty", b"");
    // Above what one object or one chunk holds, so that it becomes a recipe; stored it is small.
    write(root, "model.bin", &vec![version; 520 << 10]);
}

/// What the program says that shares no code with aisr: of the repository in `root`, and of how
/// `folder` differs from what `main` holds.
pub fn independent_reader(root: &Path, folder: &Path) -> Output {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let python = here.join("target/venv/bin/python");
    assert!(python.exists(), "no {}: run `bash xtask/setup` first", python.display());
    Command::new(python)
        .arg(here.join("tests/reader/aisr_reader.py"))
        .args([root, Path::new("--compare"), folder])
        .args(["--rev", "main"])
        .output()
        .expect("python starts")
}

/// Copies a folder with everything in it.
pub fn copy_folder(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("create_dir_all");
    for entry in std::fs::read_dir(from).expect("read_dir") {
        let entry = entry.expect("entry");
        let target = to.join(entry.file_name());
        let kind = entry.file_type().expect("file_type");
        if kind.is_dir() {
            copy_folder(&entry.path(), &target);
        } else if kind.is_symlink() {
            let link = std::fs::read_link(entry.path()).expect("link");
            std::os::unix::fs::symlink(link, target).expect("symlink");
        } else {
            std::fs::copy(entry.path(), target).expect("copy");
        }
    }
}

/// Pseudo-random numbers (SplitMix64), so that a failure can be repeated from its seed.
pub struct Random(pub u64);

impl Random {
    /// A number below `end`.
    pub fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) % end.max(1) as u64) as usize
    }
}
