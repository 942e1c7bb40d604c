//! Front matter: front and body come in order, and opening it never fails.

#![no_main]

#[path = "../support/views.rs"]
mod views;

use aisr::view::Kind;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| views::check(data, Kind::FrontMatter, "agent.md"));
