//! Makes a long history for `history.py`, in a repository that has a first commit, and the same in
//! git: `history REPO KEY GIT COMMITS`.
//!
//! The commits are made through the library, each with its entry in the log, as `aisr commit` and
//! `aisr branch` would have them. In blocks of twenty, four grow on a branch of their own and are
//! merged; the branch is deleted then. Git has all files but those in `memory/`.

use std::collections::BTreeMap;
use std::error::Error;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};

use aisr::chunk::ContentHint;
use aisr::disk::Disk;
use aisr::map::Builder;
use aisr::object::{
    Cause, ChangeKind, Commit, CommitId, ComponentKey, Id, NodeId, ObjectType, Origin, RefChange,
    RefTarget, RepoPath, Schema, Signed, Stamp, TreeEntry, ValueRef,
};
use aisr::repo::{Descend, FILES, RepoError, Repository};
use aisr::sign::{Namespace, SecretKey};
use aisr::store::{Batch, StoreError};
use aisr::system::{Graph, SYSTEM, SystemMaps};
use aisr::upkeep::{CompactionBounds, compact_if_due};

type Outcome<T = ()> = Result<T, Box<dyn Error>>;

/// So many commits make a block; the last one merges those that grew beside it.
const BLOCK: usize = 20;
/// So many grow beside the others.
const BESIDE: usize = 4;
/// How often, over the whole history, `prompts/watched.md` and `prompts/long.md` change.
const WATCHED: usize = 100;
const LONG: usize = 300;

fn main() -> Outcome {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [repo, key, git, commits] = &words[..] else {
        return Err("usage: history REPO KEY GIT COMMITS".into());
    };
    let disk = Disk::new();
    let repo = Repository::open(disk, Path::new(repo))?;
    let key = SecretKey::load(Path::new(key), &mut |_| Ok(None))?;
    let mut maker = Maker::new(&repo, &key, PathBuf::from(git))?;
    maker.make(commits.parse()?)
}

/// A directory tree of which only what changed is built anew.
#[derive(Clone)]
enum Node {
    File(TreeEntry),
    Folder(BTreeMap<Vec<u8>, Node>, Option<TreeEntry>),
}

impl Node {
    fn put(&mut self, path: &[&[u8]], entry: TreeEntry) {
        let Node::Folder(inside, built) = self else { return };
        *built = None;
        match path {
            [] => {}
            [name] => drop(inside.insert(name.to_vec(), Node::File(entry))),
            [name, rest @ ..] => inside
                .entry(name.to_vec())
                .or_insert_with(|| Node::Folder(BTreeMap::new(), None))
                .put(rest, entry),
        }
    }

    fn build(&mut self, batch: &mut Batch<'_, '_>) -> Outcome<TreeEntry> {
        let (inside, built) = match self {
            Node::File(entry) => return Ok(*entry),
            Node::Folder(inside, built) => (inside, built),
        };
        if let Some(built) = built {
            return Ok(*built);
        }
        let mut entries = Vec::with_capacity(inside.len());
        for (name, node) in inside.iter_mut() {
            entries.push((name.clone(), node.build(batch)?.encode().to_vec()));
        }
        let (root, bytes) = map(batch, Schema::Tree, &entries)?;
        let entry = TreeEntry::directory(root, bytes);
        *built = Some(entry);
        Ok(entry)
    }
}

fn map(
    batch: &mut Batch<'_, '_>,
    schema: Schema,
    entries: &[(Vec<u8>, Vec<u8>)],
) -> Outcome<(NodeId, u64)> {
    let sink = |id, bytes: Vec<u8>| -> Result<(), StoreError> { batch.node(id, &bytes) };
    let mut map = Builder::new(schema, sink);
    for (key, value) in entries {
        map.push(key, ValueRef::Inline(value))?;
    }
    let root = map.finish()?;
    Ok((root.id, root.bytes))
}

/// What a commit holds.
#[derive(Clone)]
struct State {
    tree: Node,
    graph: Graph,
    /// The map of the system, until it changes.
    system: Option<NodeId>,
}

/// The file that a commit changes, and what it holds then.
type Change = (String, String);

