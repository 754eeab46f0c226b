//! Accounts that a deployment cannot begin in: each refusal names the thing and
//! the next step, and nothing was changed.

use crate::environment::{ADMINISTRATOR, Key, TestEnvironment};

const BOOTSTRAP: &str = "bootstrap --yes --function-zip function.zip --format json";
const PLAN: &str = "plan --function-zip function.zip --format json";
const MANIFEST: &str = "\
version: 1
stack: payments-keys
access_keys: [{ user: ci-deployer, secret: prod/ci-deployer }]
";

#[tokio::test]
async fn no_credentials_and_wrong_ones_are_told_apart_from_all_else() {
    let test = TestEnvironment::new().await;
    test.make_user("ci-deployer").await;
    test.manifest(MANIFEST);
    for verb in [
        BOOTSTRAP,
        PLAN,
        "rotate --format json",
        "status --format json",
        "teardown --yes --format json",
        "credentials prod/ci-deployer --format json",
    ] {
        let mut command = test.program(verb);
        command
            .env_remove("AWS_ACCESS_KEY_ID")
            .env_remove("AWS_SECRET_ACCESS_KEY")
            .env("AWS_EC2_METADATA_DISABLED", "true");
        let ran = test.run(verb, command).await.exits(1);
        ran.fails("credentials", &["--profile"]);
    }
    let before = test.everything().await;
    test.act_as(&Key {
        id: "AKIAIOSFODNN7EXAMPLE".into(),
        secret: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY".into(),
    });
    let ran = test.keyrota(BOOTSTRAP).await.exits(1);
    ran.fails("credentials", &["InvalidClientTokenId"]);
    test.act_as(&test.root());
    assert_eq!(test.everything().await, before);

    let mut command = test.program(BOOTSTRAP);
    command.env_remove("AWS_REGION");
    let ran = test.run(BOOTSTRAP, command).await.exits(1);
    ran.fails("region", &["--region", "AWS_REGION"]);

    let arguments = format!("{BOOTSTRAP} --profile nobody");
    let mut command = test.program(&arguments);
    command
        .env_remove("AWS_ACCESS_KEY_ID")
        .env_remove("AWS_SECRET_ACCESS_KEY");
    let ran = test.run(&arguments, command).await.exits(1);
    ran.fails("credentials", &["nobody"]);
}

#[tokio::test]
async fn an_endpoint_that_does_not_answer_is_unavailable() {
    let test = TestEnvironment::new().await;
    test.manifest(MANIFEST);
    // Taken and closed again: nothing listens there.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    drop(listener);
    let arguments = format!("status --endpoint-url http://{address} --format json");
    let ran = test.keyrota(&arguments).await.exits(1);
    ran.fails("unavailable", &["--endpoint-url"]);
}

#[tokio::test]
async fn another_account_is_refused_by_every_command() {
    let test = TestEnvironment::new().await;
    test.make_user("ci-deployer").await;
    test.manifest(&format!("account: \"111122223333\"\n{MANIFEST}"));
    for verb in [
        BOOTSTRAP,
        PLAN,
        "rotate --format json",
        "status --format json",
        "teardown --yes --format json",
    ] {
        let ran = test.changes_nothing(verb).await;
        assert_eq!(ran.findings(), ["wrong-account account"]);
        for text in ["111122223333", "000000000000", "--profile"] {
            assert!(ran.stdout.contains(text), "{ran}");
        }
    }
}

#[tokio::test]
async fn every_finding_in_the_account_is_told_at_once() {
    let test = TestEnvironment::new().await;
    for user in [
        "two-keys",
        "one-key",
        "taken",
        "leaving",
        "sealed",
        "helped",
        "badly-aided",
        "there",
    ] {
        test.make_user(user).await;
    }
    test.make_key("two-keys").await;
    test.make_key("two-keys").await;
    let foreign = test.make_key("one-key").await;
    test.make_secret("prod/taken", "{}").await;
    test.make_secret("prod/leaving", "{}").await;
    test.delete_secret("prod/leaving").await;
    test.make_empty_secret("ops/empty").await;
    let disabled = test.make_kms_key().await;
    let request = test.kms.disable_key().key_id(&disabled);
    request.send().await.expect("the key is disabled");
    let absent = "arn:aws:kms:us-east-1:000000000000:key/0a1b2c3d-4e5f-6789-abcd-ef0123456789";
    test.manifest(&format!(
        "version: 1\nstack: payments-keys\naccess_keys:\n\
         \x20 - {{ user: nobody, secret: prod/nobody }}\n\
         \x20 - {{ user: there, secret: prod/there, create_user: true }}\n\
         \x20 - {{ user: two-keys, secret: prod/two-keys }}\n\
         \x20 - {{ user: one-key, secret: prod/one-key }}\n\
         \x20 - {{ user: taken, secret: prod/taken, kms_key: '{absent}' }}\n\
         \x20 - {{ user: leaving, secret: prod/leaving }}\n\
         \x20 - {{ user: sealed, secret: prod/sealed, kms_key: '{disabled}' }}\n\
         \x20 - {{ user: helped, secret: prod/helped, rotate_as: ops/absent }}\n\
         \x20 - {{ user: badly-aided, secret: prod/badly-aided, rotate_as: ops/empty }}\n"
    ));
    let ran = test.changes_nothing(BOOTSTRAP).await;
    assert_eq!(
        ran.findings(),
        [
            "no-user user nobody",
            "user-exists user there",
            "no-room user two-keys",
            "foreign-key user one-key",
            "secret-exists secret prod/taken",
            "kms-key secret prod/taken",
            "scheduled-for-deletion secret prod/leaving",
            "kms-key secret prod/sealed",
            "no-administrator secret prod/helped",
            "no-administrator secret prod/badly-aided",
        ]
    );
    let told = &ran.stdout;
    for text in [
        foreign.id.as_str(),
        "restore-secret",
        "ops/absent",
        "ops/empty",
        "Disabled",
        "create_user",
    ] {
        assert!(told.contains(text), "{text}\n{ran}");
    }
    // The same for people, with the number of them.
    let ran = test
        .changes_nothing("bootstrap --yes --function-zip function.zip")
        .await
        .exits(3);
    ran.says(&["10 errors", "error[no-user] user nobody", "hint:"]);
    // A plan says what would stand in the way.
    let planned = test.changes_nothing(PLAN).await.findings();
    assert_eq!(planned.len(), 10, "{planned:?}");
}

