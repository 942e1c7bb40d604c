//! The system of a state: the maps `components` and `edges` of its root map (`docs/format.md`,
//! "The system graph").

use std::collections::BTreeMap;

use crate::map::{Builder, Map, NodeSource};
use crate::object::{
    Component, ComponentKey, DecodeError, Edge, EdgeKey, Id, NodeId, Schema, Value, ValueRef,
};
use crate::repo::{FILES, RepoError};
use crate::store::StoreError;

use super::source::{Fresh, GraphSource, value_bytes};

/// The key of the system in a commit's root map.
pub const SYSTEM: &[u8] = b"system";
const COMPONENTS: &[u8] = b"components";
const EDGES: &[u8] = b"edges";

/// The maps of a system. A system of nothing has neither.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct SystemMaps {
    /// The map of schema `system`.
    pub id: Option<NodeId>,
    /// The map of schema `components`.
    pub components: Option<NodeId>,
    /// The map of schema `edges`.
    pub edges: Option<NodeId>,
}

/// A system, read whole.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Graph {
    /// The components.
    pub components: BTreeMap<ComponentKey, Component>,
    /// The edges between them.
    pub edges: BTreeMap<EdgeKey, Edge>,
}

impl SystemMaps {
    /// The system of the state with this root map.
    ///
    /// # Errors
    /// When a map cannot be read or is not sound.
    pub fn of_root<S>(source: &S, root: NodeId) -> Result<Self, RepoError>
    where
        S: NodeSource<Error = StoreError> + ?Sized,
    {
        match named(source, root, Schema::Root, SYSTEM)? {
            Some(id) => Self::open(source, id),
            None => Ok(Self::default()),
        }
    }

    /// The maps that the map `id` of schema `system` names.
    ///
    /// # Errors
    /// When it cannot be read or is not sound.
    pub fn open<S>(source: &S, id: NodeId) -> Result<Self, RepoError>
    where
        S: NodeSource<Error = StoreError> + ?Sized,
    {
        let components = named(source, id, Schema::System, COMPONENTS)?;
        let edges = named(source, id, Schema::System, EDGES)?;
        Ok(Self { id: Some(id), components, edges })
    }

    /// One component.
    ///
    /// # Errors
    /// When a node on the way cannot be read, or the component is not sound.
    pub fn component<S>(
        &self,
        source: &S,
        key: &ComponentKey,
    ) -> Result<Option<Component>, RepoError>
    where
        S: GraphSource + ?Sized,
    {
        let Some(id) = self.components else { return Ok(None) };
        let value = Map::open(source, id, Schema::Components)?.get(&key.encode())?;
        value.map(|value| read_component(source, id, value.as_ref())).transpose()
    }

    /// One edge.
    ///
    /// # Errors
    /// When a node on the way cannot be read, or the edge is not sound.
    pub fn edge<S>(&self, source: &S, key: &EdgeKey) -> Result<Option<Edge>, RepoError>
    where
        S: GraphSource + ?Sized,
    {
        let Some(id) = self.edges else { return Ok(None) };
        let value = Map::open(source, id, Schema::Edges)?.get(&key.encode())?;
        value.map(|value| read_edge(source, id, value.as_ref())).transpose()
    }

    /// Reads all of it.
    ///
    /// # Errors
    /// When a node cannot be read, or what it holds is not sound.
    pub fn load<S: GraphSource + ?Sized>(&self, source: &S) -> Result<Graph, RepoError> {
        let mut graph = Graph::default();
        if let Some(id) = self.components {
            for entry in Map::open(source, id, Schema::Components)?.iter() {
                let (key, value) = entry?;
                let component = read_component(source, id, value.as_ref())?;
                graph.components.insert(component_key(id, &key)?, component);
            }
        }
        if let Some(id) = self.edges {
            for entry in Map::open(source, id, Schema::Edges)?.iter() {
                let (key, value) = entry?;
                let edge = read_edge(source, id, value.as_ref())?;
                graph.edges.insert(edge_key(id, &key)?, edge);
            }
        }
        Ok(graph)
    }
}

