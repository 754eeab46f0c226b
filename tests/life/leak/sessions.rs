//! The sessions of a user whose key leaked, and the roles that it assumed.

use std::time::Duration;

use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_sdk_sts::types::Credentials as SessionCredentials;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use serde_json::json;

use super::{RESPOND, deployed, result};
use crate::environment::{ADMINISTRATOR, Key, REGION, TestEnvironment, config};

/// Requests a session of a key's user.
async fn session(test: &TestEnvironment, key: &Key) -> SessionCredentials {
    let client = aws_sdk_sts::Client::new(&config(test.endpoint(), key));
    let answer = client.get_session_token().send().await.expect("a session");
    answer.credentials.expect("credentials")
}

/// Lists users with a session, and returns AWS's error code.
async fn call(test: &TestEnvironment, session: &SessionCredentials) -> Result<(), String> {
    let key = test.root();
    let held = Credentials::new(
        session.access_key_id(),
        session.secret_access_key(),
        Some(session.session_token().to_owned()),
        None,
        "test",
    );
    let config = config(test.endpoint(), &key).into_builder();
    let config = config.credentials_provider(SharedCredentialsProvider::new(held));
    let client = aws_sdk_iam::Client::new(&config.build());
    match client.list_users().send().await {
        Ok(_) => Ok(()),
        Err(error) => Err(error.code().unwrap_or("no answer").to_owned()),
    }
}

#[tokio::test]
async fn sessions_of_before_are_denied_and_later_ones_are_not() {
    let test = deployed(", create_user: true").await;
    test.allow("app", ADMINISTRATOR).await;
    let leaked = test.current_key("prod/app").await;
    let of_the_thief = session(&test, &leaked).await;
    assert_eq!(call(&test, &of_the_thief).await, Ok(()));

    let ran = test
        .keyrota(&format!("{RESPOND} --deny-sessions"))
        .await
        .exits(0);
    assert_eq!(
        call(&test, &of_the_thief).await,
        Err("AccessDenied".to_owned())
    );
    let sessions = &result(&ran)["leak"]["sessions"];
    assert_eq!(sessions["policy"], "keyrota-deny-sessions", "{ran}");
    let removable = sessions["removable_after"]
        .as_str()
        .expect("a time")
        .to_owned();

    // IAM compares whole seconds.
    tokio::time::sleep(Duration::from_secs(2)).await;
    let current = test.current_key("prod/app").await;
    let of_the_application = session(&test, &current).await;
    assert_eq!(call(&test, &of_the_application).await, Ok(()));

    let doctor = test.keyrota("doctor --format json").await.exits(5);
    let findings = doctor.json()["findings"].clone();
    assert_eq!(findings[0]["id"], "sessions-denied", "{doctor}");
    let remedy = findings[0]["remedy"].as_str().expect("a remedy").to_owned();
    assert!(remedy.contains(&removable), "{doctor}");
    test.keyrota("status --check").await.exits(0);
    test.forbid("app").await;
    // IAM deletes no user with an inline policy.
    test.keyrota("teardown --yes").await.exits(0);
    assert_eq!(test.keys("app").await, None);
}

#[tokio::test]
async fn roles_that_the_key_assumed_are_told_with_the_steps() {
    let test = deployed("").await;
    let role = test.make_role("ops").await;
    let policy = json!({
        "Version": "2012-10-17",
        "Statement": [{
            "Effect": "Allow", "Action": "sts:AssumeRole", "Resource": [role, "arn:aws:iam::999900001111:role/far"],
        }],
    });
    test.allow("app", &policy.to_string()).await;
    let leaked = test.current_key("prod/app").await;
    let client = aws_sdk_sts::Client::new(&config(test.endpoint(), &leaked));
    let request = client
        .assume_role()
        .role_arn(&role)
        .role_session_name("thief");
    request.send().await.expect("the role is assumed");

    let ran = test.keyrota(RESPOND).await.exits(0);
    let leak = result(&ran)["leak"].clone();
    assert_eq!(leak["cloudtrail"]["regions"], json!([REGION]), "{ran}");
    let events = leak["cloudtrail"]["events"].to_string();
    assert!(events.contains("AssumeRole"), "{ran}");
    let roles = leak["roles"].as_array().expect("roles");
    assert_eq!(roles.len(), 2, "{ran}");
    assert_eq!(roles[0]["role"], *role, "{ran}");
    assert!(roles[0]["last_assumed"].is_string(), "{ran}");
    let revoke = roles[0]["revoke"].as_str().expect("a command").to_owned();
    assert!(
        revoke.starts_with("aws iam put-role-policy --role-name ops "),
        "{revoke}"
    );
    assert!(roles[1]["last_assumed"].is_null(), "{ran}");
    assert!(
        roles[1]["revoke"].to_string().contains("999900001111"),
        "{ran}"
    );

    // People read the same.
    let ran = test
        .keyrota("rotate --compromised app --yes")
        .await
        .exits(0);
    assert!(ran.stdout.contains("AWSRevokeOlderSessions"), "{ran}");
    assert!(ran.stdout.contains("is inactive"), "{ran}");
}
