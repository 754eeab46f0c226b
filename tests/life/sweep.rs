//! Old keys that go by their own: what `status` says beforehand, what the
//! function does when the hourly rule sends it its input, and that the key in use
//! is never touched.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use crate::world::{ACCOUNT, Key, LIST_ARTIFACTS, World};

const BOOTSTRAP: &str = "bootstrap --yes --function-zip function.zip --format json";

const MANIFEST: &str = "\
version: 1
stack: payments-keys
defaults: { old_key: { deactivate_after: 1s, delete_after: 2s, hold_if_used_within: 1s } }
access_keys:
  - { user: quick, secret: quick }
  - { user: busy, secret: busy, rotate_as: role,
      old_key: { deactivate_after: 1s, delete_after: 2s, hold_if_used_within: 1h } }
  - { user: forced, secret: forced, rotate_as: ops/administrator,
      old_key: { deactivate_after: 1s, delete_after: 1h, hold_if_used_within: 1h, force_after: 20s } }
  - { user: patient, secret: patient, create_user: true, kms_key: create,
      old_key: { deactivate_after: 1d, delete_after: 7d } }
  - { user: appliance, secret: appliance, rotate_as: role, old_key: until_next_rotation }
  - { user: gone, secret: gone, old_key: { deactivate_after: 0, delete_after: 0 } }
  - { user: idle, secret: idle, rotate_as: role, old_key: { deactivate_after: 0, delete_after: 1h } }
";
const QUICK: &str = "\
version: 1
stack: payments-keys
function: { timeout: 10s }
access_keys:
  - user: quick
    secret: quick
    rotate_as: role
    old_key: { delete_after: 1s, hold_if_used_within: 1s }
    probe: { action: s3:ListBucket, resource: 'arn:aws:s3:::artifacts' }
";
const USERS: [&str; 7] = [
    "quick",
    "busy",
    "forced",
    "patient",
    "appliance",
    "gone",
    "idle",
];

/// A user's old key in the result of `status`, or `None` if it is deleted.
async fn old_key(world: &World, user: &str) -> Option<Value> {
    let document = world.keyrota("status --check --format json").await;
    let document = document.exits(0).json();
    let secrets = document["secrets"].as_array().expect("secrets");
    let secret = secrets.iter().find(|secret| secret["username"] == user);
    let secret = secret.expect("the secret");
    let keys = secret["keys"].as_array().expect("keys");
    let old = keys.iter().find(|key| key["role"] == "previous")?.clone();
    assert_eq!(keys.len(), 2, "{secret:#}");
    let mut old = old;
    old["last_rotated"] = secret["last_rotated"].clone();
    old["next_rotation"] = secret["next_rotation"].clone();
    Some(old)
}

fn moment(value: &Value) -> Timestamp {
    let text = value.as_str();
    let text = text.unwrap_or_else(|| panic!("{value} is no moment"));
    text.parse().expect("a moment")
}

/// Returns how long after it was replaced something happens to a key.
fn after(old: &Value, what: &str) -> SignedDuration {
    moment(&old[what]).duration_since(moment(&old["last_rotated"]))
}

/// Uses a key, in a second that is later than when it was replaced: IAM reports the last
/// use in whole seconds.
async fn use_key(world: &World, user: &str, key: &Key) {
    let arn = format!("arn:aws:iam::{ACCOUNT}:user/{user}");
    assert_eq!(world.holder(key).await, Ok(arn));
}

async fn seconds(count: u64) {
    tokio::time::sleep(Duration::from_secs(count)).await;
}

async fn previous(world: &World, user: &str) -> Key {
    world.key_in(user, "AWSPREVIOUS").await.expect("a key")
}

/// Returns what the function has measured by a name, the last of it first.
async fn metric(world: &World, name: &str) -> Vec<Value> {
    let request = world.logs.filter_log_events();
    let request = request.log_group_name("/keyrota/payments-keys");
    let events = request.send().await.expect("the log").events;
    let messages = events.into_iter().flatten().rev();
    let lines = messages.filter_map(|event| serde_json::from_str(event.message()?).ok());
    let measured = |line: &Value| line["_aws"]["CloudWatchMetrics"][0]["Namespace"] == "keyrota";
    let values = lines.filter(measured).map(|line| line[name].clone());
    values.filter(|value| !value.is_null()).collect()
}

