//! Histories of any shape, made through the library in one pack, and the same in git.
#![allow(dead_code)]

use std::collections::BTreeMap;
use std::path::Path;

use aisr::chunk::ContentHint;
use aisr::map::Builder;
use aisr::object::{
    Commit, CommitId, NodeId, ObjectType, Schema, Signed, Stamp, TreeEntry, ValueRef,
};
use aisr::repo::{FILES, Identity, Repository};
use aisr::sign::Namespace;
use aisr::store::{Batch, StoreError};

use super::Made;
use super::git_twin::{GitCommit, GitTwin};

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

/// Stores a commit, signed.
pub fn put(batch: &mut Batch<'_, '_>, me: &Identity, commit: &Commit) -> CommitId {
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

/// Stores a map; gives its root, and the bytes of the files in it.
pub fn map(
    batch: &mut Batch<'_, '_>,
    schema: Schema,
    entries: &[(Vec<u8>, Vec<u8>)],
) -> (NodeId, u64) {
    let sink = |id, bytes: Vec<u8>| -> Result<(), StoreError> { batch.node(id, &bytes) };
    let mut map = Builder::new(schema, sink);
    for (key, value) in entries {
        map.push(key, ValueRef::Inline(value)).unwrap();
    }
    let root = map.finish().unwrap();
    (root.id, root.bytes)
}

impl Made {
    /// Makes the commits, with what the base has beside.
    pub fn make(&self, plan: &[Planned]) -> Vec<CommitId> {
        make(&self.repo, &self.identity, &self.base(), plan)
    }
}

/// The same in git.
pub fn git_twin(folder: &Path, plan: &[Planned]) -> GitTwin {
    let commits = plan.iter().map(|planned| GitCommit {
        parents: &planned.parents,
        second: planned.second,
        files: planned
            .files
            .iter()
            .map(|(path, content)| (path.as_str(), std::slice::from_ref(content)))
            .collect(),
    });
    GitTwin::import(folder, commits)
}
