//! Tests each result with hostile text in every place: none of it must control a terminal or
//! begin a line.

use keyrota_contract::check::{FailureLimit, LoginLimits};

use super::super::text::{document, finish};
use super::super::{human, json};
use crate::model::{Finding, Severity};
use crate::plan::{CallOutcome, Principals, Rehearsal, RehearsedCall, Signer, TestMethod};
use crate::plan::{
    CredentialKind, DoctorFinding, DoctorReport, Drift, HoldReason, Item, KeyReport, KeyRole,
    RemovedReplica, ReplicaFault, ReplicaReport, SecretReport, StackReport, State, StatusReport,
    TagDifference,
};
use crate::port::{Change, ReplicaState};
use crate::run::TeardownReport;
use crate::view::{
    BootstrapResult, DeployedFunction, DeployedSecret, Failure, PlanResult, RotateResult,
    RotatedSecret, Show,
};

/// Moves the cursor, hides, reorders, and tries to begin a new line.
const HOSTILE: &str = "x\nFORGED\r\u{1b}[2K\u{1b}[8m\u{9b}1m\u{7f}\u{202e}\u{200b}\u{fdd0}r";

fn text() -> String {
    HOSTILE.to_owned()
}

fn is_plain(text: &str) -> bool {
    !text.contains(|it: char| {
        it != '\n' && (it.is_control() || "\u{202e}\u{200b}\u{fdd0}".contains(it))
    })
}

#[track_caller]
fn expect_harmless(human: &str, json: &serde_json::Value) {
    let human = finish(human);
    // The program's own styles are the only control sequences.
    let plain = anstream::adapter::strip_str(&human).to_string();
    assert!(is_plain(&plain), "{plain:?}");
    assert!(
        !plain.lines().any(|line| line.starts_with("FORGED")),
        "{plain}"
    );
    assert!(plain.contains(r"\u{1b}[8m"), "{plain}");
    let document = document(json);
    assert!(is_plain(&document), "{document:?}");
    assert_eq!(
        &serde_json::from_str::<serde_json::Value>(&document).unwrap(),
        json
    );
}

#[track_caller]
fn check(result: &dyn Show) {
    expect_harmless(&result.human(), &result.json());
}

/// Only one place writes to the streams, and it escapes.
#[test]
fn nothing_is_printed_elsewhere() {
    const STREAMS: [&str; 5] = [
        "io::stdout()",
        "io::stderr()",
        "anstream::stdout()",
        "anstream::stderr()",
        "File::from(std::io::",
    ];
    fn look(folder: &std::path::Path, found: &mut Vec<String>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                look(&path, found);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                #[expect(clippy::disallowed_methods, reason = "a test looks at the sources")]
                let text = std::fs::read_to_string(&path).unwrap();
                if STREAMS.iter().any(|stream| text.contains(stream)) {
                    found.push(path.display().to_string());
                }
            }
        }
    }
    let source = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = Vec::new();
    look(&source, &mut found);
    found.retain(|path| !path.ends_with("src/view/tests/hostile.rs"));
    assert_eq!(found, [source.join("view/text.rs").display().to_string()]);
}

fn stack() -> StackReport {
    StackReport {
        name: text(),
        id: text(),
        status: text(),
    }
}

