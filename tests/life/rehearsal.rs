//! The rehearsal of the next rotation: each fault is made by hand, and `doctor` and
//! `status --check` name the call, who makes it, and the cause.

use serde_json::{Value, json};

use crate::environment::{CommandOutput, TestEnvironment};

const BOOTSTRAP: &str = "bootstrap --yes --function-zip function.zip";
const DOCTOR: &str = "doctor --format json";
const STATUS: &str = "status --check --format json";
const FAILED: &str = "rotation-rehearsal-failed";

async fn deployed(entry: &str) -> TestEnvironment {
    let test = TestEnvironment::new().await;
    test.make_user("ada").await;
    let entry = format!("user: ada, secret: ada{entry}");
    let text = format!("version: 1\nstack: keys\naccess_keys:\n  - {{ {entry} }}\n");
    test.manifest(&text);
    if entry.contains("ops/admin") {
        test.make_administrator("admin", "ops/admin").await;
    }
    test.keyrota(BOOTSTRAP).await.exits(0);
    test
}

/// Returns the findings with this ID.
fn findings(ran: &CommandOutput, id: &str) -> Vec<Value> {
    let document = ran.json();
    let all = document["findings"].as_array().cloned().unwrap_or_default();
    all.into_iter().filter(|it| it["id"] == id).collect()
}

/// Expects that both commands find the same single fault, whose evidence and remedy contain these.
async fn finds(test: &TestEnvironment, evidence: &[&str], remedy: &[&str]) {
    for arguments in [DOCTOR, STATUS] {
        let ran = test.keyrota(arguments).await.exits(5);
        let found = findings(&ran, FAILED);
        assert_eq!(found.len(), 1, "{ran}");
        let text = |field: &str| found[0][field].as_str().expect("text").to_owned();
        assert_eq!(text("subject"), "secret ada", "{ran}");
        for expected in evidence {
            assert!(text("evidence").contains(expected), "{expected}: {ran}");
        }
        for expected in remedy {
            assert!(text("remedy").contains(expected), "{expected}: {ran}");
        }
    }
}

async fn is_well(test: &TestEnvironment) {
    for arguments in [DOCTOR, STATUS] {
        let ran = test.changes_nothing(arguments).await.exits(0);
        assert_eq!(findings(&ran, FAILED), [json!(null); 0], "{ran}");
    }
}

/// Everything that a rehearsal could have changed: the value, the labels, the keys, and the tags.
async fn persistent(test: &TestEnvironment) -> String {
    let secret = test.secret("ada").await.expect("the secret");
    let value = test.value("ada", "AWSCURRENT").await;
    let keys = test.keys("ada").await;
    let tags = test.user_tags("ada").await;
    format!("{:?} {value:?} {keys:?} {tags:?}", secret.labels)
}

#[tokio::test]
async fn of_a_healthy_stack_each_call_is_listed_and_nothing_changes() {
    let test =
        deployed(", rotate_as: self, old_key: { deactivate_after: 1d, delete_after: 2d }").await;
    let before = persistent(&test).await;
    let previous = test
        .key_in("ada", "AWSPREVIOUS")
        .await
        .expect("a previous key");
    let used = async || {
        let request = test
            .iam
            .get_access_key_last_used()
            .access_key_id(&previous.id);
        let answer = request.send().await.expect("the last use");
        answer
            .access_key_last_used
            .and_then(|used| used.last_used_date)
    };
    let used_before = used().await;
    is_well(&test).await;
    assert_eq!(persistent(&test).await, before);
    assert_eq!(
        used().await,
        used_before,
        "the previous key signed a request"
    );

    let ran = test.keyrota(DOCTOR).await.exits(0);
    let rehearsals = ran.json()["rehearsals"].clone();
    let calls = rehearsals[0]["calls"].as_array().expect("calls").clone();
    let how = |call: &str, by: &str| {
        let mut all = calls.iter();
        let found = all.find(|it| it["call"] == call && it["by"] == by);
        let found = found.unwrap_or_else(|| panic!("{call} by {by}: {ran}"));
        (found["how"].clone(), found["result"].clone())
    };
    for (call, by, expected) in [
        ("secretsmanager:GetSecretValue", "role", "tested"),
        ("sts:GetCallerIdentity", "user", "tested"),
        ("iam:ListAccessKeys", "user", "tested"),
        ("iam:DeleteAccessKey", "user", "tested"),
        ("iam:UpdateAccessKey", "user", "tested"),
        ("iam:CreateAccessKey", "user", "simulated"),
        ("iam:TagUser", "role", "simulated"),
        ("secretsmanager:PutSecretValue", "role", "simulated"),
    ] {
        assert_eq!(how(call, by), (json!(expected), json!("ok")), "{call}");
    }
    let ran = test.keyrota("doctor -v").await.exits(0);
    for text in [
        "iam:CreateAccessKey",
        "simulated",
        "tested",
        "No faults found.",
    ] {
        assert!(ran.stdout.contains(text), "{text}: {ran}");
    }
    let ran = test.keyrota(STATUS).await.exits(0);
    assert!(ran.json()["secrets"][0]["last_proven"].is_string(), "{ran}");
    test.check_logs_for_secrets().await;
}

