//! The system of commits: what capture makes of it, and that no commit says of its system what its
//! files do not bear out.

mod support;

use std::collections::BTreeMap;
use std::path::Path;

use aisr::chunk::ContentHint;
use aisr::disk::Disk;
use aisr::log::RefName;
use aisr::object::{
    BlobId, Cause, ChangeKind, Commit, CommitId, Component, ComponentKey, Edge, EdgeKey, Id,
    ObjectType, Origin, RefChange, RefTarget, RepoPath, Signed,
};
use aisr::policy::{UnknownKeys, Verdict, verify};
use aisr::remote::{CloneOptions, PushOptions, Remote, clone as clone_place, create_place, push};
use aisr::repo::{Identity, Repository};
use aisr::sign::Namespace;
use aisr::store::Batch;
use aisr::system::{Fresh, Graph, SystemChecker, SystemMaps, build_root, changes};
use support::memory_place::MemoryPlace;
use support::soundness::{chain, fsck};
use support::{
    Quiet, Random, identity, independent_reader, must_commit, new_repository, scratch, write,
};

fn key(text: &str) -> ComponentKey {
    text.parse().unwrap()
}

fn path(text: &str) -> Origin {
    Origin::Path(RepoPath::parse(text).unwrap())
}

fn graph_of(repo: &Repository, id: CommitId) -> Graph {
    let root = repo.commit(id).unwrap().commit.root;
    SystemMaps::of_root(repo.store(), root).unwrap().load(repo.store()).unwrap()
}

const MANIFEST: &str = "[agent.desk]\npath = \"agents/desk.yaml\"\nruns = \"model:base\"\n\
    [data.faq]\npath = [\"data/**\", \"more/\"]\n[model.base]\npath = \"models\"\n";

fn desk(root: &Path) -> (Repository, Identity, CommitId) {
    let me = identity();
    let repo = new_repository(&Disk::new(), root, &me);
    write(root, "agents/desk.yaml", b"model: base");
    write(root, "data/a.md", b"a");
    write(root, "data/deep/b.md", b"b");
    write(root, "more/c.md", b"c");
    write(root, "models/base.bin", b"weights");
    write(root, "aisr.toml", MANIFEST.as_bytes());
    let id = must_commit(&repo, &me, "desk");
    (repo, me, id)
}

#[test]
fn a_component_stands_on_the_exact_paths_that_its_globs_match() {
    let dir = scratch();
    let (repo, _, id) = desk(dir.path());
    let graph = graph_of(&repo, id);
    let agent = &graph.components[&key("agent:desk")];
    assert_eq!(agent.content, Some(BlobId::of(b"model: base").id()));
    assert_eq!(agent.origins, [path("agents/desk.yaml")]);
    let files = repo.files_of(id).unwrap();
    let folder = repo.entry_at(files, &RepoPath::parse("models").unwrap()).unwrap().unwrap();
    assert_eq!(graph.components[&key("model:base")].content, Some(folder.id()));
    let data = &graph.components[&key("data:faq")];
    assert_eq!(data.origins, [path("data/a.md"), path("data/deep/b.md"), path("more")]);
    assert_eq!(graph.edges.len(), 1);
    let read = independent_reader(dir.path(), dir.path());
    assert!(read.status.success(), "{}", String::from_utf8_lossy(&read.stdout));
}

/// Commits `graph` as the system of HEAD's files, signed, whatever it says.
fn forge(repo: &Repository, me: &Identity, graph: &Graph) -> CommitId {
    let mut log = repo.log().unwrap();
    let head = CommitId::from_id(log.refs().head_object().unwrap());
    let before = repo.commit(head).unwrap().commit;
    let mut fresh = Fresh::new(repo.store());
    let maps = graph.build(&mut fresh).unwrap();
    let lease = repo.store().lease().unwrap();
    let writer = repo.store().writer(&lease);
    let mut batch = Batch::new(&writer);
    for id in fresh.nodes.ids().collect::<Vec<_>>() {
        batch.node(id, &aisr::map::NodeSource::node(&fresh, id).unwrap()).unwrap();
    }
    let files = repo.files(&before).unwrap();
    let root = build_root(files, maps.id, &mut |id, bytes| batch.node(id, &bytes)).unwrap();
    let payload = Commit { root, parents: vec![head], ..before }.encode();
    let signature = me.key.sign(Namespace::Commit, &payload).unwrap();
    let object = Signed { payload: &payload, signature: &signature }.encode();
    let id = CommitId::of(&object);
    batch.put(ObjectType::Commit, id.id(), &object, ContentHint::Block).unwrap();
    batch.flush().unwrap();
    drop(batch);
    writer.finish().unwrap();
    let target = |id: CommitId| Some(RefTarget::Object(id.id()));
    let (name, kind) = (b"refs/heads/main".to_vec(), ChangeKind::Forward);
    let change = RefChange { name, old: target(head), new: target(id), kind };
    repo.move_refs(&mut log, vec![change], Cause::of("commit")).unwrap();
    id
}

