//! A public key that is read from a line writes the line's first two words again, and the bytes that
//! payloads hold are accepted as they are.

#![no_main]

use aisr::object::KeyBytes;
use aisr::sign::PublicKey;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    if let Ok(raw) = KeyBytes::from_slice(data)
        && let Ok(key) = PublicKey::from_bytes(&raw)
    {
        assert_eq!(key.as_bytes().to_vec(), data);
        assert_eq!(PublicKey::from_openssh(&key.to_openssh("")).expect("our own line"), key);
    }
    let Ok(text) = std::str::from_utf8(data) else { return };
    let Ok(key) = PublicKey::from_openssh(text) else { return };
    let lines = text.lines().map(str::trim);
    let line = lines.filter(|line| !line.is_empty() && !line.starts_with('#')).next();
    let words = line.expect("a key stands in a line").split_ascii_whitespace();
    assert_eq!(words.take(2).collect::<Vec<_>>().join(" "), key.to_openssh(""));
    assert_eq!(PublicKey::from_bytes(key.as_bytes()).expect("its own bytes"), key);
});
