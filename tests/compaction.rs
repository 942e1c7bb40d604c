//! Packs become one, and nobody who reads or writes notices.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::sync::atomic::{AtomicBool, Ordering};

use aisr::chunk::ContentHint;
use aisr::disk::{Disk, Wait};
use aisr::object::{BlobId, ObjectType, PackId, RecipeId};
use aisr::store::{Batch, RecipeWriter, Store, StoreError, check_pack};
use aisr::upkeep::{Compacted, CompactionBounds, compact_if_due};
use tempfile::TempDir;

fn empty() -> (TempDir, Store) {
    let memory = tempfile::tempdir_in("/dev/shm");
    let folder = memory.or_else(|_| tempfile::tempdir()).unwrap();
    let store = Store::create(Disk::new(), folder.path()).unwrap();
    (folder, store)
}

fn add<T>(store: &Store, fill: impl FnOnce(&mut Batch<'_, '_>) -> T) -> T {
    let lease = store.lease().unwrap();
    let writer = store.writer(&lease);
    let mut batch = Batch::new(&writer);
    let result = fill(&mut batch);
    batch.flush().unwrap();
    drop(batch);
    writer.finish().unwrap();
    result
}

fn text(n: u32) -> Vec<u8> {
    format!("prompt {n}: {}", blake3::hash(&n.to_le_bytes())).into_bytes()
}

/// So many packs of two small blobs each.
fn packs(store: &Store, count: u32) -> Vec<BlobId> {
    let mut ids = Vec::new();
    for n in 0..count {
        add(store, |batch| {
            ids.push(batch.blob(&text(2 * n), ContentHint::Block).unwrap());
            ids.push(batch.blob(&text(2 * n + 1), ContentHint::Block).unwrap());
        });
    }
    ids
}

fn merge(store: &Store) -> Compacted {
    store.reload().unwrap();
    compact_if_due(store, CompactionBounds::ALL).unwrap()
}

fn names(store: &Store) -> BTreeSet<PackId> {
    store.pack_files().iter().map(|pack| pack.id()).collect()
}

fn read(store: &Store, id: BlobId) -> Result<Vec<u8>, StoreError> {
    let mut out = Vec::new();
    store.blob(id)?.copy_to::<StoreError>(&mut |piece| {
        out.extend_from_slice(piece);
        Ok(())
    })?;
    Ok(out)
}

#[test]
fn small_packs_become_one_that_holds_all_and_is_smaller() {
    let (folder, store) = empty();
    let ids = packs(&store, 12);
    let done = merge(&store);
    assert_eq!((done.merged, done.into), (12, 1));
    assert!(done.written < done.read, "{done:?}");
    let store = Store::open(Disk::new(), folder.path()).unwrap();
    let files = store.pack_files();
    assert_eq!((files.len(), files[0].objects()), (1, 24));
    let report = check_pack(&store, &files[0]);
    assert!(report.problems.is_empty(), "{report:?}");
    for (n, id) in ids.iter().enumerate() {
        assert_eq!(read(&store, *id).unwrap(), text(n as u32));
    }
    let mode = fs::metadata(store.pack_path(files[0].id())).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o444);
    assert_eq!(merge(&store), Compacted::default());
}

#[test]
fn an_object_that_lies_in_several_packs_is_kept_once() {
    let (folder, one) = empty();
    let two = Store::open(Disk::new(), folder.path()).unwrap();
    let (one_lease, two_lease) = (one.lease().unwrap(), two.lease().unwrap());
    // Two writers at once, who do not know of each other.
    for (own, store, lease) in [(7, &one, &one_lease), (8, &two, &two_lease)] {
        let writer = store.writer(lease);
        let mut batch = Batch::new(&writer);
        batch.blob(&text(own), ContentHint::Block).unwrap();
        batch.blob(&text(1), ContentHint::Block).unwrap();
        batch.flush().unwrap();
        drop(batch);
        writer.finish().unwrap();
    }
    drop((one_lease, two_lease));
    assert_eq!(merge(&one).merged, 2);
    assert_eq!(one.pack_files()[0].objects(), 3);
}

