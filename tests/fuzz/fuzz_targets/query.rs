//! No text makes the parser of questions panic, and what is wrong with one is told at a place in it.

#![no_main]

use aisr::history::query::parse;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Ok(text) = str::from_utf8(data) else { return };
    match parse(text) {
        Ok(question) => assert!(!question.atoms().is_empty() && question.atoms().len() <= 256),
        Err(error) => {
            assert!(error.at <= text.len());
            let (line, column) = error.line(text);
            assert!(text.contains(line) && column <= line.chars().count());
        }
    }
});
