//! Taking in packs that somebody else made.
//!
//! Nothing of them is believed: a pack is hashed record by record while it is copied, and it lies
//! in a folder of its own, `local/incoming`, until whoever asked for it has seen that all of it is
//! right. Only then does it join the store's packs. What was copied whole stays there if the
//! process dies, so that the next one goes on from it.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::chunk::{Codec, Decoder};
use crate::disk::{Lock, NewFile, OnExisting, Wait};
use crate::object::{BlobId, Id, ObjectType, PackId, RecipeId};

use super::error::{PackDamage, Result, StoreError};
use super::footer::{Entry, FOOTER_HEAD_LEN, Footer, PackKind};
use super::hashed_ahead::HashedAhead;
use super::lease::WriteLease;
use super::lookup::{Store, pack_name};
use super::pack_writer::{PackWriter, Purpose};
use super::recipe_check::{Known, Seen, check_recipes};
use super::record::{
    HEADER_LEN, RECORD_HEAD_LEN, RecordHeader, Slot, TRAILER_LEN, Trailer, pack_header,
};

/// The longest footer that is taken in: a pack that aisr writes has at most 131,072 objects and
/// those of one record more, so a third of this.
const LONGEST_FOOTER: u64 = 32 << 20;
/// What one worker copies and checks at a time, unless a single record is longer.
const WINDOW: u64 = 4 << 20;
/// The longest record: its header with the longest table, and 16 MiB.
const LONGEST_RECORD: u64 = (RECORD_HEAD_LEN + 4096 * 40 + (16 << 20)) as u64;
/// How long another fetch of this repository is waited for.
const PATIENCE: Duration = Duration::from_secs(10);

/// Packs that were received and are not yet part of the store.
pub struct Incoming<'s> {
    main: &'s Store,
    store: Store,
    folder: PathBuf,
    /// What is hashed of blobs while their chunks come in.
    ahead: Option<HashedAhead>,
    _lock: Lock,
}

/// The footer of a pack that is elsewhere, checked against the pack's name.
#[derive(Clone, Debug)]
pub struct RemotePack {
    /// Its name.
    pub id: PackId,
    /// The length of its file in bytes.
    pub len: u64,
    /// The objects, in the order in which they lie in the file.
    pub by_record: Vec<Entry>,
    recipes: Vec<(Id, RecipeId)>,
    records: u64,
    /// Footer and trailer.
    end: Vec<u8>,
    header: [u8; HEADER_LEN],
}

/// Told of each object of a pack of data that was found to have its id.
type SeeChunk<'a> = dyn Fn(Id, Vec<u8>) + Sync + 'a;

/// Reads bytes of a pack that is elsewhere: at an offset, so many.
pub type ReadPack<'a, E> = dyn Fn(u64, usize) -> Result<Vec<u8>, E> + Sync + 'a;

/// Writes bytes of a pack at an offset.
pub type WritePack<'a, E> = dyn Fn(u64, &[u8]) -> Result<(), E> + Sync + 'a;

