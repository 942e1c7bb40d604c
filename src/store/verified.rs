//! The recipes that this repository made itself, or hashed a whole blob through.
//!
//! `.aisr/local/verified` is never transferred. It is frames of 40 bytes: a recipe's id, and the
//! first eight bytes of a derived hash of it; a frame that does not match is passed over. Losing
//! the file costs a hash at the next use of each recipe.

use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::disk::{Disk, ReadFile};
use crate::object::{ID_LEN, Id, RecipeId};

use super::record::check;

const CONTEXT: &str = "aisr 2026-11-24 verified recipe v1";
const FRAME: usize = ID_LEN + 8;
const LIMIT: u64 = 1 << 30;

/// The recipes that this repository made itself, or hashed a whole blob through.
pub struct Verified {
    disk: Disk,
    path: PathBuf,
    roots: Mutex<Option<HashSet<RecipeId>>>,
}

impl Verified {
    /// The list kept at `path`, which need not exist.
    pub fn new(disk: Disk, path: PathBuf) -> Self {
        Self { disk, path, roots: Mutex::default() }
    }

    fn roots(&self) -> MutexGuard<'_, Option<HashSet<RecipeId>>> {
        let mut roots = self.roots.lock().unwrap_or_else(PoisonError::into_inner);
        if roots.is_none() {
            let bytes = ReadFile::open(&self.path).and_then(|file| file.read_all(LIMIT));
            let bytes = bytes.unwrap_or_default();
            let frames = bytes.chunks_exact(FRAME);
            let sound = frames.filter(|f| check(CONTEXT, &[&f[..ID_LEN]]) == f[ID_LEN..]);
            *roots = Some(
                sound.filter_map(|f| Id::from_slice(&f[..ID_LEN])).map(RecipeId::from_id).collect(),
            );
        }
        roots
    }

    /// Whether the recipe is known to build its blob.
    pub fn contains(&self, root: RecipeId) -> bool {
        self.roots().as_ref().is_some_and(|roots| roots.contains(&root))
    }

    /// Remembers recipes. That the list cannot be written is no error: it only saves work.
    pub fn add(&self, roots: &[RecipeId]) {
        let mut known = self.roots();
        let known = known.get_or_insert_default();
        let mut frames = Vec::new();
        for root in roots.iter().filter(|root| known.insert(**root)) {
            frames.extend_from_slice(root.as_bytes());
            frames.extend_from_slice(&check(CONTEXT, &[root.as_bytes()]));
        }
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
