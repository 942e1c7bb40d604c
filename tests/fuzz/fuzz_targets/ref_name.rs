//! A name of a ref that is accepted is kept as it is and stays one line of one word.

#![no_main]

use aisr::log::RefName;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Ok(name) = RefName::new(data) else { return };
    assert_eq!(name.as_bytes(), data);
    assert!(data.ends_with(name.short()));
    assert!(!data.iter().any(|byte| *byte <= b' ' || *byte == 0x7f));
    assert!(!data.windows(2).any(|pair| pair == b".." || pair == b"//"));
});