#[tokio::test]
async fn old_keys_go_when_their_time_comes_and_not_while_they_are_used() {
    let world = World::new().await;
    for user in USERS.into_iter().filter(|user| *user != "patient") {
        world.make_user(user).await;
    }
    world
        .make_administrator("administrator", "ops/administrator")
        .await;
    world.manifest(MANIFEST);
    let ran = world.keyrota(BOOTSTRAP).await.exits(0);
    ran.says(&["short-grace", "access_keys[6].old_key"]);
    let mut current = Vec::new();
    for user in USERS {
        current.push(world.current_key(user).await);
    }
    let inputs = world.sweep_inputs().await;
    assert_eq!(inputs.len(), 1);
    for user in USERS {
        let arn = world.secret(user).await.expect("the secret").arn;
        assert!(inputs[0].contains(&format!("\"{arn}\"")), "{inputs:?}");
    }

    // At once, at the end of the rotation.
    assert_eq!(old_key(&world, "gone").await, None);
    assert_eq!(world.keys("gone").await.expect("keys").len(), 1);
    let idle = old_key(&world, "idle").await.expect("it is there");
    assert_eq!(idle["status"], "Inactive");
    assert_eq!(after(&idle, "deletes"), SignedDuration::from_hours(1));

    // What is going to happen to the others.
    let quick = old_key(&world, "quick").await.expect("it is there");
    assert_eq!(quick["status"], "Active");
    assert_eq!(after(&quick, "deactivates"), SignedDuration::from_secs(1));
    assert_eq!(after(&quick, "deletes"), SignedDuration::from_secs(2));
    let patient = old_key(&world, "patient").await.expect("it is there");
    assert_eq!(
        after(&patient, "deactivates"),
        SignedDuration::from_hours(24)
    );
    assert_eq!(
        after(&patient, "deletes"),
        SignedDuration::from_hours(24 * 7)
    );
    let appliance = old_key(&world, "appliance").await.expect("it is there");
    assert_eq!(appliance["deletes"], appliance["next_rotation"]);

    // Two clients have not moved.
    seconds(2).await;
    let (busy, forced) = (
        previous(&world, "busy").await,
        previous(&world, "forced").await,
    );
    use_key(&world, "busy", &busy).await;
    use_key(&world, "forced", &forced).await;
    for user in ["busy", "forced"] {
        let held = old_key(&world, user).await.expect("it is there");
        assert_eq!(held["held"], true, "{held:#}");
        assert_eq!(held["deletes"], held["next_rotation"]);
        match user {
            "busy" => assert_eq!(held["deactivates"], Value::Null),
            _ => assert_eq!(after(&held, "deactivates"), SignedDuration::from_secs(20)),
        }
    }

    // Deactivated and not deleted at once, though the time for both has passed.
    world.sweep().await;
    let quick = old_key(&world, "quick").await.expect("it is watched first");
    assert_eq!(
        (&quick["status"], &quick["held"]),
        (&"Inactive".into(), &false.into())
    );
    use_key(&world, "busy", &busy).await;
    use_key(&world, "forced", &forced).await;
    let told = world.keyrota("status").await.exits(0).stdout;
    assert!(
        told.contains("held back") && told.contains(&busy.id),
        "{told}"
    );
    assert_eq!(metric(&world, "KeysHeldBack").await[0], 2);
    assert_eq!(metric(&world, "RotationsOverdue").await[0], 0);
    let ages = metric(&world, "CredentialAge").await[0].clone();
    assert_eq!(ages.as_array().expect("ages").len(), USERS.len());

    world.sweep().await;
    assert_eq!(old_key(&world, "quick").await, None);
    assert_eq!(world.keys("quick").await.expect("keys").len(), 1);

    // The patience with one of them ends.
    while old_key(&world, "forced").await.expect("it is there")["held"] == true {
        seconds(1).await;
        use_key(&world, "forced", &forced).await;
    }
    world.sweep().await;
    assert_eq!(
        world.holder(&forced).await,
        Err("InvalidClientTokenId".into())
    );
    let late = old_key(&world, "forced").await.expect("it is watched");
    assert_eq!(late["status"], "Inactive");
    assert!(after(&late, "deletes") > SignedDuration::from_hours(1));
    use_key(&world, "busy", &busy).await;

    // Whatever went, the keys in use did not, and the others are as they were.
    for (user, key) in USERS.into_iter().zip(&current) {
        assert_eq!(&world.current_key(user).await, key);
        use_key(&world, user, key).await;
    }
    for user in ["patient", "appliance"] {
        use_key(&world, user, &previous(&world, user).await).await;
    }
    // The next rotation needs the places, and takes them.
    world.keyrota("rotate --format json").await.exits(0);
    for key in [&busy, &forced] {
        assert_eq!(world.holder(key).await, Err("InvalidClientTokenId".into()));
    }
    world.keyrota("status --check").await.exits(0);
    let down = world.keyrota("teardown --yes --format json").await;
    down.exits(0);
    assert_eq!(world.sweep_inputs().await, [""; 0]);
}

#[tokio::test]
async fn nothing_else_of_a_user_is_touched() {
    let world = World::new().await;
    world.make_user("quick").await;
    world.make_bucket("artifacts").await;
    world.allow("quick", LIST_ARTIFACTS).await;
    world.manifest(QUICK);
    world.keyrota(BOOTSTRAP).await.exits(0);
    seconds(2).await;
    world.sweep().await;
    assert_eq!(old_key(&world, "quick").await, None);
    // Somebody else's key has the place now, and stays, used or not.
    let theirs = world.make_key("quick").await;
    let before = world.everything().await;
    world.sweep().await;
    assert_eq!(world.everything().await, before);
    // So does that of a rotation which is not finished.
    world.delete_key("quick", &theirs.id).await;
    world.forbid("quick").await;
    world.keyrota("rotate").await.exits(1);
    assert_eq!(world.keys("quick").await.expect("keys").len(), 2);
    let before = world.everything().await;
    world.sweep().await;
    assert_eq!(world.everything().await, before);
    world.allow("quick", LIST_ARTIFACTS).await;
    world.keyrota("rotate").await.exits(0);
    world.keyrota("status --check").await.exits(0);
}
