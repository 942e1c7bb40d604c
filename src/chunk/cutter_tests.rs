use std::collections::HashSet;

use proptest::prelude::*;

use super::*;

fn noise(seed: u64, len: usize) -> Vec<u8> {
    let mut data = vec![0; len];
    blake3::Hasher::new().update(&seed.to_le_bytes()).finalize_xof().fill(&mut data);
    data
}

/// Cuts as a caller does that holds up to `window` bytes at a time.
fn cuts(file: &[u8], window: usize) -> Vec<Cut> {
    let mut cutter = Cutter::new(&file[..file.len().min(1 << 20)], file.len() as u64);
    let mut rest = file;
    let mut cuts = Vec::new();
    loop {
        let seen = rest.len().min(window);
        let Some(cut) = cutter.next(&rest[..seen], seen == rest.len()) else {
            assert!(rest.is_empty());
            return cuts;
        };
        assert!(0 < cut.len && cut.len <= seen && cut.len <= MAX_CHUNK);
        rest = &rest[cut.len..];
        cuts.push(cut);
    }
}

fn chunks(file: &[u8]) -> Vec<&[u8]> {
    let mut rest = file;
    cuts(file, LOOKAHEAD)
        .into_iter()
        .map(|cut| {
            let (chunk, behind) = rest.split_at(cut.len);
            rest = behind;
            chunk
        })
        .collect()
}

/// How many chunks of `new` are not among those of `old`.
fn changed(old: &[u8], new: &[u8]) -> usize {
    let known: HashSet<&[u8]> = chunks(old).into_iter().collect();
    chunks(new).into_iter().filter(|chunk| !known.contains(chunk)).count()
}

/// A safetensors file of these brain-float tensors.
fn safetensors(tensors: &[&[u8]]) -> Vec<u8> {
    let mut start = 0;
    let entries: Vec<String> = tensors
        .iter()
        .enumerate()
        .map(|(i, tensor)| {
            let end = start + tensor.len();
            let entry = format!(
                r#""t{i}":{{"dtype":"BF16","shape":[{}],"data_offsets":[{start},{end}]}}"#,
                tensor.len() / 2
            );
            start = end;
            entry
        })
        .collect();
    let json = format!("{{{}}}", entries.join(","));
    [&(json.len() as u64).to_le_bytes()[..], json.as_bytes(), &tensors.concat()].concat()
}

