//! Whether commits changed some paths.

use std::collections::VecDeque;

use crate::object::{NodeId, RepoPath, Schema, TreeEntry};
use crate::repo::RepoError;

use super::ancestry::{Ancestry, Spot};
use super::commit_graph::{Changed, PathKey, Position};

/// So many trees whose entries were looked up are remembered.
const REMEMBERED: usize = 16;

/// What lies at each of the paths.
type Entries = Vec<Option<TreeEntry>>;

/// Compares commits by what lies at some paths: files, or folders with all that is in them.
pub struct PathChanges {
    paths: Vec<RepoPath>,
    keys: Vec<PathKey>,
    known: VecDeque<(NodeId, Entries)>,
}

impl PathChanges {
    /// Compares by these paths.
    pub fn new(paths: &[RepoPath]) -> Self {
        let keys = paths.iter().map(PathKey::of).collect();
        Self { paths: paths.to_vec(), keys, known: VecDeque::new() }
    }

    /// Whether something lies at one of the paths; at the root, whether anything lies in it.
    ///
    /// # Errors
    /// When the commit or its tree cannot be read.
    pub fn any_there(&mut self, ancestry: &Ancestry<'_>, spot: Spot) -> Result<bool, RepoError> {
        let files = ancestry.files(spot)?;
        if self.paths.iter().any(RepoPath::is_root) {
            return Ok(!ancestry.repo().map(files, Schema::Tree)?.is_empty());
        }
        Ok(self.entries(ancestry, files)?.iter().any(Option::is_some))
    }

    /// Whether both commits have the same at every path; `nth` says which parent of `child` the
    /// other is, from 0.
    ///
    /// # Errors
    /// When a commit or its tree cannot be read.
    pub fn is_same(
        &mut self,
        ancestry: &Ancestry<'_>,
        child: Spot,
        parent: Spot,
        nth: usize,
    ) -> Result<bool, RepoError> {
        if let Some(at) = child.at.filter(|_| nth == 0) {
            match self.by_graph(ancestry, at) {
                Changed::No => {
                    self.carry(ancestry, at, parent);
                    return Ok(true);
                }
                Changed::Yes => return Ok(false),
                Changed::Unknown => {}
            }
        }
        let (after, before) = (ancestry.files(child)?, ancestry.files(parent)?);
        if after == before {
            return Ok(true);
        }
        let after = self.entries(ancestry, after)?.clone();
        Ok(*self.entries(ancestry, before)? == after)
    }

    /// Whether the graph knows that a commit changed one of the paths, or none.
    fn by_graph(&self, ancestry: &Ancestry<'_>, at: Position) -> Changed {
        let mut all = Changed::No;
        for key in &self.keys {
            match ancestry.graph().changed(at, key) {
                Changed::Yes => return Changed::Yes,
                Changed::Unknown => all = Changed::Unknown,
                Changed::No => {}
            }
        }
        all
    }

    /// What is known of a commit holds for its parent, from which it does not differ.
    fn carry(&mut self, ancestry: &Ancestry<'_>, child: Position, parent: Spot) {
        let row = |at| ancestry.graph().row(at).files;
        if let (Some(after), Some(before)) = (row(child), parent.at.and_then(row))
            && let Some(known) = self.known.iter_mut().find(|(files, _)| *files == after)
        {
            known.0 = before;
        }
    }

    fn entries(&mut self, ancestry: &Ancestry<'_>, files: NodeId) -> Result<&Entries, RepoError> {
        if let Some(at) = self.known.iter().position(|(known, _)| *known == files) {
            return Ok(&self.known[at].1);
        }
        let repo = ancestry.repo();
        let entries = self.paths.iter().map(|path| repo.entry_at(files, path));
        let entries = entries.collect::<Result<Entries, _>>()?;
        self.known.truncate(REMEMBERED - 1);
        self.known.push_front((files, entries));
        Ok(&self.known[0].1)
    }
}
