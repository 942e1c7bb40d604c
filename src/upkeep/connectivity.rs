//! Follows everything that commits hold, each object once.

use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasher, RandomState};

use crate::map::misfit;
use crate::object::{
    BlobId, Commit, CommitId, EscapedName, Id, Node, NodeId, ObjectType, Schema, Signed, Tag,
    TreeEntry, ValueRef,
};
use crate::policy::{Verdict, verdict, with_sources};
use crate::repo::{FILES, Repository, StoredCommit, StoredTag};
use crate::store::{Lookup, Store, StoreError};

use super::fsck::Contents;
use super::report::{FsckReport, ProblemKind};

/// Something that names an object.
pub struct Start {
    /// The ref or log entry.
    pub name: String,
    /// The object.
    pub id: Id,
}

/// What is known of a node that was visited, and of all below it.
#[derive(Clone, Copy)]
struct Facts {
    schema: Option<Schema>,
    count: u64,
    bytes: u64,
    clean: bool,
}

const UNREADABLE: Facts = Facts { schema: None, count: 0, bytes: 0, clean: false };

/// A walk over all that commits hold. Its memory is about a hundred bytes for each distinct node
/// and blob.
pub struct Walk<'a> {
    store: &'a Store,
    repo: Option<&'a Repository>,
    contents: &'a Contents,
    report: &'a mut FsckReport,
    nodes: HashMap<NodeId, Facts>,
    blobs: HashMap<BlobId, Option<u64>>,
    /// Places of nodes under parents that are known to be right, hashed.
    places: HashSet<u64>,
    hasher: RandomState,
    /// The path of what is visited.
    path: Vec<u8>,
}

impl<'a> Walk<'a> {
    pub fn new(
        store: &'a Store,
        repo: Option<&'a Repository>,
        contents: &'a Contents,
        report: &'a mut FsckReport,
    ) -> Self {
        Self {
            store,
            repo,
            contents,
            report,
            nodes: HashMap::new(),
            blobs: HashMap::new(),
            places: HashSet::new(),
            hasher: RandomState::new(),
            path: Vec::new(),
        }
    }

    /// Visits everything behind `starts`.
    pub fn run(mut self, starts: &[Start]) {
        let mut seen = HashSet::new();
        for start in starts {
            let mut stack = vec![(start.id, start.name.clone())];
            while let Some((id, named_by)) = stack.pop() {
                if seen.insert(id) {
                    let next = self.object(id, &named_by);
                    stack.extend(next.into_iter().map(|next| (next, format!("{id}"))));
                }
            }
        }
        self.report.nodes = self.nodes.len() as u64;
        self.report.blobs = self.blobs.len() as u64;
    }

    /// Visits a commit or tag; gives the commits and tags that it names.
    fn object(&mut self, id: Id, named_by: &str) -> Vec<Id> {
        match self.store.kind(id) {
            Ok(Lookup::Here(ObjectType::Commit)) => self.commit(CommitId::from_id(id)),
            Ok(Lookup::Here(ObjectType::Tag)) => self.tag(id),
            Ok(Lookup::Here(ObjectType::Node)) => {
                self.map(NodeId::from_id(id), None);
                Vec::new()
            }
            Ok(Lookup::Here(_)) => Vec::new(),
            Ok(Lookup::Absent(reason)) => {
                let detail = format!("names {id}, which is {reason}");
                self.report.problem(ProblemKind::Reference, named_by, detail);
                Vec::new()
            }
            Err(e) => {
                self.report.problem(ProblemKind::Reference, named_by, with_sources(&e));
                Vec::new()
            }
        }
    }

    fn commit(&mut self, id: CommitId) -> Vec<Id> {
        self.report.commits += 1;
        let commit = match self.load_commit(id) {
            Ok(commit) => commit,
            Err(detail) => {
                self.report.problem(ProblemKind::Signed, format!("commit {id}"), detail);
                self.report.affected.commit(id.to_hex());
                return Vec::new();
            }
        };
        let root = self.map(commit.root, Some(Schema::Root));
        let origins = commit.origins.is_none_or(|origins| self.map(origins, None).clean);
        let mut clean = root.clean && origins;
        for blob in &commit.observed {
            clean &= self.blob(*blob, None);
        }
        if !clean {
            self.report.affected.commit(id.to_hex());
        }
        commit.parents.iter().map(|parent| parent.id()).collect()
    }

