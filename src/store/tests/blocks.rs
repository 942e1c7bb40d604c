//! Which objects are coded together.

use std::collections::{BTreeMap, BTreeSet};

use crate::chunk::ContentHint;
use crate::object::ObjectType;
use crate::store::{Batch, Store};

use super::{add, store_with};

fn put(batch: &mut Batch<'_, '_>, kind: ObjectType, byte: u8, len: usize) {
    let bytes = vec![byte; len];
    batch.put(kind, kind.id_of(&bytes), &bytes, ContentHint::Block).unwrap();
}

/// The types of the objects of each record, and its decoded length.
fn records(store: &Store) -> Vec<(BTreeSet<ObjectType>, u32)> {
    let mut records: BTreeMap<_, (BTreeSet<ObjectType>, u32)> = BTreeMap::new();
    for pack in store.pack_files().iter() {
        for entry in pack.footer().unwrap().entries {
            let record = records.entry((pack.id(), entry.record)).or_default();
            record.0.insert(entry.kind);
            record.1 = entry.decoded;
        }
    }
    let mut records: Vec<_> = records.into_values().collect();
    records.sort();
    records
}

const MIXED: [ObjectType; 3] = [ObjectType::Node, ObjectType::Commit, ObjectType::TrustRoot];

#[test]
fn a_little_of_everything_is_one_record() {
    let (_folder, store) = store_with(|batch| {
        MIXED.into_iter().for_each(|kind| put(batch, kind, 1, 5000));
    });
    assert_eq!(records(&store), [(BTreeSet::from(MIXED), 15_000)]);
}

#[test]
fn beside_more_content_commits_and_trust_roots_are_coded_apart() {
    let (_folder, store) = store_with(|batch| {
        MIXED.into_iter().for_each(|kind| put(batch, kind, 1, 6000));
    });
    let mut wanted = MIXED.map(|kind| (BTreeSet::from([kind]), 6000));
    wanted.sort();
    assert_eq!(records(&store), wanted);
}

#[test]
fn a_block_of_commits_is_a_quarter_of_one_of_content() {
    let (_folder, store) = store_with(|batch| {
        for byte in 0..64 {
            put(batch, ObjectType::Commit, byte, 1 << 10);
            put(batch, ObjectType::Node, byte, 2 << 10);
        }
    });
    let found = records(&store);
    let of = |kind| found.iter().filter(move |(kinds, _)| *kinds == BTreeSet::from([kind]));
    assert_eq!(of(ObjectType::Commit).map(|(_, len)| *len).collect::<Vec<_>>(), [16 << 10; 4]);
    assert_eq!(of(ObjectType::Node).map(|(_, len)| *len).collect::<Vec<_>>(), [64 << 10; 2]);
    assert_eq!(found.len(), 6);
}

#[test]
fn an_object_goes_into_a_block_of_its_class_in_every_pack() {
    let (_folder, store) = store_with(|batch| put(batch, ObjectType::TrustRoot, 0, 100));
    for byte in 1..9 {
        add(&store, |batch| {
            put(batch, ObjectType::Node, byte, 20 << 10);
            put(batch, ObjectType::Commit, byte, 600);
        });
    }
    assert!(records(&store).iter().all(|(kinds, _)| kinds.len() == 1), "{:?}", records(&store));
}
