//! Histories of any shape, made through the library in one pack, and the same in git.
#![allow(dead_code)]

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use aisr::chunk::ContentHint;
use aisr::map::Builder;
use aisr::object::{
    Commit, CommitId, NodeId, ObjectType, Schema, Signed, Stamp, TreeEntry, ValueRef,
};
use aisr::repo::{FILES, Identity, Repository};
use aisr::sign::Namespace;
use aisr::store::{Batch, StoreError};

/// Files by their paths, each with a byte of content.
pub type Files = BTreeMap<String, u8>;

/// A commit to be made.
#[derive(Clone, Debug)]
pub struct Planned {
    /// Its parents, by their places among those before it.
    pub parents: Vec<usize>,
    /// What it holds.
    pub files: Files,
    /// When, by its own clock, in seconds since the epoch.
    pub second: i64,
}

/// Makes the commits, each on those before it; `base` says what they have beside.
pub fn make(repo: &Repository, me: &Identity, base: &Commit, plan: &[Planned]) -> Vec<CommitId> {
    let lease = repo.store().lease().unwrap();
    let writer = repo.store().writer(&lease);
    let mut batch = Batch::new(&writer);
    let mut made: Vec<CommitId> = Vec::new();
    for planned in plan {
        let (files, _) = tree(&mut batch, &planned.files);
        let root = map(&mut batch, Schema::Root, &[(FILES.to_vec(), files.as_bytes().to_vec())]);
        let committed = Stamp { micros: planned.second * 1_000_000, zone: 0 };
        let parents = planned.parents.iter().map(|at| made[*at]).collect();
        let commit = Commit { root: root.0, parents, committed, ..base.clone() };
        made.push(put(&mut batch, me, &commit));
    }
    batch.flush().unwrap();
    drop(batch);
    writer.finish().unwrap();
    made
}

/// Makes one commit, as it is.
pub fn make_one(repo: &Repository, me: &Identity, commit: &Commit) -> CommitId {
    let lease = repo.store().lease().unwrap();
    let writer = repo.store().writer(&lease);
    let mut batch = Batch::new(&writer);
    let id = put(&mut batch, me, commit);
    batch.flush().unwrap();
    drop(batch);
    writer.finish().unwrap();
    id
}

fn put(batch: &mut Batch<'_, '_>, me: &Identity, commit: &Commit) -> CommitId {
    let payload = commit.encode();
    let signature = me.key.sign(Namespace::Commit, &payload).unwrap();
    let object = Signed { payload: &payload, signature: &signature }.encode();
    let id = CommitId::of(&object);
    batch.put(ObjectType::Commit, id.id(), &object, ContentHint::Block).unwrap();
    id
}

fn tree(batch: &mut Batch<'_, '_>, files: &Files) -> (NodeId, u64) {
    let mut folders: BTreeMap<&str, Files> = BTreeMap::new();
    let mut entries: BTreeMap<Vec<u8>, TreeEntry> = BTreeMap::new();
    for (path, content) in files {
        match path.split_once('/') {
            Some((folder, rest)) => {
                folders.entry(folder).or_default().insert(rest.into(), *content);
            }
            None => {
                let blob = batch.blob(&[*content], ContentHint::Block).unwrap();
                entries.insert(path.as_bytes().to_vec(), TreeEntry::file(blob, 1));
            }
        }
    }
    for (name, inside) in folders {
        let (root, bytes) = tree(batch, &inside);
        entries.insert(name.as_bytes().to_vec(), TreeEntry::directory(root, bytes));
    }
    let entries: Vec<_> =
        entries.into_iter().map(|(name, e)| (name, e.encode().to_vec())).collect();
    map(batch, Schema::Tree, &entries)
}

fn map(batch: &mut Batch<'_, '_>, schema: Schema, entries: &[(Vec<u8>, Vec<u8>)]) -> (NodeId, u64) {
    let sink = |id, bytes: Vec<u8>| -> Result<(), StoreError> { batch.node(id, &bytes) };
    let mut map = Builder::new(schema, sink);
    for (key, value) in entries {
        map.push(key, ValueRef::Inline(value)).unwrap();
    }
    let root = map.finish().unwrap();
    (root.id, root.bytes)
}

/// A bare git repository with the same commits, each with its place as the subject and on the
/// branch `b<place>`.
pub struct GitTwin {
    folder: PathBuf,
}

impl GitTwin {
    /// Imports the commits into a new repository in `folder`.
    pub fn import(folder: &Path, plan: &[Planned]) -> Self {
        let twin = Self { folder: folder.into() };
        assert!(twin.git(["init", "-q", "--bare", "."]).status().unwrap().success());
        let mut import =
            twin.git(["fast-import", "--quiet"]).stdin(Stdio::piped()).spawn().unwrap();
        let mut to = std::io::BufWriter::new(import.stdin.take().unwrap());
        for (n, planned) in plan.iter().enumerate() {
            let subject = n.to_string();
            writeln!(to, "commit refs/heads/b{n}\nmark :{}", n + 1).unwrap();
            writeln!(to, "committer Mara <mara@example.org> {} +0000", planned.second).unwrap();
            writeln!(to, "data {}\n{subject}", subject.len()).unwrap();
            for (nth, parent) in planned.parents.iter().enumerate() {
                let word = if nth == 0 { "from" } else { "merge" };
                writeln!(to, "{word} :{}", parent + 1).unwrap();
            }
            writeln!(to, "deleteall").unwrap();
            for (path, content) in &planned.files {
                writeln!(to, "M 100644 inline {path}\ndata 1").unwrap();
                to.write_all(&[*content, b'\n']).unwrap();
            }
        }
        drop(to);
        assert!(import.wait().unwrap().success());
        twin
    }

    /// The places of the commits that `git log` lists.
    pub fn log(&self, include: usize, exclude: Option<usize>, path: &str) -> Vec<usize> {
        let mut words = vec!["log".into(), "--date-order".into(), "--format=%s".into()];
        words.push(format!("b{include}"));
        words.extend(exclude.map(|n| format!("^b{n}")));
        words.extend(["--".into(), path.into()]);
        let out = self.git(words).output().unwrap();
        assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
        let text = String::from_utf8(out.stdout).unwrap();
        text.lines().map(|line| line.parse().unwrap()).collect()
    }

    /// A git command in it, without anything of the user's.
    pub fn git<S: AsRef<std::ffi::OsStr>>(&self, words: impl IntoIterator<Item = S>) -> Command {
        let mut git = Command::new("git");
        git.args(words).current_dir(&self.folder).env("GIT_CONFIG_NOSYSTEM", "1");
        git.env("GIT_CONFIG_GLOBAL", "/dev/null").env("GIT_DIR", &self.folder);
        git
    }
}
