//! Fuzzes `keyrota_fuzz::event`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| keyrota_fuzz::event::run(input));
