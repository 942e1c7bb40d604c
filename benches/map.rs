//! What the Merkle map costs, and how large its nodes are (`docs/map.md`).

use std::collections::BTreeMap;
use std::hint::black_box;
use std::sync::Once;

use aisr::map::{Builder, Map, MapRoot, MemoryNodes, check, diff, update};
use aisr::object::{Node, Schema, ValueRef};
use criterion::{BatchSize, Criterion, criterion_group, criterion_main};

const VALUE: [u8; 40] = [7; 40];

fn random(n: u64) -> u64 {
    // SplitMix64.
    let mut z = n.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

fn random_key(n: u64) -> Vec<u8> {
    [random(n).to_be_bytes(), random(!n).to_be_bytes()].concat()
}

fn sequential_key(n: u64) -> Vec<u8> {
    n.to_be_bytes().to_vec()
}

fn common_prefix_key(n: u64) -> Vec<u8> {
    format!("customers/europe/orders/2026/invoices/lines/{n:012}").into_bytes()
}

fn sorted_keys(count: u64, key: fn(u64) -> Vec<u8>) -> Vec<Vec<u8>> {
    let mut keys: Vec<_> = (0..count).map(key).collect();
    keys.sort();
    keys
}

fn build(keys: &[Vec<u8>]) -> (MemoryNodes, MapRoot) {
    let mut nodes = MemoryNodes::new();
    let mut builder = Builder::new(Schema::Table, nodes.sink());
    for key in keys {
        builder.push(key, ValueRef::Inline(&VALUE)).expect("valid");
    }
    let root = builder.finish().expect("in memory");
    (nodes, root)
}

/// Prints the distribution of node sizes, once.
fn node_sizes(_: &mut Criterion) {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        println!("| keys | level | nodes | min | p10 | median | mean | p90 | max |");
        println!("|---|---|---|---|---|---|---|---|---|");
        print_sizes("random, 16 bytes", random_key);
        print_sizes("sequential, 8 bytes", sequential_key);
        print_sizes("common beginning, 56 bytes", common_prefix_key);
    });
}

fn print_sizes(name: &str, key: fn(u64) -> Vec<u8>) {
    let mut levels: BTreeMap<u8, Vec<usize>> = BTreeMap::new();
    let mut builder = Builder::new(Schema::Table, |_, encoded: Vec<u8>| {
        let size = encoded.len();
        let node = Node::decode(encoded.into()).expect("just built");
        levels.entry(node.level()).or_default().push(size);
        Ok::<_, std::convert::Infallible>(())
    });
    for key in sorted_keys(1_000_000, key) {
        builder.push(&key, ValueRef::Inline(&VALUE)).expect("valid");
    }
    builder.finish().expect("infallible");
    for (level, mut sizes) in levels {
        sizes.sort_unstable();
        let part = |tenths: usize| sizes[(sizes.len() - 1) * tenths / 10];
        let mean = sizes.iter().sum::<usize>() / sizes.len();
        println!(
            "| {name} | {level} | {} | {} | {} | {} | {mean} | {} | {} |",
            sizes.len(),
            part(0),
            part(1),
            part(5),
            part(9),
            part(10),
        );
    }
}

fn building(c: &mut Criterion) {
    let keys = sorted_keys(100_000, random_key);
    c.bench_function("map/build/100k", |b| b.iter(|| build(black_box(&keys)).1));
}

fn reading(c: &mut Criterion) {
    let keys = sorted_keys(100_000, random_key);
    let (nodes, root) = build(&keys);
    let map = Map::open(&nodes, root.id, Schema::Table).expect("just built");
    let mut n = 0;
    c.bench_function("map/get/100k", |b| {
        b.iter(|| {
            n += 1;
            map.get(&keys[(random(n) % 100_000) as usize])
        });
    });
    c.bench_function("map/iterate/100k", |b| b.iter(|| map.iter().count()));
    c.bench_function("map/check/100k", |b| {
        b.iter(|| check(&nodes, root.id, Schema::Table));
    });
    let encoded = nodes
        .ids()
        .filter_map(|id| aisr::map::NodeSource::node(&nodes, id).ok())
        .max_by_key(|encoded| encoded.len())
        .expect("there are nodes");
    c.bench_function(&format!("map/decode/{}-bytes", encoded.len()), |b| {
        b.iter(|| Node::decode(black_box(encoded.clone())));
    });
}

fn changing(c: &mut Criterion) {
    let keys = sorted_keys(100_000, random_key);
    let (mut nodes, root) = build(&keys);
    for k in [1, 100] {
        let mut edits: Vec<_> = (0..k)
            .map(|n| keys[(random(n) % 100_000) as usize].clone())
            .map(|key| (key, Some(ValueRef::Inline(b"changed").to_value())))
            .collect();
        edits.sort();
        edits.dedup();
        let mut new = MemoryNodes::new();
        let map = Map::open(&nodes, root.id, Schema::Table).expect("just built");
        c.bench_function(&format!("map/update/{k}-of-100k"), |b| {
            b.iter_batched(
                || edits.clone(),
                |edits| update(&map, edits, |_, _| Ok(())),
                BatchSize::SmallInput,
            );
        });
        let changed = update(&map, edits, new.sink()).expect("valid");
        nodes.extend(new);
        let before = Map::open(&nodes, root.id, Schema::Table).expect("just built");
        let after = Map::open(&nodes, changed.id, Schema::Table).expect("just built");
        c.bench_function(&format!("map/diff/{k}-of-100k"), |b| {
            b.iter(|| diff(&before, &after).count());
        });
    }
}

criterion_group!(benches, node_sizes, building, reading, changing);
criterion_main!(benches);
