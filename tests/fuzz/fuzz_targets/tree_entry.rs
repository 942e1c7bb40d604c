//! A tree entry that decodes is exactly what it encodes to.

#![no_main]

use aisr::object::TreeEntry;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    if let Ok(entry) = TreeEntry::decode(data) {
        assert_eq!(entry.encode(), data);
    }
});