/// Pushes main to a place and clones that.
fn through_a_place(repo: &Repository, me: &Identity, target: &Path) -> Result<(), String> {
    let place = MemoryPlace::default();
    let refs = [RefName::branch("main").unwrap()];
    create_place(repo, &place, &refs[0], me).unwrap();
    let options =
        PushOptions { identity: me, refs: &refs, delete: &[], force: false, progress: &Quiet };
    push(repo, "origin", &place, &options).unwrap();
    let remote = Remote { name: "origin".into(), place: "/memory".into() };
    let (branch, checkout, threads, progress) = (None, true, 2, &Quiet);
    let options = CloneOptions { remote: &remote, branch, checkout, threads, progress };
    clone_place(&Disk::new(), &place, target, &options).map(drop).map_err(|e| chain(&e))
}

/// Graphs that lie about the desk's files, and what is said of each.
fn lies(good: &Graph) -> Vec<(Graph, &'static str)> {
    let with = |change: &dyn Fn(&mut Graph)| {
        let mut graph = good.clone();
        change(&mut graph);
        graph
    };
    let component = |graph: &mut Graph, name: &str, component: Component| {
        graph.components.insert(key(name), component);
    };
    let other = Some(Id::new([7; 32]));
    vec![
        (
            with(&|g| g.components.get_mut(&key("agent:desk")).unwrap().content = other),
            "says that agent:desk is 0707",
        ),
        (
            with(&|g| g.components.get_mut(&key("data:faq")).unwrap().content = other),
            "says that data:faq is 0707",
        ),
        (
            with(&|g| {
                let data = g.components.get_mut(&key("data:faq")).unwrap();
                data.origins.pop();
            }),
            "but its files make it",
        ),
        (
            with(&|g| {
                let origins = vec![path("models/gone.bin")];
                component(
                    g,
                    "model:x",
                    Component { content: other, origins, ..Default::default() },
                );
            }),
            "stands on models/gone.bin, which it does not hold",
        ),
        (
            with(&|g| {
                let origins = vec![Origin::External(b"\x02tool:x\0".to_vec())];
                component(g, "tool:x", Component { content: other, origins, ..Default::default() });
            }),
            "which it does not hold",
        ),
        (
            with(&|g| {
                let origins = vec![path("models"), Origin::External(b"\x02tool:x\0".to_vec())];
                component(g, "tool:x", Component { content: other, origins, ..Default::default() });
            }),
            "several things outside",
        ),
        (
            with(&|g| {
                let data = g.components.get_mut(&key("data:faq")).unwrap();
                data.origins.push(path("more/c.md"));
            }),
            "stands on a path and on one inside it",
        ),
        (
            with(&|g| drop(g.components.remove(&key("model:base")))),
            "agent:desk runs model:base, but there is no model:base",
        ),
        (
            with(&|g| {
                let [from, to] = ["agent:ghost", "model:base"].map(key);
                let edge = EdgeKey { from, relation: "runs".into(), to };
                g.edges.insert(edge, Edge { discovered: Some(BTreeMap::new()), declared: None });
            }),
            "but there is no agent:ghost",
        ),
    ]
}

#[test]
fn a_commit_whose_system_lies_about_its_files_is_refused() {
    let dir = scratch();
    let (repo, _, id) = desk(dir.path());
    let good = graph_of(&repo, id);
    for (graph, expected) in lies(&good) {
        let (dir, copy) = (scratch(), scratch());
        let (repo, me, _) = desk(dir.path());
        let id = forge(&repo, &me, &graph);
        let report = fsck(dir.path());
        let told: Vec<_> = report.problems.iter().map(|problem| &problem.detail).collect();
        assert!(told.iter().any(|told| told.contains(expected)), "{expected}: {told:?}");
        assert!(report.affected.commits.contains(&id.to_hex()), "{expected}");
        let report = verify(&repo, None).unwrap();
        assert!(!report.passes(UnknownKeys::Pass), "{expected}");
        let found = &report.not_good[0];
        assert_eq!((found.verdict, &found.id), (Verdict::FalseSystem, &id.to_hex()), "{expected}");
        assert!(found.detail.as_ref().unwrap().contains(expected), "{expected}: {found:?}");
        let refused = through_a_place(&repo, &me, &copy.path().join("clone"));
        assert!(refused.unwrap_err().contains(expected), "{expected}");
    }
    // What is true passes all three.
    let (dir, copy) = (scratch(), scratch());
    let (repo, me, id) = desk(dir.path());
    let mut graph = good.clone();
    graph.components.get_mut(&key("agent:desk")).unwrap().was = Some(key("agent:old"));
    assert_ne!(forge(&repo, &me, &graph), id);
    assert!(fsck(dir.path()).problems.is_empty());
    assert!(verify(&repo, None).unwrap().passes(UnknownKeys::Fail));
    through_a_place(&repo, &me, &copy.path().join("clone")).unwrap();
}

