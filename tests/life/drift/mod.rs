//! Removes every resource of a stack, one at a time, and changes each one: `doctor` names it, and
//! `doctor --fix` or `bootstrap` restores it.
//!
//! The resources are those that CloudFormation lists, so a type that is added later fails the tests
//! until it is written here how it is removed and changed. `--nocapture` prints the table.

mod account;
mod change;
mod remove;

use std::collections::BTreeSet;

use aws_sdk_cloudformation::types::StackResourceSummary;
use serde_json::Value;

use crate::environment::{ACCOUNT, CommandOutput, TestEnvironment};

const BOOTSTRAP: &str = "bootstrap --yes --function-zip function.zip --format json";
const DOCTOR: &str = "doctor --format json";
const FIX: &str = "doctor --fix --yes --format json";

/// A resource of the stack.
#[derive(Clone, Debug)]
struct Held {
    logical_id: String,
    physical_id: String,
    kind: String,
}

/// What was done to a resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Damage {
    Removed,
    Changed,
}

/// Deploys a stack with every type of resource that the templates have.
async fn deployed() -> TestEnvironment {
    let test = TestEnvironment::new().await;
    test.make_user("eve").await;
    test.make_role("app").await;
    test.manifest(&format!(
        "version: 1\nstack: keys\ntags: {{ team: payments }}\n\
         alarms: {{ email: [ops@example.com] }}\nencrypt: {{ logs: create }}\naccess_keys:\n\
         \x20 - {{ user: ada, secret: prod/ada, create_user: true, rotate_as: role, \
         kms_key: create, readers: ['arn:aws:iam::{ACCOUNT}:role/app'] }}\n\
         \x20 - {{ user: eve, secret: prod/eve }}\n"
    ));
    test.keyrota(BOOTSTRAP).await.exits(0);
    test.keyrota(DOCTOR).await.exits(0);
    test
}

async fn resources(test: &TestEnvironment) -> Vec<Held> {
    let request = test
        .cloudformation
        .list_stack_resources()
        .stack_name("keys");
    let listed = request.send().await.expect("the resources");
    let held = |it: StackResourceSummary| Held {
        logical_id: it.logical_resource_id.expect("a logical ID"),
        physical_id: it.physical_resource_id.expect("a physical ID"),
        kind: it.resource_type.expect("a type"),
    };
    let listed = listed.stack_resource_summaries.expect("resources");
    listed.into_iter().map(held).collect()
}

/// Returns a resource as CloudFormation lists it now: one that was created again may have another
/// name.
async fn current(test: &TestEnvironment, logical_id: &str) -> Held {
    let all = resources(test).await.into_iter();
    let mut found = all.filter(|held| held.logical_id == logical_id);
    found.next().expect("the resource is in the stack")
}

/// Returns the IDs of the findings that concern a resource, or the entry that it belongs to.
fn found(ran: &CommandOutput, held: &Held) -> BTreeSet<String> {
    let document = ran.json();
    let findings = document["findings"].as_array().expect("findings");
    let text = |finding: &Value, key: &str| finding[key].as_str().expect("text").to_owned();
    let is_its = |finding: &&Value| {
        let id = text(finding, "id");
        let is_named = ["subject", "evidence"]
            .into_iter()
            .any(|key| text(finding, key).contains(&held.logical_id));
        is_named || of_entry(&held.kind).contains(&id.as_str())
    };
    findings
        .iter()
        .filter(is_its)
        .map(|finding| text(finding, "id"))
        .collect()
}

/// Returns the findings about an entry about a type of resource.
fn of_entry(kind: &str) -> &'static [&'static str] {
    match kind {
        "AWS::SecretsManager::Secret" => &["secret-missing"],
        "AWS::SecretsManager::RotationSchedule" => &["rotation-off", "rotation-differs"],
        "AWS::IAM::User" => &["user-missing"],
        _ => &[],
    }
}

