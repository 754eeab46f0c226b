//! Compiles the rotation functions into a distribution build of the program.
//!
//! `KEYROTA_EMBED` names a folder that `release/functions` has filled: the functions' zip files
//! and `build.json`. Without the variable, the program contains no functions, and builds them from
//! source when they are first needed.
//!
//! This script only chooses files. The program checks what they contain when it uses them.

use std::env;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// The folder of the functions' zip files.
const FOLDER: &str = "KEYROTA_EMBED";

/// The names of the zip files without the architecture, and the variant of `FunctionCode`.
const FUNCTIONS: [(&str, &str); 3] = [
    ("function", "AccessKeys"),
    ("database-function", "Databases"),
    ("service-function", "Services"),
];

/// The architectures in the names of the zip files, and the variant of `Architecture`.
const ARCHITECTURES: [(&str, &str); 2] = [("x86_64", "X86_64"), ("arm64", "Arm64")];

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
    let folder = env::var_os(FOLDER).filter(|value| !value.is_empty());
    let (table, source) = match folder {
        None => (table("", &[]), variable("CARGO_MANIFEST_DIR")?),
        // The folder on this machine is of no use elsewhere, where others may own it.
        Some(folder) => (embedded(&PathBuf::from(folder))?, String::new()),
    };
    println!("cargo::rustc-env=KEYROTA_BUILT_FROM={source}");
    let path = Path::new(&variable("OUT_DIR")?).join("embedded.rs");
    fs::write(&path, table).map_err(|error| format!("cannot write {}: {error}", path.display()))
}

fn variable(name: &str) -> Result<String, String> {
    env::var(name).map_err(|error| format!("{name}: {error}"))
}

/// Returns the table for the zip files in a folder. A folder may have those of one architecture
/// only, but then it has all of them.
fn embedded(folder: &Path) -> Result<String, String> {
    let absolute = folder
        .canonicalize()
        .map_err(|error| format!("{FOLDER}: cannot read {}: {error}", folder.display()))?;
    let text = |path: PathBuf| {
        println!("cargo::rerun-if-changed={}", path.display());
        let text = path.to_str().map(str::to_owned);
        text.ok_or_else(|| format!("{FOLDER}: {} is not valid UTF-8", path.display()))
    };
    let record = text(absolute.join("build.json"))?;
    let mut zips = Vec::new();
    let mut lacking = Vec::new();
    for (architecture, variant) in ARCHITECTURES {
        let all = FUNCTIONS.map(|(name, code)| {
            let file = format!("{name}-{architecture}.zip");
            (code, absolute.join(&file), file)
        });
        if !all.iter().any(|(_, path, _)| path.is_file()) {
            continue;
        }
        for (code, path, file) in all {
            if path.is_file() {
                zips.push((code, variant, text(path)?));
            } else {
                lacking.push(file);
            }
        }
    }
    if !Path::new(&record).is_file() {
        lacking.push("build.json".to_owned());
    }
    if zips.is_empty() || !lacking.is_empty() {
        return Err(format!(
            "{FOLDER}: {} has {} zip file(s) of functions and lacks {}; create them with `release/functions`",
            folder.display(),
            zips.len(),
            if lacking.is_empty() { "the others".to_owned() } else { lacking.join(", ") },
        ));
    }
    Ok(table(&record, &zips))
}

/// Returns the Rust expression of the table, which `src/embedded` includes.
fn table(record: &str, zips: &[(&str, &str, String)]) -> String {
    let mut text = String::from("Embedded {\n    record: ");
    match record {
        "" => text.push_str("\"\""),
        record => {
            let _ = write!(text, "include_str!({record:?})");
        }
    }
    text.push_str(",\n    zips: &[\n");
    for (code, architecture, path) in zips {
        let _ = writeln!(
            text,
            "        EmbeddedZip {{ code: FunctionCode::{code}, architecture: Architecture::{architecture}, bytes: include_bytes!({path:?}) }},"
        );
    }
    text.push_str("    ],\n}\n");
    text
}