#[test]
fn of_status() {
    let key = |held| KeyReport {
        id: text(),
        status: "Active",
        created: None,
        last_used: None,
        role: KeyRole::Unknown,
        deactivates: None,
        deletes: None,
        held,
        held_because: held.then_some(HoldReason::Used),
    };
    check(&StatusReport {
        stack: Some(stack()),
        stacks: Vec::new(),
        functions: Vec::new(),
        findings: Vec::new(),
        drift: Some(vec![Drift {
            logical_id: text(),
            kind: text(),
            difference: text(),
        }]),
        drift_unchecked: vec![text()],
        secrets: vec![SecretReport {
            kind: CredentialKind::AccessKey,
            name: text(),
            arn: Some(text()),
            username: text(),
            state: State::Broken,
            reason: Some(text()),
            schedule: text(),
            rotation_enabled: true,
            first_rotation: None,
            last_rotated: None,
            last_proven: None,
            next_rotation: None,
            max_key_age: None,
            follow_interval: None,
            keys: vec![key(false), key(true)],
            tags: vec![TagDifference {
                key: text(),
                expected: Some(text()),
                found: Some(text()),
            }],
            replicas: [
                ReplicaFault::Failed,
                ReplicaFault::Missing,
                ReplicaFault::Unknown,
            ]
            .map(|fault| ReplicaReport {
                region: text(),
                status: Some(ReplicaState::Failed),
                message: Some(text()),
                kms_key: Some(text()),
                fault: Some(fault),
            })
            .to_vec(),
            unknown: Vec::new(),
        }],
    });
}

#[test]
fn of_doctor() {
    let finding = |fixed| DoctorFinding {
        id: "value-unusable",
        severity: Severity::Error,
        subject: text(),
        evidence: text(),
        remedy: text(),
        fixed,
    };
    check(&DoctorReport {
        findings: vec![finding(false), finding(true)],
        rehearsals: vec![Rehearsal {
            secret: text(),
            calls: vec![RehearsedCall {
                call: text(),
                by: Signer::Role,
                resource: Some(text()),
                how: TestMethod::Tested,
                result: CallOutcome::Refused,
                code: Some(text()),
                reason: Some(text()),
                policies: None,
            }],
            error: None,
            limits: Some(LoginLimits {
                failures: FailureLimit::After(3),
                sessions: Some(1),
                methods: vec![text(), text()],
            }),
            expiry: None,
            principals: Principals::default(),
        }],
        lists_calls: true,
    });
}

#[test]
fn of_rotate_and_bootstrap() {
    check(&RotateResult {
        secrets: vec![RotatedSecret {
            name: text(),
            arn: Some(text()),
            username: text(),
            old_access_key_id: Some(text()),
            new_access_key_id: Some(text()),
            version_id: Some(text()),
            verified: true,
            restored: false,
            old_key_status: None,
            leak: None,
            error: Some(text()),
        }],
    });
    check(&BootstrapResult {
        stack: stack(),
        stacks: Vec::new(),
        function: DeployedFunction {
            arn: text(),
            code_sha256: text(),
        },
        database_function: None,
        service_function: None,
        service_no_vpc_function: None,
        secrets: vec![DeployedSecret {
            name: text(),
            arn: text(),
            kind: "access_key",
            username: text(),
            access_key_id: Some(text()),
            version_id: text(),
            rotated: true,
            verified: true,
            first_rotation: None,
        }],
        changes: 1,
    });
}

#[test]
fn of_plan_and_teardown() {
    let change = || Change {
        action: text(),
        logical_id: text(),
        kind: text(),
        replacement: Some(text()),
        properties: Vec::new(),
        drift: None,
    };
    check(&PlanResult {
        imports: Vec::new(),
        stacks: vec![(text(), vec![change()]), (text(), vec![change()])],
        drift: vec![(
            text(),
            Drift {
                logical_id: text(),
                kind: text(),
                difference: text(),
            },
        )],
        removed: vec![RemovedReplica {
            secret: text(),
            region: text(),
        }],
        first_rotations: Vec::new(),
    });
    let items = || vec![Item::new("secret", text(), Some(text()))];
    check(&TeardownReport {
        deleted: items(),
        retained: items(),
        left_over: items(),
    });
}

#[test]
fn of_findings_and_failures() {
    let finding = Finding::error("unknown-key", text(), text()).hint(text());
    for findings in [vec![finding], Vec::new()] {
        let failure = Failure {
            kind: "aws",
            message: text(),
            hint: Some(text()),
            findings,
        };
        expect_harmless(&human::failure(&failure), &json::failure(&failure));
    }
}
