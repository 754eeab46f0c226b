//! Principals with few permissions write to secrets, and the administrator runs commands
//! afterwards. The program must touch nothing that is not keyrota's.

use std::collections::BTreeMap;

use aws_sdk_secretsmanager::types::Tag;
use serde_json::{Value, json};

use crate::environment::{self, CommandOutput, Key, TestEnvironment};

const STACK: &str = "payments-keys";
const MANIFEST: &str = "\
version: 1
stack: payments-keys
account: '000000000000'
region: us-east-1
tags: { team: payments }
access_keys: [{ user: mailer, secret: prod/mailer, rotate_as: role }]
";
const BOOTSTRAP: &str = "bootstrap --yes --function-zip function.zip --format json";
const TEARDOWN: &str = "teardown --yes --delete-keys --force-delete-secrets --format json";

const PUT: &[&str] = &["secretsmanager:PutSecretValue"];

/// The permissions of a principal on its own secrets.
const OWN_SECRET: &str = r#"{
  "Version": "2012-10-17",
  "Statement": [{
    "Effect": "Allow",
    "Action": [
      "secretsmanager:CreateSecret", "secretsmanager:PutResourcePolicy",
      "secretsmanager:PutSecretValue", "secretsmanager:TagResource",
      "secretsmanager:UpdateSecretVersionStage", "kms:Decrypt", "kms:GenerateDataKey"
    ],
    "Resource": ["arn:aws:secretsmanager:*:*:secret:theirs/*", "arn:aws:kms:*:*:key/*"]
  }]
}"#;

/// Returns a policy for actions on the stack's only secret.
fn on_the_secret(actions: &[&str]) -> String {
    let statement = json!({
        "Effect": "Allow",
        "Action": actions,
        "Resource": "arn:aws:secretsmanager:*:*:secret:prod/mailer-??????",
    });
    json!({ "Version": "2012-10-17", "Statement": [statement] }).to_string()
}

/// A principal with its own policy.
struct Attacker(aws_sdk_secretsmanager::Client);

impl Attacker {
    async fn new(test: &TestEnvironment, policy: &str) -> Self {
        let key = test.make_user_with("attacker", policy).await;
        let config = environment::config(test.endpoint(), &key);
        Self(aws_sdk_secretsmanager::Client::new(&config))
    }

    async fn tag(&self, secret: &str, tags: &[(&str, &str)]) {
        let tags = tags.iter().map(|(key, value)| tag(key, value));
        let request = self.0.tag_resource().secret_id(secret);
        let request = request.set_tags(Some(tags.collect()));
        request.send().await.expect("the secret is tagged");
    }

    /// Stores a value with any labels.
    async fn store(&self, secret: &str, value: &Value, labels: &[&str]) {
        let request = self.0.put_secret_value().secret_id(secret);
        let request = request.secret_string(value.to_string());
        let labels = labels.iter().map(|label| (*label).to_owned());
        let request = request.set_version_stages(Some(labels.collect()));
        request.send().await.expect("the value is stored");
    }
}

fn tag(key: &str, value: &str) -> Tag {
    Tag::builder().key(key).value(value).build()
}

/// Returns a value that names a key, with a made-up secret access key.
fn made_up(key: &str, user: &str, arn: &str) -> Value {
    json!({ "accesskey": key, "secretkey": "made/up", "username": user, "secretarn": arn })
}

async fn deployed() -> TestEnvironment {
    let test = TestEnvironment::new().await;
    test.make_user("mailer").await;
    test.manifest(MANIFEST);
    test.keyrota(BOOTSTRAP).await.exits(0);
    test
}

/// Replaces the previous key by a key in reserve.
async fn reserve(test: &TestEnvironment) -> Key {
    let previous = test.key_in("prod/mailer", "AWSPREVIOUS").await;
    let previous = previous.expect("a key before");
    test.delete_key("mailer", &previous.id).await;
    test.make_key("mailer").await
}

/// Returns an account with a key in reserve, and a principal that holds permissions on the
/// stack's only secret.
async fn attacked(actions: &[&str]) -> (TestEnvironment, Key, Attacker) {
    let test = deployed().await;
    let reserve = reserve(&test).await;
    let attacker = Attacker::new(&test, &on_the_secret(actions)).await;
    (test, reserve, attacker)
}

/// Returns a value of the stack's only secret that names a key.
async fn naming(test: &TestEnvironment, key: &Key, user: &str) -> Value {
    let arn = test.secret("prod/mailer").await.expect("the secret").arn;
    made_up(&key.id, user, &arn)
}