#[test]
fn a_lie_is_found_whatever_was_checked_before() {
    let dir = scratch();
    let (repo, me, first) = desk(dir.path());
    let good = graph_of(&repo, first);
    let root = |id| repo.commit(id).unwrap().commit.root;
    // The files change, and the system says what it said before.
    write(dir.path(), "data/deep/b.md", b"other");
    let second = must_commit(&repo, &me, "other");
    assert_ne!(graph_of(&repo, second), good);
    let stale = forge(&repo, &me, &good);
    let mut checker = SystemChecker::new(repo.store());
    checker.check(root(first)).unwrap();
    checker.check(root(second)).unwrap();
    let error = checker.check(root(stale)).unwrap_err();
    assert!(error.to_string().contains("data:faq"), "{error}");
    // A lie is no ground to stand on.
    assert!(checker.check(root(stale)).is_err());
    checker.check(root(first)).unwrap();
    assert!(checker.check(root(stale)).is_err());
}

/// The system that a commit has is what a commit from nothing would have.
#[test]
fn what_is_made_from_the_system_before_is_what_is_made_anew() {
    let dir = scratch();
    let me = identity();
    let repo = new_repository(&Disk::new(), dir.path(), &me);
    let manifest = "[data.all]\npath = \"**\"\n[data.a]\npath = \"a/*\"\n[data.b]\npath = \"b\"\n\
        [data.folders]\npath = \"*/\"\n[data.file]\npath = [\"a/1\", \"b/2\"]\n\
        [data.deep]\npath = [\"**/3\", \"c/**\"]\n";
    write(dir.path(), "aisr.toml", manifest.as_bytes());
    let mut random = Random(7);
    for step in 0..40 {
        for _ in 0..1 + random.below(3) {
            let folder = ["a", "b", "c", "a/d", "c/e"][random.below(5)];
            let file = format!("{folder}/{}", 1 + random.below(4));
            match random.below(3) {
                0 => drop(std::fs::remove_file(dir.path().join(&file))),
                n => write(dir.path(), &file, format!("{n} {step}").as_bytes()),
            }
        }
        write(dir.path(), "step", step.to_string().as_bytes());
        let id = must_commit(&repo, &me, "step");
        let found = graph_of(&repo, id);
        let files = repo.files_of(id).unwrap();
        let declared = aisr::system::Manifest::parse(manifest).unwrap().components;
        let resolved = aisr::system::resolve(repo.store(), files, &declared).unwrap();
        let anew = aisr::system::graph(&declared, resolved);
        assert_eq!(found, anew, "step {step}");
        let root = repo.commit(id).unwrap().commit.root;
        SystemChecker::new(repo.store()).check(root).unwrap();
    }
    assert!(fsck(dir.path()).problems.is_empty());
}

#[test]
fn a_component_of_very_many_paths_is_kept_beside_the_node() {
    let dir = scratch();
    let me = identity();
    let repo = new_repository(&Disk::new(), dir.path(), &me);
    for n in 0..300 {
        write(dir.path(), &format!("data/record-{n:04}.json"), n.to_string().as_bytes());
    }
    write(dir.path(), "aisr.toml", b"[data.records]\npath = \"data/*.json\"\n");
    let first = must_commit(&repo, &me, "records");
    assert_eq!(graph_of(&repo, first).components[&key("data:records")].origins.len(), 300);
    write(dir.path(), "data/record-0007.json", b"other");
    let second = must_commit(&repo, &me, "one more");
    let [before, after] = [first, second].map(|id| repo.commit(id).unwrap().commit.root);
    let found = changes(repo.store(), Some(before), after).unwrap();
    assert_eq!((found.components.len(), found.edges.len()), (1, 0));
    assert!(found.components[0].has_other_content());
    assert!(fsck(dir.path()).problems.is_empty());
    let read = independent_reader(dir.path(), dir.path());
    assert!(read.status.success(), "{}", String::from_utf8_lossy(&read.stdout));
}