/// Files that begin like each format, with a header that may lie, and unstructured ones.
fn file() -> impl Strategy<Value = Vec<u8>> {
    let head = prop_oneof![
        prop::collection::vec(any::<u8>(), 0..64),
        prop::collection::vec((0u64..3_000_000, 0u64..3_000_000), 0..8).prop_map(|offsets| {
            let entries: Vec<String> = offsets
                .iter()
                .enumerate()
                .map(|(i, (start, end))| {
                    format!(r#""{i}":{{"dtype":"BF16","shape":[],"data_offsets":[{start},{end}]}}"#)
                })
                .collect();
            let json = format!("{{{}}}", entries.join(","));
            [&(json.len() as u64).to_le_bytes()[..], json.as_bytes()].concat()
        }),
        any::<[u8; 2]>().prop_map(|page| [&b"SQLite format 3\0"[..], &page].concat()),
        Just([&b"SQLite format 3\0"[..], &[0x10, 0]].concat()),
        prop::collection::vec(any::<u8>(), 16..64)
            .prop_map(|rest| [&b"GGUF\x03\0\0\0"[..], &rest].concat()),
    ];
    (head, any::<u64>(), 0usize..2_500_000)
        .prop_map(|(head, seed, len)| [head, noise(seed, len)].concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn cuts_cover_the_file_and_do_not_depend_on_the_window(file in file(), more in 0usize..3_000_000) {
        let narrow = cuts(&file, LOOKAHEAD);
        prop_assert_eq!(narrow.iter().map(|cut| cut.len).sum::<usize>(), file.len());
        prop_assert_eq!(narrow, cuts(&file, LOOKAHEAD + more));
    }

    #[test]
    fn a_length_that_was_wrong_does_not_keep_a_file_from_being_covered(file in file(), stated in any::<u64>()) {
        let mut cutter = Cutter::new(&file, stated);
        let mut rest = &file[..];
        while let Some(cut) = cutter.next(rest, true) {
            rest = &rest[cut.len..];
        }
        prop_assert!(rest.is_empty());
    }

    #[test]
    fn a_tensor_gives_the_same_chunks_wherever_it_lies(shift in 0usize..1_000_000, len in 64usize << 10..2_000_000) {
        let (tensor, other) = (noise(3, len), noise(4, shift));
        let known: HashSet<Vec<u8>> = chunks(&safetensors(&[&tensor])).into_iter().map(<[u8]>::to_vec).collect();
        let shifted = safetensors(&[&other, &tensor, b"last"]);
        let found: usize = chunks(&shifted).into_iter().filter(|chunk| known.contains(*chunk)).map(<[u8]>::len).sum();
        prop_assert_eq!(found, len);
    }
}

#[test]
fn an_insertion_changes_few_chunks_of_an_unstructured_file() {
    let old = noise(1, 4_000_000);
    let changed_by = |at: usize, inserted: usize| {
        let new = [&old[..at], &noise(2, inserted), &old[at..]].concat();
        changed(&old, &new)
    };
    let counts = (0..256).map(|i: usize| changed_by(i * 2_654_435_761 % 4_000_000, 1 + i % 199));
    let counts: Vec<usize> = counts.collect();
    assert!(counts.iter().all(|count| *count <= 6), "{counts:?}");
    // One in some thousand places cuts fall together again only after ten.
    assert_eq!(changed_by(2_385_125, 15), 10);
}

#[test]
fn an_append_changes_only_the_last_chunk_and_what_is_new() {
    let old = noise(1, 2_000_000);
    let new = [&old[..], &noise(2, 500)].concat();
    assert!(changed(&old, &new) <= 2);
}

#[test]
fn a_window_too_short_to_decide_gives_no_cut() {
    let file = noise(1, LOOKAHEAD);
    let mut cutter = Cutter::new(&file, 1 << 30);
    assert_eq!(cutter.next(&file[1..], false), None);
    assert!(cutter.next(&file, false).is_some());
}

#[test]
fn an_empty_file_has_no_chunks() {
    assert_eq!(cuts(&[], LOOKAHEAD), []);
}

#[test]
fn brain_floats_are_cut_at_tensors_and_in_equal_steps() {
    let file = safetensors(&[&noise(1, 600_000), &noise(2, 100), &noise(3, 300)]);
    let found: Vec<_> =
        cuts(&file, LOOKAHEAD).into_iter().skip(1).map(|cut| (cut.len, cut.hint)).collect();
    let bf16 = ContentHint::Bf16;
    assert_eq!(found, [(262_144, bf16), (262_144, bf16), (75_712, bf16), (400, bf16)]);
}

#[test]
fn pages_are_cut_in_steps() {
    let mut file = noise(1, 40_000);
    file[..18].copy_from_slice(b"SQLite format 3\0\x10\0");
    let lens: Vec<_> = cuts(&file, LOOKAHEAD).iter().map(|cut| cut.len).collect();
    assert_eq!(lens, [16_384, 16_384, 7_232]);
}

#[test]
fn a_header_longer_than_the_head_is_asked_for() {
    let file = safetensors(&[&noise(1, 600_000)]);
    assert!(Cutter::bytes_needed(&file[..40], file.len() as u64).is_some_and(|len| len > 40));
    assert_eq!(Cutter::bytes_needed(&file[..1000], file.len() as u64), None);
    assert_eq!(Cutter::bytes_needed(&noise(1, 100), 1 << 30), None);
}
