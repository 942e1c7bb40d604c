//! A genesis that decodes is exactly what it encodes to, and so is the trust root in it.

#![no_main]

use aisr::object::Genesis;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    if let Ok((genesis, root)) = Genesis::decode(data) {
        assert_eq!(genesis.encode(), data);
        assert_eq!(root.encode(), genesis.trust_root);
    }
});
