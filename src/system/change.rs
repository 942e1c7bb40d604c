//! What changed between two systems, in their own terms.

use std::collections::BTreeMap;

use crate::map::{Map, diff};
use crate::object::{Component, ComponentKey, Edge, EdgeKey, NodeId, Schema, Value};
use crate::repo::RepoError;

use super::maps::{SystemMaps, component_key, edge_key, read_component, read_edge};
use super::source::GraphSource;

/// What differs between two systems.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct SystemChanges {
    /// The components that differ, ascending by key. One that came under the name that a renamed
    /// one had stands behind it.
    pub components: Vec<ComponentChange>,
    /// The edges that differ, ascending. Edges of a renamed component that only follow it do not.
    pub edges: Vec<EdgeChange>,
}

/// A component that differs. At least one of the two states is there.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ComponentChange {
    /// Its key, now or when it was there last.
    pub key: ComponentKey,
    /// The key that it had before, if that was another.
    pub renamed_from: Option<ComponentKey>,
    /// What it was.
    pub before: Option<Component>,
    /// What it is.
    pub after: Option<Component>,
}

/// How a component differs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ChangeWord {
    /// It is new, whatever had its name before.
    New,
    /// It is gone.
    Gone,
    /// It has another name, and may have changed beside.
    Renamed,
    /// It has another content.
    Changed,
    /// What is said of it, or where it lies, is other; its content is the same.
    Edited,
}

/// An edge that differs. At least one of the two states is there.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct EdgeChange {
    /// Which.
    pub key: EdgeKey,
    /// What was said of it.
    pub before: Option<Edge>,
    /// What is said of it.
    pub after: Option<Edge>,
}

impl ComponentChange {
    /// How it differs.
    pub fn word(&self) -> ChangeWord {
        match (&self.before, &self.after) {
            (None, _) => ChangeWord::New,
            (_, None) => ChangeWord::Gone,
            _ if self.renamed_from.is_some() => ChangeWord::Renamed,
            (Some(a), Some(b)) if a.content != b.content => ChangeWord::Changed,
            _ => ChangeWord::Edited,
        }
    }

    /// Whether it has another content than before, or none.
    pub fn has_other_content(&self) -> bool {
        let content = |state: &Option<Component>| state.as_ref().map(|state| state.content);
        content(&self.before) != content(&self.after)
    }
}

impl ChangeWord {
    /// The word for it.
    pub fn word(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Gone => "gone",
            Self::Renamed => "renamed",
            Self::Changed => "changed",
            Self::Edited => "edited",
        }
    }
}

impl SystemChanges {
    /// Whether nothing differs.
    pub fn is_empty(&self) -> bool {
        self.components.is_empty() && self.edges.is_empty()
    }
}

/// What turns the system of the root map `before` into that of the root map `after`; `None` is the
/// state before the first. The cost is that of what differs.
///
/// # Errors
/// When a map cannot be read or is not sound.
pub fn changes<S>(
    source: &S,
    before: Option<NodeId>,
    after: NodeId,
) -> Result<SystemChanges, RepoError>
where
    S: GraphSource + ?Sized,
{
    let before = before.map(|root| SystemMaps::of_root(source, root)).transpose()?;
    changes_of(source, before.unwrap_or_default(), SystemMaps::of_root(source, after)?)
}

/// What turns one system into another.
///
/// # Errors
/// As [`changes`].
pub fn changes_of<S>(
    source: &S,
    before: SystemMaps,
    after: SystemMaps,
) -> Result<SystemChanges, RepoError>
where
    S: GraphSource + ?Sized,
{
    let (mut components, mut edges) = (Vec::new(), Vec::new());
    each_change(source, Schema::Components, before.components, after.components, |map, change| {
        let read = |value: Option<Value>| {
            value.map(|value| read_component(source, map, value.as_ref())).transpose()
        };
        let (key, renamed_from) = (component_key(map, &change.key)?, None);
        let (before, after) = (read(change.before)?, read(change.after)?);
        components.push(ComponentChange { key, renamed_from, before, after });
        Ok::<_, RepoError>(())
    })?;
    each_change(source, Schema::Edges, before.edges, after.edges, |map, change| {
        let read = |value: Option<Value>| {
            value.map(|value| read_edge(source, map, value.as_ref())).transpose()
        };
        let (before, after) = (read(change.before)?, read(change.after)?);
        edges.push(EdgeChange { key: edge_key(map, &change.key)?, before, after });
        Ok::<_, RepoError>(())
    })?;
    let renames = join_renames(&mut components);
    if !renames.is_empty() {
        edges = without_followers(edges, &renames);
    }
    Ok(SystemChanges { components, edges })
}

/// The key of a component or an edge that one system has otherwise than another.
#[derive(Debug)]
pub struct ChangedKey<'k> {
    /// The schema of the map that it stands in.
    pub schema: Schema,
    /// Its bytes there.
    pub key: &'k [u8],
    /// Whether both systems have it.
    pub in_both: bool,
    /// What a component that is new says it was.
    pub was: Option<ComponentKey>,
}

