//! Findings about the targets in `notify`.

use super::super::{
    CheckedTarget, Lookup, ObservedTarget, RuleOrigin, check_target, diagnose_targets,
    readable_key, targets,
};
use crate::model::{AccountId, Finding, Model, Region, load};
use crate::port::{Error, ErrorKind, Receiver, StackResource};
use crate::render::{events_statement, notify_rule_logical_id, target_statement};

const TOPIC: &str = "arn:aws:sns:eu-west-1:111122223333:rotated";
const QUEUE: &str = "arn:aws:sqs:eu-west-1:111122223333:rotated";
const FIFO: &str = "arn:aws:sqs:eu-west-1:111122223333:rotated.fifo";
const FUNCTION: &str = "arn:aws:lambda:eu-west-1:111122223333:function:restart";
const BUS: &str = "arn:aws:events:eu-west-1:111122223333:event-bus/ops";
const KEY: &str = "arn:aws:kms:eu-west-1:111122223333:key/0a1b2c3d-4e5f-6789-abcd-ef0123456789";

fn model(arns: &[&str]) -> Model {
    let manifest = format!(
        "version: 1\nstack: payments-keys\naccess_keys: [{{ user: ada, notify: {arns:?} }}, {{ user: bea, notify: {arns:?} }}]\n"
    );
    load(&manifest, None).unwrap().model
}

fn place() -> (AccountId, Region) {
    let account = AccountId::parse("111122223333").unwrap();
    (account, Region::parse("eu-west-1").unwrap())
}

fn denied() -> Error {
    Error {
        call: "sns:GetTopicAttributes",
        kind: ErrorKind::Denied,
        code: Some("AuthorizationError".to_owned()),
        message: "no".to_owned(),
    }
}

/// A topic or a queue whose policy admits EventBridge.
fn admitting(arn: &str) -> Receiver {
    let (account, region) = place();
    let model = model(&[arn]);
    let statement = target_statement(&model.entries[0].notify[0], &account, &region).unwrap();
    Receiver {
        policy: Some(format!("{{ \"Statement\": [{statement}] }}")),
        kms_key: None,
        deduplicates: true,
    }
}

