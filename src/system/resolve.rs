//! What a manifest comes to in a directory tree: each component's origins and content id.

use std::collections::{BTreeMap, BTreeSet};

use crate::map::{Builder, NodeSource};
use crate::object::{
    AttributeValue, Component, ComponentKey, Edge, EdgeKey, Id, NodeId, Origin, RepoPath, Schema,
    TreeEntry, ValueRef,
};
use crate::repo::RepoError;
use crate::store::StoreError;

use super::manifest::{Declared, Glob};
use super::maps::Graph;
use super::paths::{Listings, entries_at, first, parts};

/// A component of a manifest in a tree.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Resolved {
    /// What it comes to.
    pub component: Component,
    /// Those of its paths that nothing in the tree matches.
    pub unmatched: Vec<String>,
}

/// What each of the components comes to in the directory tree `files`, in their order.
///
/// # Errors
/// When a node of the tree cannot be read or is not sound.
pub fn resolve<S>(
    source: &S,
    files: NodeId,
    components: &[Declared],
) -> Result<Vec<Resolved>, RepoError>
where
    S: NodeSource<Error = StoreError> + ?Sized,
{
    // What is no path matches nothing; the parser has refused it before.
    let globs: Vec<Vec<Option<Glob>>> = components
        .iter()
        .map(|declared| declared.paths.iter().map(|path| Glob::parse(path).ok()).collect())
        .collect();
    let all = || globs.iter().flatten().flatten();
    let patterns = all().filter_map(|glob| match glob {
        Glob::Pattern(pattern) => Some(pattern),
        Glob::Path(_) => None,
    });
    let paths = all().filter_map(|glob| match glob {
        Glob::Path(path) => Some(path),
        Glob::Pattern(_) => None,
    });
    let listings = Listings::read(source, files, patterns)?;
    let entries = entries_at(source, files, paths)?;
    let mut resolved = Vec::with_capacity(components.len());
    for (declared, globs) in components.iter().zip(&globs) {
        let mut found = BTreeMap::new();
        let mut unmatched = Vec::new();
        for (text, glob) in declared.paths.iter().zip(globs) {
            let before = found.len();
            match glob {
                Some(Glob::Path(path)) => {
                    found.extend(entries.get(path).map(|entry| (path.clone(), *entry)));
                    // Another of its paths may have named it already.
                    if !found.contains_key(path) {
                        unmatched.push(text.clone());
                    }
                    continue;
                }
                Some(Glob::Pattern(pattern)) => {
                    let matching = listings.matching(pattern);
                    if !matching.is_empty() {
                        found.extend(matching);
                        continue;
                    }
                }
                None => {}
            }
            if found.len() == before {
                unmatched.push(text.clone());
            }
        }
        resolved.push(Resolved { component: component(declared, found)?, unmatched });
    }
    Ok(resolved)
}

fn component(
    declared: &Declared,
    mut found: BTreeMap<RepoPath, TreeEntry>,
) -> Result<Component, RepoError> {
    without_nested(&mut found);
    let mut attributes = declared.attributes.clone();
    if let Some(at) = &declared.at {
        attributes.insert("at".into(), AttributeValue::Text(at.clone()));
    }
    let was = declared.was.as_deref();
    Ok(Component {
        content: content_id(found.iter().map(|(path, entry)| (path, *entry)))?,
        origins: found.into_keys().map(Origin::Path).collect(),
        attributes,
        was: was.and_then(|name| ComponentKey::new(declared.key.kind(), name).ok()),
    })
}

/// The content id of what stands on these paths: the blob or tree of a single one, else the tree
/// that holds these paths and nothing else. `None` of none, and where a path lies in another.
///
/// # Errors
/// When a tree of them cannot be.
pub fn content_id<'p>(
    entries: impl IntoIterator<Item = (&'p RepoPath, TreeEntry)>,
) -> Result<Option<Id>, RepoError> {
    let mut placed: Vec<Placed<'_>> =
        entries.into_iter().map(|(path, entry)| (path.as_bytes(), entry)).collect();
    match placed[..] {
        [] => return Ok(None),
        [(_, entry)] => return Ok(Some(entry.id())),
        _ => {}
    }
    placed.sort_by(|(a, _), (b, _)| parts(a).cmp(parts(b)));
    Ok(tree_of(&placed)?.map(|entry| entry.id()))
}

/// The rest of a path, and what is there.
type Placed<'p> = (&'p [u8], TreeEntry);

