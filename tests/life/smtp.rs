//! `smtp`: the passwords in the secret are those of its key, after each rotation.

use keyrota_contract::value::smtp::password;
use keyrota_test_servers::{MailOptions, MailServer};
use secrecy::{ExposeSecret, SecretString};

use crate::environment::TestEnvironment;

#[tokio::test]
async fn the_smtp_credentials_are_those_of_the_current_key() {
    let test = TestEnvironment::new().await;
    test.make_user("mailer").await;
    let manifest = |smtp: &str| {
        format!(
            "version: 1\nstack: mail\naccess_keys: [{{ user: mailer, secret: mailer{smtp} }}]\n"
        )
    };
    let bootstrap = "bootstrap --yes --function-zip function.zip";
    // The first key, which keyrota stores, and those of the function.
    test.manifest(&manifest(
        ", smtp: [eu-west-1, us-east-1], first_rotation: scheduled",
    ));
    test.keyrota(bootstrap).await.exits(0);
    for rotation in 0..3 {
        let value = test.value("mailer", "AWSCURRENT").await.expect("a value");
        let secret = value["secretkey"].as_str().expect("a key");
        let secret = SecretString::from(secret);
        assert_eq!(value["smtp_username"], value["accesskey"]);
        for (field, region) in [
            ("smtp_password", "eu-west-1"),
            ("smtp_password_eu_west_1", "eu-west-1"),
            ("smtp_password_us_east_1", "us-east-1"),
        ] {
            let expected = password(&secret, region);
            assert_eq!(value[field], expected.expose_secret(), "{rotation} {field}");
            test.conceal(expected.expose_secret());
        }
        test.keyrota("rotate").await.exits(0);
    }
    // No password, in no log.
    let logged = test.logged().await.join("\n");
    for secret in test.concealed() {
        assert!(!logged.contains(&secret));
    }

    // A Region that is removed from the list goes with the next rotation.
    test.manifest(&manifest(", smtp: [us-east-1]"));
    test.keyrota(bootstrap).await.exits(0);
    test.keyrota("rotate").await.exits(0);
    let value = test.value("mailer", "AWSCURRENT").await.expect("a value");
    assert!(value["smtp_password_eu_west_1"].is_null());
    assert_eq!(value["smtp_password"], value["smtp_password_us_east_1"]);
}

/// The function trusts the operating system's authorities only, so it gives this server no password.
#[tokio::test]
async fn a_key_that_cannot_log_in_does_not_become_current() {
    let test = TestEnvironment::new().await;
    test.make_user("mailer").await;
    let manifest = |probe: &str| {
        format!(
            "version: 1\nstack: mail\naccess_keys:\n\
             \x20 - {{ user: mailer, secret: mailer, smtp: [eu-west-1], first_rotation: scheduled{probe} }}\n"
        )
    };
    let bootstrap = "bootstrap --yes --function-zip function.zip";
    let options = MailOptions {
        port: Some(2587),
        ..MailOptions::default()
    };
    let server = MailServer::start(options).expect("a mail server");
    test.manifest(&manifest(", probe: { smtp: 'localhost:2587' }"));
    test.keyrota(bootstrap).await.exits(0);
    let current = test.current_key("mailer").await;
    let ran = test.keyrota("rotate").await.exits(1);
    for text in [
        "log in at localhost:2587 by SMTP",
        "certificate UnknownIssuer",
    ] {
        assert!(format!("{ran}").contains(text), "{text}: {ran}");
    }
    assert_eq!(test.current_key("mailer").await, current);
    let log = server.log();
    assert!(!log.contains("a login was tried"), "{log}");
}
