//! A file system with a memory of what is durable.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::ffi::{OsStr, OsString};
use std::path::{Component, Path, PathBuf};

use super::file_content::{Edit, FileContent, Random, Variant};
use super::tree::{Content, Entry, Tree};
use crate::disk::operation::{FileId, Operation, RenameKind};

/// A file, folder or link, whatever its names are.
type NodeId = usize;

/// The root is the first node.
const ROOT: NodeId = 0;

type Entries = BTreeMap<OsString, NodeId>;

/// A name in a folder.
type Name = (NodeId, OsString);

enum Node {
    File(FileContent),
    Dir {
        /// As running programs see it.
        live: Entries,
        durable: Entries,
        mode: u32,
    },
    Symlink(PathBuf),
}

/// A change of folders that happens as a whole or not at all.
enum Change {
    Put { name: Name, node: NodeId },
    Remove { name: Name },
    Rename { from: Name, to: Name, node: NodeId },
    Exchange { from: Name, to: Name, nodes: [NodeId; 2] },
}

impl Change {
    /// The folder whose sync makes the change durable.
    fn home(&self) -> NodeId {
        match self {
            Change::Put { name, .. } | Change::Remove { name } => name.0,
            Change::Rename { to, .. } | Change::Exchange { to, .. } => to.0,
        }
    }

    fn names(&self) -> Vec<&Name> {
        match self {
            Change::Put { name, .. } | Change::Remove { name } => vec![name],
            Change::Rename { from, to, .. } | Change::Exchange { from, to, .. } => vec![from, to],
        }
    }

    fn nodes(&self) -> Vec<NodeId> {
        match self {
            Change::Put { node, .. } | Change::Rename { node, .. } => vec![*node],
            Change::Exchange { nodes, .. } => nodes.to_vec(),
            Change::Remove { .. } => vec![],
        }
    }

    /// Does the change to folders in which earlier changes may be missing.
    ///
    /// A rename whose source is not there has no effect: journals bring it together with what it
    /// needs or not at all.
    fn apply(&self, folders: &mut HashMap<NodeId, Entries>) {
        let holds = |folders: &HashMap<NodeId, Entries>, name: &Name, node: NodeId| {
            folders.get(&name.0).and_then(|entries| entries.get(&name.1)) == Some(&node)
        };
        match self {
            Change::Put { name, node } => put(folders, name, *node),
            Change::Remove { name } => remove(folders, name),
            Change::Rename { from, to, node } => {
                if holds(folders, from, *node) {
                    remove(folders, from);
                    put(folders, to, *node);
                }
            }
            Change::Exchange { from, to, nodes } => {
                if holds(folders, from, nodes[0]) && holds(folders, to, nodes[1]) {
                    put(folders, from, nodes[1]);
                    put(folders, to, nodes[0]);
                }
            }
        }
    }
}

fn put(folders: &mut HashMap<NodeId, Entries>, name: &Name, node: NodeId) {
    folders.entry(name.0).or_default().insert(name.1.clone(), node);
}

fn remove(folders: &mut HashMap<NodeId, Entries>, name: &Name) {
    folders.entry(name.0).or_default().remove(&name.1);
}

/// A change of folders that is not yet durable.
struct Open {
    change: Change,
    label: String,
}

/// What is uncertain at one moment: each choice has its number of outcomes.
///
/// First the open changes of folders, in order (0 absent, 1 done), then the unsynced files
/// (0 absent, 1 whole, then torn).
pub(super) struct Uncertain {
    pub(super) outcomes: Vec<usize>,
    files: Vec<NodeId>,
}

impl Uncertain {
    /// How many of the choices, the last ones, are contents of files.
    pub(super) fn file_count(&self) -> usize {
        self.files.len()
    }
}

/// The file system while a record is played.
pub(super) struct Model {
    nodes: Vec<Node>,
    handles: HashMap<FileId, NodeId>,
    open: Vec<Open>,
    random: Random,
}

