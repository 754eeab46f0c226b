//! Tests `testSecret`.

use std::time::Duration;

use keyrota_service_function::event::Step;
use keyrota_service_function::port::Clock;
use keyrota_service_function::service::ServiceFault;
use keyrota_service_function::stage::{CURRENT, PENDING};
use keyrota_test_function::secrets::FakeSecrets as _;
use serde_json::json;

use crate::fake::AnyFault::Service;
use crate::fake::{FakeServices, Mishap, Setting, TOKEN, run};

/// The number of the first login: the step describes the secret and reads two versions before.
const LOGIN: usize = 3;

fn set(setting: Setting) -> FakeServices {
    let services = FakeServices::new(setting);
    services.begin(TOKEN);
    assert!(run(&services, Step::Create).is_done());
    assert!(run(&services, Step::Set).is_done());
    services.output.clear();
    services
}

#[test]
fn a_service_that_cannot_be_asked_is_asked_again() {
    let services = set(Setting::PLAIN);
    services.inject(LOGIN, Mishap::Before(Service(ServiceFault::Unreachable)));
    services.inject(LOGIN + 1, Mishap::Before(Service(ServiceFault::Unclear)));
    assert_eq!(run(&services, Step::Test).name(), "done");
    assert_eq!(services.now(), Duration::from_secs(4));
}

#[test]
fn a_farm_is_asked_before_and_after_its_time() {
    let services = set(Setting::FARM);
    let before = services.calls.borrow().len();
    assert_eq!(run(&services, Step::Test).name(), "done");
    assert_eq!(services.now(), Duration::from_secs(30));
    let calls = services.calls.borrow();
    let logins = calls[before..].iter().filter(|it| **it == "authenticate");
    assert_eq!(logins.count(), 2);
    assert!(
        services
            .output
            .said()
            .contains("does not know the new password yet")
    );
}

#[test]
fn a_farm_that_never_learns_the_password_fails_the_test() {
    let services = set(Setting::FARM);
    services.change_by_hand("somebody's own");
    assert_eq!(run(&services, Step::Test).name(), "TestFailed");
}

#[test]
fn a_test_of_the_configuration_logs_in_with_awscurrent() {
    let services = FakeServices::new(Setting::PLAIN);
    assert_eq!(run(&services, Step::Test).name(), "done");
    for value in [services.fields(CURRENT), json!({ "a": 1 }), json!("text")] {
        let services = FakeServices::new(Setting::PLAIN);
        let value = match value.get("password") {
            Some(_) => services.fields(CURRENT),
            None => value,
        };
        services.store(TOKEN, &[PENDING], &value);
        assert_eq!(run(&services, Step::Test).name(), "done", "{value}");
        assert!(services.output.said().contains("test of the configuration"));
        services.change_by_hand("somebody's own");
        services.output.clear();
        assert_eq!(run(&services, Step::Test).name(), "NoLogin");
        let said = services.output.said();
        assert!(said.contains("with the AWSCURRENT of"), "{said}");
    }
}
