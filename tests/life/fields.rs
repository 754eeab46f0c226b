//! The fields of a live secret get other names: over three rotations, clients that read the
//! former names and clients that read the new ones find a credential that works.

use serde_json::{Value, json};

use crate::database::client::log_in;
use crate::database::site::{SECRET, Site};
use crate::database::test_server::{self, Engine};
use crate::environment::{Key, TestEnvironment};

const OLD: [&str; 2] = ["accesskey", "secretkey"];
const NEW: [&str; 2] = ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"];
const RENAMED: &str =
    ", fields: { accesskey: AWS_ACCESS_KEY_ID, secretkey: AWS_SECRET_ACCESS_KEY }";
const BOOTSTRAP: &str = "bootstrap --yes --no-rotate --function-zip function.zip";

fn manifest(test: &TestEnvironment, fields: &str) {
    test.manifest(&format!(
        "version: 1\nstack: keys\naccess_keys: [{{ user: app, secret: prod/app{fields} }}]\n"
    ));
}

/// Returns whether a client that reads these names finds a key. It must be AWSCURRENT's.
async fn finds(test: &TestEnvironment, names: [&str; 2]) -> bool {
    let value = test.value("prod/app", "AWSCURRENT").await.expect("a value");
    let [Some(id), Some(secret)] = names.map(|name| value[name].as_str()) else {
        return false;
    };
    let key = Key {
        id: id.to_owned(),
        secret: secret.to_owned(),
    };
    test.conceal(secret);
    let holder = test.holder(&key).await.expect("the key works");
    assert!(holder.ends_with("user/app"), "{holder}");
    let ran = test.keyrota("credentials prod/app").await.exits(0);
    assert_eq!(ran.json()["AccessKeyId"], *id);
    true
}

async fn clients(test: &TestEnvironment) -> (bool, bool) {
    (finds(test, OLD).await, finds(test, NEW).await)
}

#[tokio::test]
async fn the_fields_of_a_live_key_are_renamed_in_two_rotations() {
    let test = TestEnvironment::new().await;
    test.make_user("app").await;
    manifest(&test, "");
    test.keyrota(BOOTSTRAP).await.exits(0);
    // A client has added a field of its own.
    let mut value = test.value("prod/app", "AWSCURRENT").await.expect("a value");
    value["note"] = json!({ "of": ["the", "client"] });
    test.store("prod/app", &value).await;
    let unrenamed = test
        .keyrota("plan --function-zip function.zip")
        .await
        .exits(0);
    assert!(
        !unrenamed.stderr.contains("AWS_ACCESS_KEY_ID"),
        "{unrenamed}"
    );

    manifest(&test, RENAMED);
    let plan = test
        .keyrota("plan --function-zip function.zip")
        .await
        .exits(0);
    let told = "the next rotation adds `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY`";
    assert!(plan.stderr.contains(told), "{plan}");
    test.keyrota(BOOTSTRAP).await.exits(0);
    assert_eq!(clients(&test).await, (true, false));

    test.keyrota("rotate").await.exits(0);
    assert_eq!(clients(&test).await, (true, true));
    test.keyrota("status --check").await.exits(0);
    let plan = test
        .keyrota("plan --function-zip function.zip")
        .await
        .exits(0);
    let told = "the next rotation removes `accesskey`, `secretkey`";
    assert!(plan.stderr.contains(told), "{plan}");

    // The renaming begins again with the previous version.
    test.keyrota("rotate --restore-previous prod/app")
        .await
        .exits(0);
    assert_eq!(clients(&test).await, (true, false));
    test.keyrota("rotate").await.exits(0);
    assert_eq!(clients(&test).await, (true, true));

    for _ in 0..2 {
        test.keyrota("rotate").await.exits(0);
        assert_eq!(clients(&test).await, (false, true));
        test.keyrota("status --check").await.exits(0);
        test.keyrota("doctor").await.exits(0);
    }
    let value = test.value("prod/app", "AWSCURRENT").await.expect("a value");
    assert_eq!(value["note"], json!({ "of": ["the", "client"] }));

    // Under the default names, nothing is stored over the key.
    manifest(&test, "");
    let before = test.keys("app").await;
    let ran = test.keyrota(BOOTSTRAP).await.exits(3);
    assert!(ran.stderr.contains("`fields` does not list"), "{ran}");
    assert_eq!(test.keys("app").await, before);

    manifest(
        &test,
        ", fields: { accesskey: [accesskey, AWS_ACCESS_KEY_ID], secretkey: [secretkey, AWS_SECRET_ACCESS_KEY] }",
    );
    test.keyrota(BOOTSTRAP).await.exits(0);
    test.keyrota("rotate").await.exits(0);
    assert_eq!(clients(&test).await, (true, true));
    test.keyrota("rotate").await.exits(0);
    assert_eq!(clients(&test).await, (true, false));
    test.keyrota("teardown --yes --delete-secrets").await;
}

