//! Follows everything that commits hold, each object once.

mod entries;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::rc::Rc;

use crate::map::{Checker, Map};
use crate::object::{
    BlobId, Commit, CommitId, Id, Node, NodeId, ObjectType, RecipeId, Schema, Signed, Tag,
};
use crate::policy::{Verdict, verdict, with_sources};
use crate::repo::{FILES, Repository, StoredCommit, StoredTag};
use crate::store::Lookup;
use crate::system::SystemChecker;

use super::contents::{Contents, PartialRecipe};
use super::places::{Hurt, Hurts, NODE_PLACES, Places, join};
use super::report::{FsckReport, ProblemKind};
use super::shelf::Shelf;

/// How many paths are remembered at which a missing object stands.
const PATHS: usize = 4;
/// How many missing parts of one blob are named.
const PARTS: usize = 1 << 20;

/// Something that names an object.
pub struct Start {
    /// The ref or log entry.
    pub name: String,
    /// The object.
    pub id: Id,
    /// Only the log names it: of a commit whose content was collected the statement is enough.
    pub is_past: bool,
}

/// An object that is needed and cannot be read.
#[derive(Clone, Default)]
pub struct Wanted {
    /// What it may be.
    pub kinds: Vec<ObjectType>,
    /// The first paths that lead to it.
    pub paths: Vec<Vec<u8>>,
    /// Of a chunk: the blob that it is a part of.
    pub blob: Option<BlobId>,
}

/// A map that is whole and of the right shape.
#[derive(Clone, Copy)]
struct Whole {
    schema: Schema,
    bytes: u64,
}

/// A walk over all that commits hold. Its memory is about 250 bytes for each distinct node, and
/// fewer for a blob.
pub struct Walk<'a> {
    shelf: &'a Shelf<'a>,
    repo: Option<&'a Repository>,
    contents: &'a Contents,
    report: &'a mut FsckReport,
    /// What is needed and cannot be read.
    wanted: BTreeMap<Id, Wanted>,
    /// Of these, blobs that lack some parts, which are wanted by themselves.
    in_parts: HashSet<Id>,
    /// What is damaged below the nodes that are being visited, the innermost last, and the length
    /// of the path at each.
    open: Vec<(usize, Vec<Hurt>)>,
    /// What is damaged below the nodes that are not whole.
    hurts: HashMap<NodeId, Hurts>,
    places: Places,
    /// Only the log leads to what is visited now.
    is_past: bool,
    /// Commits whose content was collected.
    expired: BTreeSet<Id>,
    /// Nodes that were visited, and whether all below them is whole.
    nodes: HashMap<NodeId, bool>,
    /// Maps that were visited.
    maps: HashMap<NodeId, Option<Whole>>,
    shapes: Checker<'a, Shelf<'a>>,
    systems: SystemChecker<'a, Shelf<'a>>,
    /// Blobs that were visited, and the sizes of those that are whole.
    blobs: HashMap<BlobId, Option<u64>>,
    /// The path of what is visited, and how many names it has.
    path: Vec<u8>,
    depth: usize,
}

impl<'a> Walk<'a> {
    pub fn new(
        shelf: &'a Shelf<'a>,
        repo: Option<&'a Repository>,
        contents: &'a Contents,
        report: &'a mut FsckReport,
    ) -> Self {
        Self {
            shelf,
            repo,
            contents,
            report,
            wanted: BTreeMap::new(),
            in_parts: HashSet::new(),
            open: Vec::new(),
            hurts: HashMap::new(),
            places: Places::default(),
            is_past: false,
            expired: BTreeSet::new(),
            nodes: HashMap::new(),
            maps: HashMap::new(),
            shapes: Checker::new(shelf),
            systems: SystemChecker::new(shelf),
            blobs: HashMap::new(),
            path: Vec::new(),
            depth: 0,
        }
    }

