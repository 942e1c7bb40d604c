//! Whether the files of a state bear out what its system says (`docs/format.md`, "The system
//! graph").

use std::collections::{BTreeMap, BTreeSet};

use thiserror::Error;

use crate::diff::diff_trees;
use crate::map::Map;
use crate::object::{
    Component, ComponentKey, EdgeKey, ExternalEntry, Id, NodeId, Origin, RepoPath, Schema,
};
use crate::repo::{FILES, RepoError};

use super::maps::{SystemMaps, component_key, edge_key, named, read_component};
use super::paths::entries_at;
use super::resolve::content_id;
use super::source::{GraphSource, value_bytes};

const EXTERNAL: &[u8] = b"external";

/// What is wrong with the system of a state.
#[derive(Debug, Error)]
pub enum SystemFault {
    /// A map of it cannot be read.
    #[error(transparent)]
    Unreadable(#[from] RepoError),
    /// It stands on something that the state does not hold.
    #[error("its system says that {component} stands on {origin}, which it does not hold")]
    NoOrigin {
        /// The component.
        component: ComponentKey,
        /// The path, or the key of `external` in hexadecimal.
        origin: String,
    },
    /// Its content is not what its origins hold.
    #[error("its system says that {component} is {said}, but its files make it {found}")]
    OtherContent {
        /// The component.
        component: ComponentKey,
        /// What the system says.
        said: Id,
        /// What the origins give.
        found: Id,
    },
    /// Its origins are of a form that gives no content.
    #[error("its system says that {component} stands on several things outside of the folder")]
    MixedOrigins {
        /// The component.
        component: ComponentKey,
    },
    /// One of its origins lies in another.
    #[error("its system says that {component} stands on a path and on one inside it")]
    NestedOrigins {
        /// The component.
        component: ComponentKey,
    },
    /// An edge begins or ends at a component that is not there.
    #[error("its system says that {} {} {}, but there is no {missing}", edge.from, edge.relation, edge.to)]
    Dangling {
        /// The edge.
        edge: Box<EdgeKey>,
        /// The end that is not there.
        missing: ComponentKey,
    },
}

/// Checks the systems of states, at the cost of what differs from the one before.
pub struct SystemChecker<'s, S: ?Sized> {
    source: &'s S,
    /// A state whose system was right.
    right: Option<State>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
struct State {
    files: NodeId,
    external: Option<NodeId>,
    system: SystemMaps,
}

impl<'s, S: GraphSource> SystemChecker<'s, S> {
    /// A checker that has seen nothing.
    pub fn new(source: &'s S) -> Self {
        Self { source, right: None }
    }

    /// Checks the system of the state with this root map: that the content of each component is
    /// what its origins give, and that both ends of each edge are there.
    ///
    /// # Errors
    /// At the first thing that is not so.
    pub fn check(&mut self, root: NodeId) -> Result<(), SystemFault> {
        let source = self.source;
        let system = SystemMaps::of_root(source, root)?;
        if system.id.is_none() {
            return Ok(());
        }
        let files = named(source, root, Schema::Root, FILES)?;
        let files = files.ok_or(RepoError::NoFiles { root })?;
        let external = named(source, root, Schema::Root, EXTERNAL)?;
        let state = State { files, external, system };
        if self.right == Some(state) {
            return Ok(());
        }
        // What lies outside is compared as a whole: it is not much.
        let before = self.right.filter(|right| right.external == external);
        self.components(&state, before)?;
        self.edges(&state, before)?;
        self.right = Some(state);
        Ok(())
    }

    fn components(&self, state: &State, before: Option<State>) -> Result<(), SystemFault> {
        let Some(id) = state.system.components else { return Ok(()) };
        let map = Map::open(self.source, id, Schema::Components).map_err(RepoError::from)?;
        let old = before.and_then(|before| before.system.components);
        let old = old.map(|old| Map::open(self.source, old, Schema::Components)).transpose();
        let old = old.map_err(RepoError::from)?;
        let touched = match before {
            Some(before) => touched(self.source, before.files, state.files)?,
            None => BTreeSet::new(),
        };
        let mut todo: BTreeMap<ComponentKey, Component> = BTreeMap::new();
        match old {
            Some(old) if touched.is_empty() => {
                for change in crate::map::diff(&old, &map) {
                    let change = change.map_err(RepoError::from)?;
                    let Some(value) = change.after else { continue };
                    let component = read_component(self.source, id, value.as_ref())?;
                    todo.insert(component_key(id, &change.key)?, component);
                }
            }
            old => {
                let mut other = BTreeSet::new();
                if let Some(old) = &old {
                    for change in crate::map::diff(old, &map) {
                        other.insert(change.map_err(RepoError::from)?.key);
                    }
                }
                for entry in map.iter() {
                    let (key, value) = entry.map_err(RepoError::from)?;
                    let component = read_component(self.source, id, value.as_ref())?;
                    let is_touched = |origin: &Origin| matches!(origin, Origin::Path(path) if touched.contains(path));
                    let is_new = old.is_none() || other.contains(&key);
                    if is_new || component.origins.iter().any(is_touched) {
                        todo.insert(component_key(id, &key)?, component);
                    }
                }
            }
        }
        self.contents(state, &todo)
    }

