//! Reading the folder as it is at one moment, as far as that can be had.
//!
//! Plain files are read first. Then a read transaction is begun on every database that changed.
//! Then the folder is scanned again: if nothing changed since it was first read, the start of the
//! last transaction is a moment at which all of it was so. Pages are read afterwards, out of the
//! open transactions.

use std::time::Duration;

use bstr::BString;

use crate::capture::CLOCK_STEP;
use crate::capture::secrets::SecretGuard;
use crate::map::MemoryNodes;
use crate::object::{Level, NodeId};
use crate::repo::Repository;
use crate::store::PackWriter;

use super::database_cache::{self, KnownDatabases};
use super::databases::HeldDatabases;
use super::error::WorktreeError;
use super::overlay::Overlay;
use super::quiesce::Quiesced;
use super::read_folder::{Pass, Reading, read_folder};
use super::selection::Selection;
use super::stat_cache::{self, CacheWriter};
use super::tree_builder::{NodeSink, Tree};
use super::tree_edit::edit_tree;

/// How often the folder is scanned again to see that it held still.
const PASSES: usize = 3;

/// What a reading of the folder is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Aim {
    /// To know what is in it: each file as it is when its turn comes.
    Content,
    /// To state what it was at one moment, if it is not what HEAD says.
    Change,
    /// To state what it was at one moment.
    Moment,
}

/// The folder as it was read.
pub struct FolderState {
    pub tree: Tree,
    /// The nodes of the tree, where they may be needed.
    pub memory: MemoryNodes,
    /// The longest time for which a database was kept from its writers or checkpoints.
    pub lock_held: Duration,
    cache: Option<CacheWriter>,
    databases: Option<KnownDatabases>,
}

/// Reads the folder, as far as `only` goes. Contents go to `writer`, the tree's nodes to `nodes`.
/// It is `quiesced` until nothing that is still to be read can change: pages come out of open
/// transactions.
///
/// # Errors
/// When a file or folder cannot be read, or the store cannot take it.
pub fn read_state(
    repo: &Repository,
    writer: &PackWriter<'_>,
    reading: &Reading<'_>,
    aim: Aim,
    quiesced: &mut Quiesced<'_>,
    only: &Selection,
    nodes: &mut NodeSink<'_>,
) -> Result<FolderState, WorktreeError> {
    let mut databases = database_cache::load(&database_cache::file(repo));
    // Who compares needs the nodes, and who puts databases into the tree or parts of it into
    // another; else they would only take memory.
    let scan = |deferred: &[BString], again, known: &_, nodes: &mut NodeSink<'_>| {
        let wanted =
            reading.keep_nodes || aim == Aim::Content || !deferred.is_empty() || !only.is_all();
        let mut memory = wanted.then(MemoryNodes::new);
        let mut sink = |id: NodeId, bytes: Vec<u8>| {
            if let Some(memory) = &mut memory {
                memory.insert(bytes.clone());
            }
            nodes(id, bytes)
        };
        let pass = Pass { known, deferred, again, only };
        let (tree, cache) = read_folder(repo, writer, reading, &pass, &mut sink)?;
        Ok::<_, WorktreeError>((tree, cache, memory))
    };
    let (mut tree, mut cache, mut memory) = scan(&[], None, &databases, nodes)?;
    let idle = tree.deferred.is_empty() && tree.root.map(|root| root.id) == reading.head;
    let mut held = None;
    let mut passes = match aim {
        Aim::Moment => PASSES,
        Aim::Change if !idle => PASSES,
        _ => 0,
    };
    if let Some(guard) = reading.guard {
        // What is refused is not committed, so it needs no moment.
        passes = if guard.has_found() { 0 } else { passes };
        guard.scan_again();
    }
    for _ in 0..passes {
        if tree.racy {
            // What is written from now on shows.
            std::thread::sleep(CLOCK_STEP);
        }
        let begun = HeldDatabases::begin(repo, &tree.deferred);
        let before = tree.root.ok_or(WorktreeError::Stopped)?.id;
        let moved = tree.moved;
        cache.into_iter().for_each(|cache| cache.finish(before));
        let earlier = memory.take();
        (tree, cache, memory) = scan(&tree.deferred, Some(before), &databases, nodes)?;
        // What a scan takes over from the one before it does not give again.
        if let (Some(memory), Some(earlier)) = (&mut memory, earlier.filter(|_| reading.keep_nodes))
        {
            memory.extend(earlier);
        }
        let same = tree.root.map(|root| root.id) == Some(before);
        let still = same && moved == 0 && tree.moved == 0 && tree.changed.is_empty();
        let whole = begun.together() && begun.are(&tree.deferred);
        held = Some(begun);
        if reading.guard.is_some_and(SecretGuard::has_found) {
            break;
        }
        if still && whole {
            tree.level = Level::Snapshot;
            break;
        }
        if still && held.as_ref().is_some_and(HeldDatabases::refused_any) {
            break;
        }
    }
    if memory.is_none() && !tree.deferred.is_empty() {
        // A database came to light in the last scan, which had kept no nodes to put it into.
        let before = tree.root.ok_or(WorktreeError::Stopped)?.id;
        cache.into_iter().for_each(|cache| cache.finish(before));
        (tree, cache, memory) = scan(&tree.deferred, Some(before), &databases, nodes)?;
    }
    let held = match held {
        Some(held) if held.are(&tree.deferred) => held,
        _ => HeldDatabases::begin(repo, &tree.deferred),
    };
    if held.outlast_writers() {
        quiesced.end();
    }
    let mut nodes_here = Overlay { memory: memory.unwrap_or_default(), store: repo.store() };
    let read = held.read(repo, writer, reading, &mut databases)?;
    quiesced.end();
    if !read.moved.is_empty() {
        tree.level = Level::BestEffort;
    }
    tree.changed.extend(read.moved);
    tree.read += read.entries.len() as u64;
    tree.files -= read.entries.values().filter(|entry| entry.is_none()).count() as u64;
    if !read.entries.is_empty() {
        let root = tree.root.ok_or(WorktreeError::Stopped)?;
        let mut added = Vec::new();
        let root = edit_tree(&nodes_here, root.id, &read.entries, &mut |id, bytes| {
            added.push(bytes.clone());
            nodes(id, bytes)
        })?;
        added.into_iter().for_each(|bytes| {
            nodes_here.memory.insert(bytes);
        });
        tree.root = Some(root.into());
    }
    read.warnings.into_iter().for_each(|warning| tree.warn(warning));
    let known = databases.len();
    if only.is_all() {
        let here =
            |path: &BString| tree.databases.contains(path) || read.entries.contains_key(path);
        databases.retain(|path, _| here(path));
    } else {
        // It does not say what the folder holds.
        cache = None;
        let _ = repo.disk().remove_file(&stat_cache::file_of_paths(repo));
    }
    let changed = databases.len() != known || !read.entries.is_empty();
    let databases = changed.then_some(databases);
    let memory = nodes_here.memory;
    Ok(FolderState { tree, memory, lock_held: read.held, cache, databases })
}

impl FolderState {
    /// Notes what was read, for the next time; `root` is the tree's.
    pub fn remember(self, repo: &Repository, root: NodeId) {
        self.cache.into_iter().for_each(|cache| cache.finish(root));
        if let Some(databases) = self.databases {
            database_cache::save(repo.disk(), &database_cache::file(repo), &databases);
        }
    }
}
