//! The store itself: a folder of packs, and what they hold.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use crate::chunk::Codec;
use crate::disk::{Disk, NewFile};
use crate::object::{BlobId, Id, ObjectType, PackId};

use super::cache::BlockCache;
use super::error::{Result, StoreError};
use super::footer::Entry;
use super::lease::WriteLease;
use super::pack_file::PackFile;
use super::pack_writer::{PackWriter, Purpose};
use super::verified::Verified;

/// How often packs are listed anew while they come and go.
const RELISTS: usize = 10;

/// What a look-up answers.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Lookup<T> {
    /// It is here.
    Here(T),
    /// It is not, and why.
    Absent(Reason),
}

/// Why an object is not here. Callers pass it on unchanged: more reasons will come.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Reason {
    /// Nothing is known of it.
    Missing,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing => f.write_str("missing"),
        }
    }
}

/// A folder of packs, and what they hold.
pub struct Store {
    disk: Disk,
    /// Where new packs go.
    packs_dir: PathBuf,
    /// Folders whose packs are read beside them.
    others: Vec<PathBuf>,
    local: PathBuf,
    packs: RwLock<Packs>,
    /// Where in the list the pack stands in which something was found last.
    last_hit: AtomicUsize,
    /// Packs that are about to be collected, as the last lease found them.
    doomed: RwLock<Arc<BTreeSet<PackId>>>,
    /// Held while the list of packs is made anew, so that no pack is adopted unseen meanwhile.
    listing: Mutex<()>,
    cache: BlockCache,
    verified: Arc<Verified>,
}

#[derive(Default, Clone)]
struct Packs {
    sound: Arc<Vec<Arc<PackFile>>>,
    /// Packs that do not open, each with the reason.
    damaged: Arc<Vec<(PathBuf, String)>>,
}

impl Store {
    /// Makes the folders of an empty store in `folder`; their names are durable once the caller
    /// has synced it.
    ///
    /// # Errors
    /// When the disk says no.
    pub fn create(disk: Disk, folder: &Path) -> Result<Self> {
        disk.create_dir(&folder.join("packs"), 0o700)?;
        disk.create_dir(&folder.join("local"), 0o700)?;
        Self::open(disk, folder)
    }

    /// Opens the store in `folder`. A pack that does not open is no error until something that
    /// may lie in it is asked for.
    ///
    /// # Errors
    /// When the folder of packs cannot be listed.
    pub fn open(disk: Disk, folder: &Path) -> Result<Self> {
        let store = Self {
            verified: Arc::new(Verified::new(disk.clone(), folder.join("local/verified"))),
            disk,
            packs_dir: folder.join("packs"),
            others: Vec::new(),
            local: folder.join("local"),
            packs: RwLock::default(),
            last_hit: AtomicUsize::new(0),
            doomed: RwLock::default(),
            listing: Mutex::default(),
            cache: BlockCache::default(),
        };
        store.reload()?;
        Ok(store)
    }

    /// Another handle: it reads the packs in `folder` beside this store's, and new packs go there.
    /// What is true of a recipe, both know.
    pub(super) fn beside(&self, folder: PathBuf) -> Result<Self> {
        let store = Self {
            disk: self.disk.clone(),
            packs_dir: folder,
            others: vec![self.packs_dir.clone()],
            local: self.local.clone(),
            doomed: RwLock::default(),
            packs: RwLock::new(self.packs()),
            last_hit: AtomicUsize::new(0),
            listing: Mutex::default(),
            cache: BlockCache::default(),
            verified: Arc::clone(&self.verified),
        };
        store.reload()?;
        Ok(store)
    }

    pub(super) fn disk(&self) -> &Disk {
        &self.disk
    }

