//! A layer of the commit graph that is read has one form, and leads nowhere but to what is before.
//!
//! No fuzzer finds a checksum, so it is set in. The input is the layer's head without it, then its
//! body.

#![no_main]

use aisr::history::commit_graph::{CommitGraph, PathKey};
use aisr::object::{Id, RepoPath, RepositoryId};
use libfuzzer_sys::fuzz_target;

const CONTEXT: &str = "aisr 2026-11-25 commit graph layer v1";
const HEADER: [u8; 48] = {
    let mut header = [0; 48];
    let mark = *b"AISRGRPH\x02\x01";
    let mut n = 0;
    while n < mark.len() {
        header[n] = mark[n];
        n += 1;
    }
    header
};

fuzz_target!(|data: &[u8]| {
    let repo = RepositoryId::from_id(Id::new([0; 32]));
    let (graph, _) = CommitGraph::decode(data.to_vec(), repo);
    assert!(graph.is_empty());
    let Some((head, body)) = data.split_first_chunk::<16>() else { return };
    let mut hasher = blake3::Hasher::new_derive_key(CONTEXT);
    hasher.update(head).update(body);
    let sum = *hasher.finalize().as_bytes();
    let bytes = [&HEADER[..], head, &sum[..8], body].concat();
    let (graph, end) = CommitGraph::decode(bytes.clone(), repo);
    if graph.is_empty() {
        return;
    }
    assert_eq!([&HEADER[..], &graph.layer(0)].concat(), bytes[..end]);
    let key = PathKey::of(&RepoPath::parse("a/b").expect("a path"));
    for at in 0..graph.len() as u32 {
        graph.changed(at, &key);
        assert!(graph.find(graph.row(at).id).is_some());
        for parent in graph.parents(at) {
            assert!(graph.row(*parent).generation < graph.row(at).generation && *parent < at);
        }
    }
});
