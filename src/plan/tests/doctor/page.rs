//! `docs/doctor.md` is made from the table of faults.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::Path;

use super::super::super::FAULTS;
use crate::model::Severity;

const HEAD: &str = "\
# What `keyrota doctor` finds

    keyrota doctor                   # looks, and changes nothing; exits with 5 where something is wrong
    keyrota doctor --fix             # asks, does what can lose no credential in use, and looks again

Each finding has the fault's `id` from this table, the `severity`, its `subject` (a stack, secret or user), the `evidence`
(times, key IDs and what AWS or the function say, never a value), one `remedy` with its command, and whether it was `fixed`:
whether the last look did not find it any more. An **error** has stopped something, or soon will; a **warning** is to be
known. Either makes the exit code 5, unless it was fixed; 1 says that AWS refused to be asked, or what was to be done.

A fault is told where its cause is. Of a secret that awaits deletion nothing is said of the keys; of one whose credential
does not work, nothing is rotated.

`doctor` reads what `status` reads, and tries each credential: it asks AWS whose the current key is, and has the function
log in to each database. `--fix` does the following, each only after another look at what it is about, and none while
CloudFormation is at work on the stack. No rotation is begun that would take the place of an old key which somebody has used
since it was replaced, or make a password void that the server still takes. Everything else is for a person to decide.

This page is made from the code; `KEYROTA_UPDATE=1 cargo test --lib --no-default-features doctor` makes it again.

| id | | what is wrong | remedy | `--fix` |
| --- | --- | --- | --- | --- |
";

fn page() -> String {
    let mut page = HEAD.to_owned();
    for fault in FAULTS {
        let severity = match fault.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        };
        let fix = fault.fix.unwrap_or("-");
        writeln!(
            page,
            "| `{}` | {severity} | {} | {} | {fix} |",
            fault.id, fault.what, fault.remedy
        )
        .unwrap();
    }
    page
}

#[test]
#[expect(
    clippy::disallowed_methods,
    reason = "a test holds a page of the documentation to the code"
)]
fn the_page_of_faults_is_up_to_date() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/doctor.md");
    if std::env::var_os("KEYROTA_UPDATE").is_some() {
        std::fs::write(&path, page()).unwrap();
    }
    let held = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        held == page(),
        "docs/doctor.md is not what the faults say; \
         KEYROTA_UPDATE=1 cargo test --lib --no-default-features doctor writes it"
    );
}

#[test]
fn each_fault_has_a_name_of_its_own() {
    let ids: BTreeSet<&str> = FAULTS.iter().map(|fault| fault.id).collect();
    assert_eq!(ids.len(), FAULTS.len());
    for id in ids {
        let plain = |byte: u8| byte.is_ascii_lowercase() || byte == b'-';
        assert!(id.bytes().all(plain), "{id}");
    }
}

/// A fault that no test finds is one that nobody knows to be found.
#[test]
fn each_fault_is_found_by_a_test() {
    let tests = [
        include_str!("database.rs"),
        include_str!("key.rs"),
        include_str!("rotation.rs"),
        include_str!("stack.rs"),
    ];
    for fault in FAULTS {
        let quoted = format!("\"{}\"", fault.id);
        assert!(tests.iter().any(|test| test.contains(&quoted)), "{quoted}");
    }
}
