//! What reaches the people whom a stack notifies.

use crate::environment::TestEnvironment;

const STACK: &str = "payments-keys";

/// Deploys a stack with alarms, makes a rotation fail, and expects the message about it. The
/// local AWS sends the event to EventBridge without a trail of CloudTrail.
async fn a_failed_rotation_is_reported(encrypt: &str) {
    let test = TestEnvironment::strict("sns-conditions", 1).await;
    let test = test.with_function();
    test.make_user("mailer").await;
    test.manifest(&format!(
        "version: 1\nstack: {STACK}\nalarms: {{ email: [ops@example.com] }}\n\
         encrypt: {encrypt}\n\
         access_keys:\n\x20 - {{ user: mailer, secret: prod/mailer, rotate_as: role }}\n"
    ));
    let bootstrap = "bootstrap --yes --function-zip function.zip";
    test.keyrota(bootstrap).await.exits(0);
    let topic = test.resource(STACK, "AlarmTopic").await;
    let subscription = test.subscribe(&topic.expect("the topic")).await;
    // The role may no longer create a key, so Secrets Manager gives the rotation up.
    test.deny_role("iam:CreateAccessKey").await;
    let request = test.secretsmanager.rotate_secret().secret_id("prod/mailer");
    request.send().await.expect("the rotation begins");
    let message = subscription.next().await;
    let arn = test.secret("prod/mailer").await.expect("the secret").arn;
    for text in [
        format!("could not rotate {arn}"),
        "The current key stays valid".to_owned(),
        "keyrota status".to_owned(),
    ] {
        assert!(message.contains(&text), "{text}: {message}");
    }
}

#[tokio::test]
async fn a_failed_rotation_is_reported_to_the_topic() {
    a_failed_rotation_is_reported("{}").await;
}

#[tokio::test]
async fn a_failed_rotation_is_reported_to_an_encrypted_topic() {
    a_failed_rotation_is_reported("{ topic: create }").await;
}
