//! The changes, as the page describes them.

use super::{compared, rendered, texts};
use crate::model;
use crate::render::{Baseline, Error, Fleet, Record, Templates, render_since};

const BEFORE: &str = "\
version: 1
stack: keys
account: \"111122223333\"
region: eu-west-1
defaults: { kms_key: create }
access_keys:
  - { user: ada, secret: ada }
  - { user: bob, secret: bob, rotate_as: role, readers: [\"arn:aws:iam::111122223333:role/reader\"] }
";

/// Returns the sentences of one kind, without markup.
fn told(page: &str, kind: &str) -> Vec<String> {
    let mark = format!("<span class=\"change\">{kind}</span> <span>");
    let parts = page.split(&mark).skip(1);
    let sentence = |part: &str| {
        let (text, _) = part.split_once("</span>").unwrap();
        text.replace("<code>", "").replace("</code>", "")
    };
    parts.map(sentence).collect()
}

#[test]
fn the_same_is_no_change() {
    let page = compared(BEFORE, BEFORE);
    assert!(page.contains("No changes."));
    assert!(told(&page, "gained").is_empty() && told(&page, "lost").is_empty());
}

#[test]
fn a_new_user_gains_and_one_that_is_gone_loses() {
    let after = BEFORE.replace(
        "- { user: ada, secret: ada }",
        "- { user: eve, secret: eve, rotate_as: role }",
    );
    let page = compared(BEFORE, &after);
    assert_eq!(
        told(&page, "gained"),
        [
            "The rotation function may tag the user eve, list, see the last use of, create, activate or deactivate and delete access keys of it, and read the tags of it, but only if every tag in the request is keyrota:making or keyrota:keys.",
            "The rotation function may decrypt with and encrypt with the KMS key EncryptionKey, but only through Secrets Manager, and for the secret eve.",
            "The rotation function may describe, read, write and relabel the secret eve.",
            "The rotation function may decrypt with and encrypt with the key EncryptionKey, but only through Secrets Manager, and for the secret eve.",
        ]
    );
    let lost = told(&page, "lost");
    assert!(
        lost.iter()
            .any(|one| one.starts_with("The user ada may list, see the last use of, create")),
        "{lost:?}"
    );
    assert!(
        page.contains("Starts to rotate: 1 secret") && page.contains("Stops rotating: 1 secret")
    );
    assert!(
        told(&page, "added").contains(&"SecretEvefa8c0a81 AWS::SecretsManager::Secret".to_owned())
            || told(&page, "added")
                .iter()
                .any(|one| one.starts_with("SecretEve"))
    );
}

/// The policies are split differently, and allow the same.
#[test]
fn how_statements_are_cut_is_no_gain() {
    let stack = rendered(BEFORE, None).files.remove("stack.yaml").unwrap();
    let resource = "              - secretsmanager:DescribeSecret\n              - secretsmanager:GetSecretValue\n              - secretsmanager:PutSecretValue\n";
    assert!(stack.contains(resource));
    let again = "              - secretsmanager:PutSecretValue\n              - secretsmanager:GetSecretValue\n              - secretsmanager:DescribeSecret\n              - secretsmanager:DescribeSecret\n";
    let page = since(&stack.replace(resource, again)).unwrap();
    assert!(told(&page, "gained").is_empty() && told(&page, "lost").is_empty());
    assert!(page.contains("No permissions are gained or lost."));
}

#[test]
fn a_wider_permission_is_a_loss_for_what_it_was() {
    let stack = rendered(BEFORE, None).files.remove("stack.yaml").unwrap();
    let wider = stack.replace("              - secretsmanager:PutSecretValue\n", "              - secretsmanager:PutSecretValue\n              - secretsmanager:DeleteSecret\n");
    let page = since(&wider).unwrap();
    assert_eq!(
        told(&page, "lost"),
        ["The rotation function may delete 2 secrets: ada and bob."]
    );
}

#[test]
fn a_property_shows_before_and_after() {
    let after = BEFORE.replace(
        "rotate_as: role,",
        "rotate_as: role, schedule: rate(7 days),",
    );
    let page = compared(BEFORE, &after);
    assert_eq!(texts(&page, "<del>"), ["rate(30 days)"]);
    assert_eq!(texts(&page, "<ins>"), ["rate(7 days)"]);
    assert!(page.contains("RotationRules.ScheduleExpression"));
}

#[test]
fn no_stack_before_makes_all_of_it_new() {
    let before = Baseline {
        what: "the deployed stack".to_owned(),
        stacks: std::collections::BTreeMap::new(),
    };
    let page = rendered(BEFORE, Some(&before))
        .files
        .remove("review.html")
        .unwrap();
    assert!(page.contains("The stack does not exist yet, so everything is new."));
    assert!(told(&page, "lost").is_empty() && !told(&page, "gained").is_empty());
}

#[test]
fn what_is_no_template_is_refused_by_name() {
    for (text, why) in [
        ("{", "line"),
        ("a: 1\n", "Resources"),
        (
            "Resources: { A: { Type: 'AWS::IAM::Role', Properties: { AssumeRolePolicyDocument: !Nonsense x } } }\n",
            "Nonsense",
        ),
    ] {
        match since(text) {
            Err(Error::Before { file, reason }) => {
                assert_eq!(file, "stack.yaml");
                assert!(reason.contains(why), "{reason}");
            }
            other => panic!("{text}: {:?}", other.map(|page| page.len())),
        }
    }
}

/// Returns the page of `BEFORE`, compared with a template.
fn since(template: &str) -> Result<String, Error> {
    let model = model::load(BEFORE, None).unwrap().model;
    let fleet = Fleet::of(model, Record::default()).unwrap();
    let before = Baseline {
        what: "an earlier rendering".to_owned(),
        stacks: [("stack.yaml".to_owned(), template.to_owned())].into(),
    };
    let templates = Templates::built_in().unwrap();
    let rendering = render_since(&fleet.shards, &templates, Some(&before))?;
    Ok(rendering.files["review.html"].clone())
}
