//! Committing some paths alone: HEAD's tree, with what the folder holds there put in place.

use std::collections::{BTreeMap, BTreeSet};

use bstr::BString;

use crate::map::{Map, MapError, NodeSource};
use crate::object::{EntryKind, Node, NodeId, RepoPath, Schema, TreeEntry};
use crate::repo::{Repository, tree_entry};
use crate::store::StoreError;

use super::error::WorktreeError;
use super::ignores::is_ignored_now;
use super::overlay::Overlay;
use super::report::Warning;
use super::selection::Selection;
use super::tree_builder::TreeRoot;
use super::tree_edit::edit_tree;

/// Why a path is not captured that nothing else is the matter with.
const NOT_BY_ITSELF: &str = "it belongs to a database, or lies below a link";

/// Sees to it that each selected path is in HEAD, or in the folder and not ignored.
///
/// # Errors
/// When one is not.
pub fn ensure_there(
    repo: &Repository,
    head: Option<NodeId>,
    only: &Selection,
) -> Result<(), WorktreeError> {
    for path in only.paths() {
        if repo.entry_in(head, path)?.is_some() {
            continue;
        }
        let shown = || path.as_bytes().into();
        let Ok(found) = repo.root().join(path.as_path()).symlink_metadata() else {
            return Err(WorktreeError::Nowhere { path: shown() });
        };
        if is_ignored_now(repo.root(), path, found.is_dir())? {
            return Err(WorktreeError::Ignored { path: shown() });
        }
    }
    Ok(())
}

/// The tree `head` with the selected paths as `folder` has them, a tree of nothing else; `warnings`
/// say what it lacks. New nodes go to `sink`.
///
/// # Errors
/// When a node cannot be read or stored, or a path is in neither tree.
pub fn put_in_place(
    repo: &Repository,
    head: Option<NodeId>,
    nodes: &Overlay<'_>,
    folder: TreeRoot,
    only: &Selection,
    warnings: &[Warning],
    sink: &mut dyn FnMut(NodeId, Vec<u8>) -> Result<(), StoreError>,
) -> Result<TreeRoot, WorktreeError> {
    let mut edits: BTreeMap<BString, Option<TreeEntry>> = BTreeMap::new();
    let mut gone = BTreeSet::new();
    for path in only.paths() {
        match entry_at(nodes, folder.id, path)? {
            Some(_) => {
                let at = topmost_new(repo, head, path)?;
                edits.insert(at.as_bytes().into(), entry_at(nodes, folder.id, &at)?);
            }
            None if repo.entry_in(head, path)?.is_some() => drop(gone.insert(path.clone())),
            None => {
                let path = BString::from(path.as_bytes());
                let why = warnings.iter().find(|warning| *warning.path() == path);
                let why = why.map_or_else(|| NOT_BY_ITSELF.into(), Warning::reason);
                return Err(WorktreeError::NotCaptured { path, why });
            }
        }
    }
    let Some(head) = head else {
        store_nodes(nodes, TreeEntry::directory(folder.id, folder.bytes), sink)?;
        return Ok(folder);
    };
    for path in gone.clone() {
        take_folders_along(repo, head, nodes, folder, path, &mut gone)?;
    }
    for entry in edits.values().flatten() {
        store_nodes(nodes, *entry, sink)?;
    }
    edits.extend(gone.into_iter().map(|path| (path.as_bytes().into(), None)));
    Ok(edit_tree(nodes, head, &edits, sink)?.into())
}

/// Stores the nodes of a tree that are in memory alone.
fn store_nodes(
    nodes: &Overlay<'_>,
    entry: TreeEntry,
    sink: &mut dyn FnMut(NodeId, Vec<u8>) -> Result<(), StoreError>,
) -> Result<(), WorktreeError> {
    let mut todo: Vec<NodeId> = entry.root().into_iter().collect();
    while let Some(id) = todo.pop() {
        let Ok(bytes) = nodes.memory.node(id) else { continue };
        sink(id, bytes.to_vec())?;
        let node =
            Node::decode(bytes).map_err(|source| MapError::<StoreError>::Decode { id, source })?;
        todo.extend(node.children().map(|(_, child)| child));
        for (_, value) in node.entries() {
            todo.extend(tree_entry(value)?.root());
        }
    }
    Ok(())
}

/// The path itself, or the topmost folder around it that is none in HEAD.
fn topmost_new(
    repo: &Repository,
    head: Option<NodeId>,
    path: &RepoPath,
) -> Result<RepoPath, WorktreeError> {
    let mut at = RepoPath::root();
    for name in path.components() {
        at = at
            .join(name)
            .map_err(|source| WorktreeError::Path { path: path.as_bytes().into(), source })?;
        let entry = repo.entry_in(head, &at)?;
        if entry.is_none_or(|entry| entry.kind() != EntryKind::Directory) {
            break;
        }
    }
    Ok(at)
}

/// Adds to `gone` the folders around `path` that are no longer in the folder and of which HEAD
/// would hold nothing more.
fn take_folders_along(
    repo: &Repository,
    head: NodeId,
    nodes: &Overlay<'_>,
    folder: TreeRoot,
    path: RepoPath,
    gone: &mut BTreeSet<RepoPath>,
) -> Result<(), WorktreeError> {
    let mut below = path;
    while let Some(around) = below.parent().filter(|around| !around.is_root()) {
        if entry_at(nodes, folder.id, &around)?.is_some() {
            return Ok(());
        }
        let held = repo.entry_at(head, &around)?.and_then(|entry| entry.root());
        let Some(held) = held else { return Ok(()) };
        for entry in Map::open(nodes, held, Schema::Tree)?.iter() {
            let (name, _) = entry?;
            if !around.join(&name).is_ok_and(|path| gone.contains(&path)) {
                return Ok(());
            }
        }
        gone.insert(around.clone());
        below = around;
    }
    Ok(())
}

/// What is at `path` of a tree that may not be stored.
fn entry_at(
    nodes: &Overlay<'_>,
    root: NodeId,
    path: &RepoPath,
) -> Result<Option<TreeEntry>, WorktreeError> {
    let mut folder = Some(root);
    let mut found = None;
    for name in path.components() {
        let Some(root) = folder else { return Ok(None) };
        let Some(value) = Map::open(nodes, root, Schema::Tree)?.get(name)? else {
            return Ok(None);
        };
        let entry = tree_entry(value.as_ref())?;
        folder = entry.root();
        found = Some(entry);
    }
    Ok(found)
}
