//! Speed of hashing, cutting and coding on one core.
#![allow(missing_docs)]

use std::hint::black_box;

use aisr::chunk::{Codec, ContentHint, Cutter, Decoder, Encoder};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};

const CHUNK: usize = 256 << 10;

fn noise(len: usize) -> Vec<u8> {
    let mut data = vec![0; len];
    blake3::Hasher::new().finalize_xof().fill(&mut data);
    data
}

/// Brain floats of a normal distribution around zero: the sum of twelve uniform draws.
fn weights(count: usize) -> Vec<u8> {
    noise(count * 12)
        .chunks_exact(12)
        .flat_map(|draws| {
            let sum: f32 = draws.iter().map(|&draw| (f32::from(draw) + 0.5) / 256.0).sum();
            let [_, _, low, high] = ((sum - 6.0) * 0.02 * 1.01).to_le_bytes();
            [low ^ draws[0] & 0x7F, high]
        })
        .collect()
}

fn text(len: usize) -> Vec<u8> {
    let words = ["refund", "order", "the", "customer", "agent", "tool", "call", "is", "not", "a"];
    let mut text = Vec::with_capacity(len + 16);
    for draw in noise(len) {
        text.extend_from_slice(words[usize::from(draw) % words.len()].as_bytes());
        text.push(if draw % 11 == 0 { b'\n' } else { b' ' });
        if text.len() >= len {
            break;
        }
    }
    text.truncate(len);
    text
}

fn hash(c: &mut Criterion) {
    let data = noise(1 << 20);
    let mut group = c.benchmark_group("hash");
    group.throughput(Throughput::Bytes(data.len() as u64));
    group.bench_function("blake3 of 1 MiB", |b| b.iter(|| blake3::hash(black_box(&data))));
}

fn cut(c: &mut Criterion) {
    let data = noise(16 << 20);
    let mut group = c.benchmark_group("cut");
    group.throughput(Throughput::Bytes(data.len() as u64));
    group.bench_function("by content", |b| {
        b.iter(|| {
            let mut cutter = Cutter::new(&data[..1 << 20], data.len() as u64);
            let mut rest = &data[..];
            while let Some(cut) = cutter.next(black_box(rest), true) {
                rest = &rest[cut.len..];
            }
        })
    });
}

fn code(c: &mut Criterion) {
    let cases = [
        ("block of text", ContentHint::Block, text(64 << 10)),
        ("chunk of text", ContentHint::Unknown, text(CHUNK)),
        ("chunk of noise", ContentHint::Unknown, noise(CHUNK)),
        ("brain floats", ContentHint::Bf16, weights(CHUNK / 2)),
    ];
    for (name, hint, data) in cases {
        let (mut encoder, mut decoder) = (Encoder::new(), Decoder::new());
        let mut stored = Vec::new();
        let codec = encoder.encode(hint, &data, &mut stored);
        assert_eq!(codec == Codec::Planes, hint == ContentHint::Bf16);

        let mut group = c.benchmark_group(name);
        group.throughput(Throughput::Bytes(data.len() as u64));
        let mut out = Vec::new();
        group.bench_function("encode", |b| {
            b.iter(|| {
                out.clear();
                encoder.encode(hint, black_box(&data), &mut out)
            })
        });
        group.bench_function("decode", |b| {
            b.iter(|| {
                out.clear();
                decoder.decode(codec, black_box(&stored), data.len(), &mut out)
            })
        });
    }
}

criterion_group!(benches, hash, cut, code);
criterion_main!(benches);