impl RemotePack {
    /// Reads the footer of the pack `id`, whose file has `len` bytes.
    ///
    /// # Errors
    /// When it is not the footer of that pack, or is longer than any that is taken in.
    pub fn read<E: From<StoreError>>(
        id: PackId,
        len: u64,
        read: &ReadPack<'_, E>,
    ) -> Result<Self, E> {
        let damaged = |offset, damage| StoreError::Damaged { pack: id.to_hex(), offset, damage };
        let least = (HEADER_LEN + FOOTER_HEAD_LEN + TRAILER_LEN) as u64;
        if len < least {
            return Err(damaged(len, PackDamage::Truncated).into());
        }
        let at = len - TRAILER_LEN as u64;
        let bytes = read(at, TRAILER_LEN)?;
        let trailer = bytes.first_chunk().ok_or_else(|| damaged(at, PackDamage::Truncated))?;
        let trailer = Trailer::decode(trailer, len).map_err(|d| damaged(at, d))?;
        if trailer.footer_len > LONGEST_FOOTER {
            let why = "its footer is longer than any that is taken in";
            return Err(damaged(at, PackDamage::Inconsistent(why)).into());
        }
        let at = trailer.footer_offset;
        let mut end = read(at, trailer.footer_len as usize)?;
        if end.len() as u64 != trailer.footer_len || Footer::pack_id(&end) != id {
            return Err(damaged(at, PackDamage::Checksum("pack footer")).into());
        }
        let footer = Footer::decode(&end, at).map_err(|d| damaged(at, d))?;
        end.extend_from_slice(&trailer.encode());
        let mut by_record = footer.entries;
        // An object of no length starts where the one behind it does.
        by_record.sort_unstable_by_key(|entry| (entry.record, entry.start, entry.len));
        let header = pack_header(footer.kind);
        let (recipes, records) = (footer.recipes, footer.records);
        Ok(Self { id, len, by_record, recipes, records, end, header })
    }

    /// Where the records end.
    fn records_end(&self) -> u64 {
        self.len - self.end.len() as u64
    }

    fn damaged(&self, offset: u64, why: &'static str) -> StoreError {
        let damage = PackDamage::Inconsistent(why);
        StoreError::Damaged { pack: self.id.to_hex(), offset, damage }
    }

    /// The records one behind the other: where each lies, and its objects.
    pub fn groups(&self) -> impl Iterator<Item = (u64, u64, &[Entry])> {
        let groups = self.by_record.chunk_by(|a, b| a.record == b.record);
        let mut rest = groups.peekable();
        std::iter::from_fn(move || {
            let group = rest.next()?;
            let end = rest.peek().map_or(self.records_end(), |next| next[0].record);
            Some((group[0].record, end, group))
        })
    }

    /// Reads and checks the record from `at` to `end`, which holds exactly these objects. Gives
    /// its bytes and header.
    ///
    /// # Errors
    /// When it is not the record that the footer states, or an object does not have its id.
    pub fn record<E: From<StoreError>>(
        &self,
        at: u64,
        end: u64,
        group: &[Entry],
        read: &ReadPack<'_, E>,
        decoder: &mut Decoder,
    ) -> Result<(RecordHeader, Vec<u8>), E> {
        if end - at > LONGEST_RECORD {
            return Err(self.damaged(at, "bytes that belong to no record").into());
        }
        let bytes = read(at, (end - at) as usize)?;
        let (header, _) = self.check_record(at, &bytes, group, decoder)?;
        Ok((header, bytes))
    }

    /// Reads one object of the record from `at` to `end`, which holds exactly these objects.
    ///
    /// # Errors
    /// As [`RemotePack::record`].
    pub fn object<E: From<StoreError>>(
        &self,
        at: u64,
        end: u64,
        group: &[Entry],
        entry: &Entry,
        read: &ReadPack<'_, E>,
        decoder: &mut Decoder,
    ) -> Result<Vec<u8>, E> {
        let (_, record) = self.record(at, end, group, read, decoder)?;
        let (_, mut decoded) = self.check_record(at, &record, group, decoder)?;
        decoded.truncate((entry.start + entry.len) as usize);
        Ok(decoded.split_off(entry.start as usize))
    }