impl Model {
    /// A file system in which the tree is durable.
    pub(super) fn new(tree: &Tree, seed: u64) -> Model {
        let mut model = Model {
            nodes: Vec::new(),
            handles: HashMap::new(),
            open: Vec::new(),
            random: Random::new(seed),
        };
        model.load(tree);
        model
    }

    fn load(&mut self, tree: &Tree) -> NodeId {
        let id =
            self.add(Node::Dir { live: Entries::new(), durable: Entries::new(), mode: tree.mode });
        for (name, entry) in &tree.entries {
            let child = match entry {
                Entry::File { content, mode } => {
                    self.add(Node::File(FileContent::new(content.clone(), *mode)))
                }
                Entry::Dir(tree) => self.load(tree),
                Entry::Symlink(target) => self.add(Node::Symlink(target.clone())),
            };
            if let Node::Dir { live, durable, .. } = &mut self.nodes[id] {
                live.insert(name.clone(), child);
                durable.insert(name.clone(), child);
            }
        }
        id
    }

    fn add(&mut self, node: Node) -> NodeId {
        self.nodes.push(node);
        self.nodes.len() - 1
    }

    /// Plays one operation; `None` if it does not fit what came before.
    pub(super) fn play(&mut self, operation: &Operation) -> Option<()> {
        match operation {
            Operation::Create { path, file, mode } => {
                let content = Content::new(Vec::new());
                let node = self.add(Node::File(FileContent::new(content, *mode)));
                self.handles.insert(*file, node);
                self.put_new(operation, path, node)
            }
            Operation::CreateDir { path, mode } => {
                let node = self.add(Node::Dir {
                    live: Entries::new(),
                    durable: Entries::new(),
                    mode: *mode,
                });
                self.put_new(operation, path, node)
            }
            Operation::Symlink { path, target } => {
                let node = self.add(Node::Symlink(target.clone()));
                self.put_new(operation, path, node)
            }
            Operation::Link { from, to } => {
                let node = self.find(from)?;
                self.put_new(operation, to, node)
            }
            Operation::Open { path, file } => {
                let node = self.find(path)?;
                self.handles.insert(*file, node);
                Some(())
            }
            Operation::Remove { path } | Operation::RemoveDir { path } => {
                let name = self.name(path)?;
                self.find(path)?;
                self.change(operation, Change::Remove { name })
            }
            Operation::Rename { from, to, kind } => self.rename(operation, from, to, *kind),
            Operation::Write { file, offset, bytes } => {
                let (offset, bytes) = (*offset, bytes.clone());
                self.edit(*file, Edit::Write { offset, bytes })
            }
            Operation::Truncate { file, len } => self.edit(*file, Edit::Truncate { len: *len }),
            Operation::SetMode { file, mode } => self.edit(*file, Edit::SetMode { mode: *mode }),
            Operation::SyncFile { file } => {
                self.file(*file)?.sync();
                Some(())
            }
            Operation::SyncDir { path } => {
                let folder = self.find(path)?;
                self.sync_changes(|change| change.home() == folder);
                Some(())
            }
            Operation::SyncFilesystem => {
                self.sync_changes(|_| true);
                for node in &mut self.nodes {
                    if let Node::File(file) = node {
                        file.sync();
                    }
                }
                Some(())
            }
            Operation::Allocate { .. } | Operation::Mark { .. } => Some(()),
        }
    }

    fn put_new(&mut self, operation: &Operation, path: &Path, node: NodeId) -> Option<()> {
        let name = self.name(path)?;
        self.change(operation, Change::Put { name, node })
    }

    fn rename(
        &mut self,
        operation: &Operation,
        from: &Path,
        to: &Path,
        kind: RenameKind,
    ) -> Option<()> {
        let node = self.find(from)?;
        let (from, to_name) = (self.name(from)?, self.name(to)?);
        let change = match kind {
            RenameKind::Replace | RenameKind::Refuse => Change::Rename { from, to: to_name, node },
            RenameKind::Exchange => {
                Change::Exchange { from, nodes: [node, self.find(to)?], to: to_name }
            }
        };
        self.change(operation, change)
    }