    /// Visits everything behind `starts`, what is past last. Gives what is needed and cannot be
    /// read.
    pub fn run(mut self, starts: &[Start]) -> BTreeMap<Id, Wanted> {
        let mut seen = HashSet::new();
        match self.repo.map(Repository::expired).transpose() {
            Ok(expired) => self.expired = expired.unwrap_or_default(),
            Err(e) => {
                self.report.problem(ProblemKind::Repository, "local/expired", with_sources(&e));
            }
        }
        for is_past in [false, true] {
            self.is_past = is_past;
            for start in starts.iter().filter(|start| start.is_past == is_past) {
                let mut stack = vec![(start.id, start.name.clone())];
                while let Some((id, named_by)) = stack.pop() {
                    if seen.insert(id) {
                        let next = self.object(id, &named_by);
                        stack.extend(next.into_iter().map(|next| (next, format!("{id}"))));
                    }
                }
            }
        }
        self.report.nodes = self.nodes.len() as u64;
        self.report.blobs = self.blobs.len() as u64;
        self.report.lost = (self.wanted.len() - self.in_parts.len()) as u64;
        self.judge_partial_recipes();
        let places = std::mem::take(&mut self.places);
        self.report.affected.set_places(places.into_report());
        self.wanted
    }

    /// A recipe of which parts are missing is damage only if something leads to the blob: else its
    /// chunks were collected.
    fn judge_partial_recipes(&mut self) {
        for PartialRecipe { blob, root, detail } in &self.contents.partial {
            match self.blobs.contains_key(blob) {
                true => self.report.problem(ProblemKind::Recipe, root, detail.clone()),
                false => self.report.recipes -= 1,
            }
        }
    }

    /// Notes an object that cannot be read, at the present path.
    fn want(&mut self, id: Id, kinds: &[ObjectType], blob: Option<BlobId>) {
        let wanted = self.wanted.entry(id).or_default();
        wanted.kinds = kinds.to_vec();
        wanted.blob = wanted.blob.or(blob);
        if wanted.paths.len() < PATHS && !wanted.paths.contains(&self.path) {
            wanted.paths.push(self.path.clone());
        }
    }

