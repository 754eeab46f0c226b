//! `rotate --compromised`: a leaked key is replaced while applications continue to work, and what
//! the command refuses.

mod refused;
mod sessions;

use serde_json::Value;

use crate::application::works_through;
use crate::environment::{CommandOutput, TestEnvironment};

const BOOTSTRAP: &str = "bootstrap --yes --function-zip function.zip --format json";
const RESPOND: &str = "rotate --compromised prod/app --yes --format json";

/// Deploys a user `app`, whose key has rotated once.
async fn deployed(settings: &str) -> TestEnvironment {
    let test = TestEnvironment::new().await;
    if !settings.contains("create_user") {
        test.make_user("app").await;
    }
    if settings.contains("ops/administrator") {
        test.make_administrator("administrator", "ops/administrator")
            .await;
    }
    test.manifest(&format!(
        "version: 1\nstack: keys\naccess_keys: [{{ user: app, secret: prod/app{settings} }}]\n"
    ));
    test.keyrota(BOOTSTRAP).await.exits(0);
    test
}

fn result(ran: &CommandOutput) -> Value {
    ran.json()["secrets"][0].clone()
}

#[tokio::test]
async fn a_leaked_key_is_replaced_whoever_rotates_it() {
    for settings in [
        "",
        ", rotate_as: role",
        ", rotate_as: ops/administrator",
        ", create_user: true, kms_key: create",
    ] {
        let test = deployed(settings).await;
        let leaked = test.current_key("prod/app").await;
        let previous = test.key_in("prod/app", "AWSPREVIOUS").await.expect("a key");
        let ran = works_through(&test, "prod/app", "app", RESPOND)
            .await
            .exits(0);
        let current = test.current_key("prod/app").await;
        let told = result(&ran);
        assert_eq!(told["old_access_key_id"], *leaked.id, "{ran}");
        assert_eq!(told["new_access_key_id"], *current.id, "{ran}");
        assert_eq!(told["old_key_status"], "Inactive", "{ran}");
        assert_eq!(told["verified"], true, "{ran}");
        assert_eq!(told["leak"]["deleted_key"], *previous.id, "{ran}");
        assert!(told["leak"]["last_used"].is_string(), "{ran}");
        let keys = test.keys("app").await.expect("the user");
        let expected = [(leaked.id.clone(), false), (current.id.clone(), true)];
        assert_eq!(keys, expected.into(), "{ran}");

        // Again, a moment later: nothing is replaced once more.
        let again = test.keyrota(RESPOND).await.exits(0);
        let told = result(&again);
        assert_eq!(told["old_access_key_id"], *leaked.id, "{again}");
        assert_eq!(told["new_access_key_id"], *current.id, "{again}");
        assert_eq!(told["old_key_status"], "Inactive", "{again}");
        let again = again.says(&["continues that response", &format!("--key {}", current.id)]);
        assert_eq!(test.current_key("prod/app").await, current, "{again}");

        // Rotation goes on, and deletes the inactive key.
        test.keyrota("doctor").await.exits(0);
        test.keyrota("status --check").await.exits(0);
        test.keyrota("rotate").await.exits(0);
        let keys = test.keys("app").await.expect("the user");
        assert!(
            keys[&current.id] && !keys.contains_key(&leaked.id),
            "{keys:?}"
        );
        test.check_logs_for_secrets().await;
        test.keyrota("teardown --yes").await.exits(0);
    }
}

