//! A manifest that changes: what `plan` says of it, and what `bootstrap` does.

use serde_json::Value;

use crate::world::{Ran, World};

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
fn changes(ran: &Ran) -> Vec<String> {
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

async fn users(world: &World) {
    for user in ["ci-deployer", "mailer", "batch"] {
        world.make_user(user).await;
    }
}

#[tokio::test]
async fn a_changed_manifest_is_planned_and_applied() {
    let world = World::new().await;
    users(&world).await;
    world.manifest(BEFORE);
    world.keyrota(BOOTSTRAP).await.exits(0);
    world.changes_nothing(PLAN).await.exits(0);
    let kept = world.value("prod/mailer", "AWSCURRENT").await;
    let current = world.current_key("prod/ci-deployer").await;

    world.manifest(AFTER);
    let planned = world.changes_nothing(PLAN).await.exits(4);
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
    // The page for review says the same in words.
    let review = "plan --function-zip function.zip --review review.html";
    world.changes_nothing(review).await.exits(0);
    let page = world.home.read("review.html");
    for said in [
        "Since the deployed stack.",
        "Starts to rotate: 1 secret",
        "Stops rotating: 1 secret",
        "<ins>rate(7 days)</ins>",
    ] {
        assert!(page.contains(said), "{said}");
    }
    // Without the flag the exit code says only that it went well; people see a table.
    let plan = "plan --function-zip function.zip";
    let ran = world.changes_nothing(plan).await.exits(0);
    assert!(ran.stdout.contains("AWS::SecretsManager::Secret"), "{ran}");

    let document = world.keyrota(BOOTSTRAP).await.exits(0).json();
    assert_eq!(document["changes"], planned.len());
    assert_eq!(document["stack"]["status"], "UPDATE_COMPLETE");
    assert_eq!(document["secrets"][0]["rotated"], false);
    assert_eq!(document["secrets"][1]["rotated"], true);
    world.changes_nothing(PLAN).await.exits(0);
    world.keyrota("status --check").await.exits(0);

    let deployer = world.secret("prod/ci-deployer").await.expect("it stays");
    assert_eq!(deployer.schedule.as_deref(), Some("rate(7 days)"));
    assert_eq!(deployer.tags["team"], "platform");
    assert_eq!(world.current_key("prod/ci-deployer").await, current);
    let policy = world
        .secretsmanager
        .get_resource_policy()
        .secret_id(&deployer.arn);
    let policy = policy.send().await.expect("an answer").resource_policy;
    assert!(
        policy
            .expect("a policy")
            .contains("arn:aws:iam::000000000000:role/app")
    );

    // What the manifest no longer names keeps its value, and rotates no more.
    let mailer = world.secret("prod/mailer").await.expect("it is retained");
    assert!(!mailer.deleted && !mailer.rotation_enabled);
    assert_eq!(world.value("prod/mailer", "AWSCURRENT").await, kept);

    // Teardown finds it all the same.
    let teardown = "teardown --yes --format json";
    let ran = world.keyrota(teardown).await.exits(0);
    assert!(ran.stdout.contains("prod/mailer"), "{ran}");
    for secret in ["prod/ci-deployer", "prod/mailer", "prod/batch"] {
        assert!(
            world.secret(secret).await.expect("a window").deleted,
            "{secret}"
        );
    }
}

#[tokio::test]
async fn a_secret_that_was_dropped_is_not_taken_over_unasked() {
    let world = World::new().await;
    users(&world).await;
    world.manifest(BEFORE);
    world.keyrota(BOOTSTRAP).await.exits(0);
    world.manifest(AFTER);
    world.keyrota(BOOTSTRAP).await.exits(0);
    world.manifest(BEFORE);
    let ran = world.changes_nothing(BOOTSTRAP).await;
    assert!(
        ran.findings()
            .contains(&"secret-exists secret prod/mailer".into()),
        "{ran}"
    );
}
