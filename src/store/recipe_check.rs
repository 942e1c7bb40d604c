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
pub(super) struct Window {
    /// The number of the recipe.
    recipe: usize,
    number: usize,
    start: u64,
    end: u64,
    /// It is the whole blob.
    is_whole: bool,
    /// The chunks that lie in it, in whole or in part.
    pub chunks: Vec<ChunkRef>,
}

/// What a window hashes to.
#[derive(Clone, Copy)]
pub(super) enum Hashed {
    /// A subtree of the blob's hash.
    Part(ChainingValue),
    /// The blob's hash.
    Whole(Id),
}

/// The hashes of windows, by what they are made of.
#[derive(Default)]
pub struct Known(HashMap<[u8; 32], Hashed>);

impl Known {
    pub(super) fn insert(&mut self, window: &Window, hashed: Hashed) {
        if self.0.len() < KEPT_WINDOWS {
            self.0.insert(window.key(), hashed);
        }
    }
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
    known: Mutex<Known>,
    seen: &'s Seen,
    advance: &'s (dyn Fn(u64) + Sync),
}

/// Hashes every blob through its recipe, and remembers the recipes that are true. The answers
/// come in the order of `recipes`. What is `known` is not read. `advance` is told of stored bytes
/// that were read.
pub fn check_recipes(
    store: &Store,
    recipes: &[(Id, RecipeId)],
    known: Known,
    threads: usize,
    seen: &Seen,
    advance: &(dyn Fn(u64) + Sync),
) -> Vec<Result<()>> {
    let (states, known) = (Mutex::default(), Mutex::new(known));
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
        each_window(self.store, recipe, blob, root, &mut |window| {
            self.state(recipe, |state| state.windows.push(None));
            give.send(window).is_ok() && self.state(recipe, |state| state.error.is_none())
        })
    }

    fn window(&self, window: &Window) {
        if self.state(window.recipe, |state| state.error.is_some()) {
            return;
        }
        let known = lock(&self.known).0.get(&window.key()).copied();
        let hashed = match known {
            Some(hashed) => Ok(hashed),
            None => self.hash(window),
        };
        self.state(window.recipe, |state| match hashed {
            Ok(Hashed::Part(value)) => state.windows[window.number] = Some(value),
            Ok(Hashed::Whole(id)) => state.whole = Some(id),
            Err(error) => state.error = state.error.take().or(Some(error)),
        });
    }

    fn hash(&self, window: &Window) -> Result<Hashed> {
        let mut hasher = window.hasher();
        for chunk in &window.chunks {
            window.add(&mut hasher, chunk, &self.chunk(chunk)?);
        }
        let hashed = window.hashed(&hasher);
        lock(&self.known).insert(window, hashed);
        Ok(hashed)
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

/// Reads a recipe from its first chunk to its last, and hands out the windows until `give` says
/// that it has enough.
///
/// # Errors
/// When a node of the recipe is absent, damaged, or does not fit.
pub(super) fn each_window(
    store: &Store,
    recipe: usize,
    blob: BlobId,
    root: RecipeId,
    give: &mut dyn FnMut(Window) -> bool,
) -> Result<()> {
    let mut chunks = Chunks::new(store, root, blob)?;
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
        if !give(Window { recipe, number, start, end, is_whole, chunks: chunks_here }) {
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

impl Window {
    /// What it is made of: equal keys have equal content at an equal place.
    fn key(&self) -> [u8; 32] {
        let mut hasher = blake3::Hasher::new();
        hasher.update(&[u8::from(self.is_whole)]);
        hasher.update(&self.start.to_le_bytes()).update(&self.end.to_le_bytes());
        for chunk in &self.chunks {
            hasher.update(&chunk.offset.to_le_bytes()).update(&chunk.len.to_le_bytes());
            hasher.update(chunk.id.as_bytes());
        }
        *hasher.finalize().as_bytes()
    }

    fn hasher(&self) -> blake3::Hasher {
        let mut hasher = blake3::Hasher::new();
        if !self.is_whole {
            hasher.set_input_offset(self.start);
        }
        hasher
    }

    /// Adds what of a chunk lies in the window.
    fn add(&self, hasher: &mut blake3::Hasher, chunk: &ChunkRef, bytes: &[u8]) {
        let from = self.start.saturating_sub(chunk.offset) as usize;
        let to = (self.end - chunk.offset).min(chunk.len) as usize;
        hasher.update(bytes.get(from..to).unwrap_or_default());
    }

    fn hashed(&self, hasher: &blake3::Hasher) -> Hashed {
        match self.is_whole {
            true => Hashed::Whole(Id::new(*hasher.finalize().as_bytes())),
            false => Hashed::Part(hasher.finalize_non_root()),
        }
    }

    /// Hashes the window, whose chunks have these bytes.
    pub fn hash(&self, chunks: &[&[u8]]) -> Hashed {
        let mut hasher = self.hasher();
        for (chunk, bytes) in self.chunks.iter().zip(chunks) {
            self.add(&mut hasher, chunk, bytes);
        }
        self.hashed(&hasher)
    }
}