    /// Visits a commit or tag; gives the commits and tags that it names.
    fn object(&mut self, id: Id, named_by: &str) -> Vec<Id> {
        match self.shelf.kind(id) {
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
                use ObjectType::{Commit, Genesis, Tag};
                self.want(id, &[Commit, Tag, Genesis], None);
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
                self.want(id.id(), &[ObjectType::Commit], None);
                return Vec::new();
            }
        };
        if self.is_past && self.expired.contains(&id.id()) {
            self.report.expired_commits += 1;
            return commit.parents.iter().map(|parent| parent.id()).collect();
        }
        self.open.push((0, Vec::new()));
        let root = self.map(commit.root, Some(Schema::Root));
        let root = root.filter(|_| self.has_files(commit.root));
        let origins = commit.origins.is_none_or(|origins| self.map(origins, None).is_some());
        let mut clean = root.is_some() && origins && self.system(id, commit.root);
        for blob in &commit.observed {
            clean &= self.blob(*blob, None);
        }
        let hurts = self.open.pop().map(|(_, hurts)| hurts).unwrap_or_default();
        if !clean {
            self.report.affected.commit(id.to_hex());
            self.places.note(hurts, commit.committed.micros, id);
        }
        commit.parents.iter().map(|parent| parent.id()).collect()
    }

    /// Whether the root map of a commit, which is whole, names a directory tree.
    fn has_files(&mut self, root: NodeId) -> bool {
        let found = Map::open(self.shelf, root, Schema::Root).and_then(|map| map.get(FILES));
        match found {
            Ok(Some(_)) => true,
            Ok(None) => self.bad_node(root, "a root map without `files`".into()),
            Err(e) => self.bad_node(root, with_sources(&e)),
        }
    }

    /// Whether what the system of a commit says is borne out by what else its root map, which is
    /// whole, holds.
    fn system(&mut self, id: CommitId, root: NodeId) -> bool {
        match self.systems.check(root) {
            Ok(()) => true,
            Err(e) => {
                self.report.problem(ProblemKind::System, format!("commit {id}"), with_sources(&e));
                false
            }
        }
    }

    fn load_commit(&mut self, id: CommitId) -> Result<Commit, String> {
        let object = self.shelf.read(ObjectType::Commit, id.id()).map_err(|e| with_sources(&e))?;
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
        let object = self.shelf.read(ObjectType::Tag, id).map_err(|e| with_sources(&e))?;
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
        if matches!(
            verdict,
            Verdict::Good | Verdict::RetiredKey | Verdict::UnknownKey | Verdict::OtherRepository
        ) {
            return;
        }
        let detail = detail.map(|d| format!(": {d}")).unwrap_or_default();
        let detail = format!("{}{detail}", verdict.words());
        self.report.problem(ProblemKind::Signed, place, detail);
    }

    /// Visits a map from its root, and gives what it is if all of it is whole. Without a schema,
    /// the map's own is believed.
    fn map(&mut self, root: NodeId, schema: Option<Schema>) -> Option<Whole> {
        let known = match self.maps.get(&root) {
            Some(known) => {
                let known = *known;
                if known.is_none() {
                    self.hurt_again(root);
                }
                known
            }
            None => {
                let found = self.visit_map(root);
                self.maps.insert(root, found);
                found
            }
        };
        let whole = known?;
        if schema.is_some_and(|wanted| wanted != whole.schema) {
            self.bad_node(root, format!("is of schema {}", whole.schema.name()));
            return None;
        }
        Some(whole)
    }

    fn visit_map(&mut self, root: NodeId) -> Option<Whole> {
        if !self.node(root) {
            return None;
        }
        // All nodes are there: now whether they are where they must be.
        let schema = self.load_node(root).ok()?.schema();
        match self.shapes.check(root, schema, &mut |_, _| ()) {
            Ok(map) => Some(Whole { schema, bytes: map.bytes }),
            Err(e) => {
                self.bad_node(root, with_sources(&e));
                let hurt = Hurt { path: Vec::new(), id: root.id(), kind: ObjectType::Node };
                self.hurts.insert(root, Rc::new(vec![hurt]));
                None
            }
        }
    }

    /// Tells what is wrong with a node, and where it was met first.
    fn bad_node(&mut self, id: NodeId, detail: String) -> bool {
        self.report.problem(ProblemKind::Node, format!("map node {id}"), detail);
        self.hurt(id.id(), ObjectType::Node);
        false
    }

    /// Notes that something at the present path is damaged.
    fn hurt(&mut self, id: Id, kind: ObjectType) {
        let path = self.path.clone();
        if let Some((_, hurts)) = self.open.last_mut()
            && hurts.len() < NODE_PLACES
        {
            hurts.push(Hurt { path, id, kind });
        }
    }

    /// Notes that what is damaged below a node is met again, at the present path.
    fn hurt_again(&mut self, node: NodeId) {
        let Some(below) = self.hurts.get(&node).cloned() else { return };
        let Some((_, hurts)) = self.open.last_mut() else { return };
        let room = NODE_PLACES.saturating_sub(hurts.len());
        hurts.extend(below.iter().take(room).map(|hurt| {
            let path = join(&self.path, &hurt.path);
            Hurt { path, ..hurt.clone() }
        }));
    }

    /// Visits a node and all below it; tells whether that is whole.
    fn node(&mut self, id: NodeId) -> bool {
        if let Some(clean) = self.nodes.get(&id) {
            let clean = *clean;
            if !clean {
                self.hurt_again(id);
            }
            return clean;
        }
        self.open.push((self.path.len(), Vec::new()));
        let clean = match self.load_node(id) {
            Ok(node) => self.below(id, &node),
            Err(detail) => {
                self.want(id.id(), &[ObjectType::Node], None);
                self.bad_node(id, detail)
            }
        };
        self.nodes.insert(id, clean);
        let (base, hurts) = self.open.pop().unwrap_or_default();
        if !hurts.is_empty() {
            let below = hurts.iter().map(|hurt| {
                let rest = hurt.path.get(base..).unwrap_or_default();
                let path = rest.strip_prefix(b"/").unwrap_or(rest).to_vec();
                Hurt { path, ..hurt.clone() }
            });
            self.hurts.insert(id, Rc::new(below.collect()));
            if let Some((_, above)) = self.open.last_mut() {
                let room = NODE_PLACES.saturating_sub(above.len());
                above.extend(hurts.into_iter().take(room));
            }
        }
        clean
    }

    fn is_absent(&self, id: Id) -> bool {
        matches!(self.shelf.kind(id), Ok(Lookup::Absent(_)))
    }

    fn load_node(&self, id: NodeId) -> Result<Node, String> {
        let bytes = self.shelf.read(ObjectType::Node, id.id()).map_err(|e| with_sources(&e))?;
        Node::decode(bytes.into()).map_err(|e| with_sources(&e))
    }

    fn below(&mut self, id: NodeId, node: &Node) -> bool {
        let mut clean = true;
        if node.level() == 0 {
            for (key, value) in node.entries() {
                clean &= self.entry(id, node.schema(), key, value);
            }
        } else {
            for (_, child) in node.children() {
                clean &= self.node(child);
            }
        }
        clean
    }

    fn blob(&mut self, id: BlobId, size: Option<u64>) -> bool {
        let found = match self.blobs.get(&id) {
            Some(found) => *found,
            None => {
                let known = self.visit_blob(id);
                self.blobs.insert(id, known);
                known
            }
        };
        match (found, size) {
            (None, _) => {}
            (Some(found), Some(size)) if found != size => {
                let detail = format!("has {found} bytes, but an entry says {size}");
                self.report.problem(ProblemKind::Blob, format!("blob {id}"), detail);
            }
            _ => return true,
        }
        self.hurt(id.id(), ObjectType::Blob);
        false
    }

    /// The size of a blob that is whole.
    fn visit_blob(&mut self, id: BlobId) -> Option<u64> {
        let detail = match self.find_blob(id) {
            Ok(size) => return Some(size),
            Err(detail) => detail,
        };
        let roots = self.shelf.recipe_roots(id.id());
        self.report.problem(ProblemKind::Blob, format!("blob {id}"), detail);
        self.want(id.id(), &[ObjectType::Blob], None);
        for root in roots {
            for (part, kind) in self.shelf.missing_parts(root, PARTS) {
                self.in_parts.insert(id.id());
                self.want(part, &[kind], Some(id));
            }
        }
        None
    }

    /// The blob's size, if it is here and can be read.
    fn find_blob(&self, id: BlobId) -> Result<u64, String> {
        if let Some(size) = self.shelf.object_size(id.id()) {
            return Ok(size);
        }
        if self.contents.built.get(&id.id()).copied().unwrap_or(false) {
            let size = self.shelf.store.blob_size(id).map_err(|e| with_sources(&e))?;
            return size.ok_or_else(|| "it is missing".into());
        }
        let roots = self.shelf.recipe_roots(id.id());
        if roots.is_empty() && self.is_absent(id.id()) && !self.shelf.lost.contains(&id.id()) {
            return Err("it is missing".into());
        }
        // What damaged packs still hold is not hashed as a whole here; each part of it is.
        let is_salvaged = |root: &&RecipeId| {
            !self.shelf.salvage.is_empty() && self.shelf.missing_parts(**root, 1).is_empty()
        };
        let whole = roots.iter().find(is_salvaged).and_then(|root| self.shelf.recipe(*root).ok());
        whole.map(|node| node.total()).ok_or_else(|| "it cannot be read".into())
    }
}
