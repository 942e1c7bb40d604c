//! All that can be read: what the packs hold, and what damaged ones still hold.

use std::collections::HashSet;
use std::sync::Arc;

use crate::map::NodeSource;
use crate::object::{BlobId, Id, NodeId, ObjectType, RecipeId, RecipeNode};
use crate::store::{Lookup, Reason, SalvageIndex, Store, StoreError};
use crate::system::GraphSource;

/// A store, and what its damaged packs still hold. Nothing is written.
pub(super) struct Shelf<'a> {
    pub store: &'a Store,
    pub salvage: &'a SalvageIndex,
    /// Objects that a footer names and that cannot be read.
    pub lost: &'a HashSet<Id>,
}

impl Shelf<'_> {
    /// What kind of object `id` is.
    pub fn kind(&self, id: Id) -> Result<Lookup<ObjectType>, StoreError> {
        match self.salvage.kind(id) {
            Some(kind) => Ok(Lookup::Here(kind)),
            None if self.lost.contains(&id) => Ok(Lookup::Absent(Reason::Missing)),
            None => self.store.kind(id),
        }
    }

    /// Reads an object, checked against its id.
    pub fn read(&self, kind: ObjectType, id: Id) -> Result<Vec<u8>, StoreError> {
        if let Some(object) = self.salvage.read(kind, id) {
            return Ok(object);
        }
        self.store.read(kind, id)
    }

    /// The length of a blob or chunk that is one object and can be read.
    pub fn object_size(&self, id: Id) -> Option<u64> {
        match self.kind(id) {
            Ok(Lookup::Here(ObjectType::Blob)) => self
                .salvage
                .size(id)
                .or_else(|| self.store.blob_size(BlobId::from_id(id)).ok().flatten()),
            _ => None,
        }
    }

    /// The roots of recipes that claim to build `blob`.
    pub fn recipe_roots(&self, blob: Id) -> Vec<RecipeId> {
        let recipes = self.salvage.recipes();
        let from = recipes.partition_point(|(id, _)| *id < blob);
        let salvaged = recipes[from..].iter().take_while(|(id, _)| *id == blob);
        let mut roots: Vec<_> = salvaged.map(|(_, root)| *root).collect();
        for pack in self.store.pack_files().iter() {
            roots.extend(pack.recipes_of(blob).unwrap_or_default());
        }
        roots.sort_unstable();
        roots.dedup();
        roots
    }

    /// A node of a recipe.
    pub fn recipe(&self, id: RecipeId) -> Result<RecipeNode, StoreError> {
        let bytes = self.read(ObjectType::Recipe, id.id())?;
        RecipeNode::decode(&bytes).map_err(|source| StoreError::Recipe { id, source })
    }

    /// What lacks so that `root` builds its blob: nodes and chunks that cannot be read. Stops
    /// at `most`.
    pub fn missing_parts(&self, root: RecipeId, most: usize) -> Vec<(Id, ObjectType)> {
        let mut missing = Vec::new();
        let mut stack = vec![root];
        let mut visited = HashSet::new();
        while let Some(id) = stack.pop() {
            if !visited.insert(id) || missing.len() >= most {
                continue;
            }
            let Ok(node) = self.recipe(id) else {
                missing.push((id.id(), ObjectType::Recipe));
                continue;
            };
            if node.level > 0 {
                stack.extend(node.parts.iter().map(|part| RecipeId::from_id(part.id)));
                continue;
            }
            let absent =
                node.parts.iter().filter(|part| self.object_size(part.id) != Some(part.len));
            missing.extend(absent.map(|part| (part.id, ObjectType::Blob)));
        }
        missing
    }
}

impl NodeSource for Shelf<'_> {
    type Error = StoreError;

    fn node(&self, id: NodeId) -> Result<Arc<[u8]>, StoreError> {
        Ok(self.read(ObjectType::Node, id.id())?.into())
    }
}

impl GraphSource for Shelf<'_> {
    fn value(&self, id: BlobId, size: u64) -> Result<Vec<u8>, StoreError> {
        if let Ok(Lookup::Here(ObjectType::Blob)) = self.kind(id.id()) {
            return self.read(ObjectType::Blob, id.id());
        }
        self.store.value(id, size)
    }
}
