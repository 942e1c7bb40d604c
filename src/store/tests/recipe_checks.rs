//! Blobs of several windows are hashed as a whole, and what versions share only once.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::chunk::ContentHint;
use crate::object::{BlobId, Id, RecipeId};
use crate::store::{Batch, Known, RecipeWriter, Seen, check_recipes};

use super::store_with;

/// Not a divisor of a window, so that chunks reach across its ends.
const CHUNK: usize = 1_000_003;

fn content(version: u8) -> Vec<u8> {
    let mut bytes: Vec<u8> = (0..13 * CHUNK).map(|n| (n / 997 % 251) as u8).collect();
    let last = bytes.len() - 1;
    bytes[last] = version;
    bytes
}

/// Stores the chunks of `bytes`, and a recipe that claims to build `blob`.
fn claim(batch: &mut Batch<'_, '_>, bytes: &[u8], blob: BlobId) -> (Id, RecipeId) {
    let mut recipe = RecipeWriter::new();
    for piece in bytes.chunks(CHUNK) {
        let id = batch.chunk(piece, ContentHint::Unknown).unwrap();
        recipe.chunk(batch, id, piece.len() as u64).unwrap();
    }
    (blob.id(), recipe.finish(batch, blob).unwrap())
}

#[test]
fn true_and_false_recipes_of_long_blobs_are_told_apart_and_shared_windows_read_once() {
    let versions = [content(0), content(1), content(2)];
    let mut recipes = Vec::new();
    let (_folder, store) = store_with(|batch| {
        for version in &versions[..2] {
            recipes.push(claim(batch, version, BlobId::of(version)));
        }
        recipes.push(claim(batch, &versions[0], BlobId::of(&versions[2])));
    });
    let read = AtomicU64::new(0);
    let advance = |bytes| {
        read.fetch_add(bytes, Ordering::Relaxed);
    };
    let seen = Seen::default();
    let checked = check_recipes(&store, &recipes, Known::default(), 1, &seen, &advance);
    assert_eq!(checked.iter().map(Result::is_ok).collect::<Vec<_>>(), [true, true, false]);
    let text = checked[2].as_ref().unwrap_err().to_string();
    assert!(text.contains(&BlobId::of(&versions[0]).to_hex()), "{text}");
    // Three recipes of four windows each; only the last window of the second is another.
    let stored = |from: usize, to: usize| {
        let packs = store.pack_files();
        let pieces = versions[0].chunks(CHUNK).skip(from).take(to - from);
        let found = pieces.map(|piece| {
            let id = BlobId::of(piece).id();
            packs.iter().find_map(|pack| pack.find(id).unwrap()).map_or(0, |row| row.stored)
        });
        found.map(u64::from).sum::<u64>()
    };
    let once = stored(0, 13);
    let read = read.into_inner();
    assert!(read >= once && read < 2 * once, "{read} bytes read, {once} stored");
}
