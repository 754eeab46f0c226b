//! Tests the check.

use keyrota_contract::check::{CallResult, CheckAnswer, Signer, call};
use keyrota_service_function::service::ServiceFault;
use keyrota_service_function::stage::CURRENT;
use serde_json::json;

use crate::fake::{FakeServices, Outcome, Setting, check, rehearse};

fn answer(outcome: Outcome<CheckAnswer>) -> CheckAnswer {
    match outcome {
        Outcome::Done(answer) => answer,
        other => panic!("{}", other.name()),
    }
}

#[test]
fn a_version_is_checked_with_one_login() {
    let services = FakeServices::new(Setting::PLAIN);
    assert_eq!(answer(check(&services, "first")).refusal(), None);
    assert!(!services.calls.borrow().contains(&"change"));
    services.change_by_hand("somebody's own");
    let refused = answer(check(&services, "first"));
    let login = refused.login().expect("a login");
    assert_eq!(login.call, call::AUTHENTICATE);
    assert_eq!(login.code.as_deref(), Some("wrong_credentials"));
    let said = "the service says that the user name or the password is wrong (HTTP 409)";
    assert_eq!(refused.refusal().as_deref(), Some(said));
}

#[test]
fn a_version_without_a_password_cannot_be_checked() {
    let services = FakeServices::new(Setting::PLAIN);
    assert_eq!(check(&services, "absent").name(), "NothingToCheck");
    services.store("other", &[], &json!({ "username": "x", "password": "p" }));
    assert_eq!(check(&services, "other").name(), "Stray");
    services.unpin();
    assert_eq!(check(&services, "first").name(), "NotPinned");
    assert_eq!(rehearse(&services).name(), "NotPinned");
}

#[test]
fn a_rehearsal_changes_nothing() {
    let services = FakeServices::new(Setting::PLAIN);
    let before = services.stages();
    let answer = answer(rehearse(&services));
    let results: Vec<_> = answer
        .calls
        .iter()
        .map(|it| (it.call.as_str(), it.result))
        .collect();
    use CallResult::{Allowed, Untried};
    assert_eq!(
        results,
        [
            (call::DESCRIBE_SECRET, Allowed),
            (call::GET_SECRET_VALUE, Allowed),
            (call::GET_RANDOM_PASSWORD, Allowed),
            (call::PUT_SECRET_VALUE, Untried),
            (call::AUTHENTICATE, Allowed),
            (call::UPDATE_SECRET_VERSION_STAGE, Untried),
            (call::CHANGE, Untried),
        ]
    );
    assert!(answer.find(call::CHANGE, Signer::User).is_some());
    assert_eq!(services.stages(), before);
    assert!(services.works(CURRENT));
}

#[test]
fn a_service_that_cannot_be_asked_is_a_part_of_the_answer() {
    let services = FakeServices::new(Setting::PLAIN);
    services.down.set(Some(ServiceFault::NotSent));
    let answer = answer(rehearse(&services));
    let login = answer.login().expect("a login");
    assert_eq!(login.result, CallResult::Failed);
    assert_eq!(login.code.as_deref(), Some("throttled"));
}
