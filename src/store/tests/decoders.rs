//! Decoding what a pack may hold: never a panic, and one value has one encoding.

use proptest::prelude::*;

use crate::object::{Id, ObjectType, RecipeId, limits};
use crate::store::footer::FOOTER_HEAD_LEN;
use crate::store::record::{RECORD_HEAD_LEN, Slot, TRAILER_LEN};
use crate::store::{Entry, Footer, PackKind, RecordHeader, Trailer};

fn slots() -> impl Strategy<Value = Vec<Slot>> {
    let slot = (0u8..4, 0u32..2000, any::<Option<[u8; 32]>>()).prop_map(|(kind, len, builds)| {
        let kind = ObjectType::from_u8(kind).unwrap();
        let builds = builds.filter(|_| kind == ObjectType::Recipe).map(Id::new);
        Slot { kind, len, builds }
    });
    prop::collection::vec(slot, 1..20)
}

fn header() -> impl Strategy<Value = RecordHeader> {
    (slots(), any::<u8>(), 0..limits::RECORD as u32).prop_map(|(slots, codec, stored)| {
        let decoded = slots.iter().map(|slot| slot.len).sum();
        RecordHeader { codec, stored, decoded, slots }
    })
}

fn footer() -> impl Strategy<Value = Footer> {
    let entry =
        (any::<[u8; 32]>(), 16u64..5000, 0u32..9000, 0u8..4).prop_map(|(id, at, n, kind)| Entry {
            id: Id::new(id),
            record: at,
            stored: n / 2,
            decoded: n,
            start: n / 3,
            len: n / 4,
            kind: ObjectType::from_u8(kind).unwrap(),
            codec: kind,
            depth: kind % 4,
        });
    let recipe =
        any::<[[u8; 32]; 2]>().prop_map(|[a, b]| (Id::new(a), RecipeId::from_id(Id::new(b))));
    (prop::collection::vec(entry, 0..9), prop::collection::vec(recipe, 0..4), any::<bool>())
        .prop_map(|(entries, recipes, data)| {
            let kind = if data { PackKind::Data } else { PackKind::Meta };
            Footer { kind, records: 3, offset: 5000, entries, recipes }
        })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_record_header_reads_as_it_was_written(header in header(), tail: Vec<u8>) {
        let mut bytes = Vec::new();
        header.encode(&mut bytes);
        let len = bytes.len();
        bytes.extend(tail);
        prop_assert_eq!(RecordHeader::decode(&bytes), Ok((header, len)));
    }

    #[test]
    fn a_changed_record_header_is_refused(header in header(), at: prop::sample::Index, bit in 0u32..8) {
        let mut bytes = Vec::new();
        header.encode(&mut bytes);
        let at = at.index(bytes.len());
        bytes[at] ^= 1u8 << bit;
        prop_assert!(RecordHeader::decode(&bytes).is_err());
        for len in [0, RECORD_HEAD_LEN, bytes.len() - 1] {
            prop_assert!(RecordHeader::decode(&bytes[..len.min(bytes.len() - 1)]).is_err());
        }
    }

    #[test]
    fn arbitrary_bytes_are_no_record_header(bytes: Vec<u8>) {
        let bytes = [b"AREC".as_slice(), &bytes].concat();
        prop_assert!(RecordHeader::decode(&bytes).is_err());
    }

    #[test]
    fn a_trailer_is_one_of_its_own_file(bytes: [u8; TRAILER_LEN], offset: u32, len: u32) {
        prop_assert!(Trailer::decode(&bytes, u64::from(len)).is_err());
        let trailer = Trailer { footer_offset: u64::from(offset), footer_len: u64::from(len) };
        let file_len = u64::from(offset) + u64::from(len) + TRAILER_LEN as u64;
        prop_assert_eq!(Trailer::decode(&trailer.encode(), file_len), Ok(trailer));
        prop_assert!(Trailer::decode(&trailer.encode(), file_len + 1).is_err());
        let past_the_end = Trailer { footer_offset: u64::MAX, ..trailer };
        prop_assert!(Trailer::decode(&past_the_end.encode(), file_len).is_err());
    }

    #[test]
    fn a_footer_reads_as_it_was_written(mut footer in footer()) {
        let bytes = footer.encode();
        prop_assert_eq!(Footer::decode(&bytes, footer.offset), Ok(footer));
    }

    #[test]
    fn a_changed_footer_is_refused_or_means_what_it_says(
        mut footer in footer(),
        at: prop::sample::Index,
        byte: u8,
        cut: prop::sample::Index,
    ) {
        let mut bytes = footer.encode();
        let at = at.index(bytes.len());
        bytes[at] = byte;
        if let Ok(mut read) = Footer::decode(&bytes, footer.offset) {
            prop_assert_eq!(&read.encode(), &bytes);
        }
        prop_assert!(Footer::decode(&bytes[..cut.index(bytes.len())], footer.offset).is_err());
    }

    #[test]
    fn arbitrary_rows_are_refused_or_mean_what_they_say(rows: [[u8; 20]; 3], offset: u64) {
        // Sound but for one row of noise, so that the row itself is judged.
        let mut footer = Footer {
            kind: PackKind::Meta,
            records: 1,
            offset,
            entries: Vec::new(),
            recipes: Vec::new(),
        };
        let mut bytes = footer.encode();
        bytes[16] = 1;
        bytes.extend(rows.concat());
        prop_assert_eq!(bytes.len(), FOOTER_HEAD_LEN + 60);
        if let Ok(mut read) = Footer::decode(&bytes, offset) {
            prop_assert_eq!(read.encode(), bytes);
        }
    }
}
