//! A signature that is accepted is the one encoding of what was read out of it, as RFC 4251
//! strings put together again here.

#![no_main]

use aisr::sign::{from_armored, parse_sshsig, to_armored};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    if let Ok(text) = std::str::from_utf8(data)
        && let Ok(raw) = from_armored(text)
    {
        assert_eq!(from_armored(&to_armored(&raw)).expect("our own armor"), raw);
    }
    let Ok(parsed) = parse_sshsig(data) else { return };
    let mut again = b"SSHSIG\0\0\0\x01".to_vec();
    string(&mut again, &named(parsed.key.as_bytes()));
    string(&mut again, parsed.namespace.as_bytes());
    string(&mut again, b"");
    string(&mut again, b"sha512");
    let signature = data.last_chunk::<64>().expect("an ed25519 signature stands at the end");
    string(&mut again, &named(signature));
    assert_eq!(again, data);
});

fn named(raw: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    string(&mut out, b"ssh-ed25519");
    string(&mut out, raw);
    out
}

fn string(out: &mut Vec<u8>, bytes: &[u8]) {
    out.extend_from_slice(&(bytes.len() as u32).to_be_bytes());
    out.extend_from_slice(bytes);
}
