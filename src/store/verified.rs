//! The recipes that this repository made itself, or hashed a whole blob through.
//!
//! `.aisr/local/verified` is never transferred. It is frames of 72 bytes: a recipe's id, the id of
//! the blob that it builds, and the first eight bytes of a derived hash of both; a frame that does
//! not match is passed over. The blob is part of it because any pack may claim that a recipe, true
//! for one blob, builds another. Losing the file costs a hash at the next use of each recipe.

use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::disk::{Disk, ReadFile};
use crate::object::{BlobId, ID_LEN, Id, RecipeId};

use super::record::check;

const CONTEXT: &str = "aisr 2026-11-24 verified recipe v1";
const PAIR: usize = 2 * ID_LEN;
const FRAME: usize = PAIR + 8;
const LIMIT: u64 = 1 << 30;

/// The recipes that this repository made itself, or hashed a whole blob through.
pub struct Verified {
    disk: Disk,
    path: PathBuf,
    known: Mutex<Option<HashSet<(RecipeId, BlobId)>>>,
}

impl Verified {
    /// The list kept at `path`, which need not exist.
    pub fn new(disk: Disk, path: PathBuf) -> Self {
        Self { disk, path, known: Mutex::default() }
    }

    fn known(&self) -> MutexGuard<'_, Option<HashSet<(RecipeId, BlobId)>>> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.is_none() {
            let bytes = ReadFile::open(&self.path).and_then(|file| file.read_all(LIMIT));
            *known = Some(decode(&bytes.unwrap_or_default()));
        }
        known
    }

    /// Whether the recipe is known to build this blob.
    pub fn contains(&self, root: RecipeId, blob: BlobId) -> bool {
        self.known().as_ref().is_some_and(|known| known.contains(&(root, blob)))
    }

    /// Remembers recipes, each with the blob that it builds. That the list cannot be written is no
    /// error: it only saves work.
    pub fn add(&self, pairs: &[(RecipeId, BlobId)]) {
        let mut known = self.known();
        let known = known.get_or_insert_default();
        let new = pairs.iter().filter(|pair| known.insert(**pair));
        let frames: Vec<u8> = new.flat_map(|(root, blob)| frame(*root, *blob)).collect();
        if frames.is_empty() {
            return;
        }
        let file = match self.disk.open_file(&self.path) {
            Err(e) if e.is_not_found() => self.disk.create_file(&self.path, 0o600),
            file => file,
        };
        // A torn frame from a crash must not shift the ones after it.
        let _ = file.and_then(|file| {
            let whole = file.len()? / FRAME as u64 * FRAME as u64;
            file.write_all_at(whole, &frames)
        });
    }
}

fn frame(root: RecipeId, blob: BlobId) -> [u8; FRAME] {
    let mut out = [0; FRAME];
    out[..ID_LEN].copy_from_slice(root.as_bytes());
    out[ID_LEN..PAIR].copy_from_slice(blob.as_bytes());
    let sum = check(CONTEXT, &[&out[..PAIR]]);
    out[PAIR..].copy_from_slice(&sum);
    out
}

fn decode(bytes: &[u8]) -> HashSet<(RecipeId, BlobId)> {
    let sound = bytes.as_chunks::<FRAME>().0.iter().filter(|frame| {
        let (pair, sum) = frame.split_at(PAIR);
        check(CONTEXT, &[pair]) == sum
    });
    let pairs = sound.filter_map(|frame| {
        let (root, blob) =
            (Id::from_slice(&frame[..ID_LEN])?, Id::from_slice(&frame[ID_LEN..PAIR])?);
        Some((RecipeId::from_id(root), BlobId::from_id(blob)))
    });
    pairs.collect()
}
