//! Secrets whose current credential does not work, and `doctor --fix`, which makes them work again.

use serde_json::{Value, json};
use tokio::process::Command;

use crate::environment::{CommandOutput, Fault, Proxy, Stop, TestEnvironment};

const BOOTSTRAP: &str = "bootstrap --yes --function-zip function.zip";
const FIX: &str = "doctor --fix --yes --format json";
const ALLOW: &str = "doctor --fix --yes --allow current-key-inactive --format json";

/// More than the number of changes that a recovery makes.
const MANY: u32 = 20;

async fn deployed(users: &[&str], settings: &str) -> TestEnvironment {
    let test = TestEnvironment::new().await;
    let mut entries = String::new();
    for user in users {
        if !settings.contains("create_user") {
            test.make_user(user).await;
        }
        entries += &format!("  - {{ user: {user}, secret: {user}{settings} }}\n");
    }
    test.manifest(&format!("version: 1\nstack: keys\naccess_keys:\n{entries}"));
    test.keyrota(BOOTSTRAP).await.exits(0);
    test
}

/// Returns `ID SECRET` of each finding, and whether it was fixed.
fn found(ran: &CommandOutput) -> Vec<(String, bool)> {
    let document = ran.json();
    let findings = document["findings"].as_array().expect("findings");
    let text = |it: &Value| it.as_str().expect("text").to_owned();
    let mut found: Vec<(String, bool)> = findings
        .iter()
        .map(|it| {
            let subject = text(&it["subject"]);
            let subject = subject.rsplit(' ').next().unwrap_or_default().to_owned();
            let fixed = it["fixed"].as_bool().expect("whether it was fixed");
            (format!("{} {subject}", text(&it["id"])), fixed)
        })
        .collect();
    found.sort();
    found
}

async fn delete_keys(test: &TestEnvironment, user: &str, labels: &[&str]) {
    for label in labels {
        let key = test.key_in(user, label).await.expect("a key");
        test.delete_key(user, &key.id).await;
    }
}

/// Stores a text as a person does by mistake.
async fn put(test: &TestEnvironment, secret: &str, text: &str) {
    let request = test.secretsmanager.put_secret_value().secret_id(secret);
    let request = request.secret_string(text).send().await;
    request.expect("the value is stored");
}

/// Expects that clients that read the secret authenticate as its user.
async fn expect_well(test: &TestEnvironment, user: &str) {
    let key = test.current_key(user).await;
    let holder = test.holder(&key).await;
    let holder = holder.unwrap_or_else(|error| panic!("{user}: {error}"));
    assert!(
        holder.ends_with(&format!(":user/{user}")),
        "{user}: {holder}"
    );
    let value = test.value(user, "AWSCURRENT").await.expect("a value");
    assert_eq!(value["username"], user);
    assert_eq!(value["secretarn"], test.secret(user).await.expect("it").arn);
    let tags = test.user_tags(user).await;
    assert!(!tags.contains_key("keyrota:seeding"), "{user}: {tags:?}");
}

const BOTH: [&str; 2] = ["AWSCURRENT", "AWSPREVIOUS"];