    /// Whether the content of each is what its origins give.
    fn contents(
        &self,
        state: &State,
        components: &BTreeMap<ComponentKey, Component>,
    ) -> Result<(), SystemFault> {
        let paths = components.values().flat_map(|component| &component.origins);
        let paths = paths.filter_map(|origin| match origin {
            Origin::Path(path) => Some(path),
            Origin::External(_) => None,
        });
        let entries = entries_at(self.source, state.files, paths)?;
        for (key, component) in components {
            let found = match component.origins.as_slice() {
                [Origin::External(outside)] => self.outside(state, key, outside)?,
                origins => {
                    let mut found = Vec::with_capacity(origins.len());
                    for origin in origins {
                        let Origin::Path(path) = origin else {
                            return Err(SystemFault::MixedOrigins { component: key.clone() });
                        };
                        let entry = entries.get(path).copied();
                        let origin = || path.to_string();
                        found.push((path, entry.ok_or_else(|| no_origin(key, origin()))?));
                    }
                    let content = content_id(found)?;
                    if content.is_none() && !origins.is_empty() {
                        return Err(SystemFault::NestedOrigins { component: key.clone() });
                    }
                    content
                }
            };
            if let (Some(said), Some(found)) = (component.content, found)
                && said != found
            {
                let component = key.clone();
                return Err(SystemFault::OtherContent { component, said, found });
            }
        }
        Ok(())
    }

    fn outside(
        &self,
        state: &State,
        key: &ComponentKey,
        outside: &[u8],
    ) -> Result<Option<Id>, SystemFault> {
        let missing = || no_origin(key, data_encoding::HEXLOWER.encode(outside));
        let map = state.external.ok_or_else(missing)?;
        let found = Map::open(self.source, map, Schema::External)
            .and_then(|map| map.get(outside))
            .map_err(RepoError::from)?
            .ok_or_else(missing)?;
        let bytes = value_bytes(self.source, found.as_ref())?;
        let unsound = |source| RepoError::Object { what: "map node", id: map.id(), source };
        Ok(Some(match ExternalEntry::decode(&bytes).map_err(unsound)? {
            ExternalEntry::Content { blob, .. } => blob.id(),
            ExternalEntry::Table { root, .. } => root.id(),
        }))
    }

    fn edges(&self, state: &State, before: Option<State>) -> Result<(), SystemFault> {
        let SystemMaps { components, edges, .. } = state.system;
        let Some(id) = edges else { return Ok(()) };
        let known = before.map(|before| (before.system.components, before.system.edges));
        if known == Some((components, edges)) {
            return Ok(());
        }
        let open = |id, schema| Map::open(self.source, id, schema).map_err(RepoError::from);
        let mut keys = BTreeSet::new();
        if let Some(components) = components {
            for entry in open(components, Schema::Components)?.iter() {
                keys.insert(component_key(components, &entry.map_err(RepoError::from)?.0)?);
            }
        }
        for entry in open(id, Schema::Edges)?.iter() {
            let edge = edge_key(id, &entry.map_err(RepoError::from)?.0)?;
            let missing = [&edge.from, &edge.to].into_iter().find(|end| !keys.contains(*end));
            if let Some(missing) = missing.cloned() {
                return Err(SystemFault::Dangling { edge: Box::new(edge), missing });
            }
        }
        Ok(())
    }
}

fn no_origin(component: &ComponentKey, origin: String) -> SystemFault {
    SystemFault::NoOrigin { component: component.clone(), origin }
}

/// The paths that differ between two trees, and every folder around them.
pub fn touched<S>(
    source: &S,
    before: NodeId,
    after: NodeId,
) -> Result<BTreeSet<RepoPath>, RepoError>
where
    S: GraphSource,
{
    let mut touched = BTreeSet::new();
    if before == after {
        return Ok(touched);
    }
    diff_trees(source, Some(before), Some(after), &mut |change| {
        let mut path = Some(change.path);
        while let Some(at) = path.filter(|path| !path.is_root()) {
            path = at.parent();
            if !touched.insert(at) {
                break;
            }
        }
        Ok::<_, RepoError>(())
    })?;
    Ok(touched)
}
