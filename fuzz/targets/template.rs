//! Fuzzes `keyrota_fuzz::template`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| keyrota_fuzz::template::run(input));
