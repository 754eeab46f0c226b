//! A name that is taken by a secret that is scheduled for deletion. Each remedy that the program
//! names is carried out as it is written, and nothing else is touched.

use serde_json::json;

use super::BOOTSTRAP;
use crate::environment::TestEnvironment;

const RESTORE: &str = "aws secretsmanager restore-secret --secret-id ";

/// What the deleted secret contains.
enum Content {
    OfTheUser,
    OfSomebodyElse,
}

fn manifest(second: &str) -> String {
    format!(
        "version: 1\nstack: keys\naccess_keys:\n  - {{ user: live, secret: prod/live }}\n{second}"
    )
}

/// Returns a live stack with one entry, whose manifest has a second entry with a secret that
/// somebody else deleted, and the hint of the refusal.
async fn refused(content: Content) -> (TestEnvironment, String) {
    let test = TestEnvironment::new().await;
    test.make_user("live").await;
    test.manifest(&manifest(""));
    test.keyrota(BOOTSTRAP).await.exits(0);
    test.make_user("leaving").await;
    let value = match content {
        Content::OfTheUser => {
            let key = test.make_key("leaving").await;
            json!({ "accesskey": key.id, "secretkey": key.secret, "username": "leaving" })
        }
        Content::OfSomebodyElse => json!({ "note": "not a key" }),
    };
    test.make_secret("prod/leaving", &value.to_string()).await;
    test.delete_secret("prod/leaving").await;
    test.manifest(&manifest("  - { user: leaving, secret: prod/leaving }\n"));
    let ran = test.changes_nothing(BOOTSTRAP).await;
    let findings = ran.findings();
    assert_eq!(findings[0], "scheduled-for-deletion secret prod/leaving");
    let finding = &ran.json()["findings"][0];
    let message = finding["message"].as_str().expect("a message");
    assert!(message.contains("`DeletedDate`: 2"), "{ran}");
    let hint = finding["hint"].as_str().expect("a hint");
    assert!(
        !hint.contains("teardown") && !hint.contains("force"),
        "{ran}"
    );
    (test, hint.to_owned())
}

/// Bootstraps, and expects that the live entry keeps its secret, key, and versions.
async fn succeeds_beside_the_live_entry(test: &TestEnvironment) {
    let before = test.secret("prod/live").await.expect("the live secret");
    let key = test.current_key("prod/live").await;
    test.keyrota(BOOTSTRAP).await.exits(0);
    let after = test.secret("prod/live").await.expect("the live secret");
    assert_eq!(after.labels, before.labels);
    assert_eq!(after.arn, before.arn);
    assert!(!after.deleted && after.rotation_enabled);
    assert_eq!(test.current_key("prod/live").await, key);
    assert!(test.holder(&key).await.is_ok());
    test.keyrota("status --check").await.exits(0);
}

#[tokio::test]
async fn restored_and_adopted() {
    let (test, hint) = refused(Content::OfTheUser).await;
    let (_, command) = hint.split_once(RESTORE).expect("a command");
    let end = command.find([')', ' ']).expect("the end of the command");
    assert!(hint.contains("`adopt: true`"), "{hint}");
    let request = test.secretsmanager.restore_secret();
    let restored = request.secret_id(&command[..end]).send().await;
    restored.expect("the secret is restored");
    let before = test.secret("prod/leaving").await.expect("the secret");
    test.manifest(&manifest(
        "  - { user: leaving, secret: prod/leaving, adopt: true }\n",
    ));
    succeeds_beside_the_live_entry(&test).await;
    let after = test.secret("prod/leaving").await.expect("the secret");
    assert_eq!(after.arn, before.arn);
    assert!(!after.deleted && after.rotation_enabled);
}

#[tokio::test]
async fn under_another_name() {
    let (test, hint) = refused(Content::OfSomebodyElse).await;
    assert!(hint.contains("another name with `secret:`"), "{hint}");
    test.manifest(&manifest("  - { user: leaving, secret: prod/arrived }\n"));
    succeeds_beside_the_live_entry(&test).await;
    let leaving = test.secret("prod/leaving").await.expect("the secret");
    assert!(leaving.deleted && !leaving.rotation_enabled);
}