/// The directory that holds these and nothing else. `None` where one lies in another.
fn tree_of(placed: &[Placed<'_>]) -> Result<Option<TreeEntry>, RepoError> {
    let mut map = Builder::new(Schema::Tree, |_, _: Vec<u8>| Ok::<_, StoreError>(()));
    for group in placed.chunk_by(|(a, _), (b, _)| first(a) == first(b)) {
        let name = group.first().map(|(path, _)| first(path)).unwrap_or_default();
        let rest: Vec<_> = group.iter().filter_map(|(path, e)| Some((after(path)?, *e))).collect();
        let entry = match (group, &rest[..]) {
            ([(_, entry)], []) => *entry,
            (group, rest) if group.len() == rest.len() => match tree_of(rest)? {
                Some(entry) => entry,
                None => return Ok(None),
            },
            _ => return Ok(None),
        };
        map.push(name, ValueRef::Inline(&entry.encode()))?;
    }
    let root = map.finish()?;
    Ok(Some(TreeEntry::directory(root.id, root.bytes)))
}

/// What follows the first name of a path.
fn after(path: &[u8]) -> Option<&[u8]> {
    path.iter().position(|byte| *byte == b'/').and_then(|slash| path.get(slash + 1..))
}

/// Drops what lies in another of the paths.
fn without_nested(found: &mut BTreeMap<RepoPath, TreeEntry>) {
    if found.values().all(|entry| entry.root().is_none()) {
        return;
    }
    let is_inside = |path: &RepoPath| {
        let mut around = path.parent();
        while let Some(folder) = around {
            if found.contains_key(&folder) {
                return true;
            }
            around = folder.parent();
        }
        false
    };
    let inside: Vec<RepoPath> = found.keys().filter(|path| is_inside(path)).cloned().collect();
    found.retain(|path, _| !inside.contains(path));
}

/// The graph that a manifest and what its components come to make up.
pub fn graph(components: &[Declared], resolved: Vec<Resolved>) -> Graph {
    let mut graph = Graph::default();
    for (declared, resolved) in components.iter().zip(resolved) {
        graph.components.insert(declared.key.clone(), resolved.component);
    }
    for declared in components {
        for edge in &declared.edges {
            let (relation, to) = (edge.relation.clone(), edge.to.clone());
            let key = EdgeKey { from: declared.key.clone(), relation, to };
            let value = Edge { declared: Some(edge.attributes.clone()), discovered: None };
            graph.edges.insert(key, value);
        }
    }
    graph
}

/// Which of the components may be others once `changed` paths are: those whose paths are among
/// them, lie around them, or match one that is new. `changed` holds each folder around them too.
pub fn affected<'d>(components: &'d [Declared], changed: &BTreeSet<RepoPath>) -> Vec<&'d Declared> {
    components
        .iter()
        .filter(|declared| {
            declared.paths.iter().any(|path| match Glob::parse(path) {
                Ok(Glob::Path(path)) => changed.contains(&path),
                Ok(Glob::Pattern(pattern)) => changed.iter().any(|path| {
                    let path = path.as_bytes();
                    pattern.matches(path, false) || pattern.matches(path, true)
                }),
                Err(_) => false,
            })
        })
        .collect()
}

/// How many bytes each component stands on: what its origins in the directory tree `files` hold.
/// Components without one there have none.
///
/// # Errors
/// When a node of the tree cannot be read or is not sound.
pub fn origin_sizes<S>(
    source: &S,
    files: NodeId,
    graph: &Graph,
) -> Result<BTreeMap<ComponentKey, u64>, RepoError>
where
    S: NodeSource<Error = StoreError> + ?Sized,
{
    let origins = |component: &'_ Component| -> Vec<RepoPath> {
        let paths = component.origins.iter().filter_map(|origin| match origin {
            Origin::Path(path) => Some(path.clone()),
            Origin::External(_) => None,
        });
        paths.collect()
    };
    let all: Vec<_> =
        graph.components.iter().map(|(key, component)| (key, origins(component))).collect();
    let entries = entries_at(source, files, all.iter().flat_map(|(_, paths)| paths))?;
    let mut sizes = BTreeMap::new();
    for (key, paths) in &all {
        let found: Vec<u64> =
            paths.iter().filter_map(|path| entries.get(path)).map(TreeEntry::size).collect();
        if !found.is_empty() {
            sizes.insert((*key).clone(), found.into_iter().fold(0, u64::saturating_add));
        }
    }
    Ok(sizes)
}
