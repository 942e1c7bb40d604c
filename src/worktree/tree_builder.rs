//! Builds the directory tree out of what a scan finds, bottom up, in one pass.

use std::cell::RefCell;
use std::collections::{BTreeSet, HashSet};
use std::hash::{BuildHasher, RandomState as Hashing};

use bstr::{BStr, BString, ByteSlice};
use crossbeam_channel::Receiver;

use crate::capture::{CaptureError, Captured, Outcome, StatKey};
use crate::disk::NameRules;
use crate::map::{Builder, MapRoot};
use crate::object::{
    Level, NodeId, PortabilityProblem, Report, Schema, TreeEntry, ValueRef, join_path,
};
use crate::store::StoreError;

use super::databases::placeholder;
use super::error::WorktreeError;
use super::report::Warning;
use super::scan::{Event, FolderNote, Lot};
use super::stat_cache::{CacheEntry, CacheWriter, CachedFolder, Record};

/// How many warnings of a capture are kept; the rest is counted.
const MAX_WARNINGS: usize = 1000;

/// The root of a directory tree.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TreeRoot {
    /// Its id, which names the tree.
    pub id: NodeId,
    /// The content bytes of the tree.
    pub bytes: u64,
}

impl From<MapRoot> for TreeRoot {
    fn from(map: MapRoot) -> Self {
        Self { id: map.id, bytes: map.bytes }
    }
}

/// What a scan came to.
#[derive(Default)]
pub struct Tree {
    /// The root of the directory tree.
    pub root: Option<TreeRoot>,
    /// How many files and links it holds.
    pub files: u64,
    /// How many entries were left out.
    pub ignored: u64,
    /// Their paths, if they were asked for; those of folders end with `/`.
    pub ignored_paths: Vec<BString>,
    /// How many files were read, because the stat cache did not know them.
    pub read: u64,
    /// How many folders are noted in the stat cache that it did not know so.
    pub noted: u64,
    /// Whether a file that was read may change again without its stat showing it.
    pub racy: bool,
    /// How many changed each time they were read.
    pub moved: u64,
    /// Files that changed since this operation read them before.
    pub changed: Vec<BString>,
    /// The databases that are still to be read; a placeholder stands for each.
    pub deferred: Vec<BString>,
    /// The databases that have not changed.
    pub databases: BTreeSet<BString>,
    /// How well one moment was held.
    pub level: Level,
    /// How many paths could not be captured.
    pub skipped: u64,
    /// What the user should know.
    pub warnings: Vec<Warning>,
}

/// Where the nodes of directories go.
pub type NodeSink<'s> = dyn FnMut(NodeId, Vec<u8>) -> Result<(), StoreError> + 's;

type FolderSink<'s> = Box<dyn FnMut(NodeId, Vec<u8>) -> Result<(), StoreError> + 's>;

struct Folder<'b> {
    name: BString,
    path_len: usize,
    map: Builder<FolderSink<'b>>,
    /// What its names have in common with those that some file system takes for them, hashed.
    keys: HashSet<u64, Hashing>,
    /// Names that are taken for others.
    alike: Vec<BString>,
    /// What is noted of it, as long as nothing in it is to be told or read every time.
    note: Option<FolderNote>,
    /// How much had been found when it began.
    files: u64,
    ignored: u64,
    records: u64,
}

/// Builds the tree from `lots`, giving its nodes to `nodes` and noting files in `cache`.
///
/// # Errors
/// When a file could not be captured, or a node cannot be stored.
pub fn build(
    lots: &Receiver<Lot>,
    nodes: &RefCell<&mut NodeSink<'_>>,
    cache: &mut CacheWriter,
) -> Result<Tree, WorktreeError> {
    let mut tree = Tree::default();
    let hashing = Hashing::new();
    let mut path = BString::default();
    let mut stack: Vec<Folder<'_>> = Vec::new();
    for lot in lots {
        let mut outcomes = Vec::new().into_iter();
        if let Some(ticket) = lot.ticket {
            outcomes = ticket.recv().map_err(|_| CaptureError::Stopped)??.into_iter();
        }
        for event in lot.events {
            if let Event::Enter(name, note) = event {
                let sink: FolderSink<'_> = Box::new(|id, bytes| (nodes.borrow_mut())(id, bytes));
                let map = Builder::new(Schema::Tree, sink);
                let (path_len, files, ignored) = (path.len(), tree.files, tree.ignored);
                path = join_path(&path, &name);
                let records = cache.len();
                let (keys, alike) = (HashSet::with_hasher(hashing.clone()), Vec::new());
                stack.push(Folder {
                    name,
                    path_len,
                    map,
                    keys,
                    alike,
                    note,
                    files,
                    ignored,
                    records,
                });
                continue;
            }
            let top = stack.last_mut().ok_or(WorktreeError::Stopped)?;
            match event {
                Event::Enter(..) => {}
                Event::Leave => {
                    let done = stack.pop().ok_or(WorktreeError::Stopped)?;
                    leave(&mut tree, cache, done, &mut path, stack.last_mut())?;
                }
                Event::Records(records) => cache.push_encoded(&records),
                Event::Unchanged(folder, databases) => {
                    let name = folder.path.rsplit_str("/").next().unwrap_or_default();
                    let entry = TreeEntry::directory(folder.tree, folder.bytes);
                    put(top, name.as_bstr(), &entry)?;
                    tree.files += folder.files;
                    tree.ignored += folder.ignored;
                    tree.databases.extend(databases);
                }
                Event::Link(name, entry) => {
                    tree.files += 1;
                    put(top, name.as_ref(), &entry)?;
                }
                Event::Known(name, captured) => {
                    file(&mut tree, cache, top, &path, &name, captured)?;
                }
                Event::Read(name, captured) => {
                    tree.read += 1;
                    file(&mut tree, cache, top, &path, &name, captured)?;
                }
                Event::Reading(name) => match outcomes.next() {
                    Some(Outcome::Captured(captured)) => {
                        tree.read += 1;
                        file(&mut tree, cache, top, &path, &name, captured)?;
                    }
                    Some(Outcome::Database) => defer(&mut tree, top, &path, &name)?,
                    Some(Outcome::Vanished) => {
                        top.note = None;
                        tree.warn(Warning::Vanished { path: join_path(&path, &name) });
                    }
                    None => return Err(CaptureError::Stopped.into()),
                },
                Event::KnownDatabase(name, captured) => {
                    let path = join_path(&path, &name);
                    cache.push(&Record::Database(path.clone()));
                    tree.databases.insert(path);
                    put(top, name.as_ref(), &entry_of(&captured))?;
                    tree.files += 1;
                }
                Event::Database(name) => defer(&mut tree, top, &path, &name)?,
                Event::Changed(path) => {
                    if tree.changed.len() < MAX_WARNINGS {
                        tree.changed.push(path);
                    }
                }
                Event::Warn(warning) => {
                    top.note = None;
                    tree.warn(warning);
                }
                Event::Ignored => tree.ignored += 1,
                Event::IgnoredPath(path) => {
                    tree.ignored += 1;
                    tree.ignored_paths.push(path);
                }
            }
        }
    }
    if !stack.is_empty() {
        return Err(WorktreeError::Stopped);
    }
    Ok(tree)
}

