//! What is encoded under any hint decodes to itself and never grows. The first byte is the hint.

#![no_main]

use aisr::chunk::{ContentHint, Decoder, Encoder};
use libfuzzer_sys::fuzz_target;

const HINTS: [ContentHint; 5] = [
    ContentHint::Unknown,
    ContentHint::Bf16,
    ContentHint::Numeric,
    ContentHint::SqlitePage,
    ContentHint::Block,
];

fuzz_target!(|data: &[u8]| {
    let Some((number, rest)) = data.split_first() else { return };
    // Codecs differ only on chunks of some size, so small inputs are also tried repeated.
    for content in [rest.to_vec(), rest.repeat(64)] {
        let mut stored = Vec::new();
        let hint = HINTS[usize::from(*number) % HINTS.len()];
        let codec = Encoder::new().encode(hint, &content, &mut stored);
        assert!(stored.len() <= content.len());
        let mut again = Vec::new();
        let decoded = Decoder::new().decode(codec, &stored, content.len(), &mut again);
        decoded.expect("our own encoding");
        assert_eq!(again, content);
    }
});
