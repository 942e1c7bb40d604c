//! The store as a source of map nodes.

use std::sync::Arc;

use crate::map::NodeSource;
use crate::object::{NodeId, ObjectType};

use super::error::StoreError;
use super::lookup::Store;

impl NodeSource for Store {
    type Error = StoreError;

    fn node(&self, id: NodeId) -> Result<Arc<[u8]>, StoreError> {
        Ok(self.read(ObjectType::Node, id.id())?.into())
    }
}
