//! What it costs to find the rows that differ between two stored versions of a database: 125 of
//! 400,000 rows in 250 MB.
//!
//! The versions are made once and kept in the target folder, so that a second run shows what
//! reading alone takes in memory.

use std::fs;
use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use aisr::chunk::ContentHint;
use aisr::disk::Disk;
use aisr::object::{BlobId, Id};
use aisr::store::{Batch, RecipeWriter, Store};
use aisr::view::sqlite::SqliteView;
use aisr::view::{StoredSource, View};
use criterion::{Criterion, criterion_group, criterion_main};
use rusqlite::Connection;

const ROWS: u32 = 400_000;
const CHANGED: u32 = 125;
/// Databases are cut in steps of so many bytes.
const STEP: usize = 16 << 10;

/// The store and the two versions in it.
fn versions() -> (PathBuf, [BlobId; 2]) {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("view-bench");
    let (store, list) = (folder.join("store"), folder.join("versions"));
    if let Ok(text) = fs::read_to_string(&list) {
        let mut ids = text.lines().filter_map(|line| Id::from_hex(line.as_bytes()));
        if let (Some(a), Some(b)) = (ids.next(), ids.next()) {
            return (store, [a, b].map(BlobId::from_id));
        }
    }
    fs::remove_dir_all(&folder).ok();
    fs::create_dir_all(&folder).expect("a folder");
    fs::create_dir_all(&store).expect("a folder");
    let path = folder.join("memories.sqlite");
    let db = Connection::open(&path).expect("a database");
    db.execute_batch(&format!(
        "PRAGMA synchronous = OFF; PRAGMA journal_mode = MEMORY;
         CREATE TABLE memories (id INTEGER PRIMARY KEY, agent TEXT NOT NULL, created REAL,
                                text TEXT, embedding BLOB);
         WITH RECURSIVE r(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM r WHERE i < {ROWS})
         INSERT INTO memories SELECT i, 'agent-' || (i % 12), i / 3.0,
                                     printf('%0150d', i * i), randomblob(384) FROM r;"
    ))
    .expect("rows");
    let before = keep(&store, &path);
    for n in 0..CHANGED {
        let row = 1 + i64::from(n) * 7_919 * 401 % i64::from(ROWS);
        let sql = "UPDATE memories SET text = text || ' changed' WHERE id = ?1";
        db.execute(sql, [row]).expect("a row");
    }
    let after = keep(&store, &path);
    fs::write(list, format!("{before}\n{after}\n")).expect("room");
    (store, [before, after])
}

/// Stores a database as a capture cuts it.
fn keep(folder: &Path, path: &Path) -> BlobId {
    let bytes = fs::read(path).expect("the database");
    let store = match folder.join("packs").exists() {
        true => Store::open(Disk::new(), folder).expect("the store"),
        false => Store::create(Disk::new(), folder).expect("an empty store"),
    };
    let lease = store.lease().expect("a lease");
    let writer = store.writer(&lease);
    let mut batch = Batch::new(&writer);
    let mut recipe = RecipeWriter::new();
    for piece in bytes.chunks(STEP) {
        let id = batch.chunk(piece, ContentHint::SqlitePage).expect("room");
        recipe.chunk(&mut batch, id, piece.len() as u64).expect("room");
    }
    let id = BlobId::of(&bytes);
    recipe.finish(&mut batch, id).expect("room");
    batch.flush().expect("room");
    drop(batch);
    writer.finish().expect("room");
    // Hashed through its recipe once, which makes the recipe count.
    store.blob(id).expect("the blob");
    id
}

/// The records that may differ, on both sides; opens everything anew.
fn differing(folder: &Path, ids: [BlobId; 2]) -> [usize; 2] {
    let store = Arc::new(Store::open(Disk::new(), folder).expect("the store"));
    let open = |id| {
        let source = StoredSource::open(Arc::clone(&store), id).expect("the blob");
        SqliteView::open(Arc::new(source)).expect("a database")
    };
    let (a, b) = (open(ids[0]), open(ids[1]));
    let table = a.tables().iter().find(|table| table.name == "memories").expect("the table");
    let count = |view: &SqliteView, beside: &SqliteView| {
        let mut cursor = view.cursor(table, Some(beside)).expect("rows");
        std::iter::from_fn(|| cursor.next().expect("a row")).count()
    };
    [count(&a, &b), count(&b, &a)]
}

fn walk(c: &mut Criterion) {
    let (folder, ids) = versions();
    println!("rows read on either side: {:?}", differing(&folder, ids));
    let mut group = c.benchmark_group("view");
    group.sample_size(20);
    group.bench_function("125 of 400,000 rows of a stored database", |b| {
        b.iter(|| black_box(differing(&folder, ids)));
    });
    group.finish();
}

criterion_group!(benches, walk);
criterion_main!(benches);
