//! YAML: its records come in order and within bounds, and opening it never fails.

#![no_main]

#[path = "../support/views.rs"]
mod views;

use aisr::view::Kind;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| views::check(data, Kind::Yaml, "a.yaml"));
