//! The head of the report: what was measured, where, and when.

use std::fmt::Write as _;

use crate::authority::Authority;
use crate::function::Function;
use crate::moment::Moment;
use crate::{machine, python};

/// Returns a line for each circumstance that affects the results.
pub fn heading(
    function: &Function,
    python: Option<&python::Environment>,
    authority: &Authority,
) -> String {
    let not_known = || "not known".to_owned();
    let commit = machine::said_by("git", &["describe", "--always", "--dirty"]);
    let compiler = machine::said_by("rustc", &["--version"]);
    let python = python.map_or_else(
        || "not measured".to_owned(),
        |python| {
            let packages = python.pinned(&["awslambdaric", "boto3", "psycopg", "pymysql"]);
            format!("{}, {packages}", python.version)
        },
    );
    let lines = [
        ("date", Moment::now().day()),
        ("machine", machine::description()),
        ("load at the start", machine::load()),
        ("commit", commit.unwrap_or_else(not_known)),
        ("compiler", compiler.unwrap_or_else(not_known)),
        (
            "ours",
            format!(
                "{}, its zip {}",
                megabytes(function.executable.len()),
                megabytes(function.zip)
            ),
        ),
        ("Python", python),
        (
            "authorities",
            format!("{} in the file of those that are trusted", authority.count),
        ),
    ];
    let mut text = String::new();
    for (name, value) in lines {
        // Writing to a string does not fail.
        let _ = writeln!(text, "{name:19}{value}");
    }
    text
}

/// Returns a size for people.
pub fn megabytes(bytes: usize) -> String {
    format!("{}.{:02} MB", bytes / 1_000_000, bytes % 1_000_000 / 10_000)
}
