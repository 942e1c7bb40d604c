//! Whatever a header claims, the cuts of a file are never empty, never above the limit, and add up
//! to the file. The first eight bytes are the length that the header is told.

#![no_main]

use aisr::chunk::{Cutter, MAX_CHUNK, MAX_HEAD};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Some((claimed, file)) = data.split_first_chunk::<8>() else { return };
    for file_len in [file.len() as u64, u64::from_le_bytes(*claimed)] {
        if let Some(more) = Cutter::bytes_needed(file, file_len) {
            assert!(more > file.len() && more <= MAX_HEAD);
        }
        let mut cutter = Cutter::new(file, file_len);
        let mut rest = file;
        while let Some(cut) = cutter.next(rest, true) {
            assert!(cut.len > 0 && cut.len <= MAX_CHUNK);
            rest = &rest[cut.len..];
        }
        assert!(rest.is_empty());
    }
});
