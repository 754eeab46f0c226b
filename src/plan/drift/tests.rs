//! A stack whose parts differ one at a time.

mod notify;

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

use super::super::tests::sample;
use super::*;
use crate::port::{
    CodeUpdate, DifferenceKind, DriftStatus, Error, ErrorKind, PropertyDifference, Rotation, Stack,
    StackResource, StackStatus,
};

const TEMPLATE: &str = r#"
Resources:
  Function:
    Type: AWS::Lambda::Function
    Properties:
      Code:
        S3Bucket: artifacts
        S3Key: keys/function/0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a.zip
        S3ObjectVersion: !If [HasArtifactVersion, "7", !Ref AWS::NoValue]
  Log: { Type: "AWS::Logs::LogGroup", Properties: { KmsKeyId: !GetAtt Key.Arn } }
  Permission:
    Type: AWS::Lambda::Permission
    Properties:
      Action: lambda:InvokeFunction
      FunctionName: !GetAtt Function.Arn
      Principal: secretsmanager.amazonaws.com
      SourceAccount: !Ref AWS::AccountId
  Topic: { Type: "AWS::SNS::Topic" }
  TopicPolicy:
    Type: AWS::SNS::TopicPolicy
    Properties:
      Topics: [!Ref Topic]
      PolicyDocument:
        Statement: { Sid: Publish, Resource: !Ref Topic }
  Key: { Type: "AWS::KMS::Key" }
  Alias: { Type: "AWS::KMS::Alias", Properties: { TargetKeyId: !Ref Key } }
  Mail:
    Type: AWS::SNS::Subscription
    Properties: { Endpoint: ops@example.com, Protocol: email, TopicArn: !Ref Topic }
  Readers:
    Type: AWS::SecretsManager::ResourcePolicy
    Properties:
      SecretId: !Ref Secret
      ResourcePolicy: { Statement: [{ Sid: Readers, Resource: !Ref Secret }] }
  Secret:
    Type: AWS::SecretsManager::Secret
    Properties: { Name: prod/app, Description: what it is, KmsKeyId: !GetAtt Key.Arn }
  Schedule:
    Type: AWS::SecretsManager::RotationSchedule
    Properties:
      SecretId: !Ref Secret
      RotationLambdaARN: !GetAtt Function.Arn
      RotationRules: { ScheduleExpression: rate(30 days) }
"#;
const ARN: &str = "arn:aws:secretsmanager:eu-west-1:111122223333:secret:prod/app-AbCdEf";
const FUNCTION: &str = "arn:aws:lambda:eu-west-1:111122223333:function:keys-Function";
const TOPIC: &str = "arn:aws:sns:eu-west-1:111122223333:keys-Topic";
const MAIL: &str = "arn:aws:sns:eu-west-1:111122223333:keys-Topic:1";
const KEY: &str = "0a1b2c3d-4e5f-6789-abcd-ef0123456789";

fn resources() -> Vec<StackResource> {
    let pairs = [
        ("Function", "AWS::Lambda::Function", "keys-Function"),
        ("Log", LOG_GROUP, "/keyrota/keys"),
        ("Permission", PERMISSION, "keys-Permission"),
        ("Topic", "AWS::SNS::Topic", TOPIC),
        ("TopicPolicy", TOPIC_POLICY, "keys-TopicPolicy"),
        ("Key", KMS_KEY, KEY),
        ("Alias", ALIAS, "alias/keys"),
        ("Mail", SUBSCRIPTION, MAIL),
        ("Readers", SECRET_POLICY, ARN),
        ("Secret", SECRET, ARN),
        ("Schedule", SCHEDULE, ARN),
    ];
    let resource = |(logical_id, kind, physical_id): (&str, &str, &str)| StackResource {
        logical_id: logical_id.to_owned(),
        physical_id: physical_id.to_owned(),
        kind: kind.to_owned(),
        status: "CREATE_COMPLETE".to_owned(),
    };
    pairs.into_iter().map(resource).collect()
}