#[tokio::test]
async fn the_roles_policies_are_removed() {
    let test = deployed(", rotate_as: role").await;
    is_well(&test).await;
    let role = test.role().await;
    let policies = test.iam.list_role_policies().role_name(&role).send().await;
    for policy in policies.expect("policies").policy_names {
        let request = test.iam.delete_role_policy().role_name(&role);
        request
            .policy_name(policy)
            .send()
            .await
            .expect("the policy is deleted");
    }
    let evidence = [
        "secretsmanager:DescribeSecret by the function's role (tested, AccessDenied",
        "secretsmanager:PutSecretValue by the function's role (simulated, implicitDeny",
        "iam:CreateAccessKey by the function's role (simulated, implicitDeny",
    ];
    finds(
        &test,
        &evidence,
        &["restore the policies of the role", &role],
    )
    .await;
}

#[tokio::test]
async fn the_users_own_policy_is_removed_or_denies() {
    let test = deployed("").await;
    is_well(&test).await;
    let request = test.iam.delete_user_policy().user_name("ada");
    let request = request.policy_name("keyrota-ManageOwnAccessKeys");
    request.send().await.expect("the policy is deleted");
    let evidence = [
        "iam:ListAccessKeys by the user `ada` (tested, AccessDenied",
        "iam:CreateAccessKey by the user `ada` (simulated, implicitDeny",
    ];
    let remedy = ["keyrota-ManageOwnAccessKeys of the user `ada`"];
    finds(&test, &evidence, &remedy).await;
}

#[tokio::test]
async fn only_what_cannot_be_tried_is_denied() {
    let test = deployed(", rotate_as: role").await;
    for action in ["iam:CreateAccessKey", "secretsmanager:PutSecretValue"] {
        test.deny_role(action).await;
        let evidence = format!("{action} by the function's role (simulated, explicitDeny)");
        finds(&test, &[&evidence], &["find that statement", action]).await;
        test.allow_role().await;
    }
    is_well(&test).await;
}

#[tokio::test]
async fn the_key_policy_no_longer_lets_the_role_in() {
    let test = TestEnvironment::new().await;
    test.make_user("ada").await;
    let key = test.make_kms_key().await;
    let entry = format!("user: ada, secret: ada, rotate_as: role, kms_key: \"{key}\"");
    let text = format!("version: 1\nstack: keys\naccess_keys:\n  - {{ {entry} }}\n");
    test.manifest(&text);
    test.keyrota(BOOTSTRAP).await.exits(0);
    is_well(&test).await;
    let role = test.role().await;
    let found = test
        .iam
        .get_role()
        .role_name(&role)
        .send()
        .await
        .expect("the role");
    let arn = found.role.expect("the role").arn;
    let account = json!({
        "Effect": "Allow", "Principal": { "AWS": "*" }, "Action": "kms:*", "Resource": "*",
    });
    let denied = json!({
        "Effect": "Deny", "Principal": { "AWS": arn }, "Action": ["kms:Decrypt", "kms:GenerateDataKey"],
        "Resource": "*",
    });
    let policy = json!({ "Version": "2012-10-17", "Statement": [account, denied] });
    let request = test
        .kms
        .put_key_policy()
        .key_id(&key)
        .policy(policy.to_string());
    request.send().await.expect("the key policy is put");
    let evidence = ["secretsmanager:GetSecretValue by the function's role (tested, AccessDenied"];
    let remedy = [
        format!("the key policy of {key}"),
        arn,
        "kms:Decrypt".to_owned(),
    ];
    let remedy: Vec<&str> = remedy.iter().map(String::as_str).collect();
    finds(&test, &evidence, &remedy).await;
}

