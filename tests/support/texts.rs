//! Histories of any shape whose files are texts, made through the library in one pack, and the same
//! in git.
#![allow(dead_code)]

use std::collections::BTreeMap;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use aisr::chunk::ContentHint;
use aisr::map::Builder;
use aisr::object::{Commit, CommitId, ObjectType, Schema, Signed, Stamp, TreeEntry, ValueRef};
use aisr::repo::{FILES, Identity, Repository};
use aisr::sign::Namespace;
use aisr::store::{Batch, StoreError};

/// Texts by their names; there are no folders.
pub type Texts = BTreeMap<String, Vec<u8>>;

/// A commit to be made.
#[derive(Clone, Debug)]
pub struct Planned {
    /// Its parents, by their places among those before it.
    pub parents: Vec<usize>,
    /// What it holds.
    pub files: Texts,
}

/// Makes the commits, each on those before it and a second later; `base` says what they have
/// beside.
pub fn make(repo: &Repository, me: &Identity, base: &Commit, plan: &[Planned]) -> Vec<CommitId> {
    let lease = repo.store().lease().unwrap();
    let writer = repo.store().writer(&lease);
    let mut batch = Batch::new(&writer);
    let mut made: Vec<CommitId> = Vec::new();
    for (n, planned) in plan.iter().enumerate() {
        let mut entries = Vec::new();
        for (name, text) in &planned.files {
            let blob = batch.blob(text, ContentHint::Block).unwrap();
            let entry = TreeEntry::file(blob, text.len() as u64);
            entries.push((name.clone().into_bytes(), entry.encode().to_vec()));
        }
        let files = map(&mut batch, Schema::Tree, &entries);
        let root = map(&mut batch, Schema::Root, &[(FILES.to_vec(), files.as_bytes().to_vec())]);
        let committed = Stamp { micros: (1_000 + n as i64) * 1_000_000, zone: 0 };
        let parents = planned.parents.iter().map(|at| made[*at]).collect();
        let message = Some(n.to_string());
        let commit = Commit { root, parents, committed, message, ..base.clone() };
        let payload = commit.encode();
        let signature = me.key.sign(Namespace::Commit, &payload).unwrap();
        let object = Signed { payload: &payload, signature: &signature }.encode();
        let id = CommitId::of(&object);
        batch.put(ObjectType::Commit, id.id(), &object, ContentHint::Block).unwrap();
        made.push(id);
    }
    batch.flush().unwrap();
    drop(batch);
    writer.finish().unwrap();
    made
}

fn map(
    batch: &mut Batch<'_, '_>,
    schema: Schema,
    entries: &[(Vec<u8>, Vec<u8>)],
) -> aisr::object::NodeId {
    let sink = |id, bytes: Vec<u8>| -> Result<(), StoreError> { batch.node(id, &bytes) };
    let mut map = Builder::new(schema, sink);
    for (key, value) in entries {
        map.push(key, ValueRef::Inline(value)).unwrap();
    }
    map.finish().unwrap().id
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
        let mut to = BufWriter::new(import.stdin.take().unwrap());
        for (n, planned) in plan.iter().enumerate() {
            let subject = n.to_string();
            writeln!(to, "commit refs/heads/b{n}\nmark :{}", n + 1).unwrap();
            writeln!(to, "committer Mara <mara@example.org> {} +0000", 1_000 + n).unwrap();
            writeln!(to, "data {}\n{subject}", subject.len()).unwrap();
            for (nth, parent) in planned.parents.iter().enumerate() {
                let word = if nth == 0 { "from" } else { "merge" };
                writeln!(to, "{word} :{}", parent + 1).unwrap();
            }
            writeln!(to, "deleteall").unwrap();
            for (name, text) in &planned.files {
                writeln!(to, "M 100644 inline {name}\ndata {}", text.len()).unwrap();
                to.write_all(text).unwrap();
                writeln!(to).unwrap();
            }
        }
        drop(to);
        assert!(import.wait().unwrap().success());
        twin
    }

    /// For each line of a file, the place of the commit that `git blame` names, and the number that
    /// the line has there.
    pub fn blame(&self, at: usize, name: &str) -> Vec<(usize, u32)> {
        let text = self.run(&["blame", "--line-porcelain", &format!("b{at}"), "--", name]);
        let (mut out, mut number) = (Vec::new(), 0);
        for line in text.lines() {
            let words: Vec<&str> = line.split(' ').collect();
            if words[0].len() == 40 && words.len() >= 3 && !line.starts_with('\t') {
                number = words[1].parse().unwrap();
            }
            if let Some(subject) = line.strip_prefix("summary ") {
                out.push((subject.parse().unwrap(), number));
            }
        }
        out
    }

    /// The places of the commits that `git log` lists with these words.
    pub fn log(&self, at: usize, words: &[&str]) -> Vec<usize> {
        let branch = format!("b{at}");
        let mut all = vec!["log", "--format=%s", &branch];
        all.extend(words);
        self.run(&all).lines().map(|line| line.parse().unwrap()).collect()
    }

    fn run(&self, words: &[&str]) -> String {
        let out = self.git(words).output().unwrap();
        assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
        String::from_utf8(out.stdout).unwrap()
    }

    fn git<S: AsRef<std::ffi::OsStr>>(&self, words: impl IntoIterator<Item = S>) -> Command {
        let mut git = Command::new("git");
        git.args(words).current_dir(&self.folder).env("GIT_CONFIG_NOSYSTEM", "1");
        git.env("GIT_CONFIG_GLOBAL", "/dev/null").env("GIT_DIR", &self.folder);
        git
    }
}
