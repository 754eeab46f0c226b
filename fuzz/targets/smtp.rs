//! Fuzzes `keyrota_fuzz::smtp`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| keyrota_fuzz::smtp::run(input));
