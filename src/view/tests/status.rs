//! Tests the result of `status`.

use jiff::Timestamp;
use serde_json::json;

use super::credential::stack;
use super::{script, shown};
use crate::model::Duration;
use crate::plan::{
    CredentialKind, FunctionReport, HoldReason, KeyReport, KeyRole, ReplicaFault, ReplicaReport,
    SecretReport, StackReport, State, StatusReport,
};
use crate::port::ReplicaState;
use crate::render::FunctionCode;
use crate::view::Show as _;

pub fn at(text: &str) -> Option<Timestamp> {
    Some(text.parse().unwrap())
}

fn secret(state: State, reason: Option<&str>) -> SecretReport {
    let key = |id: &str, role, used| KeyReport {
        id: id.to_owned(),
        status: "Active",
        created: at("2026-11-01T09:00:00Z"),
        last_used: used,
        role,
        deactivates: None,
        deletes: None,
        held: false,
        held_because: None,
    };
    SecretReport {
        kind: CredentialKind::AccessKey,
        name: "prod/app".to_owned(),
        arn: Some(
            "arn:aws:secretsmanager:eu-west-1:111122223333:secret:prod/app-AbCdEf".to_owned(),
        ),
        username: "app".to_owned(),
        state,
        reason: reason.map(str::to_owned),
        schedule: "rate(30 days)".to_owned(),
        rotation_enabled: true,
        first_rotation: None,
        last_rotated: at("2026-11-01T09:00:30Z"),
        last_proven: at("2026-11-01T09:00:30Z"),
        next_rotation: None,
        max_key_age: Some(Duration::seconds(60 * 86_400 + 3_600)),
        follow_interval: None,
        keys: vec![
            key("AKIANEW", KeyRole::Current, at("2026-11-02T08:00:00Z")),
            key("AKIAOLD", KeyRole::Previous, None),
        ],
        tags: Vec::new(),
        replicas: Vec::new(),
        unknown: Vec::new(),
    }
}

/// Returns a report of one secret.
pub fn one(state: State, reason: Option<&str>) -> StatusReport {
    report(Some(stack()), vec![secret(state, reason)])
}

