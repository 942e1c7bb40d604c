//! Blobs of several windows are hashed as a whole, and what versions share only once.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::chunk::ContentHint;
use crate::object::{BlobId, Id, RecipeId};
use crate::store::hashed_ahead::HashedAhead;
use crate::store::{Batch, Known, RecipeWriter, Seen, Store, check_recipes};

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

/// What a check reads of the recipes, once these pieces passed by.
fn read_after(
    store: &Store,
    recipes: &[(Id, RecipeId)],
    pieces: &[&[u8]],
) -> (Vec<crate::store::error::Result<()>>, u64) {
    let ahead = HashedAhead::new(store, recipes);
    for piece in pieces {
        ahead.see(BlobId::of(piece).id(), piece.to_vec());
    }
    let read = AtomicU64::new(0);
    let advance = |bytes| {
        read.fetch_add(bytes, Ordering::Relaxed);
    };
    let known = ahead.into_known();
    let checked = check_recipes(store, recipes, known, 2, &Seen::default(), &advance);
    (checked, read.into_inner())
}

#[test]
fn what_passed_by_is_not_read_again_and_false_recipes_are_told_all_the_same() {
    let (long, short) = (content(0), content(1)[..5000].to_vec());
    let mut recipes = Vec::new();
    let (_folder, store) = store_with(|batch| {
        recipes.push(claim(batch, &long, BlobId::of(&long)));
        recipes.push(claim(batch, &short, BlobId::of(&short)));
        recipes.push(claim(batch, &long, BlobId::of(b"another")));
        recipes.push(claim(batch, &short, BlobId::of(b"another, too")));
    });
    let mut pieces: Vec<&[u8]> = long.chunks(CHUNK).chain([&short[..]]).collect();
    let (checked, read) = read_after(&store, &recipes, &pieces);
    assert_eq!(checked.iter().map(Result::is_ok).collect::<Vec<_>>(), [true, true, false, false]);
    assert_eq!(read, 0);
    // In another order, and some of them twice.
    pieces.reverse();
    pieces.extend_from_within(..3);
    let (checked, read) = read_after(&store, &recipes, &pieces);
    assert_eq!(checked.iter().map(Result::is_ok).collect::<Vec<_>>(), [true, true, false, false]);
    assert_eq!(read, 0);
}

#[test]
fn windows_of_which_a_chunk_did_not_pass_by_are_read() {
    let long = content(0);
    let mut recipes = Vec::new();
    let (_folder, store) = store_with(|batch| recipes.push(claim(batch, &long, BlobId::of(&long))));
    let pieces: Vec<&[u8]> = long.chunks(CHUNK).collect();
    let (checked, all) = read_after(&store, &recipes, &[]);
    assert!(checked[0].is_ok() && all > 0);
    // The first chunk lies in the first of four windows alone.
    let (checked, read) = read_after(&store, &recipes, &pieces[1..]);
    assert!(checked[0].is_ok() && 0 < read && read < all / 2, "{read} of {all}");
}

#[test]
fn a_chunk_of_another_length_than_the_recipe_says_is_told() {
    let bytes = content(0);
    let mut recipes = Vec::new();
    let (_folder, store) = store_with(|batch| {
        let mut recipe = RecipeWriter::new();
        let id = batch.chunk(&bytes[..1000], ContentHint::Unknown).unwrap();
        recipe.chunk(batch, id, 900).unwrap();
        let blob = BlobId::of(&bytes[..900]);
        recipes.push((blob.id(), recipe.finish(batch, blob).unwrap()));
    });
    let (checked, _) = read_after(&store, &recipes, &[&bytes[..1000]]);
    let text = checked[0].as_ref().unwrap_err().to_string();
    assert!(text.contains("another length"), "{text}");
}