#[tokio::test]
async fn a_secret_that_does_not_work_is_made_to_work_again() {
    let users = [
        "before", "deleted", "fields", "garbage", "inactive", "lost", "other", "reserve", "taken",
        "typo",
    ];
    let test = deployed(&users, "").await;
    let mut before = Vec::new();
    for user in users {
        let mut value = test.value(user, "AWSCURRENT").await.expect("a value");
        value["bucket"] = "invoices".into();
        test.store(user, &value).await;
        before.push(value["accesskey"].clone());
    }
    // A rotation has the field in both versions.
    test.keyrota("rotate").await.exits(0);
    let mut current = Vec::new();
    for user in users {
        current.push(test.current_key(user).await.id);
    }

    delete_keys(&test, "before", &["AWSCURRENT"]).await;
    delete_keys(&test, "deleted", &BOTH).await;
    let arn = test.secret("fields").await.expect("the secret").arn;
    let part = json!({ "username": "fields", "secretarn": arn, "accesskey": current[2] });
    put(&test, "fields", &part.to_string()).await;
    put(&test, "garbage", "{\"accesskey\": ").await;
    test.set_key_active("inactive", &current[4], false).await;
    delete_keys(&test, "lost", &BOTH).await;
    put(&test, "lost", "garbage").await;
    let theirs = test.current_key("before").await;
    let mut value = test.value("other", "AWSCURRENT").await.expect("a value");
    value["username"] = "before".into();
    value["accesskey"] = theirs.id.into();
    put(&test, "other", &value.to_string()).await;
    delete_keys(&test, "reserve", &["AWSPREVIOUS"]).await;
    test.set_key_active("reserve", &current[7], false).await;
    let reserve = test.make_key("reserve").await;
    delete_keys(&test, "taken", &BOTH).await;
    let foreign = [test.make_key("taken").await, test.make_key("taken").await];
    let mut value = test.value("typo", "AWSCURRENT").await.expect("a value");
    value["secretkey"] = "mistyped".into();
    put(&test, "typo", &value.to_string()).await;

    let ran = test.changes_nothing("doctor --format json").await.exits(5);
    let faults = [
        ("credential-refused typo", true),
        ("current-key-inactive inactive", false),
        ("current-key-inactive reserve", false),
        ("current-key-missing before", true),
        ("current-key-missing deleted", true),
        ("current-key-missing taken", false),
        ("foreign-key reserve", false),
        ("foreign-key taken", false),
        ("value-of-another-user other", true),
        ("value-unusable fields", true),
        ("value-unusable garbage", true),
        ("value-unusable lost", true),
    ];
    let named = |(id, _): &(&str, bool)| ((*id).to_owned(), false);
    assert_eq!(
        found(&ran),
        faults.iter().map(named).collect::<Vec<_>>(),
        "{ran}"
    );
    for key in &foreign {
        let command = format!(
            "delete-access-key --user-name taken --access-key-id {}",
            key.id
        );
        assert!(ran.stdout.contains(&command), "{ran}");
    }
    // Without a terminal, nothing is asked and nothing is done.
    test.changes_nothing("doctor --fix").await.exits(6);

    let ran = test.keyrota(FIX).await.exits(5);
    let expected: Vec<(String, bool)> = faults
        .iter()
        .map(|(id, fixed)| ((*id).to_owned(), *fixed))
        .collect();
    assert_eq!(found(&ran), expected, "{ran}");
    let ran = ran.says(&["--allow current-key-inactive"]);
    // What an earlier version holds is current again; the rest have new keys.
    for (index, user) in users.into_iter().enumerate() {
        if ["inactive", "reserve", "taken"].contains(&user) {
            assert_eq!(test.current_key(user).await.id, current[index], "{ran}");
            continue;
        }
        expect_well(&test, user).await;
        let id = test.current_key(user).await.id;
        match user {
            "before" => assert_eq!(id, before[index]),
            "deleted" | "lost" => assert_ne!(id, current[index]),
            _ => assert_eq!(id, current[index], "{user}"),
        }
        let value = test.value(user, "AWSCURRENT").await.expect("a value");
        assert_eq!(value["bucket"], "invoices", "{user}");
    }
    let held = test.keys("taken").await.expect("keys");
    assert!(foreign.iter().all(|key| held[&key.id]), "{held:?}");

    // A person has agreed. The other key of `reserve` is somebody's.
    test.keyrota(ALLOW).await.exits(5);
    expect_well(&test, "inactive").await;
    assert_eq!(test.current_key("inactive").await.id, before[4]);
    expect_well(&test, "reserve").await;
    test.holder(&reserve).await.expect("somebody's key works");
    let held = test.keys("inactive").await.expect("keys");
    assert!(!held[&current[4]], "it stays inactive: {held:?}");

    // A person frees the slots.
    for key in &foreign {
        test.delete_key("taken", &key.id).await;
    }
    test.delete_key("reserve", &reserve.id).await;
    test.keyrota(FIX).await.exits(0);
    for user in users {
        expect_well(&test, user).await;
    }
    let ran = test.keyrota("doctor --format json").await.exits(0);
    assert_eq!(found(&ran), []);
    test.keyrota("rotate").await.exits(0);
    test.keyrota("status --check").await.exits(0);
    let ran = test.keyrota("doctor --format json").await.exits(0);
    assert_eq!(found(&ran), []);
    for user in users {
        expect_well(&test, user).await;
    }
    test.check_logs_for_secrets().await;
}