/// Told of each.
type VisitKey<'v, E> = dyn FnMut(ChangedKey<'_>) -> Result<(), E> + 'v;

/// Visits the keys of all components and edges that one system has otherwise than the other.
/// Renames are not joined: a component that got another name is there under both.
///
/// # Errors
/// When a map cannot be read or is not sound, or what `visit` says.
pub fn changed_keys<S, E>(
    source: &S,
    before: SystemMaps,
    after: SystemMaps,
    visit: &mut VisitKey<'_, E>,
) -> Result<(), E>
where
    S: GraphSource + ?Sized,
    E: From<RepoError>,
{
    for (schema, before, after) in [
        (Schema::Components, before.components, after.components),
        (Schema::Edges, before.edges, after.edges),
    ] {
        each_change(source, schema, before, after, |map, change| {
            let was = match (&change.before, &change.after, schema) {
                (None, Some(value), Schema::Components) => {
                    read_component(source, map, value.as_ref())?.was
                }
                _ => None,
            };
            let in_both = change.before.is_some() && change.after.is_some();
            visit(ChangedKey { schema, key: &change.key, in_both, was })
        })?;
    }
    Ok(())
}

fn each_change<S: GraphSource + ?Sized, E: From<RepoError>>(
    source: &S,
    schema: Schema,
    before: Option<NodeId>,
    after: Option<NodeId>,
    mut visit: impl FnMut(NodeId, crate::map::Change) -> Result<(), E>,
) -> Result<(), E> {
    use crate::map::Change;
    let open = |id| Map::open(source, id, schema).map_err(RepoError::from);
    match (before, after) {
        (None, None) => {}
        (Some(a), Some(b)) if a == b => {}
        (Some(a), Some(b)) => {
            for change in diff(&open(a)?, &open(b)?) {
                visit(b, change.map_err(RepoError::from)?)?;
            }
        }
        (Some(id), None) => {
            for entry in open(id)?.iter() {
                let (key, value) = entry.map_err(RepoError::from)?;
                visit(id, Change { key, before: Some(value), after: None })?;
            }
        }
        (None, Some(id)) => {
            for entry in open(id)?.iter() {
                let (key, value) = entry.map_err(RepoError::from)?;
                visit(id, Change { key, before: None, after: Some(value) })?;
            }
        }
    }
    Ok(())
}

/// Joins what came under a new name and says what it was with what went under that name, or was
/// put in its place. Gives the names, old to new.
fn join_renames(changes: &mut Vec<ComponentChange>) -> BTreeMap<ComponentKey, ComponentKey> {
    let mut renames = BTreeMap::new();
    let at: BTreeMap<ComponentKey, usize> =
        changes.iter().enumerate().map(|(at, change)| (change.key.clone(), at)).collect();
    for new in 0..changes.len() {
        let Some(change) = changes.get(new).filter(|change| change.before.is_none()) else {
            continue;
        };
        let was = change.after.as_ref().and_then(|after| after.was.clone());
        let Some(old) = was.as_ref().and_then(|was| at.get(was)).copied() else { continue };
        let Some(old) = changes.get_mut(old) else { continue };
        // What is there after it under the old name is another: it comes new.
        let Some(before) = old.before.take() else { continue };
        let from = old.key.clone();
        if let Some(change) = changes.get_mut(new) {
            renames.insert(from.clone(), change.key.clone());
            change.before = Some(before);
            change.renamed_from = Some(from);
        }
    }
    changes.retain(|change| change.before.is_some() || change.after.is_some());
    renames
}

/// The edges without those that only follow a component to its new name.
fn without_followers(
    changes: Vec<EdgeChange>,
    renames: &BTreeMap<ComponentKey, ComponentKey>,
) -> Vec<EdgeChange> {
    let moved = |key: &EdgeKey| {
        let now = |key: &ComponentKey| renames.get(key).unwrap_or(key).clone();
        EdgeKey { from: now(&key.from), relation: key.relation.clone(), to: now(&key.to) }
    };
    let came: BTreeMap<&EdgeKey, &Edge> = changes
        .iter()
        .filter(|change| change.before.is_none())
        .filter_map(|change| change.after.as_ref().map(|after| (&change.key, after)))
        .collect();
    let mut follow = std::collections::BTreeSet::new();
    for change in changes.iter().filter(|change| change.after.is_none()) {
        let now = moved(&change.key);
        if now != change.key && came.get(&now).copied() == change.before.as_ref() {
            follow.insert(change.key.clone());
            follow.insert(now);
        }
    }
    changes.into_iter().filter(|change| !follow.contains(&change.key)).collect()
}

#[cfg(test)]
#[path = "change_tests.rs"]
mod tests;
