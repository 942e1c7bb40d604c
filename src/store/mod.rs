//! The store: packs of objects, look-ups, recipes, the writer's lease (`docs/storage.md`).
//!
//! Packs never change once they are named; a pack's footer is its index, so nothing beside the
//! packs has to be kept or rebuilt to find an object. Whatever is read is hashed and compared with
//! its id before it is handed out. Uses `chunk`, `map`, `object` and `disk`; knows no refs and no folder.

mod batch;
mod blob;
mod blob_reader;
mod block;
mod cache;
mod check;
mod copier;
mod error;
mod footer;
mod hashed_ahead;
mod lease;
mod lookup;
mod nodes;
mod outgoing;
mod pack_file;
mod pack_writer;
mod receive;
mod recipe_check;
mod recipe_writer;
mod record;
mod rewrite;
mod salvage;
mod verified;
pub(crate) mod whole_hash;

#[cfg(test)]
mod tests;

pub use batch::Batch;
pub use blob::{Blob, ChunkRef, Chunks};
pub use blob_reader::BlobReader;
pub use check::{PackCheck, PackProblem, PackReport, SpanReport, check_pack};
pub use copier::Copier;
pub use error::{PackDamage, StoreError};
pub use footer::{Entry, Footer, PackKind};
pub use lease::{CollectLease, UpkeepLock, WriteLease};
pub use lookup::{Lookup, Reason, Store};
pub use outgoing::Outgoing;
pub use pack_file::PackFile;
pub use pack_writer::{PackWriter, Written};
pub use receive::{Incoming, ReadPack, RemotePack, WritePack, pack_of_one, stated_kind};
pub use recipe_check::{Known, Seen, check_recipes};
pub use recipe_writer::RecipeWriter;
pub use record::HEADER_LEN as PACK_HEADER_LEN;
pub use record::{RecordHeader, Trailer};
pub use rewrite::{PackDraft, draft_pack};
pub use salvage::{SalvageIndex, Salvaged, SoundRecord, salvage};