/// What there is, and what a test may change.
struct Account {
    detected: Result<Vec<ResourceDrift>, String>,
    looks: DirectLooks,
}

impl Account {
    fn new() -> Self {
        let drift = |resource: &StackResource| ResourceDrift {
            logical_id: resource.logical_id.clone(),
            kind: resource.kind.clone(),
            status: DriftStatus::InSync,
            differences: Vec::new(),
            reason: None,
            at: None,
        };
        let detected = resources()
            .iter()
            .filter(|it| is_detected(it))
            .map(drift)
            .collect();
        let secret = Secret {
            arn: ARN.to_owned(),
            name: "prod/app".to_owned(),
            description: "what it is".to_owned(),
            kms_key: Some(KEY.to_owned()),
            rotation_enabled: true,
            rotation: Rotation {
                function: Some(FUNCTION.to_owned()),
                schedule: Some("rate(30 days)".to_owned()),
                window: None,
            },
            ..Secret::default()
        };
        let statement = json!({
            "Sid": "keys-Permission", "Effect": "Allow", "Action": "lambda:InvokeFunction",
            "Principal": { "Service": "secretsmanager.amazonaws.com" }, "Resource": FUNCTION,
            "Condition": { "StringEquals": { "AWS:SourceAccount": "111122223333" } },
        });
        let function = json!({ "Statement": [statement] }).to_string();
        let topic = json!({ "Statement": [{ "Sid": "Publish", "Resource": TOPIC }] }).to_string();
        let key = EncryptionKey {
            enabled: true,
            state: "Enabled".to_owned(),
            symmetric: true,
        };
        let mail = Subscription {
            topic: TOPIC.to_owned(),
            protocol: "email".to_owned(),
            endpoint: "ops@example.com".to_owned(),
            is_filtered: false,
        };
        let code = FunctionCode {
            sha256: STANDARD.encode([0x0a; 32]),
            update: CodeUpdate::Done,
        };
        let log = LogGroup {
            kms_key: Some(format!("arn:aws:kms:eu-west-1:111122223333:key/{KEY}")),
        };
        let readers = json!({ "Statement": [{ "Sid": "Readers", "Resource": ARN }] }).to_string();
        Self {
            detected: Ok(detected),
            looks: DirectLooks {
                secrets: of(ARN, Lookup::Found(secret)),
                function_policies: of(FUNCTION, Lookup::Found(function)),
                topic_policies: of(TOPIC, Lookup::Found(topic)),
                keys: of(KEY, Lookup::Found(key)),
                aliases: of("alias/keys", Lookup::Found(KEY.to_owned())),
                subscriptions: of(MAIL, Lookup::Found(mail)),
                secret_policies: of(ARN, Lookup::Found(readers)),
                codes: of("keys-Function", Lookup::Found(code)),
                log_groups: of("/keyrota/keys", Lookup::Found(log)),
            },
        }
    }

    fn secret(&mut self) -> &mut Secret {
        match self.looks.secrets.get_mut(ARN).unwrap() {
            Lookup::Found(secret) => secret,
            other => panic!("{other:?}"),
        }
    }

    fn change_memory(&mut self) {
        let function = self.detected("Function");
        function.status = DriftStatus::Modified;
        function.differences = vec![PropertyDifference {
            path: "/MemorySize".to_owned(),
            expected: "256".to_owned(),
            actual: "128".to_owned(),
            difference: DifferenceKind::NotEqual,
        }];
    }

    fn detected(&mut self, id: &str) -> &mut ResourceDrift {
        let all = self.detected.as_mut().unwrap();
        all.iter_mut().find(|it| it.logical_id == id).unwrap()
    }
}

fn of<T>(id: &str, look: Lookup<T>) -> BTreeMap<String, Lookup<T>> {
    BTreeMap::from([(id.to_owned(), look)])
}

fn drift(change: impl FnOnce(&mut Account)) -> StackDrift {
    drift_of(TEMPLATE, change)
}