#[tokio::test]
async fn a_foreign_key_leaves_room_for_a_first_key_but_for_no_rotation() {
    let test = TestEnvironment::new().await;
    test.make_user("ci-deployer").await;
    let foreign = test.make_key("ci-deployer").await;
    test.manifest(MANIFEST);
    let ran = test.changes_nothing(BOOTSTRAP).await;
    assert_eq!(ran.findings(), ["foreign-key user ci-deployer"]);

    let no_rotate = format!("{BOOTSTRAP} --no-rotate");
    let document = test.keyrota(&no_rotate).await.exits(0).json();
    assert_eq!(document["secrets"][0]["rotated"], false);
    assert_eq!(document["secrets"][0]["verified"], true);
    let first = test.current_key("prod/ci-deployer").await;
    assert_ne!(first.id, foreign.id);
    assert!(test.holder(&foreign).await.is_ok());
    let status = test
        .keyrota("status --check --format json")
        .await
        .exits(5)
        .json();
    assert_eq!(status["secrets"][0]["state"], "never_rotated");

    // The foreign key is in use: rotation does not take its place.
    let ran = test.keyrota("rotate --format json").await.exits(1);
    let error = &ran.json()["secrets"][0]["error"];
    assert!(
        error.as_str().expect("an error").contains(&foreign.id),
        "{ran}"
    );
    assert!(test.holder(&foreign).await.is_ok());
    assert_eq!(test.current_key("prod/ci-deployer").await, first);

    test.delete_key("ci-deployer", &foreign.id).await;
    let document = test.keyrota(BOOTSTRAP).await.exits(0).json();
    assert_eq!(document["changes"], 0);
    assert_eq!(document["secrets"][0]["rotated"], true);
    test.keyrota("status --check").await.exits(0);
}

#[tokio::test]
async fn without_a_terminal_and_without_yes_nothing_is_done() {
    let test = TestEnvironment::new().await;
    test.make_user("ci-deployer").await;
    test.manifest(MANIFEST);
    let bootstrap = "bootstrap --function-zip function.zip --format json";
    let ran = test.changes_nothing(bootstrap).await.exits(6);
    ran.fails("declined", &["--yes", "nothing was changed"]);
    test.keyrota(BOOTSTRAP).await.exits(0);
    let ran = test
        .changes_nothing("teardown --format json")
        .await
        .exits(6);
    ran.fails("declined", &["--yes"]);
    // Nothing to do needs no answer.
    test.manifest(
        &MANIFEST
            .replace("payments-keys", "another")
            .replace("prod/ci-deployer", "b"),
    );
    test.keyrota("teardown").await.exits(0);
}

#[tokio::test]
async fn what_the_caller_may_not_do_is_named() {
    let test = TestEnvironment::new().await;
    test.make_user("ci-deployer").await;
    let denied = ADMINISTRATOR.replace(
        "\"Statement\": [",
        "\"Statement\": [{ \"Effect\": \"Deny\", \"Action\": \"cloudformation:CreateChangeSet\", \"Resource\": \"*\" }, ",
    );
    let key = test.make_user_with("ada", &denied).await;
    test.act_as(&key);
    test.manifest(MANIFEST);
    let ran = test.keyrota(BOOTSTRAP).await.exits(1);
    ran.fails(
        "denied",
        &["cloudformation:CreateChangeSet", "deployer-policy.json"],
    );
    assert_eq!(test.stack_status("payments-keys").await, None);
    assert!(test.keys("ci-deployer").await.expect("the user").is_empty());
}
