//! Progress on standard error.

/// Prints a line.
#[expect(
    clippy::print_stderr,
    reason = "this is where the benchmark says things"
)]
pub fn say(line: &str) {
    eprintln!("{line}");
}
