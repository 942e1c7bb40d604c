//! Writes packs, from several threads at once.
//!
//! Each thread fills a buffer of its own, reserves a range of the pack and writes there; the pack
//! is made durable once, when it is full or the work is done. A pack that is full is named at
//! once, so an ingest that is interrupted keeps what it finished.

use std::collections::HashSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, RwLock};

use crate::disk::{NewFile, OnExisting};
use crate::object::{BlobId, Id, PackId, RecipeId};

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
    purpose: Purpose,
    roll_bytes: u64,
    /// Objects that are in no named pack yet but will be.
    pending: Mutex<HashSet<Id>>,
    open: [Mutex<Option<Arc<OpenPack>>>; 2],
    named: Mutex<Vec<PackId>>,
    recipes: Mutex<Vec<(RecipeId, BlobId)>>,
    /// The first error: after it nothing more is written.
    failure: OnceLock<Arc<StoreError>>,
    objects: AtomicU64,
    bytes: AtomicU64,
}

/// What is written, and why.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Purpose {
    /// What was made here: its recipes are true.
    Own,
    /// Objects of other packs of this store: that a recipe lies in one proves nothing of it.
    Copied,
    /// Nothing.
    Dry,
    /// What somebody else made.
    Received,
    /// What is handed on and not kept: it need not be durable.
    Outgoing,
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
    /// A write failed, so there may be a hole: the pack gets no name.
    broken: bool,
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
    pub(super) fn new(store: &'s Store, purpose: Purpose) -> Self {
        Self {
            store,
            purpose,
            roll_bytes: ROLL_BYTES,
            pending: Mutex::default(),
            open: [Mutex::new(None), Mutex::new(None)],
            named: Mutex::default(),
            recipes: Mutex::default(),
            failure: OnceLock::new(),
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
        if self.purpose == Purpose::Dry || !lock(&self.pending).insert(id) {
            return Ok(false);
        }
        if !self.store.is_present(id)? {
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
        self.ensure_writing()?;
        self.write(kind, header, ids, record).map_err(|error| self.fail(error))
    }

    /// Stops the writing, and gives the error that was the first to do so.
    fn fail(&self, error: StoreError) -> StoreError {
        StoreError::Writing(self.failure.get_or_init(|| Arc::new(error)).clone())
    }

    fn ensure_writing(&self) -> Result<()> {
        match self.failure.get() {
            Some(first) => Err(StoreError::Writing(first.clone())),
            None => Ok(()),
        }
    }

    fn write(
        &self,
        kind: PackKind,
        header: &RecordHeader,
        ids: &[Id],
        record: &[u8],
    ) -> Result<()> {
        let (pack, offset) = self.reserve(kind, header, ids, record.len() as u64)?;
        self.objects.fetch_add(ids.len() as u64, Ordering::Relaxed);
        self.bytes.fetch_add(record.len() as u64, Ordering::Relaxed);
        self.fill(&pack, offset, record)
    }

    /// Writes a record to its reserved place; whoever fills the last place of a full pack seals it.
    fn fill(&self, pack: &OpenPack, offset: u64, record: &[u8]) -> Result<()> {
        let written = {
            let file = pack.file.read().unwrap_or_else(PoisonError::into_inner);
            let file = file.as_ref().expect("a pack is sealed after its last write");
            file.write_all_at(offset, record)
        };
        let last = {
            let mut state = lock(&pack.state);
            state.writing -= 1;
            state.broken |= written.is_err();
            state.closed && state.writing == 0 && !state.broken
        };
        written?;
        if last { self.seal(pack, false) } else { Ok(()) }
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
        for (entry, root) in header.rows(offset, ids) {
            state.entries.push(entry);
            state.recipes.extend(root);
        }
        state.next += len;
        state.records += 1;
        state.writing += 1;
        if state.next >= self.roll_bytes || state.entries.len() >= ROLL_OBJECTS {
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

    /// Writes footer and trailer, makes the pack durable, names it and lets the store read it. Its
    /// name is made durable too, unless that of `another` pack comes at once.
    fn seal(&self, pack: &OpenPack, another: bool) -> Result<()> {
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
        let path = self.store.pack_path(id);
        let keeps = self.purpose != Purpose::Outgoing;
        match keeps && !another {
            true => file.persist(&path, OnExisting::Replace)?,
            false => {
                if keeps {
                    file.sync()?;
                }
                let folder = self.store.disk().open_dir(self.store.packs_dir())?;
                file.place_in(&folder, path.file_name().unwrap_or_default(), OnExisting::Replace)?;
            }
        }
        self.store.adopt(id)?;
        lock(&self.recipes)
            .extend(footer.recipes.iter().map(|(blob, root)| (*root, BlobId::from_id(*blob))));
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
        self.ensure_writing()?;
        let open = |kind: PackKind| lock(&self.open[kind as usize]).take();
        let (data, meta) = (open(PackKind::Data), open(PackKind::Meta));
        // One sync makes both names durable. If a crash leaves the second alone, nothing leads to
        // the chunks that its recipes name, and writers look for each of them.
        if let Some(data) = data {
            self.seal(&data, meta.is_some())?;
        }
        if let Some(meta) = meta {
            self.seal(&meta, false)?;
        }
        if self.purpose == Purpose::Own {
            self.store.verified().add(&lock(&self.recipes));
        }
        Ok(Written {
            packs: std::mem::take(&mut lock(&self.named)),
            objects: self.objects.load(Ordering::Relaxed),
            bytes: self.bytes.load(Ordering::Relaxed),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chunk::ContentHint;
    use crate::disk::{Disk, FaultPlan};
    use crate::object::{BlobId, ObjectType};
    use crate::store::Batch;
    use crate::store::record::Slot;

    fn raw(bytes: &[u8]) -> (RecordHeader, Id, Vec<u8>) {
        let len = bytes.len() as u32;
        let slots = vec![Slot { kind: ObjectType::Blob, len, builds: None }];
        let header = RecordHeader { codec: 0, stored: len, decoded: len, slots };
        let mut record = Vec::new();
        header.encode(&mut record);
        record.extend_from_slice(bytes);
        (header, BlobId::of(bytes).id(), record)
    }

    #[test]
    fn a_full_pack_with_a_hole_gets_no_name() {
        let folder = tempfile::tempdir().unwrap();
        Store::create(Disk::new(), folder.path()).unwrap();
        // Create, header, then the first of two records.
        let plan: FaultPlan = "enospc:3".parse().unwrap();
        let store = Store::open(Disk::failing(plan), folder.path()).unwrap();
        let lease = store.lease().unwrap();
        let mut writer = store.writer(&lease);
        writer.roll_bytes = 150;
        let (one, one_id, one_bytes) = raw(&[1; 100]);
        let (two, two_id, two_bytes) = raw(&[2; 100]);
        let reserve = |header, id, bytes: &[u8]| {
            writer.reserve(PackKind::Data, header, &[id], bytes.len() as u64).unwrap()
        };
        let first = reserve(&one, one_id, &one_bytes);
        let second = reserve(&two, two_id, &two_bytes);
        assert!(Arc::ptr_eq(&first.0, &second.0) && lock(&first.0.state).closed);
        assert!(writer.fill(&first.0, first.1, &one_bytes).is_err());
        writer.fill(&second.0, second.1, &two_bytes).unwrap();
        drop((first, second, writer));
        let left = std::fs::read_dir(folder.path().join("packs")).unwrap().count();
        assert_eq!(left, 0, "a pack with a hole was named");
    }

    #[test]
    fn every_thread_is_told_the_first_error() {
        let folder = tempfile::tempdir().unwrap();
        Store::create(Disk::new(), folder.path()).unwrap();
        let plan: FaultPlan = "enospc:2".parse().unwrap();
        let store = Store::open(Disk::failing(plan), folder.path()).unwrap();
        let lease = store.lease().unwrap();
        let writer = store.writer(&lease);
        let mut told: Vec<_> = (0..2)
            .map(|byte| {
                let mut batch = Batch::new(&writer);
                batch.chunk(&[byte; 9], ContentHint::Unknown).unwrap_err()
            })
            .collect();
        told.push(writer.finish().unwrap_err());
        for error in told {
            let StoreError::Writing(first) = error else { panic!("{error}") };
            assert!(matches!(*first, StoreError::Disk(_)), "{first}");
        }
    }

    #[test]
    fn packs_roll_and_each_is_whole() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::create(Disk::new(), folder.path()).unwrap();
        let lease = store.lease().unwrap();
        let mut writer = store.writer(&lease);
        writer.roll_bytes = 2000;
        let writer = &writer;
        let bytes = |thread: u8, n: u8| [[thread, n].as_slice(), &[n ^ thread; 200]].concat();
        std::thread::scope(|scope| {
            for thread in 0..3 {
                scope.spawn(move || {
                    let mut batch = Batch::new(writer);
                    for n in 0..40 {
                        batch.chunk(&bytes(thread, n), ContentHint::Unknown).unwrap();
                    }
                    batch.flush().unwrap();
                });
            }
        });
        // What was named before the end is there before the end.
        let named = store.pack_files().len();
        assert!(named > 2, "{named} packs");
        let again = Store::open(Disk::new(), folder.path()).unwrap();
        assert_eq!(again.pack_files().len(), named);
        for pack in again.pack_files().iter() {
            let report = crate::store::check_pack(&again, pack);
            assert!(report.problems.is_empty() && report.objects > 0, "{report:?}");
        }
    }
}
