//! A manifest that changes: the output of `plan`, and the effect of `bootstrap`.

use serde_json::Value;

use crate::environment::{CommandOutput, TestEnvironment};

const BEFORE: &str = "\
version: 1
stack: payments-keys
tags: { team: payments }
access_keys:
  - { user: ci-deployer, secret: prod/ci-deployer }
  - { user: mailer, secret: prod/mailer, rotate_as: role }
";

const AFTER: &str = "\
version: 1
stack: payments-keys
tags: { team: platform }
defaults: { schedule: rate(7 days) }
access_keys:
  - { user: ci-deployer, secret: prod/ci-deployer, readers: ['arn:aws:iam::000000000000:role/app'] }
  - { user: batch, secret: prod/batch, rotate_as: role }
";

const BOOTSTRAP: &str = "bootstrap --yes --function-zip function.zip --format json";
const PLAN: &str = "plan --detailed-exitcode --function-zip function.zip --format json";

/// Returns the changes as `action type`, sorted.
fn changes(ran: &CommandOutput) -> Vec<String> {
    let document = ran.json();
    let text = |value: &Value| value.as_str().expect("text").to_owned();
    let mut changes: Vec<String> = document["changes"]
        .as_array()
        .expect("changes")
        .iter()
        .map(|change| format!("{} {}", text(&change["action"]), text(&change["type"])))
        .collect();
    changes.sort();
    changes
}

async fn users(test: &TestEnvironment) {
    for user in ["ci-deployer", "mailer", "batch"] {
        test.make_user(user).await;
    }
    // The reader.
    test.make_role("app").await;
}

#[tokio::test]
async fn a_changed_manifest_is_planned_and_applied() {
    let test = TestEnvironment::new().await;
    users(&test).await;
    test.manifest(BEFORE);
    test.keyrota(BOOTSTRAP).await.exits(0);
    test.changes_nothing(PLAN).await.exits(0);
    let kept = test.value("prod/mailer", "AWSCURRENT").await;
    let current = test.current_key("prod/ci-deployer").await;

    test.manifest(AFTER);
    let planned = test.changes_nothing(PLAN).await.exits(4);
    let planned = changes(&planned);
    for expected in [
        "Add AWS::SecretsManager::ResourcePolicy",
        "Add AWS::SecretsManager::RotationSchedule",
        "Add AWS::SecretsManager::Secret",
        "Modify AWS::SecretsManager::RotationSchedule",
        "Modify AWS::SecretsManager::Secret",
        "Remove AWS::SecretsManager::RotationSchedule",
        "Remove AWS::SecretsManager::Secret",
    ] {
        assert!(
            planned.iter().any(|held| held == expected),
            "{expected}: {planned:#?}"
        );
    }
    // The review page says the same in words.
    let review = "plan --function-zip function.zip --review review.html";
    test.changes_nothing(review).await.exits(0);
    let page = test.home.read("review.html");
    for said in [
        "Since the deployed stack.",
        "Starts to rotate: 1 secret",
        "Stops rotating: 1 secret",
        "<ins>rate(7 days)</ins>",
    ] {
        assert!(page.contains(said), "{said}");
    }
    // Without the flag, the exit code is 0 and people see a table.
    let plan = "plan --function-zip function.zip";
    let ran = test.changes_nothing(plan).await.exits(0);
    assert!(ran.stdout.contains("AWS::SecretsManager::Secret"), "{ran}");

    let document = test.keyrota(BOOTSTRAP).await.exits(0).json();
    assert_eq!(document["changes"], planned.len());
    assert_eq!(document["stack"]["status"], "UPDATE_COMPLETE");
    assert_eq!(document["secrets"][0]["rotated"], false);
    assert_eq!(document["secrets"][1]["rotated"], true);
    test.changes_nothing(PLAN).await.exits(0);
    test.keyrota("status --check").await.exits(0);

    let deployer = test.secret("prod/ci-deployer").await.expect("it stays");
    assert_eq!(deployer.schedule.as_deref(), Some("rate(7 days)"));
    assert_eq!(deployer.tags["team"], "platform");
    assert_eq!(test.current_key("prod/ci-deployer").await, current);
    let policy = test
        .secretsmanager
        .get_resource_policy()
        .secret_id(&deployer.arn);
    let policy = policy.send().await.expect("an answer").resource_policy;
    assert!(
        policy
            .expect("a policy")
            .contains("arn:aws:iam::000000000000:role/app")
    );

    // A secret that the manifest no longer names keeps its value and is no longer rotated.
    let mailer = test.secret("prod/mailer").await.expect("it is retained");
    assert!(!mailer.deleted && !mailer.rotation_enabled);
    assert_eq!(test.value("prod/mailer", "AWSCURRENT").await, kept);

    // Teardown finds it anyway.
    let teardown = "teardown --yes --format json";
    let ran = test.keyrota(teardown).await.exits(0);
    assert!(ran.stdout.contains("prod/mailer"), "{ran}");
    for secret in ["prod/ci-deployer", "prod/mailer", "prod/batch"] {
        assert!(
            test.secret(secret).await.expect("a window").deleted,
            "{secret}"
        );
    }
}

#[tokio::test]
async fn a_secret_that_was_dropped_comes_back_with_its_key() {
    let test = TestEnvironment::new().await;
    users(&test).await;
    test.manifest(BEFORE);
    test.keyrota(BOOTSTRAP).await.exits(0);
    let before = test.secret("prod/mailer").await.expect("the secret");
    let key = test.current_key("prod/mailer").await;
    test.manifest(AFTER);
    test.keyrota(BOOTSTRAP).await.exits(0);
    test.manifest(BEFORE);
    let plan = "plan --function-zip function.zip";
    let ran = test.changes_nothing(plan).await.exits(0);
    assert!(
        ran.stdout.contains("left over from an earlier deployment"),
        "{ran}"
    );
    test.keyrota(BOOTSTRAP).await.exits(0);
    let after = test.secret("prod/mailer").await.expect("the secret");
    assert!(after.arn == before.arn && after.rotation_enabled);
    assert_eq!(test.current_key("prod/mailer").await, key);
    test.keyrota("status --check").await.exits(0);
}