async fn is_active(test: &TestEnvironment, user: &str, key: &Key) -> bool {
    let keys = test.keys(user).await.expect("the user");
    keys.get(&key.id) == Some(&true)
}

/// Returns the notes in a part of a report, by type and name.
fn notes(ran: &CommandOutput, part: &str) -> BTreeMap<(String, String), String> {
    let document = ran.json();
    let items = document[part].as_array().expect("items").iter();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    items
        .map(|it| ((text(&it["type"]), text(&it["name"])), text(&it["note"])))
        .collect()
}

async fn kms_state(test: &TestEnvironment, key: &str) -> String {
    let answer = test.kms.describe_key().key_id(key).send().await;
    let data = answer.expect("the key").key_metadata.expect("metadata");
    data.key_state.expect("a state").as_str().to_owned()
}

/// Returns an account in which another principal has created secrets that claim to be the
/// stack's, with another principal's user, key, and KMS key.
async fn with_claims(deployed: bool) -> (TestEnvironment, Key, String) {
    let test = TestEnvironment::new().await;
    test.make_user("mailer").await;
    test.make_user("victim").await;
    let victims = test.make_key("victim").await;
    let kms_key = test.make_kms_key().await;
    test.manifest(MANIFEST);
    if deployed {
        test.keyrota(BOOTSTRAP).await.exits(0);
    }
    let attacker = Attacker::new(&test, OWN_SECRET).await;
    let claims = [
        ("keyrota:stack", STACK),
        ("keyrota:user", "victim"),
        ("keyrota:owns-user", "true"),
        ("keyrota:abandoned", victims.id.as_str()),
        ("keyrota:encryption-key", kms_key.as_str()),
    ];
    let tags = || Some(claims.iter().map(|(key, value)| tag(key, value)).collect());
    let value = made_up(&victims.id, "victim", "arn");
    for (name, policy) in [("theirs/open", None), ("theirs/closed", Some("*"))] {
        let request = attacker.0.create_secret().name(name).kms_key_id(&kms_key);
        let request = request.secret_string(value.to_string()).set_tags(tags());
        request.send().await.expect("the secret is made");
        for label in [
            "AWSPREVIOUS",
            "AWSPENDING",
            "KEYROTA_MADE",
            "KEYROTA_REPLACED",
        ] {
            attacker.store(name, &value, &[label]).await;
        }
        let Some(action) = policy else { continue };
        // No principal may read it.
        let denied = json!({
            "Version": "2012-10-17",
            "Statement": [{
                "Effect": "Deny", "Principal": "*", "Resource": "*",
                "Action": format!("secretsmanager:{action}"),
            }],
        });
        let request = attacker.0.put_resource_policy().secret_id(name);
        let request = request.resource_policy(denied.to_string());
        request.send().await.expect("the policy is put");
    }
    (test, victims, kms_key)
}

async fn expect_untouched(
    test: &TestEnvironment,
    ran: &CommandOutput,
    victims: &Key,
    kms_key: &str,
) {
    assert!(is_active(test, "victim", victims).await, "{ran}");
    assert_eq!(kms_state(test, kms_key).await, "Enabled", "{ran}");
    let left = notes(ran, "left_over");
    for name in ["theirs/open", "theirs/closed"] {
        let note = left.get(&("secret".to_owned(), name.to_owned()));
        let note = note.unwrap_or_else(|| panic!("{name} is not told\n{ran}"));
        assert!(note.contains("delete-secret --secret-id arn:"), "{note}");
    }
}

#[tokio::test]
async fn a_teardown_touches_nothing_that_a_secret_claims() {
    for deployed in [true, false] {
        let (test, victims, kms_key) = with_claims(deployed).await;
        let ran = test.keyrota(TEARDOWN).await.exits(0);
        expect_untouched(&test, &ran, &victims, &kms_key).await;
        assert_eq!(test.stack_status(STACK).await, None);
        assert_eq!(test.secret("prod/mailer").await.map(|it| it.arn), None);
    }
}

#[tokio::test]
async fn a_claim_does_not_stop_a_teardown_with_the_teardown_part() {
    let (test, victims, kms_key) = with_claims(true).await;
    test.keyrota("generate --output rendered").await.exits(0);
    let policy = test.home.read("rendered/deployer-policy.json");
    let policy = crate::least::part(&policy, "Teardown");
    let deployer = test.make_user_with("deployer", &policy).await;
    test.act_as(&deployer);
    let ran = test.keyrota(TEARDOWN).await.exits(0);
    expect_untouched(&test, &ran, &victims, &kms_key).await;
    assert_eq!(test.stack_status(STACK).await, None);
}