#[tokio::test]
async fn the_administrators_secret_cannot_be_read_or_has_a_dead_key() {
    let test = deployed(", rotate_as: ops/admin").await;
    is_well(&test).await;
    let value = test
        .value("ops/admin", "AWSCURRENT")
        .await
        .expect("a value");
    test.store(
        "ops/admin",
        &json!({ "accesskey": "AKIA7777777777777777", "secretkey": "wrong" }),
    )
    .await;
    let evidence =
        ["sts:GetCallerIdentity by the administrator in `ops/admin` (tested, InvalidClientTokenId"];
    finds(
        &test,
        &evidence,
        &["store an active key in the administrator's secret `ops/admin`"],
    )
    .await;
    test.store("ops/admin", &json!({ "note": "no key" })).await;
    let evidence = ["on `ops/admin` (tested, no_key)"];
    finds(
        &test,
        &evidence,
        &["store the administrator's credential in `ops/admin`"],
    )
    .await;
    test.store("ops/admin", &value).await;
    is_well(&test).await;
    let described = test
        .secretsmanager
        .describe_secret()
        .secret_id("ops/admin")
        .send()
        .await;
    let arn = described.expect("the secret").arn.expect("an ARN");
    let policy = json!({ "Version": "2012-10-17", "Statement": [{
        "Effect": "Deny", "Action": "secretsmanager:GetSecretValue", "Resource": arn,
    }] });
    let request = test
        .iam
        .put_role_policy()
        .role_name(test.role().await)
        .policy_name("denied");
    let request = request.policy_document(policy.to_string());
    request.send().await.expect("the policy is put");
    let evidence = [
        "secretsmanager:GetSecretValue by the function's role on `ops/admin` (tested, AccessDenied",
    ];
    finds(
        &test,
        &evidence,
        &["read the administrator's secret `ops/admin`"],
    )
    .await;
}

#[tokio::test]
async fn a_user_under_quarantine_is_named_and_the_policy_stays() {
    let test = deployed("").await;
    for version in ["", "V2", "V3", "V4", "V5"] {
        let arn = format!("arn:aws:iam::aws:policy/AWSCompromisedKeyQuarantine{version}");
        let request = test
            .iam
            .attach_user_policy()
            .user_name("ada")
            .policy_arn(&arn);
        request.send().await.expect("the policy is attached");
        for arguments in [DOCTOR, STATUS] {
            let ran = test.keyrota(arguments).await.exits(5);
            let document = ran.json();
            let ids: Vec<&Value> = document["findings"]
                .as_array()
                .expect("findings")
                .iter()
                .map(|it| &it["id"])
                .collect();
            // What the policy denies is not reported again.
            assert_eq!(ids, ["key-quarantined"], "{version}: {ran}");
            for text in [
                "`rotate_as: self`",
                "keyrota rotate --compromised ada",
                "do not detach",
            ] {
                assert!(ran.stdout.contains(text), "{text}: {ran}");
            }
        }
        test.keyrota("doctor --fix --yes").await.exits(5);
        let attached = test
            .iam
            .list_attached_user_policies()
            .user_name("ada")
            .send()
            .await;
        let attached = attached
            .expect("policies")
            .attached_policies
            .unwrap_or_default();
        assert_eq!(attached.len(), 1, "{version}");
        let request = test
            .iam
            .detach_user_policy()
            .user_name("ada")
            .policy_arn(&arn);
        request.send().await.expect("the policy is detached");
    }
    is_well(&test).await;
}

#[tokio::test]
async fn the_function_is_gone_and_causes_are_reported_once() {
    let test = deployed("").await;
    // The key is gone: its consequences are not reported.
    let key = test.current_key("ada").await;
    test.set_key_active("ada", &key.id, false).await;
    let ran = test.keyrota(DOCTOR).await.exits(5);
    assert_eq!(findings(&ran, FAILED).len(), 0, "{ran}");
    assert_eq!(findings(&ran, "current-key-inactive").len(), 1, "{ran}");
    test.set_key_active("ada", &key.id, true).await;
    is_well(&test).await;

    // Without values, nothing is invoked.
    test.keyrota("status --no-values --check").await.exits(0);
    let functions = test
        .lambda
        .list_functions()
        .send()
        .await
        .expect("functions");
    let name = functions
        .functions()
        .first()
        .and_then(|it| it.function_name())
        .expect("a name");
    let request = test.lambda.delete_function().function_name(name);
    request.send().await.expect("the function is deleted");
    finds(&test, &["does not exist"], &["keyrota bootstrap"]).await;
    let ran = test
        .keyrota("status --no-values --check --format json")
        .await
        .exits(5);
    assert_eq!(findings(&ran, FAILED).len(), 0, "{ran}");
    assert_eq!(ran.json()["drift"][0]["logical_id"], "Function", "{ran}");
}
