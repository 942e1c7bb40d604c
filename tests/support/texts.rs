//! Histories of any shape whose files are texts, made through the library in one pack, and the same
//! in git.
#![allow(dead_code)]

use std::collections::BTreeMap;
use std::path::Path;

use aisr::chunk::ContentHint;
use aisr::object::{Commit, CommitId, Schema, Stamp, TreeEntry};
use aisr::repo::{FILES, Identity, Repository};
use aisr::store::Batch;

use super::Made;
use super::dag::{map, put};
use super::git_twin::{GitCommit, GitTwin};

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
        let (files, _) = map(&mut batch, Schema::Tree, &entries);
        let (root, _) =
            map(&mut batch, Schema::Root, &[(FILES.to_vec(), files.as_bytes().to_vec())]);
        let committed = Stamp { micros: second(n) * 1_000_000, zone: 0 };
        let parents = planned.parents.iter().map(|at| made[*at]).collect();
        let message = Some(n.to_string());
        let commit = Commit { root, parents, committed, message, ..base.clone() };
        made.push(put(&mut batch, me, &commit));
    }
    batch.flush().unwrap();
    drop(batch);
    writer.finish().unwrap();
    made
}

fn second(n: usize) -> i64 {
    1_000 + n as i64
}

impl Made {
    /// Makes the commits, with what the base has beside.
    pub fn make_texts(&self, plan: &[Planned]) -> Vec<CommitId> {
        make(&self.repo, &self.identity, &self.base(), plan)
    }
}

/// The same in git.
pub fn git_twin(folder: &Path, plan: &[Planned]) -> GitTwin {
    let commits = plan.iter().enumerate().map(|(n, planned)| GitCommit {
        parents: &planned.parents,
        second: second(n),
        files: planned.files.iter().map(|(name, text)| (name.as_str(), &text[..])).collect(),
    });
    GitTwin::import(folder, commits)
}
