//! The program: wiring and the exit code.

use std::process::ExitCode;

use mimalloc::MiMalloc;

/// A large manifest makes and drops millions of small values.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    keyrota::cli::main()
}
