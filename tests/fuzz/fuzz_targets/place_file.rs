//! A place file that decodes is exactly what it encodes to.
//!
//! No fuzzer finds a checksum, so the input is also tried as the text that the right one follows.

#![no_main]

use aisr::log::PlaceFile;
use libfuzzer_sys::fuzz_target;

const CONTEXT: &str = "aisr 2026-11-25 place file v1";

fuzz_target!(|data: &[u8]| {
    try_decode(data);
    let at = data.windows(9).rposition(|w| w == b"checksum ").unwrap_or(data.len());
    let mut mended = data[..at].to_vec();
    let sum = blake3::Hash::from_bytes(blake3::derive_key(CONTEXT, &mended));
    mended.extend_from_slice(format!("checksum {sum}\n").as_bytes());
    try_decode(&mended);
});

fn try_decode(data: &[u8]) {
    if let Ok(file) = PlaceFile::decode(data) {
        assert_eq!(file.encode().as_bytes(), data);
    }
}
