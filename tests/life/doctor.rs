//! The faults that `doctor` finds after a test caused them, which of them it fixes, and which
//! it leaves to a person.

use std::time::Duration;

use serde_json::Value;

use crate::environment::{CommandOutput, TestEnvironment};

const BOOTSTRAP: &str = "bootstrap --yes --function-zip function.zip";
const DOCTOR: &str = "doctor --format json";
const FIX: &str = "doctor --fix --yes --format json";

fn manifest(entries: &[&str]) -> String {
    let entries = entries.iter().map(|it| format!("  - {{ {it} }}\n"));
    format!(
        "version: 1\nstack: keys\naccess_keys:\n{}",
        entries.collect::<String>()
    )
}

async fn deployed(entries: &[&str], users: &[&str]) -> TestEnvironment {
    let test = TestEnvironment::new().await;
    for user in users {
        test.make_user(user).await;
    }
    test.manifest(&manifest(entries));
    test.keyrota(BOOTSTRAP).await.exits(0);
    test
}

/// Returns the ID and subject of each finding, and whether it was fixed.
fn found(ran: &CommandOutput) -> Vec<(String, bool)> {
    let document = ran.json();
    let findings = document["findings"].as_array().expect("findings");
    let text = |value: &Value| value.as_str().expect("text").to_owned();
    let mut found: Vec<(String, bool)> = findings
        .iter()
        .map(|it| {
            assert!(["error", "warning"].contains(&text(&it["severity"]).as_str()));
            assert!(!text(&it["evidence"]).is_empty() && !text(&it["remedy"]).is_empty());
            let fixed = it["fixed"].as_bool().expect("whether it was fixed");
            (
                format!("{} {}", text(&it["id"]), text(&it["subject"])),
                fixed,
            )
        })
        .collect();
    found.sort();
    found
}

/// Expects that `doctor` finds these faults and changes nothing.
async fn finds(test: &TestEnvironment, expected: &[&str]) -> CommandOutput {
    let ran = test.changes_nothing(DOCTOR).await;
    let expected: Vec<(String, bool)> = expected
        .iter()
        .map(|it| ((*it).to_owned(), false))
        .collect();
    assert_eq!(found(&ran), expected, "{ran}");
    ran.exits(if expected.is_empty() { 0 } else { 5 })
}

/// Expects that `doctor --fix` finds these faults, and whether it fixes each.
async fn fixes(test: &TestEnvironment, code: i32, expected: &[(&str, bool)]) -> CommandOutput {
    let ran = test.keyrota(FIX).await;
    let expected: Vec<(String, bool)> = expected
        .iter()
        .map(|(it, fixed)| ((*it).to_owned(), *fixed))
        .collect();
    assert_eq!(found(&ran), expected, "{ran}");
    ran.exits(code)
}

async fn cancel(test: &TestEnvironment, secret: &str) {
    let request = test.secretsmanager.cancel_rotate_secret();
    let request = request.secret_id(secret).send().await;
    request.expect("rotation is switched off");
}

#[tokio::test]
async fn of_a_healthy_stack_nothing_is_found() {
    let test = TestEnvironment::new().await;
    test.manifest(&manifest(&[
        "user: ada, create_user: true, kms_key: create",
    ]));
    let ran = finds(&test, &["stack-missing stack keys"]).await;
    assert!(ran.stdout.contains("`keyrota bootstrap`"), "{ran}");
    test.keyrota(BOOTSTRAP).await.exits(0);
    finds(&test, &[]).await;
    let ran = test.keyrota("doctor").await.exits(0);
    assert_eq!(ran.stdout, "No faults found.\n");
    // There is nothing to confirm either.
    let ran = test.changes_nothing("doctor --fix").await.exits(0);
    assert_eq!(ran.stdout, "No faults found.\n");
    test.keyrota("doctor --yes").await.exits(2);
    test.keyrota("teardown --yes").await.exits(0);
    finds(&test, &["stack-missing stack keys"]).await;
}

#[tokio::test]
async fn rotation_that_was_switched_off_or_changed_is_set_as_the_manifest_says() {
    let schedule = "schedule: cron(0 8 1 * ? *), window: 4h";
    let entries = [
        format!("user: off, secret: off, {schedule}"),
        format!("user: other, secret: other, {schedule}"),
    ];
    let entries: Vec<&str> = entries.iter().map(String::as_str).collect();
    let test = deployed(&entries, &["off", "other"]).await;
    finds(&test, &[]).await;
    let before = (
        test.current_key("off").await,
        test.current_key("other").await,
    );

    cancel(&test, "off").await;
    let rules = aws_sdk_secretsmanager::types::RotationRulesType::builder();
    let rules = rules.schedule_expression("rate(300 days)").build();
    let request = test.secretsmanager.rotate_secret().secret_id("other");
    let request = request.rotation_rules(rules).rotate_immediately(false);
    request.send().await.expect("the schedule is changed");
    let faults = ["rotation-differs secret other", "rotation-off secret off"];
    let ran = finds(&test, &faults).await;
    for text in [
        "rate(300 days)",
        "cron(0 8 1 * ? *)",
        "RotationEnabled is false",
    ] {
        assert!(ran.stdout.contains(text), "{text}\n{ran}");
    }
    // Nothing is done without an answer.
    let ran = test.changes_nothing("doctor --fix").await.exits(6);
    ran.says(&["--yes"]);

    fixes(&test, 0, &faults.map(|it| (it, true))).await;
    finds(&test, &[]).await;
    for secret in ["off", "other"] {
        let held = test.secret(secret).await.expect("the secret");
        assert!(held.rotation_enabled);
        assert_eq!(held.schedule.as_deref(), Some("cron(0 8 1 * ? *)"));
    }
    // Nothing was rotated, and other secrets rotate as before.
    let after = (
        test.current_key("off").await,
        test.current_key("other").await,
    );
    assert_eq!(before, after);
    test.keyrota("rotate").await.exits(0);
    finds(&test, &[]).await;
}

