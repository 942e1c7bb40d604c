//! Whether recipes build the blobs that they say: on several threads, and what many of them share
//! only once.
//!
//! A blob is hashed in windows, which are subtrees of its BLAKE3 tree ([`super::whole_hash`]), so
//! one large blob keeps all threads busy. Versions of a file that lie alike share the hashes of
//! the windows that they share.

use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use blake3::hazmat::{ChainingValue, HasherExt};
use crossbeam_channel::{Receiver, Sender, bounded};

use crate::object::{BlobId, Id, ObjectType, PackId, RecipeId};

use super::blob::{ChunkRef, Chunks};
use super::error::{Result, StoreError};
use super::footer::Entry;
use super::lookup::{Reason, Store};
use super::whole_hash;

/// A power of two. The chunks at its ends are read twice, so it is long beside a chunk.
const WINDOW: u64 = 4 << 20;
/// How many hashes of windows are kept: a tebibyte of content, in about 25 MB.
const KEPT_WINDOWS: usize = 256 << 10;
/// How many records are remembered as read: what is more is read again.
const KEPT_RECORDS: usize = 4 << 20;

/// Records of one object that were read, decoded and found sound.
#[derive(Default)]
pub struct Seen {
    records: Mutex<(HashMap<PackId, HashSet<u64>>, usize)>,
}

impl Seen {
    fn add(&self, pack: PackId, record: u64) {
        let mut records = lock(&self.records);
        if records.1 < KEPT_RECORDS && records.0.entry(pack).or_default().insert(record) {
            records.1 += 1;
        }
    }

    /// The records of one pack.
    pub fn of_pack(&self, pack: PackId) -> HashSet<u64> {
        lock(&self.records).0.remove(&pack).unwrap_or_default()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A stretch of a blob.
struct Window {
    /// The number of the recipe.
    recipe: usize,
    number: usize,
    start: u64,
    end: u64,
    /// It is the whole blob.
    is_whole: bool,
    /// The chunks that lie in it, in whole or in part.
    chunks: Vec<ChunkRef>,
}

/// What is known of a recipe.
#[derive(Default)]
struct State {
    windows: Vec<Option<ChainingValue>>,
    whole: Option<Id>,
    error: Option<StoreError>,
}

struct Check<'s> {
    store: &'s Store,
    states: Mutex<HashMap<usize, State>>,
    /// The hashes of windows, by what they are made of.
    known: Mutex<HashMap<[u8; 32], ChainingValue>>,
    seen: &'s Seen,
    advance: &'s (dyn Fn(u64) + Sync),
}

/// Hashes every blob through its recipe, and remembers the recipes that are true. The answers
/// come in the order of `recipes`. `advance` is told of stored bytes that were read.
pub fn check_recipes(
    store: &Store,
    recipes: &[(Id, RecipeId)],
    threads: usize,
    seen: &Seen,
    advance: &(dyn Fn(u64) + Sync),
) -> Vec<Result<()>> {
    let (states, known) = (Mutex::default(), Mutex::default());
    let check = Check { store, states, known, seen, advance };
    let (give, take) = bounded(2 * threads.max(1));
    std::thread::scope(|scope| {
        for _ in 0..threads.max(1) {
            let take: Receiver<Window> = take.clone();
            scope.spawn(|| take.into_iter().for_each(|window| check.window(&window)));
        }
        drop(take);
        for (number, (blob, root)) in recipes.iter().enumerate() {
            check.list(number, BlobId::from_id(*blob), *root, &give);
        }
        drop(give);
    });
    let mut states = check.states.into_inner().unwrap_or_else(PoisonError::into_inner);
    let (mut results, mut good) = (Vec::with_capacity(recipes.len()), Vec::new());
    for (number, (blob, root)) in recipes.iter().enumerate() {
        let result = judge(states.remove(&number).unwrap_or_default(), *blob, *root);
        if result.is_ok() {
            good.push((*root, BlobId::from_id(*blob)));
        }
        results.push(result);
    }
    store.verified().add(&good);
    results
}

fn judge(state: State, blob: Id, root: RecipeId) -> Result<()> {
    if let Some(error) = state.error {
        return Err(error);
    }
    let windows: Vec<_> = state.windows.into_iter().flatten().collect();
    let found = match (state.whole, windows.len()) {
        (Some(whole), _) => whole,
        // The windows of a blob that is longer than one are two at least.
        (None, 0 | 1) => {
            return Err(StoreError::FalseRecipes {
                id: blob,
                recipes: vec![format!("{root} builds nothing")],
            });
        }
        (None, _) => whole_hash::root(&windows).id(),
    };
    if found == blob {
        return Ok(());
    }
    Err(StoreError::FalseRecipes { id: blob, recipes: vec![format!("{root} builds {found}")] })
}

impl Check<'_> {
    fn state<T>(&self, recipe: usize, change: impl FnOnce(&mut State) -> T) -> T {
        change(lock(&self.states).entry(recipe).or_default())
    }

