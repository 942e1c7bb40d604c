//! JSON lines: records come in order, with keys and without, and none differs from itself.

#![no_main]

#[path = "../support/views.rs"]
mod views;

use aisr::view::Kind;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| views::check(data, Kind::JsonLines, "a.jsonl"));
