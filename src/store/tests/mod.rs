//! Tests of the store as a whole.

mod blob_reader;
mod blocks;
mod claims;
mod decoders;
mod look_ups;
mod recipe_checks;

use tempfile::TempDir;

use crate::disk::Disk;

use super::{Batch, Store};

/// A store in a new folder, with what `fill` writes.
fn store_with(fill: impl FnOnce(&mut Batch<'_, '_>)) -> (TempDir, Store) {
    // In memory where the system has such a place: these tests are not about syncs.
    let memory = tempfile::tempdir_in("/dev/shm");
    let folder = memory.or_else(|_| tempfile::tempdir()).unwrap();
    let store = Store::create(Disk::new(), folder.path()).unwrap();
    add(&store, fill);
    (folder, store)
}

/// Writes another pack.
fn add(store: &Store, fill: impl FnOnce(&mut Batch<'_, '_>)) {
    let lease = store.lease().unwrap();
    let writer = store.writer(&lease);
    let mut batch = Batch::new(&writer);
    fill(&mut batch);
    batch.flush().unwrap();
    drop(batch);
    writer.finish().unwrap();
}