/// Each way in which IAM's calls are made, and a user that the stack created.
#[tokio::test]
async fn a_new_key_rotates_however_the_secret_does() {
    for settings in [
        ", rotate_as: role",
        ", create_user: true",
        ", create_user: true, rotate_as: role, kms_key: create",
    ] {
        let test = deployed(&["app"], settings).await;
        delete_keys(&test, "app", &BOTH).await;
        put(&test, "app", "garbage").await;
        test.keyrota(FIX).await.exits(0);
        expect_well(&test, "app").await;
        test.keyrota("doctor").await.exits(0);
        test.keyrota("rotate").await.exits(0);
        expect_well(&test, "app").await;
        test.keyrota("doctor").await.exits(0);
    }
}

#[tokio::test]
async fn two_at_the_same_time_are_as_one() {
    let test = deployed(&["app"], ", rotate_as: role").await;
    for round in 0..4 {
        delete_keys(&test, "app", &["AWSCURRENT"]).await;
        for id in test.keys("app").await.expect("keys").into_keys() {
            test.delete_key("app", &id).await;
        }
        if round % 2 == 1 {
            put(&test, "app", "garbage").await;
        }
        let (one, other) = tokio::join!(test.keyrota(FIX), test.keyrota(FIX));
        one.exits(0);
        other.exits(0);
        expect_well(&test, "app").await;
        let keys = test.keys("app").await.expect("keys");
        assert_eq!(keys.len(), 1, "round {round}: {keys:?}");
        let ran = test.keyrota("doctor --format json").await.exits(0);
        assert_eq!(found(&ran), []);
    }
    test.keyrota("rotate").await.exits(0);
    expect_well(&test, "app").await;
}

/// Runs the fix and kills it at a stop. Returns whether it was killed before its end.
async fn kill_at(test: &TestEnvironment, stop: Stop) -> bool {
    let proxy = Proxy::start(test.endpoint(), Fault::Stop(stop)).await;
    let mut command = test.program(FIX);
    command.env("AWS_ENDPOINT_URL", proxy.endpoint());
    let child = command.spawn().expect("keyrota can be started");
    let id = child.id().expect("it runs").to_string();
    let ended = child.wait_with_output();
    tokio::pin!(ended);
    tokio::select! {
        output = &mut ended => {
            let ran = CommandOutput::new(FIX, output.expect("its output")).exits(0);
            test.check_for_secrets(&ran).await;
            false
        }
        () = proxy.stopped() => {
            let status = Command::new("kill").args(["-KILL", &id]).status().await;
            assert!(status.expect("kill can be started").success());
            ended.await.expect("its output");
            true
        }
    }
}

#[tokio::test]
async fn a_fix_that_is_killed_between_any_two_changes_is_finished_by_the_next() {
    for (settings, text) in [(", rotate_as: role", None), ("", Some("garbage"))] {
        let test = deployed(&["app"], settings).await;
        let stops = (1..=MANY).flat_map(|number| [Stop::Before(number), Stop::After(number)]);
        let mut kills = 0;
        for stop in stops {
            for id in test.keys("app").await.expect("keys").into_keys() {
                test.delete_key("app", &id).await;
            }
            if let Some(text) = text {
                put(&test, "app", text).await;
            }
            let is_killed = kill_at(&test, stop).await;
            kills += usize::from(is_killed);
            let keys = test.keys("app").await.expect("keys");
            assert!(keys.len() <= 1, "{stop:?}: {keys:?}");
            test.keyrota(FIX).await.exits(0);
            expect_well(&test, "app").await;
            let keys = test.keys("app").await.expect("keys");
            assert_eq!(keys.len(), 1, "{stop:?}: {keys:?}");
            if !is_killed {
                break;
            }
        }
        assert!(kills > 8, "{kills} changes are too few");
        test.keyrota("rotate").await.exits(0);
        test.keyrota("doctor").await.exits(0);
        expect_well(&test, "app").await;
    }
}
