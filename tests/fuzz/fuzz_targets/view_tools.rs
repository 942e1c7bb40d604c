//! Lists of tools: records come in order, and what is not among the tools is in the other table.

#![no_main]

#[path = "../support/views.rs"]
mod views;

use aisr::view::Kind;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| views::check(data, Kind::Tools, "tools.json"));