/// Used without the command, the permissions of the part do not reach a secret that another
/// principal tagged with the stack's tag.
#[tokio::test]
async fn a_tag_gives_the_teardown_part_nothing_to_delete() {
    let (test, _, kms_key) = with_claims(true).await;
    test.manifest(&MANIFEST.replace("rotate_as: role", "rotate_as: role, kms_key: create"));
    test.keyrota("generate --output rendered").await.exits(0);
    let policy = test.home.read("rendered/deployer-policy.json");
    let policy = crate::least::part(&policy, "Teardown");
    assert!(policy.contains("kms:ScheduleKeyDeletion"), "{policy}");
    let deployer = test.make_user_with("deployer", &policy).await;
    let config = environment::config(test.endpoint(), &deployer);
    let secrets = aws_sdk_secretsmanager::Client::new(&config);
    let request = secrets.delete_secret().secret_id("theirs/open");
    let refused = request.send().await.expect_err("it is not the stack's");
    assert!(
        format!("{refused:?}").contains("AccessDenied"),
        "{refused:?}"
    );
    let request = secrets.get_secret_value().secret_id("theirs/open");
    request.send().await.expect_err("it is not the stack's");
    let kms = aws_sdk_kms::Client::new(&config);
    let request = kms.schedule_key_deletion().key_id(&kms_key);
    let refused = request.send().await.expect_err("it is not the stack's");
    assert!(
        format!("{refused:?}").contains("AccessDenied"),
        "{refused:?}"
    );
    let request = secrets.delete_secret().secret_id("prod/mailer");
    request.send().await.expect("this one is the stack's");
}