    /// Checks that `bytes` are the whole record at `at`, and that it holds exactly these objects.
    /// Gives its header, and what it decodes to.
    fn check_record(
        &self,
        at: u64,
        bytes: &[u8],
        group: &[Entry],
        decoder: &mut Decoder,
    ) -> Result<(RecordHeader, Vec<u8>)> {
        let damaged = |damage| StoreError::Damaged { pack: self.id.to_hex(), offset: at, damage };
        let (header, len) = RecordHeader::decode(bytes).map_err(damaged)?;
        let stored = &bytes[len..];
        if stored.len() != header.stored as usize {
            return Err(self.damaged(at, "bytes that belong to no record"));
        }
        let mut start = 0;
        let agree = header.slots.len() == group.len()
            && header.slots.iter().zip(group).all(|(slot, entry)| {
                let stated = (entry.kind, entry.start, entry.len, entry.codec, entry.depth);
                let found = (slot.kind, start, slot.len, header.codec, 0);
                start += slot.len;
                stated == found && (entry.stored, entry.decoded) == (header.stored, header.decoded)
            });
        if !agree {
            return Err(self.damaged(at, "footer and record do not agree"));
        }
        let unknown = PackDamage::Version { what: "codec", found: header.codec };
        let codec = Codec::from_u8(header.codec).ok_or_else(|| damaged(unknown))?;
        let mut decoded = Vec::with_capacity(header.decoded as usize);
        decoder
            .decode(codec, stored, header.decoded as usize, &mut decoded)
            .map_err(|source| StoreError::Record { pack: self.id, offset: at, source })?;
        for entry in group {
            // The slots fill the record, and the rows agree with them.
            let object = &decoded[entry.start as usize..(entry.start + entry.len) as usize];
            if entry.kind.id_of(object) != entry.id {
                let (id, kind) = (entry.id, entry.kind);
                return Err(StoreError::WrongId { pack: self.id, offset: at, id, kind });
            }
        }
        Ok((header, decoded))
    }

    /// Reads the whole pack once, checks every byte of it, and hands each part on with its offset.
    ///
    /// # Errors
    /// At the first thing that is not right; what was handed on by then is worthless.
    fn copy_checked<E: From<StoreError> + Send>(
        &self,
        read: &ReadPack<'_, E>,
        write: &WritePack<'_, E>,
        see: Option<&SeeChunk<'_>>,
        threads: usize,
    ) -> Result<(), E> {
        write(0, &self.read_header(read)?)?;
        let windows = self.windows()?;
        let built = Mutex::new(Vec::new());
        in_parallel(threads, &windows, |window: &Window<'_>| {
            let mut roots = Vec::new();
            let bytes = self.read_window(window, read, &mut Decoder::new(), &mut roots, see)?;
            built.lock().unwrap_or_else(PoisonError::into_inner).append(&mut roots);
            write(window.start, &bytes)
        })?;
        self.check_recipes(built.into_inner().unwrap_or_else(PoisonError::into_inner))?;
        write(self.records_end(), &self.end)
    }

    /// The same, part by part in order.
    ///
    /// # Errors
    /// As `copy_checked`.
    pub fn stream_checked<E: From<StoreError>>(
        &self,
        read: &ReadPack<'_, E>,
        write: &mut dyn FnMut(&[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        write(&self.read_header(read)?)?;
        let (mut decoder, mut built) = (Decoder::new(), Vec::new());
        for window in self.windows()? {
            write(&self.read_window(&window, read, &mut decoder, &mut built, None)?)?;
        }
        self.check_recipes(built)?;
        write(&self.end)
    }

    fn read_header<E: From<StoreError>>(&self, read: &ReadPack<'_, E>) -> Result<Vec<u8>, E> {
        let header = read(0, HEADER_LEN)?;
        match header == self.header {
            true => Ok(header),
            false => Err(self.damaged(0, "header and footer name two kinds of pack").into()),
        }
    }

    /// Reads and checks a run of records; the roots of recipes in it go to `built`.
    fn read_window<E: From<StoreError>>(
        &self,
        window: &Window<'_>,
        read: &ReadPack<'_, E>,
        decoder: &mut Decoder,
        built: &mut Vec<(Id, RecipeId)>,
        see: Option<&SeeChunk<'_>>,
    ) -> Result<Vec<u8>, E> {
        let len = (window.end - window.start) as usize;
        let bytes = read(window.start, len)?;
        if bytes.len() != len {
            return Err(self.damaged(window.start, "the file ends early").into());
        }
        for (at, end, group) in &window.records {
            // Every record lies inside the window.
            let record = &bytes[(at - window.start) as usize..(end - window.start) as usize];
            let (header, decoded) = self.check_record(*at, record, group, decoder)?;
            if let (Some(see), [only]) = (see, *group) {
                see(only.id, decoded);
            }
            let slots = header.slots.iter().zip(*group);
            built.extend(
                slots.filter_map(|(slot, entry)| Some((slot.builds?, RecipeId::from_id(entry.id)))),
            );
        }
        Ok(bytes)
    }

    fn check_recipes(&self, mut built: Vec<(Id, RecipeId)>) -> Result<()> {
        built.sort_unstable();
        match built == self.recipes {
            true => Ok(()),
            false => {
                let at = self.records_end();
                Err(self.damaged(at, "its recipe rows are not those of its records"))
            }
        }
    }

    /// The records in runs that one worker takes; they cover the pack without gaps.
    fn windows(&self) -> Result<Vec<Window<'_>>> {
        let mut windows: Vec<Window<'_>> = Vec::new();
        let (mut next, mut records) = (HEADER_LEN as u64, 0);
        for (at, end, group) in self.groups() {
            if at != next || end - at > LONGEST_RECORD {
                return Err(self.damaged(next, "bytes that belong to no record"));
            }
            (next, records) = (end, records + 1);
            match windows.last_mut().filter(|window| end - window.start <= WINDOW) {
                Some(window) => {
                    window.end = end;
                    window.records.push((at, end, group));
                }
                None => windows.push(Window { start: at, end, records: vec![(at, end, group)] }),
            }
        }
        if next != self.records_end() || records != self.records {
            return Err(self.damaged(next, "bytes that belong to no record"));
        }
        Ok(windows)
    }
}

