//! The program: wiring and the exit code.

use std::process::ExitCode;

fn main() -> ExitCode {
    keyrota::cli::main()
}
