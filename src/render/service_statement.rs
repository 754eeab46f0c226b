//! The statements with which AWS services may use a key of `encrypt` that exists. They are those
//! of the key that the stack creates, in `templates/service-key.yaml.hbs`.

use serde_json::{Value as Json, json};

use super::Strategy;
use super::resolve::Resolver;
use crate::model::{AccountId, Model, Region};

/// A statement that a key policy needs.
#[derive(Clone, Debug, PartialEq)]
pub struct ServiceStatement {
    /// The service principal that it allows.
    pub service: String,
    /// The statement.
    pub statement: Json,
}

/// Returns the statements that the policy of a key needs for a field of `encrypt`. For
/// `environment` there is none, because IAM policies allow what is necessary.
pub fn service_statements(
    model: &Model,
    account: &AccountId,
    region: &Region,
    field: &str,
) -> Vec<ServiceStatement> {
    let resolver = Resolver::at(Some(region), Some(account));
    match field {
        "logs" => vec![logs(model, &resolver)],
        "topic" => vec![alarms(&resolver), events()],
        _ => Vec::new(),
    }
}

/// CloudWatch Logs User Guide, `encrypt-log-data-kms`.
fn logs(model: &Model, resolver: &Resolver) -> ServiceStatement {
    let service = resolver.regional_service("logs");
    let groups = Strategy::of(model).map(|strategy| {
        let name = strategy.log_group_name(&model.stack);
        resolver.arn("logs", &format!("log-group:{name}"))
    });
    let statement = json!({
        "Sid": "LogsMayEncrypt",
        "Effect": "Allow",
        "Principal": { "Service": service },
        "Action": [
            "kms:Decrypt*", "kms:Describe*", "kms:Encrypt*", "kms:GenerateDataKey*", "kms:ReEncrypt*",
        ],
        "Resource": "*",
        "Condition": {
            "ArnLike": { "kms:EncryptionContext:aws:logs:arn": groups.collect::<Vec<String>>() },
        },
    });
    ServiceStatement { service, statement }
}

/// SNS Developer Guide, `sns-key-management`.
fn alarms(resolver: &Resolver) -> ServiceStatement {
    let service = "cloudwatch.amazonaws.com".to_owned();
    let statement = json!({
        "Sid": "AlarmsMayEncrypt",
        "Effect": "Allow",
        "Principal": { "Service": service },
        "Action": ["kms:Decrypt", "kms:GenerateDataKey*"],
        "Resource": "*",
        "Condition": {
            "StringEquals": { "aws:SourceAccount": resolver.account() },
            "ArnLike": { "aws:SourceArn": resolver.arn("cloudwatch", "alarm:*") },
        },
    });
    ServiceStatement { service, statement }
}

/// The same page: no condition is supported for EventBridge.
fn events() -> ServiceStatement {
    let service = "events.amazonaws.com".to_owned();
    let statement = json!({
        "Sid": "EventsMayEncrypt",
        "Effect": "Allow",
        "Principal": { "Service": service },
        "Action": ["kms:Decrypt", "kms:GenerateDataKey*"],
        "Resource": "*",
    });
    ServiceStatement { service, statement }
}

/// Returns the statement with which a key policy lets EventBridge deliver to a topic or a queue that
/// the key encrypts.
///
/// SNS Developer Guide, `sns-key-management`; SQS Developer Guide, `sqs-key-management`.
pub fn events_statement() -> Json {
    events().statement
}