    /// Reads a recipe from its first chunk to its last, and hands out the windows.
    fn list(&self, number: usize, blob: BlobId, root: RecipeId, give: &Sender<Window>) {
        if let Err(error) = self.try_list(number, blob, root, give) {
            self.state(number, |state| state.error = Some(error));
        }
    }

    fn try_list(
        &self,
        recipe: usize,
        blob: BlobId,
        root: RecipeId,
        give: &Sender<Window>,
    ) -> Result<()> {
        let mut chunks = Chunks::new(self.store, root, blob)?;
        let total = chunks.total();
        let is_whole = total <= WINDOW;
        let mut number = 0;
        let mut here: Vec<ChunkRef> = Vec::new();
        let mut next = chunks.next_chunk()?;
        while let Some(chunk) = next {
            here.push(chunk);
            let end = (number as u64 + 1).saturating_mul(WINDOW).min(total);
            let chunk_end = chunk.offset + chunk.len;
            if chunk_end < end {
                next = chunks.next_chunk()?;
                continue;
            }
            let start = number as u64 * WINDOW;
            let chunks_here = std::mem::take(&mut here);
            self.state(recipe, |state| state.windows.push(None));
            let window = Window { recipe, number, start, end, is_whole, chunks: chunks_here };
            if give.send(window).is_err() || self.state(recipe, |state| state.error.is_some()) {
                return Ok(());
            }
            number += 1;
            // A chunk that reaches into the next window is part of that as well.
            next = match chunk_end > end {
                true => Some(chunk),
                false => chunks.next_chunk()?,
            };
        }
        Ok(())
    }

    fn window(&self, window: &Window) {
        if self.state(window.recipe, |state| state.error.is_some()) {
            return;
        }
        let key = key(window);
        let known = if window.is_whole { None } else { lock(&self.known).get(&key).copied() };
        let hashed = match known {
            Some(value) => Ok((Some(value), None)),
            None => self.hash(window),
        };
        self.state(window.recipe, |state| match hashed {
            Ok((value, whole)) => {
                state.windows[window.number] = value;
                state.whole = state.whole.or(whole);
            }
            Err(error) => state.error = state.error.take().or(Some(error)),
        });
    }

    fn hash(&self, window: &Window) -> Result<(Option<ChainingValue>, Option<Id>)> {
        let mut hasher = blake3::Hasher::new();
        if !window.is_whole {
            hasher.set_input_offset(window.start);
        }
        for chunk in &window.chunks {
            let bytes = self.chunk(chunk)?;
            let from = window.start.saturating_sub(chunk.offset) as usize;
            let to = (window.end - chunk.offset).min(chunk.len) as usize;
            hasher.update(bytes.get(from..to).unwrap_or_default());
        }
        if window.is_whole {
            return Ok((None, Some(Id::new(*hasher.finalize().as_bytes()))));
        }
        let value = hasher.finalize_non_root();
        let mut known = lock(&self.known);
        if known.len() < KEPT_WINDOWS {
            known.insert(key(window), value);
        }
        Ok((Some(value), None))
    }

    /// A chunk, checked against its id and the length that the recipe states.
    fn chunk(&self, chunk: &ChunkRef) -> Result<Vec<u8>> {
        let id = chunk.id.id();
        let Some((pack, entry)) = self.store.find(id)? else {
            return Err(self.store.absent("blob", id, Reason::Missing));
        };
        let here = self.store.read_entry(&pack, &entry);
        let bytes = match here {
            Ok(bytes) if entry.kind == ObjectType::Blob => {
                self.note(pack.id(), &entry);
                bytes
            }
            // Another pack may hold it whole.
            _ => self.store.read_found(ObjectType::Blob, &pack, &entry)?,
        };
        if bytes.len() as u64 != chunk.len {
            let recipes = vec!["a chunk has another length than the recipe says".into()];
            return Err(StoreError::FalseRecipes { id, recipes });
        }
        Ok(bytes)
    }

    fn note(&self, pack: PackId, entry: &Entry) {
        if entry.len == entry.decoded {
            self.seen.add(pack, entry.record);
            (self.advance)(u64::from(entry.stored));
        }
    }
}

/// What a window is made of: equal keys have equal content at an equal place.
fn key(window: &Window) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&window.start.to_le_bytes()).update(&window.end.to_le_bytes());
    for chunk in &window.chunks {
        hasher.update(&chunk.offset.to_le_bytes()).update(&chunk.len.to_le_bytes());
        hasher.update(chunk.id.as_bytes());
    }
    *hasher.finalize().as_bytes()
}
