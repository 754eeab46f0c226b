//! Tests what follows from the answer to a change.

use keyrota_contract::error::PASSWORD_REJECTED;
use keyrota_service_function::event::Step;
use keyrota_service_function::mark::SETTING;
use keyrota_service_function::service::ServiceFault;
use keyrota_service_function::stage::{CURRENT, PENDING};
use keyrota_test_function::secrets::FakeSecrets as _;

use crate::fake::AnyFault::Service;
use crate::fake::{FakeServices, Mishap, Setting, TOKEN, run, run_for};

const SENT: [ServiceFault; 4] = [
    ServiceFault::WrongPassword,
    ServiceFault::PasswordRejected,
    ServiceFault::Unreachable,
    ServiceFault::Unclear,
];

/// The number of the change among the calls of `setSecret`: it describes the secret, reads two
/// versions, logs in, and puts the label.
const CHANGE: usize = 5;

fn created() -> FakeServices {
    let services = FakeServices::new(Setting::PLAIN);
    services.begin(TOKEN);
    assert!(run(&services, Step::Create).is_done());
    services.output.clear();
    services
}

fn set_with(mishap: Mishap) -> (FakeServices, &'static str) {
    let services = created();
    services.inject(CHANGE, mishap);
    let ended = run(&services, Step::Set).name();
    (services, ended)
}

#[test]
fn a_change_that_is_said_to_have_failed_is_found() {
    for fault in SENT {
        let (services, ended) = set_with(Mishap::After(Service(fault)));
        assert_eq!(ended, "done", "{fault:?}");
        let said = services.output.said();
        assert!(said.contains("the service was found to have the pending password"));
    }
}

#[test]
fn a_change_that_failed_is_reported_with_what_was_tested() {
    for fault in SENT {
        let (services, ended) = set_with(Mishap::Before(Service(fault)));
        let expected = match fault {
            ServiceFault::PasswordRejected => PASSWORD_REJECTED,
            _ => "NotChanged",
        };
        assert_eq!(ended, expected, "{fault:?}");
        let said = services.output.said();
        let tested =
            "logins right after that failed with the new password and succeeded with the old one";
        assert!(said.contains(tested), "{said}");
        assert!(services.works(CURRENT));
    }
}

#[test]
fn a_change_that_was_not_sent_is_not_tested() {
    let (services, ended) = set_with(Mishap::Before(Service(ServiceFault::NotSent)));
    assert_eq!(ended, "NotChanged");
    assert!(services.output.said().contains("the change was not sent"));
    assert_eq!(services.calls.borrow().last(), Some(&"change"));
}

#[test]
fn what_could_not_be_tested_is_not_claimed() {
    let services = created();
    services.inject(CHANGE, Mishap::Before(Service(ServiceFault::Unclear)));
    services.inject(CHANGE + 1, Mishap::Before(Service(ServiceFault::Unclear)));
    assert_eq!(run(&services, Step::Set).name(), "ChangeUnknown");
    let said = services.output.said().clone();
    assert!(said.contains("it could not be tested"), "{said}");
    assert!(said.contains("the password may have changed"), "{said}");
    assert_eq!(services.calls.borrow().last(), Some(&"authenticate"));
}

/// The next rotation makes another password, and the version of this one keeps its label until a login
/// has shown that the service does not have its password.
#[test]
fn a_rejected_password_is_given_up() {
    let (services, ended) = set_with(Mishap::Before(Service(ServiceFault::PasswordRejected)));
    assert_eq!(ended, PASSWORD_REJECTED);
    let line = format!(r#""errorType":"{PASSWORD_REJECTED}""#);
    assert!(services.output.said().contains(&line));
    assert_eq!(services.carrier(PENDING), None);
    assert!(services.carrier(SETTING).is_some());
    let next = "the-next-rotation-00000000000000";
    services.begin(next);
    for step in Step::ALL {
        assert_eq!(run_for(&services, step, next).name(), "done");
    }
    assert!(services.works(CURRENT));
    assert_eq!(services.carrier(SETTING), None);
}

/// An adapter that says success and does nothing is found by `testSecret`, and AWSCURRENT stays.
#[test]
fn a_success_is_not_believed() {
    let (services, ended) = set_with(Mishap::Pretended);
    assert_eq!(ended, "done");
    assert_eq!(run(&services, Step::Test).name(), "TestFailed");
    let advice = "run `keyrota adapter test` on the adapter";
    assert!(services.output.said().contains(advice));
    assert_eq!(run(&services, Step::Finish).name(), "TestFailed");
    assert!(services.works(CURRENT));
    // One login each, because it is unknown how many wrong ones the service tolerates.
    let calls = services.calls.borrow();
    let logins = calls.iter().rev().take_while(|it| **it != "change");
    assert_eq!(logins.filter(|it| **it == "authenticate").count(), 2);
    drop(calls);
    assert_eq!(run(&services, Step::Set).name(), "done");
    assert_eq!(run(&services, Step::Test).name(), "done");
}
