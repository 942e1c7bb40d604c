//! What it costs to find and read an object, in one pack and in many (`docs/storage.md`).

use std::hint::black_box;

use aisr::chunk::ContentHint;
use aisr::disk::Disk;
use aisr::object::{BlobId, ObjectType};
use aisr::store::{Batch, Store};
use aisr::upkeep::{CompactionBounds, compact_if_due};
use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};

const OBJECTS: u32 = 200_000;

fn content(n: u32) -> Vec<u8> {
    format!("prompt {n}: answer in the customer's language and in short sentences").into_bytes()
}

/// A store whose objects lie in so many packs.
fn store(packs: u32) -> (tempfile::TempDir, Store, Vec<BlobId>) {
    let folder = tempfile::tempdir().expect("a folder");
    let store = Store::create(Disk::new(), folder.path()).expect("an empty store");
    let mut ids = Vec::new();
    for pack in 0..packs {
        let lease = store.lease().expect("a lease");
        let writer = store.writer(&lease);
        let mut batch = Batch::new(&writer);
        for n in (pack * OBJECTS / packs)..((pack + 1) * OBJECTS / packs) {
            ids.push(batch.blob(&content(n), ContentHint::Block).expect("room"));
        }
        batch.flush().expect("room");
        drop(batch);
        writer.finish().expect("room");
    }
    // The order of ids is not the order of records.
    ids.sort();
    drop(store);
    let store = Store::open(Disk::new(), folder.path()).expect("the store");
    (folder, store, ids)
}

fn look_up(c: &mut Criterion) {
    for packs in [1, 20] {
        let (folder, store, ids) = store(packs);
        let absent: Vec<_> = (0..10_000u32).map(|n| BlobId::of(&n.to_le_bytes())).collect();
        let mut group = c.benchmark_group("store");
        group.bench_function(BenchmarkId::new("open", packs), |b| {
            b.iter(|| Store::open(Disk::new(), black_box(folder.path())));
        });
        let mut present = ids.iter().cycle();
        group.bench_function(BenchmarkId::new("look up what is there", packs), |b| {
            b.iter(|| {
                let id = *present.next().expect("a circle");
                assert!(store.has_blob(black_box(id)).expect("sound"));
            });
        });
        let mut missing = absent.iter().cycle();
        group.bench_function(BenchmarkId::new("look up what is not", packs), |b| {
            b.iter(|| {
                let id = *missing.next().expect("a circle");
                assert!(!store.has_blob(black_box(id)).expect("sound"));
            });
        });
        let mut present = ids.iter().cycle();
        group.bench_function(BenchmarkId::new("read a small object", packs), |b| {
            b.iter(|| {
                let id = *present.next().expect("a circle");
                store.read(ObjectType::Blob, black_box(id).id()).expect("sound")
            });
        });
        group.finish();
    }
}

/// A store after so many commits of five small objects each, merged as commits do it.
fn after_commits(commits: u32) -> (tempfile::TempDir, Store, Vec<BlobId>) {
    let memory = tempfile::tempdir_in("/dev/shm");
    let folder = memory.or_else(|_| tempfile::tempdir()).expect("a folder");
    let store = Store::create(Disk::new(), folder.path()).expect("an empty store");
    let (mut ids, mut stored, mut merged) = (Vec::new(), 0, 0);
    for commit in 0..commits {
        let lease = store.lease().expect("a lease");
        let writer = store.writer(&lease);
        let mut batch = Batch::new(&writer);
        for n in 0..5 {
            let text = content(commit * 5 + n).repeat(10);
            ids.push(batch.blob(&text, ContentHint::Block).expect("room"));
        }
        batch.flush().expect("room");
        drop(batch);
        stored += writer.finish().expect("room").bytes;
        drop(lease);
        let done = compact_if_due(&store, CompactionBounds::AFTER_COMMIT).expect("room");
        merged += done.written;
    }
    let packs = store.pack_files().len();
    let again = merged as f64 / stored as f64;
    eprintln!("{commits} commits: {packs} packs, each byte was written {again:.2} times more");
    ids.sort();
    (folder, store, ids)
}

fn look_up_after_commits(c: &mut Criterion) {
    let absent: Vec<_> = (0..10_000u32).map(|n| BlobId::of(&n.to_le_bytes())).collect();
    for commits in [20, 1000, 10_000] {
        let (folder, store, ids) = after_commits(commits);
        let mut group = c.benchmark_group("commits");
        group.bench_function(BenchmarkId::new("open", commits), |b| {
            b.iter(|| Store::open(Disk::new(), black_box(folder.path())));
        });
        let mut present = ids.iter().cycle();
        group.bench_function(BenchmarkId::new("look up what is there", commits), |b| {
            b.iter(|| {
                let id = *present.next().expect("a circle");
                assert!(store.has_blob(black_box(id)).expect("sound"));
            });
        });
        let mut missing = absent.iter().cycle();
        group.bench_function(BenchmarkId::new("look up what is not", commits), |b| {
            b.iter(|| {
                let id = *missing.next().expect("a circle");
                assert!(!store.has_blob(black_box(id)).expect("sound"));
            });
        });
        group.finish();
    }
}

criterion_group!(benches, look_up, look_up_after_commits);
criterion_main!(benches);
