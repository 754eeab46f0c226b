//! What `status` reports about credentials that are not `ok`.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::environment::TestEnvironment;

#[tokio::test]
async fn each_state_is_told_and_the_check_fails() {
    let test = TestEnvironment::new().await;
    let users = [
        "fine", "fresh", "inactive", "emptied", "deleted", "sealed", "stuck", "gone",
    ];
    let seal = test.make_kms_key().await;
    let mut manifest = "version: 1\nstack: keys\naccess_keys:\n".to_owned();
    for user in users {
        test.make_user(user).await;
        let key = match user {
            "sealed" => seal.as_str(),
            _ => "aws/secretsmanager",
        };
        let entry = format!("{{ user: {user}, secret: {user}, kms_key: '{key}' }}");
        manifest.push_str(&format!("  - {entry}\n"));
    }
    test.manifest(&manifest);
    let bootstrap = "bootstrap --yes --no-rotate --function-zip function.zip";
    test.keyrota(bootstrap).await.exits(0);
    assert!(
        states(&test, 5)
            .await
            .values()
            .all(|state| state == "never_rotated")
    );
    test.keyrota("rotate fine inactive emptied deleted sealed stuck gone")
        .await
        .exits(0);

    let inactive = test.current_key("inactive").await;
    test.set_key_active("inactive", &inactive.id, false).await;
    test.store("emptied", &json!({ "username": "emptied" }))
        .await;
    let deleted = test.current_key("deleted").await;
    test.delete_key("deleted", &deleted.id).await;
    let request = test.secretsmanager.put_secret_value().secret_id("stuck");
    let request = request.secret_string("{}").version_stages("AWSPENDING");
    request.send().await.expect("the value is stored");
    test.delete_secret("gone").await;
    let request = test.kms.disable_key().key_id(&seal);
    request.send().await.expect("the key is disabled");

    let states = states(&test, 5).await;
    let expected = [
        ("fine", "ok"),
        ("fresh", "never_rotated"),
        ("inactive", "broken"),
        ("emptied", "broken"),
        ("deleted", "broken"),
        ("sealed", "broken"),
        ("stuck", "stuck"),
        ("gone", "missing"),
    ];
    let expected = expected.map(|(user, state)| (user.to_owned(), state.to_owned()));
    assert_eq!(states, BTreeMap::from(expected));
    // Without the flag to tell is enough; people read why.
    let ran = test.keyrota("status").await.exits(0);
    for text in [
        "is inactive",
        "lacks",
        "has no key",
        "cannot be decrypted",
        "keyrota rotate",
        "scheduled for deletion",
    ] {
        assert!(ran.stdout.contains(text), "{text}\n{ran}");
    }
    for id in [&inactive.id, &deleted.id] {
        assert!(ran.stdout.contains(id.as_str()), "{id}\n{ran}");
    }
}

async fn states(test: &TestEnvironment, code: i32) -> BTreeMap<String, String> {
    let ran = test.changes_nothing("status --check --format json").await;
    let document = ran.exits(code).json();
    let text = |value: &Value| value.as_str().expect("text").to_owned();
    let secrets = document["secrets"].as_array().expect("secrets").iter();
    secrets
        .map(|secret| (text(&secret["name"]), text(&secret["state"])))
        .collect()
}