#[test]
fn replicas_with_their_faults() {
    let replica = |region: &str, status, fault| ReplicaReport {
        region: region.to_owned(),
        status,
        message: (status == Some(ReplicaState::Failed)).then(|| "The key is disabled.".to_owned()),
        kms_key: None,
        fault,
    };
    let mut secret = secret(State::Ok, None);
    secret.keys.clear();
    secret.replicas = vec![
        replica("eu-central-1", Some(ReplicaState::InSync), None),
        replica("us-east-1", None, Some(ReplicaFault::Missing)),
        replica(
            "us-west-1",
            Some(ReplicaState::InSync),
            Some(ReplicaFault::Unknown),
        ),
        replica(
            "us-west-2",
            Some(ReplicaState::Failed),
            Some(ReplicaFault::Failed),
        ),
    ];
    let result = StatusReport {
        findings: Vec::new(),
        stack: Some(stack()),
        stacks: Vec::new(),
        functions: Vec::new(),
        secrets: vec![secret],
        drift: None,
        drift_unchecked: Vec::new(),
    };
    insta::assert_snapshot!(shown(&result), @"
    Stack keys is CREATE_COMPLETE.

    SECRET    USER  STATE  LAST ROTATION         LAST PROVEN           NEXT ROTATION  SCHEDULE       MAX KEY AGE
    prod/app  app   ok     2026-11-01 09:00 UTC  2026-11-01 09:00 UTC  -              rate(30 days)  60 days and 1 hour

    SECRET    REPLICA       STATUS   KMS KEY
    prod/app  eu-central-1  InSync   -
    prod/app  us-east-1     missing  -
    prod/app  us-west-1     InSync   -
    prod/app  us-west-2     Failed   -

    prod/app: the replica in us-east-1 is missing; `keyrota doctor` has the remedy

    prod/app: the replica in us-west-1 is not in the manifest; `keyrota doctor` has the remedy

    prod/app: the replica in us-west-2 failed: The key is disabled; `keyrota doctor` has the remedy
    ");
    let told = &result.json()["secrets"][0]["replicas"][3];
    assert_eq!(
        *told,
        serde_json::json!({
            "region": "us-west-2",
            "status": "Failed",
            "message": "The key is disabled.",
            "kms_key": null,
            "fault": "replica-failed",
        })
    );
}

#[test]
fn status() {
    let result = StatusReport {
        findings: Vec::new(),
        stack: Some(stack()),
        stacks: Vec::new(),
        functions: Vec::new(),
        secrets: vec![secret(State::Ok, None)],
        drift: None,
        drift_unchecked: Vec::new(),
    };
    insta::assert_snapshot!(shown(&result), @"
    Stack keys is CREATE_COMPLETE.

    SECRET    USER  STATE  LAST ROTATION         LAST PROVEN           NEXT ROTATION  SCHEDULE       MAX KEY AGE
    prod/app  app   ok     2026-11-01 09:00 UTC  2026-11-01 09:00 UTC  -              rate(30 days)  60 days and 1 hour

    USER  KEY      ROLE      STATUS  CREATED               LAST USED             RETIREMENT
    app   AKIANEW  current   Active  2026-11-01 09:00 UTC  2026-11-02 08:00 UTC  -
    app   AKIAOLD  previous  Active  2026-11-01 09:00 UTC  -                     deleted by the next rotation
    ");
    insta::assert_snapshot!(script(&result), @r#"
    {
      "secrets": [
        {
          "arn": "arn:aws:secretsmanager:eu-west-1:111122223333:secret:prod/app-AbCdEf",
          "first_rotation": null,
          "keys": [
            {
              "created": "2026-11-01T09:00:00Z",
              "deactivates": null,
              "deletes": null,
              "held": false,
              "held_because": null,
              "id": "AKIANEW",
              "last_used": "2026-11-02T08:00:00Z",
              "role": "current",
              "status": "Active"
            },
            {
              "created": "2026-11-01T09:00:00Z",
              "deactivates": null,
              "deletes": null,
              "held": false,
              "held_because": null,
              "id": "AKIAOLD",
              "last_used": null,
              "role": "previous",
              "status": "Active"
            }
          ],
          "kind": "access_key",
          "last_proven": "2026-11-01T09:00:30Z",
          "last_rotated": "2026-11-01T09:00:30Z",
          "longest_follow_interval_seconds": null,
          "max_key_age_seconds": 5187600,
          "name": "prod/app",
          "next_rotation": null,
          "reason": null,
          "replicas": [],
          "rotation_enabled": true,
          "schedule": "rate(30 days)",
          "state": "ok",
          "tag_differences": [],
          "unknown_fields": [],
          "username": "app"
        }
      ],
      "stack": {
        "id": "arn:aws:cloudformation:eu-west-1:111122223333:stack/keys/1",
        "name": "keys",
        "status": "CREATE_COMPLETE"
      }
    }
    "#);
    let missing = SecretReport {
        arn: None,
        last_rotated: None,
        last_proven: None,
        keys: Vec::new(),
        ..secret(State::Missing, Some("the secret does not exist"))
    };
    let result = StatusReport {
        findings: Vec::new(),
        stack: None,
        stacks: Vec::new(),
        functions: Vec::new(),
        secrets: vec![missing],
        drift: None,
        drift_unchecked: Vec::new(),
    };
    insta::assert_snapshot!(shown(&result), @"
    The stack is not deployed.

    SECRET    USER  STATE    LAST ROTATION  LAST PROVEN  NEXT ROTATION  SCHEDULE       MAX KEY AGE
    prod/app  app   missing  -              -            -              rate(30 days)  60 days and 1 hour

    prod/app: the secret does not exist
    ");
}

/// Tests each way in which an old key is removed.
#[test]
fn when_a_key_goes() {
    let (soon, later, next) = (
        at("2026-11-02T09:00:30Z"),
        at("2026-11-08T09:00:30Z"),
        at("2026-12-01T23:59:59Z"),
    );
    let shows = |deactivates, deletes, held| {
        let mut one = secret(State::Ok, None);
        one.next_rotation = next;
        let key = &mut one.keys[1];
        (key.deactivates, key.deletes, key.held) = (deactivates, deletes, held);
        let stack = Some(stack());
        let secrets = vec![one];
        let text = shown(&report(stack, secrets));
        let line = text.lines().find(|line| line.contains("AKIAOLD")).unwrap();
        line.split("  ").last().unwrap().trim().to_owned()
    };
    assert_eq!(
        shows(soon, later, false),
        "deactivated after 2026-11-02 09:00 UTC"
    );
    assert_eq!(
        shows(soon, next, false),
        "deactivated after 2026-11-02 09:00 UTC"
    );
    assert_eq!(
        shows(None, later, false),
        "deleted after 2026-11-08 09:00 UTC"
    );
    assert_eq!(
        shows(soon, soon, false),
        "deleted after 2026-11-02 09:00 UTC"
    );
    assert_eq!(shows(None, next, false), "deleted by the next rotation");
    assert_eq!(shows(None, None, false), "deleted by the next rotation");
    assert_eq!(shows(None, next, true), "held back");
    assert_eq!(
        shows(later, next, true),
        "held back until 2026-11-08 09:00 UTC"
    );
}

#[test]
fn a_key_that_is_held_back_is_named() {
    let mut held = secret(State::Ok, None);
    (held.keys[1].held, held.keys[1].held_because) = (true, Some(HoldReason::Used));
    let stack = Some(stack());
    let secrets = vec![held];
    insta::assert_snapshot!(shown(&report(stack, secrets)), @"
    Stack keys is CREATE_COMPLETE.

    SECRET    USER  STATE  LAST ROTATION         LAST PROVEN           NEXT ROTATION  SCHEDULE       MAX KEY AGE
    prod/app  app   ok     2026-11-01 09:00 UTC  2026-11-01 09:00 UTC  -              rate(30 days)  60 days and 1 hour

    USER  KEY      ROLE      STATUS  CREATED               LAST USED             RETIREMENT
    app   AKIANEW  current   Active  2026-11-01 09:00 UTC  2026-11-02 08:00 UTC  -
    app   AKIAOLD  previous  Active  2026-11-01 09:00 UTC  -                     held back

    prod/app: the old key AKIAOLD is held back, because a client still uses it instead of the secret
    ");
}

#[test]
fn a_key_that_is_held_back_because_of_a_possible_use_is_named_with_the_reason() {
    let mut held = secret(State::Ok, None);
    let key = &mut held.keys[1];
    (key.held, key.held_because) = (true, Some(HoldReason::PossiblyUsed));
    (key.deactivates, key.deletes) = (at("2026-11-02T09:16:00Z"), at("2026-11-08T09:16:00Z"));
    let text = shown(&report(Some(stack()), vec![held]));
    for expected in [
        "held back until 2026-11-02 09:16 UTC",
        "prod/app: the old key AKIAOLD is held back, because a client may have used it",
    ] {
        assert!(text.contains(expected), "{text}");
    }
}

fn report(stack: Option<StackReport>, secrets: Vec<SecretReport>) -> StatusReport {
    StatusReport {
        findings: Vec::new(),
        stack,
        stacks: Vec::new(),
        functions: Vec::new(),
        secrets,
        drift: None,
        drift_unchecked: Vec::new(),
    }
}

#[test]
fn a_function_that_differs_is_named() {
    let function = |executable_sha256: Option<&str>| FunctionReport {
        logical_id: "Function",
        kind: "access_key",
        executable_sha256: executable_sha256.map(str::to_owned),
        matches_program: None,
        code: FunctionCode::AccessKeys,
    };
    let compared = |deployed, contained: Option<&str>| {
        let mut report = report(Some(stack()), Vec::new());
        report.functions = vec![function(deployed)];
        report.compared_with(|_| contained.map(str::to_owned))
    };
    let differs = compared(Some("old"), Some("new"));
    let line = "The deployed Function differs from the one in this program; `keyrota bootstrap` updates it.\n";
    assert!(shown(&differs).contains(line), "{}", shown(&differs));
    assert_eq!(
        differs.json()["functions"],
        json!([{
            "logical_id": "Function",
            "kind": "access_key",
            "executable_sha256": "old",
            "matches_program": false,
        }])
    );
    for (report, matches) in [
        (compared(Some("new"), Some("new")), json!(true)),
        (compared(Some("old"), None), json!(null)),
        (compared(None, Some("new")), json!(null)),
    ] {
        assert!(!shown(&report).contains("differs"), "{}", shown(&report));
        assert_eq!(report.json()["functions"][0]["matches_program"], matches);
    }
}

#[test]
fn several_stacks_are_all_named() {
    let one = || report(Some(stack()), vec![secret(State::Ok, None)]);
    let all = StatusReport::of_all(vec![one(), one()]);
    let text = shown(&all);
    assert_eq!(
        text.matches("Stack keys is CREATE_COMPLETE.").count(),
        2,
        "{text}"
    );
    assert_eq!(all.json()["stacks"].as_array().unwrap().len(), 2);
    assert_eq!(all.secrets.len(), 2);
}

#[test]
fn what_is_not_known_without_values_is_unknown() {
    let mut one = secret(State::Unknown, Some("the value was not read"));
    one.unknown = vec!["state", "keys.role"];
    let result = report(Some(stack()), vec![one]);
    let text = shown(&result);
    let lines = text.lines().filter(|line| line.contains("AKIA"));
    assert!(
        lines.into_iter().all(|line| line.ends_with("unknown")),
        "{text}"
    );
    assert!(text.contains("prod/app: the value was not read"), "{text}");
    let document = result.json();
    assert_eq!(document["secrets"][0]["state"], "unknown");
    let unknown = &document["secrets"][0]["unknown_fields"];
    assert_eq!(unknown, &serde_json::json!(["state", "keys.role"]));
}