struct Window<'p> {
    start: u64,
    end: u64,
    records: Vec<(u64, u64, &'p [Entry])>,
}

/// Does `work` on every item, until one fails; the first error counts.
pub fn in_parallel<T: Sync, E: Send>(
    threads: usize,
    items: &[T],
    work: impl Fn(&T) -> Result<(), E> + Sync,
) -> Result<(), E> {
    if threads <= 1 || items.len() <= 1 {
        return items.iter().try_for_each(work);
    }
    let (next, failed) = (AtomicUsize::new(0), Mutex::new(None));
    let run = || {
        while let Some(item) = items.get(next.fetch_add(1, Ordering::Relaxed)) {
            if let Err(e) = work(item) {
                next.store(items.len(), Ordering::Relaxed);
                failed.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(e);
            }
        }
    };
    std::thread::scope(|scope| {
        for _ in 1..threads.min(items.len()) {
            scope.spawn(run);
        }
        run();
    });
    failed.into_inner().unwrap_or_else(PoisonError::into_inner).map_or(Ok(()), Err)
}

impl Store {
    /// Begins to take in packs; one process at a time does. The caller holds the lease until what
    /// came is named by a ref.
    ///
    /// # Errors
    /// When another process takes in packs, or the disk says no.
    pub fn incoming(&self, _lease: &WriteLease) -> Result<Incoming<'_>> {
        let folder = self.local().join("incoming");
        let lock = self.local().join("incoming-lock");
        let lock = Lock::exclusive(&lock, Wait::AtMost(PATIENCE))?;
        make_dir(self, &folder)?;
        for path in files_in(&folder)? {
            if pack_name(&path).is_none() {
                // What a crash left of a pack that was being copied.
                self.disk().remove_file(&path)?;
            }
        }
        let store = self.beside(folder.clone())?;
        Ok(Incoming { main: self, store, folder, ahead: None, _lock: lock })
    }
}

fn make_dir(store: &Store, folder: &Path) -> Result<()> {
    match store.disk().create_dir(folder, 0o700) {
        Err(e) if !e.is_already_exists() => Err(e.into()),
        _ => Ok(()),
    }
}

