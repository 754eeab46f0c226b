//! Fuzzes `keyrota_fuzz::postgres`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| keyrota_fuzz::postgres::run(input));
