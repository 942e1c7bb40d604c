//! Look-ups, whether the footer is probed where it lies or was loaded.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::chunk::ContentHint;
use crate::disk::Disk;
use crate::object::{BlobId, ObjectType, PackId};
use crate::store::{PackFile, Store, StoreError};

use super::{add, store_with};

fn nth(n: u32) -> [u8; 4] {
    n.to_le_bytes()
}

/// A pack is probed this often before its ids are loaded.
const PROBES: usize = 24;

#[test]
fn probing_and_loading_find_the_same() {
    for count in [1, 2, 63, 64, 65, 500, 4000] {
        let (_folder, store) = store_with(|batch| {
            for n in 0..count {
                batch.blob(&nth(n), ContentHint::Unknown).unwrap();
            }
        });
        let packs = store.pack_files();
        let [pack] = packs.as_slice() else { panic!("one pack") };
        let footer = pack.footer().unwrap();
        assert_eq!(footer.entries.len(), count as usize);
        let step = (count as usize / 97).max(1);
        let mut wanted: Vec<_> =
            footer.entries.iter().step_by(step).map(|entry| (entry.id, Some(*entry))).collect();
        wanted.extend(
            [footer.entries[0], footer.entries[count as usize - 1]].map(|e| (e.id, Some(e))),
        );
        wanted.extend((0..60).map(|n| (BlobId::of(&nth(count + n)).id(), None)));
        for lot in wanted.chunks(PROBES) {
            let path = store.pack_path(pack.id());
            let fresh = PackFile::open(&path, pack.id()).unwrap();
            let loaded = PackFile::open(&path, pack.id()).unwrap();
            loaded.ensure_sound().unwrap();
            for (id, entry) in lot {
                assert_eq!(fresh.find(*id).unwrap(), *entry, "probed among {count}");
                assert_eq!(loaded.find(*id).unwrap(), *entry, "loaded among {count}");
            }
        }
    }
}

#[test]
fn digits_are_counted_as_by_comparing_with_every_other_id() {
    // Short footers, and long ones of which rows are met on the way.
    for count in [1, 2, 300, 3000] {
        let kinds = [ObjectType::Blob, ObjectType::Node];
        let (_folder, store) = store_with(|batch| {
            for n in 0..count {
                let kind = kinds[n as usize % 2];
                batch.put(kind, kind.id_of(&nth(n)), &nth(n), ContentHint::Block).unwrap();
            }
        });
        let all = store.pack_files()[0].footer().unwrap().entries;
        for entry in all.iter().step_by((all.len() / 200).max(1)) {
            for least in [0, 2, 4] {
                let others = all.iter().filter(|other| other.kind == kinds[0]);
                let others = others.filter(|other| other.id != entry.id);
                let shared = others.map(|other| {
                    let (a, b) = (entry.id.to_hex(), other.id.to_hex());
                    a.bytes().zip(b.bytes()).take_while(|(a, b)| a == b).count()
                });
                let wanted = shared.max().filter(|shared| *shared >= least as usize);
                let found = store.digits_shared(entry.id, &kinds[..1], least).unwrap();
                assert_eq!(found, wanted, "{} of {count}, at least {least}", entry.id);
            }
        }
    }
}

#[test]
fn whatever_stands_in_a_long_footer_a_look_up_ends() {
    let (_folder, store) = store_with(|batch| {
        for n in 0..3000 {
            batch.blob(&nth(n), ContentHint::Unknown).unwrap();
        }
    });
    let id = store.pack_files()[0].id();
    let path = store.pack_path(id);
    let whole = std::fs::read(&path).unwrap();
    let rows = whole.len() - 32 - 3000 * 60;
    let mut random = 7u64;
    let mut next = |below: usize| {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (random >> 33) as usize % below
    };
    for _ in 0..40 {
        let mut bytes = whole.clone();
        for _ in 0..1 + next(2000) {
            bytes[rows + next(3000 * 60)] = next(256) as u8;
        }
        replace(&path, &bytes);
        let folder = path.parent().and_then(Path::parent).unwrap();
        let store = Store::open(Disk::new(), folder).unwrap();
        for n in 0..40 {
            let id = BlobId::of(&nth(n * 90)).id();
            // What a damaged row says is an error or nothing; what is found has that id.
            let pack = &store.pack_files()[0];
            assert!(pack.find(id).ok().flatten().is_none_or(|entry| entry.id == id));
            let _ = store.digits_shared(id, &[ObjectType::Blob], 2);
        }
    }
}

