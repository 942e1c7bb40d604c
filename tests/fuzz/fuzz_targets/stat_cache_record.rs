//! Records of the stat cache, one after the other: each that decodes is exactly what it encodes to.

#![no_main]

use aisr::worktree::{decode_record, encode_record};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let mut rest = data;
    while let Some((record, len)) = decode_record(rest) {
        let mut again = Vec::new();
        encode_record(&record, &mut again);
        assert_eq!(again, rest[..len]);
        rest = &rest[len..];
    }
});
