//! Services that refuse.

use super::portal::FIRST;
use super::site::{BOOTSTRAP, SECRET, Site};

#[tokio::test]
async fn a_password_that_the_rules_refuse_is_replaced_by_another() {
    let site = Site::new().await;
    let test = &site.test;
    site.portal.reject(2);
    let ran = site.bootstrap().await.exits(0);
    assert_eq!(ran.json()["secrets"][0]["rotated"], true, "{ran}");
    assert!(
        ran.stderr.contains("rotating again with another one"),
        "{ran}"
    );
    site.agrees().await;

    // Three passwords are the limit. The current one stays.
    let before = site.portal.password();
    site.portal.reject(3);
    let ran = test.keyrota("rotate --format json").await.exits(1);
    let error = ran.json()["secrets"][0]["error"].to_string();
    assert!(error.contains("rules"), "{ran}");
    assert_eq!(site.portal.password(), before);
    site.agrees().await;
    test.keyrota("rotate").await.exits(0);
    assert_ne!(site.portal.password(), before);
    site.agrees().await;
    test.check_logs_for_secrets().await;
}

#[tokio::test]
async fn a_wrong_first_password_is_never_current() {
    let site = Site::new().await;
    let test = &site.test;
    let mut command = test.program(BOOTSTRAP);
    command.env("FIRST_PASSWORD", "wr0ng and never used");
    test.conceal("wr0ng and never used");
    let ran = test.run(BOOTSTRAP, command).await.exits(1);
    assert!(ran.stdout.contains("cannot log in to localhost"), "{ran}");
    let value = test.value(SECRET, "AWSCURRENT").await.expect("a value");
    assert!(value.get("password").is_none());
    site.bootstrap().await.exits(0);
    site.agrees().await;
}

#[tokio::test]
async fn a_password_that_somebody_changed_is_said_and_restored() {
    let site = Site::new().await;
    let test = &site.test;
    site.bootstrap().await.exits(0);
    // Somebody sets the password back to the previous one.
    let previous = test.value(SECRET, "AWSPREVIOUS").await.expect("a value");
    assert_eq!(previous["password"], FIRST);
    site.portal.set(FIRST);
    let ran = test.keyrota("doctor --format json").await.exits(5);
    assert_eq!(
        ran.json()["findings"][0]["id"],
        "credential-refused",
        "{ran}"
    );
    test.keyrota("rotate --restore-previous partner/portal")
        .await
        .exits(0);
    site.agrees().await;
    test.keyrota("doctor").await.exits(0);
    test.keyrota("rotate").await.exits(0);
    site.agrees().await;
}
