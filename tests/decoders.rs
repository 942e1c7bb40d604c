//! Decoding what the files beside the packs may hold: never a panic, and one value has one form.

use aisr::log::{FRAME_HEAD_LEN, Frame, Head, HeadEntry, RefName, Refs, next_frame};
use aisr::object::{Id, LogEntryId, LogId, PackId};
use aisr::repo::Format;
use aisr::store::salvage;
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
        at: prop::sample::Index,
        byte: u8,
        noise: Vec<u8>,
    ) {
        let format = Format { requires: names.clone(), requires_write: names };
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