fn drift_of(template: &str, change: impl FnOnce(&mut Account)) -> StackDrift {
    let mut account = Account::new();
    change(&mut account);
    let resources = resources();
    let stack: Stack = sample::stack("CREATE_COMPLETE");
    let template = DeployedTemplate::read(template, &stack, &resources).unwrap();
    let detected = account.detected.as_deref().map_err(String::as_str);
    stack_drift(&template, detected, &account.looks)
}

/// Returns each drifted resource with how it is repaired and its differences.
fn found(change: impl FnOnce(&mut Account)) -> Vec<(String, Repair, String)> {
    let drift = drift(change);
    assert!(drift.unchecked.is_empty(), "{drift:#?}");
    let told = |one: &DriftedResource| {
        (
            one.logical_id.clone(),
            repair_of(one),
            one.differences().join("; "),
        )
    };
    drift.resources.iter().map(told).collect()
}

#[track_caller]
fn expect(found: &[(String, Repair, String)], id: &str, repair: Repair, text: &str) {
    let [(held, how, told)] = found else {
        panic!("{found:#?}");
    };
    assert_eq!((held.as_str(), *how), (id, repair), "{told}");
    assert!(told.contains(text), "{text}: {told}");
}

/// CloudFormation compares neither, so both are reported beside what it has found.
#[test]
fn the_code_and_the_key_of_a_log_group_are_compared() {
    let code = |sha256: &str| {
        let sha256 = sha256.to_owned();
        let update = CodeUpdate::Done;
        of(
            "keys-Function",
            Lookup::Found(FunctionCode { sha256, update }),
        )
    };
    let other = found(|it| it.looks.codes = code("another"));
    let text = "SHA-256 another, not CgoKCg";
    expect(&other, "Function", Repair::Code, text);
    let text = ", that of s3://artifacts/keys/function/0a0a";
    expect(&other, "Function", Repair::Code, text);
    expect(&other, "Function", Repair::Code, ".zip (version 7)");
    let both = found(|it| {
        it.looks.codes = code("another");
        it.change_memory();
    });
    let repairs: Vec<_> = both.iter().map(|(id, how, _)| (&id[..], *how)).collect();
    let expected = [("Function", Repair::ChangeSet), ("Function", Repair::Code)];
    assert_eq!(repairs, expected);
    let gone = found(|it| {
        it.looks.codes = of("keys-Function", Lookup::Missing);
        it.detected("Function").status = DriftStatus::Deleted;
    });
    expect(&gone, "Function", Repair::ChangeSet, "does not exist");
    let key = |kms_key: Option<&str>| {
        let kms_key = kms_key.map(str::to_owned);
        of("/keyrota/keys", Lookup::Found(LogGroup { kms_key }))
    };
    let other = found(|it| it.looks.log_groups = key(Some("theirs")));
    expect(
        &other,
        "Log",
        Repair::LogKey,
        "`/KmsKeyId` is `theirs`, not `arn:aws:kms",
    );
    let none = found(|it| it.looks.log_groups = key(None));
    expect(
        &none,
        "Log",
        Repair::LogKey,
        "`/KmsKeyId` is nothing, not `arn:aws:kms",
    );
    // Nobody knows what CloudFormation has resolved these to, and without a key others may choose one.
    let with = |value: &str| {
        let template = TEMPLATE.replace("KmsKeyId: !GetAtt Key.Arn } }", value);
        drift_of(&template, |it| it.looks.log_groups = key(Some("theirs")))
    };
    for value in [
        "KmsKeyId: '{{resolve:ssm:key}}' } }",
        "KmsKeyId: !If [A, B, C] } }",
    ] {
        let drift = with(value);
        assert_eq!(drift.resources, []);
        let uncompared = drift.uncompared().map(|one| one.logical_id.as_str());
        assert_eq!(uncompared.collect::<Vec<_>>(), ["Log"], "{value}");
    }
    assert_eq!(with("} }"), StackDrift::default());
    // Nobody knows what a zip file with another name contains.
    let unknown = |key: &str| {
        let (bucket, key) = ("artifacts".to_owned(), key.to_owned());
        let version = None;
        DeployedCode {
            bucket,
            key,
            version,
        }
        .sha256()
    };
    for key in [
        "function.zip",
        "keys/function/0a.zip",
        "a/\u{e4}\u{e4}.zip",
        "",
    ] {
        assert_eq!(unknown(key), None, "{key}");
    }
}

