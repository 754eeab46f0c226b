//! Fuzzes `keyrota_fuzz::schedule`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| keyrota_fuzz::schedule::run(input));
