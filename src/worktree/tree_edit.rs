//! Setting a few entries deep in a directory tree.

use bstr::{BString, ByteSlice};

use crate::map::{Map, MapRoot, NodeSource, update};
use crate::object::{NodeId, Schema, TreeEntry, Value};
use crate::repo::tree_entry;
use crate::store::StoreError;

use super::error::WorktreeError;

/// An entry to set, or to remove, and the rest of the path that leads to it.
type Edit<'e> = (&'e [u8], &'e Option<TreeEntry>);

/// The directory tree `root` with `edits` made; folders on the way must be there. New nodes go to
/// `sink`.
///
/// # Errors
/// When a node cannot be read or stored, or a folder on the way is none.
pub fn edit_tree<'e, S: NodeSource<Error = StoreError>>(
    source: &S,
    root: NodeId,
    edits: impl IntoIterator<Item = (&'e BString, &'e Option<TreeEntry>)>,
    sink: &mut dyn FnMut(NodeId, Vec<u8>) -> Result<(), StoreError>,
) -> Result<MapRoot, WorktreeError> {
    let mut edits: Vec<Edit<'_>> =
        edits.into_iter().map(|(path, entry)| (path.as_slice(), entry)).collect();
    edits.sort_by(|(a, _), (b, _)| a.split_str("/").cmp(b.split_str("/")));
    folder(source, root, &edits, sink)
}

fn folder<S: NodeSource<Error = StoreError>>(
    source: &S,
    root: NodeId,
    edits: &[Edit<'_>],
    sink: &mut dyn FnMut(NodeId, Vec<u8>) -> Result<(), StoreError>,
) -> Result<MapRoot, WorktreeError> {
    let map = Map::open(source, root, Schema::Tree)?;
    let mut changes = Vec::new();
    for group in edits.chunk_by(|(a, _), (b, _)| first(a).0 == first(b).0) {
        let (name, rest) = first(group[0].0);
        let entry = match rest {
            None => *group[0].1,
            Some(_) => {
                let below: Vec<Edit<'_>> = group
                    .iter()
                    .filter_map(|(path, entry)| Some((first(path).1?, *entry)))
                    .collect();
                let value = map.get(name)?.ok_or(WorktreeError::Stopped)?;
                let id = tree_entry(value.as_ref())?.root().ok_or(WorktreeError::Stopped)?;
                let root = folder(source, id, &below, sink)?;
                Some(TreeEntry::directory(root.id, root.bytes))
            }
        };
        changes.push((name.to_vec(), entry.map(|entry| Value::Inline(entry.encode()))));
    }
    Ok(update(&map, changes, sink)?)
}

/// The first name of a path, and what follows it.
fn first(path: &[u8]) -> (&[u8], Option<&[u8]>) {
    match path.split_once_str("/") {
        Some((name, rest)) => (name, Some(rest)),
        None => (path, None),
    }
}