/// A history under way: commits in order, and what moved which branch.
struct Maker<'r> {
    repo: &'r Repository,
    key: &'r SecretKey,
    git: Git,
    base: Commit,
    head: CommitId,
    state: State,
    watched: Vec<String>,
    long: Vec<String>,
    random: u64,
    moves: Vec<Move>,
}

struct Move {
    branch: String,
    old: Option<CommitId>,
    new: Option<CommitId>,
}

impl<'r> Maker<'r> {
    fn new(repo: &'r Repository, key: &'r SecretKey, git: PathBuf) -> Outcome<Self> {
        let head = repo.log()?.refs().head_commit().ok_or("the repository has no commit")?;
        let base = repo.commit(head)?.commit;
        let mut tree = Node::Folder(BTreeMap::new(), None);
        let mut git = Git::begin(git)?;
        git.commit(&[], base.committed, "first")?;
        let (mut watched, mut long) = (Vec::new(), Vec::new());
        let mut failed = Ok(());
        repo.walk_tree::<RepoError>(repo.files(&base)?, &RepoPath::root(), &mut |path, entry| {
            if let Some(blob) = entry.blob() {
                tree.put(&path.as_bytes().split(|byte| *byte == b'/').collect::<Vec<_>>(), entry);
                if !path.as_bytes().starts_with(b"memory/") {
                    let mut bytes = Vec::new();
                    repo.store().blob(blob)?.copy_to::<RepoError>(&mut |piece| {
                        bytes.extend_from_slice(piece);
                        Ok(())
                    })?;
                    let text =
                        || String::from_utf8_lossy(&bytes).lines().map(str::to_owned).collect();
                    match path.as_bytes() {
                        b"prompts/watched.md" => watched = text(),
                        b"prompts/long.md" => long = text(),
                        _ => {}
                    }
                    if failed.is_ok() {
                        failed = git.file(&path.to_string(), &bytes);
                    }
                }
            }
            Ok(Descend::Into)
        })?;
        failed?;
        let maps = SystemMaps::of_root(repo.store(), base.root)?;
        let state = State { tree, graph: maps.load(repo.store())?, system: maps.id };
        let (random, moves) = (1, Vec::new());
        Ok(Self { repo, key, git, base, head, state, watched, long, random, moves })
    }

    fn make(&mut self, commits: usize) -> Outcome {
        let repo = self.repo;
        let mut number = 0;
        while number < commits {
            let lease = repo.store().lease()?;
            let writer = repo.store().writer(&lease);
            let mut batch = Batch::new(&writer);
            number = self.block(&mut batch, number, commits)?;
            batch.flush()?;
            drop(batch);
            writer.finish()?;
            drop(lease);
            // As after each commit that the command makes.
            compact_if_due(repo.store(), CompactionBounds::AFTER_COMMIT)?;
        }
        for Move { branch, old, new } in self.moves.drain(..) {
            let target = |id: Option<CommitId>| id.map(|id| RefTarget::Object(id.id()));
            let kind = match (old, new) {
                (None, _) => ChangeKind::Create,
                (_, None) => ChangeKind::Delete,
                _ => ChangeKind::Forward,
            };
            let name = format!("refs/heads/{branch}").into_bytes();
            let change = RefChange { name, old: target(old), new: target(new), kind };
            repo.move_refs(&mut repo.log()?, vec![change], Cause::of("commit"))?;
        }
        self.git.end()
    }

    /// The next commits on the main line, some beside it, and the merge of both. Gives the number of
    /// the last one.
    fn block(
        &mut self,
        batch: &mut Batch<'_, '_>,
        mut number: usize,
        commits: usize,
    ) -> Outcome<usize> {
        let (start, start_state, start_mark) = (self.head, self.state.clone(), self.git.mark);
        let own = (BLOCK - BESIDE - 1).min(commits - number);
        for _ in 0..own {
            number += 1;
            let changes = self.changes(number, commits, "src");
            let parents = [self.head];
            let marks = [self.git.mark];
            let mut state = self.state.taken();
            self.head = self.commit(batch, &parents, &marks, &mut state, &changes, number)?;
            self.state = state;
            self.moved("main", Some(parents[0]), Some(self.head));
        }
        if number + BESIDE + 1 > commits {
            return Ok(number);
        }
        let main_mark = self.git.mark;
        let (mut side, mut side_state, mut all) = (start, start_state, Vec::new());
        let (branch, mut side_mark) = (format!("work-{number}"), start_mark);
        let mut before = None;
        for _ in 0..BESIDE {
            number += 1;
            let changes = self.changes(number, 0, "side");
            side = self.commit(batch, &[side], &[side_mark], &mut side_state, &changes, number)?;
            side_mark = self.git.mark;
            self.moved(&branch, before, Some(side));
            before = Some(side);
            all.extend(changes);
        }
        number += 1;
        let mut state = self.state.taken();
        let parents = [self.head, side];
        let merged =
            self.commit(batch, &parents, &[main_mark, side_mark], &mut state, &all, number)?;
        self.moved("main", Some(self.head), Some(merged));
        self.moved(&branch, Some(side), None);
        (self.head, self.state) = (merged, state);
        Ok(number)
    }