    fn load_commit(&mut self, id: CommitId) -> Result<Commit, String> {
        let object = self.store.read(ObjectType::Commit, id.id()).map_err(|e| with_sources(&e))?;
        let signed = Signed::decode(&object).map_err(|e| with_sources(&e))?;
        let commit = Commit::decode(signed.payload).map_err(|e| with_sources(&e))?;
        if let Some(repo) = self.repo {
            let (payload, signature) = (signed.payload.to_vec(), signed.signature.to_vec());
            let stored = StoredCommit { id, commit, payload, signature };
            self.judged(format!("commit {id}"), verdict(&repo.judge(&stored)));
            return Ok(stored.commit);
        }
        Ok(commit)
    }

    fn tag(&mut self, id: Id) -> Vec<Id> {
        let place = format!("tag {id}");
        match self.load_tag(id, &place) {
            Ok(tag) => vec![tag.target],
            Err(detail) => {
                self.report.problem(ProblemKind::Signed, place, detail);
                Vec::new()
            }
        }
    }

    fn load_tag(&mut self, id: Id, place: &str) -> Result<Tag, String> {
        let object = self.store.read(ObjectType::Tag, id).map_err(|e| with_sources(&e))?;
        let signed = Signed::decode(&object).map_err(|e| with_sources(&e))?;
        let tag = Tag::decode(signed.payload).map_err(|e| with_sources(&e))?;
        if let Some(repo) = self.repo {
            let (payload, signature) = (signed.payload.to_vec(), signed.signature.to_vec());
            let id = crate::object::TagId::from_id(id);
            let stored = StoredTag { id, tag, payload, signature };
            self.judged(place.into(), verdict(&repo.judge_tag(&stored)));
            return Ok(stored.tag);
        }
        Ok(tag)
    }

    /// Whose key it is does not matter here; that the bytes are signed as they say does.
    fn judged(&mut self, place: String, (verdict, detail): (Verdict, Option<String>)) {
        if matches!(verdict, Verdict::Good | Verdict::UnknownKey | Verdict::OtherRepository) {
            return;
        }
        let detail = detail.map(|d| format!(": {d}")).unwrap_or_default();
        let detail = format!("{}{detail}", verdict.words());
        self.report.problem(ProblemKind::Signed, place, detail);
    }

    /// Visits a map from its root. Without a schema, the map's own is believed.
    fn map(&mut self, root: NodeId, schema: Option<Schema>) -> Facts {
        let facts = self.node(root, None);
        if let (Some(found), Some(wanted)) = (facts.schema, schema.or(facts.schema))
            && found != wanted
        {
            let detail = format!("of schema {}, not {}", found.name(), wanted.name());
            return self.bad_node(root, detail);
        }
        facts
    }

    /// Tells what is wrong with a node, and where it was met first.
    fn bad_node(&mut self, id: NodeId, detail: String) -> Facts {
        self.report.problem(ProblemKind::Node, format!("map node {id}"), detail);
        self.affected_here();
        UNREADABLE
    }

    fn affected_here(&mut self) {
        let path = EscapedName(&self.path).to_string();
        let path = if path.is_empty() { "(all files)".into() } else { path };
        self.report.affected.path(path);
    }

    fn node(&mut self, id: NodeId, parent: Option<(&Node, usize)>) -> Facts {
        let place = parent.map(|(node, index)| self.place(id, node, index));
        let right = place.is_none_or(|place| self.places.contains(&place));
        if let Some(facts) = self.nodes.get(&id).copied()
            && (right || facts.schema.is_none())
        {
            return facts;
        }
        let node = match self.load_node(id) {
            Ok(node) => node,
            Err(detail) => {
                let facts = self.bad_node(id, detail);
                self.nodes.insert(id, facts);
                return facts;
            }
        };
        let mut facts = match self.nodes.get(&id).copied() {
            Some(facts) => facts,
            None => {
                let facts = self.below(id, &node);
                self.nodes.insert(id, facts);
                facts
            }
        };
        match parent.and_then(|(parent, index)| misfit(parent, index, &node)) {
            Some(why) => {
                self.bad_node(id, why.into());
                facts.clean = false;
            }
            None => self.places.extend(place),
        }
        facts
    }

    /// What [`misfit`] looks at, but for counts and bytes, whose sums are checked at the parent.
    fn place(&self, id: NodeId, parent: &Node, index: usize) -> u64 {
        let before = index.checked_sub(1).and_then(|index| parent.key(index));
        let around = (before, parent.key(index));
        self.hasher.hash_one((id, parent.level(), parent.schema().name(), around))
    }

