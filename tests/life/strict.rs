//! The strict local AWS, as the tests start it.

use std::time::Duration;

use crate::environment::{ACCOUNT, CommandOutput, Key, REGION, TestEnvironment, holder};

const BOOTSTRAP: &str =
    "bootstrap --yes --function-zip function.zip --templates templates --format json";
const MANIFEST: &str = "\
version: 1
stack: payments-keys
access_keys: [{ user: ci-deployer, secret: prod/ci-deployer }]
";
/// A resource that exists already.
const TAKEN: &str = "
  Taken:
    Type: AWS::Logs::LogGroup
    Properties:
      LogGroupName: /taken
      RetentionInDays: 30
{{> tags}}
";

/// Creates a user with a key.
async fn new_key(test: &TestEnvironment) -> Key {
    let user = "new";
    let create = test.iam.create_user().user_name(user);
    create.send().await.expect("a user");
    let create = test.iam.create_access_key().user_name(user);
    let created = create.send().await.expect("a key");
    let key = created.access_key.expect("a key");
    Key {
        id: key.access_key_id,
        secret: key.secret_access_key,
    }
}

#[tokio::test]
async fn a_new_key_works_after_virtual_time_has_passed() {
    let test = TestEnvironment::strict("iam-lag", 1).await;
    let key = new_key(&test).await;
    let refused = holder(test.endpoint(), &key).await;
    assert_eq!(refused, Err("InvalidClientTokenId".to_owned()));
    test.advance(15.0).await;
    let accepted = holder(test.endpoint(), &key).await;
    assert_eq!(
        accepted.as_deref(),
        Ok("arn:aws:iam::000000000000:user/new")
    );
}

#[tokio::test]
async fn virtual_time_passes_beside_real_time() {
    let test = TestEnvironment::strict("all", 1).await;
    let key = new_key(&test).await;
    let passing = test.let_time_pass(100.0);
    tokio::time::timeout(Duration::from_secs(20), async {
        while holder(test.endpoint(), &key).await.is_err() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await
    .expect("the key works at some time");
    drop(passing);
}

#[tokio::test]
async fn a_failed_change_set_is_explained_and_removed() {
    let test = TestEnvironment::strict("early-validation", 1)
        .await
        .with_function();
    test.make_user("ci-deployer").await;
    test.manifest(MANIFEST);
    test.home.write("templates/extra.yaml.hbs", TAKEN);
    let request = test.logs.create_log_group().log_group_name("/taken");
    request.send().await.expect("a log group");

    let ran = test.keyrota(BOOTSTRAP).await.exits(1);
    ran.fails(
        "change-set",
        &["Taken (AWS::Logs::LogGroup)", "'/taken' already exists"],
    );
    assert_eq!(test.stack_status("payments-keys").await, None);

    // The reason is a help: without the permission to read it CloudFormation's own is shown.
    let policy = r#"{ "Version": "2012-10-17", "Statement": [
        { "Effect": "Allow", "Action": "*", "Resource": "*" },
        { "Effect": "Deny", "Action": "cloudformation:DescribeEvents", "Resource": "*" }
    ] }"#;
    let key = test.make_deployer("deployer", policy).await;
    test.act_as(&key);
    let ran = test.keyrota(BOOTSTRAP).await.exits(1);
    ran.fails(
        "change-set",
        &["EarlyValidation", "cloudformation:DescribeEvents"],
    );
    assert_eq!(test.stack_status("payments-keys").await, None);
}

/// The virtual seconds in each real one. The program waits in real time, so a fast clock makes
/// lags shorter for it; this one leaves several polls to each.
const RATE: f64 = 8.0;

const USERS: &str = "\
version: 1
stack: payments-keys
access_keys:
  - { user: ci-deployer, secret: prod/ci-deployer, rotate_as: self }
  - { user: mailer, secret: prod/mailer, rotate_as: role }
  - { user: made, secret: prod/made, rotate_as: role, create_user: true }
";

/// Runs the program, as patient as it is with AWS.
async fn patiently(test: &TestEnvironment, arguments: &str) -> CommandOutput {
    let mut command = test.program(arguments);
    command.env("KEYROTA_LIKE_AWS", "1");
    test.run(arguments, command).await
}

/// Takes a stack through its whole life while everything lags and calls are throttled.
async fn whole_life(seed: u32) {
    let test = TestEnvironment::strict("all", seed).await.with_function();
    let _passing = test.let_time_pass(RATE);
    for user in ["ci-deployer", "mailer"] {
        test.make_user(user).await;
    }
    // The users are known everywhere.
    test.advance(15.0).await;
    test.manifest(USERS);
    let bootstrap = "bootstrap --yes --function-zip function.zip --format json";
    for command in [bootstrap, "rotate --format json"] {
        let ran = patiently(&test, command).await.exits(0);
        let document = ran.json();
        let secrets = document["secrets"].as_array().expect("secrets");
        assert_eq!(secrets.len(), 3, "{ran}");
        for secret in secrets {
            assert_eq!(secret["verified"], true, "{ran}");
        }
    }
    patiently(&test, "status --check").await.exits(0);
    patiently(&test, "doctor").await.exits(0);
    patiently(&test, "teardown --yes").await.exits(0);
    // The longest lag of what is looked at here.
    test.advance(15.0).await;
    assert_eq!(test.stack_status("payments-keys").await, None);
    for secret in ["prod/ci-deployer", "prod/mailer", "prod/made"] {
        assert!(test.secret(secret).await.expect("the secret").deleted);
    }
}

#[tokio::test]
async fn a_whole_life_ends_well_while_everything_lags() {
    whole_life(1).await;
}

#[tokio::test]
async fn a_whole_life_ends_well_with_other_lags() {
    whole_life(2).await;
}

#[tokio::test]
async fn a_whole_life_ends_well_with_yet_other_lags() {
    whole_life(3).await;
}

#[tokio::test]
async fn the_tags_of_a_new_kms_key_need_not_count_yet() {
    let test = TestEnvironment::strict("tag-lag", 1).await.with_function();
    let _passing = test.let_time_pass(1.0);
    test.make_user("mailer").await;
    test.manifest(&format!(
        "version: 1\nstack: payments-keys\naccount: '{ACCOUNT}'\nregion: {REGION}\n\
         access_keys:\n\
         \x20 - {{ user: mailer, secret: prod/mailer, rotate_as: role, kms_key: create }}\n"
    ));
    test.keyrota("generate").await.exits(0);
    let policy = test.home.read("rendered/deployer-policy.json");
    let deployer = test.make_deployer("deployer", &policy).await;
    test.act_as(&deployer);
    let bootstrap = "bootstrap --yes --function-zip function.zip --format json";
    let ran = patiently(&test, bootstrap).await.exits(0);
    assert_eq!(ran.json()["secrets"][0]["verified"], true, "{ran}");
    patiently(&test, "rotate").await.exits(0);
    // To look at a key needs the tag, and nothing claims that it was looked at.
    let early = test.keyrota("status --check").await.exits(5);
    let told = "not compared with what was deployed: EncryptionKey";
    assert!(early.stdout.contains(told), "{early}");
    // Deleting a key needs the tag, in whatever command.
    test.advance(300.0).await;
    patiently(&test, "status --check").await.exits(0);
    patiently(&test, "teardown --yes").await.exits(0);
}