impl Graph {
    /// Whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.components.is_empty() && self.edges.is_empty()
    }

    /// Makes its maps in `fresh`. A system of nothing has none.
    ///
    /// # Errors
    /// When a component or edge is too large.
    pub fn build<S: ?Sized>(&self, fresh: &mut Fresh<'_, S>) -> Result<SystemMaps, RepoError> {
        if self.is_empty() {
            return Ok(SystemMaps::default());
        }
        // In the order of the bytes, which is not that of the kinds.
        let mut components: Vec<_> =
            self.components.iter().map(|(key, c)| (key.encode(), c.encode())).collect();
        components.sort_unstable();
        let mut edges: Vec<_> =
            self.edges.iter().map(|(key, e)| (key.encode(), e.encode())).collect();
        edges.sort_unstable();
        let components = build_map(fresh, Schema::Components, &components)?;
        let edges = build_map(fresh, Schema::Edges, &edges)?;
        SystemMaps::name(fresh, components, edges)
    }
}

impl SystemMaps {
    /// Makes the map that names these two.
    ///
    /// # Errors
    /// Never for maps that exist.
    pub fn name<S: ?Sized>(
        fresh: &mut Fresh<'_, S>,
        components: Option<NodeId>,
        edges: Option<NodeId>,
    ) -> Result<Self, RepoError> {
        let named = [(COMPONENTS, components), (EDGES, edges)];
        let entries = named
            .into_iter()
            .filter_map(|(name, id)| id.map(|id| (name.to_vec(), id.as_bytes().to_vec())));
        let id = build_map(fresh, Schema::System, &entries.collect::<Vec<_>>())?;
        Ok(Self { id, components, edges })
    }
}

/// The root map over `files` and a system.
///
/// # Errors
/// What `sink` says.
pub fn build_root(
    files: NodeId,
    system: Option<NodeId>,
    sink: &mut dyn FnMut(NodeId, Vec<u8>) -> Result<(), StoreError>,
) -> Result<NodeId, RepoError> {
    let mut map = Builder::new(Schema::Root, sink);
    map.push(FILES, ValueRef::Inline(files.as_bytes()))?;
    if let Some(system) = system {
        map.push(SYSTEM, ValueRef::Inline(system.as_bytes()))?;
    }
    Ok(map.finish()?.id)
}

/// Makes a map of sorted entries; none of none.
fn build_map<S: ?Sized>(
    fresh: &mut Fresh<'_, S>,
    schema: Schema,
    entries: &[(Vec<u8>, Vec<u8>)],
) -> Result<Option<NodeId>, RepoError> {
    if entries.is_empty() {
        return Ok(None);
    }
    let nodes = &mut fresh.nodes;
    let mut map = Builder::new(schema, |_, bytes: Vec<u8>| -> Result<(), StoreError> {
        nodes.insert(bytes);
        Ok(())
    });
    for (key, bytes) in entries {
        let value = Value::of(bytes);
        if let Value::Blob { id, .. } = value {
            fresh.blobs.insert(id, bytes.clone());
        }
        map.push(key, value.as_ref())?;
    }
    Ok(Some(map.finish()?.id))
}

/// The map that an entry of a root or system map names.
pub(super) fn named<S>(
    source: &S,
    map: NodeId,
    schema: Schema,
    name: &[u8],
) -> Result<Option<NodeId>, RepoError>
where
    S: NodeSource<Error = StoreError> + ?Sized,
{
    let Some(value) = Map::open(source, map, schema)?.get(name)? else { return Ok(None) };
    let id = match value {
        Value::Inline(bytes) => Id::from_slice(&bytes).map(NodeId::from_id),
        Value::Blob { .. } => None,
    };
    let source = DecodeError::Invalid { field: "value", why: "not the id of a map" };
    id.map(Some).ok_or_else(|| unsound(map, source))
}

fn unsound(map: NodeId, source: DecodeError) -> RepoError {
    RepoError::Object { what: "map node", id: map.id(), source }
}

pub(super) fn component_key(map: NodeId, key: &[u8]) -> Result<ComponentKey, RepoError> {
    ComponentKey::decode(key).map_err(|e| unsound(map, e))
}

pub(super) fn edge_key(map: NodeId, key: &[u8]) -> Result<EdgeKey, RepoError> {
    EdgeKey::decode(key).map_err(|e| unsound(map, e))
}

pub(super) fn read_component<S: GraphSource + ?Sized>(
    source: &S,
    map: NodeId,
    value: ValueRef<'_>,
) -> Result<Component, RepoError> {
    Component::decode(&value_bytes(source, value)?).map_err(|e| unsound(map, e))
}

pub(super) fn read_edge<S: GraphSource + ?Sized>(
    source: &S,
    map: NodeId,
    value: ValueRef<'_>,
) -> Result<Edge, RepoError> {
    Edge::decode(&value_bytes(source, value)?).map_err(|e| unsound(map, e))
}
