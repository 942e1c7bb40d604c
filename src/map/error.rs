//! What can go wrong with a map.

use std::error::Error;

use thiserror::Error;

use crate::object::{DecodeError, NodeId, Schema};

/// Why a map cannot be read, built or trusted; `E` is the error of what stores the nodes.
#[derive(Debug, Error)]
pub enum MapError<E: Error + 'static> {
    /// A node cannot be read.
    #[error("cannot read map node {id}")]
    Load {
        /// The node.
        id: NodeId,
        /// Why.
        source: E,
    },
    /// A new node cannot be stored.
    #[error("cannot store map node {id}")]
    Store {
        /// The node.
        id: NodeId,
        /// Why.
        source: E,
    },
    /// The bytes of a node are not a node.
    #[error("map node {id} is damaged")]
    Decode {
        /// The node.
        id: NodeId,
        /// Why.
        source: DecodeError,
    },
    /// A node is not what its place in the map asks for.
    #[error("map node {id} does not fit its place: {why}")]
    Misplaced {
        /// The node.
        id: NodeId,
        /// The rule it breaks.
        why: &'static str,
    },
    /// A map is of another schema than the one asked for.
    #[error("map {id} is of schema `{}`, not `{}`", found.name(), expected.name())]
    Schema {
        /// The root.
        id: NodeId,
        /// Its schema.
        found: Schema,
        /// The schema asked for.
        expected: Schema,
    },
    /// Entries or edits come out of order, or one twice.
    #[error("an entry is not behind the one before it")]
    Order,
    /// An entry that no map of this schema may hold.
    #[error("an entry that the map may not hold")]
    Entry(#[source] DecodeError),
    /// More levels or bytes than the format can count.
    #[error("the map is too large for the format")]
    TooLarge,
}