/// Damages the resources of a share, one at a time, and expects that each is found and restored.
#[expect(clippy::print_stdout, reason = "the table is what one looks for")]
async fn check(share: usize, shares: usize, damage: Damage) {
    let test = deployed().await;
    let all = resources(&test).await;
    // Secrets come last: another one has another ARN.
    let (secrets, others): (Vec<Held>, Vec<Held>) = all
        .into_iter()
        .partition(|held| held.kind == "AWS::SecretsManager::Secret");
    let all = others.into_iter().chain(secrets).enumerate();
    for (_, held) in all.filter(|(index, _)| index % shares == share) {
        let held = current(&test, &held.logical_id).await;
        match damage {
            Damage::Removed => remove::remove(&test, &held).await,
            Damage::Changed => change::change(&test, &held).await,
        }
        let how = restore(&test, &held, damage).await;
        println!(
            "{:<44} {:<40} {damage:?}: {how}",
            held.logical_id, held.kind
        );
    }
}

/// Expects that the damage is found, and restores it. Returns how it was found and restored.
async fn restore(test: &TestEnvironment, held: &Held, damage: Damage) -> String {
    let ran = test.changes_nothing(DOCTOR).await.exits(5);
    let ids = found(&ran, held);
    assert!(!ids.is_empty(), "{held:?} is not found\n{ran}");
    let status = test.keyrota("status --check --no-values --format json");
    let status = status.await.exits(5);
    assert!(
        status.stdout.contains(&held.logical_id),
        "{held:?}\n{status}"
    );
    let ids: Vec<String> = ids.into_iter().collect();
    let ids = ids.join(", ");
    let is_gone = damage == Damage::Removed;
    match held.kind.as_str() {
        "AWS::SecretsManager::Secret" if is_gone => {
            let ran = test.keyrota(FIX).await.exits(5);
            assert!(found(&ran, held).contains("secret-missing"), "{ran}");
            // Another ARN is for a person to decide.
            let ran = test.keyrota(BOOTSTRAP).await;
            assert!([Some(3), Some(6)].contains(&ran.code), "{ran}");
            assert!(test.secret(held.physical_id.as_str()).await.is_none());
            // Clients may still use the keys of the lost secret, so a person deletes them.
            let user = match held.physical_id.contains(":prod/eve-") {
                true => "eve",
                false => "ada",
            };
            for key in test.keys(user).await.expect("keys").into_keys() {
                test.delete_key(user, &key).await;
            }
            let again = format!("{BOOTSTRAP} --recreate-secrets");
            test.keyrota(&again).await.exits(0);
            test.keyrota(DOCTOR).await.exits(0);
            format!("{ids}; bootstrap --recreate-secrets")
        }
        "AWS::IAM::Role" if is_gone => {
            // The key policy refers to the role, and the secrets to the key.
            let ran = test.keyrota(FIX).await.exits(5);
            ran.says(&["it contains a secret", "not executed"]);
            remove::make_role_again(test, &held.physical_id).await;
            test.keyrota(FIX).await.exits(0);
            test.keyrota(DOCTOR).await.exits(0);
            format!("{ids}; refused because of a secret; aws iam create-role, doctor --fix")
        }
        "AWS::IAM::User" if is_gone => {
            // The user is created again, and gets a new key in place of the one that went with it.
            test.keyrota(FIX).await;
            test.keyrota(FIX).await.exits(0);
            let listed = test.keys(&held.physical_id).await.expect("the user");
            let current = test.current_key("prod/ada").await;
            assert!(listed.contains_key(&current.id), "{listed:?}");
            test.keyrota(DOCTOR).await.exits(0);
            format!("{ids}; doctor --fix, with a new key")
        }
        _ => {
            let ran = test.keyrota(FIX).await.exits(0);
            let all = ran.json();
            let all = all["findings"].as_array().expect("findings");
            assert!(all.iter().all(|it| it["fixed"] == true), "{ran}");
            let ran = test.keyrota(DOCTOR).await.exits(0);
            assert_eq!(ran.json()["findings"], serde_json::json!([]), "{ran}");
            format!("{ids}; doctor --fix")
        }
    }
}

#[tokio::test]
async fn each_resource_that_is_removed_is_named_and_restored_one_half() {
    check(0, 2, Damage::Removed).await;
}

#[tokio::test]
async fn each_resource_that_is_removed_is_named_and_restored_other_half() {
    check(1, 2, Damage::Removed).await;
}

#[tokio::test]
async fn each_resource_that_is_changed_is_named_and_restored_one_half() {
    check(0, 2, Damage::Changed).await;
}

#[tokio::test]
async fn each_resource_that_is_changed_is_named_and_restored_other_half() {
    check(1, 2, Damage::Changed).await;
}

