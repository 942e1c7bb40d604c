//! A commit's payload that decodes is exactly what it encodes to.

#![no_main]

use aisr::object::Commit;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    if let Ok(decoded) = Commit::decode(data) {
        assert_eq!(decoded.encode(), data);
    }
});
