//! What a state captures less of than the one before: told first, because hiding is how a change
//! gets past people.

use std::collections::BTreeSet;
use std::fmt;

use crate::object::{ComponentKey, EntryKind, NodeId, Origin, RepoPath, TreeEntry};
use crate::repo::RepoError;

use super::change::SystemChanges;
use super::paths::entries_at;
use super::source::GraphSource;

/// The name of the files that say what is left out.
const IGNORE_FILE: &str = ".aisrignore";
/// Longer ones are compared by id alone.
const LONGEST: u64 = 1 << 20;

/// Something that is captured no more, or watched less.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Narrowed {
    /// A component is gone from the manifest.
    ComponentGone {
        /// Which.
        component: ComponentKey,
    },
    /// A component stands on fewer paths, though these are still there.
    FewerPaths {
        /// The component.
        component: ComponentKey,
        /// The paths that are no longer its own.
        paths: Vec<RepoPath>,
    },
    /// A component stood on something and stands on nothing now.
    StandsOnNothing {
        /// The component.
        component: ComponentKey,
    },
    /// An ignore file leaves out more, or may.
    LeavesOutMore {
        /// The ignore file.
        file: RepoPath,
        /// The lines that are new in it, or that took something in again and are gone.
        lines: Vec<String>,
    },
}

impl fmt::Display for Narrowed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ComponentGone { component } => {
                write!(f, "{component} is no component any more")
            }
            Self::FewerPaths { component, paths } => {
                let more = paths.len().saturating_sub(3);
                let first: Vec<_> = paths.iter().take(3).map(ToString::to_string).collect();
                let more = if more > 0 { format!(" and {more} more") } else { String::new() };
                write!(f, "{component} no longer covers {}{more}", first.join(", "))
            }
            Self::StandsOnNothing { component } => {
                write!(f, "{component} stands on nothing any more")
            }
            Self::LeavesOutMore { file, lines } if lines.is_empty() => {
                write!(f, "{file} changed: it may leave out more")
            }
            Self::LeavesOutMore { file, lines } => {
                let more = lines.len().saturating_sub(5);
                let first: Vec<_> = lines.iter().take(5).map(|line| format!("`{line}`")).collect();
                let more = if more > 0 { format!(" and {more} more") } else { String::new() };
                write!(f, "{file} leaves out more: {}{more}", first.join(", "))
            }
        }
    }
}

/// Gives the content of a file of one of the trees.
pub type ReadFile<'r> = dyn FnMut(&RepoPath, &TreeEntry) -> Option<Vec<u8>> + 'r;

/// What the state with the tree `after` captures less of than that with the tree `before`, whose
/// systems differ by `changes`. `source` has the nodes of both; `read` gives the content of an
/// ignore file, if it can be had.
///
/// # Errors
/// When a map cannot be read.
pub fn narrowed<S: GraphSource>(
    source: &S,
    before: NodeId,
    after: NodeId,
    changes: &SystemChanges,
    read: &mut ReadFile<'_>,
) -> Result<Vec<Narrowed>, RepoError> {
    let mut found = ignore_files(source, before, after, read)?;
    for change in &changes.components {
        let component = change.key.clone();
        let Some(old) = &change.before else { continue };
        let Some(new) = &change.after else {
            found.push(Narrowed::ComponentGone { component });
            continue;
        };
        if new.origins.is_empty() && !old.origins.is_empty() {
            found.push(Narrowed::StandsOnNothing { component });
            continue;
        }
        let now: BTreeSet<&RepoPath> = paths(&new.origins).collect();
        let left: Vec<_> = paths(&old.origins).filter(|path| !covers(&now, path)).collect();
        let still = entries_at(source, after, left.iter().copied())?;
        let paths: Vec<RepoPath> =
            left.into_iter().filter(|path| still.contains_key(path)).cloned().collect();
        if !paths.is_empty() {
            found.push(Narrowed::FewerPaths { component, paths });
        }
    }
    Ok(found)
}

fn paths(origins: &[Origin]) -> impl Iterator<Item = &RepoPath> {
    origins.iter().filter_map(|origin| match origin {
        Origin::Path(path) => Some(path),
        Origin::External(_) => None,
    })
}

/// Whether one of `origins` is `path` or a folder around it.
fn covers(origins: &BTreeSet<&RepoPath>, path: &RepoPath) -> bool {
    let mut at = Some(path.clone());
    while let Some(path) = at {
        if origins.contains(&path) {
            return true;
        }
        at = path.parent().filter(|path| !path.is_root());
    }
    false
}

/// The ignore files that differ, wherever they lie, and what is new in them.
fn ignore_files<S: GraphSource>(
    source: &S,
    before: NodeId,
    after: NodeId,
    read: &mut ReadFile<'_>,
) -> Result<Vec<Narrowed>, RepoError> {
    let mut changed = Vec::new();
    crate::diff::diff_trees(source, Some(before), Some(after), &mut |change| {
        if change.path.file_name().is_some_and(|name| *name == IGNORE_FILE) {
            changed.push(change);
        }
        Ok::<_, RepoError>(())
    })?;
    let mut found = Vec::new();
    for change in changed {
        let is_file =
            |entry: &TreeEntry| matches!(entry.kind(), EntryKind::File | EntryKind::Executable);
        let mut text = |entry: Option<TreeEntry>| match entry.filter(is_file) {
            None => Some(String::new()),
            Some(entry) if entry.size() > LONGEST => None,
            Some(entry) => {
                read(&change.path, &entry).map(|text| String::from_utf8_lossy(&text).into_owned())
            }
        };
        let (old, new) = (text(change.before), text(change.after));
        let file = change.path;
        let (Some(old), Some(new)) = (old, new) else {
            found.push(Narrowed::LeavesOutMore { file, lines: Vec::new() });
            continue;
        };
        let lines = leaves_out_more(&old, &new);
        if !lines.is_empty() {
            found.push(Narrowed::LeavesOutMore { file, lines });
        }
    }
    Ok(found)
}

/// The lines of an ignore file that leave out more than `old` did: patterns that are new, and
/// patterns after `!` that are gone.
fn leaves_out_more(old: &str, new: &str) -> Vec<String> {
    let patterns = |text: &str| -> Vec<String> {
        let lines = text.lines().map(|line| line.trim_end().to_owned());
        lines.filter(|line| !line.is_empty() && !line.starts_with('#')).collect()
    };
    let (old, new) = (patterns(old), patterns(new));
    let (was, is): (BTreeSet<_>, BTreeSet<_>) = (old.iter().collect(), new.iter().collect());
    let added = new.iter().filter(|line| !line.starts_with('!') && !was.contains(line));
    let dropped = old.iter().filter(|line| line.starts_with('!') && !is.contains(line));
    let dropped = dropped.map(|line| format!("{line} (gone)"));
    added.cloned().chain(dropped).collect()
}

#[cfg(test)]
mod tests {
    use super::leaves_out_more;

    #[test]
    fn a_pattern_that_is_new_and_an_exception_that_is_gone_leave_out_more() {
        let old = "# kept\n*.log\n!keep.log\nbuild/\n";
        assert_eq!(leaves_out_more(old, "*.log\n!keep.log\n"), Vec::<String>::new());
        assert_eq!(leaves_out_more(old, "*.log\n!keep.log\nmemory/\n!x\n"), ["memory/"]);
        assert_eq!(leaves_out_more(old, "*.log\n"), ["!keep.log (gone)"]);
        assert_eq!(leaves_out_more("", "\n# x\n"), Vec::<String>::new());
    }
}
