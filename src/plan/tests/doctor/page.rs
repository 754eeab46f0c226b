//! The table in `docs/reference/doctor.md` is made from the table of faults.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use super::super::super::FAULTS;
use crate::documentation::assert_section;
use crate::model::Severity;

fn page() -> String {
    let mut page = String::from(
        "| id | | what is wrong | remedy | `--fix` |\n| --- | --- | --- | --- | --- |\n",
    );
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
fn the_page_of_faults_is_up_to_date() {
    assert_section("docs/reference/doctor.md", "faults", &page());
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
        include_str!("database/next_rotation.rs"),
        include_str!("drift.rs"),
        include_str!("key.rs"),
        include_str!("leak.rs"),
        include_str!("../notify.rs"),
        include_str!("rehearsal.rs"),
        include_str!("replica.rs"),
        include_str!("rotation.rs"),
        include_str!("stack.rs"),
    ];
    for fault in FAULTS {
        let quoted = format!("\"{}\"", fault.id);
        assert!(tests.iter().any(|test| test.contains(&quoted)), "{quoted}");
    }
}