    fn load_node(&self, id: NodeId) -> Result<Node, String> {
        let bytes = self.store.read(ObjectType::Node, id.id()).map_err(|e| with_sources(&e))?;
        Node::decode(bytes.into()).map_err(|e| with_sources(&e))
    }

    /// Visits everything below a node.
    fn below(&mut self, id: NodeId, node: &Node) -> Facts {
        let (schema, count, bytes) = (Some(node.schema()), node.count(), node.bytes());
        let mut facts = Facts { schema, count, bytes, clean: true };
        if node.level() == 0 {
            for (key, value) in node.entries() {
                facts.clean &= self.entry(id, node.schema(), key, value);
            }
            return facts;
        }
        let (mut count, mut bytes) = (0u64, 0u64);
        for index in 0..node.len() {
            let Some(child) = node.child(index) else { continue };
            let child = self.node(child, Some((node, index)));
            facts.clean &= child.clean;
            count = count.saturating_add(child.count);
            bytes = bytes.saturating_add(child.bytes);
        }
        if facts.clean && (count, bytes) != (node.count(), node.bytes()) {
            self.bad_node(id, "its counts are not the sums of those below it".into());
            facts.clean = false;
        }
        facts
    }

    /// Visits what an entry of a leaf stands for.
    fn entry(&mut self, node: NodeId, schema: Schema, key: &[u8], value: ValueRef<'_>) -> bool {
        match (schema, value) {
            (Schema::Tree, ValueRef::Inline(bytes)) => {
                let before = self.path.len();
                if before > 0 {
                    self.path.push(b'/');
                }
                self.path.extend_from_slice(key);
                let clean = self.tree_entry(node, bytes);
                self.path.truncate(before);
                clean
            }
            (Schema::Tree, ValueRef::Blob { .. }) => {
                self.bad_node(node, "a tree entry lies out of line".into()).clean
            }
            (Schema::Root, ValueRef::Inline(bytes)) => match Id::from_slice(bytes) {
                Some(id) => {
                    let schema = (key == FILES).then_some(Schema::Tree);
                    self.map(NodeId::from_id(id), schema).clean
                }
                None => self.bad_node(node, "an entry of the root map is no id".into()).clean,
            },
            (_, ValueRef::Blob { id, size }) => self.blob(id, Some(size)),
            (_, ValueRef::Inline(_)) => true,
        }
    }

    fn tree_entry(&mut self, node: NodeId, bytes: &[u8]) -> bool {
        let entry = match TreeEntry::decode(bytes) {
            Ok(entry) => entry,
            Err(e) => return self.bad_node(node, with_sources(&e)).clean,
        };
        if let Some(blob) = entry.blob() {
            return self.blob(blob, Some(entry.size()));
        }
        let Some(root) = entry.root() else { return true };
        let facts = self.map(root, Some(Schema::Tree));
        if facts.clean && facts.bytes != entry.size() {
            let detail = "the directory's size is not that of its entry".to_owned();
            return self.bad_node(root, detail).clean;
        }
        facts.clean
    }

    fn blob(&mut self, id: BlobId, size: Option<u64>) -> bool {
        let found = match self.blobs.get(&id) {
            Some(found) => *found,
            None => {
                let found = self.find_blob(id);
                let known = match &found {
                    Ok(size) => Some(*size),
                    Err(detail) => {
                        let place = format!("blob {id}");
                        self.report.problem(ProblemKind::Blob, place, detail.clone());
                        None
                    }
                };
                self.blobs.insert(id, known);
                known
            }
        };
        let clean = match (found, size) {
            (None, _) => false,
            (Some(found), Some(size)) if found != size => {
                let detail = format!("has {found} bytes, but an entry says {size}");
                self.report.problem(ProblemKind::Blob, format!("blob {id}"), detail);
                false
            }
            _ => true,
        };
        if !clean {
            self.affected_here();
        }
        clean
    }

    /// The blob's size, if it is here and can be read.
    fn find_blob(&self, id: BlobId) -> Result<u64, String> {
        let size = self.store.blob_size(id).map_err(|e: StoreError| with_sources(&e))?;
        let size = size.ok_or("it is missing")?;
        let whole = matches!(self.store.kind(id.id()), Ok(Lookup::Here(ObjectType::Blob)));
        let good = match whole {
            true => !self.contents.lost.contains(&id.id()),
            false => self.contents.built.get(&id.id()).copied().unwrap_or(false),
        };
        if good { Ok(size) } else { Err("it cannot be read".into()) }
    }
}
