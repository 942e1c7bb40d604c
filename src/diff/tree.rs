//! What differs between two directory trees, without reading what they share.

use crate::map::{Map, NodeSource, diff};
use crate::object::{NodeId, RepoPath, Schema, TreeEntry, Value};
use crate::repo::{RepoError, ensure_size, tree_entry};
use crate::store::StoreError;

/// A path whose entry differs. At least one of the two is there.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PathChange {
    /// The path.
    pub path: RepoPath,
    /// What is there in the first tree.
    pub before: Option<TreeEntry>,
    /// What is there in the second tree.
    pub after: Option<TreeEntry>,
}

/// Told of changes, in the order of a walk: a directory before what is in it.
type Visit<'v, E> = dyn FnMut(PathChange) -> Result<(), E> + 'v;

/// Visits what turns the directory tree `before` into `after`; `None` is a tree of nothing.
///
/// A directory that both have is not a change, what differs in it is. One that is new or gone is
/// visited, and everything in it. The cost is that of what differs.
///
/// # Errors
/// When a node is absent or damaged, or what `visit` says.
pub fn diff_trees<S, E>(
    source: &S,
    before: Option<NodeId>,
    after: Option<NodeId>,
    visit: &mut Visit<'_, E>,
) -> Result<(), E>
where
    S: NodeSource<Error = StoreError>,
    E: From<RepoError>,
{
    let open = |id| Map::open(source, id, Schema::Tree).map_err(RepoError::from);
    let (before, after) = (before.map(open).transpose()?, after.map(open).transpose()?);
    folder(source, &RepoPath::root(), before, after, visit)
}

fn folder<S, E>(
    source: &S,
    path: &RepoPath,
    before: Option<Map<'_, S>>,
    after: Option<Map<'_, S>>,
    visit: &mut Visit<'_, E>,
) -> Result<(), E>
where
    S: NodeSource<Error = StoreError>,
    E: From<RepoError>,
{
    let was_there = before.is_some();
    match (before, after) {
        (None, None) => Ok(()),
        (Some(a), Some(b)) => {
            for change in diff(&a, &b) {
                let change = change.map_err(RepoError::from)?;
                entry(source, (path, a.id()), &change.key, change.before, change.after, visit)?;
            }
            Ok(())
        }
        (Some(one), None) | (None, Some(one)) => {
            for found in one.iter() {
                let (name, value) = found.map_err(RepoError::from)?;
                let (gone, new) = match was_there {
                    true => (Some(value), None),
                    false => (None, Some(value)),
                };
                entry(source, (path, one.id()), &name, gone, new, visit)?;
            }
            Ok(())
        }
    }
}

fn entry<S, E>(
    source: &S,
    (folder_path, parent): (&RepoPath, NodeId),
    name: &[u8],
    before: Option<Value>,
    after: Option<Value>,
    visit: &mut Visit<'_, E>,
) -> Result<(), E>
where
    S: NodeSource<Error = StoreError>,
    E: From<RepoError>,
{
    let read = |value: Option<Value>| value.map(|value| tree_entry(value.as_ref())).transpose();
    let (before, after) = (read(before)?, read(after)?);
    let invalid = |source| RepoError::Name { folder: parent, source };
    let path = folder_path.join(name).map_err(invalid)?;
    let open = |entry: TreeEntry| directory(source, entry).transpose();
    let (below_before, below_after) =
        (before.and_then(open).transpose()?, after.and_then(open).transpose()?);
    if below_before.is_none() || below_after.is_none() {
        visit(PathChange { path: path.clone(), before, after })?;
    }
    folder(source, &path, below_before, below_after, visit)
}

