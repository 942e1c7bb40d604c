//! The keys of an agent's answer that is accepted, put together again, are the whole answer, where
//! all of them are supported and their comments are text that is not cut.

#![no_main]

use aisr::sign::parse_identities;
use data_encoding::BASE64;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Ok(found) = parse_identities(data) else { return };
    let mut again = vec![12];
    again.extend_from_slice(&(found.len() as u32).to_be_bytes());
    for held in found {
        let Ok(key) = held.key else { return };
        if held.comment.contains('\u{fffd}') || held.comment.chars().count() >= 1024 {
            return;
        }
        let line = key.to_openssh("");
        let blob = line.split(' ').nth(1).expect("the key stands behind its type");
        string(&mut again, &BASE64.decode(blob.as_bytes()).expect("our own base64"));
        string(&mut again, held.comment.as_bytes());
    }
    assert_eq!(again, data);
});

fn string(out: &mut Vec<u8>, bytes: &[u8]) {
    out.extend_from_slice(&(bytes.len() as u32).to_be_bytes());
    out.extend_from_slice(bytes);
}
