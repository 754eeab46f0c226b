//! A key that is in use already, adopted from a profile: it works on until its
//! clients read the secret, and goes with the second rotation.

use std::collections::BTreeMap;

use crate::application::works_through;
use crate::environment::TestEnvironment;

const MANIFEST: &str = "\
version: 1
stack: payments-keys
access_keys:
  - { user: ci-deployer, secret: prod/ci-deployer, initial_key: 'profile:legacy' }
";

#[tokio::test]
async fn an_adopted_key_works_until_the_rotation_after_the_first() {
    let test = TestEnvironment::new().await;
    test.make_user("ci-deployer").await;
    let adopted = test.make_key("ci-deployer").await;
    let profile = format!(
        "[legacy]\naws_access_key_id = {}\naws_secret_access_key = {}\n",
        adopted.id, adopted.secret
    );
    test.home.write(".aws/credentials", &profile);
    test.manifest(MANIFEST);

    // Stored as it is, first, so that clients can move.
    let bootstrap = "bootstrap --yes --no-rotate --function-zip function.zip --format json";
    let document = test.keyrota(bootstrap).await.exits(0).json();
    let told = &document["secrets"][0];
    assert_eq!(told["access_key_id"], adopted.id);
    assert_eq!(told["rotated"], false);
    assert_eq!(told["verified"], true);
    assert_eq!(test.current_key("prod/ci-deployer").await, adopted);
    let only = BTreeMap::from([(adopted.id.clone(), true)]);
    assert_eq!(test.keys("ci-deployer").await, Some(only));
    test.keyrota("status --check").await.exits(5);

    let rotate = "rotate --format json";
    let turn = || works_through(&test, "prod/ci-deployer", "ci-deployer", rotate);
    let document = turn().await.exits(0).json();
    let first = test.current_key("prod/ci-deployer").await;
    assert_eq!(document["secrets"][0]["old_access_key_id"], adopted.id);
    assert_eq!(document["secrets"][0]["new_access_key_id"], first.id);
    let both = BTreeMap::from([(adopted.id.clone(), true), (first.id.clone(), true)]);
    assert_eq!(test.keys("ci-deployer").await, Some(both));
    assert!(test.holder(&adopted).await.is_ok());
    test.keyrota("status --check").await.exits(0);

    turn().await.exits(0);
    let second = test.current_key("prod/ci-deployer").await;
    let both = BTreeMap::from([(first.id.clone(), true), (second.id.clone(), true)]);
    assert_eq!(test.keys("ci-deployer").await, Some(both));
    assert_eq!(
        test.holder(&adopted).await,
        Err("InvalidClientTokenId".into())
    );
    assert!(test.holder(&first).await.is_ok());
}

#[tokio::test]
async fn a_profile_without_the_users_key_is_refused() {
    let test = TestEnvironment::new().await;
    test.make_user("ci-deployer").await;
    test.make_user("mailer").await;
    test.make_user("batch").await;
    let another = test.make_key("mailer").await;
    let dead = test.make_key("batch").await;
    test.delete_key("batch", &dead.id).await;
    test.home.write(
        ".aws/credentials",
        format!(
            "[another]\naws_access_key_id = {}\naws_secret_access_key = {}\n\
             [dead]\naws_access_key_id = {}\naws_secret_access_key = {}\n",
            another.id, another.secret, dead.id, dead.secret
        ),
    );
    test.manifest(
        "version: 1\nstack: payments-keys\naccess_keys:\n\
         \x20 - { user: ci-deployer, initial_key: 'profile:another' }\n\
         \x20 - { user: mailer, initial_key: 'profile:absent' }\n\
         \x20 - { user: batch, initial_key: 'profile:dead' }\n",
    );
    let bootstrap = "bootstrap --yes --function-zip function.zip --format json";
    let ran = test.changes_nothing(bootstrap).await.exits(3);
    assert_eq!(
        ran.findings(),
        [
            "profile-key user ci-deployer",
            "foreign-key user mailer",
            "profile-key user mailer",
            "profile-key user batch",
        ]
    );
    for text in ["another", "absent", "dead", &another.id, &dead.id] {
        assert!(ran.stdout.contains(text), "{text}\n{ran}");
    }
}