/// Ends a folder: its tree goes into the one around it, which is the root's end where there is
/// none.
fn leave(
    tree: &mut Tree,
    cache: &mut CacheWriter,
    done: Folder<'_>,
    path: &mut BString,
    around: Option<&mut Folder<'_>>,
) -> Result<(), WorktreeError> {
    let root = TreeRoot::from(done.map.finish()?);
    for name in done.alike {
        let (path, problem) = (join_path(path, &name), PortabilityProblem::Alike);
        tree.warn(Warning::NotPortable { path, problem });
    }
    let noted = done.note.is_some();
    if let Some(FolderNote { stat, rules, known }) = done.note {
        tree.noted += u64::from(!known);
        cache.push(&Record::Folder(CachedFolder {
            path: path.clone(),
            stat,
            tree: root.id,
            bytes: root.bytes,
            files: tree.files - done.files,
            ignored: tree.ignored - done.ignored,
            span: cache.len() - done.records,
            rules,
        }));
    }
    path.truncate(done.path_len);
    let Some(around) = around else {
        tree.root = Some(root);
        return Ok(());
    };
    if !noted {
        around.note = None;
    }
    put(around, done.name.as_ref(), &TreeEntry::directory(root.id, root.bytes))
}

fn put(folder: &mut Folder<'_>, name: &BStr, entry: &TreeEntry) -> Result<(), WorktreeError> {
    let key = folder.keys.hasher().hash_one(NameRules::STRICTEST.key(name));
    if !folder.keys.insert(key) && folder.alike.len() < MAX_WARNINGS {
        folder.note = None;
        folder.alike.push(name.into());
    }
    Ok(folder.map.push(name, ValueRef::Inline(&entry.encode()))?)
}

fn file(
    tree: &mut Tree,
    cache: &mut CacheWriter,
    folder: &mut Folder<'_>,
    folder_path: &BString,
    name: &BString,
    captured: Captured,
) -> Result<(), WorktreeError> {
    let Captured { id, stat, racy, moved } = captured;
    let path = join_path(folder_path, name);
    tree.racy |= racy;
    if moved {
        folder.note = None;
        tree.moved += 1;
        tree.warn(Warning::Moved { path: path.clone() });
    }
    tree.files += 1;
    put(folder, name.as_ref(), &entry_of(&captured))?;
    cache.push(&Record::File(CacheEntry { path, stat, racy, id }));
    Ok(())
}

fn entry_of(captured: &Captured) -> TreeEntry {
    let StatKey { size, executable, .. } = captured.stat;
    TreeEntry::regular(captured.id, size, executable)
}

/// Leaves a database for later.
fn defer(
    tree: &mut Tree,
    folder: &mut Folder<'_>,
    folder_path: &BString,
    name: &BString,
) -> Result<(), WorktreeError> {
    folder.note = None;
    tree.files += 1;
    tree.deferred.push(join_path(folder_path, name));
    put(folder, name.as_ref(), &placeholder())
}

impl Tree {
    /// Takes note of something that the user should know.
    pub fn warn(&mut self, warning: Warning) {
        self.skipped += u64::from(warning.is_skip());
        if self.warnings.len() < MAX_WARNINGS {
            self.warnings.push(warning);
        }
    }

    /// The commit's report of this capture.
    pub fn report(&self, window: (i64, i64)) -> Report {
        let listed = |path: &BString| path.len() <= 512;
        let skipped = self.warnings.iter().filter(|w| w.is_skip() && listed(w.path()));
        let mut moved = self.changed.clone();
        let warned = self.warnings.iter().filter(|w| matches!(w, Warning::Moved { .. }));
        moved.extend(warned.map(|w| w.path().clone()));
        moved.retain(listed);
        moved.sort();
        moved.dedup();
        // What is a snapshot names none: those changed again after a pass that failed.
        moved.truncate(if self.level == Level::Snapshot { 0 } else { Report::LISTED });
        Report {
            window,
            level: self.level,
            ignored: self.ignored,
            skipped: self.skipped,
            skipped_paths: skipped
                .take(Report::LISTED)
                .map(|w| (w.path().to_vec(), w.reason()))
                .collect(),
            moved: moved.into_iter().map(Vec::from).collect(),
        }
    }
}
