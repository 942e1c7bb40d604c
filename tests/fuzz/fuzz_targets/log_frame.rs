//! Frames of a log file that are whole are exactly what their entries frame to.
//!
//! No fuzzer finds a checksum, so the input is also tried with the right one set in.

#![no_main]

use aisr::log::{FRAME_HEAD_LEN, Frame, next_frame};
use libfuzzer_sys::fuzz_target;

const CONTEXT: &str = "aisr 2026-11-24 log frame v1";

fuzz_target!(|data: &[u8]| {
    walk(data);
    let Some((len, rest)) = data.split_first_chunk::<4>() else { return };
    let entry = rest.get(8..).and_then(|rest| rest.get(..u32::from_le_bytes(*len) as usize));
    if let Some(entry) = entry {
        let mut mended = data.to_vec();
        mended[4..FRAME_HEAD_LEN].copy_from_slice(&sum(entry));
        assert!(walk(&mended) > 0, "a frame with the right checksum is whole");
    }
});

fn walk(mut bytes: &[u8]) -> usize {
    let mut whole = 0;
    while let Frame::Whole(entry, rest) = next_frame(bytes) {
        let len = (entry.len() as u32).to_le_bytes();
        assert_eq!([&len[..], &sum(entry), entry, rest].concat(), bytes);
        (bytes, whole) = (rest, whole + 1);
    }
    whole
}

fn sum(entry: &[u8]) -> [u8; 8] {
    let mut hasher = blake3::Hasher::new_derive_key(CONTEXT);
    hasher.update(&(entry.len() as u32).to_le_bytes()).update(entry);
    *hasher.finalize().as_bytes().first_chunk().expect("a hash has 32 bytes")
}
