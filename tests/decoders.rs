//! Decoding what the files beside the packs may hold: never a panic, and one value has one form.

use aisr::log::{
    FRAME_HEAD_LEN, Frame, Head, HeadEntry, PlaceFile, RefName, Refs, SharedLog, next_frame,
};
use aisr::object::{Id, LogEntryId, LogId, RepositoryId};
use aisr::repo::Format;
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
}
