//! `adapter test`: of files and programs on the mock service, and what it refuses to do.

use serde_json::Value;

use crate::environment::Home;

const PORTAL: &str = r#"
version: 1
authenticate:
  method: POST
  url: https://portal.example.com/login
  headers: { x-tenant: "{{settings.tenant}}" }
  json: { user: "{{username}}", password: "{{password}}" }
  answers:
    - { status: 200, json: { /ok: true }, outcome: success }
    - { status: 401, outcome: refused }
change:
  method: PUT
  url: https://portal.example.com/users/{{username}}
  basic: { username: "{{username}}", password: "{{password}}" }
  form: { password: "{{new_password}}" }
  answers:
    - { status: 204, outcome: success }
    - { status: 401, outcome: refused }
"#;

const MANIFEST: &str = r#"
version: 1
stack: passwords
services:
  - secret: partner/portal
    username: billing
    adapter: { http: portal.yaml }
    settings: { tenant: "4711" }
"#;

fn state(document: &Value, id: &str) -> Value {
    let guarantees = document["guarantees"].as_array().expect("guarantees");
    let found = guarantees.iter().find(|one| one["id"] == id);
    found.expect("the guarantee")["state"].clone()
}

#[tokio::test]
async fn a_file_is_tested_with_a_mock_service() {
    let home = Home::new();
    home.write("portal.yaml", PORTAL);
    let test = "adapter test portal.yaml --setting tenant=4711";
    let document = home
        .keyrota(&format!("{test} --format json"))
        .await
        .exits(0)
        .json();
    assert_eq!(document["adapter"], "portal.yaml");
    assert_eq!(document["service"], "mock");
    assert_eq!(document["sound"], true);
    assert_eq!(state(&document, "rotation-recovers"), "holds");
    let ran = home.keyrota(test).await.exits(0);
    assert!(
        ran.stdout
            .contains("keeps its guarantees with the mock service"),
        "{ran}"
    );

    // A wrong password counts as a success.
    let success = "status: 200, json: { /ok: true }";
    assert!(PORTAL.contains(success));
    home.write("portal.yaml", PORTAL.replace(success, "status: [200, 401]"));
    let ran = home
        .keyrota(&format!("{test} --format json"))
        .await
        .exits(5);
    let document = ran.json();
    assert_eq!(document["sound"], false);
    assert_eq!(state(&document, "login-tells-passwords-apart"), "broken");
    assert_eq!(state(&document, "rotation-recovers"), "not_tested");

    home.write("portal.yaml", PORTAL.replace("https:", "http:"));
    home.keyrota(test).await.exits(3).says(&["https://"]);
}

#[tokio::test]
async fn a_user_that_the_manifest_rotates_is_refused() {
    let home = Home::new();
    home.write("portal.yaml", PORTAL);
    home.write("keyrota.yaml", MANIFEST);
    let test = "adapter test --real portal.yaml --setting tenant=4711 --yes --username";
    let ran = home.keyrota(&format!("{test} billing")).await.exits(1);
    ran.says(&["keyrota.yaml rotates the user billing", "hint:"]);
    // A manifest that is named must exist, also under the name that is the default.
    for (file, says) in [
        ("other.yaml", "cannot read the manifest other.yaml"),
        ("missing/keyrota.yaml", "cannot read the manifest"),
    ] {
        let ran = home.keyrota(&format!("{test} billing -f {file}")).await;
        ran.exits(1).says(&[says]);
    }
    home.write("keyrota.yaml", "services: [");
    let ran = home.keyrota(&format!("{test} billing")).await.exits(3);
    ran.says(&["cannot tell whether keyrota.yaml rotates billing"]);
}

#[tokio::test]
async fn the_real_service_needs_a_confirmation_and_a_password() {
    let home = Home::new();
    home.write("portal.yaml", PORTAL);
    let test = "adapter test portal.yaml --setting tenant=4711 --real";
    home.keyrota(test).await.exits(2);
    let test = format!("{test} --username test-user");
    home.keyrota(&test).await.exits(6).says(&["--yes"]);
    let ran = home.keyrota(&format!("{test} --yes")).await.exits(6);
    ran.says(&["without a terminal", "env:NAME"]);
    let with = |source| format!("{test} --yes --password {source}");
    home.keyrota(&with("hunter2")).await.exits(2);
    let ran = home.keyrota(&with("env:KEYROTA_NO_SUCH_VARIABLE")).await;
    ran.exits(6).says(&["KEYROTA_NO_SUCH_VARIABLE is not set"]);
}

#[tokio::test]
async fn what_cannot_use_the_mock_service_is_refused() {
    let home = Home::new();
    let arn = "arn:aws:lambda:eu-west-1:111122223333:function:portal-adapter";
    let ran = home.keyrota(&format!("adapter test {arn}")).await.exits(2);
    ran.says(&["--real --username"]);
    let ran = home.keyrota("adapter test -- python3 local.py").await;
    ran.exits(2).says(&["--setting url={{mock}}"]);
    let ran = home.keyrota("adapter test --setting url={{mock}} ./no-such-program");
    ran.await.exits(1).says(&["cannot start ./no-such-program"]);
    // A target that does not exist is the cause, whatever the settings are.
    for (target, says) in [
        ("./no-such-program", "the file does not exist"),
        ("no-such-program", "neither a file nor a program"),
        (".", "it is a directory"),
    ] {
        let ran = home.keyrota(&format!("adapter test {target}")).await;
        ran.exits(1).says(&[says, "TARGET is a file"]);
    }
}
