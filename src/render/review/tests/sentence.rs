//! The sentences about statements.

use serde_json::json;

use super::super::sentence::{SentenceContext, sentence};
use super::super::subject::Holder;
use super::{BOTH, ENCRYPT, EVERYTHING};
use crate::render::Strategy;
use crate::render::statement::{self, Statement};
use crate::render::tree::Value;

fn statements(document: &Value) -> Vec<Statement> {
    let values = statement::values(document).iter();
    values.map(|one| statement::read(one).unwrap()).collect()
}

fn said(holder: &Holder, statement: serde_json::Value) -> (String, Vec<String>, Vec<&'static str>) {
    let document: Value = serde_json::from_value(json!({ "Statement": statement })).unwrap();
    let setting = SentenceContext {
        stack: "payments-keys".to_owned(),
        account: "111122223333".to_owned(),
        region: "eu-west-1".to_owned(),
    };
    let statement = &statements(&document)[0];
    let alone = *holder == Holder::Function(Strategy::AccessKeys);
    let said = sentence(holder, statement, &setting, alone);
    (said.prose.plain().replace('`', ""), said.notes, said.risks)
}

#[test]
fn a_statement_is_said_whole() {
    let secret =
        |name: &str| format!("arn:aws:secretsmanager:eu-west-1:111122223333:secret:{name}-??????");
    let many: Vec<String> = (0..9).map(|number| secret(&number.to_string())).collect();
    let root = "arn:aws:iam::444455556666:root";
    for (holder, statement, expected) in [
        (
            Holder::Function(Strategy::AccessKeys),
            json!({ "Effect": "Allow", "Action": ["secretsmanager:GetSecretValue", "secretsmanager:PutSecretValue", "secretsmanager:UpdateSecretVersionStage"], "Resource": [secret("a"), secret("b/c"), secret("d")] }),
            "the rotation function may read, write and relabel 3 secrets: a, b/c and d, and no others.",
        ),
        (
            Holder::Function(Strategy::AccessKeys),
            json!({ "Effect": "Allow", "Action": "secretsmanager:GetSecretValue", "Resource": many }),
            "the rotation function may read 9 secrets, and no others.",
        ),
        // An action without words.
        (
            Holder::Function(Strategy::AccessKeys),
            json!({ "Effect": "Allow", "Action": ["s3:GetObject", "glacier:Melt"], "Resource": "arn:aws:s3:::ice/*" }),
            "the rotation function may read the objects in the bucket ice, and call glacier:Melt on it.",
        ),
        // A resource elsewhere is not mistaken for one of the stack's.
        (
            Holder::Function(Strategy::AccessKeys),
            json!({ "Effect": "Allow", "Action": "secretsmanager:GetSecretValue", "Resource": "arn:aws:secretsmanager:us-east-1:444455556666:secret:a-??????" }),
            "the rotation function may read arn:aws:secretsmanager:us-east-1:444455556666:secret:a, and no other.",
        ),
        // A condition without words, and one with an unusual operator.
        (
            Holder::Function(Strategy::AccessKeys),
            json!({ "Effect": "Allow", "Action": "sns:Publish", "Resource": "*", "Condition": { "IpAddress": { "aws:SourceIp": ["10.0.0.0/8"] }, "StringNotEquals": { "kms:ViaService": "secretsmanager.eu-west-1.amazonaws.com" } } }),
            "the rotation function may publish to any topic, but only if aws:SourceIp matches IpAddress 10.0.0.0/8, and if kms:ViaService matches StringNotEquals secretsmanager.eu-west-1.amazonaws.com.",
        ),
        (
            Holder::Function(Strategy::AccessKeys),
            json!({ "Effect": "Allow", "NotAction": ["iam:*"], "Resource": "*" }),
            "the rotation function may do everything except iam:* with everything.",
        ),
        (
            Holder::Function(Strategy::AccessKeys),
            json!({ "Effect": "Allow", "NotAction": ["secretsmanager:GetSecretValue"], "Resource": "*" }),
            "the rotation function may do everything except secretsmanager:GetSecretValue with everything.",
        ),
        (
            Holder::Function(Strategy::AccessKeys),
            json!({ "Effect": "Allow", "Action": "sqs:SendMessage", "NotResource": "arn:aws:sqs:eu-west-1:111122223333:q" }),
            "the rotation function may call sqs:SendMessage on everything except arn:aws:sqs:eu-west-1:111122223333:q.",
        ),
        (
            Holder::Secret,
            json!({ "Effect": "Allow", "Principal": { "AWS": [root, "arn:aws:iam::111122223333:role/x"] }, "Action": "secretsmanager:GetSecretValue", "Resource": secret("a") }),
            "account 444455556666 (principals that its IAM policies allow) and the role x may read the secret a.",
        ),
        (
            Holder::Secret,
            json!({ "Effect": "Allow", "Principal": "*", "Action": "secretsmanager:GetSecretValue", "Resource": "*" }),
            "anyone may read any secret.",
        ),
        (
            Holder::Bucket,
            json!({ "Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": "arn:aws:s3:::b", "Condition": { "Bool": { "aws:SecureTransport": "false" } } }),
            "nobody may do anything with the bucket b if the request does not use TLS.",
        ),
        (
            Holder::Function(Strategy::Databases),
            json!({ "Effect": "Allow", "Action": "secretsmanager:GetRandomPassword", "Resource": "*" }),
            "the database rotation function may get random passwords from Secrets Manager.",
        ),
        (
            Holder::Function(Strategy::Databases),
            json!({ "Effect": "Allow", "Action": ["ec2:AssignPrivateIpAddresses", "ec2:CreateNetworkInterface", "ec2:DeleteNetworkInterface", "ec2:DescribeNetworkInterfaces", "ec2:DescribeSubnets", "ec2:UnassignPrivateIpAddresses"], "Resource": "*" }),
            "the database rotation function may describe, assign private addresses to, create, unassign private addresses from and delete any network interface, and describe subnets for it.",
        ),
        (
            Holder::Function(Strategy::Databases),
            json!({ "Effect": "Deny", "Action": "ec2:CreateNetworkInterface", "Resource": "*", "Condition": { "ArnEquals": { "lambda:SourceFunctionArn": "arn:aws:lambda:eu-west-1:111122223333:function:${DatabaseFunction}" } } }),
            "the database rotation function must not create any network interface in requests from the code of the database rotation function.",
        ),
        (
            Holder::Key("ServiceKey".to_owned()),
            json!({ "Effect": "Allow", "Principal": { "Service": "logs.eu-west-1.amazonaws.com" }, "Action": ["kms:Decrypt*", "kms:Describe*", "kms:Encrypt*", "kms:GenerateDataKey*", "kms:ReEncrypt*"], "Resource": "*", "Condition": { "ArnLike": { "kms:EncryptionContext:aws:logs:arn": "arn:aws:logs:eu-west-1:111122223333:log-group:/keyrota/payments-keys" } } }),
            "CloudWatch Logs may describe, decrypt with and encrypt with the key ServiceKey, but only for the log group /keyrota/payments-keys.",
        ),
        (
            Holder::Key("ServiceKey".to_owned()),
            json!({ "Effect": "Allow", "Principal": { "Service": "cloudwatch.amazonaws.com" }, "Action": ["kms:Decrypt", "kms:GenerateDataKey*"], "Resource": "*", "Condition": { "StringEquals": { "aws:SourceAccount": "111122223333" }, "ArnLike": { "aws:SourceArn": "arn:aws:cloudwatch:eu-west-1:111122223333:alarm:*" } } }),
            "CloudWatch may decrypt with and encrypt with the key ServiceKey, but only on behalf of every alarm of this account and Region, and on behalf of account 111122223333.",
        ),
        (
            Holder::Key("ServiceKey".to_owned()),
            json!({ "Effect": "Allow", "Principal": { "Service": "events.amazonaws.com" }, "Action": ["kms:Decrypt", "kms:GenerateDataKey*"], "Resource": "*" }),
            "EventBridge may decrypt with and encrypt with the key ServiceKey.",
        ),
        (
            Holder::Function(Strategy::AccessKeys),
            json!({ "Effect": "Allow", "Action": "kms:Decrypt", "Resource": "arn:aws:kms:eu-west-1:111122223333:key/${ServiceKey}", "Condition": { "StringEquals": { "kms:EncryptionContext:aws:lambda:FunctionArn": "arn:aws:lambda:eu-west-1:111122223333:function:${Function}" } } }),
            "the rotation function may decrypt with the KMS key ServiceKey, and no other, but only for the environment of the rotation function.",
        ),
        (
            Holder::Deployer,
            json!({ "Effect": "Allow", "Action": ["kms:CreateGrant", "kms:Decrypt", "kms:Encrypt"], "Resource": "arn:aws:kms:eu-west-1:111122223333:key/0a1b", "Condition": { "StringEquals": { "kms:ViaService": "lambda.eu-west-1.amazonaws.com" } } }),
            "the deployer may decrypt with and encrypt with the KMS key 0a1b, and create grants on it, but only through Lambda.",
        ),
        (
            Holder::Trust(Strategy::Databases),
            json!({ "Effect": "Allow", "Principal": { "Service": "lambda.amazonaws.com" }, "Action": "sts:AssumeRole" }),
            "Lambda may assume the execution role of the database function.",
        ),
        (
            Holder::Bucket,
            json!({ "Effect": "Deny", "NotPrincipal": { "AWS": "arn:aws:iam::111122223333:role/x" }, "Action": "s3:GetObject", "Resource": "arn:aws:s3:::b/*" }),
            "everyone but the role x must not read the objects in the bucket b.",
        ),
        (
            Holder::Deployer,
            json!({ "Effect": "Allow", "Action": "iam:PassRole", "Resource": "arn:aws:iam::111122223333:role/payments-keys-FunctionRole-*", "Condition": { "StringEquals": { "iam:PassedToService": "lambda.amazonaws.com" } } }),
            "the deployer may pass the role payments-keys-FunctionRole-*, but only to Lambda.",
        ),
    ] {
        assert_eq!(said(&holder, statement.clone()).0, expected, "{statement}");
    }
}

