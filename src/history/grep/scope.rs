//! Which files are looked through.

use std::collections::BTreeSet;

use crate::object::{Component, ComponentKey, ComponentKind, NodeId, Origin, RepoPath};
use crate::repo::{RepoError, Repository};
use crate::system::{SystemMaps, changes_of};

use super::super::every::{Every, Holds};
use super::super::when::{Named, Readings, state_of};

/// From so many paths on, the folder around all of them is compared, not each.
const EACH: usize = 8;

/// The files that are looked through: those that are or lie in one of the paths.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct GrepScope {
    /// What is compared.
    pub(super) roots: Vec<RepoPath>,
    /// What of it counts; all, where there is none.
    within: Option<BTreeSet<RepoPath>>,
}

impl GrepScope {
    /// All files.
    pub fn all() -> Self {
        Self { roots: vec![RepoPath::root()], within: None }
    }

    /// These files, and those in these folders.
    pub fn of(paths: impl IntoIterator<Item = RepoPath>) -> Self {
        let paths: BTreeSet<RepoPath> = paths.into_iter().collect();
        if paths.iter().any(RepoPath::is_root) {
            return Self::all();
        }
        let around =
            |path: &RepoPath| paths.iter().any(|other| other != path && is_in(path, other));
        let outer: BTreeSet<RepoPath> =
            paths.iter().filter(|path| !around(path)).cloned().collect();
        match outer.len() {
            0..=EACH => Self { roots: outer.into_iter().collect(), within: None },
            _ => Self { roots: vec![common_folder(&outer)], within: Some(outer) },
        }
    }

    /// What both this and the paths take.
    pub fn and(&self, paths: &[RepoPath]) -> Self {
        let own = self.within.clone().unwrap_or_else(|| self.roots.iter().cloned().collect());
        let mut both = BTreeSet::new();
        for (a, b) in own.iter().flat_map(|a| paths.iter().map(move |b| (a, b))) {
            if b.is_root() || is_in(a, b) {
                both.insert(a.clone());
            } else if a.is_root() || is_in(b, a) {
                both.insert(b.clone());
            }
        }
        Self::of(both)
    }

    /// Whether a file that was found counts.
    pub(super) fn takes(&self, path: &RepoPath) -> bool {
        let Some(within) = &self.within else { return true };
        let mut at = Some(path.clone());
        while let Some(path) = at {
            if within.contains(&path) {
                return true;
            }
            at = path.parent();
        }
        false
    }
}

fn is_in(path: &RepoPath, folder: &RepoPath) -> bool {
    let rest = path.as_bytes().strip_prefix(folder.as_bytes());
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(b"/"))
}

/// The folder that all lie in.
fn common_folder(paths: &BTreeSet<RepoPath>) -> RepoPath {
    let mut folder = paths.first().and_then(RepoPath::parent).unwrap_or_else(RepoPath::root);
    while !folder.is_root() && !paths.iter().all(|path| is_in(path, &folder)) {
        folder = folder.parent().unwrap_or_else(RepoPath::root);
    }
    folder
}

/// The paths that a component stood on in any of the commits.
pub fn component_paths(repo: &Repository, every: &Every, key: &ComponentKey) -> Vec<RepoPath> {
    let readings = Readings::of(repo, every, &[Named::Component(key.clone())]);
    let mut paths = BTreeSet::new();
    readings.components().for_each(|component| add_origins(component, &mut paths));
    paths.into_iter().collect()
}

/// The paths that components of a kind stood on in any of the commits.
///
/// # Errors
/// When the system of a commit that is here cannot be read.
pub fn kind_paths(
    repo: &Repository,
    every: &Every,
    kind: ComponentKind,
) -> Result<Vec<RepoPath>, RepoError> {
    let store = repo.store();
    let mut paths = BTreeSet::new();
    let mut before: Vec<Option<NodeId>> = vec![None; every.commits.len()];
    let open = |id: Option<NodeId>| match id {
        Some(id) => SystemMaps::open(store, id),
        None => Ok(SystemMaps::default()),
    };
    for (at, commit) in every.commits.iter().enumerate().rev() {
        if commit.holds != Holds::State {
            continue;
        }
        let system = state_of(repo, commit)?.1;
        before[at] = system;
        let parent =
            commit.parents.first().and_then(|parent| before.get(*parent).copied().flatten());
        if system == parent {
            continue;
        }
        for change in changes_of(store, open(parent)?, open(system)?)?.components {
            if change.key.kind() == kind
                && let Some(after) = &change.after
            {
                add_origins(after, &mut paths);
            }
        }
    }
    Ok(paths.into_iter().collect())
}

fn add_origins(component: &Component, paths: &mut BTreeSet<RepoPath>) {
    for origin in &component.origins {
        if let Origin::Path(path) = origin {
            paths.insert(path.clone());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(text: &str) -> RepoPath {
        RepoPath::parse(text).unwrap()
    }

    #[test]
    fn a_path_in_another_adds_nothing() {
        let scope = GrepScope::of([path("a/b"), path("a"), path("ab")]);
        assert_eq!(scope.roots, [path("a"), path("ab")]);
    }

    #[test]
    fn many_paths_are_compared_by_the_folder_around_them() {
        let scope = GrepScope::of((0..20).map(|n| path(&format!("p/q/{n}"))));
        assert_eq!(scope.roots, [path("p/q")]);
        assert!(scope.takes(&path("p/q/7/x")) && !scope.takes(&path("p/q/21")));
        let apart = (0..20).map(|n| path(&format!("p{n}/x")));
        assert_eq!(GrepScope::of(apart).roots, [RepoPath::root()]);
    }
}
