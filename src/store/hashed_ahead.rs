//! Hashes of parts of blobs, made while their chunks pass by: what is received is decoded and
//! hashed once, not a second time to see whether recipes are true.
//!
//! A window of a blob is hashed when all its chunks were seen. A chunk that passes by was found to
//! have its id, as it would be if it were read again, so the hash is the same. Windows whose chunks
//! lie too far apart, and what is more than fits, are left to the check of recipes.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::object::{BlobId, Id, RecipeId};

use super::lookup::Store;
use super::recipe_check::{Known, Window, each_window};

/// How many chunks of recipes are waited for: about 40 MB, for content of 16 GB and more.
const CHUNKS: usize = 256 << 10;
/// How many bytes of chunks are held for windows that are not whole yet; beyond, the oldest is
/// given up.
const HELD: usize = 64 << 20;

/// Hashes of windows, as their chunks pass by.
pub struct HashedAhead {
    waiting: Mutex<Waiting>,
    known: Mutex<Known>,
}

#[derive(Default)]
struct Waiting {
    /// Those that are whole or were given up are none.
    windows: Vec<Option<Gathering>>,
    /// Where each chunk belongs: the windows, and which of their chunks it is.
    places: HashMap<BlobId, Vec<(usize, usize)>>,
    /// The windows of which something was seen, the oldest first.
    begun: VecDeque<usize>,
    /// Bytes that are held, counted for each place.
    held: usize,
}

/// A window, and those of its chunks that were seen.
struct Gathering {
    window: Window,
    chunks: Vec<Option<Arc<Vec<u8>>>>,
    missing: usize,
    held: usize,
}

impl HashedAhead {
    /// Waits for the chunks of these recipes. What of them cannot be read is left out.
    pub fn new(store: &Store, recipes: &[(Id, RecipeId)]) -> Self {
        let mut waiting = Waiting::default();
        let mut chunks = 0;
        for (blob, root) in recipes {
            // What is wrong with a recipe is told when it is checked.
            let _ = each_window(store, 0, BlobId::from_id(*blob), *root, &mut |window| {
                chunks += window.chunks.len();
                if chunks > CHUNKS {
                    return false;
                }
                waiting.add(window);
                true
            });
            if chunks > CHUNKS {
                break;
            }
        }
        Self { waiting: Mutex::new(waiting), known: Mutex::default() }
    }

    /// A chunk passes by, found to have its id.
    pub fn see(&self, id: Id, bytes: Vec<u8>) {
        let whole = lock(&self.waiting).take(BlobId::from_id(id), bytes);
        for Gathering { window, chunks, .. } in whole {
            let bytes: Vec<_> = chunks.iter().flatten().map(|bytes| &bytes[..]).collect();
            let hashed = window.hash(&bytes);
            lock(&self.known).insert(&window, hashed);
        }
    }

    /// What was hashed.
    pub fn into_known(self) -> Known {
        self.known.into_inner().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Waiting {
    fn add(&mut self, window: Window) {
        let at = self.windows.len();
        for (nth, chunk) in window.chunks.iter().enumerate() {
            self.places.entry(chunk.id).or_default().push((at, nth));
        }
        let missing = window.chunks.len();
        let chunks = vec![None; missing];
        self.windows.push(Some(Gathering { window, chunks, missing, held: 0 }));
    }

    /// Gives a chunk to the windows that wait for it, and takes out those that are whole now.
    fn take(&mut self, id: BlobId, bytes: Vec<u8>) -> Vec<Gathering> {
        let mut whole = Vec::new();
        // A chunk that comes again finds nobody waiting.
        let Some(places) = self.places.remove(&id) else { return whole };
        let bytes = Arc::new(bytes);
        for (at, nth) in places {
            let Some(slot) = self.windows.get_mut(at) else { continue };
            let Some(gathering) = slot else { continue };
            if gathering.held == 0 {
                self.begun.push_back(at);
            }
            let fits = gathering.fill(nth, &bytes);
            self.held += bytes.len();
            if gathering.missing == 0 || !fits {
                self.held -= gathering.held;
                whole.extend(slot.take().filter(|_| fits));
            }
        }
        while self.held > HELD
            && let Some(oldest) = self.begun.pop_front()
        {
            let given_up = self.windows.get_mut(oldest).and_then(Option::take);
            self.held -= given_up.map_or(0, |gathering| gathering.held);
        }
        whole
    }
}

impl Gathering {
    /// Puts a chunk where it belongs; says whether it is as long as the recipe states.
    fn fill(&mut self, nth: usize, bytes: &Arc<Vec<u8>>) -> bool {
        self.held += bytes.len();
        self.missing -= 1;
        match (self.window.chunks.get(nth), self.chunks.get_mut(nth)) {
            (Some(chunk), Some(slot)) if chunk.len == bytes.len() as u64 => {
                *slot = Some(Arc::clone(bytes));
                true
            }
            _ => false,
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