#[test]
fn nothing_differs() {
    assert_eq!(drift(|_| {}), StackDrift::default());
}

/// The AWS CDK deploys a rendered template with functions in the long form.
#[test]
fn a_template_in_the_long_form_is_compared_too() {
    let long = TEMPLATE
        .replace(
            "!GetAtt Function.Arn",
            "{ \"Fn::GetAtt\": [Function, Arn] }",
        )
        .replace("!GetAtt Key.Arn", "{ \"Fn::GetAtt\": [Key, Arn] }")
        .replace("!Ref Secret", "{ Ref: Secret }")
        .replace("!Ref Topic", "{ Ref: Topic }");
    assert!(long.contains("SecretId: { Ref: Secret }"));
    let change = |account: &mut Account| account.secret().rotation.function = None;
    assert_eq!(drift_of(&long, |_| {}), drift_of(TEMPLATE, |_| {}));
    assert_eq!(drift_of(&long, change), drift_of(TEMPLATE, change));
}

#[test]
fn each_difference_is_found_once_and_has_its_repair() {
    let gone = found(|it| it.detected("Function").status = DriftStatus::Deleted);
    expect(&gone, "Function", Repair::ChangeSet, "does not exist");
    let changed = found(|it| it.change_memory());
    expect(
        &changed,
        "Function",
        Repair::ChangeSet,
        "is `128`, not `256`",
    );
    let unadmitted = found(|it| it.looks.function_policies = of(FUNCTION, Lookup::Missing));
    expect(
        &unadmitted,
        "Permission",
        Repair::Permission,
        "no resource policy",
    );
    // CloudFormation's finding comes first.
    let both = found(|it| {
        it.looks.function_policies = of(FUNCTION, Lookup::Missing);
        it.detected("Permission").status = DriftStatus::Deleted;
    });
    expect(&both, "Permission", Repair::ChangeSet, "does not exist");
    let topic = found(|it| it.looks.topic_policies = of(TOPIC, Lookup::Found("{}".to_owned())));
    expect(&topic, "TopicPolicy", Repair::Replace, "does not exist");
    let alias = found(|it| it.looks.aliases = of("alias/keys", Lookup::Missing));
    expect(&alias, "Alias", Repair::Replace, "does not exist");
    let alias = found(|it| it.looks.aliases = of("alias/keys", Lookup::Found("x".to_owned())));
    expect(&alias, "Alias", Repair::Replace, "`/TargetKeyId` is `x`");
    let mail = found(|it| it.looks.subscriptions = of(MAIL, Lookup::Missing));
    expect(&mail, "Mail", Repair::Replace, "does not exist");
    let mail = found(|it| {
        let Some(Lookup::Found(held)) = it.looks.subscriptions.get_mut(MAIL) else {
            panic!()
        };
        held.is_filtered = true;
    });
    expect(&mail, "Mail", Repair::Replace, "/FilterPolicy");
    let readers = found(|it| it.looks.secret_policies = of(ARN, Lookup::Missing));
    expect(&readers, "Readers", Repair::SecretPolicy, "does not exist");
    let key = found(|it| {
        let Some(Lookup::Found(key)) = it.looks.keys.get_mut(KEY) else {
            panic!()
        };
        key.enabled = false;
        key.state = "PendingDeletion".to_owned();
        it.detected("Key").status = DriftStatus::Deleted;
    });
    expect(&key, "Key", Repair::Key, "PendingDeletion");
}

