//! The folder as a directory tree that is compared and not stored.

use std::sync::Arc;

use bstr::BString;

use crate::map::NodeSource;
use crate::object::{NodeId, RepoPath};
use crate::repo::Repository;
use crate::store::{Store, StoreError};

use super::coherent::{Aim, read_state};
use super::error::WorktreeError;
use super::operation::Conflict;
use super::overlay::Overlay;
use super::quiesce::Quiesced;
use super::read_folder::Reading;
use super::report::Warning;
use super::selection::Selection;
use super::tree_builder::TreeRoot;

/// The folder as it is now. A source of its own tree's nodes, and of the store's.
pub struct WorkingTree<'r> {
    /// The root of the directory tree.
    pub root: TreeRoot,
    /// How many files and links it holds.
    pub files: u64,
    /// How many entries were left out.
    pub ignored: u64,
    /// Their paths, if they were asked for; those of folders end with `/`.
    pub ignored_paths: Vec<BString>,
    /// What the user should know.
    pub warnings: Vec<Warning>,
    nodes: Overlay<'r>,
}

impl<'r> WorkingTree<'r> {
    /// Reads the folder. Nothing is stored; what was hashed is noted in the stat cache.
    ///
    /// # Errors
    /// When a file or folder cannot be read.
    pub fn read(repo: &'r Repository, reading: &Reading<'_>) -> Result<Self, WorktreeError> {
        let writer = repo.store().dry_writer();
        let (mut still, all, mut nodes) = (Quiesced::not(), Selection::default(), |_, _| Ok(()));
        let mut state =
            read_state(repo, &writer, reading, Aim::Content, &mut still, &all, &mut nodes)?;
        let root = state.tree.root.ok_or(WorktreeError::Stopped)?;
        let memory = std::mem::take(&mut state.memory);
        let nodes = Overlay { memory, store: repo.store() };
        let tree = std::mem::take(&mut state.tree);
        state.remember(repo, root.id);
        Ok(Self {
            root,
            files: tree.files,
            ignored: tree.ignored,
            ignored_paths: tree.ignored_paths,
            warnings: tree.warnings,
            nodes,
        })
    }
}

impl WorkingTree<'_> {
    /// The store behind it.
    pub(super) fn store(&self) -> &Store {
        self.nodes.store
    }

    /// Refuses where a database could not be read, so that nobody knows what it holds, and
    /// `matters` says that its path does.
    ///
    /// # Errors
    /// [`WorktreeError::InTheWay`].
    pub fn ensure_read(&self, matters: impl Fn(&RepoPath) -> bool) -> Result<(), WorktreeError> {
        let mut conflicts = Vec::new();
        for warning in &self.warnings {
            let Warning::Database { path, why, .. } = warning else { continue };
            let Some(path) = RepoPath::parse(path).ok().filter(&matters) else { continue };
            conflicts.push((path, Conflict::of(why)));
        }
        if conflicts.is_empty() { Ok(()) } else { Err(WorktreeError::InTheWay { conflicts }) }
    }
}

impl NodeSource for WorkingTree<'_> {
    type Error = StoreError;

    fn node(&self, id: NodeId) -> Result<Arc<[u8]>, StoreError> {
        self.nodes.node(id)
    }
}
