//! Decoding what the files beside the packs may hold, and what an agent may answer: never a panic,
//! and one value has one form.

use aisr::history::commit_graph::{CommitGraph, PathKey};
use aisr::log::{
    FRAME_HEAD_LEN, Frame, Head, HeadEntry, PlaceFile, RefName, Refs, SharedLog, next_frame,
};
use aisr::object::{
    Id, KeyBytes, LogEntryId, LogId, PackId, RepoPath, RepositoryId, decode_id_list, encode_id_list,
};
use aisr::repo::Format;
use aisr::sign::{PublicKey, parse_identities};
use aisr::store::salvage;
use aisr::upkeep::Collected;
use proptest::prelude::*;

fn id() -> impl Strategy<Value = Id> {
    any::<[u8; 32]>().prop_map(Id::new)
}

fn refs() -> impl Strategy<Value = Refs> {
    let name = "[a-z]{1,9}(/[a-z0-9]{1,9})?".prop_map(|name| RefName::branch(&name).unwrap());
    let head = prop_oneof![name.clone().prop_map(Head::Branch), id().prop_map(Head::Detached)];
    let numbers = (any::<u64>(), any::<u64>(), any::<u64>());
    let all = prop::collection::btree_map(name, id(), 0..4);
    (any::<[u8; 16]>(), id(), numbers, head, all).prop_map(
        |(log, last, (sequence, offset, length), head, refs)| Refs {
            log: LogId::new(log),
            last: HeadEntry { sequence, id: LogEntryId::from_id(last), offset },
            length,
            head,
            refs,
        },
    )
}

fn checksummed(body: &[u8], context: &str) -> Vec<u8> {
    let sum = Id::new(blake3::derive_key(context, body));
    [body, format!("checksum {sum}\n").as_bytes()].concat()
}

fn graph_of() -> RepositoryId {
    RepositoryId::from_id(Id::new([3; 32]))
}

fn graph_header() -> Vec<u8> {
    [&b"AISRGRPH\x02\x01\0\0\0\0\0\0"[..], &[3; 32]].concat()
}

/// A layer with the right checksum, whatever its head (16 bytes) and body say.
fn graph_layer(head: &[u8], body: &[u8]) -> Vec<u8> {
    let mut hasher = blake3::Hasher::new_derive_key("aisr 2026-11-25 commit graph layer v1");
    hasher.update(head).update(body);
    [head, &hasher.finalize().as_bytes()[..8], body].concat()
}

/// Head and body of a sound layer: commits with parents before them, and filters.
fn sound_layer() -> impl Strategy<Value = (Vec<u8>, Vec<u8>)> {
    let parents = prop::collection::vec(any::<prop::sample::Index>(), 0..5);
    let commit =
        (any::<[u8; 32]>(), any::<i64>(), parents, prop::collection::vec(any::<u8>(), 0..9));
    prop::collection::vec(commit, 1..9).prop_map(|commits| {
        let (mut rows, mut edges, mut filters) = (Vec::new(), Vec::new(), Vec::new());
        let mut generations: Vec<u32> = Vec::new();
        for (n, (id, time, parents, filter)) in commits.into_iter().enumerate() {
            let parents = parents.iter().filter(|_| n > 0).map(|parent| parent.index(n) as u32);
            let mut parents: Vec<u32> = parents.collect();
            parents.sort_unstable();
            parents.dedup();
            let highest = parents.iter().map(|at| generations[*at as usize]).max().unwrap_or(0);
            generations.push(highest + 1);
            let (first, second) = match parents[..] {
                [] => (u32::MAX, u32::MAX),
                [one] => (one, u32::MAX),
                [one, two] => (one, two),
                _ => (parents[0], 1 << 31 | edges.len() as u32),
            };
            if parents.len() > 2 {
                edges.extend_from_slice(&parents[1..]);
                *edges.last_mut().unwrap() |= 1 << 31;
            }
            filters.extend(filter);
            rows.extend([&id[..], &[n as u8; 32], &[n as u8; 32], &time.to_le_bytes()].concat());
            for number in [highest + 1, first, second, filters.len() as u32] {
                rows.extend(number.to_le_bytes());
            }
        }
        let counts = [0, generations.len(), edges.len(), filters.len()];
        let head = counts.iter().flat_map(|count| (*count as u32).to_le_bytes()).collect();
        let edges = edges.iter().flat_map(|edge| edge.to_le_bytes());
        (head, rows.into_iter().chain(edges).chain(filters).collect())
    })
}

