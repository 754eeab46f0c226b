//! The first password, which the administrator sets, and the user that the administrator creates.

use keyrota_database_function::event::Step;
use keyrota_database_function::mark::{RETAINED, SETTING};
use keyrota_database_function::removal::Removal;
use keyrota_database_function::server::ServerFault;
use keyrota_database_function::stage::{CURRENT, PENDING, PREVIOUS};
use keyrota_test_function::secrets::FakeSecrets as _;
use serde_json::{Value, json};

use crate::fake::AnyFault::Server;
use crate::fake::{
    FakeServices, First, Mishap, Outcome, Setting, TOKEN, check, drop_user, rehearse, rotate, run,
};
use crate::set::asked;

const OTHER: &str = "token-of-another-rotation-00000000";

const EVERY: [Setting; 3] = [Setting::SET, Setting::CREATED, Setting::CREATED_ON_MYSQL];

/// Returns the services with the state after `createSecret`.
fn created(setting: Setting) -> FakeServices {
    let services = FakeServices::new(setting);
    services.begin(TOKEN);
    assert_eq!(run(&services, Step::Create).name(), "done");
    services.calls.borrow_mut().clear();
    services
}

/// Returns whether the user has its rights, if it exists.
fn has_rights(services: &FakeServices) -> Option<bool> {
    let user = services.user.borrow();
    user.as_ref().map(|user| user.has_rights)
}

/// Returns the error of a request that failed.
fn error<T>(ended: &Outcome<T>) -> String {
    match ended {
        Outcome::Failed(error) => error.to_string(),
        _ => panic!("it did not fail"),
    }
}

#[test]
fn a_rotation_sets_the_first_password() {
    for setting in EVERY {
        let services = FakeServices::new(setting);
        assert!(!services.works(CURRENT));
        assert_eq!(rotate(&services, TOKEN).name(), "done", "{setting:?}");
        assert!(services.works(CURRENT));
        assert_eq!(services.fields(CURRENT)["note"], "kept as it is");
        assert_eq!(services.fields(PREVIOUS).get("password"), None);
        // Nothing is retained beside it.
        assert_eq!(services.carrier(RETAINED), None);
        assert_eq!(services.carrier(SETTING), None);
        // From then on it rotates like any other.
        services.calls.borrow_mut().clear();
        assert_eq!(rotate(&services, OTHER).name(), "done");
        assert!(services.works(CURRENT));
        assert!(asked(&services).contains(&"change"));
    }
}

#[test]
fn without_the_pin_a_secret_without_a_password_stays_as_it_is() {
    let services = FakeServices::new(Setting::SET);
    services.pin("sets_first", Value::Null);
    assert_eq!(rotate(&services, TOKEN).name(), "NotBootstrapped");
    assert!(asked(&services).is_empty());
}

/// The program stores the rest of the value before the first rotation.
#[test]
fn a_value_without_the_server_is_not_completed() {
    for (missing, expected) in [
        ("host", "NotBootstrapped"),
        ("username", "NotBootstrapped"),
        ("dbname", "Stray"),
        ("masterarn", "Stray"),
    ] {
        let services = FakeServices::new(Setting::SET);
        let mut value = services.fields(CURRENT);
        value.as_object_mut().expect("an object").remove(missing);
        services.store("other", &[CURRENT], &value);
        assert_eq!(rotate(&services, TOKEN).name(), expected, "{missing}");
        assert!(asked(&services).is_empty());
    }
}

#[test]
fn a_value_of_another_server_is_not_completed() {
    let services = FakeServices::new(Setting::SET);
    let mut value = services.fields(CURRENT);
    value["host"] = json!("evil.example");
    services.store("other", &[CURRENT], &value);
    assert_eq!(rotate(&services, TOKEN).name(), "Stray");
    assert!(asked(&services).is_empty());
}

/// Only the administrator can do it.
#[test]
fn a_pin_without_an_administrator_is_refused() {
    for (field, value) in [
        ("sets_first", json!(true)),
        ("create_user", json!({ "roles": ["readers"] })),
    ] {
        let services = FakeServices::new(Setting::POSTGRES);
        services.pin(field, value);
        assert_eq!(rotate(&services, TOKEN).name(), "PinInvalid", "{field}");
    }
}

#[test]
fn a_pin_with_rights_of_another_form_is_refused() {
    for rights in [
        json!({ "grants": ["SELECT ON shop.* TO root"] }),
        json!({ "grants": ["SELECT ON shop.*; DROP TABLE x"] }),
        json!({ "roles": [""] }),
    ] {
        let services = FakeServices::new(Setting::CREATED);
        services.pin("create_user", rights.clone());
        assert_eq!(rotate(&services, TOKEN).name(), "PinInvalid", "{rights}");
        assert!(asked(&services).is_empty());
    }
}

#[test]
fn a_user_that_existed_before_is_not_taken_over() {
    for setting in [Setting::CREATED, Setting::CREATED_ON_MYSQL] {
        let services = FakeServices::new(setting);
        services.change_by_hand("of someone else, thirty-two long");
        let before = services.user.borrow().clone();
        let ended = rotate(&services, TOKEN);
        assert_eq!(ended.name(), "UserExists", "{setting:?}");
        assert_eq!(*services.user.borrow(), before);
        assert_eq!(services.carrier(SETTING), None);
        // A teardown does not drop it either.
        services.cancelled.set(true);
        let Outcome::Done(Removal::Kept { reason }) = drop_user(&services) else {
            panic!("it was dropped");
        };
        assert!(reason.contains("nothing shows"), "{reason}");
        assert_eq!(*services.user.borrow(), before);
    }
}

