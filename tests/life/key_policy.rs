//! A KMS key of the account whose key policy does not let the function's role in.

use serde_json::{Value, json};

use crate::environment::{ACCOUNT, REGION, TestEnvironment};

const BOOTSTRAP: &str = "bootstrap --yes --function-zip function.zip --format json";
const STATEMENT: &str = "add this statement to the key policy: ";

fn policy(statements: &[Value]) -> String {
    json!({ "Version": "2012-10-17", "Statement": statements }).to_string()
}

#[tokio::test]
async fn it_is_found_before_the_deployment_and_its_statement_is_enough() {
    let test = TestEnvironment::new().await;
    test.make_user("mailer").await;
    test.make_user("batch").await;
    // The account may manage the key, and not use it.
    let manages = json!({
        "Effect": "Allow", "Principal": { "AWS": format!("arn:aws:iam::{ACCOUNT}:root") },
        "Action": ["kms:Describe*", "kms:Get*", "kms:PutKeyPolicy"], "Resource": "*",
    });
    let request = test.kms.create_key();
    let request = request.policy(policy(std::slice::from_ref(&manages)));
    let made = request.send().await.expect("the key is made");
    let key = made.key_metadata.expect("metadata").arn.expect("an ARN");
    test.manifest(&format!(
        "version: 1\nstack: keys\naccess_keys:\n\
         \x20 - {{ user: mailer, secret: prod/mailer, kms_key: '{key}' }}\n\
         \x20 - {{ user: batch, secret: prod/batch, kms_key: '{key}' }}\n"
    ));
    let ran = test.changes_nothing(BOOTSTRAP).await;
    assert_eq!(ran.findings(), [format!("key-policy KMS key {key}")]);
    let finding = ran.json()["findings"][0].clone();
    let message = finding["message"].as_str().expect("a message");
    assert!(
        message.contains("prod/mailer") && message.contains("prod/batch"),
        "{ran}"
    );
    let hint = finding["hint"].as_str().expect("a hint");
    let (_, statement) = hint.split_once(STATEMENT).expect("a statement");
    let statement: Value = serde_json::from_str(statement).expect("JSON");
    let via = format!("secretsmanager.{REGION}.amazonaws.com");
    assert!(statement.to_string().contains(&via), "{statement}");

    let request = test.kms.put_key_policy().key_id(&key);
    let request = request.policy_name("default");
    let request = request.policy(policy(&[manages, statement]));
    request.send().await.expect("the policy is changed");
    test.keyrota(BOOTSTRAP).await.exits(0);
    test.keyrota("status --check").await.exits(0);
}