    /// A file beside the packs for what is needed for a moment; one that a crash leaves is
    /// collected.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn create_temporary(&self) -> Result<NewFile> {
        Ok(self.disk.create_temporary(&self.packs_dir, 0o600)?)
    }

    pub(super) fn packs_dir(&self) -> &Path {
        &self.packs_dir
    }

    pub(super) fn local(&self) -> &Path {
        &self.local
    }

    pub(super) fn doomed(&self) -> &RwLock<Arc<BTreeSet<PackId>>> {
        &self.doomed
    }

    pub(super) fn verified(&self) -> &Verified {
        &self.verified
    }

    /// Where the pack `id` lies.
    pub fn pack_path(&self, id: PackId) -> PathBuf {
        self.packs_dir.join(format!("{id}.pack"))
    }

    /// Reads the list of packs again, and says whether it is another.
    ///
    /// # Errors
    /// When the folder of packs cannot be listed.
    pub fn reload(&self) -> Result<bool> {
        let _listing = self.listing.lock().unwrap_or_else(PoisonError::into_inner);
        let before = self.packs();
        let mut packs = before.clone();
        // A pack that goes while its folder is listed was merged into one that may have been
        // passed by.
        for _ in 0..RELISTS {
            let gone;
            (packs, gone) = self.list(&before)?;
            if !gone {
                break;
            }
        }
        let ids = |packs: &Packs| packs.sound.iter().map(|pack| pack.id()).collect::<BTreeSet<_>>();
        let changed = ids(&packs) != ids(&before) || packs.damaged != before.damaged;
        *self.packs.write().unwrap_or_else(PoisonError::into_inner) = packs;
        Ok(changed)
    }

    /// The packs in the folder, and whether one went meanwhile. Those that are known stay open.
    fn list(&self, known: &Packs) -> Result<(Packs, bool)> {
        let (mut sound, mut damaged, mut gone) = (Vec::new(), Vec::new(), false);
        for folder in std::iter::once(&self.packs_dir).chain(&self.others) {
            let listing = |source| StoreError::Listing { path: folder.clone(), source };
            for entry in std::fs::read_dir(folder).map_err(listing)? {
                let path = entry.map_err(listing)?.path();
                let Some(id) = pack_name(&path) else { continue };
                match known.sound.iter().find(|pack| pack.id() == id) {
                    Some(pack) => sound.push(pack.clone()),
                    None => match PackFile::open(&path, id) {
                        Ok(pack) => sound.push(Arc::new(pack)),
                        Err(StoreError::Disk(e)) if e.is_not_found() => gone = true,
                        Err(e) => damaged.push((path, e.to_string())),
                    },
                }
            }
        }
        // Small packs first: what was written lately lies there.
        sound.sort_by_key(|pack| (pack.objects(), pack.id()));
        damaged.sort();
        Ok((Packs { sound: Arc::new(sound), damaged: Arc::new(damaged) }, gone))
    }

    fn packs(&self) -> Packs {
        self.packs.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The packs that open.
    pub fn pack_files(&self) -> Arc<Vec<Arc<PackFile>>> {
        self.packs().sound
    }

    /// The packs that do not open, each with the reason.
    pub fn damaged_packs(&self) -> Arc<Vec<(PathBuf, String)>> {
        self.packs().damaged
    }

    /// Lets a pack that was just written be read.
    pub(super) fn adopt(&self, id: PackId) -> Result<()> {
        let pack = match PackFile::open(&self.pack_path(id), id) {
            Ok(pack) => Arc::new(pack),
            // Somebody merged it into another already.
            Err(StoreError::Disk(e)) if e.is_not_found() => return self.reload().map(drop),
            Err(e) => return Err(e),
        };
        let _listing = self.listing.lock().unwrap_or_else(PoisonError::into_inner);
        let mut packs = self.packs.write().unwrap_or_else(PoisonError::into_inner);
        if packs.sound.iter().all(|known| known.id() != id) {
            Arc::make_mut(&mut packs.sound).insert(0, pack);
        }
        Ok(())
    }

    /// Begins to write packs. The caller holds the lease.
    pub fn writer(&self, _lease: &WriteLease) -> PackWriter<'_> {
        PackWriter::new(self, Purpose::Own)
    }

    /// A writer that stores nothing: what goes through it gets its id and is dropped.
    pub fn dry_writer(&self) -> PackWriter<'_> {
        PackWriter::new(self, Purpose::Dry)
    }

    /// A pack that holds `id`: objects that are asked for together lie together, so the one that
    /// answered last is asked first (as git does), then all in order. One that cannot be searched
    /// is an error only where no other holds it.
    pub(super) fn find(&self, id: Id) -> Result<Option<(Arc<PackFile>, Entry)>> {
        let mut failed = None;
        let packs = self.packs().sound;
        let last = self.last_hit.load(Ordering::Relaxed);
        let first = packs.get(last).map(|pack| (last, pack));
        let others = packs.iter().enumerate().filter(|(nth, _)| *nth != last);
        for (nth, pack) in first.into_iter().chain(others) {
            match pack.find(id) {
                Ok(Some(entry)) => {
                    self.last_hit.store(nth, Ordering::Relaxed);
                    return Ok(Some((pack.clone(), entry)));
                }
                Ok(None) => {}
                Err(e) => failed = failed.or(Some(e)),
            }
        }
        failed.map_or(Ok(None), Err)
    }

    /// What kind of object `id` is. A blob in several chunks is found by [`Store::blob`] alone.
    ///
    /// # Errors
    /// When a pack cannot be searched.
    pub fn kind(&self, id: Id) -> Result<Lookup<ObjectType>> {
        Ok(match self.find(id)? {
            Some((_, entry)) => Lookup::Here(entry.kind),
            None => Lookup::Absent(Reason::Missing),
        })
    }

    /// Where `id` lies, for a reader: packs that came meanwhile count, and no damaged footer
    /// makes an object seem missing.
    pub(super) fn locate(&self, id: Id) -> Result<Option<(Arc<PackFile>, Entry)>> {
        for _ in 0..RELISTS {
            if let Some(found) = self.find(id)? {
                return Ok(Some(found));
            }
            if !self.reload()? {
                break;
            }
        }
        for pack in self.packs().sound.iter() {
            pack.ensure_sound()?;
        }
        self.find(id)
    }

    /// Reads an object, checked against its id.
    ///
    /// # Errors
    /// When it is absent, of another type, or damaged.
    pub fn read(&self, kind: ObjectType, id: Id) -> Result<Vec<u8>> {
        let Some((pack, entry)) = self.locate(id)? else {
            return Err(self.absent(kind.name(), id, Reason::Missing));
        };
        self.read_found(kind, &pack, &entry)
    }

    /// Reads an object where a look-up found it, else out of another pack that holds it.
    ///
    /// # Errors
    /// When it is of another type, or damaged everywhere.
    pub fn read_found(&self, kind: ObjectType, pack: &PackFile, entry: &Entry) -> Result<Vec<u8>> {
        if entry.kind != kind {
            // A damaged row is the pack's fault, not the caller's.
            pack.ensure_sound()?;
            return Err(StoreError::WrongType { id: entry.id, found: entry.kind, wanted: kind });
        }
        self.read_entry(pack, entry)
            .or_else(|error| self.read_beside(pack.id(), kind, entry.id).ok_or(error))
    }

    /// The object out of another pack than `damaged`.
    fn read_beside(&self, damaged: PackId, kind: ObjectType, id: Id) -> Option<Vec<u8>> {
        let packs = self.packs();
        let mut others = packs.sound.iter().filter(|pack| pack.id() != damaged);
        others.find_map(|pack| {
            let entry = pack.find(id).ok().flatten().filter(|entry| entry.kind == kind)?;
            self.read_entry(pack, &entry).ok()
        })
    }

    pub(super) fn absent(&self, what: &'static str, id: Id, reason: Reason) -> StoreError {
        let damaged =
            self.packs().damaged.iter().map(|(path, _)| path.display().to_string()).collect();
        StoreError::Absent { what, id, reason, damaged }
    }

    pub(super) fn read_entry(&self, pack: &PackFile, entry: &Entry) -> Result<Vec<u8>> {
        let whole = entry.len == entry.decoded;
        let bytes = if whole {
            self.decode(pack, entry)?
        } else {
            let block = match self.cache.get(pack.id(), entry.record) {
                Some(block) => block,
                None => {
                    let block = Arc::new(self.decode(pack, entry)?);
                    self.cache.put(pack.id(), entry.record, block.clone());
                    block
                }
            };
            // The footer's row was checked: the object lies inside the block.
            let (start, len) = (entry.start as usize, entry.len as usize);
            block.get(start..start + len).unwrap_or_default().to_vec()
        };
        if entry.kind.id_of(&bytes) != entry.id {
            let (pack, offset) = (pack.id(), entry.record);
            return Err(StoreError::WrongId { pack, offset, id: entry.id, kind: entry.kind });
        }
        Ok(bytes)
    }

    fn decode(&self, pack: &PackFile, entry: &Entry) -> Result<Vec<u8>> {
        let stored = pack.stored(entry)?;
        self.decode_bytes(pack, entry.record, entry.codec, stored, entry.decoded)
    }

    /// Decodes the stored bytes of the record at `offset`.
    pub(super) fn decode_bytes(
        &self,
        pack: &PackFile,
        offset: u64,
        codec: u8,
        stored: Vec<u8>,
        decoded: u32,
    ) -> Result<Vec<u8>> {
        let unknown = || {
            let damage = super::PackDamage::Version { what: "codec", found: codec };
            StoreError::Damaged { pack: pack.id().to_hex(), offset, damage }
        };
        let codec = Codec::from_u8(codec).ok_or_else(unknown)?;
        if codec == Codec::Raw && stored.len() == decoded as usize {
            return Ok(stored);
        }
        let mut out = Vec::with_capacity(decoded as usize);
        let done =
            self.cache.with_decoder(|d| d.decode(codec, &stored, decoded as usize, &mut out));
        done.map_err(|source| StoreError::Record { pack: pack.id(), offset, source })?;
        Ok(out)
    }

    /// Objects of these kinds whose ids start with the lower-case hexadecimal digits `prefix`, to
    /// resolve what a person typed; at most `most`.
    ///
    /// # Errors
    /// When a pack's footer is damaged.
    pub fn with_prefix(
        &self,
        prefix: &str,
        kinds: &[ObjectType],
        most: usize,
    ) -> Result<Vec<(Id, ObjectType)>> {
        let Some(range) = prefix_range(prefix) else { return Ok(Vec::new()) };
        let mut found = BTreeMap::new();
        for pack in self.packs().sound.iter() {
            pack.in_range(&range, &mut |entry| {
                if kinds.contains(&entry.kind) && entry.id.to_hex().starts_with(prefix) {
                    found.insert(entry.id, entry.kind);
                }
            })?;
        }
        Ok(found.into_iter().take(most).collect())
    }

    /// How many hexadecimal digits, from the first, another object of these kinds has as `id` has
    /// them, at most; `None` where those are fewer than `least`, up to 16.
    ///
    /// # Errors
    /// When a pack's footer is damaged.
    pub fn digits_shared(&self, id: Id, kinds: &[ObjectType], least: u32) -> Result<Option<usize>> {
        let others = u64::MAX.checked_shr(4 * least).unwrap_or(0);
        let range = id.prefix() & !others..=id.prefix() | others;
        let mut most = None;
        for pack in self.packs().sound.iter() {
            pack.in_range(&range, &mut |entry| {
                if entry.id != id && kinds.contains(&entry.kind) {
                    most = most.max(Some(entry.id.digits_shared(id)));
                }
            })?;
        }
        Ok(most)
    }

    /// Blobs whose ids start with the lower-case hexadecimal digits `prefix`, in one piece or by
    /// a recipe. Chunks are blobs too.
    ///
    /// # Errors
    /// When a pack's footer is damaged.
    pub fn blobs_with_prefix(&self, prefix: &str) -> Result<Vec<BlobId>> {
        let found = self.with_prefix(prefix, &[ObjectType::Blob], usize::MAX)?;
        let mut blobs: BTreeSet<Id> = found.into_iter().map(|(id, _)| id).collect();
        for pack in self.packs().sound.iter() {
            let built = pack.recipes()?.into_iter().map(|(blob, _)| blob);
            blobs.extend(built.filter(|blob| blob.to_hex().starts_with(prefix)));
        }
        Ok(blobs.into_iter().map(BlobId::from_id).collect())
    }
}

/// The first eight bytes, as numbers, of all ids that start with these digits.
fn prefix_range(digits: &str) -> Option<RangeInclusive<u64>> {
    let known = digits.get(..digits.len().min(16))?;
    let low = u64::from_str_radix(&format!("{known:0<16}"), 16).ok()?;
    let high = u64::from_str_radix(&format!("{known:f<16}"), 16).ok()?;
    Some(low..=high)
}

pub(super) fn pack_name(path: &Path) -> Option<PackId> {
    let name = path.file_name()?.to_str()?.strip_suffix(".pack")?;
    Id::from_hex(name.as_bytes()).map(PackId::from_id)
}