#[test]
fn who_has_packs_open_reads_on_and_finds_what_is_new() {
    let (folder, store) = empty();
    let ids = packs(&store, 6);
    let open = Store::open(Disk::new(), folder.path()).unwrap();
    let more = packs(&store, 9);
    merge(&store);
    for (n, id) in ids.iter().chain(&more[12..]).enumerate() {
        assert_eq!(read(&open, *id).unwrap(), text(n as u32));
    }
}

#[test]
fn a_recipe_is_no_truer_for_being_merged() {
    let (folder, store) = empty();
    let blob = BlobId::of(b"something else");
    add(&store, |batch| {
        let mut recipe = RecipeWriter::new();
        for bytes in [b"one ", b"lie "] {
            let id = batch.chunk(bytes, ContentHint::Unknown).unwrap();
            recipe.chunk(batch, id, 4).unwrap();
        }
        recipe.finish(batch, blob).unwrap();
    });
    fs::remove_file(folder.path().join("local/verified")).unwrap();
    let store = Store::open(Disk::new(), folder.path()).unwrap();
    packs(&store, 3);
    assert!(merge(&store).merged > 2);
    let claims: Vec<RecipeId> =
        store.pack_files().iter().flat_map(|pack| pack.recipes_of(blob.id()).unwrap()).collect();
    assert_eq!(claims.len(), 1);
    assert!(!store.is_verified(claims[0], blob));
    assert!(matches!(read(&store, blob), Err(StoreError::FalseRecipes { .. })));
}

#[test]
fn a_damaged_pack_is_left_out_and_stays() {
    let (folder, store) = empty();
    packs(&store, 6);
    let damaged = names(&store).pop_first().unwrap();
    let path = store.pack_path(damaged);
    let mut bytes = fs::read(&path).unwrap();
    bytes[80] ^= 1;
    fs::remove_file(&path).unwrap();
    fs::write(&path, &bytes).unwrap();
    let store = Store::open(Disk::new(), folder.path()).unwrap();
    let done = merge(&store);
    assert_eq!((done.merged, done.into), (5, 1));
    assert!(names(&store).contains(&damaged) && names(&store).len() == 2);
    assert_eq!(fs::read(&path).unwrap(), bytes);
}

#[test]
fn whoever_comes_second_leaves_it_to_the_first() {
    let (folder, store) = empty();
    packs(&store, 6);
    let other = Store::open(Disk::new(), folder.path()).unwrap();
    let upkeep = other.upkeep(Wait::NO).unwrap();
    assert_eq!(merge(&store), Compacted::default());
    drop(upkeep);
    assert_eq!(merge(&store).merged, 6);
}

#[test]
fn readers_and_writers_go_on_while_packs_are_merged_all_the_time() {
    let (folder, store) = empty();
    packs(&store, 4);
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                let store = Store::open(Disk::new(), folder.path()).unwrap();
                while !done.load(Ordering::Relaxed) {
                    merge(&store);
                }
            });
            scope.spawn(|| {
                while !done.load(Ordering::Relaxed) {
                    let store = Store::open(Disk::new(), folder.path()).unwrap();
                    for n in 0..8 {
                        let id = BlobId::of(&text(n)).id();
                        assert_eq!(store.read(ObjectType::Blob, id).unwrap(), text(n));
                    }
                }
            });
        }
        let writer = Store::open(Disk::new(), folder.path()).unwrap();
        for n in 0..150 {
            let id = add(&writer, |b| b.blob(&text(1000 + n), ContentHint::Block).unwrap());
            assert_eq!(read(&writer, id).unwrap(), text(1000 + n));
        }
        done.store(true, Ordering::Relaxed);
    });
    let store = Store::open(Disk::new(), folder.path()).unwrap();
    for n in 0..150 {
        assert!(store.has_blob(BlobId::of(&text(1000 + n))).unwrap(), "{n}");
    }
}
