//! The plan of an operation that decodes is exactly what it encodes to.

#![no_main]

use aisr::object::Operation;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    if let Ok(decoded) = Operation::decode(data) {
        assert_eq!(decoded.encode(), data);
    }
});
