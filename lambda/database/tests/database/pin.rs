//! The pins, and the secrets without a pin.

use keyrota_database_function::arn::SecretArn;
use keyrota_database_function::event::Step;
use keyrota_database_function::pin::{Pin, Pins};
use keyrota_database_function::port::Description;
use keyrota_database_function::server::{Engine, Verification};
use keyrota_test_function::secrets::FakeSecrets as _;
use serde_json::{Value, json};
use std::time::Duration;

use crate::fake::{FakeServices, SECRET, SECRET_ARN, Setting, TOKEN, run};

/// Returns an entry of the pins.
fn entry() -> Value {
    json!({
        "username": "orders \"app\"",
        "engine": "mariadb",
        "host": "2001:db8::1",
        "port": 3306,
        "dbname": "가",
        "tls": "verify-ca",
        "tls_ca": "0123456789abcdef.pem",
        "password": { "length": 20, "exclude": "/@\"'\\" },
        "rotate_as": { "administrator": "ops/db-admin" },
        "deactivate_after": "1d",
    })
}

fn parse(entry: &Value) -> Option<Pins> {
    let document = json!({ "version": 1, "secrets": { SECRET: entry } });
    Pins::parse(document.to_string().as_bytes()).ok()
}

fn description() -> Description {
    Description {
        arn: SECRET_ARN.to_owned(),
        ..Description::default()
    }
}

#[test]
fn what_the_program_writes_is_understood() {
    let secret = SecretArn::parse(SECRET_ARN).expect("an ARN");
    let pins = parse(&entry()).expect("pins");
    let pin = Pin::read(&pins, &secret, &description()).expect("a pin");
    assert_eq!(pin.username, "orders \"app\"");
    assert_eq!(pin.endpoint.engine, Engine::MariaDb);
    assert_eq!(pin.endpoint.host, "2001:db8::1");
    assert_eq!(pin.endpoint.port, 3306);
    assert_eq!(pin.endpoint.dbname.as_deref(), Some("가"));
    assert_eq!(pin.endpoint.verification, Verification::Authority);
    let file = pin.endpoint.authorities.as_deref();
    assert_eq!(file, Some("0123456789abcdef.pem"));
    assert_eq!(pin.rule.length, 20);
    assert_eq!(pin.rule.exclude, "/@\"'\\");
    assert_eq!(pin.old_password, Some(Duration::from_secs(86_400)));
    // The request uses the pinned name, whatever a value contains.
    let administrator = pin.administrator().expect("an administrator");
    assert_eq!(administrator.as_str(), "ops/db-admin");
}

#[test]
fn what_makes_no_sense_is_no_pin() {
    for (field, value) in [
        ("username", Value::Null),
        ("engine", json!("oracle")),
        ("host", Value::Null),
        ("port", json!(65_536)),
        ("port", json!("5432")),
        ("tls", json!("disable")),
        ("password", json!({ "length": 32 })),
        ("rotate_as", json!("role")),
        ("hosts", json!("some")),
        ("more", json!(1)),
    ] {
        let mut entry = entry();
        match value {
            Value::Null => drop(entry.as_object_mut().expect("an object").remove(field)),
            ref value => entry[field] = value.clone(),
        }
        assert!(parse(&entry).is_none(), "{field} {value}");
    }
}

#[test]
fn a_pin_that_contradicts_stops_each_step() {
    for (field, value) in [
        ("tls_ca", json!("../x")),
        ("tls_ca", json!(".x")),
        ("tls_ca", json!("")),
        ("password", json!({ "length": 0, "exclude": "" })),
        ("deactivate_after", json!("soon")),
        // A role of PostgreSQL has one account.
        ("hosts", json!("all")),
        ("rotate_as", json!({ "administrator": SECRET })),
        (
            "rotate_as",
            json!({ "administrator": "arn:aws:iam::1:role/x" }),
        ),
    ] {
        for step in Step::ALL {
            let services = FakeServices::new(Setting::POSTGRES);
            services.pin(field, value.clone());
            services.begin(TOKEN);
            assert_eq!(run(&services, step).name(), "PinInvalid", "{field} {value}");
            let calls = services.calls.borrow();
            assert!(calls.iter().all(|call| call.starts_with("secretsmanager:")));
        }
    }
}

#[test]
fn a_secret_that_is_not_pinned_is_not_served() {
    for step in Step::ALL {
        let services = FakeServices::new(Setting::POSTGRES);
        services.unpin();
        services.begin(TOKEN);
        assert_eq!(run(&services, step).name(), "NotPinned");
        let calls = services.calls.borrow();
        assert!(calls.iter().all(|call| call.starts_with("secretsmanager:")));
    }
}
