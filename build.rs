//! Compiles the rotation functions into a distribution build of the program.
//!
//! `KEYROTA_EMBED` names a folder that `release/functions` has filled: an archive of executables
//! for each architecture, and `build.json`. Without the variable, the program contains no functions, and builds them from
//! source when they are first needed.
//!
//! This script only chooses files. The program checks what they contain when it uses it.

use std::env;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// The folder of the functions.
const FOLDER: &str = "KEYROTA_EMBED";

/// The architectures in the names of the archives, and the variant of `Architecture`.
const ARCHITECTURES: [(&str, &str); 2] = [("x86_64", "X86_64"), ("arm64", "Arm64")];

/// The functions' workspace in a crate, which `release/crate` puts there.
const SOURCE: &str = "functions-source.zip";

fn main() -> ExitCode {
    println!("cargo::rerun-if-env-changed={FOLDER}");
    println!("cargo::rerun-if-changed=build.rs");
    match write_table() {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            println!("cargo::error={message}");
            ExitCode::FAILURE
        }
    }
}

/// Writes the table of functions, and sets where the program looks for their source.
fn write_table() -> Result<(), String> {
    let out = variable("OUT_DIR")?;
    let manifest = variable("CARGO_MANIFEST_DIR")?;
    let packed = Path::new(&manifest).join(SOURCE);
    let packed = match packed.is_file() {
        // A crate has the file or does not. A file that is missing would make cargo run this
        // script, and compile the program, each time.
        true => {
            println!("cargo::rerun-if-changed={SOURCE}");
            format!("Some(include_bytes!({packed:?}))")
        }
        false => "None".to_owned(),
    };
    write(&Path::new(&out).join("source.rs"), &packed)?;
    let folder = env::var_os(FOLDER).filter(|value| !value.is_empty());
    let (table, source) = match folder {
        None => (table("", &[]), manifest),
        // The folder on this machine is of no use elsewhere, where others may own it.
        Some(folder) => (embedded(&PathBuf::from(folder))?, String::new()),
    };
    println!("cargo::rustc-env=KEYROTA_BUILT_FROM={source}");
    write(&Path::new(&out).join("embedded.rs"), &table)
}

#[expect(
    clippy::disallowed_methods,
    reason = "a build script's results are files"
)]
fn write(path: &Path, text: &str) -> Result<(), String> {
    fs::write(path, text).map_err(|error| format!("cannot write {}: {error}", path.display()))
}

fn variable(name: &str) -> Result<String, String> {
    env::var(name).map_err(|error| format!("{name}: {error}"))
}

/// Returns the table for the archives in a folder, which may have those of one architecture only.
fn embedded(folder: &Path) -> Result<String, String> {
    let absolute = folder
        .canonicalize()
        .map_err(|error| format!("{FOLDER}: cannot read {}: {error}", folder.display()))?;
    println!("cargo::rerun-if-changed={}", absolute.display());
    let text = |path: PathBuf| {
        let text = path.to_str().map(str::to_owned);
        text.ok_or_else(|| format!("{FOLDER}: {} is not valid UTF-8", path.display()))
    };
    let record = text(absolute.join("build.json"))?;
    let mut archives = Vec::new();
    for (architecture, variant) in ARCHITECTURES {
        let path = text(absolute.join(format!("functions-{architecture}.zst")))?;
        if Path::new(&path).is_file() {
            archives.push((variant, path));
        }
    }
    if archives.is_empty() || !Path::new(&record).is_file() {
        return Err(format!(
            "{FOLDER}: {} does not have build.json and functions-ARCHITECTURE.zst; create them with `release/functions`",
            folder.display(),
        ));
    }
    Ok(table(&record, &archives))
}

/// Returns the Rust expression of the table, which `src/embedded` includes.
fn table(record: &str, archives: &[(&str, String)]) -> String {
    let mut text = String::from("Embedded {\n    record: ");
    match record {
        "" => text.push_str("\"\""),
        record => {
            let _ = write!(text, "include_str!({record:?})");
        }
    }
    text.push_str(",\n    archives: &[\n");
    for (architecture, path) in archives {
        let _ = writeln!(
            text,
            "        EmbeddedArchive {{ architecture: Architecture::{architecture}, bytes: include_bytes!({path:?}) }},"
        );
    }
    text.push_str("    ],\n}\n");
    text
}
