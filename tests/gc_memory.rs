//! What a collection takes of memory. `AISR_GC_OBJECTS` says on how many chunks: 6,500,000 are those
//! of 100 GB in steps of 16 KiB, the smallest that are made. The chunks here have few bytes each:
//! what counts is their number.

mod support;

#[path = "support/forged.rs"]
mod forged;

use std::fs;
use std::time::{Duration, Instant, SystemTime};

use aisr::chunk::ContentHint;
use aisr::disk::Disk;
use aisr::object::{BlobId, Id};
use aisr::repo::Repository;
use aisr::store::{Batch, RecipeWriter};
use aisr::upkeep::{GcOptions, gc};
use forged::{FILE, Forge, entry, leaf, leaf_entry};
use support::{identity, new_repository, scratch};

const FEW: u64 = 300_000;
const FILES: u64 = 50;
/// Beside twelve bytes for an object: the program, the blocks, the rows of one pack.
const BASE: u64 = 80 << 20;

/// The most memory that was in use since the last call, in bytes.
fn peak() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    let kib: u64 = line.split_whitespace().nth(1).unwrap().parse().unwrap();
    fs::write("/proc/self/clear_refs", "5").unwrap();
    kib << 10
}

#[test]
fn a_collection_takes_a_few_bytes_for_each_object() {
    let objects = std::env::var("AISR_GC_OBJECTS").ok().and_then(|text| text.parse().ok());
    let objects: u64 = objects.unwrap_or(FEW);
    let (root, me) = (scratch(), identity());
    let repo = new_repository(&Disk::new(), root.path(), &me);
    let begun = Instant::now();
    let (mut files, mut sum) = (Vec::new(), 0);
    {
        let lease = repo.store().lease().unwrap();
        let writer = repo.store().writer(&lease);
        let mut batch = Batch::new(&writer);
        for file in 0..FILES {
            let (mut recipe, mut size) = (RecipeWriter::new(), 0);
            for n in file * objects / FILES..(file + 1) * objects / FILES {
                let bytes = n.to_le_bytes();
                let id = batch.chunk(&bytes, ContentHint::Unknown).unwrap();
                recipe.chunk(&mut batch, id, bytes.len() as u64).unwrap();
                size += bytes.len() as u64;
            }
            // Nobody reads it, so the name of a blob that it does not build will do.
            let blob = BlobId::from_id(Id::new([file as u8 + 1; 32]));
            recipe.finish(&mut batch, blob).unwrap();
            let name = format!("f{file:02}");
            files.push(leaf_entry(name.as_bytes(), &entry(FILE, blob.id(), size)));
            sum += size;
        }
        batch.flush().unwrap();
        drop(batch);
        writer.finish().unwrap();
    }
    let forge = Forge { repo: &repo, me: &me };
    let tree = forge.node(&leaf(sum, &files));
    let commit = forge.commit(forge.root_over(tree.as_bytes()));
    forge.branch("main", commit);
    drop(repo);
    println!("{objects} objects in {:?}", begun.elapsed());

    let repo = Repository::open(Disk::new(), root.path()).unwrap();
    peak();
    let before = peak();
    let options = GcOptions {
        keep: Duration::from_secs(90 * 24 * 3600),
        now: true,
        dry_run: true,
        at: SystemTime::now(),
        patience: Duration::ZERO,
    };
    let begun = Instant::now();
    let report = gc(&repo, &options).unwrap();
    let (took, peak) = (begun.elapsed(), peak());
    println!("gc took {took:?} and {} MiB, {} before", peak >> 20, before >> 20);
    assert_eq!(report.removed.objects(), 0, "{report:?}");
    assert!(peak <= BASE + 13 * objects + 100 * FILES, "{} MiB", peak >> 20);
}
