//! Something outside, or its key, that decodes is exactly what it encodes to.

#![no_main]

use aisr::object::{ExternalEntry, ExternalKey};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    if let Ok(entry) = ExternalEntry::decode(data) {
        assert_eq!(entry.encode(), data);
    }
    if let Ok(key) = ExternalKey::decode(data) {
        assert_eq!(key.encode(), data);
    }
});
