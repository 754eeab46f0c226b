//! Fuzzes `keyrota_fuzz::http`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| keyrota_fuzz::http::run(input));
