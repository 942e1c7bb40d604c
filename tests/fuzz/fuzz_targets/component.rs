//! A component, or its key, that decodes is exactly what it encodes to.

#![no_main]

use aisr::object::{Component, ComponentKey};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    if let Ok(component) = Component::decode(data) {
        assert_eq!(component.encode(), data);
    }
    if let Ok(key) = ComponentKey::decode(data) {
        assert_eq!(key.encode(), data);
    }
});