#[test]
fn wildcards_are_explained_and_grave_actions_marked() {
    let (_, notes, risks) = said(
        &Holder::Deployer,
        json!({ "Effect": "Allow", "Action": ["iam:PutRolePolicy", "iam:CreateAccessKey"], "Resource": ["arn:aws:iam::111122223333:role/payments-keys-FunctionRole-*", "arn:aws:iam::111122223333:user/*", "arn:aws:iam::111122223333:user/a*b"] }),
    );
    assert_eq!(risks, ["grants permissions", "creates credentials"]);
    assert_eq!(notes.len(), 3, "{notes:?}");
    let (_, notes, _) = said(
        &Holder::Deployer,
        json!({ "Effect": "Allow", "Action": "secretsmanager:ListSecrets", "Resource": "*" }),
    );
    assert_eq!(
        notes,
        ["* because these actions do not support resource-level permissions"]
    );
    let (_, _, risks) = said(
        &Holder::Function(Strategy::AccessKeys),
        json!({ "Effect": "Deny", "Action": "kms:Decrypt", "Resource": "*" }),
    );
    assert!(risks.is_empty());
}

/// Each action in the built-in policies has words, and so must every new one.
#[test]
fn no_word_says_more_than_its_action() {
    let key = "arn:aws:kms:eu-west-1:111122223333:key/1";
    for (action, resource, words, risks) in [
        (
            "kms:ScheduleKeyDeletion",
            key,
            "may schedule the deletion of",
            vec!["deletes"],
        ),
        (
            "kms:CancelKeyDeletion",
            key,
            "may cancel the deletion of",
            vec![],
        ),
        (
            "kms:UpdateKeyDescription",
            key,
            "may change the description of",
            vec![],
        ),
        (
            "sns:Unsubscribe",
            "*",
            "may end the subscriptions of",
            vec!["deletes"],
        ),
        (
            "lambda:UpdateFunctionCode",
            "arn:aws:lambda:eu-west-1:111122223333:function:f",
            "may replace the code of",
            vec!["replaces code"],
        ),
    ] {
        let statement = json!({ "Effect": "Allow", "Action": action, "Resource": resource });
        let (sentence, notes, grave) = said(&Holder::Deployer, statement);
        assert!(sentence.contains(words), "{sentence}");
        assert_eq!(grave, risks, "{action}");
        let unscoped = "because these actions do not support resource-level permissions";
        let explained = notes.iter().any(|note| note.contains(unscoped));
        assert_eq!(explained, resource == "*", "{notes:?}");
    }
}

