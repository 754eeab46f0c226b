//! Tests the result of `doctor`.

use super::{script, shown};
use crate::model::Severity;
use crate::plan::{DoctorFinding, DoctorReport};

fn finding(id: &'static str, severity: Severity, fixed: bool) -> DoctorFinding {
    DoctorFinding {
        id,
        severity,
        subject: "secret prod/app".to_owned(),
        evidence: "RotationEnabled is false".to_owned(),
        remedy: "run `keyrota doctor --fix` to enable it".to_owned(),
        fixed,
    }
}

#[test]
fn nothing_is_wrong() {
    let report = DoctorReport::default();
    assert_eq!(shown(&report), "No faults found.\n");
    assert_eq!(
        script(&report),
        "{\n  \"findings\": [],\n  \"rehearsals\": []\n}"
    );
}

#[test]
fn faults() {
    let mut report = DoctorReport {
        findings: vec![
            finding("rotation-off", Severity::Error, true),
            finding("never-rotated", Severity::Warning, false),
        ],
        ..DoctorReport::default()
    };
    insta::assert_snapshot!(shown(&report), @"
    fixed[rotation-off] secret prod/app
      evidence: RotationEnabled is false
    warning[never-rotated] secret prod/app
      evidence: RotationEnabled is false
      remedy: run `keyrota doctor --fix` to enable it

    2 faults, 1 fixed.
    ");
    report.findings.remove(0);
    insta::assert_snapshot!(script(&report), @r#"
    {
      "findings": [
        {
          "evidence": "RotationEnabled is false",
          "fixed": false,
          "id": "never-rotated",
          "remedy": "run `keyrota doctor --fix` to enable it",
          "severity": "warning",
          "subject": "secret prod/app"
        }
      ],
      "rehearsals": []
    }
    "#);
    assert!(shown(&report).ends_with("\n1 fault.\n"));
}
