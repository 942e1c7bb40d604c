//! The system graph and what lives outside, which no command writes yet: what is sound passes
//! `fsck` and the independent reader, and neither takes what is not.

mod support;

use std::path::Path;

use aisr::chunk::ContentHint;
use aisr::disk::Disk;
use aisr::map::Builder;
use aisr::object::{
    AttributeValue, Attributes, Cause, ChangeKind, Commit, CommitId, Component, ComponentKey, Edge,
    EdgeKey, ExternalEntry, ExternalKey, NodeId, ObjectType, Origin, RefChange, RefTarget,
    RepoPath, Schema, Signed, Value, tuple,
};
use aisr::repo::{FILES, Identity, Repository};
use aisr::sign::Namespace;
use aisr::store::{Batch, StoreError};
use aisr::upkeep::FsckReport;
use support::soundness::fsck;
use support::{identity, independent_reader, must_commit, new_repository, scratch, write};

type Entries = Vec<(Vec<u8>, Vec<u8>)>;

/// The entries of the maps of one commit.
#[derive(Clone)]
struct Graph {
    components: Entries,
    edges: Entries,
    external: Entries,
    /// What the root map has beside them.
    more: Vec<(&'static [u8], Vec<u8>)>,
}

fn key(text: &str) -> ComponentKey {
    text.parse().unwrap()
}

fn store_map(batch: &mut Batch<'_, '_>, schema: Schema, entries: &Entries) -> (NodeId, u64) {
    let mut entries = entries.clone();
    entries.sort();
    let mut values = Vec::new();
    for (key, content) in &entries {
        let value = Value::of(content);
        if let Value::Blob { .. } = value {
            batch.blob(content, ContentHint::Block).unwrap();
        }
        values.push((key, value));
    }
    let sink = |id, bytes: Vec<u8>| -> Result<(), StoreError> { batch.node(id, &bytes) };
    let mut map = Builder::new(schema, sink);
    for (key, value) in &values {
        map.push(key, value.as_ref()).unwrap();
    }
    let root = map.finish().unwrap();
    (root.id, root.bytes)
}

/// Commits the graph on top of HEAD.
fn commit_graph(repo: &Repository, me: &Identity, graph: &Graph) -> CommitId {
    let mut log = repo.log().unwrap();
    let head = CommitId::from_id(log.refs().head_object().unwrap());
    let before = repo.commit(head).unwrap().commit;
    let lease = repo.store().lease().unwrap();
    let writer = repo.store().writer(&lease);
    let mut batch = Batch::new(&writer);
    let mut system = Entries::new();
    for (name, schema, entries) in [
        ("components", Schema::Components, &graph.components),
        ("edges", Schema::Edges, &graph.edges),
    ] {
        let (id, _) = store_map(&mut batch, schema, entries);
        system.push((name.into(), id.as_bytes().to_vec()));
    }
    let (system, _) = store_map(&mut batch, Schema::System, &system);
    let (external, _) = store_map(&mut batch, Schema::External, &graph.external);
    let files = repo.files(&before).unwrap();
    let mut root: Entries = [(FILES, files), (b"system", system), (b"external", external)]
        .into_iter()
        .map(|(name, id)| (name.to_vec(), id.as_bytes().to_vec()))
        .collect();
    root.extend(graph.more.iter().map(|(name, value)| (name.to_vec(), value.clone())));
    let (root, _) = store_map(&mut batch, Schema::Root, &root);
    let payload = Commit { root, parents: vec![head], ..before }.encode();
    let signature = me.key.sign(Namespace::Commit, &payload).unwrap();
    let object = Signed { payload: &payload, signature: &signature }.encode();
    let id = CommitId::of(&object);
    batch.put(ObjectType::Commit, id.id(), &object, ContentHint::Block).unwrap();
    batch.flush().unwrap();
    drop(batch);
    writer.finish().unwrap();
    let target = |id: CommitId| Some(RefTarget::Object(id.id()));
    let name = b"refs/heads/main".to_vec();
    let kind = ChangeKind::Forward;
    let change = RefChange { name, old: target(head), new: target(id), kind };
    repo.move_refs(&mut log, vec![change], Cause::of("commit")).unwrap();
    id
}

/// A repository, and a graph of every kind of entry, some in the node and some outside it.
fn sound(root: &Path) -> (Repository, Identity, Graph) {
    let me = identity();
    let repo = new_repository(&Disk::new(), root, &me);
    write(root, "prompts/triage.md", b"Sort each request.");
    must_commit(&repo, &me, "files");
    let origin = Origin::Path(RepoPath::parse("prompts/triage.md").unwrap());
    let prompt = Component {
        content: Some(aisr::object::BlobId::of(b"Sort each request.").id()),
        origins: vec![origin],
        attributes: Attributes::from([(
            "at".into(),
            AttributeValue::Text("/a pointer that is long".repeat(100)),
        )]),
        was: Some(key("prompt:sort")),
    };
    let edge = |relation: &str, to: &str| {
        let key = EdgeKey { from: key("agent:desk"), relation: relation.into(), to: key(to) };
        let value = Edge { declared: Some(Attributes::new()), discovered: None };
        (key.encode(), value.encode())
    };
    let lease = repo.store().lease().unwrap();
    let writer = repo.store().writer(&lease);
    let mut batch = Batch::new(&writer);
    let row = tuple::encode(&[tuple::Element::from(7u64)]);
    let (table, size) = store_map(&mut batch, Schema::Table, &vec![(row, b"a row".to_vec())]);
    let blob = batch.blob(b"a list of tools", ContentHint::Block).unwrap();
    batch.flush().unwrap();
    drop(batch);
    writer.finish().unwrap();
    let outside = |component: &str, part: &[&str], entry: ExternalEntry| {
        let part = part.iter().map(|part| (*part).into()).collect();
        (ExternalKey { component: key(component), part }.encode(), entry.encode())
    };
    let graph = Graph {
        components: vec![
            (key("prompt:triage").encode(), prompt.encode()),
            (key("agent:desk").encode(), Component::default().encode()),
        ],
        edges: vec![edge("prompted-by", "prompt:triage"), edge("calls", "agent:desk")],
        external: vec![
            outside("tool:crm", &[], ExternalEntry::Content { blob, size: 15 }),
            outside("memory:crm", &["public", "rows"], ExternalEntry::Table { root: table, size }),
        ],
        more: Vec::new(),
    };
    drop(lease);
    (repo, me, graph)
}

fn told(report: &FsckReport) -> Vec<&str> {
    report.problems.iter().map(|problem| problem.detail.as_str()).collect()
}

#[test]
fn a_sound_graph_passes() {
    let dir = scratch();
    let (repo, me, graph) = sound(dir.path());
    commit_graph(&repo, &me, &graph);
    assert_eq!(told(&fsck(dir.path())), Vec::<&str>::new());
    let read = independent_reader(dir.path(), dir.path());
    assert!(read.status.success(), "{}", String::from_utf8_lossy(&read.stdout));
}

#[test]
fn a_graph_that_is_not_sound_is_told_with_the_commit() {
    let dir = scratch();
    let (_, _, good) = sound(dir.path());
    let with = |change: &dyn Fn(&mut Graph)| {
        let mut graph = good.clone();
        change(&mut graph);
        graph
    };
    let bad_key = || (b"tools:search".to_vec(), Component::default().encode());
    let missing = ExternalEntry::Content { blob: aisr::object::BlobId::of(b"gone"), size: 4 };
    for (graph, expected) in [
        (with(&|g| g.components.push(bad_key())), "kind of component `tools`"),
        (with(&|g| g.components[0].1.push(0)), "byte"),
        (with(&|g| g.edges[0].1 = vec![0xa0]), "known from nowhere"),
        (with(&|g| g.edges[0].0.truncate(12)), "not a tuple of three texts"),
        (with(&|g| g.external[0].1 = missing.encode()), "missing"),
        (with(&|g| *g.external[1].1.last_mut().unwrap() ^= 1), "not that of its entry"),
        (with(&|g| g.external[0].0 = b"crm".to_vec()), "expected"),
        (with(&|g| g.more.push((b"telemetry", vec![1; 32]))), "knows no map `telemetry`"),
    ] {
        let dir = scratch();
        let (repo, me, _) = sound(dir.path());
        let id = commit_graph(&repo, &me, &graph);
        let report = fsck(dir.path());
        let told = told(&report);
        assert!(told.iter().any(|detail| detail.contains(expected)), "{expected}: {told:?}");
        assert!(report.affected.commits.contains(&id.to_hex()), "{expected}");
        assert_eq!(independent_reader(dir.path(), dir.path()).status.code(), Some(1), "{expected}");
    }
}
