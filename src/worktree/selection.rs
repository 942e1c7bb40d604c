//! The paths that a reading of the folder is limited to.

use crate::object::RepoPath;

/// The paths that a reading of the folder is limited to: files, or folders with all that is in
/// them.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Selection {
    /// None lies within another; all is selected where there are none.
    paths: Vec<RepoPath>,
}

/// How a path lies to those that are selected.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Reach {
    /// It is selected.
    Within,
    /// Something below it is.
    Above,
    /// Neither.
    Outside,
}

impl Selection {
    /// These paths; all, if there are none.
    pub fn of(paths: &[RepoPath]) -> Self {
        let covers = |one: &RepoPath, other: &RepoPath| one != other && other.is_within(one);
        let mut chosen: Vec<_> = paths
            .iter()
            .filter(|path| !paths.iter().any(|other| covers(other, path)))
            .filter(|path| !path.is_root())
            .cloned()
            .collect();
        chosen.sort();
        chosen.dedup();
        Self { paths: chosen }
    }

    /// Whether everything is selected.
    pub fn is_all(&self) -> bool {
        self.paths.is_empty()
    }

    /// The paths, where not all is selected.
    pub fn paths(&self) -> &[RepoPath] {
        &self.paths
    }

    /// How `path` lies to what is selected.
    pub fn reach(&self, path: &RepoPath) -> Reach {
        if self.is_all() || self.paths.iter().any(|one| path.is_within(one)) {
            return Reach::Within;
        }
        match self.paths.iter().any(|one| one.is_within(path)) {
            true => Reach::Above,
            false => Reach::Outside,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(text: &str) -> RepoPath {
        if text.is_empty() { RepoPath::root() } else { RepoPath::parse(text).unwrap() }
    }

    #[test]
    fn a_path_is_within_above_or_outside() {
        let some = Selection::of(&[path("a/b"), path("a/b/c"), path("d"), path("d")]);
        assert_eq!(some.paths(), [path("a/b"), path("d")]);
        for within in ["a/b", "a/b/x", "d", "d/e/f"] {
            assert_eq!(some.reach(&path(within)), Reach::Within, "{within}");
        }
        assert_eq!(some.reach(&path("a")), Reach::Above);
        assert_eq!(some.reach(&path("")), Reach::Above);
        for outside in ["a/bb", "a/c", "e"] {
            assert_eq!(some.reach(&path(outside)), Reach::Outside, "{outside}");
        }
    }

    #[test]
    fn the_root_and_no_path_at_all_are_everything() {
        for paths in [vec![], vec![path("a"), path("")]] {
            let all = Selection::of(&paths);
            assert!(all.is_all());
            assert_eq!(all.reach(&path("")), Reach::Within);
        }
    }
}
