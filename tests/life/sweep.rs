//! Old keys that are removed on schedule: what `status` predicts, and what the function does
//! when the hourly rule invokes it. The current key is never touched.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use crate::environment::{ACCOUNT, Key, LIST_ARTIFACTS, TestEnvironment};

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
      old_key: { deactivate_after: 1s, delete_after: 1h, hold_if_used_within: 1h, force_after: 1d } }
  - { user: patient, secret: patient, create_user: true, kms_key: create,
      old_key: { deactivate_after: 1d, delete_after: 7d } }
  - { user: appliance, secret: appliance, rotate_as: role, old_key: until_next_rotation }
  - { user: gone, secret: gone, old_key: { deactivate_after: 0, delete_after: 0 } }
  - { user: idle, secret: idle, rotate_as: role,
      old_key: { deactivate_after: 0, delete_after: 1h, hold_if_used_within: 0 } }
  - { user: unsure, secret: unsure, rotate_as: self,
      old_key: { deactivate_after: 1s, delete_after: 2s, hold_if_used_within: 1h } }
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
const USERS: [&str; 8] = [
    "quick",
    "busy",
    "forced",
    "patient",
    "appliance",
    "gone",
    "idle",
    "unsure",
];

/// A user's old key in the result of `status`, or `None` if it is deleted.
async fn old_key(test: &TestEnvironment, user: &str) -> Option<Value> {
    let document = test.keyrota("status --check --format json").await;
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

/// Returns the time between the replacement of a key and its deactivation or deletion.
fn after(old: &Value, what: &str) -> SignedDuration {
    moment(&old[what]).duration_since(moment(&old["last_rotated"]))
}

/// Requires that a key is removed this many hours after its replacement, and up to 16 minutes
/// later because a use of it may be concealed.
fn concealed(removed: SignedDuration, hours: i64) {
    let more = removed - SignedDuration::from_hours(hours);
    let most = SignedDuration::from_mins(16);
    assert!(more > SignedDuration::ZERO && more <= most, "{more}");
}

/// Uses a key in a later second than that of its replacement, because IAM reports the last use
/// in whole seconds.
async fn use_key(test: &TestEnvironment, user: &str, key: &Key) {
    let arn = format!("arn:aws:iam::{ACCOUNT}:user/{user}");
    assert_eq!(test.holder(key).await, Ok(arn));
}

async fn seconds(count: u64) {
    tokio::time::sleep(Duration::from_secs(count)).await;
}

async fn previous(test: &TestEnvironment, user: &str) -> Key {
    test.key_in(user, "AWSPREVIOUS").await.expect("a key")
}

/// Returns the values of one of the function's metrics, the newest first.
async fn metric(test: &TestEnvironment, name: &str) -> Vec<Value> {
    let request = test.logs.filter_log_events();
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
    let test = TestEnvironment::new().await;
    for user in USERS.into_iter().filter(|user| *user != "patient") {
        test.make_user(user).await;
    }
    test.make_administrator("administrator", "ops/administrator")
        .await;
    test.manifest(MANIFEST);
    let ran = test.keyrota(BOOTSTRAP).await.exits(0);
    ran.says(&["short-grace", "access_keys[6].old_key"]);
    let mut current = Vec::new();
    for user in USERS {
        current.push(test.current_key(user).await);
    }
    let inputs = test.sweep_inputs().await;
    assert_eq!(inputs.len(), 1);
    for user in USERS {
        let arn = test.secret(user).await.expect("the secret").arn;
        assert!(inputs[0].contains(&format!("\"{arn}\"")), "{inputs:?}");
    }

    // It is deleted immediately, at the end of the rotation.
    assert_eq!(old_key(&test, "gone").await, None);
    assert_eq!(test.keys("gone").await.expect("keys").len(), 1);
    let idle = old_key(&test, "idle").await.expect("it is there");
    assert_eq!(idle["status"], "Inactive");
    assert_eq!(after(&idle, "deletes"), SignedDuration::from_hours(1));

    // What will happen to the others.
    let quick = old_key(&test, "quick").await.expect("it is there");
    assert_eq!(quick["status"], "Active");
    assert_eq!(after(&quick, "deactivates"), SignedDuration::from_secs(1));
    assert_eq!(after(&quick, "deletes"), SignedDuration::from_secs(2));
    // The rotation itself used the old key shortly before, which may conceal a use by a client.
    let patient = old_key(&test, "patient").await.expect("it is there");
    concealed(after(&patient, "deactivates"), 24);
    concealed(after(&patient, "deletes"), 24 * 7);
    let appliance = old_key(&test, "appliance").await.expect("it is there");
    assert_eq!(appliance["deletes"], appliance["next_rotation"]);

    // Two clients still use the old key.
    seconds(2).await;
    let (busy, forced) = (
        previous(&test, "busy").await,
        previous(&test, "forced").await,
    );
    use_key(&test, "busy", &busy).await;
    use_key(&test, "forced", &forced).await;
    for user in ["busy", "forced"] {
        let held = old_key(&test, user).await.expect("it is there");
        assert_eq!(held["held"], true, "{held:#}");
        assert_eq!(held["deletes"], held["next_rotation"]);
        match user {
            "busy" => assert_eq!(held["deactivates"], Value::Null),
            _ => assert_eq!(after(&held, "deactivates"), SignedDuration::from_hours(24)),
        }
    }

    let unsure = old_key(&test, "unsure").await.expect("it is there");
    concealed(after(&unsure, "deactivates"), 1);
    assert_eq!(
        (&unsure["held"], &unsure["held_because"]),
        (&true.into(), &"possibly_used".into())
    );

    // It is deactivated but not deleted, though both times have passed.
    test.sweep().await;
    let kept = old_key(&test, "unsure").await.expect("it is there");
    assert_eq!(kept["status"], "Active");
    let logged = test.logged().await;
    assert!(logged.iter().any(|line| line.contains("possibly in use")));
    let quick = old_key(&test, "quick").await.expect("it is watched first");
    assert_eq!(
        (&quick["status"], &quick["held"]),
        (&"Inactive".into(), &false.into())
    );
    use_key(&test, "busy", &busy).await;
    use_key(&test, "forced", &forced).await;
    let told = test.keyrota("status").await.exits(0).stdout;
    assert!(
        told.contains("held back") && told.contains(&busy.id),
        "{told}"
    );
    assert!(
        told.contains("because a client may have used it shortly after it was replaced"),
        "{told}"
    );
    assert_eq!(metric(&test, "KeysHeldBack").await[0], 2);
    assert_eq!(metric(&test, "RotationsOverdue").await[0], 0);
    let ages = metric(&test, "CredentialAge").await[0].clone();
    assert_eq!(ages.as_array().expect("ages").len(), USERS.len());

    test.sweep().await;
    assert_eq!(old_key(&test, "quick").await, None);
    assert_eq!(test.keys("quick").await.expect("keys").len(), 1);

    // The time for which the use of one of them is respected ends. The manifest shortens it, since
    // nothing says how long this machine took to come here.
    test.manifest(&MANIFEST.replace("force_after: 1d", "force_after: 1s"));
    test.keyrota(BOOTSTRAP).await.exits(0);
    use_key(&test, "forced", &forced).await;
    let due = old_key(&test, "forced").await.expect("it is there");
    assert_eq!(due["held"], false, "{due:#}");
    test.sweep().await;
    assert_eq!(
        test.holder(&forced).await,
        Err("InvalidClientTokenId".into())
    );
    let late = old_key(&test, "forced").await.expect("it is watched");
    assert_eq!(late["status"], "Inactive");
    assert!(after(&late, "deletes") > SignedDuration::from_hours(1));
    use_key(&test, "busy", &busy).await;

    // The current keys were not removed, and the others are unchanged.
    for (user, key) in USERS.into_iter().zip(&current) {
        assert_eq!(&test.current_key(user).await, key);
        use_key(&test, user, key).await;
    }
    for user in ["patient", "appliance", "unsure"] {
        use_key(&test, user, &previous(&test, user).await).await;
    }
    // The next rotation needs the old keys' places, and deletes them.
    test.keyrota("rotate --format json").await.exits(0);
    for key in [&busy, &forced] {
        assert_eq!(test.holder(key).await, Err("InvalidClientTokenId".into()));
    }
    test.keyrota("status --check").await.exits(0);
    let down = test.keyrota("teardown --yes --format json").await;
    down.exits(0);
    assert_eq!(test.sweep_inputs().await, [""; 0]);
}

#[tokio::test]
async fn nothing_else_of_a_user_is_touched() {
    let test = TestEnvironment::new().await;
    test.make_user("quick").await;
    test.make_bucket("artifacts").await;
    test.allow("quick", LIST_ARTIFACTS).await;
    test.manifest(QUICK);
    test.keyrota(BOOTSTRAP).await.exits(0);
    seconds(2).await;
    test.sweep().await;
    assert_eq!(old_key(&test, "quick").await, None);
    // Another principal's key has the place now, and stays whether or not it is used.
    let theirs = test.make_key("quick").await;
    let before = test.everything().await;
    test.sweep().await;
    assert_eq!(test.everything().await, before);
    // So does the key of an unfinished rotation.
    test.delete_key("quick", &theirs.id).await;
    test.forbid("quick").await;
    test.keyrota("rotate").await.exits(1);
    assert_eq!(test.keys("quick").await.expect("keys").len(), 2);
    let before = test.everything().await;
    test.sweep().await;
    assert_eq!(test.everything().await, before);
    test.allow("quick", LIST_ARTIFACTS).await;
    test.keyrota("rotate").await.exits(0);
    test.keyrota("status --check").await.exits(0);
}

/// Someone adds a field in the console, which moves AWSPREVIOUS. The old key keeps its times, the
/// commands agree, and the next rotation succeeds and keeps the field.
#[tokio::test]
async fn an_old_key_is_known_after_somebody_added_a_field() {
    let manifest = |old_key: &str| {
        let old_key = format!("old_key: {{ {old_key}, hold_if_used_within: 1s }}");
        format!(
            "version: 1\nstack: payments-keys\naccess_keys:\n\
             \x20 - {{ user: adopted, secret: adopted, {old_key} }}\n\
             \x20 - {{ user: made, secret: made, create_user: true, rotate_as: role, {old_key} }}\n"
        )
    };
    let test = TestEnvironment::new().await;
    test.make_user("adopted").await;
    test.manifest(&manifest("deactivate_after: 1d, delete_after: 2d"));
    test.keyrota(BOOTSTRAP).await.exits(0);
    let mut replaced = Vec::new();
    for user in ["adopted", "made"] {
        let before = old_key(&test, user).await.expect("it is there");
        assert_eq!(
            after(&before, "deactivates"),
            SignedDuration::from_hours(24)
        );
        let mut value = test.value(user, "AWSCURRENT").await.expect("a value");
        value["bucket"] = "artifacts".into();
        test.store(user, &value).await;
        let key = old_key(&test, user).await.expect("it is there");
        for time in ["deactivates", "deletes"] {
            assert_eq!(key[time], before[time], "{user}: {key:#}");
        }
        replaced.push(key["id"].as_str().expect("an ID").to_owned());
    }
    test.keyrota("doctor").await.exits(0);
    // It goes in time, as far as its time has come.
    test.manifest(&manifest("deactivate_after: 1s, delete_after: 1d"));
    test.keyrota(BOOTSTRAP).await.exits(0);
    test.sweep().await;
    for (user, key) in ["adopted", "made"].into_iter().zip(&replaced) {
        assert!(!test.keys(user).await.expect("keys")[key], "{user}");
    }
    test.keyrota("doctor").await.exits(0);
    // The keys that are replaced now are not due while the rest is looked at.
    test.manifest(&manifest("deactivate_after: 1d, delete_after: 2d"));
    test.keyrota(BOOTSTRAP).await.exits(0);
    test.keyrota("rotate").await.exits(0);
    for (user, key) in ["adopted", "made"].into_iter().zip(&replaced) {
        assert!(!test.keys(user).await.expect("keys").contains_key(key));
        let value = test.value(user, "AWSCURRENT").await.expect("a value");
        assert_eq!(value["bucket"], "artifacts", "{user}");
    }
    test.keyrota("status --check").await.exits(0);
    test.keyrota("doctor").await.exits(0);
    let down = test.keyrota("teardown --yes --format json").await.exits(0);
    assert!(!down.stdout.contains(&replaced[0]), "{down}");
}