/// Returns the statement with which a key policy lets the account's IAM policies decide who uses
/// the key for secrets: the execution role's policy allows it for the stack's secrets only.
///
/// Secrets Manager User Guide, `security-encryption`.
pub fn account_statement(account: &AccountId, region: &Region) -> Json {
    let resolver = Resolver::at(Some(region), Some(account));
    json!({
        "Sid": "SecretsManagerOfThisAccount",
        "Effect": "Allow",
        "Principal": { "AWS": resolver.iam_arn("root") },
        "Action": ["kms:Decrypt", "kms:DescribeKey", "kms:GenerateDataKey"],
        "Resource": "*",
        "Condition": {
            "StringEquals": {
                "kms:CallerAccount": resolver.account(),
                "kms:ViaService": resolver.via_secrets_manager(),
            },
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::load;
    use crate::render::tests::{read, shards, templates};
    use crate::render::{lets_account, lets_service};

    #[test]
    fn an_account_may_use_a_key_if_a_statement_lets_it_or_its_role() {
        let account = AccountId::parse("111122223333").unwrap();
        let region = Region::parse("eu-west-1").unwrap();
        let needed = account_statement(&account, &region);
        let policy = |statement: &Json| json!({ "Statement": [statement] }).to_string();
        let lets = |statement: &Json| lets_account(&policy(statement), "111122223333", &["fn"]);
        assert_eq!(lets(&needed), Some(true));
        for (principal, expected) in [
            (json!("*"), true),
            (json!({ "AWS": "111122223333" }), true),
            (
                json!({ "AWS": "arn:aws:iam::111122223333:role/ops/fn" }),
                true,
            ),
            (
                json!({ "AWS": "arn:aws:iam::111122223333:role/other" }),
                false,
            ),
            (json!({ "AWS": "arn:aws:iam::444455556666:root" }), false),
            (json!({ "Service": "logs.eu-west-1.amazonaws.com" }), false),
        ] {
            let mut other = needed.clone();
            other["Principal"] = principal;
            assert_eq!(lets(&other), Some(expected), "{other}");
        }
        let mut less = needed.clone();
        less["Action"] = "kms:Decrypt".into();
        assert_eq!(lets(&less), Some(false));
        let mut denies = needed;
        denies["Effect"] = "Deny".into();
        assert_eq!(lets(&denies), Some(false));
        assert_eq!(lets_account("no policy", "111122223333", &[]), None);
    }

    const MANIFEST: &str = "tests/manifests/valid/encrypt.yaml";

    /// Returns the key policy of a rendered stack, with every reference resolved.
    fn rendered(manifest: &str) -> Json {
        let shards = shards(load(manifest, None).unwrap().model);
        let rendering = crate::render::render(&shards, &templates()).unwrap();
        serde_json::from_str(&rendering.files["policies/service-key.json"]).unwrap()
    }

    fn manifest() -> String {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(MANIFEST);
        read(&path).replace(
            "region: eu-west-1",
            "region: eu-west-1\naccount: \"111122223333\"",
        )
    }

    fn needed(manifest: &str) -> Vec<ServiceStatement> {
        let model = load(manifest, None).unwrap().model;
        let account = AccountId::parse("111122223333").unwrap();
        let region = Region::parse("eu-west-1").unwrap();
        let of = |field| service_statements(&model, &account, &region, field);
        ["logs", "topic", "environment"]
            .into_iter()
            .flat_map(of)
            .collect()
    }

    #[test]
    fn a_key_that_exists_needs_what_the_stacks_own_key_has() {
        let needed = needed(&manifest());
        let statements: Vec<&Json> = needed.iter().map(|one| &one.statement).collect();
        let policy = rendered(&manifest());
        let held: Vec<&Json> = policy["Statement"]
            .as_array()
            .unwrap()
            .iter()
            .skip(1)
            .collect();
        assert_eq!(held, statements);
    }

    #[test]
    fn a_service_may_use_a_key_if_a_statement_lets_it() {
        let needed = needed(&manifest());
        let policy = |statements: &[Json]| json!({ "Statement": statements }).to_string();
        let all: Vec<Json> = needed.iter().map(|one| one.statement.clone()).collect();
        for (index, one) in needed.iter().enumerate() {
            assert_eq!(lets_service(&policy(&all), &one.service), Some(true));
            let mut others = all.clone();
            others.remove(index);
            assert_eq!(lets_service(&policy(&others), &one.service), Some(false));
            let anyone =
                json!({ "Effect": "Allow", "Principal": "*", "Action": "kms:*", "Resource": "*" });
            assert_eq!(lets_service(&policy(&[anyone]), &one.service), Some(true));
            let mut denied = one.statement.clone();
            denied["Effect"] = "Deny".into();
            assert_eq!(lets_service(&policy(&[denied]), &one.service), Some(false));
            let mut less = one.statement.clone();
            less["Action"] = "kms:Decrypt".into();
            assert_eq!(lets_service(&policy(&[less]), &one.service), Some(false));
        }
        let mut events = all[2].clone();
        events["Condition"] = json!({ "StringEquals": { "AWS:SourceAccount": "111122223333" } });
        assert_eq!(
            lets_service(&policy(&[events]), "events.amazonaws.com"),
            Some(false)
        );
        assert_eq!(lets_service("no policy", "events.amazonaws.com"), None);
        let unknown = json!({ "Effect": "Perhaps" });
        assert_eq!(
            lets_service(&policy(&[unknown]), "events.amazonaws.com"),
            None
        );
    }
}
