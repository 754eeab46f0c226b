//! Tests `createSecret`.

use keyrota_service_function::event::Step;
use keyrota_service_function::stage::{CURRENT, PENDING};
use keyrota_test_function::secrets::FakeSecrets as _;
use serde_json::json;

use crate::fake::{FakeServices, Setting, TOKEN, USER, run};

fn begun() -> FakeServices {
    let services = FakeServices::new(Setting::PLAIN);
    services.begin(TOKEN);
    services
}

#[test]
fn a_new_password_is_stored_and_nothing_is_sent() {
    let services = begun();
    assert_eq!(run(&services, Step::Create).name(), "done");
    let (current, pending) = (services.fields(CURRENT), services.fields(PENDING));
    assert_eq!(pending["username"], USER);
    assert_eq!(pending["note"], "kept as it is");
    assert_ne!(pending["password"], current["password"]);
    let calls = services.calls.borrow();
    assert!(!calls.contains(&"authenticate") && !calls.contains(&"change"));
}

#[test]
fn a_second_try_keeps_the_first_password() {
    let services = begun();
    run(&services, Step::Create);
    let before = services.fields(PENDING);
    assert_eq!(run(&services, Step::Create).name(), "done");
    assert_eq!(services.fields(PENDING), before);
}

#[test]
fn a_password_that_breaks_the_rules_is_not_used() {
    let padded = |head: &str| format!("{head:a<32}");
    for unfit in [
        "Q1".to_owned(),
        padded("Q1/"),
        padded("q1"),
        padded("QQ"),
        padded("Q1\u{7f}"),
    ] {
        let services = begun();
        services.random.replace(Some(unfit));
        assert_eq!(run(&services, Step::Create).name(), "PasswordUnfit");
    }
    let services = begun();
    services.random.replace(Some(padded("Q1")));
    assert_eq!(run(&services, Step::Create).name(), "done");
}

#[test]
fn a_pending_version_that_is_of_no_use_is_given_up() {
    for value in [
        json!({ "username": "somebody else", "password": "p" }),
        json!({ "username": USER }),
        json!("text"),
    ] {
        let services = FakeServices::new(Setting::PLAIN);
        services.store(TOKEN, &[PENDING], &value);
        assert_eq!(run(&services, Step::Create).name(), "GivenUp", "{value}");
        assert_eq!(services.carrier(PENDING), None);
    }
}