fn files_in(folder: &Path) -> Result<Vec<PathBuf>> {
    let listing = |source| StoreError::Listing { path: folder.into(), source };
    let entries = std::fs::read_dir(folder).map_err(listing)?;
    entries.map(|entry| Ok(entry.map_err(listing)?.path())).collect()
}

impl Incoming<'_> {
    /// The store's packs, and those that were received.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// The packs that were received.
    ///
    /// # Errors
    /// When the folder cannot be listed.
    pub fn packs(&self) -> Result<Vec<PackId>> {
        Ok(files_in(&self.folder)?.iter().filter_map(|path| pack_name(path)).collect())
    }

    /// Drops what an earlier attempt received and the present one does not want.
    ///
    /// # Errors
    /// When the disk says no.
    pub fn keep_only(&self, wanted: &HashSet<PackId>) -> Result<()> {
        for id in self.packs()? {
            if !wanted.contains(&id) {
                self.store.disk().remove_file(&self.store.pack_path(id))?;
            }
        }
        self.store.reload()?;
        Ok(())
    }

    /// Copies a whole pack, checking every byte of it.
    ///
    /// # Errors
    /// When something of it is not right, or cannot be read or written.
    pub fn receive<E: From<StoreError> + Send>(
        &self,
        pack: &RemotePack,
        read: &ReadPack<'_, E>,
        threads: usize,
    ) -> Result<(), E> {
        let file = self.create()?;
        let write = |at, bytes: &[u8]| {
            file.write_all_at(at, bytes).map_err(|e| E::from(StoreError::from(e)))
        };
        let see = self.ahead.as_ref().map(|ahead| |id: Id, bytes: Vec<u8>| ahead.see(id, bytes));
        let see = see.as_ref().map(|see| see as &SeeChunk<'_>);
        pack.copy_checked(read, &write, see, threads)?;
        let path = self.store.pack_path(pack.id);
        file.persist(&path, OnExisting::Replace).map_err(StoreError::from)?;
        Ok(self.store.adopt(pack.id)?)
    }

    fn create(&self) -> Result<NewFile> {
        Ok(self.store.disk().create_temporary(&self.folder, 0o444)?)
    }

    /// Copies those records of a pack that hold something new into a pack of its own.
    ///
    /// # Errors
    /// As [`Incoming::receive`].
    pub fn receive_part<E: From<StoreError>>(
        &self,
        pack: &RemotePack,
        wanted: &dyn Fn(Id) -> bool,
        read: &ReadPack<'_, E>,
    ) -> Result<(), E> {
        let kind = super::record::read_pack_header(&pack.header)
            .map_err(|damage| StoreError::Damaged { pack: pack.id.to_hex(), offset: 0, damage })?;
        let writer = PackWriter::new(&self.store, Purpose::Received);
        let mut decoder = Decoder::new();
        for (at, end, group) in pack.groups() {
            if group.iter().any(|entry| wanted(entry.id)) {
                let (header, record) = pack.record(at, end, group, read, &mut decoder)?;
                let ids: Vec<Id> = group.iter().map(|entry| entry.id).collect();
                writer.append(kind, &header, &ids, &record)?;
            }
        }
        writer.finish()?;
        Ok(())
    }

    /// Every (blob, root of a recipe) in the packs that were received.
    ///
    /// # Errors
    /// When a footer cannot be read.
    fn recipes(&self) -> Result<Vec<(Id, RecipeId)>> {
        let mut rows = Vec::new();
        let received: HashSet<PackId> = self.packs()?.into_iter().collect();
        for pack in self.store.pack_files().iter().filter(|pack| received.contains(&pack.id())) {
            rows.extend(pack.recipes()?);
        }
        rows.sort_unstable();
        rows.dedup();
        Ok(rows)
    }

    /// Says that all recipes are here: blobs are hashed while their chunks come in.
    ///
    /// # Errors
    /// When a footer cannot be read.
    pub fn hash_ahead(&mut self) -> Result<()> {
        let recipes = self.unknown_recipes()?;
        self.ahead = Some(HashedAhead::new(&self.store, &recipes));
        Ok(())
    }

    /// The recipes that were received and are not known to be true.
    fn unknown_recipes(&self) -> Result<Vec<(Id, RecipeId)>> {
        let mut recipes = self.recipes()?;
        let is_verified = |blob: Id, root| self.store.is_verified(root, BlobId::from_id(blob));
        recipes.retain(|(blob, root)| !is_verified(*blob, *root));
        Ok(recipes)
    }

    /// Hashes every blob through those of its recipes that were received, and remembers the true
    /// ones.
    ///
    /// # Errors
    /// When a footer cannot be read.
    pub fn check_recipes(&mut self, threads: usize) -> Result<Vec<Result<()>>> {
        let recipes = self.unknown_recipes()?;
        let known = self.ahead.take().map_or_else(Known::default, HashedAhead::into_known);
        Ok(check_recipes(&self.store, &recipes, known, threads, &Seen::default(), &|_| {}))
    }

    /// Lets what was received join the store, durably.
    ///
    /// # Errors
    /// When the disk says no; the packs that joined by then are whole and do no harm.
    pub fn adopt(self) -> Result<Vec<PackId>> {
        let packs = self.packs()?;
        if packs.is_empty() {
            return Ok(packs);
        }
        // What recipes name is durable before they are: data, then other objects, then recipes.
        let here = self.store.pack_files();
        let rank = |id: &PackId| match here.iter().find(|pack| pack.id() == *id) {
            Some(pack) if pack.kind() == PackKind::Data => 0,
            Some(pack) if pack.recipes().is_ok_and(|rows| rows.is_empty()) => 1,
            _ => 2,
        };
        let mut ranked: Vec<(u8, PackId)> = packs.iter().map(|id| (rank(id), *id)).collect();
        ranked.sort_unstable();
        for group in ranked.chunk_by(|a, b| a.0 == b.0) {
            for (_, id) in group {
                let (from, to) = (self.store.pack_path(*id), self.main.pack_path(*id));
                self.main.disk().rename(&from, &to, OnExisting::Replace)?;
            }
            self.main.disk().sync_dir(self.main.packs_dir())?;
        }
        packs.iter().try_for_each(|id| self.main.adopt(*id))?;
        Ok(packs)
    }

    /// Throws away all that was received.
    ///
    /// # Errors
    /// When the disk says no.
    pub fn discard(self) -> Result<()> {
        self.keep_only(&HashSet::new())
    }
}