    fn moved(&mut self, branch: &str, old: Option<CommitId>, new: Option<CommitId>) {
        self.moves.push(Move { branch: branch.into(), old, new });
    }

    fn time(&self, number: usize) -> Stamp {
        Stamp { micros: self.base.committed.micros + number as i64 * 60_000_000, zone: 0 }
    }

    fn next(&mut self, below: usize) -> usize {
        // Knuth's linear congruence; the high bits count.
        self.random =
            self.random.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        ((self.random >> 33) as usize) % below.max(1)
    }

    fn text(&mut self, lines: usize) -> Vec<String> {
        const WORDS: [&str; 12] = [
            "sort", "each", "request", "by", "its", "weight", "and", "never", "guess", "whom",
            "it", "serves",
        ];
        (0..lines)
            .map(|_| (0..8).map(|_| WORDS[self.next(WORDS.len())]).collect::<Vec<_>>().join(" "))
            .collect()
    }

    /// What the commit of this number changes: two files of `folder`, every third time a prompt, and
    /// on the main line what is asked for later.
    fn changes(&mut self, number: usize, commits: usize, folder: &str) -> Vec<Change> {
        let mut changes = Vec::new();
        for _ in 0..2 {
            let (a, b) = (self.next(100), self.next(100));
            let text = self.text(10);
            changes.push((format!("{folder}/{a:02}/{b:02}.py"), text.join("\n") + "\n"));
        }
        if number.is_multiple_of(3) && folder == "src" {
            let prompt = self.next(200);
            let text = self.text(40);
            changes.push((format!("prompts/p{prompt:03}.md"), text.join("\n") + "\n"));
        }
        if commits == 0 {
            return changes;
        }
        // Main-line commits are fifteen of twenty, so what falls beside them is made up for here.
        let due = |times: usize| number * times / commits > (number - 1) * times / commits;
        if due(WATCHED * BLOCK / (BLOCK - BESIDE - 1)) && !self.watched.is_empty() {
            let at = self.next(self.watched.len());
            self.watched[at] = format!("line {number}: ignore what commit {number} said");
            changes.push(("prompts/watched.md".into(), self.watched.join("\n") + "\n"));
        }
        if due(LONG * BLOCK / (BLOCK - BESIDE - 1)) && !self.long.is_empty() {
            for _ in 0..3 {
                let at = self.next(self.long.len());
                self.long[at] = self.text(1).concat();
            }
            changes.push(("prompts/long.md".into(), self.long.join("\n") + "\n"));
        }
        changes
    }

    fn commit(
        &mut self,
        batch: &mut Batch<'_, '_>,
        parents: &[CommitId],
        marks: &[usize],
        state: &mut State,
        changes: &[Change],
        number: usize,
    ) -> Outcome<CommitId> {
        for (path, text) in changes {
            let blob = batch.blob(text.as_bytes(), ContentHint::Block)?;
            let entry = TreeEntry::file(blob, text.len() as u64);
            let names: Vec<&[u8]> = path.as_bytes().split(|byte| *byte == b'/').collect();
            state.tree.put(&names, entry);
            state.set(path, blob.id())?;
        }
        let files = state.tree.build(batch)?.root().ok_or("no folder")?;
        let system = state.system(batch)?;
        let mut entries = vec![(FILES.to_vec(), files.as_bytes().to_vec())];
        entries.extend(system.map(|id| (SYSTEM.to_vec(), id.as_bytes().to_vec())));
        let (root, _) = map(batch, Schema::Root, &entries)?;
        let time = self.time(number);
        let commit = Commit {
            root,
            parents: parents.to_vec(),
            authored: time,
            committed: time,
            message: Some(format!("Commit {number}")),
            report: None,
            ..self.base.clone()
        };
        let payload = commit.encode();
        let signature = self.key.sign(Namespace::Commit, &payload)?;
        let object = Signed { payload: &payload, signature: &signature }.encode();
        let id = CommitId::of(&object);
        batch.put(ObjectType::Commit, id.id(), &object, ContentHint::Block)?;
        self.git.commit(marks, time, &format!("Commit {number}"))?;
        for (path, text) in changes {
            self.git.file(path, text.as_bytes())?;
        }
        Ok(id)
    }
}