#[test]
fn a_secret_is_looked_at_without_its_value() {
    let gone = found(|it| it.looks.secrets = of(ARN, Lookup::Missing));
    expect(&gone, "Secret", Repair::Recreate, "does not exist");
    let deleted = found(|it| it.secret().deleted = Some(sample::at(sample::NOW)));
    expect(
        &deleted,
        "Secret",
        Repair::Restore,
        "scheduled for deletion",
    );
    let described = found(|it| it.secret().description = "hush".to_owned());
    expect(
        &described,
        "Secret",
        Repair::Settings,
        "`/Description` differs",
    );
    let key = found(|it| it.secret().kms_key = None);
    expect(&key, "Secret", Repair::Settings, "/KmsKeyId");
    let off = found(|it| it.secret().rotation_enabled = false);
    expect(&off, "Schedule", Repair::EnableRotation, "disabled");
    let other = found(|it| it.secret().rotation.schedule = Some("rate(9 days)".to_owned()));
    expect(&other, "Schedule", Repair::Schedule, "rate(9 days)");
    // In another notation.
    let same = found(|it| it.secret().rotation.schedule = Some("rate(720 hours)".to_owned()));
    assert!(same.len() <= 1);
}

#[test]
fn what_cannot_be_looked_at_is_told_and_not_taken_for_fine() {
    let denied = || Error {
        call: "lambda:GetPolicy",
        kind: ErrorKind::Denied,
        code: None,
        message: "no".to_owned(),
    };
    let seen = drift(|it| it.looks.function_policies = of(FUNCTION, Lookup::Denied(denied())));
    assert_eq!(seen.obstacles().len(), 1, "{seen:#?}");
    assert!(seen.obstacles()[0].contains("lambda:GetPolicy"));
    let seen = drift(|it| it.detected = Err("denied".to_owned()));
    assert_eq!(seen.obstacles(), ["denied"]);
    let seen = drift(|it| {
        it.detected("Key").status = DriftStatus::Unchecked;
        it.detected("Key").reason = Some("AccessDenied".to_owned());
    });
    assert!(seen.obstacles()[0].contains("Key (AWS::KMS::Key): AccessDenied"));
    // A resource whose type CloudFormation does not compare has no drift at all.
    let seen = drift(|it| {
        it.detected
            .as_mut()
            .unwrap()
            .retain(|it| it.logical_id != "Topic")
    });
    assert!(seen.obstacles().is_empty());
    assert_eq!(seen.uncompared().count(), 1);
}

#[test]
fn an_old_result_does_not_count_after_a_failed_detection() {
    let resources = resources();
    let requested: Vec<&StackResource> = resources.iter().filter(|it| is_detected(it)).collect();
    let began = sample::at(sample::NOW);
    let mut account = Account::new();
    for drift in account.detected.as_mut().unwrap() {
        drift.at = Some(began + std::time::Duration::from_secs(5));
    }
    let old = Some(began - std::time::Duration::from_secs(5));
    account.detected("Function").at = old;
    // A difference that was found earlier is still reported.
    account.detected("Key").at = old;
    account.detected("Key").status = DriftStatus::Deleted;
    let mut detected = account.detected.unwrap();
    detected.retain(|it| it.logical_id != "Topic");
    let drifts = without_stale(detected, &requested, began, "AccessDenied");
    let unchecked = drifts
        .iter()
        .filter(|it| it.status == DriftStatus::Unchecked);
    let unchecked: Vec<(&str, Option<&str>)> = unchecked
        .map(|it| (it.logical_id.as_str(), it.reason.as_deref()))
        .collect();
    let reason = Some("AccessDenied");
    assert_eq!(unchecked, [("Function", reason), ("Topic", reason)]);
    assert_eq!(drifts.len(), requested.len());
}

#[test]
fn drift_is_detected_after_a_failed_rollback_too() {
    let is = |status: &str| is_comparable(&StackStatus(status.to_owned()));
    assert!(is("CREATE_COMPLETE") && is("UPDATE_ROLLBACK_FAILED") && is("IMPORT_COMPLETE"));
    assert!(!is("UPDATE_IN_PROGRESS") && !is("ROLLBACK_COMPLETE") && !is("DELETE_FAILED"));
}
