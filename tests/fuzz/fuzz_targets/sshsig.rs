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
    // Behind the key's own fields: its application, and flags and counter of its signature.
    let application = parsed.key.as_bytes().application();
    let touch = if application.is_some() { 5 } else { 0 };
    let (_, signature) = data.split_at(data.len() - 64 - touch);
    let (signature, touch) = signature.split_at(64);
    let mut again = b"SSHSIG\0\0\0\x01".to_vec();
    let mut key = named(application, parsed.key.as_bytes().point());
    if let Some(application) = application {
        string(&mut key, application);
    }
    string(&mut again, &key);
    string(&mut again, parsed.namespace.as_bytes());
    string(&mut again, b"");
    string(&mut again, b"sha512");
    string(&mut again, &[named(application, signature), touch.to_vec()].concat());
    assert_eq!(again, data);
});

fn named(application: Option<&[u8]>, raw: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    string(
        &mut out,
        match application {
            Some(_) => b"sk-ssh-ed25519@openssh.com",
            None => b"ssh-ed25519",
        },
    );
    string(&mut out, raw);
    out
}

fn string(out: &mut Vec<u8>, bytes: &[u8]) {
    out.extend_from_slice(&(bytes.len() as u32).to_be_bytes());
    out.extend_from_slice(bytes);
}