    /// Does a change for running programs and leaves it open.
    fn change(&mut self, operation: &Operation, change: Change) -> Option<()> {
        let mut folders = self.entries_of(&change, Side::Live)?;
        change.apply(&mut folders);
        self.store_entries(folders, Side::Live);
        let label = operation.to_string();
        self.open.push(Open { change, label });
        Some(())
    }

    fn edit(&mut self, file: FileId, edit: Edit) -> Option<()> {
        self.file(file)?.edit(edit);
        Some(())
    }

    fn file(&mut self, file: FileId) -> Option<&mut FileContent> {
        match &mut self.nodes[*self.handles.get(&file)?] {
            Node::File(content) => Some(content),
            _ => None,
        }
    }

    /// Makes open changes durable, and with each the earlier ones of the same names.
    fn sync_changes(&mut self, is_synced: impl Fn(&Change) -> bool) {
        let mut durable_names: HashSet<Name> = HashSet::new();
        let mut synced = vec![false; self.open.len()];
        for (index, open) in self.open.iter().enumerate().rev() {
            let names = open.change.names();
            if is_synced(&open.change) || names.iter().any(|name| durable_names.contains(*name)) {
                synced[index] = true;
                durable_names.extend(names.into_iter().cloned());
            }
        }
        let mut synced = synced.into_iter();
        let (durable, open) =
            std::mem::take(&mut self.open).into_iter().partition(|_| synced.next() == Some(true));
        self.open = open;
        let durable: Vec<Open> = durable;
        for Open { change, .. } in durable {
            if let Some(mut folders) = self.entries_of(&change, Side::Durable) {
                change.apply(&mut folders);
                self.store_entries(folders, Side::Durable);
            }
        }
    }

    /// The entries of the folders that a change touches.
    fn entries_of(&self, change: &Change, side: Side) -> Option<HashMap<NodeId, Entries>> {
        let mut folders = HashMap::new();
        for (folder, _) in change.names() {
            folders.insert(*folder, self.entries(*folder, side)?.clone());
        }
        Some(folders)
    }

    fn store_entries(&mut self, folders: HashMap<NodeId, Entries>, side: Side) {
        for (folder, entries) in folders {
            if let Node::Dir { live, durable, .. } = &mut self.nodes[folder] {
                match side {
                    Side::Live => *live = entries,
                    Side::Durable => *durable = entries,
                }
            }
        }
    }

    fn entries(&self, folder: NodeId, side: Side) -> Option<&Entries> {
        match (&self.nodes[folder], side) {
            (Node::Dir { live, .. }, Side::Live) => Some(live),
            (Node::Dir { durable, .. }, Side::Durable) => Some(durable),
            _ => None,
        }
    }

    /// The node that a path names for running programs.
    fn find(&self, path: &Path) -> Option<NodeId> {
        let mut node = ROOT;
        for part in path.components() {
            let Component::Normal(name) = part else {
                return None;
            };
            node = *self.entries(node, Side::Live)?.get(name)?;
        }
        Some(node)
    }

    fn name(&self, path: &Path) -> Option<Name> {
        let name: &OsStr = path.file_name()?;
        Some((self.find(path.parent()?)?, name.to_owned()))
    }

    /// What a crash at this moment would decide.
    pub(super) fn uncertain(&mut self) -> Uncertain {
        let named = self.named_files();
        let mut outcomes = vec![2; self.open.len()];
        let mut files = Vec::new();
        for (id, node) in self.nodes.iter_mut().enumerate() {
            if let Node::File(file) = node
                && file.is_dirty()
                && named.contains(&id)
            {
                outcomes.push(file.variants(&mut self.random).len());
                files.push(id);
            }
        }
        Uncertain { outcomes, files }
    }

