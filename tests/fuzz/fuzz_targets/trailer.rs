//! A trailer that decodes is exactly what it encodes to. The first eight bytes are the file's
//! length.
//!
//! No fuzzer finds a checksum, so the input is also tried with the right one set in.

#![no_main]

use aisr::store::Trailer;
use libfuzzer_sys::fuzz_target;

const CONTEXT: &str = "aisr 2026-11-24 pack trailer v1";

fuzz_target!(|data: &[u8]| {
    let Some((len, rest)) = data.split_first_chunk::<8>() else { return };
    let Some(bytes) = rest.first_chunk::<32>() else { return };
    let len = u64::from_le_bytes(*len);
    try_decode(bytes, len);
    let mut mended = *bytes;
    mended[16..24].copy_from_slice(&blake3::derive_key(CONTEXT, &bytes[..16])[..8]);
    try_decode(&mended, len);
});

fn try_decode(bytes: &[u8; 32], len: u64) {
    if let Ok(trailer) = Trailer::decode(bytes, len) {
        assert_eq!(trailer.encode(), *bytes);
        assert_eq!(trailer.footer_offset + trailer.footer_len + 32, len);
    }
}
