//! Any bytes are the log of a bisection or are told what is wrong with them; what is read is written
//! again and read alike.

#![no_main]

use aisr::history::bisect::Session;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    if let Ok(session) = Session::decode(data) {
        assert_eq!(session.encode(), data);
    }
    match Session::replay(data) {
        Ok(session) => {
            let written = session.encode();
            assert_eq!(Session::decode(&written).as_ref(), Ok(&session));
            let lines: Vec<_> = session.lines().collect();
            assert_eq!(Session::replay(lines.join("\n").as_bytes()), Ok(session));
        }
        Err(error) => assert!(error.line >= 1 && error.line <= data.len() + 1),
    }
});