#[tokio::test]
async fn the_first_key_has_the_names_of_the_manifest() {
    let test = TestEnvironment::new().await;
    test.make_user("app").await;
    manifest(&test, RENAMED);
    test.keyrota(BOOTSTRAP).await.exits(0);
    assert_eq!(clients(&test).await, (false, true));
    test.keyrota("rotate").await.exits(0);
    assert_eq!(clients(&test).await, (false, true));
}

#[tokio::test]
async fn other_names_are_given_to_a_reader() {
    let test = TestEnvironment::new().await;
    let value =
        r#"{"ID":"AKIA0123456789ABCDEF","KEY":"hush/hush","accesskey":"AKIA0123456789ABCDEG"}"#;
    test.make_secret("other", value).await;
    let ran = test.keyrota("credentials other").await.exits(1);
    assert!(
        ran.stderr.contains("secretkey or AWS_SECRET_ACCESS_KEY"),
        "{ran}"
    );
    assert!(ran.stderr.contains("--fields secretkey=NAME"), "{ran}");
    let named = "credentials other --fields accesskey=ID,secretkey=KEY";
    let ran = test.keyrota(named).await.exits(0);
    assert_eq!(ran.json()["AccessKeyId"], "AKIA0123456789ABCDEF");
}

/// Returns whether a client that reads these names finds a login. It must work.
async fn logs_in(site: &Site, password: &str, user: &str) -> bool {
    let mut value = site.value("AWSCURRENT").await;
    if value[password].is_null() {
        return false;
    }
    value["password"] = value[password].clone();
    value["username"] = value[user].clone();
    assert_eq!(log_in(&site.server, &value).await, Ok(()));
    true
}

#[tokio::test]
async fn the_fields_of_a_live_login_are_renamed_in_two_rotations() {
    let site = Site::bootstrapped(test_server::shared(Engine::Postgres), "").await;
    let (old, new) = (("password", "username"), ("PGPASSWORD", "PGUSER"));
    let clients = async || {
        (
            logs_in(&site, old.0, old.1).await,
            logs_in(&site, new.0, new.1).await,
        )
    };
    site.manifest("fields: { password: PGPASSWORD, username: PGUSER }");
    site.bootstrap().await.exits(0);
    site.test.keyrota("rotate").await.exits(0);
    assert_eq!(clients().await, (true, true));
    let names = |value: &Value| -> Vec<String> {
        value
            .as_object()
            .expect("an object")
            .keys()
            .cloned()
            .collect()
    };
    assert_eq!(names(&site.value("AWSCURRENT").await).len(), 8);
    for _ in 0..2 {
        site.test.keyrota("rotate").await.exits(0);
        assert_eq!(clients().await, (false, true));
    }
    let exec = format!("exec {SECRET} --fields password=PGPASSWORD,username=PGUSER -- true");
    site.test.keyrota(&exec).await.exits(0);
    site.test
        .keyrota(&format!("exec {SECRET} -- true"))
        .await
        .exits(1);
}