#[test]
fn more_look_ups_than_probes_load_a_long_footer_that_is_checked() {
    let (_folder, store) = store_with(|batch| {
        for n in 0..1500 {
            batch.blob(&nth(n), ContentHint::Unknown).unwrap();
        }
    });
    let id = store.pack_files()[0].id();
    let path = store.pack_path(id);
    let mut bytes = std::fs::read(&path).unwrap();
    let row = bytes.len() - 32 - 30;
    bytes[row] ^= 1;
    replace(&path, &bytes);
    let pack = PackFile::open(&path, id).unwrap();
    let absent = |n: u32| pack.find(BlobId::of(&nth(2000 + n)).id());
    let outcomes: Vec<_> = (0..40).map(absent).collect();
    let error = outcomes.into_iter().find_map(Result::err).expect("the damage is found");
    assert!(matches!(error, StoreError::Damaged { .. }), "{error}");
}

#[test]
fn what_a_damaged_row_hides_is_damaged_and_not_missing() {
    // A short footer, and a long one.
    for count in [5, 1500] {
        let (folder, store) = store_with(|batch| {
            for n in 0..count {
                batch.blob(&nth(n), ContentHint::Unknown).unwrap();
            }
        });
        let pack = &store.pack_files()[0];
        let entries = pack.footer().unwrap().entries;
        let (path, hidden) = (store.pack_path(pack.id()), entries[entries.len() / 2].id);
        let whole = std::fs::read(&path).unwrap();
        let rows = whole.len() - 32 - entries.len() * 60;
        for byte in 0..60 {
            let mut bytes = whole.clone();
            bytes[rows + entries.len() / 2 * 60 + byte] ^= 1;
            replace(&path, &bytes);
            let store = Store::open(Disk::new(), folder.path()).unwrap();
            let error = store.read(ObjectType::Blob, hidden).expect_err("a row is damaged");
            assert!(!matches!(error, StoreError::Absent { .. }), "byte {byte}: {error}");
        }
    }
}

#[test]
fn a_pack_that_came_meanwhile_is_found() {
    let (folder, _) = store_with(|batch| {
        batch.blob(b"first", ContentHint::Unknown).unwrap();
    });
    let reader = Store::open(Disk::new(), folder.path()).unwrap();
    let writer = Store::open(Disk::new(), folder.path()).unwrap();
    add(&writer, |batch| {
        batch.blob(b"second", ContentHint::Unknown).unwrap();
    });
    assert_eq!(reader.blob(BlobId::of(b"second")).unwrap().len(), 6);
}

#[test]
fn packs_that_come_while_others_are_listed_are_all_found() {
    let (_folder, store) = store_with(|_| {});
    // Files that do not open make the listing slow.
    for n in 0..300 {
        let path = store.pack_path(PackId::of(&nth(n)));
        std::fs::write(path, b"").unwrap();
    }
    let (store, ids, done) = (&store, |n: u32| BlobId::of(&nth(n)), &AtomicBool::new(false));
    std::thread::scope(|scope| {
        scope.spawn(move || {
            // Every absent object makes the store list its packs again.
            while !done.load(Ordering::Relaxed) {
                assert!(store.blob(ids(1_000_000)).is_err());
            }
        });
        let found = (0..60).all(|n| {
            add(store, |batch| {
                batch.blob(&nth(n), ContentHint::Unknown).unwrap();
            });
            std::thread::sleep(Duration::from_micros(500));
            store.has_blob(ids(n)).unwrap()
        });
        done.store(true, Ordering::Relaxed);
        assert!(found, "a pack is forgotten");
    });
}

#[test]
fn what_one_pack_has_lost_is_read_from_another() {
    let both = b"in both packs".as_slice();
    let store_of = |other: u32| {
        store_with(|batch| {
            batch.chunk(both, ContentHint::Unknown).unwrap();
            batch.chunk(&nth(other), ContentHint::Unknown).unwrap();
        })
    };
    let ((folder, one), (_other_folder, two)) = (store_of(1), store_of(2));
    let ids = [&one, &two].map(|store| store.pack_files()[0].id());
    std::fs::copy(two.pack_path(ids[1]), one.pack_path(ids[1])).unwrap();
    for id in ids {
        let path = one.pack_path(id);
        let whole = std::fs::read(&path).unwrap();
        // In the stored bytes, then in the table of the footer's ids.
        for at in [whole.windows(both.len()).position(|w| w == both).unwrap(), whole.len() - 130] {
            let mut bytes = whole.clone();
            bytes[at] ^= 1;
            replace(&path, &bytes);
            let store = Store::open(Disk::new(), folder.path()).unwrap();
            let read = store.read(ObjectType::Blob, BlobId::of(both).id()).unwrap();
            assert_eq!(read, both, "byte {at} of pack {id}");
        }
        replace(&path, &whole);
    }
}

/// Packs are read-only, so a new file takes the name.
fn replace(path: &Path, bytes: &[u8]) {
    std::fs::remove_file(path).unwrap();
    std::fs::write(path, bytes).unwrap();
}
