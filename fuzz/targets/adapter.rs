//! Fuzzes `keyrota_fuzz::adapter`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| keyrota_fuzz::adapter::run(input));
