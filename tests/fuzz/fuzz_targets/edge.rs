//! An edge, or its key, that decodes is exactly what it encodes to.

#![no_main]

use aisr::object::{Edge, EdgeKey};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    if let Ok(edge) = Edge::decode(data) {
        assert_eq!(edge.encode(), data);
    }
    if let Ok(key) = EdgeKey::decode(data) {
        assert_eq!(key.encode(), data);
    }
});
