//! What a test needs of a state: parts of the tree, named by paths or by what components reach.

use std::collections::BTreeSet;

use crate::object::{ComponentKey, Id, Origin, RepoPath};
use crate::repo::{RepoError, Repository, StoredCommit};
use crate::system::SystemMaps;

/// Something that a test needs.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Need {
    /// A component, and all that it leads to by edges.
    Component(ComponentKey),
    /// A file, or a folder with all that is in it.
    Path(RepoPath),
}

/// The paths of a state that a test needs.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Needed {
    /// They need not be there; none lies within another. The root alone means everything.
    pub paths: Vec<RepoPath>,
    /// Components that the state does not have.
    pub missing: Vec<ComponentKey>,
}

impl Needed {
    /// What `needs` come to in a commit; nothing named means everything.
    ///
    /// # Errors
    /// When the system of the commit cannot be read.
    pub fn of(repo: &Repository, stored: &StoredCommit, needs: &[Need]) -> Result<Self, RepoError> {
        if needs.is_empty() {
            return Ok(Self { paths: vec![RepoPath::root()], missing: Vec::new() });
        }
        let mut paths = BTreeSet::new();
        let mut open = Vec::new();
        for need in needs {
            match need {
                Need::Path(path) => drop(paths.insert(path.clone())),
                Need::Component(key) => open.push(key.clone()),
            }
        }
        let mut missing = Vec::new();
        if !open.is_empty() {
            let maps = SystemMaps::of_root(repo.store(), stored.commit.root)?;
            let graph = maps.load(repo.store())?;
            let mut seen: BTreeSet<ComponentKey> = open.iter().cloned().collect();
            while let Some(key) = open.pop() {
                let Some(component) = graph.components.get(&key) else {
                    missing.push(key);
                    continue;
                };
                paths.extend(component.origins.iter().filter_map(|origin| match origin {
                    Origin::Path(path) => Some(path.clone()),
                    Origin::External(_) => None,
                }));
                let reached = graph.edges.keys().filter(|edge| edge.from == key);
                let new = reached.map(|edge| &edge.to).filter(|to| seen.insert((*to).clone()));
                open.extend(new.cloned());
            }
        }
        missing.sort_unstable();
        Ok(Self { paths: outermost(paths), missing })
    }

    /// One id for all that is needed: commits that share it hold the same there.
    ///
    /// # Errors
    /// When the tree cannot be read.
    pub fn class(&self, repo: &Repository, stored: &StoredCommit) -> Result<Id, RepoError> {
        let files = repo.files(&stored.commit)?;
        let mut hasher = blake3::Hasher::new();
        for path in &self.paths {
            let entry = repo.entry_at(files, path)?.map(|entry| entry.encode()).unwrap_or_default();
            for bytes in [path.as_bytes(), &entry] {
                hasher.update(&(bytes.len() as u64).to_le_bytes());
                hasher.update(bytes);
            }
        }
        Ok(Id::new(*hasher.finalize().as_bytes()))
    }
}

/// Those of the paths that lie within no other, ascending.
fn outermost(paths: BTreeSet<RepoPath>) -> Vec<RepoPath> {
    let lies_in_another = |path: &RepoPath| {
        std::iter::successors(path.parent(), RepoPath::parent).any(|folder| paths.contains(&folder))
    };
    paths.iter().filter(|path| !lies_in_another(path)).cloned().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_within_another_is_needed_once() {
        let path = |text: &str| RepoPath::parse(text).unwrap();
        let all = ["a/b", "a", "ab", "a/b/c", "b/c"].map(path);
        assert_eq!(outermost(all.into()), ["a", "ab", "b/c"].map(path));
        let root = [RepoPath::root(), path("a")];
        assert_eq!(outermost(root.into()), [RepoPath::root()]);
    }
}
