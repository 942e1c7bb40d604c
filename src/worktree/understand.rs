//! What both versions of a file mean, so that they can be compared record by record.

use std::sync::Arc;

use crate::diff::FileChange;
use crate::object::{EntryKind, RepoPath, TreeEntry};
use crate::repo::Repository;
use crate::view::{Kind, Opened, Source, View, common, open, open_as};

use super::error::WorktreeError;
use super::side_by_side::side_by_side;
use super::side_source::open_side;

/// Both versions of a file, understood as one kind.
pub struct Versions {
    /// What they are understood as.
    pub kind: Kind,
    /// The first; `None` where the file is new.
    pub before: Option<Opened>,
    /// The second; `None` where the file is gone.
    pub after: Option<Opened>,
}

impl Versions {
    /// The views of both.
    pub fn views(&self) -> (Option<&dyn View>, Option<&dyn View>) {
        (
            self.before.as_ref().map(|opened| &*opened.view),
            self.after.as_ref().map(|opened| &*opened.view),
        )
    }
}

/// Understands both versions of a file that differs. `None` where there is nothing to understand:
/// a folder, a link, equal contents, or a file that the folder no longer has as it was.
///
/// # Errors
/// When a content cannot be read. One that breaks the rules of its kind is text or bytes, and
/// [`Opened::fell_back`] says so.
pub fn understand(
    repo: &Repository,
    found: &FileChange,
) -> Result<Option<Versions>, WorktreeError> {
    let change = &found.change;
    if let (Some(a), Some(b)) = (change.before, change.after)
        && a.id() == b.id()
    {
        return Ok(None);
    }
    let is_file =
        |entry: &TreeEntry| matches!(entry.kind(), EntryKind::File | EntryKind::Executable);
    if ![change.before, change.after].iter().flatten().all(is_file) {
        return Ok(None);
    }
    let old_path = found.from.as_ref().unwrap_or(&change.path);
    let before = source(repo, old_path, change.before)?;
    let after = source(repo, &change.path, change.after)?;
    if (before.is_none(), after.is_none()) != (change.before.is_none(), change.after.is_none()) {
        return Ok(None);
    }
    let (before, after) = match (before, after) {
        (Some(a), Some(b)) => {
            let (a, b) = side_by_side(a, b)?;
            (Some(a), Some(b))
        }
        sides => sides,
    };
    let (before, after) = (opened(before, old_path)?, opened(after, &change.path)?);
    let kinds = [&before, &after].map(|side| side.as_ref().map(|(_, opened)| opened.view.kind()));
    let kind = match kinds {
        [Some(a), Some(b)] => common(a, b),
        [Some(kind), None] | [None, Some(kind)] => kind,
        [None, None] => return Ok(None),
    };
    let (before, after) = match (as_kind(before, kind)?, as_kind(after, kind)?) {
        (Some(before), Some(after)) => (before, after),
        _ => return Ok(None),
    };
    Ok(Some(Versions { kind, before, after }))
}

type Side = (Arc<dyn Source>, Opened);

fn source(
    repo: &Repository,
    path: &RepoPath,
    entry: Option<TreeEntry>,
) -> Result<Option<Arc<dyn Source>>, WorktreeError> {
    match entry {
        Some(entry) => open_side(repo, path, &entry),
        None => Ok(None),
    }
}

fn opened(source: Option<Arc<dyn Source>>, path: &RepoPath) -> Result<Option<Side>, WorktreeError> {
    let Some(source) = source else { return Ok(None) };
    let opened = open(Arc::clone(&source), path.as_bytes())?;
    Ok(Some((source, opened)))
}

/// A side as this kind; `None` where it cannot be had so.
fn as_kind(side: Option<Side>, kind: Kind) -> Result<Option<Option<Opened>>, WorktreeError> {
    let Some((source, opened)) = side else { return Ok(Some(None)) };
    if opened.view.kind() == kind {
        return Ok(Some(Some(opened)));
    }
    match open_as(source, kind) {
        Ok(mut other) => {
            other.fell_back = other.fell_back.or(opened.fell_back);
            Ok(Some(Some(other)))
        }
        Err(crate::view::ViewError::Malformed { .. } | crate::view::ViewError::Limit { .. }) => {
            Ok(None)
        }
        Err(e) => Err(e.into()),
    }
}
