//! What the tests of whole repositories share.
#![allow(dead_code)]

use std::collections::BTreeMap;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use aisr::disk::Disk;
use aisr::log::RefName;
use aisr::object::CommitId;
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
    Identity { key, path: PathBuf::from("id_ed25519"), name: "mara@example.org".into(), made: true }
}

/// A repository in `root`, founded by `founder`.
pub fn new_repository(disk: &Disk, root: &Path, founder: &Identity) -> Repository {
    let branch = RefName::branch("main").expect("a name");
    init(disk, root, &InitOptions { founder, branch }).expect("init")
}

/// Commits with two workers.
pub fn try_commit(
    repo: &Repository,
    identity: &Identity,
    message: &str,
) -> Result<CommitOutcome, WorktreeError> {
    let options = CommitOptions {
        identity,
        message: Some(message.into()),
        author: None,
        acting_for: Vec::new(),
        allow_empty: false,
        threads: 2,
        progress: &Quiet,
    };
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