/// The remains of a deleted stack cause no deletion of keys.
#[tokio::test]
async fn without_a_stack_a_teardown_takes_secrets_and_no_keys() {
    let test = deployed().await;
    let before = test.keys("mailer").await;
    let request = test.cloudformation.delete_stack().stack_name(STACK);
    request.send().await.expect("the deletion begins");
    while test.stack_status(STACK).await.is_some() {
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    let ran = test.keyrota(TEARDOWN).await.exits(0);
    assert_eq!(test.keys("mailer").await, before, "{ran}");
    assert!(test.secret("prod/mailer").await.is_none(), "{ran}");
    let left = notes(&ran, "left_over");
    for id in before.expect("the user").keys() {
        let note = &left[&("access key".to_owned(), id.clone())];
        let command = format!("delete-access-key --user-name mailer --access-key-id {id}");
        assert!(note.contains(&command), "{note}");
    }
}

#[tokio::test]
async fn a_value_that_names_a_key_does_not_make_it_ours() {
    for label in ["AWSPREVIOUS", "AWSPENDING", "KEYROTA_MADE", "AWSCURRENT"] {
        let (test, reserve, attacker) = attacked(PUT).await;
        let value = naming(&test, &reserve, "mailer").await;
        attacker.store("prod/mailer", &value, &[label]).await;
        let ran = test.keyrota(TEARDOWN).await.exits(0);
        assert!(is_active(&test, "mailer", &reserve).await, "{label}: {ran}");
        let left = notes(&ran, "left_over");
        let note = left.get(&("access key".to_owned(), reserve.id.clone()));
        let note = note.unwrap_or_else(|| panic!("{label}: it is not told\n{ran}"));
        assert!(note.contains("aws iam delete-access-key"), "{note}");
    }
}

/// A version with which no rotation can succeed is given up, and its key is kept.
#[tokio::test]
async fn a_pending_value_that_names_a_key_does_not_make_it_ours() {
    let (test, reserve, attacker) = attacked(PUT).await;
    // The function immediately refuses another user's key.
    let value = naming(&test, &reserve, "another").await;
    for command in ["rotate", BOOTSTRAP, "doctor --fix --yes"] {
        attacker.store("prod/mailer", &value, &["AWSPENDING"]).await;
        let ran = test.keyrota(command).await;
        assert!(is_active(&test, "mailer", &reserve).await, "{ran}");
    }
    let held = test.secret("prod/mailer").await.expect("the secret");
    let current = test.current_key("prod/mailer").await;
    let holder = test.holder(&current).await;
    assert!(holder.is_ok(), "{holder:?} {held:?}");
}

#[tokio::test]
async fn a_label_that_says_that_a_key_is_ours_is_not_believed() {
    let (test, reserve, attacker) = attacked(PUT).await;
    let value = naming(&test, &reserve, "mailer").await;
    attacker
        .store("prod/mailer", &value, &["KEYROTA_MADE"])
        .await;
    for command in [BOOTSTRAP, "doctor --fix --yes"] {
        let ran = test.keyrota(command).await;
        assert!(is_active(&test, "mailer", &reserve).await, "{ran}");
    }
}

#[tokio::test]
async fn marks_on_the_secret_are_not_believed() {
    let (test, reserve, attacker) = attacked(&[
        "secretsmanager:PutSecretValue",
        "secretsmanager:TagResource",
    ])
    .await;
    let abandoned = [("keyrota:abandoned", reserve.id.as_str())];
    attacker.tag("prod/mailer", &abandoned).await;
    for command in ["rotate", "doctor --fix --yes"] {
        let ran = test.keyrota(command).await;
        assert!(is_active(&test, "mailer", &reserve).await, "{ran}");
    }
    // The tag claims that a first key is being created, at the time of the key in reserve.
    let now = now();
    attacker
        .tag("prod/mailer", &[("keyrota:seeding", &now)])
        .await;
    attacker
        .store("prod/mailer", &json!({}), &["AWSCURRENT"])
        .await;
    let ran = test.keyrota(BOOTSTRAP).await;
    assert!(is_active(&test, "mailer", &reserve).await, "{ran}");
    let findings = ran.findings();
    let told = findings
        .iter()
        .any(|it| it == "interrupted-seeding user mailer");
    assert!(told, "{findings:?}");
    assert!(ran.stdout.contains(&reserve.id), "{ran}");
}

#[expect(clippy::disallowed_methods, reason = "a test's own clock")]
fn now() -> String {
    format!("{:.0}", jiff::Timestamp::now())
}

#[tokio::test]
async fn changed_tags_are_told_and_restored() {
    let test = deployed().await;
    let right = test.secret("prod/mailer").await.expect("the secret").tags;
    let status = "status --check --format json";
    test.keyrota(status).await.exits(0);
    let actions = ["secretsmanager:TagResource"];
    let attacker = Attacker::new(&test, &on_the_secret(&actions)).await;
    let changed = [
        ("keyrota:user", "victim"),
        (
            "keyrota:probe",
            "sts:AssumeRole arn:aws:iam::000000000000:role/x",
        ),
        ("team", "theirs"),
        ("owner", "somebody"),
    ];
    attacker.tag("prod/mailer", &changed).await;

    let document = test.keyrota(status).await.exits(5).json();
    let differences = document["secrets"][0]["tag_differences"].as_array();
    let keys: Vec<&str> = differences
        .expect("differences")
        .iter()
        .filter_map(|it| it["key"].as_str())
        .collect();
    assert_eq!(keys, ["keyrota:user", "team", "keyrota:probe"]);
    let plan = "plan --detailed-exitcode --function-zip function.zip --format json";
    let document = test.keyrota(plan).await.exits(4).json();
    assert_eq!(document["changes"], json!([]));
    assert_eq!(document["drift"].as_array().map(Vec::len), Some(3));
    let ran = test.keyrota("doctor --format json").await.exits(5);
    assert_eq!(ran.json()["findings"][0]["id"], "tags-changed", "{ran}");

    // The corresponding part of the policy is sufficient.
    test.keyrota("generate --output rendered").await.exits(0);
    let policy = test.home.read("rendered/deployer-policy.json");
    let policy = crate::least::part(&policy, "Bootstrap");
    let deployer = test.make_deployer("deployer", &policy).await;
    test.act_as(&deployer);
    test.keyrota(BOOTSTRAP).await.exits(0);
    let mut restored = test.secret("prod/mailer").await.expect("the secret").tags;
    assert_eq!(restored.remove("owner").as_deref(), Some("somebody"));
    assert_eq!(restored, right);
    // It is sufficient for nothing else: no tag with a value of its choice, and no other
    // secret.
    let config = environment::config(test.endpoint(), &deployer);
    let client = aws_sdk_secretsmanager::Client::new(&config);
    test.make_secret("other", "{}").await;
    for (secret, key, value) in [
        ("prod/mailer", "team", "theirs"),
        ("prod/mailer", "owner", "me"),
        ("other", "team", "payments"),
    ] {
        let request = client.tag_resource().secret_id(secret);
        let answer = request.tags(tag(key, value)).send().await;
        assert!(answer.is_err(), "{secret} {key}={value}");
    }
}
