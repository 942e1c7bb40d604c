//! Stored bytes decode to exactly the stated length, or to an error that leaves the buffer alone.
//! The first byte is the codec, the next three the stated length.

#![no_main]

use aisr::chunk::{Codec, Decoder};
use libfuzzer_sys::fuzz_target;

const BEFORE: &[u8] = b"before";

fuzz_target!(|data: &[u8]| {
    let Some(([number, len @ ..], stored)) = data.split_first_chunk::<4>() else { return };
    let Some(codec) = Codec::from_u8(number % 3) else { return };
    // 128 KiB is more than any input can state without being mostly made up.
    let len = u32::from_le_bytes([len[0], len[1], len[2], 0]) as usize % (128 << 10);
    let mut out = BEFORE.to_vec();
    match Decoder::new().decode(codec, stored, len, &mut out) {
        Ok(()) => {
            assert_eq!(out.len(), BEFORE.len() + len);
            assert!(out.starts_with(BEFORE));
            if codec == Codec::Raw {
                assert_eq!(&out[BEFORE.len()..], stored);
            }
        }
        Err(_) => assert_eq!(out, BEFORE),
    }
});
