//! Trees encoded by hand, with none of the library's checks, and commits signed over them.
#![allow(dead_code)]

use aisr::chunk::ContentHint;
use aisr::log::RefName;
use aisr::object::{
    BlobId, Cause, Commit, CommitId, Id, NodeId, ObjectType, RefChange, Signed, Stamp,
};
use aisr::repo::{Identity, Repository};
use aisr::sign::Namespace;
use aisr::store::Batch;

/// Kinds of tree entries, as the format numbers them.
pub const FILE: u64 = 0;
pub const SYMLINK: u64 = 2;
pub const DIRECTORY: u64 = 3;

/// The head of a CBOR item.
fn head(major: u8, value: u64, out: &mut Vec<u8>) {
    let major = major << 5;
    match value {
        0..24 => out.push(major | value as u8),
        24..0x100 => out.extend([major | 24, value as u8]),
        0x100..0x1_0000 => {
            out.push(major | 25);
            out.extend((value as u16).to_be_bytes());
        }
        0x1_0000..0x1_0000_0000 => {
            out.push(major | 26);
            out.extend((value as u32).to_be_bytes());
        }
        _ => {
            out.push(major | 27);
            out.extend(value.to_be_bytes());
        }
    }
}

pub fn uint(value: u64) -> Vec<u8> {
    let mut out = Vec::new();
    head(0, value, &mut out);
    out
}

pub fn bytes(value: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    head(2, value.len() as u64, &mut out);
    out.extend(value);
    out
}

pub fn text(value: &str) -> Vec<u8> {
    let mut out = bytes(value.as_bytes());
    out[0] |= 0x20;
    out
}

pub fn array(items: &[Vec<u8>]) -> Vec<u8> {
    let mut out = Vec::new();
    head(4, items.len() as u64, &mut out);
    out.extend(items.concat());
    out
}

/// A CBOR map with these keys, in this order.
pub fn map(fields: &[(&str, Vec<u8>)]) -> Vec<u8> {
    let mut out = Vec::new();
    head(5, fields.len() as u64, &mut out);
    for (key, value) in fields {
        out.extend(text(key));
        out.extend(value);
    }
    out
}

/// A tree entry.
pub fn entry(kind: u64, id: Id, size: u64) -> Vec<u8> {
    array(&[uint(kind), bytes(id.as_bytes()), uint(size)])
}

/// An entry of a leaf, its value kept in the node.
pub fn leaf_entry(key: &[u8], value: &[u8]) -> Vec<u8> {
    array(&[bytes(key), array(&[uint(0), bytes(value)])])
}

/// An entry of an inner node.
pub fn inner_entry(last_key: &[u8], child: NodeId) -> Vec<u8> {
    array(&[bytes(last_key), bytes(child.as_bytes())])
}

/// A node that says of itself whatever it is told to.
pub fn node(schema: &str, level: u64, count: u64, sum: u64, entries: &[Vec<u8>]) -> Vec<u8> {
    map(&[
        ("c", uint(count)),
        ("e", array(entries)),
        ("l", uint(level)),
        ("s", text(schema)),
        ("z", uint(sum)),
    ])
}

/// A leaf of a directory with these entries, in this order.
pub fn leaf(sum: u64, entries: &[Vec<u8>]) -> Vec<u8> {
    node("tree", 0, entries.len() as u64, sum, entries)
}

/// Stores what no honest capture makes.
pub struct Forge<'a> {
    pub repo: &'a Repository,
    pub me: &'a Identity,
}

impl Forge<'_> {
    fn put(&self, kind: ObjectType, id: Id, bytes: &[u8]) {
        let lease = self.repo.store().lease().unwrap();
        let writer = self.repo.store().writer(&lease);
        let mut batch = Batch::new(&writer);
        batch.put(kind, id, bytes, ContentHint::Block).unwrap();
        batch.flush().unwrap();
        drop(batch);
        writer.finish().unwrap();
    }

    /// Stores many nodes in one pack.
    pub fn nodes(&self, nodes: &[Vec<u8>]) {
        let lease = self.repo.store().lease().unwrap();
        let writer = self.repo.store().writer(&lease);
        let mut batch = Batch::new(&writer);
        for bytes in nodes {
            batch.node(NodeId::of(bytes), bytes).unwrap();
        }
        batch.flush().unwrap();
        drop(batch);
        writer.finish().unwrap();
    }

    /// Stores a node under its true id.
    pub fn node(&self, bytes: &[u8]) -> NodeId {
        let id = NodeId::of(bytes);
        self.put(ObjectType::Node, id.id(), bytes);
        id
    }

    /// Stores a blob.
    pub fn blob(&self, bytes: &[u8]) -> BlobId {
        let id = BlobId::of(bytes);
        self.put(ObjectType::Blob, id.id(), bytes);
        id
    }

    /// The root map of a commit over a directory tree.
    pub fn root_over(&self, files: &[u8]) -> NodeId {
        let value = leaf_entry(b"files", files);
        let sum = 2 + 1 + files.len() as u64 + u64::from(files.len() >= 24);
        self.node(&node("root", 0, 1, sum, &[value]))
    }

    /// A commit over a root map, signed as the founder of the repository does.
    pub fn commit(&self, root: NodeId) -> CommitId {
        let now = Stamp { micros: 1_790_000_000_000_000, zone: 0 };
        let commit = Commit {
            repo: self.repo.id(),
            root,
            parents: Vec::new(),
            committer: self.repo.trust().actor(&self.me.key.public()),
            author: None,
            acting_for: Vec::new(),
            authored: now,
            committed: now,
            cause: Cause::of("manual"),
            sessions: Vec::new(),
            report: None,
            origins: None,
            observed: Vec::new(),
            message: Some("hostile".into()),
            ext: Vec::new(),
        };
        let payload = commit.encode();
        let signature = self.me.key.sign(Namespace::Commit, &payload).unwrap();
        let object = Signed { payload: &payload, signature: &signature }.encode();
        let id = CommitId::of(&object);
        self.put(ObjectType::Commit, id.id(), &object);
        id
    }

    /// Makes a branch of it.
    pub fn branch(&self, name: &str, commit: CommitId) {
        let name = RefName::branch(name).unwrap();
        let change = RefChange::create(name.as_bytes(), commit.id());
        let mut log = self.repo.log().unwrap();
        self.repo.move_refs(&mut log, vec![change], Cause::of("branch")).unwrap();
    }
}