#[tokio::test]
async fn what_was_deleted_or_left_unfinished_is_taken_up() {
    let test = deployed(
        &[
            "user: gone, secret: gone",
            "user: left, secret: left, rotate_as: role",
        ],
        &["gone", "left"],
    )
    .await;
    let (gone, left) = (
        test.current_key("gone").await,
        test.current_key("left").await,
    );
    cancel(&test, "gone").await;
    test.delete_secret("gone").await;
    test.deny_role("iam:CreateAccessKey").await;
    test.keyrota("rotate left").await.exits(1);
    let faults = [
        "rotation-rehearsal-failed secret left",
        "rotation-unfinished secret left",
        "secret-deleted secret gone",
    ];
    let ran = finds(&test, &faults).await;
    for text in ["AccessDenied", "AWSPENDING", "keyrota rotate left"] {
        assert!(ran.stdout.contains(text), "{text}\n{ran}");
    }

    // While the cause remains, the rotation cannot end. The fault that the deletion hid is
    // fixed too.
    let expected = [
        ("rotation-off secret gone", true),
        ("rotation-rehearsal-failed secret left", false),
        ("rotation-unfinished secret left", false),
        ("secret-deleted secret gone", true),
    ];
    let ran = fixes(&test, 5, &expected).await;
    ran.says(&["AccessDenied"]);
    assert_eq!(test.current_key("gone").await, gone);
    assert_eq!(test.current_key("left").await, left);
    test.holder(&left).await.expect("the current key works");

    test.allow_role().await;
    fixes(&test, 0, &[("rotation-unfinished secret left", true)]).await;
    assert_ne!(test.current_key("left").await, left);
    finds(&test, &[]).await;
    test.keyrota("status --check").await.exits(0);
}

#[tokio::test]
async fn what_could_take_a_credential_from_somebody_is_left_to_a_person() {
    let users = ["foreign", "inactive", "vanished"];
    let entries = users.map(|user| format!("user: {user}, secret: {user}, rotate_as: role"));
    let entries: Vec<&str> = entries.iter().map(String::as_str).collect();
    let test = deployed(&entries, &users).await;
    let previous = test.key_in("foreign", "AWSPREVIOUS").await.expect("a key");
    test.delete_key("foreign", &previous.id).await;
    let foreign = test.make_key("foreign").await;
    let inactive = test.current_key("inactive").await;
    test.set_key_active("inactive", &inactive.id, false).await;
    for id in test.keys("vanished").await.expect("keys").into_keys() {
        test.delete_key("vanished", &id).await;
    }
    let request = test.iam.delete_user().user_name("vanished");
    request.send().await.expect("the user is deleted");

    let faults = [
        "current-key-inactive secret inactive",
        "foreign-key user foreign",
        "user-missing user vanished",
    ];
    let ran = finds(&test, &faults).await;
    for text in [
        &format!("--access-key-id {}", foreign.id),
        &format!(
            "--status Active --user-name inactive --access-key-id {}",
            inactive.id
        ),
        "aws iam create-user --user-name vanished",
    ] {
        assert!(ran.stdout.contains(text), "{text}\n{ran}");
    }
    // A program cannot decide any of this: the second fault has a prompt of its own, which
    // `--yes` does not answer.
    let ran = test.changes_nothing(FIX).await;
    assert_eq!(found(&ran), faults.map(|it| (it.to_owned(), false)));
    ran.exits(5).says(&["--allow current-key-inactive"]);

    // The remedies that it names work.
    test.delete_key("foreign", &foreign.id).await;
    test.set_key_active("inactive", &inactive.id, true).await;
    test.make_user("vanished").await;
    fixes(&test, 0, &[("current-key-missing secret vanished", true)]).await;
    finds(&test, &[]).await;
    test.keyrota("rotate").await.exits(0);
}

#[tokio::test]
async fn an_old_key_that_no_sweep_has_seen_to_is_retired() {
    let entry = "old_key: { deactivate_after: 1s, delete_after: 2s, hold_if_used_within: 1s }";
    let entries = [format!("user: idle, secret: idle, {entry}")];
    let test = deployed(&[&entries[0]], &["idle"]).await;
    let current = test.current_key("idle").await;
    let old = test.key_in("idle", "AWSPREVIOUS").await.expect("a key");
    tokio::time::sleep(Duration::from_secs(6)).await;
    let ran = finds(&test, &["old-key-overdue user idle"]).await;
    assert!(ran.stdout.contains(&old.id), "{ran}");
    let expected = [
        ("old-key-left user idle", true),
        ("old-key-overdue user idle", true),
    ];
    let ran = test.keyrota(FIX).await.exits(0);
    assert!(
        found(&ran)
            .iter()
            .all(|it| expected.contains(&(it.0.as_str(), it.1))),
        "{ran}"
    );
    let keys = test.keys("idle").await.expect("keys");
    assert!(keys[&current.id] && !keys.get(&old.id).is_some_and(|active| *active));
    test.holder(&current).await.expect("the current key works");
}
