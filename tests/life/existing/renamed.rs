//! An entry whose secret has another name than before.

use std::collections::BTreeSet;

use super::BOOTSTRAP;
use crate::environment::TestEnvironment;

fn manifest(secret: &str) -> String {
    format!(
        "version: 1\nstack: moved\naccess_keys: [{{ user: mover, rotate_as: role, secret: {secret} }}]\n"
    )
}

#[tokio::test]
async fn the_key_moves_to_the_new_secret_as_the_hint_says() {
    let test = TestEnvironment::new().await;
    test.make_user("mover").await;
    test.manifest(&manifest("moved/old"));
    test.keyrota(BOOTSTRAP).await.exits(0);
    let key = test.current_key("moved/old").await;

    test.manifest(&manifest("moved/new"));
    let ran = test.changes_nothing(BOOTSTRAP).await;
    assert_eq!(ran.findings(), ["renamed-secret user mover"]);
    for text in [
        "secret: moved/old",
        "initial_key: secret:moved/old",
        &key.id,
    ] {
        assert!(ran.stdout.contains(text), "{text}\n{ran}");
    }

    let request = test.secretsmanager.cancel_rotate_secret();
    let cancelled = request.secret_id("moved/old").send().await;
    cancelled.expect("rotation is off");
    test.manifest(&manifest("moved/new, initial_key: 'secret:moved/old'"));
    test.keyrota(&format!("{BOOTSTRAP} --no-rotate"))
        .await
        .exits(0);
    assert_eq!(test.current_key("moved/new").await, key);
    test.keyrota("rotate").await.exits(0);
    assert!(test.holder(&key).await.is_ok());
    test.keyrota("status --check").await.exits(0);
    // The old secret stays, with the key that is the old one now.
    assert_eq!(test.current_key("moved/old").await, key);

    let ran = test.keyrota("teardown --yes --format json").await.exits(0);
    let names = |list: &str| {
        let items = ran.json()[list].as_array().expect("items").clone();
        let keys = items
            .into_iter()
            .filter(|item| item["type"] == "access key");
        keys.map(|item| item["name"].to_string())
            .collect::<BTreeSet<_>>()
    };
    assert!(names("deleted").is_disjoint(&names("retained")), "{ran}");
}

/// The user of a secret cannot change. The hint has one way for the user, and one for the secret.
#[tokio::test]
async fn another_user_of_the_same_secret_gets_a_secret_of_its_own() {
    let manifest = |user: &str, secret: &str| {
        format!(
            "version: 1\nstack: moved\naccess_keys: [{{ user: {user}, rotate_as: role, secret: {secret} }}]\n"
        )
    };
    let test = TestEnvironment::new().await;
    test.make_user("mover").await;
    test.make_user("other").await;
    test.manifest(&manifest("mover", "moved/one"));
    test.keyrota(BOOTSTRAP).await.exits(0);
    let key = test.current_key("moved/one").await;

    test.manifest(&manifest("other", "moved/one"));
    let ran = test.changes_nothing(BOOTSTRAP).await;
    assert_eq!(ran.findings(), ["other-user secret moved/one"]);
    for text in ["`mover`", "`other`", "`secret:`"] {
        assert!(ran.stdout.contains(text), "{text}\n{ran}");
    }

    test.manifest(&manifest("mover", "moved/one"));
    test.keyrota(BOOTSTRAP).await.exits(0);
    test.manifest(&manifest("other", "moved/two"));
    test.keyrota(BOOTSTRAP).await.exits(0);
    test.keyrota("status --check").await.exits(0);
    // The former user's secret stays, and its key works.
    assert_eq!(test.current_key("moved/one").await, key);
    assert!(test.holder(&key).await.is_ok());
}
