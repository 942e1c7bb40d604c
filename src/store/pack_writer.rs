//! Writes packs, from several threads at once.
//!
//! Each thread fills a buffer of its own, reserves a range of the pack and writes there; the pack
//! is made durable once, when it is full or the work is done. A pack that is full is named at
//! once, so an ingest that is interrupted keeps what it finished.

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use crate::disk::{NewFile, OnExisting};
use crate::object::{Id, PackId, RecipeId};

use super::error::{Result, StoreError};
use super::footer::{Entry, Footer, PackKind};
use super::lookup::Store;
use super::record::{HEADER_LEN, RecordHeader, Trailer, pack_header};

/// A pack is closed when its records reach this length.
const ROLL_BYTES: u64 = 1 << 30;
/// A pack is closed when it holds this many objects: what bounds the memory of its footer.
const ROLL_OBJECTS: usize = 128 << 10;

/// Writes packs, from several threads at once.
pub struct PackWriter<'s> {
    store: &'s Store,
    /// Objects that are in no named pack yet but will be.
    pending: Mutex<HashSet<Id>>,
    open: [Mutex<Option<Arc<OpenPack>>>; 2],
    named: Mutex<Vec<PackId>>,
    recipes: Mutex<Vec<RecipeId>>,
    stopped: AtomicBool,
    objects: AtomicU64,
    bytes: AtomicU64,
}

struct OpenPack {
    kind: PackKind,
    file: RwLock<Option<NewFile>>,
    state: Mutex<PackState>,
}

#[derive(Default)]
struct PackState {
    next: u64,
    records: u64,
    entries: Vec<Entry>,
    recipes: Vec<(Id, RecipeId)>,
    writing: usize,
    closed: bool,
}

