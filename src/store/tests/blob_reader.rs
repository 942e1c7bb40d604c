//! Blobs are read at any place, and told apart by their recipes.

use std::ops::Range;
use std::sync::Arc;

use crate::chunk::ContentHint;
use crate::object::BlobId;
use crate::store::{Batch, BlobReader, RecipeWriter};

use super::store_with;

/// So many chunks that recipes have several levels.
const CHUNKS: usize = 5000;
const CHUNK: usize = 40;

fn content(changed: &[usize]) -> Vec<u8> {
    let number = |nth: usize| if changed.contains(&nth) { !nth } else { nth };
    (0..CHUNKS).flat_map(|nth| format!("{:040x}", number(nth)).into_bytes()).collect()
}

fn add(batch: &mut Batch<'_, '_>, bytes: &[u8], sizes: &[usize]) -> BlobId {
    let (mut recipe, mut rest, mut sizes) = (RecipeWriter::new(), bytes, sizes.iter().cycle());
    while !rest.is_empty() {
        let (piece, later) = rest.split_at((*sizes.next().unwrap()).min(rest.len()));
        let id = batch.chunk(piece, ContentHint::Unknown).unwrap();
        recipe.chunk(batch, id, piece.len() as u64).unwrap();
        rest = later;
    }
    let blob = BlobId::of(bytes);
    recipe.finish(batch, blob).unwrap();
    blob
}

#[test]
fn any_stretch_of_a_blob_is_what_it_is() {
    let bytes = content(&[]);
    let (mut chunked, mut whole) = (None, None);
    let (_folder, store) = store_with(|batch| {
        chunked = Some(add(batch, &bytes, &[CHUNK, 7, 100]));
        whole = Some(batch.blob(&bytes[..999], ContentHint::Unknown).unwrap());
    });
    let store = Arc::new(store);
    for (id, bytes) in [(chunked, &bytes[..]), (whole, &bytes[..999])] {
        let reader = BlobReader::open(Arc::clone(&store), id.unwrap()).unwrap();
        assert_eq!(reader.len(), bytes.len() as u64);
        for start in [0, 1, 39, 40, 500, 990, bytes.len() - 1, bytes.len(), bytes.len() + 5] {
            for len in [0, 1, 40, 41, 700] {
                let mut buffer = vec![0; len];
                let got = reader.read_at(start as u64, &mut buffer).unwrap();
                let end = (start + len).min(bytes.len());
                assert_eq!(&buffer[..got], bytes.get(start..end).unwrap_or_default());
            }
        }
        assert_eq!(reader.read_at(u64::MAX, &mut [0; 4]).unwrap(), 0);
    }
}

#[test]
fn differences_are_the_chunks_that_differ() {
    let versions = [
        (content(&[]), vec![CHUNK]),
        (content(&[3, 4, 1999, 4999]), vec![CHUNK]),
        // Cut elsewhere.
        (content(&[1]), vec![50]),
        ([content(&[7]), b"more".to_vec()].concat(), vec![CHUNK]),
        (content(&[0])[..999].to_vec(), vec![1000]),
    ];
    let mut ids = Vec::new();
    let (_folder, store) = store_with(|batch| {
        ids = versions[..4].iter().map(|(bytes, sizes)| add(batch, bytes, sizes)).collect();
        ids.push(batch.blob(&versions[4].0, ContentHint::Unknown).unwrap());
    });
    let store = Arc::new(store);
    let reader = |nth: usize| BlobReader::open(Arc::clone(&store), ids[nth]).unwrap();
    let differences = |a: usize, b: usize| reader(a).differences(&reader(b)).unwrap();
    let end = (CHUNKS * CHUNK) as u64;
    let at = |nth: u64| nth * 40..nth * 40 + 40;
    let expected: Vec<Range<u64>> = vec![120..200, at(1999), at(4999)];
    assert_eq!(differences(0, 1), expected);
    assert_eq!(differences(1, 0), expected);
    assert_eq!(differences(0, 0), []);
    assert_eq!(differences(0, 3), [at(7), end..end + 4]);
    // Outside of what is told, bytes are the same.
    for a in 0..versions.len() {
        for b in 0..versions.len() {
            let (ours, theirs) = (&versions[a].0, &versions[b].0);
            let found = differences(a, b);
            assert_eq!(found, differences(b, a));
            for at in 0..ours.len().max(theirs.len()) {
                let told = found.iter().any(|range| range.contains(&(at as u64)));
                assert!(told || ours.get(at) == theirs.get(at), "{a} {b} {at}");
            }
        }
    }
}

#[test]
fn equal_nodes_are_not_read() {
    let mut ids = Vec::new();
    let (folder, store) = store_with(|batch| {
        ids.push(add(batch, &content(&[]), &[CHUNK]));
        ids.push(add(batch, &content(&[2500]), &[CHUNK]));
    });
    let store = Arc::new(store);
    let reader = |id| BlobReader::open(Arc::clone(&store), id).unwrap();
    let (a, b) = (reader(ids[0]), reader(ids[1]));
    let found = a.differences(&b).unwrap();
    assert_eq!((found.len(), &found[0]), (1, &(100_000..100_040)));
    // One leaf of the recipe, and at most one node of each level above, on either side.
    assert!(a.nodes_read() <= 3, "{}", a.nodes_read());
    drop(folder);
}
