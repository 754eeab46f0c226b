//! The table "What is in the way of a deployment".

use serde_json::{Value, json};

use super::Table;
use crate::database::site::Site;
use crate::database::test_server::{self, Engine, FIRST};
use crate::environment::{ACCOUNT, CommandOutput, REGION, TestEnvironment};

const BOOTSTRAP: &str = "bootstrap --yes --function-zip function.zip --format json";
const STATEMENT: &str = "add this statement to the key policy: ";

const SCHEDULED: &str = "the name of a secret is scheduled for deletion";
const KEY_POLICY: &str = "the key policy of a key in `kms_key`";
const ADMINISTRATOR: &str = "the administrator's secret has no `username`";
const ENDS_LIKE_AN_ARN: &str = "the name of an administrator's secret ends";

fn row(cause: &str) -> [&'static str; 3] {
    Table::below("What is in the way of a deployment").row(cause, |_| true)
}

/// Each cause has a test below.
#[test]
fn every_row_has_a_test() {
    let tested = [SCHEDULED, KEY_POLICY, ADMINISTRATOR, ENDS_LIKE_AN_ARN];
    Table::below("What is in the way of a deployment").expect_all(tested.map(row));
}

/// Expects that a command was refused for the row's cause alone, with what the row's remedy names,
/// and returns the finding.
fn refused(ran: &CommandOutput, cause: &str) -> Value {
    let [_, message, remedy] = row(cause);
    let kind = message.trim_matches('`');
    ran.findings();
    let findings = ran.json()["findings"].clone();
    let findings = findings.as_array().expect("findings").iter();
    let errors: Vec<&Value> = findings.filter(|it| it["severity"] == "error").collect();
    let [finding] = errors[..] else {
        panic!("several causes\n{ran}");
    };
    assert_eq!(finding["kind"], kind, "{ran}");
    let told = format!(
        "{} {} {}",
        finding["path"], finding["message"], finding["hint"]
    );
    for code in remedy.split('`').skip(1).step_by(2) {
        assert!(told.contains(code), "`{code}` is not told\n{ran}");
    }
    finding.clone()
}

fn policy(statements: &[Value]) -> String {
    json!({ "Version": "2012-10-17", "Statement": statements }).to_string()
}

fn manifest(entry: &str) -> String {
    format!("version: 1\nstack: keys\naccess_keys: [{{ user: mailer, {entry} }}]\n")
}

#[tokio::test]
async fn a_name_that_is_scheduled_for_deletion_is_restored_or_changed_or_becomes_free() {
    const NAME: &str = "prod/mailer";
    for way in ["restore", "rename", "wait"] {
        let test = TestEnvironment::new().await;
        test.make_user("mailer").await;
        let mut value = json!({});
        if way == "restore" {
            let key = test.make_key("mailer").await;
            value = json!({ "accesskey": key.id, "secretkey": key.secret, "username": "mailer" });
        }
        test.make_secret(NAME, &value.to_string()).await;
        test.delete_secret(NAME).await;
        test.manifest(&manifest(&format!("secret: {NAME}")));
        let ran = test.changes_nothing(BOOTSTRAP).await;
        refused(&ran, SCHEDULED);
        match way {
            "restore" => {
                let request = test.secretsmanager.restore_secret().secret_id(NAME);
                request.send().await.expect("it is restored");
                test.manifest(&manifest(&format!("secret: {NAME}, adopt: true")));
            }
            "rename" => test.manifest(&manifest("secret: prod/other")),
            _ => {
                let request = test.secretsmanager.delete_secret().secret_id(NAME);
                let request = request.force_delete_without_recovery(true);
                request.send().await.expect("it is deleted");
            }
        }
        test.keyrota(BOOTSTRAP).await.exits(0);
        test.keyrota("status --check").await.exits(0);
    }
}

#[tokio::test]
async fn a_key_policy_is_found_before_the_deployment_and_its_statement_is_enough() {
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
    let finding = refused(&ran, KEY_POLICY);
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

/// Returns a site whose entry is rotated by the administrator of a secret, and the login of that
/// administrator.
async fn administered(secret: &str) -> (Site, Value) {
    let site = Site::new(test_server::shared(Engine::Postgres)).await;
    let administrator = test_server::make_user(&site.server);
    let name = test_server::quoted(&site.server, &administrator.name);
    test_server::sql(&site.server, &format!("ALTER ROLE {name} CREATEROLE"));
    site.manifest(&format!("rotate_as: {secret}"));
    let login = json!({ "username": administrator.name, "password": FIRST });
    (site, login)
}

#[tokio::test]
async fn an_administrators_login_is_completed_or_is_for_this_server() {
    const NAME: &str = "ops/dba";
    for (field, wrong) in [
        ("password", Value::Null),
        ("username", Value::Null),
        ("host", json!("elsewhere.internal")),
        ("port", json!(1)),
        ("engine", json!("mysql")),
    ] {
        let (site, login) = administered(NAME).await;
        let mut value = login.clone();
        value[field] = wrong;
        if value[field].is_null() {
            value.as_object_mut().expect("fields").remove(field);
        }
        site.test.make_secret(NAME, &value.to_string()).await;
        refused(&site.bootstrap().await, ADMINISTRATOR);
        let mut value = login;
        if !["username", "password"].contains(&field) {
            value["engine"] = json!("postgres");
            value["host"] = json!("localhost");
            value["port"] = json!(site.server.port());
        }
        site.test.store(NAME, &value).await;
        site.bootstrap().await.exits(0);
    }
}

#[tokio::test]
async fn an_administrators_name_that_ends_like_an_arn_is_written_as_its_arn() {
    const NAME: &str = "ops/db-master";
    let (site, login) = administered(NAME).await;
    let arn = site.test.make_secret(NAME, &login.to_string()).await;
    refused(&site.bootstrap().await, ENDS_LIKE_AN_ARN);
    site.manifest(&format!("rotate_as: '{arn}'"));
    site.bootstrap().await.exits(0);
}
