//! JSON: what is read as it comes back in order, and serde_json agrees on what JSON is.

#![no_main]

#[path = "../support/views.rs"]
mod views;

use aisr::view::Kind;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| views::check(data, Kind::Json, "a.json"));