    /// The nodes that could have a name after a crash.
    fn named_files(&self) -> HashSet<NodeId> {
        let durable = self.nodes.iter().flat_map(|node| match node {
            Node::Dir { durable, .. } => durable.values().copied().collect(),
            _ => Vec::new(),
        });
        let open = self.open.iter().flat_map(|open| open.change.nodes());
        durable.chain(open).collect()
    }

    /// The tree that a crash leaves, given the outcome of each choice.
    pub(super) fn tree_after_crash(&mut self, uncertain: &Uncertain, choice: &[usize]) -> Tree {
        let (changes, contents) = choice.split_at(self.open.len());
        let mut folders: HashMap<NodeId, Entries> = HashMap::new();
        for (id, node) in self.nodes.iter().enumerate() {
            if let Node::Dir { durable, .. } = node {
                folders.insert(id, durable.clone());
            }
        }
        for (open, outcome) in self.open.iter().zip(changes) {
            if *outcome == 1 {
                open.change.apply(&mut folders);
            }
        }
        let mut chosen = HashMap::new();
        for (id, outcome) in uncertain.files.iter().zip(contents) {
            chosen.insert(*id, *outcome);
        }
        let variants = self.chosen_variants(&chosen);
        self.build_tree(ROOT, &folders, &variants)
    }

    fn chosen_variants(&mut self, chosen: &HashMap<NodeId, usize>) -> HashMap<NodeId, Variant> {
        let mut variants = HashMap::new();
        for (id, outcome) in chosen {
            if let Node::File(file) = &mut self.nodes[*id]
                && let Some(variant) = file.variants(&mut self.random).get(*outcome)
            {
                variants.insert(*id, variant.clone());
            }
        }
        variants
    }

    fn build_tree(
        &self,
        folder: NodeId,
        folders: &HashMap<NodeId, Entries>,
        variants: &HashMap<NodeId, Variant>,
    ) -> Tree {
        let mode = match &self.nodes[folder] {
            Node::Dir { mode, .. } => *mode,
            _ => 0o700,
        };
        let mut entries = BTreeMap::new();
        for (name, node) in folders.get(&folder).into_iter().flatten() {
            let entry = match (&self.nodes[*node], variants.get(node)) {
                (Node::Dir { .. }, _) => Entry::Dir(self.build_tree(*node, folders, variants)),
                (Node::Symlink(target), _) => Entry::Symlink(target.clone()),
                (Node::File(_), Some(variant)) => {
                    Entry::File { content: variant.content.clone(), mode: variant.mode }
                }
                (Node::File(file), None) => {
                    let (content, mode) = file.durable();
                    let content = content.clone();
                    Entry::File { content, mode }
                }
            };
            entries.insert(name.clone(), entry);
        }
        Tree { mode, entries }
    }

    /// In words, what a choice leaves out or tears.
    pub(super) fn describe(&mut self, uncertain: &Uncertain, choice: &[usize]) -> Vec<String> {
        let (changes, contents) = choice.split_at(self.open.len());
        let mut lines = Vec::new();
        for (open, outcome) in self.open.iter().zip(changes) {
            if *outcome == 0 {
                lines.push(format!("absent: {}", open.label));
            }
        }
        let ids: HashMap<NodeId, FileId> =
            self.handles.iter().map(|(id, node)| (*node, *id)).collect();
        for (node, outcome) in uncertain.files.iter().zip(contents) {
            if let Node::File(file) = &mut self.nodes[*node]
                && let Some(variant) = file.variants(&mut self.random).get(*outcome)
                && let Some(id) = ids.get(node)
                && *outcome != 1
            {
                lines.push(format!("content of {id}: {}", variant.label));
            }
        }
        lines
    }
}

#[derive(Clone, Copy)]
enum Side {
    Live,
    Durable,
}