/// A pack that holds one object: its name, and its bytes.
pub fn pack_of_one(kind: ObjectType, id: Id, object: &[u8]) -> (PackId, Vec<u8>) {
    let len = object.len() as u32;
    let header = RecordHeader {
        codec: Codec::Raw as u8,
        stored: len,
        decoded: len,
        slots: vec![Slot { kind, len, builds: None }],
    };
    let mut bytes = pack_header(PackKind::Meta).to_vec();
    header.encode(&mut bytes);
    bytes.extend_from_slice(object);
    let entry = Entry {
        id,
        record: HEADER_LEN as u64,
        stored: len,
        decoded: len,
        start: 0,
        len,
        kind,
        codec: Codec::Raw as u8,
        depth: 0,
    };
    let offset = bytes.len() as u64;
    let mut footer = Footer {
        kind: PackKind::Meta,
        records: 1,
        offset,
        entries: vec![entry],
        recipes: Vec::new(),
    };
    let footer = footer.encode();
    bytes.extend_from_slice(&footer);
    let trailer = Trailer { footer_offset: offset, footer_len: footer.len() as u64 };
    bytes.extend_from_slice(&trailer.encode());
    (Footer::pack_id(&footer), bytes)
}

/// The kind that a pack's header states, by the first bytes of the file.
pub fn stated_kind(start: &[u8]) -> Option<PackKind> {
    start.first_chunk().and_then(|header| super::record::read_pack_header(header).ok())
}
