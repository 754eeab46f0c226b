//! Fuzzes `keyrota_fuzz::value`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| keyrota_fuzz::value::run(input));
