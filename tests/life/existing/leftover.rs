//! What an earlier deployment of the same stack left.

use super::BOOTSTRAP;
use crate::environment::TestEnvironment;

fn manifest(more: &str) -> String {
    format!(
        "version: 1\nstack: keys\naccess_keys: [{{ user: app, secret: prod/app, kms_key: create{more} }}]\n"
    )
}

#[tokio::test]
async fn a_deployment_after_a_teardown_uses_the_same_secret_and_key() {
    for keys in ["", " --keep-keys", " --delete-keys"] {
        let test = TestEnvironment::new().await;
        test.make_user("app").await;
        test.manifest(&manifest(""));
        test.keyrota(BOOTSTRAP).await.exits(0);
        let before = test.secret("prod/app").await.expect("the secret");
        let key = test.current_key("prod/app").await;
        test.keyrota(&format!("teardown --yes{keys}"))
            .await
            .exits(0);
        let ran = test.keyrota(BOOTSTRAP).await.exits(0);
        let after = test.secret("prod/app").await.expect("the secret");
        assert_eq!(
            (&after.arn, &after.kms_key),
            (&before.arn, &before.kms_key),
            "{ran}"
        );
        assert!(!after.deleted && after.rotation_enabled);
        let current = test.current_key("prod/app").await;
        assert!(test.holder(&current).await.is_ok());
        assert_eq!(current == key, keys != " --delete-keys", "{keys}");
        test.keyrota("status --check").await.exits(0);
        test.keyrota("doctor").await.exits(0);
        let ran = test
            .changes_nothing(&format!("{BOOTSTRAP} --no-rotate"))
            .await
            .exits(0);
        assert_eq!(ran.json()["changes"], 0, "{ran}");
    }
}