#[test]
fn the_actions_of_the_policies_have_words() {
    let renderings = [EVERYTHING, BOTH, ENCRYPT].map(|manifest| super::rendered(manifest, None));
    let files = renderings.iter().flat_map(|rendering| &rendering.files);
    for (path, text) in files.filter(|(path, _)| path.ends_with(".json")) {
        let document: Value = serde_json::from_str(text).unwrap();
        for statement in statements(&document) {
            for action in &statement.actions {
                assert!(
                    super::super::action::words(action).is_some(),
                    "{path}: {action}"
                );
            }
        }
    }
}

/// A statement about several kinds has a sentence for each, and one sentence for the whole if
/// the kinds are unclear.
#[test]
fn a_statement_of_several_kinds_is_said_in_parts() {
    let setting = SentenceContext {
        stack: "payments-keys".to_owned(),
        account: "111122223333".to_owned(),
        region: "eu-west-1".to_owned(),
    };
    let parts = |statement: serde_json::Value| {
        let document = json!({ "Statement": statement });
        let document: Value = serde_json::from_value(document).unwrap();
        let statement = &statements(&document)[0];
        let (subject, parts) = super::super::sentence::in_parts(statement, &setting);
        let parts = parts.iter().map(|part| part.prose.plain().replace('`', ""));
        (subject.plain(), parts.collect::<Vec<_>>())
    };
    let role = "arn:aws:iam::111122223333:role/payments-keys-FunctionRole-*";
    let user = "arn:aws:iam::111122223333:user/ada";
    let objects = "arn:aws:s3:::b/payments-keys/*";
    let (subject, said) = parts(json!({
        "Sid": "BootstrapThings",
        "Effect": "Allow",
        "Action": ["iam:CreateAccessKey", "iam:CreateRole", "iam:GetUser", "s3:GetObject"],
        "Resource": [role, user, objects],
    }));
    assert_eq!(subject, "for `keyrota bootstrap`, the deployer");
    assert_eq!(
        said,
        [
            "describe the user ada, and create access keys of it.",
            "create the role payments-keys-FunctionRole-*.",
            "read the objects b/payments-keys/*.",
        ]
    );
    // A resource without a known action, and an action of another service.
    for (action, resource) in [("iam:CreateRole", user), ("sqs:SendMessage", role)] {
        let (_, said) = parts(
            json!({ "Effect": "Allow", "Action": [action, "iam:GetUser"], "Resource": [resource, objects] }),
        );
        assert_eq!(said.len(), 1, "{said:?}");
    }
}

/// The page contains every name in a policy: nothing is lost in the sentences.
#[test]
fn every_statement_is_on_the_page() {
    let rendering = super::rendered(EVERYTHING, None);
    let page = &rendering.files["review.html"];
    for (path, text) in rendering
        .files
        .iter()
        .filter(|(path, _)| path.ends_with(".json"))
    {
        let document: Value = serde_json::from_str(text).unwrap();
        for statement in statements(&document) {
            for part in statement
                .actions
                .iter()
                .chain(statement.conditions.iter().map(|one| &one.key))
            {
                assert!(
                    page.contains(&super::super::template::escaped(part)),
                    "{path}: {part}"
                );
            }
        }
    }
}
