//! The faults that `doctor` finds in a database's secret, and those that the function
//! fixes.

use serde_json::Value;

use super::client::Refused;
use super::site::{SECRET, Site};
use super::test_server::{self, Engine};

const DOCTOR: &str = "doctor --format json";

/// Returns the ID of each finding and whether it was fixed, and the first one's evidence.
async fn found(site: &Site, arguments: &str, code: i32) -> (Vec<(String, bool)>, String) {
    let ran = match arguments {
        DOCTOR => site.test.changes_nothing(DOCTOR).await,
        _ => site.test.keyrota(arguments).await,
    };
    let document = ran.exits(code).json();
    let findings = document["findings"].as_array().expect("findings");
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let ids = findings
        .iter()
        .map(|it| (text(&it["id"]), it["fixed"] == true));
    let first = findings
        .first()
        .map_or(String::new(), |it| text(&it["evidence"]));
    (ids.collect(), first)
}

#[tokio::test]
async fn a_password_that_does_not_work_is_found_and_one_that_was_broken_off_mended() {
    let site = Site::bootstrapped(test_server::shared(Engine::Postgres), "").await;
    assert_eq!(found(&site, DOCTOR, 0).await.0, []);

    // A rotation that was cancelled after its password was sent.
    let mut value = site.value("AWSCURRENT").await;
    let sent = "sent-and-broken-off";
    value["password"] = sent.into();
    site.test.conceal(sent);
    let request = site.test.secretsmanager.put_secret_value();
    let request = request.secret_id(SECRET).version_stages("KEYROTA_SETTING");
    let request = request.secret_string(value.to_string());
    request.send().await.expect("the value is stored");
    test_server::set_password(&site.server, &site.user, sent);
    assert_eq!(site.log_in("AWSCURRENT").await, Err(Refused::Wrong));
    let (ids, evidence) = found(&site, DOCTOR, 5).await;
    let both = ["credential-refused", "password-broken-off"];
    assert_eq!(ids, both.map(|id| (id.to_owned(), false)));
    assert!(evidence.contains("password is wrong"), "{evidence}");
    let (ids, _) = found(&site, "doctor --fix --yes --format json", 0).await;
    assert_eq!(ids, both.map(|id| (id.to_owned(), true)));
    assert_eq!(site.log_in("AWSCURRENT").await, Ok(()));

    // A password that a person set must be corrected by a person.
    test_server::set_password(&site.server, &site.user, "set-by-hand");
    let (ids, _) = found(&site, DOCTOR, 5).await;
    assert_eq!(ids, [("credential-refused".to_owned(), false)]);
    let password = site.value("AWSCURRENT").await["password"].clone();
    let password = password.as_str().expect("a password");
    test_server::set_password(&site.server, &site.user, password);
    assert_eq!(found(&site, DOCTOR, 0).await.0, []);
    site.test.check_logs_for_secrets().await;
}
