//! A trust root's payload that decodes is exactly what it encodes to.

#![no_main]

use aisr::object::TrustRoot;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    if let Ok(decoded) = TrustRoot::decode(data) {
        assert_eq!(decoded.encode(), data);
    }
});
