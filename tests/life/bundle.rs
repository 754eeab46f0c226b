//! The function's zip file: built, and supplied.

use std::os::unix::fs::symlink;
use std::path::PathBuf;

use keyrota::bundle::sha256_hex;
use keyrota::render::FunctionCode;
use tokio::process::Command;

use crate::environment::{Home, TestEnvironment, function_zip};

/// Lets a command find the toolchain that built these tests, which depends on the caller's home
/// folder.
fn with_toolchain(command: &mut Command) {
    let home = PathBuf::from(std::env::var_os("HOME").expect("HOME is set"));
    for (name, folder) in [("CARGO_HOME", ".cargo"), ("RUSTUP_HOME", ".rustup")] {
        let value = std::env::var_os(name).unwrap_or_else(|| home.join(folder).into());
        command.env(name, value);
    }
    for name in ["CARGO_TARGET_DIR", "RUSTUP_TOOLCHAIN"] {
        if let Some(value) = std::env::var_os(name) {
            command.env(name, value);
        }
    }
}

fn find(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").expect("PATH is set");
    std::env::split_paths(&path)
        .map(|folder| folder.join(program))
        .find(|file| file.is_file())
}

#[tokio::test]
async fn the_same_source_gives_the_same_bytes() {
    let home = Home::new();
    let arguments = "bundle -o deep/er/function.zip --format json";
    let mut command = home.program(arguments);
    with_toolchain(&mut command);
    command.env("RUSTFLAGS", "-C target-cpu=native");
    let output = command.output().await.expect("keyrota can be started");
    let ran = crate::environment::CommandOutput::new(arguments, output).exits(0);
    let document = ran.json();
    let bytes = home.bytes("deep/er/function.zip");
    #[expect(clippy::disallowed_methods, reason = "a test's own file")]
    let shared = std::fs::read(function_zip()).expect("the shared zip");
    assert!(bytes == shared, "the bytes differ");
    assert_eq!(document["architecture"], "x86_64");
    assert_eq!(document["bytes"], bytes.len());
    assert_eq!(document["sha256"], sha256_hex(&bytes));
}

/// With only cargo and rustc on the search path, something is missing to build for another
/// architecture.
#[tokio::test]
async fn what_is_missing_for_another_processor_is_said_with_how_to_get_it() {
    let home = Home::new();
    std::fs::create_dir(home.file("bin")).expect("a folder");
    for tool in ["cargo", "rustc", "cc"] {
        let path = find(tool).unwrap_or_else(|| panic!("{tool} is not on the PATH"));
        symlink(path, home.file("bin").join(tool)).expect("a link");
    }
    let arguments = "bundle --architecture arm64 --format json";
    let mut command = home.program(arguments);
    with_toolchain(&mut command);
    command.env("PATH", home.file("bin"));
    let output = command.output().await.expect("keyrota can be started");
    let ran = crate::environment::CommandOutput::new(arguments, output).exits(1);
    ran.fails("build", &["arm64", "cargo-zigbuild"]);
    assert!(!home.file("function.zip").exists());
}

#[tokio::test]
async fn bootstrap_builds_the_function_where_no_zip_is_given() {
    let test = TestEnvironment::new().await;
    test.make_user("ci-deployer").await;
    test.manifest("version: 1\nstack: built\naccess_keys: [{ user: ci-deployer }]\n");
    for (arguments, code) in [
        ("plan --detailed-exitcode --format json", 4),
        ("bootstrap --yes --format json", 0),
        (
            "plan --detailed-exitcode --function-zip function.zip --format json",
            0,
        ),
    ] {
        let mut command = test.program(arguments);
        with_toolchain(&mut command);
        test.run(arguments, command).await.exits(code);
    }
}

