//! A composite key that decodes is exactly what it encodes to.

#![no_main]

use aisr::object::tuple;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    if let Ok(elements) = tuple::decode(data) {
        assert_eq!(tuple::encode(&elements), data);
    }
});
