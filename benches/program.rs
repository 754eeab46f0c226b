//! How long the program takes by itself: its start, and `generate`.
//!
//! Whole processes, as a person or a pipeline starts them: `cargo bench --bench
//! program`. Prints the median of the runs and the fastest and slowest one.

#![expect(
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a benchmark writes its manifests and prints its table"
)]

use std::fmt::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

const RUNS: usize = 31;

fn main() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    println!(
        "{:28} {:>9} {:>9} {:>9}",
        "", "median", "fastest", "slowest"
    );
    measure("--version", folder.path(), &["--version"]);
    measure("--help", folder.path(), &["--help"]);
    for users in [1, 10, 100] {
        let manifest = format!("{users}.yaml");
        std::fs::write(folder.path().join(&manifest), manifest_of(users)).expect("a manifest");
        let name = format!("generate, {users} user(s)");
        measure(
            &name,
            folder.path(),
            &["-f", &manifest, "generate", "-o", &users.to_string()],
        );
        let name = format!("generate --check, {users} user(s)");
        let arguments = [
            "-f",
            &manifest,
            "generate",
            "--check",
            "-o",
            &users.to_string(),
        ];
        measure(&name, folder.path(), &arguments);
    }
}

fn manifest_of(users: usize) -> String {
    let mut text = "version: 1\nstack: bench\naccess_keys:\n".to_owned();
    for user in 0..users {
        writeln!(
            text,
            "  - {{ user: user-{user:05}, secret: bench/user-{user:05}/key }}"
        )
        .expect("text grows");
    }
    text
}

fn measure(name: &str, folder: &Path, arguments: &[&str]) {
    let mut times: Vec<Duration> = (0..=RUNS).map(|_| run(folder, arguments)).skip(1).collect();
    times.sort();
    let milliseconds = |index: usize| times[index].as_secs_f64() * 1_000.0;
    println!(
        "{name:28} {:6.2} ms {:6.2} ms {:6.2} ms",
        milliseconds(RUNS / 2),
        milliseconds(0),
        milliseconds(RUNS - 1)
    );
}

fn run(folder: &Path, arguments: &[&str]) -> Duration {
    let began = Instant::now();
    let status = Command::new(env!("CARGO_BIN_EXE_keyrota"))
        .args(arguments)
        .current_dir(folder)
        .stdout(Stdio::null())
        .status()
        .expect("the program runs");
    assert!(status.success(), "{arguments:?} failed: {status}");
    began.elapsed()
}
