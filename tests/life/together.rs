//! Several operators who run the same command at the same moment: each command ends well, and
//! the account is as after one.

use serde_json::Value;

use crate::environment::{CommandOutput, TestEnvironment};

const MANIFEST: &str = "\
version: 1
stack: payments-keys
access_keys:
  - { user: ci-deployer, secret: prod/ci-deployer }
  - { user: mailer, secret: prod/mailer, rotate_as: role }
  - { user: uploader, secret: prod/uploader, rotate_as: role, create_user: true }
";
const SECRETS: [(&str, &str); 3] = [
    ("ci-deployer", "prod/ci-deployer"),
    ("mailer", "prod/mailer"),
    ("uploader", "prod/uploader"),
];

/// Runs a command three times at once, and expects that each ends well.
async fn three(test: &TestEnvironment, arguments: &str) -> [CommandOutput; 3] {
    let run = async || test.keyrota(arguments).await.exits(0);
    let (one, two, three) = tokio::join!(run(), run(), run());
    [one, two, three]
}

/// Returns the version that each secret has as its current one, and the one before.
async fn versions(test: &TestEnvironment) -> Vec<(String, Option<String>)> {
    test.until_rotations_end().await;
    let mut versions = Vec::new();
    for (_, secret) in SECRETS {
        let labels = test.secret(secret).await.expect("the secret").labels;
        assert!(!labels.contains_key("AWSPENDING"), "{labels:?}");
        let previous = labels.get("AWSPREVIOUS").cloned();
        versions.push((labels["AWSCURRENT"].clone(), previous));
    }
    versions
}

/// Expects that the users have the keys that the secrets hold, and no others.
async fn check_keys(test: &TestEnvironment, count: usize) {
    for (user, secret) in SECRETS {
        let keys = test.keys(user).await.expect("the user");
        assert_eq!(keys.len(), count, "{user}: {keys:?}");
        let current = test.current_key(secret).await;
        assert_eq!(keys.get(&current.id), Some(&true));
        let holder = test.holder(&current).await;
        assert!(holder.is_ok(), "{user}: {holder:?}");
        let tags = test.user_tags(user).await;
        assert!(!tags.contains_key("keyrota:seeding"), "{tags:?}");
    }
}

#[tokio::test]
async fn three_operators_run_each_command_at_once() {
    let test = TestEnvironment::new().await;
    for user in ["ci-deployer", "mailer"] {
        test.make_user(user).await;
    }
    test.manifest(MANIFEST);

    let bootstrap = "bootstrap --yes --function-zip function.zip --format json";
    let mut changed = 0;
    for ran in three(&test, bootstrap).await {
        let document = ran.json();
        assert_eq!(document["stack"]["status"], "CREATE_COMPLETE", "{ran}");
        changed += usize::from(document["changes"].as_u64().expect("a number") > 0);
        let secrets = document["secrets"].as_array().expect("secrets");
        assert!(secrets.iter().all(|it| it["verified"] == true), "{ran}");
    }
    assert_eq!(changed, 1);
    check_keys(&test, 2).await;
    test.keyrota("status --check").await.exits(0);

    let before = versions(&test).await;
    let current = |ran: &CommandOutput| -> Vec<Value> {
        let document = ran.json();
        let secrets = document["secrets"].as_array().expect("secrets").iter();
        secrets.map(|it| it["version_id"].clone()).collect()
    };
    let ran = three(&test, "rotate --format json").await;
    assert!(ran.iter().all(|it| current(it) == current(&ran[0])));
    // They rotated once: the old key is still there for its clients.
    for (old, new) in before.iter().zip(versions(&test).await) {
        assert_eq!(Some(&old.0), new.1.as_ref());
    }
    check_keys(&test, 2).await;

    for ran in three(&test, "teardown --yes --format json").await {
        let document = ran.json();
        assert_eq!(
            document["left_over"].as_array().map(Vec::len),
            Some(0),
            "{ran}"
        );
    }
    for (_, secret) in SECRETS {
        assert!(test.secret(secret).await.is_none_or(|it| it.deleted));
    }
    let stacks = test.cloudformation.describe_stacks().send().await;
    let mut stacks = stacks
        .expect("stacks")
        .stacks
        .unwrap_or_default()
        .into_iter();
    assert!(stacks.all(|it| {
        it.stack_status()
            .is_some_and(|it| it.as_str() == "DELETE_COMPLETE")
    }));
    assert!(test.keys("uploader").await.is_none());
}
