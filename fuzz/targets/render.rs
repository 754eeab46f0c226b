//! Fuzzes `keyrota_fuzz::render`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| keyrota_fuzz::render::run(input));