#[test]
fn a_user_that_does_not_exist_is_created_only_if_the_pin_says_so() {
    let services = FakeServices::new(Setting::SET);
    services.user.replace(None);
    services.allow_breakage();
    let ended = rotate(&services, TOKEN);
    assert_eq!(ended.name(), "NotChanged");
    assert!(error(&ended).contains("`create_user`"), "{}", error(&ended));
    assert!(!asked(&services).contains(&"prepare_granted"));
}

/// A person may drop the user. The manifest says that it exists.
#[test]
fn a_user_that_was_dropped_is_created_again() {
    let services = FakeServices::new(Setting::CREATED);
    assert_eq!(rotate(&services, TOKEN).name(), "done");
    services.user.replace(None);
    services.allow_breakage();
    assert_eq!(rotate(&services, OTHER).name(), "done");
    assert!(services.works(CURRENT));
}

/// The retry knows the user by the password that it has.
#[test]
fn a_user_without_its_rights_is_completed() {
    for fault in [ServerFault::Unclear, ServerFault::RightsRefused] {
        for token in [TOKEN, OTHER] {
            let services = created(Setting::CREATED_ON_MYSQL);
            let calls = {
                let whole = services.fork();
                assert_eq!(run(&whole, Step::Set).name(), "done");
                whole.calls.borrow().clone()
            };
            let at = calls.iter().position(|call| *call == "prepare_granted");
            services.inject(at.expect("the call"), Mishap::Half(Server(fault)));
            let ended = run(&services, Step::Set);
            let expected = match fault {
                ServerFault::RightsRefused => "NotChanged",
                _ => "ChangeUnknown",
            };
            assert_eq!(ended.name(), expected);
            assert_eq!(has_rights(&services), Some(false));
            if token == OTHER {
                services.cancel();
            }
            assert_eq!(rotate(&services, token).name(), "done");
            assert_eq!(has_rights(&services), Some(true));
            assert!(services.works(CURRENT));
        }
    }
}

#[test]
fn a_right_that_is_refused_is_named() {
    let services = created(Setting::CREATED);
    services.refuses.set(Some(ServerFault::RightsRefused));
    let ended = run(&services, Step::Set);
    assert_eq!(ended.name(), "NotChanged");
    let error = error(&ended);
    assert!(error.contains("`grants` or `roles`"), "{error}");
    services.refuses.set(None);
    assert_eq!(rotate(&services, TOKEN).name(), "done");
}

#[test]
fn a_password_that_the_rules_refuse_is_given_up() {
    for setting in EVERY {
        let services = created(setting);
        services.refuses.set(Some(ServerFault::PasswordRefused));
        assert_eq!(run(&services, Step::Set).name(), "GivenUp", "{setting:?}");
        services.refuses.set(None);
        assert_eq!(rotate(&services, OTHER).name(), "done", "{setting:?}");
    }
}

#[test]
fn a_user_is_dropped_only_when_its_rotation_is_cancelled() {
    let services = FakeServices::new(Setting::CREATED);
    assert_eq!(rotate(&services, TOKEN).name(), "done");
    services.cancelled.set(false);
    let ended = drop_user(&services);
    assert_eq!(ended.name(), "MayNotDrop");
    assert!(error(&ended).contains("not cancelled"), "{}", error(&ended));
    assert!(services.works(CURRENT));

    services.cancelled.set(true);
    services.keeps_user.set(Some("it owns 2 object(s)"));
    let Outcome::Done(Removal::Kept { reason }) = drop_user(&services) else {
        panic!("it was dropped");
    };
    assert_eq!(reason, "it owns 2 object(s)");
    assert!(services.works(CURRENT));

    services.keeps_user.set(None);
    assert!(matches!(
        drop_user(&services),
        Outcome::Done(Removal::Dropped)
    ));
    assert!(services.user.borrow().is_none());
    assert!(matches!(
        drop_user(&services),
        Outcome::Done(Removal::Absent)
    ));
}

/// The password of a rotation that was interrupted shows it too.
#[test]
fn a_user_is_dropped_before_its_first_rotation_has_ended() {
    let services = created(Setting::CREATED);
    assert_eq!(run(&services, Step::Set).name(), "done");
    services.cancelled.set(true);
    for label in [PENDING, SETTING] {
        let forked = services.fork();
        if label == SETTING {
            forked.cancel();
        }
        let dropped = drop_user(&forked);
        assert!(
            matches!(dropped, Outcome::Done(Removal::Dropped)),
            "{label}"
        );
    }
}

#[test]
fn no_other_user_is_dropped() {
    for setting in [Setting::POSTGRES, Setting::ADMINISTRATOR, Setting::SET] {
        let services = FakeServices::new(setting);
        services.cancelled.set(true);
        assert_eq!(drop_user(&services).name(), "MayNotDrop");
        assert!(asked(&services).is_empty());
    }
    let services = FakeServices::new(Setting::CREATED);
    services.unpin();
    assert_eq!(drop_user(&services).name(), "NotPinned");
}

#[test]
fn a_server_that_cannot_be_asked_drops_nothing() {
    let services = FakeServices::new(Setting::CREATED);
    assert_eq!(rotate(&services, TOKEN).name(), "done");
    services.cancelled.set(true);
    services.down.set(Some(ServerFault::Unreachable));
    let ended = drop_user(&services);
    assert_eq!(ended.name(), "NotDropped");
    assert!(error(&ended).contains("security"), "{}", error(&ended));
}

/// There is nothing to log in with, so a check says so.
#[test]
fn a_check_before_the_first_rotation_finds_no_password() {
    let services = FakeServices::new(Setting::SET);
    assert_eq!(check(&services, "first").name(), "NothingToCheck");
    let Outcome::Done(answer) = rehearse(&services) else {
        panic!("no answer");
    };
    assert!(answer.refusal().is_some());
    assert_eq!(services.setting.first, First::Set);
}
