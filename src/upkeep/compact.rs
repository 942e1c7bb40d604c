//! Merging small packs, so that their number grows with the logarithm of what they hold
//! (`docs/storage.md`, "Merging packs").
//!
//! As in `git repack --geometric`: sorted by size, each pack shall be at least twice as long as the
//! one before it. Where that does not hold, the packs up to there become one.

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;

use crate::disk::{DiskError, Wait};
use crate::object::{Id, PackId};
use crate::store::{Copier, PackFile, PackKind, Store, StoreError, UpkeepLock};

/// A pack that is so long, or holds so many objects, is left as it is: half of what fills one.
const LARGE: u64 = 512 << 20;
const MANY: u64 = 64 << 10;
/// So many objects are merged at a time: what bounds the memory.
const OBJECTS: u64 = 512 << 10;

/// When packs are merged, and how much at a time.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct CompactionBounds {
    /// Packs are merged only where so many fewer are left.
    pub saved: usize,
    /// At most so many bytes of packs are read.
    pub bytes: u64,
}

impl CompactionBounds {
    /// After a commit: seldom, and for half a second at the most.
    pub const AFTER_COMMIT: Self = Self { saved: 8, bytes: 64 << 20 };
    /// Whatever there is to merge.
    pub const ALL: Self = Self { saved: 1, bytes: u64::MAX };
}

/// What merging came to.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Compacted {
    /// How many packs were merged.
    pub merged: u64,
    /// How many they became.
    pub into: u64,
    /// How many bytes they had.
    pub read: u64,
    /// How many bytes were written.
    pub written: u64,
}

/// Merges small packs where it pays, after somebody wrote: gives way to whoever else is at it, and
/// looks at nothing but lengths where there is nothing to do.
///
/// # Errors
/// When a pack cannot be read or written; all packs are there then.
pub fn compact_if_due(store: &Store, bounds: CompactionBounds) -> Result<Compacted, StoreError> {
    let due = |kind| run(&candidates(store, kind, &BTreeSet::new()), bounds) > 0;
    if !due(PackKind::Meta) && !due(PackKind::Data) {
        return Ok(Compacted::default());
    }
    match store.upkeep(Wait::NO) {
        Ok(upkeep) => compact(store, &upkeep, bounds),
        Err(StoreError::Disk(DiskError::Locked { .. })) => Ok(Compacted::default()),
        Err(e) => Err(e),
    }
}

/// Merges small packs within these bounds.
pub(super) fn compact(
    store: &Store,
    upkeep: &UpkeepLock,
    bounds: CompactionBounds,
) -> Result<Compacted, StoreError> {
    let mut done = Compacted::default();
    for kind in [PackKind::Meta, PackKind::Data] {
        let mut damaged = BTreeSet::new();
        loop {
            let mut packs = candidates(store, kind, &damaged);
            packs.truncate(run(&packs, bounds));
            if packs.is_empty() {
                break;
            }
            match merge(store, upkeep, packs, &mut done)? {
                Merged::Whole if bounds.bytes < u64::MAX => break,
                Merged::Whole => {}
                Merged::Damaged(pack) => drop(damaged.insert(pack)),
            }
        }
    }
    Ok(done)
}

/// The packs of a kind that may be merged, shortest first.
fn candidates(store: &Store, kind: PackKind, without: &BTreeSet<PackId>) -> Vec<Arc<PackFile>> {
    let packs = store.pack_files();
    let fits = |pack: &&Arc<PackFile>| {
        pack.kind() == kind
            && pack.file_len() < LARGE
            && pack.objects() < MANY
            && !without.contains(&pack.id())
    };
    let mut fitting: Vec<_> = packs.iter().filter(fits).cloned().collect();
    fitting.sort_by_key(|pack| (pack.file_len(), pack.id()));
    fitting
}

fn run(packs: &[Arc<PackFile>], bounds: CompactionBounds) -> usize {
    let sizes: Vec<_> = packs.iter().map(|pack| (pack.file_len(), pack.objects())).collect();
    shortest(&sizes, bounds)
}