/// Under the quarantine, the user cannot create a key, so its own rotation fails.
#[tokio::test]
async fn a_user_under_quarantine_gets_a_new_key() {
    const POLICY: &str = "arn:aws:iam::aws:policy/AWSCompromisedKeyQuarantineV3";
    let test = deployed("").await;
    let request = test.iam.attach_user_policy().user_name("app");
    let request = request.policy_arn(POLICY).send().await;
    request.expect("the policy is attached");
    test.keyrota("rotate").await.exits(1);
    let leaked = test.current_key("prod/app").await;
    let ran = works_through(&test, "prod/app", "app", RESPOND)
        .await
        .exits(0);
    let told = result(&ran);
    assert_eq!(told["old_access_key_id"], *leaked.id, "{ran}");
    assert_eq!(told["old_key_status"], "Inactive", "{ran}");
    assert_eq!(told["leak"]["quarantine"]["policies"][0], POLICY, "{ran}");
    let denied = told["leak"]["quarantine"]["denied_actions"].to_string();
    assert!(denied.contains("iam:CreateAccessKey"), "{ran}");
    ran.says(&["AWSCompromisedKeyQuarantineV3", "does not detach"]);
    let request = test.iam.list_attached_user_policies().user_name("app");
    let attached = request.send().await.expect("policies").attached_policies;
    assert_eq!(attached.unwrap_or_default().len(), 1);
}

#[tokio::test]
async fn a_leaked_previous_key_is_deactivated_and_nothing_rotates() {
    let test = deployed(", rotate_as: role").await;
    let current = test.current_key("prod/app").await;
    let leaked = test.key_in("prod/app", "AWSPREVIOUS").await.expect("a key");
    let version = test.secret("prod/app").await.expect("the secret").labels["AWSCURRENT"].clone();
    let ran = test
        .keyrota(&format!("{RESPOND} --key {}", leaked.id))
        .await
        .exits(0);
    let told = result(&ran);
    assert_eq!(told["old_access_key_id"], *leaked.id, "{ran}");
    assert_eq!(told["new_access_key_id"], *current.id, "{ran}");
    assert_eq!(told["version_id"], *version, "{ran}");
    assert_eq!(told["old_key_status"], "Inactive", "{ran}");
    let keys = test.keys("app").await.expect("the user");
    assert_eq!((keys[&leaked.id], keys[&current.id]), (false, true));

    // A person activates it again: `doctor` knows that it leaked.
    test.set_key_active("app", &leaked.id, true).await;
    let doctor = test.keyrota("doctor --format json").await.exits(5);
    let findings = doctor.json()["findings"].to_string();
    assert!(
        findings.contains("leaked-key-active") && findings.contains(&leaked.id),
        "{doctor}"
    );
}

#[tokio::test]
async fn the_leaked_key_is_deleted_on_request_after_the_new_one_works() {
    let test = deployed("").await;
    let leaked = test.current_key("prod/app").await;
    let command = format!("{RESPOND} --delete-old-key");
    let ran = works_through(&test, "prod/app", "app", &command)
        .await
        .exits(0);
    assert_eq!(result(&ran)["old_key_status"], "Deleted", "{ran}");
    let current = test.current_key("prod/app").await;
    let keys = test.keys("app").await.expect("the user");
    assert_eq!(keys, [(current.id.clone(), true)].into(), "{ran}");
    let again = test.keyrota(&command).await.exits(0);
    assert_eq!(result(&again)["old_access_key_id"], *leaked.id, "{again}");
    assert_eq!(result(&again)["old_key_status"], "Deleted", "{again}");
    assert_eq!(test.current_key("prod/app").await, current, "{again}");
}

#[tokio::test]
async fn two_operators_respond_at_once() {
    for settings in ["", ", rotate_as: role"] {
        let test = deployed(settings).await;
        let leaked = test.current_key("prod/app").await;
        let (one, two) = tokio::join!(test.keyrota(RESPOND), test.keyrota(RESPOND));
        let current = test.current_key("prod/app").await;
        for ran in [one, two] {
            assert_eq!(ran.code, Some(0), "{ran}");
            let told = result(&ran);
            assert_eq!(told["old_access_key_id"], *leaked.id, "{ran}");
            assert_eq!(told["new_access_key_id"], *current.id, "{ran}");
            assert_eq!(told["old_key_status"], "Inactive", "{ran}");
        }
        let keys = test.keys("app").await.expect("the user");
        let expected = [(leaked.id, false), (current.id, true)];
        assert_eq!(keys, expected.into());
    }
}
