//! `rotate --restore-previous`, and what the function does after it.

use std::time::Duration;

use crate::environment::TestEnvironment;

const BOOTSTRAP: &str = "bootstrap --yes --function-zip function.zip --format json";

#[tokio::test]
async fn the_key_before_comes_back_and_rotation_goes_on() {
    for rotate_as in ["self", "role"] {
        let test = TestEnvironment::new().await;
        test.make_user("app").await;
        test.manifest(&format!(
            "version: 1\nstack: keys\naccess_keys: [{{ user: app, secret: prod/app, rotate_as: {rotate_as} }}]\n"
        ));
        test.keyrota(BOOTSTRAP).await.exits(0);
        let new = test.current_key("prod/app").await;
        let old = test.key_in("prod/app", "AWSPREVIOUS").await.expect("a key");

        let ran = test
            .keyrota("rotate --restore-previous prod/app --format json")
            .await
            .exits(0);
        let result = &ran.json()["secrets"][0];
        assert_eq!(result["restored"], true, "{ran}");
        assert_eq!(result["verified"], true, "{ran}");
        assert_eq!(result["old_access_key_id"], *new.id);
        assert_eq!(result["new_access_key_id"], *old.id);
        assert_eq!(test.current_key("prod/app").await, old);
        assert_eq!(
            test.key_in("prod/app", "AWSPREVIOUS").await,
            Some(new.clone())
        );
        test.keyrota("status --check").await.exits(0);

        // The key that was put aside makes room, and the restored one stays.
        test.keyrota("rotate").await.exits(0);
        let keys = test.keys("app").await.expect("keys");
        assert!(keys[&old.id] && !keys.contains_key(&new.id), "{keys:?}");
        assert_eq!(test.key_in("prod/app", "AWSPREVIOUS").await, Some(old));
    }
}

#[tokio::test]
async fn the_sweep_takes_the_key_that_was_put_aside() {
    let test = TestEnvironment::new().await;
    test.make_user("app").await;
    test.manifest(
        "version: 1\nstack: keys\naccess_keys:\n  - user: app\n    secret: app\n    \
         old_key: { deactivate_after: 1s, delete_after: 1h, hold_if_used_within: 1s }\n",
    );
    test.keyrota(BOOTSTRAP).await.exits(0);
    let new = test.current_key("app").await;
    let old = test.key_in("app", "AWSPREVIOUS").await.expect("a key");
    test.keyrota("rotate --restore-previous app").await.exits(0);
    tokio::time::sleep(Duration::from_secs(4)).await;
    test.sweep().await;
    let keys = test.keys("app").await.expect("keys");
    assert_eq!((keys[&old.id], keys[&new.id]), (true, false));
    assert_eq!(test.current_key("app").await, old);

    // Now it cannot be brought back, and nothing changes.
    let arguments = "rotate --restore-previous app --format json";
    let ran = test.changes_nothing(arguments).await.exits(1);
    let error = ran.json()["secrets"][0]["error"].to_string();
    assert!(
        error.contains(&new.id) && error.contains("inactive"),
        "{ran}"
    );
    test.keyrota("rotate").await.exits(0);
}

#[tokio::test]
async fn nothing_is_brought_back_while_a_rotation_is_unfinished() {
    let test = TestEnvironment::new().await;
    test.make_user("app").await;
    test.manifest("version: 1\nstack: keys\naccess_keys: [{ user: app, secret: app }]\n");
    test.keyrota(BOOTSTRAP).await.exits(0);
    let request = test.secretsmanager.put_secret_value().secret_id("app");
    let request = request.secret_string("{}").version_stages("AWSPENDING");
    request.send().await.expect("the value is stored");
    let arguments = "rotate --restore-previous app --format json";
    let ran = test.changes_nothing(arguments).await.exits(1);
    let error = ran.json()["secrets"][0]["error"].to_string();
    assert!(error.contains("unfinished"), "{ran}");
    let arguments = "rotate --restore-previous other";
    test.changes_nothing(arguments).await.exits(2);
}