/// Reads a file of one layer; gives its commits, and whether what was read has that very form.
fn read_graph(bytes: &[u8]) -> (usize, bool) {
    let (graph, end) = CommitGraph::decode(bytes.to_vec(), graph_of());
    let path = PathKey::of(&RepoPath::parse("a/b").unwrap());
    for at in 0..graph.len() as u32 {
        graph.changed(at, &path);
        assert!(graph.parents(at).iter().all(|parent| *parent < at));
        assert_eq!(
            graph.find(graph.row(at).id).map(|found| graph.row(found).id),
            Some(graph.row(at).id)
        );
    }
    let same = graph.is_empty() || [graph_header(), graph.layer(0)].concat() == bytes[..end];
    (graph.len(), same)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn refs_read_as_they_were_written(refs in refs()) {
        prop_assert_eq!(Refs::decode(&refs.encode()), Ok(refs));
    }

    #[test]
    fn changed_refs_are_refused(refs in refs(), at: prop::sample::Index, bit in 0u32..8) {
        let mut bytes = refs.encode();
        let at = at.index(bytes.len());
        bytes[at] ^= 1u8 << bit;
        prop_assert!(Refs::decode(&bytes).is_err());
        prop_assert!(Refs::decode(&bytes[..at]).is_err());
    }

    #[test]
    fn refs_with_a_right_checksum_mean_what_they_say(
        refs in refs(),
        at: prop::sample::Index,
        byte: u8,
        noise: Vec<u8>,
    ) {
        let mut body = refs.encode();
        body.truncate(body.len() - "checksum \n".len() - 64);
        for body in [noise.clone(), [b"aisr-refs 0\n".as_slice(), &noise].concat()] {
            let bytes = checksummed(&body, "aisr 2026-11-24 refs file v1");
            prop_assert!(Refs::decode(&bytes).map_or(true, |refs| refs.encode() == bytes));
        }
        let at = at.index(body.len());
        body[at] = byte;
        let bytes = checksummed(&body, "aisr 2026-11-24 refs file v1");
        prop_assert!(Refs::decode(&bytes).map_or(true, |refs| refs.encode() == bytes));
    }

    #[test]
    fn a_format_with_a_right_checksum_means_what_it_says(
        names in prop::collection::vec("[a-z-]{1,9}", 0..3),
        chunker: u32,
        at: prop::sample::Index,
        byte: u8,
        noise: Vec<u8>,
    ) {
        let format = Format { requires: names.clone(), requires_write: names, chunker };
        let text = format.encode();
        prop_assert_eq!(Format::decode(text.as_bytes()), Ok(format));
        let mut body = text.into_bytes();
        body.truncate(body.len() - "checksum \n".len() - 64);
        let at = at.index(body.len());
        body[at] = byte;
        for body in [body, noise] {
            let bytes = checksummed(&body, "aisr 2026-11-24 format file v1");
            let read = Format::decode(&bytes);
            prop_assert!(read.map_or(true, |format| format.encode().into_bytes() == bytes));
        }
    }

    #[test]
    fn a_place_file_with_a_right_checksum_means_what_it_says(
        repo in id(),
        log: [u8; 16],
        at: prop::sample::Index,
        byte: u8,
        noise: Vec<u8>,
    ) {
        let file = PlaceFile { repo: RepositoryId::from_id(repo), log: LogId::new(log) };
        let text = file.encode();
        prop_assert_eq!(PlaceFile::decode(text.as_bytes()), Ok(file));
        let mut body = text.into_bytes();
        body.truncate(body.len() - "checksum \n".len() - 64);
        let at = at.index(body.len());
        body[at] = byte;
        for body in [body, noise] {
            let bytes = checksummed(&body, "aisr 2026-11-25 place file v1");
            let read = PlaceFile::decode(&bytes);
            prop_assert!(read.map_or(true, |file| file.encode().into_bytes() == bytes));
        }
    }

    #[test]
    fn arbitrary_bytes_are_no_entry_of_a_shared_log(repo in id(), bytes: Vec<u8>) {
        let mut log = SharedLog::new(RepositoryId::from_id(repo), LogId::new([1; 16]));
        let before = log.clone();
        prop_assert!(log.take(&bytes).is_err());
        prop_assert_eq!(log, before);
    }

    #[test]
    fn what_was_collected_reads_as_it_was_written(
        ids in (id(), id()), keep: u64, until: i64, held: bool,
        at: prop::sample::Index, byte: u8,
    ) {
        let state = Collected { log: LogEntryId::from_id(ids.0), packs: ids.1, keep, until, held };
        let text = state.encode();
        prop_assert_eq!(Collected::decode(&text), Some(state));
        let mut body = text.into_bytes();
        body.truncate(body.len() - "checksum \n".len() - 64);
        let at = at.index(body.len());
        body[at] = byte;
        let bytes = checksummed(&body, "aisr 2026-11-25 collected v1");
        if let Some(read) = str::from_utf8(&bytes).ok().and_then(Collected::decode) {
            prop_assert_eq!(read.encode().into_bytes(), bytes);
        }
    }

    #[test]
    fn a_key_means_its_bytes(
        point: [u8; 32],
        application in "(ssh:)?[ -~]{0,70}",
        noise in prop::collection::vec(any::<u8>(), 0..120),
    ) {
        for bytes in [noise, [&point[..], application.as_bytes()].concat()] {
            let Ok(key) = KeyBytes::from_slice(&bytes) else { continue };
            prop_assert_eq!(key.to_vec(), bytes);
            let Ok(key) = PublicKey::from_bytes(&key) else { continue };
            prop_assert_eq!(PublicKey::from_openssh(&key.to_openssh("")).unwrap(), key);
        }
    }

    #[test]
    fn a_list_of_ids_with_a_right_checksum_means_what_it_says(
        ids in prop::collection::btree_set(id(), 0..4), at: prop::sample::Index, byte: u8,
        noise: Vec<u8>,
    ) {
        let mut body = encode_id_list("expired", &ids);
        body.truncate(body.len() - "checksum \n".len() - 64);
        let at = at.index(body.len());
        body[at] = byte;
        for body in [body, [b"aisr-expired 0\n".as_slice(), &noise].concat()] {
            let bytes = checksummed(&body, "aisr 2026-11-25 id list v1");
            let read = decode_id_list("expired", &bytes);
            prop_assert!(read.map_or(true, |ids| encode_id_list("expired", &ids) == bytes));
        }
    }

    #[test]
    fn an_agents_answer_is_bounded_by_its_bytes(
        count: u32,
        strings in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..60), 0..8),
        noise: Vec<u8>,
    ) {
        let mut answer = vec![12];
        answer.extend_from_slice(&count.to_be_bytes());
        for string in &strings {
            answer.extend_from_slice(&(string.len() as u32).to_be_bytes());
            answer.extend_from_slice(string);
        }
        let whole = count as usize * 2 == strings.len();
        prop_assert_eq!(parse_identities(&answer).is_ok(), whole);
        let sized = (strings.len() as u32 / 2).to_be_bytes();
        answer[1..5].copy_from_slice(&sized);
        prop_assert_eq!(parse_identities(&answer).is_ok(), strings.len() % 2 == 0);
        answer.extend_from_slice(&noise);
        let _ = parse_identities(&answer);
        let _ = parse_identities(&noise);
    }

    #[test]
    fn arbitrary_bytes_are_no_frame(bytes: Vec<u8>) {
        let frame = next_frame(&bytes);
        let expected = if bytes.is_empty() { frame == Frame::End } else {
            matches!(frame, Frame::Torn(_))
        };
        prop_assert!(expected);
    }

    #[test]
    fn a_frame_says_no_more_than_is_there(len: u32, rest: Vec<u8>) {
        let bytes = [&len.to_le_bytes()[..], &[0; FRAME_HEAD_LEN - 4], &rest].concat();
        prop_assert!(matches!(next_frame(&bytes), Frame::Torn(_)));
    }

    #[test]
    fn a_commit_graph_has_one_form((head, body) in sound_layer(), noise: Vec<u8>) {
        let sound = [graph_header(), graph_layer(&head, &body)].concat();
        let count = u32::from_le_bytes(*head[4..].first_chunk().unwrap()) as usize;
        prop_assert_eq!(read_graph(&sound), (count, true));
        prop_assert_eq!(read_graph(&[&sound[..], &noise].concat()), (count, true));
        prop_assert_eq!(read_graph(&[&graph_header()[..], &noise].concat()), (0, true));
        prop_assert_eq!(read_graph(&noise), (0, true));
    }

    #[test]
    fn a_changed_commit_graph_is_refused_or_means_what_it_says(
        (mut head, mut body) in sound_layer(),
        at: prop::sample::Index,
        byte: u8,
    ) {
        let at = at.index(head.len() + body.len());
        let changed = if at < head.len() { &mut head[at] } else { &mut body[at - 16] };
        *changed = byte;
        let bytes = [graph_header(), graph_layer(&head, &body)].concat();
        prop_assert!(read_graph(&bytes).1);
    }

    #[test]
    fn what_is_salvaged_from_any_bytes_hashes_to_its_id(
        parts in prop::collection::vec(pack_part(), 0..6),
        cut: prop::sample::Index,
    ) {
        let bytes = parts.concat();
        let file = tempfile::NamedTempFile::new().unwrap();
        let cut = if bytes.is_empty() { 0 } else { cut.index(bytes.len()) };
        for bytes in [&bytes[..], &bytes[..cut]] {
            std::fs::write(file.path(), bytes).unwrap();
            let (mut found, mut sound) = (0, true);
            let salvaged = salvage(file.path(), PackId::of(b"a name"), &mut |record| {
                let mut start = 0;
                for (slot, id) in record.header.slots.iter().zip(record.ids) {
                    let object = &record.decoded[start..start + slot.len as usize];
                    sound &= id.is_none_or(|id| slot.kind.id_of(object) == id);
                    found += u64::from(id.is_some());
                    start += slot.len as usize;
                }
                Ok(())
            });
            prop_assert!(sound);
            prop_assert_eq!(salvaged.unwrap().objects, found);
        }
    }
}

/// A sound record of one blob, a mark that stands anywhere, or noise.
fn pack_part() -> impl Strategy<Value = Vec<u8>> {
    let record = any::<Vec<u8>>().prop_map(|content| {
        let len = (content.len() as u32).to_le_bytes();
        let head = [&b"AREC\0\0\x01\0"[..], &len, &len].concat();
        let row = [&[0; 4][..], &len].concat();
        let mut hasher = blake3::Hasher::new_derive_key("aisr 2026-11-24 record header v1");
        hasher.update(&head).update(&row);
        let sum = hasher.finalize().as_bytes()[..8].to_vec();
        [head, sum, row, content].concat()
    });
    let marks = prop_oneof![
        Just(b"AREC\0\0\x01\0".to_vec()),
        Just(b"AISRFOOT\0\x01".to_vec()),
        Just(b"AISRPACK\0\x01\0\0\0\0\0\0".to_vec()),
    ];
    prop_oneof![record, marks, any::<Vec<u8>>()]
}