/// Returns the function's zip file with a modified executable.
fn changed(change: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    use std::io::{Cursor, Read, Write};
    let file = std::fs::File::open(function_zip()).expect("the shared zip");
    let mut archive = zip::ZipArchive::new(file).expect("a zip");
    let mut executable = Vec::new();
    let mut entry = archive.by_name("bootstrap").expect("the executable");
    entry.read_to_end(&mut executable).expect("the executable");
    change(&mut executable);
    let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
    let options = zip::write::SimpleFileOptions::default().unix_permissions(0o755);
    writer.start_file("bootstrap", options).expect("an entry");
    writer.write_all(&executable).expect("the executable");
    writer.finish().expect("a zip").into_inner()
}

#[tokio::test]
async fn a_zip_that_lambda_cannot_run_is_refused_before_anything_changes() {
    let test = TestEnvironment::new().await;
    test.make_user("ci-deployer").await;
    test.manifest("version: 1\nstack: payments-keys\naccess_keys: [{ user: ci-deployer }]\n");
    // e_machine, at offset 18 of an ELF file: 183 is AArch64.
    test.home.write(
        "arm64.zip",
        changed(|it| it[18..20].copy_from_slice(&[183, 0])),
    );
    test.home
        .write("no-elf.zip", changed(|it| *it = b"#!/bin/sh\n".to_vec()));
    test.home.write("garbage.zip", b"not a zip at all");
    test.home.write("empty.zip", b"");
    let huge = std::fs::File::create(test.home.path().join("huge.zip")).expect("a file");
    huge.set_len(64 << 20).expect("a file with a hole");
    let whole = changed(|_| {});
    test.home.write("truncated.zip", &whole[..whole.len() / 2]);
    test.home
        .write("service.zip", changed(|it| mark(it, "service")));
    for (zip, texts) in [
        ("arm64.zip", &["arm64.zip", "x86_64", "keyrota bundle"][..]),
        ("no-elf.zip", &["no-elf.zip", "keyrota bundle"]),
        ("garbage.zip", &["garbage.zip", "keyrota bundle"]),
        ("empty.zip", &["empty.zip", "keyrota bundle"]),
        ("truncated.zip", &["truncated.zip", "keyrota bundle"]),
        ("huge.zip", &["huge.zip", "more than 52428800 bytes"]),
        (
            "service.zip",
            &[
                "service.zip",
                "the program is the service function, not the access key function",
                "keyrota bundle --architecture",
            ],
        ),
    ] {
        for verb in ["bootstrap --yes", "plan"] {
            let arguments = format!("{verb} --function-zip {zip} --format json");
            let ran = test.changes_nothing(&arguments).await.exits(1);
            ran.fails("bundle", texts);
        }
    }
    std::fs::create_dir(test.home.path().join("folder.zip")).expect("a folder");
    for file in ["absent.zip", "folder.zip"] {
        let arguments = format!("bootstrap --yes --function-zip {file} --format json");
        let ran = test.changes_nothing(&arguments).await.exits(1);
        ran.fails("file", &[file]);
    }
    // A function of keyrota before it had a mark.
    test.home.write("older.zip", changed(|it| mark(it, "")));
    let ran = test
        .changes_nothing("plan --function-zip older.zip")
        .await
        .exits(0);
    assert!(
        ran.stderr
            .contains("older.zip does not say which function it contains"),
        "{}",
        ran.stderr
    );
    let ran = test
        .changes_nothing("plan --function-zip function.zip")
        .await
        .exits(0);
    assert!(!ran.stderr.contains("does not say"), "{}", ran.stderr);
}

/// Replaces the function that the executable says it is, if there is one, or else all of it.
fn mark(executable: &mut [u8], function: &str) {
    let mark = FunctionCode::AccessKeys.mark();
    let mut windows = executable.windows(mark.len());
    let at = windows.position(|window| window == mark.as_bytes());
    let at = at.expect("the function is marked");
    let held = &mut executable[at..at + mark.len()];
    held.fill(0);
    if !function.is_empty() {
        let new = mark.replace("access_key", function);
        held[..new.len()].copy_from_slice(new.as_bytes());
    }
}
