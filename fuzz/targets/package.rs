//! Fuzzes `keyrota_fuzz::package`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| keyrota_fuzz::package::run(input));