/// The map of a directory, which must be as large as the entry says.
fn directory<S>(source: &S, entry: TreeEntry) -> Result<Option<Map<'_, S>>, RepoError>
where
    S: NodeSource<Error = StoreError>,
{
    let Some(root) = entry.root() else { return Ok(None) };
    let map = Map::open(source, root, Schema::Tree).map_err(RepoError::from)?;
    ensure_size(entry, map.root().bytes)?;
    Ok(Some(map))
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::collections::BTreeMap;
    use std::sync::Arc;

    use proptest::prelude::*;

    use super::*;
    use crate::map::{Builder, MemoryNodes};
    use crate::object::{BlobId, ValueRef};

    /// Nodes in memory, as a store would give them, and how many were read.
    #[derive(Default)]
    struct Nodes {
        memory: MemoryNodes,
        read: Cell<usize>,
    }

    impl NodeSource for Nodes {
        type Error = StoreError;

        fn node(&self, id: NodeId) -> Result<Arc<[u8]>, StoreError> {
            self.read.set(self.read.get() + 1);
            Ok(self.memory.node(id).expect("a node that was built"))
        }
    }

    /// A tree by hand: a file's content, or a folder.
    #[derive(Clone, Debug, PartialEq)]
    enum Thing {
        File(u8),
        Folder(BTreeMap<String, Thing>),
    }

    fn things() -> impl Strategy<Value = BTreeMap<String, Thing>> {
        let file = (0u8..3).prop_map(Thing::File);
        let thing = file.prop_recursive(3, 40, 5, |thing| {
            prop::collection::btree_map("[a-d]", thing, 0..4).prop_map(Thing::Folder)
        });
        prop::collection::btree_map("[a-d]", thing, 0..4)
    }

    fn build(nodes: &mut Nodes, folder: &BTreeMap<String, Thing>) -> (NodeId, u64) {
        let entries: Vec<_> =
            folder.iter().map(|(name, thing)| (name, entry_of(nodes, thing))).collect();
        let mut map = Builder::new(Schema::Tree, nodes.memory.sink());
        for (name, entry) in entries {
            map.push(name.as_bytes(), ValueRef::Inline(&entry.encode())).unwrap();
        }
        let root = map.finish().unwrap();
        (root.id, root.bytes)
    }

    fn entry_of(nodes: &mut Nodes, thing: &Thing) -> TreeEntry {
        match thing {
            Thing::File(content) => TreeEntry::file(BlobId::of(&[*content]), 1),
            Thing::Folder(inside) => {
                let (root, bytes) = build(nodes, inside);
                TreeEntry::directory(root, bytes)
            }
        }
    }

    /// Every path, and what is there.
    fn all(
        nodes: &mut Nodes,
        folder: &BTreeMap<String, Thing>,
        at: &str,
        out: &mut BTreeMap<String, TreeEntry>,
    ) {
        for (name, thing) in folder {
            let path = format!("{at}{name}");
            out.insert(path.clone(), entry_of(nodes, thing));
            if let Thing::Folder(inside) = thing {
                all(nodes, inside, &format!("{path}/"), out);
            }
        }
    }

    proptest! {
        #[test]
        fn a_diff_says_what_comparing_every_path_says(before in things(), after in things()) {
            let mut nodes = Nodes::default();
            let (mut a, mut b) = (BTreeMap::new(), BTreeMap::new());
            all(&mut nodes, &before, "", &mut a);
            all(&mut nodes, &after, "", &mut b);
            let (from, to) = (build(&mut nodes, &before).0, build(&mut nodes, &after).0);
            let mut found = BTreeMap::new();
            diff_trees(&nodes, Some(from), Some(to), &mut |change| {
                let path = String::from_utf8(change.path.as_bytes().to_vec()).unwrap();
                assert!(found.insert(path, (change.before, change.after)).is_none());
                Ok::<_, RepoError>(())
            }).unwrap();
            let is_folder = |entry: Option<&TreeEntry>| entry.is_some_and(|e| e.root().is_some());
            for path in a.keys().chain(b.keys()) {
                let (before, after) = (a.get(path), b.get(path));
                let differs = before != after && !(is_folder(before) && is_folder(after));
                let expected = differs.then_some((before.copied(), after.copied()));
                prop_assert_eq!(found.get(path), expected.as_ref(), "{}", path);
            }
            let mut back = 0;
            diff_trees(&nodes, Some(to), Some(from), &mut |_| { back += 1; Ok::<_, RepoError>(()) }).unwrap();
            prop_assert_eq!(back, found.len());
        }
    }

    #[test]
    fn what_is_shared_is_not_read() {
        let many = |n: u8| (0..200).map(|i| (format!("f{i:03}"), Thing::File(n))).collect();
        let folder = |changed: u8| -> BTreeMap<String, Thing> {
            (0..100u8)
                .map(|i| {
                    (format!("d{i:03}"), Thing::Folder(many(if i == 7 { changed } else { 0 })))
                })
                .collect()
        };
        let mut nodes = Nodes::default();
        let (a, b) = (build(&mut nodes, &folder(1)).0, build(&mut nodes, &folder(2)).0);
        let mut changes = 0;
        diff_trees(&nodes, Some(a), Some(b), &mut |_| {
            changes += 1;
            Ok::<_, RepoError>(())
        })
        .unwrap();
        assert_eq!(changes, 200);
        assert!(nodes.read.get() < 30, "{} nodes", nodes.read.get());
    }
}
