//! Who may write and who may remove: the writers' lease, and the locks of upkeep
//! (`docs/storage.md`, "Collecting").

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::path::PathBuf;
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use crate::disk::{DiskError, Lock, OnExisting, ReadFile, Wait};
use crate::object::{Id, PackId, decode_id_list, encode_id_list};

use super::error::{Result, StoreError};
use super::lookup::Store;

const LEASE: &str = "lease";
const UPKEEP: &str = "upkeep-lock";
const DOOMED: &str = "doomed";
/// One line a pack; there are few.
const DOOMED_LIMIT: u64 = 64 << 20;
/// How long the collector asks before it looks at the clock: it must not miss the moment between
/// one writer and the next.
const ASK: Duration = Duration::from_millis(16);
const TEMPORARY: &[u8] = b"tmp-";

/// A writer's right that nothing it counts as present is collected, held until it is dropped.
pub struct WriteLease {
    _lock: Lock,
}

/// The right to merge packs: one process at a time has it.
pub struct UpkeepLock {
    _lock: Lock,
}

/// The right to remove packs whose objects nothing names: no writer is at work.
pub struct CollectLease {
    _lock: Lock,
}

impl Store {
    fn local_file(&self, name: &str) -> PathBuf {
        self.local().join(name)
    }

    /// Takes the writers' lease. What is looked up while it is held stays.
    ///
    /// # Errors
    /// When the lock cannot be had, or the packs cannot be listed.
    pub fn lease(&self) -> Result<WriteLease> {
        let lock = Lock::shared(&self.local_file(LEASE), Wait::Forever)?;
        // What was collected before must not count, nor what is about to be.
        self.reload()?;
        let doomed = Arc::new(self.read_doomed());
        *self.doomed().write().unwrap_or_else(PoisonError::into_inner) = doomed;
        Ok(WriteLease { _lock: lock })
    }

    /// Takes the writers' lease alone: nobody else writes while it is held. What a crash left of a
    /// list of packs that are about to go no longer counts.
    ///
    /// # Errors
    /// When the lock cannot be had, or the disk says no.
    pub fn lease_alone(&self, upkeep: &UpkeepLock) -> Result<WriteLease> {
        self.spare(upkeep)?;
        let lock = Lock::exclusive(&self.local_file(LEASE), Wait::Forever)?;
        self.reload()?;
        *self.doomed().write().unwrap_or_else(PoisonError::into_inner) = Arc::default();
        Ok(WriteLease { _lock: lock })
    }

    /// The packs that are about to be collected. A list that cannot be read was torn by a crash:
    /// whoever wrote it is gone, and nothing is removed by it.
    fn read_doomed(&self) -> BTreeSet<PackId> {
        let bytes = ReadFile::open(&self.local_file(DOOMED)).and_then(|f| f.read_all(DOOMED_LIMIT));
        let ids = bytes.ok().and_then(|bytes| decode_id_list(DOOMED, &bytes).ok());
        ids.unwrap_or_default().into_iter().map(PackId::from_id).collect()
    }

    /// Whether a pack holds `id` that is not about to be collected: what writers go by.
    ///
    /// # Errors
    /// When no pack holds it and one cannot be searched.
    pub fn is_present(&self, id: Id) -> Result<bool> {
        let doomed = self.doomed().read().unwrap_or_else(PoisonError::into_inner).clone();
        let mut failed = None;
        for pack in self.pack_files().iter().filter(|pack| !doomed.contains(&pack.id())) {
            match pack.find(id) {
                Ok(Some(_)) => return Ok(true),
                Ok(None) => {}
                Err(e) => failed = failed.or(Some(e)),
            }
        }
        failed.map_or(Ok(false), Err)
    }

    /// Takes the right to merge packs, and lists them again.
    ///
    /// # Errors
    /// When somebody else has it for longer than `wait`, or the packs cannot be listed.
    pub fn upkeep(&self, wait: Wait) -> Result<UpkeepLock> {
        let lock = Lock::exclusive(&self.local_file(UPKEEP), wait)?;
        self.reload()?;
        Ok(UpkeepLock { _lock: lock })
    }

    /// Tells writers that begin from now on that these packs are about to go. The list need not
    /// survive a crash: neither does whoever would act on it.
    ///
    /// # Errors
    /// When the disk says no.
    pub fn doom(&self, _upkeep: &UpkeepLock, packs: &BTreeSet<PackId>) -> Result<()> {
        let ids = packs.iter().map(|pack| pack.id()).collect();
        let folder = self.disk().open_dir(self.local())?;
        let file = folder.create_temporary(0o600)?;
        file.write_all_at(0, &encode_id_list(DOOMED, &ids))?;
        Ok(file.place_in(&folder, DOOMED, OnExisting::Replace)?)
    }

    /// Takes back what [`Store::doom`] said, also what a crash left of it.
    ///
    /// # Errors
    /// When the disk says no.
    pub fn spare(&self, _upkeep: &UpkeepLock) -> Result<()> {
        match self.disk().remove_file(&self.local_file(DOOMED)) {
            Err(e) if !e.is_not_found() => Err(e.into()),
            _ => Ok(()),
        }
    }

    /// Waits until no writer is at work, and keeps others waiting until the lease is dropped;
    /// `None` when that took longer than `patience`. Lists the packs again.
    ///
    /// # Errors
    /// When the lock cannot be had, or the packs cannot be listed.
    pub fn collect(
        &self,
        _upkeep: &UpkeepLock,
        patience: Duration,
    ) -> Result<Option<CollectLease>> {
        let begun = Instant::now();
        loop {
            match Lock::exclusive(&self.local_file(LEASE), Wait::AtMost(ASK)) {
                Ok(lock) => {
                    self.reload()?;
                    return Ok(Some(CollectLease { _lock: lock }));
                }
                Err(DiskError::Locked { .. }) if begun.elapsed() < patience => {}
                Err(DiskError::Locked { .. }) => return Ok(None),
                Err(e) => return Err(e.into()),
            }
        }
    }

    /// Removes a pack whose objects all lie in others too. Whoever has it open reads on.
    ///
    /// # Errors
    /// When the disk says no.
    pub fn remove_merged(&self, _upkeep: &UpkeepLock, pack: PackId) -> Result<()> {
        Ok(self.disk().remove_file(&self.pack_path(pack))?)
    }

    /// Removes a pack of which nothing is named.
    ///
    /// # Errors
    /// When the disk says no.
    pub fn remove_collected(&self, _lease: &CollectLease, pack: PackId) -> Result<()> {
        Ok(self.disk().remove_file(&self.pack_path(pack))?)
    }

    /// Removes what writers that died left half written: nobody writes packs now. Gives how many
    /// files and bytes that were.
    ///
    /// # Errors
    /// When the disk says no.
    pub fn remove_temporaries(&self, _lease: &CollectLease) -> Result<(u64, u64)> {
        let folder = self.disk().open_dir(self.packs_dir())?;
        let failed = |source| StoreError::Listing { path: self.packs_dir().into(), source };
        let (mut files, mut bytes) = (0, 0);
        for entry in std::fs::read_dir(self.packs_dir()).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let metadata = entry.metadata().map_err(failed)?;
            if is_temporary(&entry.file_name()) && metadata.is_file() {
                folder.remove_file(entry.file_name())?;
                files += 1;
                bytes += metadata.len();
            }
        }
        Ok((files, bytes))
    }
}

fn is_temporary(name: &OsStr) -> bool {
    let digits = name.as_encoded_bytes().strip_prefix(TEMPORARY);
    digits.is_some_and(|d| d.len() == 16 && d.iter().all(u8::is_ascii_hexdigit))
}
