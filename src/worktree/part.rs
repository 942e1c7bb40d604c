//! A part of a tree: some of its paths, with the folders on the way to them.

use std::collections::BTreeSet;

use crate::object::{NodeId, RepoPath};
use crate::repo::Repository;

use super::error::WorktreeError;

/// Some paths of a tree.
pub struct Part {
    /// What is in it, whole.
    paths: BTreeSet<RepoPath>,
    /// The folders on the way to those.
    above: BTreeSet<RepoPath>,
}

impl Part {
    /// The whole tree.
    pub fn all() -> Self {
        Self::of(&[RepoPath::root()])
    }

    /// These paths: files, or folders with all that is in them. They need not be there.
    pub fn of(paths: &[RepoPath]) -> Self {
        let above = |path: &RepoPath| std::iter::successors(path.parent(), RepoPath::parent);
        Self {
            paths: paths.iter().cloned().collect(),
            above: paths.iter().flat_map(above).collect(),
        }
    }

    /// Whether something at `path` belongs to it, or lies on the way to what does.
    pub fn holds(&self, path: &RepoPath) -> bool {
        let mut up = std::iter::successors(Some(path.clone()), RepoPath::parent);
        self.above.contains(path) || up.any(|at| self.paths.contains(&at))
    }

    /// How many bytes the tree `files` has in it.
    ///
    /// # Errors
    /// When a node on the way is absent or damaged.
    pub fn bytes(&self, repo: &Repository, files: NodeId) -> Result<u64, WorktreeError> {
        let mut bytes = 0u64;
        for path in &self.paths {
            let inside = path.parent().is_some_and(|folder| self.is_whole(&folder));
            if let Some(entry) = repo.entry_at(files, path)?.filter(|_| !inside) {
                bytes = bytes.saturating_add(entry.size());
            }
        }
        Ok(bytes)
    }

    fn is_whole(&self, path: &RepoPath) -> bool {
        let mut up = std::iter::successors(Some(path.clone()), RepoPath::parent);
        up.any(|at| self.paths.contains(&at))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(text: &str) -> RepoPath {
        RepoPath::parse(text).unwrap()
    }

    #[test]
    fn a_part_holds_its_paths_what_is_in_them_and_the_way_there() {
        let part = Part::of(&[path("a/b"), path("c")]);
        for (held, holds) in [
            ("a", true),
            ("a/b", true),
            ("a/b/x", true),
            ("c/d/e", true),
            ("a/x", false),
            ("b", false),
        ] {
            assert_eq!(part.holds(&path(held)), holds, "{held}");
        }
        assert!(Part::all().holds(&path("a/b")));
        assert!(!Part::of(&[]).holds(&path("a")));
    }
}
