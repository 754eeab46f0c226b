//! Fuzzes `keyrota_fuzz::manifest`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| keyrota_fuzz::manifest::run(input));