/// Checks what was seen of the only target of a manifest.
fn checked<R>(
    arn: &str,
    found: Lookup<Option<Receiver>>,
    key_policy: Option<Lookup<String>>,
    then: impl FnOnce(&Model, CheckedTarget<'_>) -> R,
) -> R {
    let (account, region) = place();
    let model = model(&[arn]);
    let origin = RuleOrigin {
        account: &account,
        region: &region,
        resources: &[],
    };
    let seen = ObservedTarget {
        target: &model.entries[0].notify[0],
        found,
        key_policy,
    };
    let findings = check_target(&model, origin, &seen);
    then(&model, CheckedTarget { seen, findings })
}

fn check(
    arn: &str,
    found: Lookup<Option<Receiver>>,
    key_policy: Option<Lookup<String>>,
) -> Vec<Finding> {
    checked(arn, found, key_policy, |_, checked| checked.findings)
}

/// Returns whether each finding refuses the deployment, with its kind.
fn told(findings: &[Finding]) -> Vec<(bool, &str)> {
    let told = findings.iter().map(|one| (one.is_error(), one.kind));
    told.collect()
}

#[test]
fn each_target_is_looked_up_once_and_one_elsewhere_not_at_all() {
    let (account, region) = place();
    let elsewhere = [
        "arn:aws:sns:eu-west-2:111122223333:rotated",
        "arn:aws:sns:eu-west-1:444455556666:rotated",
    ];
    let model = model(&[TOPIC, BUS, elsewhere[0], elsewhere[1]]);
    let (found, findings) = targets(&model, &account, &region);
    let found: Vec<&str> = found.iter().map(|one| one.arn.as_str()).collect();
    assert_eq!(found, [BUS, TOPIC]);
    assert_eq!(told(&findings), [(true, "target-elsewhere"); 2]);
}

#[test]
fn a_target_must_exist() {
    for arn in [TOPIC, QUEUE, FUNCTION, BUS] {
        let findings = check(arn, Lookup::Missing, None);
        assert_eq!(told(&findings), [(true, "no-target")], "{arn}");
        let findings = check(arn, Lookup::Denied(denied()), None);
        assert_eq!(told(&findings), [(false, "target-not-looked-up")], "{arn}");
        let needs = findings[0].message.contains("events.amazonaws.com");
        assert_eq!(needs, [TOPIC, QUEUE].contains(&arn), "{findings:?}");
    }
    for arn in [FUNCTION, BUS] {
        assert_eq!(check(arn, Lookup::Found(None), None), []);
    }
}

#[test]
fn the_policy_of_a_topic_or_a_queue_must_admit_the_rule() {
    for arn in [TOPIC, QUEUE] {
        assert_eq!(check(arn, Lookup::Found(Some(admitting(arn))), None), []);
        for policy in [None, Some("{ \"Statement\": [] }".to_owned())] {
            let is_without_policy = policy.is_none();
            let closed = Receiver {
                policy,
                ..admitting(arn)
            };
            let findings = check(arn, Lookup::Found(Some(closed)), None);
            assert_eq!(told(&findings), [(true, "target-policy")], "{arn}");
            let hint = findings[0].hint.as_deref().unwrap();
            assert!(hint.contains("EventBridgeMayDeliver"), "{hint}");
            // Without a policy, there is nothing to which a statement could be added.
            let is_whole = hint.contains("\"Version\":\"2012-10-17\"");
            assert_eq!(is_whole, is_without_policy, "{hint}");
        }
        let unreadable = Receiver {
            policy: Some("no policy".to_owned()),
            ..admitting(arn)
        };
        let findings = check(arn, Lookup::Found(Some(unreadable)), None);
        assert_eq!(told(&findings), [(false, "target-policy")], "{arn}");
    }
}

#[test]
fn a_fifo_queue_must_recognize_messages() {
    assert_eq!(check(FIFO, Lookup::Found(Some(admitting(FIFO))), None), []);
    let plain = Receiver {
        deduplicates: false,
        ..admitting(FIFO)
    };
    let findings = check(FIFO, Lookup::Found(Some(plain)), None);
    assert_eq!(told(&findings), [(true, "target-deduplication")]);
}

#[test]
fn the_key_of_a_topic_or_a_queue_must_admit_eventbridge() {
    let with = |arn: &str, key: &str| Receiver {
        kms_key: Some(key.to_owned()),
        ..admitting(arn)
    };
    for (arn, managed) in [(TOPIC, "alias/aws/sns"), (QUEUE, "alias/aws/sqs")] {
        let found = |key: &str| Lookup::Found(Some(with(arn, key)));
        assert_eq!(
            told(&check(arn, found(managed), None)),
            [(true, "target-key")]
        );
        assert_eq!(readable_key(&with(arn, managed)), None);
        assert_eq!(readable_key(&with(arn, KEY)), Some(KEY));
        let policy = |statement: &serde_json::Value| {
            Some(Lookup::Found(format!("{{ \"Statement\": [{statement}] }}")))
        };
        let statement = events_statement();
        assert_eq!(check(arn, found(KEY), policy(&statement)), []);
        let mut other = statement.clone();
        other["Principal"] = serde_json::json!({ "Service": "sns.amazonaws.com" });
        let findings = check(arn, found(KEY), policy(&other));
        assert_eq!(told(&findings), [(true, "target-key")]);
        for unknown in [None, Some(Lookup::Missing), Some(Lookup::Denied(denied()))] {
            let findings = check(arn, found(KEY), unknown);
            assert_eq!(told(&findings), [(false, "target-key")]);
            assert!(findings[0].message.contains("EventsMayEncrypt"));
        }
    }
}

/// A queue whose policy admits one rule only, by its name.
fn admitting_rule(rule: &str) -> Receiver {
    let statement = serde_json::json!({
        "Effect": "Allow",
        "Principal": { "Service": "events.amazonaws.com" },
        "Action": "sqs:SendMessage",
        "Resource": QUEUE,
        "Condition": { "ArnEquals": {
            "aws:SourceArn": format!("arn:aws:events:eu-west-1:111122223333:rule/{rule}"),
        } },
    });
    Receiver {
        policy: Some(format!("{{ \"Statement\": [{statement}] }}")),
        ..admitting(QUEUE)
    }
}

#[test]
fn a_policy_must_admit_the_rules_that_the_stack_has() {
    let (account, region) = place();
    let model = model(&[QUEUE]);
    let id = notify_rule_logical_id(&model.entries[0].notify);
    let rule = |logical_id: String, name: &str, status: &str| StackResource {
        logical_id,
        physical_id: name.to_owned(),
        kind: "AWS::Events::Rule".to_owned(),
        status: status.to_owned(),
    };
    let check = |admitted: &str, resources: &[StackResource]| {
        let origin = RuleOrigin {
            account: &account,
            region: &region,
            resources,
        };
        let seen = ObservedTarget {
            target: &model.entries[0].notify[0],
            found: Lookup::Found(Some(admitting_rule(admitted))),
            key_policy: None,
        };
        check_target(&model, origin, &seen).is_empty()
    };
    let live = rule(id.clone(), "live", "CREATE_COMPLETE");
    assert!(check("live", std::slice::from_ref(&live)));
    assert!(!check("another", std::slice::from_ref(&live)));
    // CloudFormation lists a resource after its deletion.
    for status in ["DELETE_COMPLETE", "DELETE_IN_PROGRESS", "DELETE_SKIPPED"] {
        let gone = rule(id.clone(), "gone", status);
        assert!(check("live", &[gone.clone(), live.clone()]), "{status}");
        assert!(!check("gone", std::slice::from_ref(&gone)), "{status}");
    }
    // A rule whose pattern is full has a successor.
    let second = rule(format!("{id}2"), "second", "CREATE_COMPLETE");
    assert!(!check("live", &[live.clone(), second]));
    // A rule of other targets, one that has no name yet, and another type do not count.
    let unnamed = rule(id.clone(), "", "CREATE_IN_PROGRESS");
    let other = rule("SweepRule".to_owned(), "other", "CREATE_COMPLETE");
    let mut permission = rule(id.clone(), "permission", "CREATE_COMPLETE");
    permission.kind = "AWS::Lambda::Permission".to_owned();
    assert!(check("live", &[unnamed, other, permission, live]));
    // Without a rule, one such as CloudFormation will create counts.
    assert!(check(&format!("payments-keys-{id}-000000000000"), &[]));
    assert!(!check("live", &[]));
}

#[test]
fn doctor_names_a_target_that_is_gone_or_closed() {
    let diagnose = |arn: &str, found: Lookup<Option<Receiver>>| {
        checked(arn, found, None, |model, checked| {
            let unknown = checked.unknown().count();
            (diagnose_targets(model, &[checked]), unknown)
        })
    };
    for arn in [TOPIC, QUEUE, FUNCTION, BUS] {
        let (found, _) = diagnose(arn, Lookup::Missing);
        let [gone] = found.as_slice() else {
            panic!("{found:#?}");
        };
        assert_eq!(gone.fault.id, "notify-target-unusable");
        assert!(gone.subject.ends_with(arn), "{gone:#?}");
        let secrets = "promotions of payments-keys/ada, payments-keys/bea do not reach it";
        assert!(gone.evidence.contains(secrets), "{gone:#?}");
        assert!(gone.remedy.starts_with("create the "), "{gone:#?}");
        assert_eq!(gone.fix, None);
        let (found, unknown) = diagnose(arn, Lookup::Denied(denied()));
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].fault.id, "notify-target-unchecked");
        assert!(found[0].evidence.contains("sns:GetTopicAttributes"));
        assert_eq!(unknown, 0);
    }
    let closed = Receiver {
        policy: None,
        ..admitting(QUEUE)
    };
    let (found, _) = diagnose(QUEUE, Lookup::Found(Some(closed)));
    assert_eq!(found.len(), 1);
    assert!(found[0].remedy.contains("EventBridgeMayDeliver"));
    let (found, unknown) = diagnose(QUEUE, Lookup::Found(Some(admitting(QUEUE))));
    assert!(found.is_empty() && unknown == 0);
    // Nobody can look through an alias, so that is no fault.
    let aliased = Receiver {
        kms_key: Some("alias/mine".to_owned()),
        ..admitting(QUEUE)
    };
    let (found, unknown) = diagnose(QUEUE, Lookup::Found(Some(aliased)));
    assert!(found.is_empty() && unknown == 1);
}
