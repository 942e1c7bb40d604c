//! A recipe is a claim: it counts once the whole blob was hashed through it.

use std::path::Path;

use tempfile::TempDir;

use crate::chunk::ContentHint;
use crate::disk::Disk;
use crate::object::{BlobId, Part, RecipeId, RecipeNode};
use crate::store::{Batch, RecipeWriter, Store, StoreError};

use super::{add, store_with};

const TEXT: &[u8] = b"one two three ";

fn part(bytes: &[u8]) -> Part {
    Part { len: bytes.len() as u64, id: BlobId::of(bytes).id() }
}

fn chunk(batch: &mut Batch<'_, '_>, bytes: &[u8]) -> Part {
    batch.chunk(bytes, ContentHint::Unknown).unwrap();
    part(bytes)
}

/// Stores a recipe of these parts that claims to build `blob`.
fn claim(batch: &mut Batch<'_, '_>, level: u8, parts: Vec<Part>, blob: BlobId) -> RecipeId {
    let bytes = RecipeNode { level, parts, builds: Some(blob) }.encode();
    let id = RecipeId::of(&bytes);
    batch.recipe(id, &bytes, Some(blob)).unwrap();
    id
}

/// Opens the store as one that did not make what is in it: its maker counts it as true.
fn as_received(folder: &TempDir) -> Store {
    let _ = std::fs::remove_file(list(folder.path()));
    Store::open(Disk::new(), folder.path()).unwrap()
}

fn list(folder: &Path) -> std::path::PathBuf {
    folder.join("local/verified")
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
fn a_recipe_that_builds_another_blob_is_refused_and_named() {
    let blob = BlobId::of(TEXT);
    let mut root = None;
    let (folder, _) = store_with(|batch| {
        let parts = vec![chunk(batch, b"one "), chunk(batch, b"lies ")];
        root = Some(claim(batch, 0, parts, blob));
    });
    let store = as_received(&folder);
    let error = read(&store, blob).unwrap_err();
    let text = error.to_string();
    assert!(matches!(error, StoreError::FalseRecipes { .. }), "{text}");
    assert!(text.contains(&root.unwrap().to_hex()), "{text}");
    assert!(!store.has_blob(blob).unwrap());
}

#[test]
fn a_good_recipe_beside_a_false_one_is_used() {
    let blob = BlobId::of(TEXT);
    let (folder, store) = store_with(|batch| {
        let parts = vec![chunk(batch, b"lies ")];
        claim(batch, 0, parts, blob);
    });
    add(&store, |batch| {
        let parts = vec![chunk(batch, b"one two "), chunk(batch, b"three ")];
        claim(batch, 0, parts, blob);
    });
    let store = as_received(&folder);
    assert!(store.has_blob(blob).unwrap());
    assert_eq!(read(&store, blob).unwrap(), TEXT);
}

#[test]
fn a_recipe_that_is_true_for_one_blob_is_not_believed_for_another() {
    let (true_blob, false_blob) = (BlobId::of(TEXT), BlobId::of(b"something else"));
    let parts = vec![part(b"one two "), part(b"three ")];
    let bytes = RecipeNode { level: 0, parts, builds: Some(true_blob) }.encode();
    let root = RecipeId::of(&bytes);
    let (folder, store) = store_with(|batch| {
        chunk(batch, b"one two ");
        chunk(batch, b"three ");
        batch.recipe(root, &bytes, Some(true_blob)).unwrap();
    });
    assert_eq!(read(&store, true_blob).unwrap(), TEXT);
    drop(store);
    // The same recipe, listed for another blob, comes in a pack from elsewhere.
    let (foreign, _) = store_with(|batch| {
        batch.recipe(root, &bytes, Some(false_blob)).unwrap();
    });
    for pack in std::fs::read_dir(foreign.path().join("packs")).unwrap() {
        let pack = pack.unwrap();
        std::fs::copy(pack.path(), folder.path().join("packs").join(pack.file_name())).unwrap();
    }
    let store = Store::open(Disk::new(), folder.path()).unwrap();
    assert!(!store.has_blob(false_blob).unwrap());
    assert!(read(&store, false_blob).is_err());
    assert_eq!(read(&store, true_blob).unwrap(), TEXT);
}

#[test]
fn a_chunk_that_is_a_recipe_is_refused() {
    let blob = BlobId::of(TEXT);
    let (folder, _) = store_with(|batch| {
        let parts = vec![chunk(batch, b"six five four ")];
        let inner = claim(batch, 0, parts, BlobId::of(b"whatever"));
        claim(batch, 0, vec![Part { len: TEXT.len() as u64, id: inner.id() }], blob);
    });
    let error = read(&as_received(&folder), blob).unwrap_err().to_string();
    assert!(error.contains("is a recipe, not a blob"), "{error}");
}

#[test]
fn false_lengths_are_refused() {
    let blob = BlobId::of(TEXT);
    let shifted = [(4, b"one two ".as_slice()), (10, b"three ")];
    let (folder, store) = store_with(|batch| {
        let parts = shifted.map(|(len, bytes)| Part { len, ..chunk(batch, bytes) });
        claim(batch, 0, parts.to_vec(), blob);
    });
    let error = read(&as_received(&folder), blob).unwrap_err().to_string();
    assert!(error.contains("another length"), "{error}");
    // A node below that is shorter than the node above says.
    drop(store);
    let (folder, _) = store_with(|batch| {
        let parts = vec![chunk(batch, b"six five four ")];
        let below = RecipeNode { level: 0, parts, builds: None }.encode();
        let id = RecipeId::of(&below);
        batch.recipe(id, &below, None).unwrap();
        claim(batch, 1, vec![Part { len: TEXT.len() as u64 + 1, id: id.id() }], blob);
    });
    let error = read(&as_received(&folder), blob).unwrap_err().to_string();
    assert!(error.contains("does not fit the node above it"), "{error}");
}

#[test]
fn a_blob_that_is_the_end_of_a_larger_one_has_a_recipe_of_its_own() {
    let piece = b"one piece of a file that repeats itself";
    let (large, small) = (piece.repeat(1024 + 2), piece.repeat(2));
    let (folder, _) = store_with(|batch| {
        for blob in [&large, &small] {
            let mut recipe = RecipeWriter::new();
            for piece in blob.chunks(piece.len()) {
                let part = chunk(batch, piece);
                recipe.chunk(batch, BlobId::from_id(part.id), part.len).unwrap();
            }
            recipe.finish(batch, BlobId::of(blob)).unwrap();
        }
    });
    let store = as_received(&folder);
    assert!(read(&store, BlobId::of(&large)).unwrap() == large);
    assert!(read(&store, BlobId::of(&small)).unwrap() == small);
}

#[test]
fn losing_the_list_costs_a_hash_and_no_more() {
    let blob = BlobId::of(TEXT);
    let (folder, store) = store_with(|batch| {
        let parts = vec![chunk(batch, b"one two "), chunk(batch, b"three ")];
        claim(batch, 0, parts, blob);
    });
    drop(store);
    let made = std::fs::read(list(folder.path())).unwrap();
    assert_eq!(made.len(), 72);
    let store = as_received(&folder);
    assert_eq!(read(&store, blob).unwrap(), TEXT);
    assert_eq!(std::fs::read(list(folder.path())).unwrap(), made);
}
