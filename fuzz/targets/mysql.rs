//! Fuzzes `keyrota_fuzz::mysql`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| keyrota_fuzz::mysql::run(input));
