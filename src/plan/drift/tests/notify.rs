//! Principals of permissions, and the resources of `notify`.

use serde_json::json;

use super::super::super::tests::sample;
use super::super::*;
use super::{Account, FUNCTION, TEMPLATE, expect, found, resources};
use crate::port::{DriftStatus, Stack, StackResource};

/// A statement with the expected Sid that admits another service, or another account's role.
#[test]
fn a_permission_for_another_principal_is_a_difference() {
    let with = |principal: serde_json::Value| {
        found(|it| {
            let Some(Lookup::Found(policy)) = it.looks.function_policies.get_mut(FUNCTION) else {
                panic!()
            };
            let mut document: serde_json::Value = serde_json::from_str(policy).unwrap();
            document["Statement"][0]["Principal"] = principal;
            *policy = document.to_string();
        })
    };
    let same = json!({ "Service": "secretsmanager.amazonaws.com" });
    assert_eq!(with(same), []);
    for other in [
        json!({ "Service": "events.amazonaws.com" }),
        json!({ "AWS": "arn:aws:iam::444455556666:root" }),
        json!({}),
    ] {
        let text =
            "no statement of the function's resource policy allows secretsmanager.amazonaws.com";
        expect(&with(other), "Permission", Repair::Permission, text);
    }
}

/// The logical ID of a rule is a digest, so the difference says whom it notifies, and of what.
#[test]
fn a_rule_of_notify_names_its_targets_and_secrets() {
    const QUEUE: &str = "arn:aws:sqs:eu-west-1:111122223333:rotated";
    let template = format!(
        "{TEMPLATE}
  NotifyRule0a1b2c3d:
    Type: AWS::Events::Rule
    Properties:
      EventPattern: {{ source: [aws.secretsmanager], resources: [!Ref Secret] }}
      Targets: [{{ Id: a, Arn: {QUEUE} }}, {{ Id: b, Arn: {FUNCTION} }}]
  NotifyPermission0a1b2c3d:
    Type: AWS::Lambda::Permission
    Properties: {{ FunctionName: {FUNCTION}, Principal: events.amazonaws.com }}
  SweepRule: {{ Type: AWS::Events::Rule, Properties: {{ ScheduleExpression: rate(1 hour) }} }}
"
    );
    let resource = |logical_id: &str, kind: &str| StackResource {
        logical_id: logical_id.to_owned(),
        physical_id: format!("keys-{logical_id}"),
        kind: kind.to_owned(),
        status: "CREATE_COMPLETE".to_owned(),
    };
    let mut resources = resources();
    for id in ["NotifyRule0a1b2c3d", "SweepRule"] {
        resources.push(resource(id, "AWS::Events::Rule"));
    }
    resources.push(resource("NotifyPermission0a1b2c3d", PERMISSION));
    let mut account = Account::new();
    let gone = resources.iter().skip(11).map(|one| ResourceDrift {
        logical_id: one.logical_id.clone(),
        kind: one.kind.clone(),
        status: DriftStatus::Deleted,
        differences: Vec::new(),
        reason: None,
        at: None,
    });
    account.detected.as_mut().unwrap().extend(gone);
    let stack: Stack = sample::stack("CREATE_COMPLETE");
    let template = DeployedTemplate::read(&template, &stack, &resources).unwrap();
    let detected = account.detected.as_deref().map_err(String::as_str);
    let drift = stack_drift(&template, detected, &account.looks);
    let shown: Vec<String> = drift.shown().into_iter().map(|it| it.difference).collect();
    let expected = [
        format!("it does not exist; it notifies {QUEUE}, {FUNCTION} of promotions of prod/app"),
        format!("it does not exist; it lets EventBridge notify {FUNCTION} of promotions"),
        "it does not exist".to_owned(),
    ];
    assert_eq!(shown, expected, "{drift:#?}");
}
