//! The machine that runs the benchmark.

use std::path::Path;
use std::process::{Command, Stdio};

/// Returns a description of the machine.
pub fn description() -> String {
    let processor = read("/proc/cpuinfo").and_then(|text| {
        let line = text.lines().find(|line| line.starts_with("model name"))?;
        Some(line.split_once(':')?.1.trim().to_owned())
    });
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let kernel = read("/proc/sys/kernel/osrelease").unwrap_or_default();
    format!(
        "{}, {cores} cores, {}, Linux {}",
        processor.as_deref().unwrap_or("an unnamed processor"),
        std::env::consts::ARCH,
        kernel.trim()
    )
}

/// Returns the load average of one minute.
pub fn load() -> String {
    let load = read("/proc/loadavg").unwrap_or_default();
    load.split(' ').next().unwrap_or_default().to_owned()
}

/// Returns the first line of a program's output.
pub fn said_by(program: &str, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program)
        .args(arguments)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .stdin(Stdio::null())
        .output()
        .ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    let line = text.lines().next()?.to_owned();
    output.status.success().then_some(line)
}

#[expect(
    clippy::disallowed_methods,
    reason = "the kernel is asked through files"
)]
fn read(path: impl AsRef<Path>) -> Option<String> {
    std::fs::read_to_string(path).ok()
}
