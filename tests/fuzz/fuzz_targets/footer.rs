//! A footer that decodes is exactly what it encodes to. The first eight bytes say where it starts.

#![no_main]

use aisr::store::Footer;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Some((offset, bytes)) = data.split_first_chunk::<8>() else { return };
    if let Ok(mut footer) = Footer::decode(bytes, u64::from_le_bytes(*offset)) {
        assert_eq!(footer.encode(), bytes);
    }
});
