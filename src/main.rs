//! keyrota.
fn main() {}
