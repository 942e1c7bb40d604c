//! A record's header that decodes is exactly what it encodes to.
//!
//! No fuzzer finds a checksum, so the input is also tried with the right one set in.

#![no_main]

use aisr::store::RecordHeader;
use libfuzzer_sys::fuzz_target;

const CONTEXT: &str = "aisr 2026-11-24 record header v1";
const HEAD_LEN: usize = 24;
const CHECKED: usize = 16;

fuzz_target!(|data: &[u8]| {
    try_decode(data);
    if let Some(table_len) = table_len(data) {
        let mut mended = data.to_vec();
        let mut hasher = blake3::Hasher::new_derive_key(CONTEXT);
        hasher.update(&data[..CHECKED]).update(&data[HEAD_LEN..HEAD_LEN + table_len]);
        mended[CHECKED..HEAD_LEN].copy_from_slice(&hasher.finalize().as_bytes()[..8]);
        try_decode(&mended);
    }
});

fn try_decode(data: &[u8]) {
    if let Ok((header, len)) = RecordHeader::decode(data) {
        let mut again = Vec::new();
        header.encode(&mut again);
        assert_eq!(again, &data[..len]);
    }
}

/// The length of the table behind the head, if `data` holds all of it (`docs/format.md`, "Packs").
fn table_len(data: &[u8]) -> Option<usize> {
    let head = data.first_chunk::<HEAD_LEN>()?;
    let rows = usize::from(u16::from_le_bytes([head[6], head[7]])) * 8;
    let table = &data[HEAD_LEN..];
    let roots = table.get(..rows)?.chunks_exact(8).filter(|row| row[1] & 1 != 0).count();
    Some(rows + roots * 32).filter(|len| *len <= table.len())
}
