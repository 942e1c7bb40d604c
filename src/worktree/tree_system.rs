//! The system of a directory tree that is being captured, and what it changes of HEAD's.

use std::borrow::Cow;

use bstr::BString;

use crate::chunk::ContentHint;
use crate::map::{Map, NodeSource, update};
use crate::object::{
    BlobId, Component, ComponentKey, EntryKind, NodeId, RepoPath, Schema, TreeEntry, Value, limits,
};
use crate::repo::{RepoError, Repository, tree_entry};
use crate::store::{Batch, StoreError};
use crate::system::{
    Finding, Fresh, GraphSource, MANIFEST_FILE, MANIFEST_LIMIT, Manifest, ManifestError, Narrowed,
    Severity, SystemChanges, SystemMaps, affected, changes_of, check_names, check_origins, graph,
    narrowed, resolve, touched,
};

use super::content::read_bytes;
use super::error::WorktreeError;
use super::overlay::Overlay;
use super::report::Warning;
use super::working_tree::WorkingTree;

/// The system of a tree, and what it changes of the one before.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct TreeSystem {
    /// Its maps.
    pub maps: SystemMaps,
    /// How many components it has.
    pub components: u64,
    /// How many edges it has.
    pub edges: u64,
    /// What differs from the system before.
    pub changes: SystemChanges,
    /// What is captured less of than before.
    pub narrowed: Vec<Narrowed>,
    /// What is wrong with it, or may be: errors, then warnings. Where the manifest is as before,
    /// only of the components whose files changed, unless all were asked for.
    pub findings: Vec<Finding>,
}

/// The state before: HEAD's.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Before {
    /// Its directory tree.
    pub files: NodeId,
    /// The maps of its system.
    pub system: SystemMaps,
}

/// A manifest that was read already, so that it need not be read again.
#[derive(Clone, Debug)]
pub struct ReadManifest {
    /// What it says.
    pub manifest: Manifest,
    /// Its file's id.
    pub id: BlobId,
}

/// How much of a system is made anew.
#[derive(Clone, Copy, Debug)]
pub enum Anew<'m> {
    /// What changed, where the manifest did not; perhaps by a manifest that was read already.
    Changed(Option<&'m ReadManifest>),
    /// All of it.
    All,
}

impl Before {
    /// The state of the commit with this root map and tree.
    ///
    /// # Errors
    /// When a map cannot be read.
    pub fn of(repo: &Repository, root: NodeId, files: NodeId) -> Result<Self, RepoError> {
        Ok(Self { files, system: SystemMaps::of_root(repo.store(), root)? })
    }
}

/// Makes the system of the tree `files` in `fresh`, as the manifest in that very tree says. `links`
/// are the links of the tree that lead out of it.
///
/// # Errors
/// When the manifest is not understood, or a map cannot be read.
pub fn tree_system<S: GraphSource>(
    repo: &Repository,
    fresh: &mut Fresh<'_, S>,
    before: Option<Before>,
    files: NodeId,
    warnings: &[Warning],
    anew: Anew<'_>,
) -> Result<TreeSystem, WorktreeError> {
    let mut found = TreeSystem::default();
    let manifest = manifest_entry(fresh, files)?;
    if let Some((path, entry)) = &manifest {
        let old = match before {
            Some(before) => manifest_entry(fresh, before.files)?,
            None => None,
        };
        let is_same = old.as_ref().map(|(_, old)| old) == Some(entry);
        let read = match anew {
            Anew::Changed(Some(read)) if entry.blob() == Some(read.id) => {
                Cow::Borrowed(&read.manifest)
            }
            _ => Cow::Owned(read_manifest(repo, path, entry)?),
        };
        let components = &read.components;
        let links = outside_links(warnings);
        let known = before.filter(|before| {
            is_same && matches!(anew, Anew::Changed(_)) && before.system.components.is_some()
        });
        if let Some(before) = known {
            let changed = touched(fresh, before.files, files)?;
            let todo: Vec<_> = affected(components, &changed).into_iter().cloned().collect();
            let resolved = resolve(fresh, files, &todo)?;
            found.findings.extend(check_origins(&todo, &resolved, &links));
            let edits = todo.into_iter().zip(resolved);
            let edits = edits.map(|(declared, resolved)| (declared.key, resolved.component));
            found.maps = edit_components(fresh, before.system, edits.collect())?;
        } else {
            let resolved = resolve(fresh, files, components)?;
            found.findings = check_names(components);
            found.findings.extend(check_origins(components, &resolved, &links));
            found.maps = graph(components, resolved).build(fresh)?;
        }
        found.findings.sort_by_key(Finding::severity);
    }
    found.components = count(fresh, found.maps.components, Schema::Components)?;
    found.edges = count(fresh, found.maps.edges, Schema::Edges)?;
    let old = before.map(|before| before.system).unwrap_or_default();
    found.changes = changes_of(fresh, old, found.maps)?;
    if let Some(before) = before {
        let mut read = |path: &RepoPath, entry: &TreeEntry| {
            read_bytes(repo, path, entry, MANIFEST_LIMIT).ok().flatten()
        };
        found.narrowed = narrowed(fresh, before.files, files, &found.changes, &mut read)?;
    }
    Ok(found)
}

