//! Names that the file system at hand takes for one, or cannot hold: refused before anything is
//! written.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::mem::{Discriminant, discriminant};
use std::os::unix::ffi::OsStrExt;

use bstr::{BString, ByteSlice};

use crate::disk::{Dir, NameRules};
use crate::object::{EntryKind, NodeId, PortabilityProblem, RepoPath, not_portable};
use crate::repo::{Descend, Repository};

use super::error::WorktreeError;

/// The names of one folder, by what they have in common with those that are taken for them.
struct Names {
    folder: RepoPath,
    rules: NameRules,
    by_key: HashMap<BString, BString>,
}

impl Names {
    fn new(folder: RepoPath, rules: NameRules) -> Self {
        Self { folder, rules, by_key: HashMap::new() }
    }

    /// Takes note of a name that is there.
    fn know(&mut self, name: &[u8]) {
        self.by_key.insert(self.rules.key(name).into_owned().into(), name.into());
    }

    /// Adds a name that is to come; refuses one that is taken for another, or for a shorter one.
    fn add(&mut self, name: &[u8]) -> Result<(), WorktreeError> {
        let path = |name: &[u8]| self.folder.join(name).unwrap_or_else(|_| self.folder.clone());
        let ends = NameRules { drops_ends: self.rules.drops_ends, ..NameRules::default() };
        if *ends.key(name) != *name {
            return Err(WorktreeError::NameNotHeld { path: path(name) });
        }
        let key = self.rules.key(name).into_owned().into();
        match self.by_key.get(&key) {
            Some(other) if other.as_bytes() != name => {
                Err(WorktreeError::SameName { first: path(other), second: path(name) })
            }
            Some(_) => Ok(()),
            None => {
                self.by_key.insert(key, name.into());
                Ok(())
            }
        }
    }
}

/// Refuses paths that the file system of the folder takes for others that are there or are to come
/// with them, and names that it cannot hold. `folder` gives the folder that a path lies in, where
/// there is one.
///
/// # Errors
/// [`WorktreeError::SameName`] and [`WorktreeError::NameNotHeld`], or when the file system cannot
/// be asked.
pub fn ensure_distinct<'p, F: AsRef<Dir>>(
    repo: &Repository,
    paths: impl Iterator<Item = &'p RepoPath> + Clone,
    mut folder: impl FnMut(&RepoPath) -> Result<Option<F>, WorktreeError>,
) -> Result<(), WorktreeError> {
    if paths.clone().next().is_none() {
        return Ok(());
    }
    // It lies in the same file system, and inherits what the root has.
    let local = repo.disk().open_dir(&repo.folder().join("local"))?;
    let mut asked = Vec::new();
    for path in paths.clone() {
        ensure_held(&local, path, &mut asked)?;
    }
    let rules = local.name_rules()?;
    if rules.tells_all_apart() {
        return Ok(());
    }
    let mut folders: HashMap<RepoPath, Names> = HashMap::new();
    for path in paths {
        let parent = path.parent().unwrap_or_else(RepoPath::root);
        if !folders.contains_key(&parent) {
            let mut names = Names::new(parent.clone(), rules);
            if let Some(dir) = folder(path)? {
                list(dir.as_ref(), &parent, &mut |name| names.know(name))?;
            }
            folders.insert(parent.clone(), names);
        }
        if let (Some(names), Some(name)) = (folders.get_mut(&parent), path.file_name()) {
            names.add(name)?;
        }
    }
    Ok(())
}

/// Refuses a tree with names that the file system of `folder`, which is empty, takes for one.
///
/// # Errors
/// As [`ensure_distinct`].
pub fn ensure_distinct_in_tree(
    repo: &Repository,
    tree: NodeId,
    folder: &Dir,
) -> Result<(), WorktreeError> {
    let rules = folder.name_rules()?;
    if rules.tells_all_apart() {
        return Ok(());
    }
    let mut open = vec![Names::new(RepoPath::root(), rules)];
    repo.walk_tree(tree, &RepoPath::root(), &mut |path, entry| {
        open.truncate(path.depth());
        if let (Some(names), Some(name)) = (open.last_mut(), path.file_name()) {
            names.add(name)?;
        }
        if entry.kind() == EntryKind::Directory {
            open.push(Names::new(path.clone(), rules));
        }
        Ok(Descend::Into)
    })
}

/// Refuses an odd name that the file system cannot hold. Of each oddity the first is asked for.
fn ensure_held(dir: &Dir, path: &RepoPath, asked: &mut Vec<Oddity>) -> Result<(), WorktreeError> {
    let name = path.file_name().unwrap_or_default();
    let Some(problem) = not_portable(name) else { return Ok(()) };
    let character = match problem {
        PortabilityProblem::Character(c) => Some(c),
        _ => None,
    };
    let oddity = (discriminant(&problem), character);
    if asked.contains(&oddity) {
        return Ok(());
    }
    asked.push(oddity);
    match dir.holds_name(OsStr::from_bytes(name))? {
        true => Ok(()),
        false => Err(WorktreeError::NameNotHeld { path: path.clone() }),
    }
}

type Oddity = (Discriminant<PortabilityProblem>, Option<char>);

fn list(dir: &Dir, path: &RepoPath, each: &mut dyn FnMut(&[u8])) -> Result<(), WorktreeError> {
    let failed = |e: rustix::io::Errno| WorktreeError::Read {
        path: path.as_bytes().into(),
        source: e.into(),
    };
    for entry in rustix::fs::Dir::read_from(dir).map_err(failed)? {
        each(entry.map_err(failed)?.file_name().to_bytes());
    }
    Ok(())
}
