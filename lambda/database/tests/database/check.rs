//! The check.

use keyrota_database_function::event::{EventError, Work};
use keyrota_database_function::server::ServerFault;
use keyrota_database_function::stage::CURRENT;
use keyrota_test_function::secrets::FakeSecrets as _;
use serde_json::json;

use crate::fake::{FakeServices, Outcome, SECRET_ARN, Setting, check};

fn answer(services: &FakeServices, version: &str) -> serde_json::Value {
    match check(services, version) {
        Outcome::Done(answer) => serde_json::to_value(answer).expect("JSON"),
        other => panic!("{}", other.name()),
    }
}

#[test]
fn it_says_whether_a_versions_password_works() {
    let services = FakeServices::new(Setting::POSTGRES);
    assert_eq!(answer(&services, "first"), json!({ "authenticates": true }));
    services.change_by_hand("another");
    let wrong = json!({
        "authenticates": false,
        "reason": "the user name or the password is wrong (28P01)",
        "fault": "wrong_credentials",
    });
    assert_eq!(answer(&services, "first"), wrong);
    services.down.set(Some(ServerFault::NameUnknown));
    assert_eq!(answer(&services, "first")["fault"], "name_unknown");
}

#[test]
fn a_secret_that_is_at_fault_is_an_error() {
    let services = FakeServices::new(Setting::POSTGRES);
    assert_eq!(check(&services, "absent").name(), "NothingToCheck");
    let mut value = services.fields(CURRENT);
    value["host"] = json!("evil.example");
    services.store("stray", &["SOMETHING"], &value);
    assert_eq!(check(&services, "stray").name(), "Stray");
    services.unpin();
    assert_eq!(check(&services, "first").name(), "NotPinned");
    assert_eq!(
        services
            .calls
            .borrow()
            .iter()
            .filter(|call| **call == "authenticate")
            .count(),
        0
    );
}

#[test]
fn an_event_that_is_none_is_refused() {
    let cases = [
        (
            json!({ "keyrota": "check", "version": "v" }),
            EventError::EventFieldMissing { field: "secret" },
        ),
        (
            json!({ "keyrota": "check", "secret": "x", "version": "v" }),
            EventError::CheckNotAnArn,
        ),
        (
            json!({ "keyrota": "check", "secret": SECRET_ARN }),
            EventError::EventFieldMissing { field: "version" },
        ),
        (
            json!({ "keyrota": "check", "secret": SECRET_ARN, "version": 7 }),
            EventError::EventFieldNotText { field: "version" },
        ),
        (json!({ "keyrota": "cheque" }), EventError::UnknownWork),
        (
            json!({ "Step": "dropSecret", "SecretId": SECRET_ARN, "ClientRequestToken": "t" }),
            EventError::UnknownStep,
        ),
    ];
    for (event, expected) in cases {
        assert_eq!(Work::parse(&event).err(), Some(expected), "{event}");
    }
}
