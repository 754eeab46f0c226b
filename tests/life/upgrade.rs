//! Stacks of earlier versions, which this one updates. `tests/releases` has what they rendered, byte
//! for byte; `upgrade/without-pins.yaml` is older than pins and records, and the test creates what
//! its functions left.

use std::collections::BTreeMap;
use std::path::Path;

use keyrota::bundle::{Pinned, sha256_hex};
use serde_json::json;

use crate::environment::{Key, TestEnvironment};
use crate::pins::{bare, deploy_by_hand};

const USERS: [&str; 2] = ["ci-deployer", "vendor"];
const MANIFEST: &str = "\
version: 1
stack: payments-keys
access_keys:
  - { user: ci-deployer, secret: prod/ci-deployer, rotate_as: role }
  - { user: vendor, secret: prod/vendor }
";
// `bootstrap` would rotate secrets that have never rotated, and these secrets only look as if
// they had.
const BOOTSTRAP: &str = "bootstrap --yes --no-rotate --function-zip function.zip --format json";

/// Returns an account with such a stack after some rotations, and the users' keys, the oldest
/// first: two active keys for each user, and no tags on users.
async fn deployed() -> (TestEnvironment, BTreeMap<&'static str, [Key; 2]>) {
    let test = TestEnvironment::new().await;
    for user in USERS {
        test.make_user(user).await;
    }
    let template = include_str!("upgrade/without-pins.yaml").to_owned();
    assert!(template.contains("Handler: bootstrap"), "{template}");
    deploy_by_hand(&test, template, bare().bytes().to_vec()).await;
    let mut keys = BTreeMap::new();
    for user in USERS {
        let name = format!("prod/{user}");
        let arn = test.secret(&name).await.expect("the secret").arn;
        let older = test.make_key(user).await;
        let newer = test.make_key(user).await;
        for key in [&older, &newer] {
            let value = json!({
                "accesskey": key.id, "secretkey": key.secret, "username": user, "secretarn": arn,
            });
            test.store(&name, &value).await;
        }
        keys.insert(user, [older, newer]);
    }
    test.manifest(MANIFEST);
    (test, keys)
}

fn both_active(keys: [&Key; 2]) -> Option<BTreeMap<String, bool>> {
    Some(keys.map(|key| (key.id.clone(), true)).into())
}

#[tokio::test]
async fn a_stack_without_pins_is_updated_and_rotates() {
    let (test, before) = deployed().await;
    test.keyrota(BOOTSTRAP).await.exits(0);
    for (user, [older, newer]) in &before {
        // An update alone deletes no key and records nothing without proof.
        assert_eq!(test.keys(user).await, both_active([older, newer]));
        assert_eq!(test.user_tags(user).await, BTreeMap::new());
    }
    test.keyrota("rotate").await.exits(0);
    for (user, [_, newer]) in &before {
        // The previous key was not recorded, but it authenticated.
        let current = test.current_key(&format!("prod/{user}")).await;
        assert_eq!(test.keys(user).await, both_active([newer, &current]));
        assert!(test.holder(&current).await.is_ok());
        let recorded = test.user_tags(user).await;
        assert!(
            recorded["keyrota:keys"].contains(&current.id),
            "{recorded:?}"
        );
    }
    test.keyrota("rotate").await.exits(0);
    test.keyrota("status --check").await.exits(0);
    test.keyrota("doctor").await.exits(0);
    test.keyrota("teardown --yes").await.exits(0);
}

/// If the stored secret access key of the previous key is not its own, the key cannot be proven to
/// be keyrota's: the rotation stops and names it, and the current key continues to work.
#[tokio::test]
async fn a_key_that_cannot_be_proven_stops_the_rotation_after_an_update() {
    let (test, before) = deployed().await;
    let [older, newer] = &before["vendor"];
    let arn = test.secret("prod/vendor").await.expect("the secret").arn;
    for (id, secret) in [(&older.id, "made/up"), (&newer.id, &newer.secret)] {
        let value = json!({
            "accesskey": id, "secretkey": secret, "username": "vendor", "secretarn": arn,
        });
        test.store("prod/vendor", &value).await;
    }
    test.keyrota(BOOTSTRAP).await.exits(0);
    let ran = test
        .keyrota("rotate prod/vendor --format json")
        .await
        .exits(1);
    let error = ran.json()["secrets"][0]["error"].to_string();
    assert!(error.contains(&older.id), "{ran}");
    assert_eq!(test.keys("vendor").await, both_active([older, newer]));
    assert_eq!(test.current_key("prod/vendor").await, *newer);
}

/// An access key that an earlier version deployed, with that version's pins. Neither `plan` nor
/// `bootstrap` replaces or deletes anything, and the key in use stays until the next rotation.
#[tokio::test]
async fn a_stack_of_an_earlier_version_is_updated_and_rotates() {
    let releases = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/releases");
    let releases = std::fs::read_dir(releases).expect("the releases");
    for release in releases {
        let folder = release.expect("a folder").path().join("minimal");
        updated_and_rotated(&folder).await;
    }
}

#[expect(clippy::disallowed_methods, reason = "a test's own files")]
async fn updated_and_rotated(folder: &Path) {
    let read = |name: &str| {
        let path = folder.join(name);
        std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    };
    let (template, pins) = (read("stack.yaml"), read("pins/function.json"));
    let pinned = Pinned {
        path: format!("pins/{}.json", sha256_hex(pins.as_bytes())),
        text: pins,
    };
    assert!(template.contains(&pinned.path), "{}", folder.display());
    let zip = bare().pinned(&[pinned]).expect("pins");

    let test = TestEnvironment::new().await;
    test.make_user("ci-deployer").await;
    deploy_by_hand(&test, template, zip.bytes().to_vec()).await;
    let secret = "payments-keys/ci-deployer";
    let arn = test.secret(secret).await.expect("the secret").arn;
    let key = test.make_key("ci-deployer").await;
    let value = json!({
        "accesskey": key.id, "secretkey": key.secret, "username": "ci-deployer", "secretarn": arn,
    });
    test.store(secret, &value).await;
    test.manifest(&read("keyrota.yaml"));
    // The earlier version's stack works, as far as today's function and local AWS are that version's.
    test.keyrota("rotate").await.exits(0);
    let before = test.current_key(secret).await;
    let keys = test.keys("ci-deployer").await;

    let planned = test.keyrota("plan --function-zip function.zip --format json");
    let planned = planned.await.exits(0).json();
    let changes = planned["changes"].as_array().expect("changes");
    assert!(!changes.is_empty(), "{planned}");
    for change in changes {
        assert_ne!(change["action"], "Remove", "{change}");
        let kind = change["type"].as_str().expect("a type");
        let keeps = ["AWS::SecretsManager::Secret", "AWS::IAM::User"];
        assert!(
            !keeps.contains(&kind) || change["replacement"] == "False",
            "{change}"
        );
    }
    test.keyrota(BOOTSTRAP).await.exits(0);
    assert_eq!(test.keys("ci-deployer").await, keys);
    assert_eq!(test.current_key(secret).await, before);
    assert_eq!(test.secret(secret).await.expect("the secret").arn, arn);
    test.keyrota("rotate").await.exits(0);
    assert_ne!(test.current_key(secret).await, before);
    assert!(test.holder(&before).await.is_ok());
    test.keyrota("status --check").await.exits(0);
    test.keyrota("doctor").await.exits(0);
    test.keyrota("teardown --yes").await.exits(0);
}