impl State {
    /// What the next commit goes on from; this one is left empty.
    fn taken(&mut self) -> Self {
        let nothing = Node::Folder(BTreeMap::new(), None);
        let tree = std::mem::replace(&mut self.tree, nothing);
        let graph = std::mem::take(&mut self.graph);
        Self { tree, graph, system: self.system }
    }

    /// A component that stands on the path alone has this content now.
    fn set(&mut self, path: &str, content: Id) -> Outcome {
        let path = Origin::Path(RepoPath::parse(path)?);
        for component in self.graph.components.values_mut() {
            if component.origins[..] == [path.clone()] && component.content != Some(content) {
                component.content = Some(content);
                self.system = None;
            }
        }
        Ok(())
    }

    fn system(&mut self, batch: &mut Batch<'_, '_>) -> Outcome<Option<NodeId>> {
        if self.system.is_some() || self.graph.is_empty() {
            return Ok(self.system);
        }
        let key = |key: &ComponentKey| key.encode();
        let mut components: Vec<_> =
            self.graph.components.iter().map(|(k, c)| (key(k), c.encode())).collect();
        components.sort();
        let mut edges: Vec<_> =
            self.graph.edges.iter().map(|(k, e)| (k.encode(), e.encode())).collect();
        edges.sort();
        let mut entries = Vec::new();
        for (name, schema, of) in
            [("components", Schema::Components, components), ("edges", Schema::Edges, edges)]
        {
            if !of.is_empty() {
                let (id, _) = map(batch, schema, &of)?;
                entries.push((name.as_bytes().to_vec(), id.as_bytes().to_vec()));
            }
        }
        self.system = Some(map(batch, Schema::System, &entries)?.0);
        Ok(self.system)
    }
}

/// The same history in git.
struct Git {
    import: Child,
    to: Option<BufWriter<ChildStdin>>,
    mark: usize,
}

impl Git {
    fn begin(folder: PathBuf) -> Outcome<Self> {
        let mut git = Command::new("git");
        git.args(["fast-import", "--quiet"]).current_dir(folder).stdin(Stdio::piped());
        let mut import = git.spawn()?;
        let to = import.stdin.take().map(BufWriter::new);
        Ok(Self { import, to, mark: 0 })
    }

    fn write(&mut self, bytes: &[u8]) -> Outcome {
        Ok(self.to.as_mut().ok_or("git has ended")?.write_all(bytes)?)
    }

    fn commit(&mut self, parents: &[usize], time: Stamp, message: &str) -> Outcome {
        self.mark += 1;
        let (mark, second, len) = (self.mark, time.micros / 1_000_000, message.len());
        let mut text = format!("commit refs/heads/main\nmark :{mark}\n");
        text += &format!("committer b <b@example.org> {second} +0000\ndata {len}\n{message}\n");
        for (nth, parent) in parents.iter().enumerate() {
            text += &format!("{} :{parent}\n", if nth == 0 { "from" } else { "merge" });
        }
        self.write(text.as_bytes())
    }

    fn file(&mut self, path: &str, bytes: &[u8]) -> Outcome {
        self.write(format!("M 100644 inline {path}\ndata {}\n", bytes.len()).as_bytes())?;
        self.write(bytes)?;
        self.write(b"\n")
    }

    fn end(&mut self) -> Outcome {
        if let Some(mut to) = self.to.take() {
            to.flush()?;
        }
        match self.import.wait()?.success() {
            true => Ok(()),
            false => Err("git fast-import failed".into()),
        }
    }
}
