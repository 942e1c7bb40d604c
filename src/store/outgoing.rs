//! Handing on what somebody else lacks: whole packs where all of a pack is wanted, else packs made
//! of nothing but what is.

use std::collections::{BTreeMap, HashSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::chunk::{ContentHint, Decoder};
use crate::disk::{Lock, Wait};
use crate::object::{BlobId, Id, PackId, RecipeId};

use super::batch::Batch;
use super::error::{Result, StoreError};
use super::lookup::{Reason, Store};
use super::pack_file::PackFile;
use super::pack_writer::{PackWriter, Purpose};
use super::receive::RemotePack;

/// How long another push of this repository is waited for.
const PATIENCE: Duration = Duration::from_secs(10);

/// Packs that hold exactly what was asked for.
pub struct Outgoing {
    /// The packs: data before meta, so that nothing names what is not there yet.
    pub packs: Vec<Arc<PackFile>>,
    /// How many objects they hold.
    pub objects: u64,
    folder: Option<(PathBuf, Lock)>,
}

/// Packs, and how many of the wanted objects are found in each.
type ByPack = BTreeMap<PackId, (Arc<PackFile>, usize)>;

impl Drop for Outgoing {
    fn drop(&mut self) {
        if let Some((folder, _)) = &self.folder {
            let _ = std::fs::remove_dir_all(folder);
        }
    }
}

impl Store {
    /// Gathers packs that hold these objects and nothing else. An object that shares a record with
    /// others is coded anew, so that nothing goes along that nobody asked for.
    ///
    /// # Errors
    /// When an object is absent or damaged, or the disk says no.
    pub fn outgoing(&self, wanted: &HashSet<Id>) -> Result<Outgoing> {
        let mut out = Outgoing { packs: Vec::new(), objects: wanted.len() as u64, folder: None };
        let mut parts = Vec::new();
        for (pack, rows) in self.by_pack(wanted)?.into_values() {
            match rows as u64 == pack.objects() {
                true => out.packs.push(pack),
                false => parts.push(pack),
            }
        }
        if !parts.is_empty() {
            let whole: HashSet<PackId> = out.packs.iter().map(|pack| pack.id()).collect();
            let left: HashSet<Id> =
                wanted.iter().copied().filter(|id| !held(self, &whole, *id)).collect();
            self.gather(&parts, left, &mut out)?;
        }
        out.packs.sort_by_key(|pack| (std::cmp::Reverse(pack.kind() as u8), pack.id()));
        Ok(out)
    }

    /// The packs in which the objects are found first, and how many in each.
    fn by_pack(&self, wanted: &HashSet<Id>) -> Result<ByPack> {
        let mut packs = ByPack::new();
        for id in wanted {
            let found = self.locate(*id)?;
            let (pack, _) = found.ok_or_else(|| self.absent("object", *id, Reason::Missing))?;
            packs.entry(pack.id()).or_insert((pack, 0)).1 += 1;
        }
        Ok(packs)
    }

    /// Writes what is `left` into packs of its own, taking it from `parts`.
    fn gather(
        &self,
        parts: &[Arc<PackFile>],
        mut left: HashSet<Id>,
        out: &mut Outgoing,
    ) -> Result<()> {
        let folder = self.local().join("outgoing");
        let lock = self.local().join("outgoing-lock");
        let lock = Lock::exclusive(&lock, Wait::AtMost(PATIENCE))?;
        // What a crash left.
        let _ = std::fs::remove_dir_all(&folder);
        self.disk().create_dir(&folder, 0o700)?;
        out.folder = Some((folder.clone(), lock));
        let scratch = Self::create(self.disk().clone(), &folder)?;
        let writer = PackWriter::new(&scratch, Purpose::Outgoing);
        let mut batch = Batch::new(&writer);
        for pack in parts {
            self.gather_from(pack, &mut left, &writer, &mut batch)?;
        }
        batch.flush()?;
        drop(batch);
        writer.finish()?;
        out.packs.extend(scratch.pack_files().iter().cloned());
        Ok(())
    }

    fn gather_from(
        &self,
        pack: &PackFile,
        left: &mut HashSet<Id>,
        writer: &PackWriter<'_>,
        batch: &mut Batch<'_, '_>,
    ) -> Result<()> {
        let read = |at, len: usize| pack.stored_at(at, len as u32);
        let source = RemotePack::read::<StoreError>(pack.id(), pack.file_len(), &read)?;
        let mut decoder = Decoder::new();
        for (at, end, group) in source.groups() {
            let wanted = group.iter().filter(|entry| left.contains(&entry.id)).count();
            if wanted == 0 {
                continue;
            }
            let (header, record) = source.record(at, end, group, &read, &mut decoder)?;
            let ids: Vec<Id> = group.iter().map(|entry| entry.id).collect();
            if wanted == ids.len() {
                for id in &ids {
                    left.remove(id);
                }
                writer.append(pack.kind(), &header, &ids, &record)?;
                continue;
            }
            for (entry, slot) in group.iter().zip(&header.slots) {
                // Another pack may hold it too.
                if !left.remove(&entry.id) {
                    continue;
                }
                let bytes = self.read_entry(pack, entry)?;
                match slot.builds {
                    Some(blob) => batch.recipe(
                        RecipeId::from_id(entry.id),
                        &bytes,
                        Some(BlobId::from_id(blob)),
                    )?,
                    None => batch.put(entry.kind, entry.id, &bytes, ContentHint::Block)?,
                }
            }
        }
        Ok(())
    }
}

/// Whether one of these packs holds the object.
fn held(store: &Store, packs: &HashSet<PackId>, id: Id) -> bool {
    let packs_here = store.pack_files();
    let mut whole = packs_here.iter().filter(|pack| packs.contains(&pack.id()));
    whole.any(|pack| matches!(pack.find(id), Ok(Some(_))))
}