/// What a [`PackWriter`] wrote.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Written {
    /// The packs, in the order in which they were named.
    pub packs: Vec<PackId>,
    /// How many objects were new.
    pub objects: u64,
    /// How many bytes they take in the packs.
    pub bytes: u64,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<'s> PackWriter<'s> {
    pub(super) fn new(store: &'s Store) -> Self {
        Self {
            store,
            pending: Mutex::default(),
            open: [Mutex::new(None), Mutex::new(None)],
            named: Mutex::default(),
            recipes: Mutex::default(),
            stopped: AtomicBool::new(false),
            objects: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
        }
    }

    /// The store that is written to.
    pub fn store(&self) -> &'s Store {
        self.store
    }

    /// Says whether the caller is the one who must write `id`: it is in no pack, and nobody else
    /// has been told to write it.
    ///
    /// # Errors
    /// When a pack cannot be searched.
    pub fn claim(&self, id: Id) -> Result<bool> {
        if !lock(&self.pending).insert(id) {
            return Ok(false);
        }
        if self.store.find(id)?.is_none() {
            return Ok(true);
        }
        lock(&self.pending).remove(&id);
        Ok(false)
    }

    /// Whether `id` is on its way into a pack.
    pub fn is_pending(&self, id: Id) -> bool {
        lock(&self.pending).contains(&id)
    }

    /// Appends one record whose bytes are `record`: its header, `header`, and what is stored.
    pub(super) fn append(
        &self,
        kind: PackKind,
        header: &RecordHeader,
        ids: &[Id],
        record: &[u8],
    ) -> Result<()> {
        if self.stopped.load(Ordering::Relaxed) {
            return Err(StoreError::Stopped);
        }
        let (pack, offset) = self.reserve(kind, header, ids, record.len() as u64)?;
        let written = {
            let file = pack.file.read().unwrap_or_else(PoisonError::into_inner);
            let file = file.as_ref().expect("a pack is sealed after its last write");
            file.write_all_at(offset, record)
        };
        self.objects.fetch_add(ids.len() as u64, Ordering::Relaxed);
        self.bytes.fetch_add(record.len() as u64, Ordering::Relaxed);
        let last = {
            let mut state = lock(&pack.state);
            state.writing -= 1;
            state.closed && state.writing == 0
        };
        let sealed = written.map_err(StoreError::from).and_then(|()| match last {
            true => self.seal(&pack),
            false => Ok(()),
        });
        sealed.inspect_err(|_| self.stopped.store(true, Ordering::Relaxed))
    }

    fn reserve(
        &self,
        kind: PackKind,
        header: &RecordHeader,
        ids: &[Id],
        len: u64,
    ) -> Result<(Arc<OpenPack>, u64)> {
        let mut current = lock(&self.open[kind as usize]);
        let pack = match &*current {
            Some(pack) => pack.clone(),
            None => current.insert(Arc::new(self.start(kind)?)).clone(),
        };
        let mut state = lock(&pack.state);
        let offset = state.next;
        let mut start = 0;
        for (slot, id) in header.slots.iter().zip(ids) {
            state.entries.push(Entry {
                id: *id,
                record: offset,
                stored: header.stored,
                decoded: header.decoded,
                start,
                len: slot.len,
                kind: slot.kind,
                codec: header.codec,
                depth: 0,
            });
            start += slot.len;
            if let Some(blob) = slot.builds {
                state.recipes.push((blob, RecipeId::from_id(*id)));
            }
        }
        state.next += len;
        state.records += 1;
        state.writing += 1;
        if state.next >= ROLL_BYTES || state.entries.len() >= ROLL_OBJECTS {
            state.closed = true;
            *current = None;
        }
        drop(state);
        Ok((pack, offset))
    }

    fn start(&self, kind: PackKind) -> Result<OpenPack> {
        let file = self.store.disk().create_temporary(self.store.packs_dir(), 0o444)?;
        file.write_all_at(0, &pack_header(kind))?;
        let state = PackState { next: HEADER_LEN as u64, ..PackState::default() };
        Ok(OpenPack { kind, file: RwLock::new(Some(file)), state: Mutex::new(state) })
    }

    /// Writes footer and trailer, makes the pack durable, names it and lets the store read it.
    fn seal(&self, pack: &OpenPack) -> Result<()> {
        let file = pack.file.write().unwrap_or_else(PoisonError::into_inner).take();
        let file = file.expect("a pack is sealed once");
        let state = std::mem::take(&mut *lock(&pack.state));
        let mut footer = Footer {
            kind: pack.kind,
            records: state.records,
            offset: state.next,
            entries: state.entries,
            recipes: state.recipes,
        };
        let mut bytes = footer.encode();
        let id = Footer::pack_id(&bytes);
        let trailer = Trailer { footer_offset: footer.offset, footer_len: bytes.len() as u64 };
        bytes.extend_from_slice(&trailer.encode());
        file.write_all_at(footer.offset, &bytes)?;
        self.bytes.fetch_add(bytes.len() as u64 + HEADER_LEN as u64, Ordering::Relaxed);
        drop(bytes);
        file.persist(&self.store.pack_path(id), OnExisting::Replace)?;
        self.store.adopt(id)?;
        lock(&self.recipes).extend(footer.recipes.iter().map(|(_, root)| *root));
        lock(&self.named).push(id);
        let mut pending = lock(&self.pending);
        footer.entries.iter().for_each(|entry| {
            pending.remove(&entry.id);
        });
        Ok(())
    }

    /// Makes everything durable. Every thread must have flushed its batch before.
    ///
    /// # Errors
    /// When the disk says no; nothing but whole packs has a name then.
    pub fn finish(self) -> Result<Written> {
        if self.stopped.load(Ordering::Relaxed) {
            return Err(StoreError::Stopped);
        }
        // Data first: nothing in a meta pack then names a chunk that is not durable.
        for kind in [PackKind::Data, PackKind::Meta] {
            let pack = lock(&self.open[kind as usize]).take();
            if let Some(pack) = pack {
                self.seal(&pack)?;
            }
        }
        self.store.verified().add(&lock(&self.recipes));
        Ok(Written {
            packs: std::mem::take(&mut lock(&self.named)),
            objects: self.objects.load(Ordering::Relaxed),
            bytes: self.bytes.load(Ordering::Relaxed),
        })
    }
}
