//! What the command refuses, before it changes anything.

use super::{BOOTSTRAP, RESPOND, deployed, result};
use crate::environment::TestEnvironment;

#[tokio::test]
async fn an_unknown_active_key_stops_it_and_is_described() {
    let test = deployed(", rotate_as: role").await;
    let leaked = test.current_key("prod/app").await;
    let previous = test.key_in("prod/app", "AWSPREVIOUS").await.expect("a key");
    test.delete_key("app", &previous.id).await;
    let other = test.make_key("app").await;
    test.holder(&other).await.expect("it is used");
    let ran = test.changes_nothing(RESPOND).await.exits(1);
    let told = result(&ran);
    assert_eq!(told["old_access_key_id"], *leaked.id, "{ran}");
    assert_eq!(told["old_key_status"], "Active", "{ran}");
    assert_eq!(told["verified"], false, "{ran}");
    let error = told["error"].as_str().expect("an error").to_owned();
    for part in [
        other.id.as_str(),
        "active, created ",
        "last used ",
        "aws iam update-access-key --status Inactive --user-name app",
        "aws iam delete-access-key --user-name app",
    ] {
        assert!(error.contains(part), "{part}: {error}");
    }
    // One of the commands frees the place.
    test.set_key_active("app", &other.id, false).await;
    let ran = test.keyrota(RESPOND).await.exits(0);
    assert_eq!(result(&ran)["leak"]["deleted_key"], *other.id, "{ran}");
}

#[tokio::test]
async fn without_an_answer_nothing_changes() {
    let test = deployed("").await;
    let ran = test
        .changes_nothing("rotate --compromised app --deny-sessions --format json")
        .await
        .exits(6);
    ran.fails("declined", &["--yes"]);
}

#[tokio::test]
async fn wrong_names_and_keys_are_refused() {
    let test = TestEnvironment::new().await;
    test.make_user("app").await;
    test.make_user("other").await;
    let stranger = test.make_key("other").await;
    test.manifest("version: 1\nstack: keys\naccess_keys: [{ user: app, secret: prod/app }]\n");
    test.changes_nothing(RESPOND)
        .await
        .exits(1)
        .fails("not-deployed", &["keyrota bootstrap"]);
    test.keyrota(BOOTSTRAP).await.exits(0);

    let refused = async |arguments: &str, code: i32| {
        let command = format!("rotate --yes --format json {arguments}");
        test.changes_nothing(&command).await.exits(code)
    };
    refused("--compromised prod/none", 2)
        .await
        .fails("usage", &["prod/none"]);
    // A secret access key that was pasted is not repeated.
    let pasted = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
    test.conceal(pasted);
    refused(&format!("--compromised app --key {pasted}"), 2)
        .await
        .fails("usage", &["--key"]);
    for arguments in [
        "app --key AKIA0123456789ABCDEF",
        "--compromised app prod/app",
    ] {
        let ran = test.keyrota(&format!("rotate --yes {arguments}")).await;
        assert_eq!(ran.code, Some(2), "{ran}");
    }
    let ran = refused(&format!("--compromised app --key {}", stranger.id), 1).await;
    let error = result(&ran)["error"].as_str().expect("an error").to_owned();
    assert!(error.contains("is not a key of app"), "{error}");

    // The other key works, and AWSCURRENT's does not: no key may go.
    let current = test.current_key("prod/app").await;
    let previous = test.key_in("prod/app", "AWSPREVIOUS").await.expect("a key");
    test.set_key_active("app", &current.id, false).await;
    let ran = refused(&format!("--compromised app --key {}", previous.id), 1).await;
    let error = result(&ran)["error"].as_str().expect("an error").to_owned();
    assert!(
        error.contains("doctor --fix") && error.contains("update-access-key"),
        "{error}"
    );
    assert_eq!(result(&ran)["old_key_status"], "Active", "{ran}");
    test.set_key_active("app", &current.id, true).await;

    test.delete_secret("prod/app").await;
    let ran = refused("--compromised app", 1).await;
    let error = result(&ran)["error"].as_str().expect("an error").to_owned();
    assert!(error.contains("scheduled for deletion"), "{error}");
}

/// A principal that may only write the secret names a key that somebody else created.
#[tokio::test]
async fn a_forged_value_has_no_key_deactivated() {
    let test = deployed(", rotate_as: role").await;
    let previous = test.key_in("prod/app", "AWSPREVIOUS").await.expect("a key");
    test.delete_key("app", &previous.id).await;
    let other = test.make_key("app").await;
    let mut value = test.value("prod/app", "AWSCURRENT").await.expect("a value");
    value["accesskey"] = other.id.clone().into();
    test.store("prod/app", &value).await;
    let ran = test.changes_nothing(RESPOND).await.exits(1);
    let error = result(&ran)["error"].as_str().expect("an error").to_owned();
    assert!(
        error.contains("forged") && error.contains(&other.id),
        "{error}"
    );
    assert!(test.keys("app").await.expect("keys")[&other.id]);
}