impl TreeSystem {
    /// Refuses a system with errors in it.
    ///
    /// # Errors
    /// [`WorktreeError::System`].
    pub fn ensure_sound(&self) -> Result<(), WorktreeError> {
        let errors = self.findings.iter().filter(|found| found.severity() == Severity::Error);
        let findings: Vec<_> = errors.cloned().collect();
        if findings.is_empty() { Ok(()) } else { Err(WorktreeError::System { findings }) }
    }
}

/// Stores what was made.
///
/// # Errors
/// When the store cannot take it.
pub fn store_fresh<S: GraphSource>(
    fresh: &Fresh<'_, S>,
    batch: &mut Batch<'_, '_>,
) -> Result<(), WorktreeError> {
    for id in fresh.nodes.ids() {
        if let Ok(bytes) = fresh.nodes.node(id) {
            batch.node(id, &bytes)?;
        }
    }
    for bytes in fresh.blobs.values() {
        if bytes.len() > limits::CHUNK {
            return Err(WorktreeError::ComponentTooLarge { bytes: bytes.len() });
        }
        batch.blob(bytes, ContentHint::Block)?;
    }
    Ok(())
}

/// Where the manifest of a tree is, and what is there.
fn manifest_entry<S: GraphSource>(
    source: &S,
    files: NodeId,
) -> Result<Option<(RepoPath, TreeEntry)>, WorktreeError> {
    let Ok(path) = RepoPath::parse(MANIFEST_FILE) else { return Ok(None) };
    let value = Map::open(source, files, Schema::Tree)?.get(path.as_bytes())?;
    let entry = value.map(|value| tree_entry(value.as_ref())).transpose()?;
    Ok(entry.map(|entry| (path, entry)))
}

fn read_manifest(
    repo: &Repository,
    path: &RepoPath,
    entry: &TreeEntry,
) -> Result<Manifest, WorktreeError> {
    let file = repo.root().join(path.as_path());
    match entry.kind() {
        EntryKind::File | EntryKind::Executable => {}
        EntryKind::Symlink => return Err(ManifestError::Link { path: file }.into()),
        EntryKind::Directory => return Ok(Manifest::default()),
    }
    let bytes = read_bytes(repo, path, entry, MANIFEST_LIMIT)?;
    let bytes =
        bytes.ok_or_else(|| WorktreeError::ChangedMeanwhile { path: MANIFEST_FILE.into() })?;
    let Ok(text) = String::from_utf8(bytes) else {
        return Err(ManifestError::NotText { path: file }.into());
    };
    Manifest::parse(&text).map_err(|mistakes| ManifestError::of(file, mistakes).into())
}

fn outside_links(warnings: &[Warning]) -> Vec<(BString, BString)> {
    let links = warnings.iter().filter_map(|warning| match warning {
        Warning::OutsideLink { path, target } => Some((path.clone(), target.clone())),
        _ => None,
    });
    links.collect()
}

/// The system `before` with some components as they are now.
fn edit_components<S: GraphSource>(
    fresh: &mut Fresh<'_, S>,
    before: SystemMaps,
    components: Vec<(ComponentKey, Component)>,
) -> Result<SystemMaps, WorktreeError> {
    let Some(id) = before.components.filter(|_| !components.is_empty()) else { return Ok(before) };
    let mut edits = Vec::new();
    for (key, component) in components {
        let bytes = component.encode();
        let value = Value::of(&bytes);
        if let Value::Blob { id, .. } = value {
            fresh.blobs.insert(id, bytes);
        }
        edits.push((key.encode(), Some(value)));
    }
    edits.sort_by(|(a, _), (b, _)| a.cmp(b));
    let mut nodes = Vec::new();
    let root = update(&Map::open(&*fresh, id, Schema::Components)?, edits, |_, bytes| {
        nodes.push(bytes);
        Ok::<_, StoreError>(())
    })?;
    if root.id == id {
        return Ok(before);
    }
    nodes.into_iter().for_each(|bytes| {
        fresh.nodes.insert(bytes);
    });
    Ok(SystemMaps::name(fresh, Some(root.id), before.edges)?)
}

fn count<S: GraphSource>(
    source: &S,
    map: Option<NodeId>,
    schema: Schema,
) -> Result<u64, WorktreeError> {
    map.map_or(Ok(0), |id| Ok(Map::open(source, id, schema)?.count()))
}

impl GraphSource for Overlay<'_> {
    fn value(&self, id: BlobId, size: u64) -> Result<Vec<u8>, StoreError> {
        self.store.value(id, size)
    }
}

impl GraphSource for WorkingTree<'_> {
    fn value(&self, id: BlobId, size: u64) -> Result<Vec<u8>, StoreError> {
        self.store().value(id, size)
    }
}
