//! A signed object that decodes is exactly what its two halves encode to.

#![no_main]

use aisr::object::Signed;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    if let Ok(signed) = Signed::decode(data) {
        assert_eq!(signed.encode(), data);
    }
});
