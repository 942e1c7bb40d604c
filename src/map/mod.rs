//! The Merkle map: bytes under keys, in order, whatever the order they were written in
//! (`docs/format.md`, "Map nodes" and "Splitter"; `docs/map.md`).
//!
//! A map is a prolly tree, as in Noms and Dolt: where a node ends is a function of the entries
//! alone, so equal content has an equal root id, and what two versions share is found by
//! comparing ids. This room uses `object` alone. It reads nodes through [`NodeSource`] and hands
//! new ones to a closure; values that go out as blobs are the caller's to store.
//!
//! What it promises: reading checks on each descent that a child is what its parent says (level,
//! schema, counts, keys), [`check`] verifies the whole shape, [`update`] gives the root that
//! [`Builder`] gives for the same entries, and [`diff`] and [`update`] cost what changed.

mod build;
#[cfg(test)]
mod build_tests;
#[cfg(test)]
mod change_tests;
mod check;
#[cfg(test)]
mod check_tests;
mod cursor;
mod diff;
mod error;
mod memory;
mod read;
mod resplit;
mod splitter;
mod update;

pub use build::{Builder, MapRoot};
pub use check::{Checker, check};
pub use cursor::{Cursor, Iter};
pub use diff::{Change, Diff, diff};
pub use error::MapError;
pub use memory::{MemoryNodes, MissingNode};
pub use read::{Map, NodeSource};
pub use splitter::{
    FULL_ENTRY_BYTES, MAX_ENTRY_BYTES, MIN_CHILDREN, MIN_ENTRY_BYTES, RATE, Splitter,
};
pub use update::update;
