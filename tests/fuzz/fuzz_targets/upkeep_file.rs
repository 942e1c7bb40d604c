//! The files that upkeep leaves for itself: what decodes is exactly what it encodes to.
//!
//! No fuzzer finds a checksum, so the input is also tried as the text that the right one follows.

#![no_main]

use aisr::object::{decode_id_list, encode_id_list};
use aisr::upkeep::Collected;
use libfuzzer_sys::fuzz_target;

const CONTEXTS: [&str; 2] = ["aisr 2026-11-25 id list v1", "aisr 2026-11-25 collected v1"];

fuzz_target!(|data: &[u8]| {
    try_decode(data);
    let at = data.windows(9).rposition(|w| w == b"checksum ").unwrap_or(data.len());
    for context in CONTEXTS {
        let mut mended = data[..at].to_vec();
        let sum = blake3::Hash::from_bytes(blake3::derive_key(context, &mended));
        mended.extend_from_slice(format!("checksum {sum}\n").as_bytes());
        try_decode(&mended);
    }
});

fn try_decode(data: &[u8]) {
    for name in ["doomed", "expired"] {
        if let Ok(ids) = decode_id_list(name, data) {
            assert_eq!(encode_id_list(name, &ids), data);
        }
    }
    if let Some(state) = str::from_utf8(data).ok().and_then(Collected::decode) {
        assert_eq!(state.encode().as_bytes(), data);
    }
}
