//! A log entry's payload that decodes is exactly what it encodes to.

#![no_main]

use aisr::object::LogEntry;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    if let Ok(decoded) = LogEntry::decode(data) {
        assert_eq!(decoded.encode(), data);
    }
});
