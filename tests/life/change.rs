//! A manifest that changes: the output of `plan`, and the effect of `bootstrap`.

use serde_json::Value;

use crate::environment::{ACCOUNT, CommandOutput, REGION, TestEnvironment};

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

#[tokio::test]
async fn a_description_and_tags_change_without_the_value() {
    let test = TestEnvironment::new().await;
    let manifest = |more: &str| {
        format!(
            "version: 1\nstack: keys\naccount: \"{ACCOUNT}\"\nregion: {REGION}\n\
             tags: {{ team: payments, env: prod }}\naccess_keys:\n\
             \x20 - {{ user: mailer, secret: app, create_user: true{more} }}\n"
        )
    };
    let described = async || {
        let request = test.secretsmanager.describe_secret().secret_id("app");
        request
            .send()
            .await
            .expect("the secret")
            .description
            .expect("a description")
    };
    let steps = [
        ("", "The access key of the IAM user mailer", "prod", None),
        (
            ", description: Für den Export, tags: { env: test, owner: mail }",
            "Für den Export",
            "test",
            Some("mail"),
        ),
        (
            ", description: Other, tags: { owner: export }",
            "Other",
            "prod",
            Some("export"),
        ),
        ("", "The access key of the IAM user mailer", "prod", None),
    ];
    let mut value = None;
    for (turn, (more, description, env, owner)) in steps.into_iter().enumerate() {
        test.manifest(&manifest(more));
        test.act_as(&test.root());
        test.keyrota("generate").await.exits(0);
        let policy = test.home.read("rendered/deployer-policy.json");
        let name = format!("deployer-{turn}");
        let deployer = test.make_deployer(&name, &policy).await;
        test.act_as(&deployer);
        if turn > 0 {
            let planned = test.changes_nothing(PLAN).await.exits(4);
            assert_eq!(changes(&planned), ["Modify AWS::SecretsManager::Secret"]);
        }
        test.keyrota(BOOTSTRAP).await.exits(0);
        assert_eq!(described().await, description);
        let tags = test.secret("app").await.expect("the secret").tags;
        assert_eq!(tags["env"], env);
        assert_eq!(tags["team"], "payments");
        assert_eq!(tags.get("owner").map(String::as_str), owner);
        let user = test.user_tags("mailer").await;
        assert_eq!((user["env"].as_str(), user.get("owner")), ("prod", None));
        let now = test.value("app", "AWSCURRENT").await;
        assert_eq!(*value.get_or_insert(now.clone()), now);
        test.changes_nothing(PLAN).await.exits(0);
        if owner.is_some() {
            // What someone else changes is seen, and restored.
            let tag = aws_sdk_secretsmanager::types::Tag::builder();
            let tag = tag.key("owner").value("thief").build();
            let request = test.secretsmanager.tag_resource().secret_id("app");
            request.tags(tag).send().await.expect("the tag is set");
            let ran = test.keyrota("doctor").await.exits(5);
            assert!(ran.stdout.contains("`thief`"), "{ran}");
            test.keyrota(BOOTSTRAP).await.exits(0);
            let tags = test.secret("app").await.expect("the secret").tags;
            assert_eq!(tags.get("owner").map(String::as_str), owner);
        }
    }
}
