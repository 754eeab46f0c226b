//! What is found of the keys in `encrypt`.

use serde_json::json;

use super::super::check_service_key_region;
use super::super::{Lookup, ObservedServiceKey, check_own_service_key, check_service_key};
use crate::model::{AccountId, Arn, Finding, Model, Region, load};
use crate::port::{EncryptionKey, Error, ErrorKind};
use crate::render::service_statements;

const ARN: &str = "arn:aws:kms:eu-west-1:111122223333:key/0a1b2c3d-4e5f-6789-abcd-ef0123456789";

fn model() -> Model {
    let manifest = "version: 1\nstack: payments-keys\naccess_keys: [{ user: ada }]\n";
    load(manifest, None).unwrap().model
}

fn place() -> (AccountId, Region) {
    let account = AccountId::parse("111122223333").unwrap();
    (account, Region::parse("eu-west-1").unwrap())
}

const USABLE: EncryptionKey = EncryptionKey {
    enabled: true,
    state: String::new(),
    symmetric: true,
};

fn check(
    fields: &[&'static str],
    key: Lookup<EncryptionKey>,
    policy: Option<Lookup<String>>,
) -> Vec<Finding> {
    let arn = Arn::parse(ARN).unwrap();
    let (account, region) = place();
    let seen = ObservedServiceKey {
        arn: &arn,
        fields: fields.to_vec(),
        key,
        policy,
    };
    check_service_key(&model(), &account, &region, &seen)
}

/// Returns the severity and path of each finding, and all texts.
fn told(findings: &[Finding]) -> (Vec<(bool, &str)>, String) {
    let places = findings
        .iter()
        .map(|one| (one.is_error(), one.path.as_str()));
    (places.collect(), format!("{findings:?}"))
}

#[test]
fn a_key_that_services_cannot_use() {
    let disabled = EncryptionKey {
        enabled: false,
        state: "PendingDeletion".to_owned(),
        ..USABLE
    };
    let asymmetric = EncryptionKey {
        symmetric: false,
        ..USABLE
    };
    for (key, why) in [
        (Lookup::Missing, "does not exist"),
        (Lookup::Found(disabled), "PendingDeletion"),
        (Lookup::Found(asymmetric), "not a symmetric"),
    ] {
        let found = check(&["topic", "logs"], key, None);
        let (places, text) = told(&found);
        assert_eq!(places, [(true, "encrypt.topic")], "{text}");
        assert!(text.contains(why) && text.contains(ARN), "{text}");
    }
    let found = check(&["environment"], Lookup::Found(USABLE), None);
    assert_eq!(found, []);
}

#[test]
fn a_missing_statement_is_ready_to_paste() {
    let (account, region) = place();
    let needed = |field| service_statements(&model(), &account, &region, field);
    let root = json!({ "Effect": "Allow", "Principal": { "AWS": "arn:aws:iam::111122223333:root" }, "Action": "kms:*", "Resource": "*" });
    let mut statements = vec![root];
    let policy = |statements: &[serde_json::Value]| {
        Some(Lookup::Found(
            json!({ "Statement": statements }).to_string(),
        ))
    };
    let seen = || Lookup::Found(USABLE);
    let found = check(
        &["logs", "topic", "environment"],
        seen(),
        policy(&statements),
    );
    let (places, _) = told(&found);
    let expected = [
        (true, "encrypt.logs"),
        (true, "encrypt.topic"),
        (true, "encrypt.topic"),
    ];
    assert_eq!(places, expected);
    for (finding, one) in found
        .iter()
        .zip(needed("logs").into_iter().chain(needed("topic")))
    {
        let hint = finding.hint.as_deref().unwrap();
        let (_, pasted) = hint.split_once("key policy: ").unwrap();
        let pasted: serde_json::Value = serde_json::from_str(pasted).unwrap();
        assert_eq!(pasted, one.statement);
        assert!(finding.message.contains(&one.service));
        statements.push(pasted);
    }
    // Then nothing is missing.
    let found = check(&["logs", "topic"], seen(), policy(&statements));
    assert_eq!(found, []);
}

#[test]
fn a_denied_lookup_is_a_warning_that_names_the_action() {
    let denied = |call| Error {
        call,
        kind: ErrorKind::Denied,
        code: Some("AccessDeniedException".to_owned()),
        message: "no".to_owned(),
    };
    let found = check(
        &["logs"],
        Lookup::Denied(denied("kms:DescribeKey")),
        Some(Lookup::Denied(denied("kms:GetKeyPolicy"))),
    );
    let (places, text) = told(&found);
    assert_eq!(places, [(false, "encrypt.logs"), (false, "encrypt.logs")]);
    for expected in ["kms:DescribeKey", "kms:GetKeyPolicy", "LogsMayEncrypt"] {
        assert!(text.contains(expected), "{text}");
    }
    let unreadable = Some(Lookup::Found("{".to_owned()));
    let found = check(&["logs"], Lookup::Found(USABLE), unreadable);
    assert_eq!(told(&found).0, [(false, "encrypt.logs")]);
}

#[test]
fn a_key_elsewhere() {
    let arn = Arn::parse(ARN).unwrap();
    assert_eq!(check_service_key_region(&arn, "logs", "eu-west-1"), None);
    let found = check_service_key_region(&arn, "logs", "eu-central-1").unwrap();
    assert_eq!(told(&[found]).0, [(true, "encrypt.logs")]);
}

#[test]
fn the_stacks_own_key() {
    let gone = EncryptionKey {
        enabled: false,
        state: "PendingDeletion".to_owned(),
        ..USABLE
    };
    assert_eq!(check_own_service_key("0a1b", &Lookup::Found(USABLE)), None);
    for key in [Lookup::Missing, Lookup::Found(gone)] {
        let found = check_own_service_key("0a1b", &key).unwrap();
        assert!(found.is_error() && found.hint.unwrap().contains("--key-id 0a1b"));
    }
}