/// How many of the shortest packs are to become one. Lengths in bytes, ascending, and numbers of
/// objects.
fn shortest(sizes: &[(u64, u64)], bounds: CompactionBounds) -> usize {
    let broken = (1..sizes.len()).rev().find(|n| sizes[*n].0 < 2 * sizes[n - 1].0);
    let mut count = broken.map_or(0, |n| n + 1);
    let mut bytes: u64 = sizes[..count].iter().map(|size| size.0).sum();
    let mut objects: u64 = sizes[..count].iter().map(|size| size.1).sum();
    while count > 0 && count < sizes.len() && sizes[count].0 < 2 * bytes {
        bytes += sizes[count].0;
        objects += sizes[count].1;
        count += 1;
    }
    while count > 0 && (bytes > bounds.bytes || objects > OBJECTS) {
        count -= 1;
        bytes -= sizes[count].0;
        objects -= sizes[count].1;
    }
    if count > bounds.saved { count } else { 0 }
}

enum Merged {
    Whole,
    /// Nothing was merged, because this pack is damaged.
    Damaged(PackId),
}

/// Copies all objects of these packs into new ones, and removes them.
fn merge(
    store: &Store,
    upkeep: &UpkeepLock,
    mut packs: Vec<Arc<PackFile>>,
    done: &mut Compacted,
) -> Result<Merged, StoreError> {
    // What was written together stays together.
    packs.sort_by_cached_key(|pack| (pack.written().ok(), pack.id()));
    let mut copier = Copier::new(store, upkeep);
    let mut copied: HashSet<Id> = HashSet::new();
    for pack in &packs {
        match copier.copy(pack, &mut |_, entry| copied.insert(entry.id)) {
            Ok(()) => {}
            Err(e) if e.is_damage() => return Ok(Merged::Damaged(pack.id())),
            Err(e) => return Err(e),
        }
    }
    let (new, written) = copier.finish()?;
    for pack in packs.iter().filter(|pack| !new.contains(&pack.id())) {
        store.remove_merged(upkeep, pack.id())?;
        done.read += pack.file_len();
    }
    store.reload()?;
    done.merged += packs.len() as u64;
    done.into += new.len() as u64;
    done.written += written;
    Ok(Merged::Whole)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shortest_of(sizes: &[u64], bounds: CompactionBounds) -> usize {
        let sizes: Vec<_> = sizes.iter().map(|bytes| (*bytes, 1)).collect();
        shortest(&sizes, bounds)
    }

    #[test]
    fn packs_that_double_are_left_alone() {
        assert_eq!(shortest_of(&[], CompactionBounds::ALL), 0);
        assert_eq!(shortest_of(&[7], CompactionBounds::ALL), 0);
        assert_eq!(shortest_of(&[1, 2, 4, 9, 18], CompactionBounds::ALL), 0);
    }

    #[test]
    fn what_breaks_the_order_is_merged_with_all_that_is_shorter() {
        assert_eq!(shortest_of(&[1, 2, 3, 100], CompactionBounds::ALL), 3);
        // What comes of it would be longer than half of the next one.
        assert_eq!(shortest_of(&[1, 2, 3, 11, 100], CompactionBounds::ALL), 4);
    }

    #[test]
    fn merging_waits_until_it_pays_and_stays_within_its_bytes() {
        let bounds = CompactionBounds { saved: 3, bytes: 20 };
        assert_eq!(shortest_of(&[2, 2, 2], bounds), 0);
        assert_eq!(shortest_of(&[2, 2, 2, 2], bounds), 4);
        assert_eq!(shortest_of(&[2, 2, 2, 2, 4, 30, 31], bounds), 5);
        assert_eq!(shortest_of(&[9, 9, 9, 9, 9], bounds), 0);
    }

    #[test]
    fn the_number_of_packs_is_logarithmic_and_so_is_what_is_written() {
        let bounds = CompactionBounds { saved: 8, bytes: u64::MAX };
        let (mut sizes, mut written, mut most) = (Vec::new(), 0u64, 0);
        let commits = 10_000u64;
        for _ in 0..commits {
            sizes.insert(0, 1000u64);
            sizes.sort_unstable();
            let count = shortest_of(&sizes, bounds);
            if count > 0 {
                let merged: u64 = sizes.drain(..count).sum();
                written += merged;
                sizes.push(merged);
                sizes.sort_unstable();
            }
            most = most.max(sizes.len());
        }
        let logarithm = commits.ilog2() as usize;
        assert!(most <= logarithm + bounds.saved, "{most} packs");
        let amplification = written / (commits * 1000);
        assert!(amplification <= logarithm as u64, "each byte is written {amplification} times");
    }
}
