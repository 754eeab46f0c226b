//! Runs the tests that are in Python: the emulator's own, and those of `tests/aws/first-run`.

use std::path::Path;
use std::process::Command;

use crate::environment::tools;

fn python(arguments: &[&str]) -> Command {
    let source = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut command = Command::new(tools().join("bin/python"));
    command
        .args(arguments)
        .current_dir(source)
        .env("PYTHONPATH", source.join("src/sandbox/emulator"))
        .env("PYTHONDONTWRITEBYTECODE", "1");
    command
}

#[test]
fn the_emulators_own_tests_pass() {
    let output = python(&["-m", "unittest", "discover", "tests/emulator"]).output();
    let output = output.expect("Python can be started");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    assert!(said.contains("\nOK"), "{said}");
}

#[test]
fn the_tests_of_the_first_run_pass() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/aws");
    let arguments = [
        "-m",
        "unittest",
        "discover",
        "-t",
        ".",
        "-s",
        "first_run/tests",
    ];
    let output = python(&arguments)
        .current_dir(&folder)
        .env("PYTHONPATH", &folder)
        .output();
    let output = output.expect("Python can be started");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    assert!(said.contains("\nOK"), "{said}");
}

#[test]
fn the_pinned_ministack_is_as_the_emulator_expects_it() {
    let output = python(&["-m", "keyrota_emulator", "--check"]).output();
    let output = output.expect("Python can be started");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    assert!(said.is_empty() && output.stdout.is_empty(), "{said}");
}