/// The code of a function and the KMS key of a log group, which CloudFormation does not compare: each
/// is found, with what CloudFormation finds of the same resource, and restored.
#[tokio::test]
async fn what_cloudformation_does_not_compare_is_named_and_restored() {
    let test = deployed().await;
    let deployed = change::code(&test).await;
    for command in [FIX, BOOTSTRAP] {
        change::replace_code(&test).await;
        change::disassociate_key(&test, "/keyrota/keys").await;
        for id in ["Function", "FunctionLogGroup"] {
            change::change(&test, &current(&test, id).await).await;
        }
        let ran = test.changes_nothing(DOCTOR).await.exits(5);
        for difference in ["Code", "MemorySize", "KmsKeyId", "RetentionInDays"] {
            let difference = format!("`/{difference}` ");
            assert!(ran.stdout.contains(&difference), "{difference}: {ran}");
        }
        test.keyrota(command).await.exits(0);
        assert_eq!(change::code(&test).await, deployed);
        let ran = test.keyrota(DOCTOR).await.exits(0);
        assert_eq!(ran.json()["findings"], serde_json::json!([]), "{ran}");
        test.keyrota("rotate").await.exits(0);
    }
}

/// Who may assume the role, and which service may invoke the function.
#[tokio::test]
async fn another_principal_is_named_and_replaced() {
    let test = deployed().await;
    let role = current(&test, "FunctionRole").await;
    change::change_trust(&test, &role.physical_id).await;
    restore(&test, &role, Damage::Changed).await;
    let permission = current(&test, "SecretsManagerPermission").await;
    change::change_principal(&test, &permission).await;
    restore(&test, &permission, Damage::Changed).await;
    test.keyrota("rotate").await.exits(0);
}

/// Bootstrap restores what somebody removed or changed, shows it in a plan first, and leaves
/// rotation disabled.
#[tokio::test]
async fn a_plan_shows_drift_and_a_bootstrap_restores_it() {
    let test = deployed().await;
    let plan = "plan --function-zip function.zip --detailed-exitcode --format json";
    test.keyrota(plan).await.exits(0);
    for id in ["FunctionLogGroup", "FunctionRoleSecrets"] {
        remove::remove(&test, &current(&test, id).await).await;
    }
    change::change(&test, &current(&test, "SweepRule").await).await;
    let ran = test.changes_nothing(plan).await.exits(4);
    let drift = ran.json()["drift"].clone();
    let drift = drift.as_array().expect("drift");
    for id in ["FunctionLogGroup", "FunctionRoleSecrets", "SweepRule"] {
        let is_it = |it: &&Value| it["logical_id"] == id;
        let found = drift.iter().find(is_it).expect(id);
        assert!(found["type"].is_string() && found["difference"].is_string());
    }
    test.keyrota(BOOTSTRAP).await.exits(0);
    test.keyrota(plan).await.exits(0);
    test.keyrota(DOCTOR).await.exits(0);
    test.keyrota("rotate").await.exits(0);

    let request = test.secretsmanager.cancel_rotate_secret();
    let request = request.secret_id("prod/eve").send().await;
    request.expect("rotation is disabled");
    let ran = test.keyrota(plan).await.exits(4);
    assert!(ran.stdout.contains("rotation is disabled"), "{ran}");
    test.keyrota(BOOTSTRAP).await.exits(0);
    let held = test.secret("prod/eve").await.expect("the secret");
    assert!(!held.rotation_enabled);
    test.keyrota(FIX).await.exits(0);
    let held = test.secret("prod/eve").await.expect("the secret");
    assert!(held.rotation_enabled);
}

/// No change set with a secret is executed, since it could overwrite the value.
#[tokio::test]
async fn the_value_of_a_secret_survives_every_repair() {
    let test = deployed().await;
    let before = test.value("prod/eve", "AWSCURRENT").await;
    for id in ["FunctionRole", "EncryptionKey"] {
        change::change(&test, &current(&test, id).await).await;
    }
    let tag = aws_sdk_secretsmanager::types::Tag::builder();
    let tag = tag.key("team").value("another").build();
    let request = test.secretsmanager.tag_resource().secret_id("prod/eve");
    request.tags(tag).send().await.expect("the tag is written");
    test.keyrota(DOCTOR).await.exits(5);
    test.keyrota(FIX).await.exits(0);
    assert_eq!(test.value("prod/eve", "AWSCURRENT").await, before);
    test.keyrota(DOCTOR).await.exits(0);
}
