//! The store: packs of objects, look-ups, recipes, the writer's lease (`docs/storage.md`).
//!
//! Packs never change once they are named; a pack's footer is its index, so nothing beside the
//! packs has to be kept or rebuilt to find an object. Whatever is read is hashed and compared with
//! its id before it is handed out. Uses `chunk`, `map`, `object` and `disk`; knows no refs and no folder.

mod batch;
mod blob;
mod cache;
mod check;
mod error;
mod footer;
mod lookup;
mod nodes;
mod outgoing;
mod pack_file;
mod pack_writer;
mod receive;
mod recipe_writer;
mod record;
mod verified;

#[cfg(test)]
mod tests;

pub use batch::Batch;
pub use blob::{Blob, ChunkRef, Chunks};
pub use check::{PackReport, check_pack};
pub use error::{PackDamage, StoreError};
pub use footer::{Entry, Footer, PackKind};
pub use lookup::{Lookup, Reason, Store, WriteLease};
pub use outgoing::Outgoing;
pub use pack_file::PackFile;
pub use pack_writer::{PackWriter, Written};
pub use receive::{Incoming, ReadPack, RemotePack, WritePack, in_parallel, pack_of_one};
pub use recipe_writer::RecipeWriter;
pub use record::{RecordHeader, Trailer};
