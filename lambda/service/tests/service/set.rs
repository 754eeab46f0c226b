//! Tests `setSecret`.

use keyrota_service_function::event::Step;
use keyrota_service_function::mark::SETTING;
use keyrota_service_function::service::ServiceFault;
use keyrota_service_function::stage::{CURRENT, PENDING, PREVIOUS, VersionId};
use keyrota_test_function::secrets::FakeSecrets as _;
use serde_json::json;

use crate::fake::{FakeServices, Mishap, Setting, TOKEN, run};

fn created(setting: Setting) -> FakeServices {
    let services = FakeServices::new(setting);
    services.begin(TOKEN);
    assert!(run(&services, Step::Create).is_done());
    services.calls.borrow_mut().clear();
    services
}

fn calls(services: &FakeServices) -> Vec<&'static str> {
    let calls = services.calls.borrow();
    let of_interest = calls.iter().filter(|it| {
        ["authenticate", "change"].contains(it) || it.ends_with("UpdateSecretVersionStage")
    });
    of_interest
        .map(|it| it.rsplit(':').next().unwrap_or_default())
        .collect()
}

#[test]
fn the_label_comes_before_the_password() {
    let services = created(Setting::PLAIN);
    assert_eq!(run(&services, Step::Set).name(), "done");
    let expected = ["authenticate", "UpdateSecretVersionStage", "change"];
    assert_eq!(calls(&services), expected);
    assert!(services.works(PENDING) && !services.works(CURRENT));
    let said = services.output.said();
    assert!(said.contains("it is unknown after how many failed logins"));
}

#[test]
fn the_old_password_may_work_on() {
    let services = created(Setting::RETAINS);
    assert_eq!(run(&services, Step::Set).name(), "done");
    assert!(services.works(PENDING) && services.works(CURRENT));
    let said = services.output.said();
    assert!(said.contains("the old password works beside the new one"));
}

#[test]
fn a_second_try_finds_the_password_set() {
    let services = created(Setting::PLAIN);
    run(&services, Step::Set);
    services.calls.borrow_mut().clear();
    assert_eq!(run(&services, Step::Set).name(), "done");
    assert_eq!(calls(&services), ["authenticate"]);
}

#[test]
fn a_password_of_a_rotation_that_was_broken_off_is_found() {
    let services = created(Setting::PLAIN);
    run(&services, Step::Set);
    services.cancel();
    services.begin("another-rotation-0000000000000000");
    let token = "another-rotation-0000000000000000";
    for step in Step::ALL {
        assert_eq!(crate::fake::run_for(&services, step, token).name(), "done");
    }
    assert_eq!(services.carrier(CURRENT), Some(VersionId::new(token)));
    assert_eq!(services.carrier(PREVIOUS), Some(VersionId::new(TOKEN)));
    assert_eq!(services.carrier(SETTING), None);
}

#[test]
fn awsprevious_is_tried_after_awscurrent() {
    let services = created(Setting::PLAIN);
    let works = services.fields(CURRENT);
    services.store("wrong", &[CURRENT], &services.value("made up by hand"));
    services.store("first", &[PREVIOUS], &works);
    services.allow_breakage();
    assert_eq!(run(&services, Step::Set).name(), "done");
    assert_eq!(calls(&services)[..2], ["authenticate"; 2]);
    assert!(services.works(PENDING));
}

#[test]
fn what_was_tried_is_said_if_nothing_works() {
    let services = created(Setting::PLAIN);
    services.change_by_hand("somebody's own");
    assert_eq!(run(&services, Step::Set).name(), "NoPasswordWorks");
    assert!(!calls(&services).contains(&"change"));
    assert!(
        services
            .output
            .said()
            .contains("(tried: AWSCURRENT, AWSPENDING)")
    );
}

#[test]
fn no_other_password_is_sent_after_a_failure_that_is_no_wrong_password() {
    for fault in [
        ServiceFault::NotSent,
        ServiceFault::Unreachable,
        ServiceFault::Unclear,
    ] {
        let services = created(Setting::PLAIN);
        services.down.set(Some(fault));
        assert_eq!(run(&services, Step::Set).name(), "NoLogin");
        assert_eq!(calls(&services), ["authenticate"], "{fault:?}");
    }
}

#[test]
fn a_value_of_another_user_is_never_sent() {
    let services = created(Setting::PLAIN);
    let value = json!({ "username": "somebody else", "password": "p" });
    services.store("wrong", &[CURRENT], &value);
    services.allow_breakage();
    assert_eq!(run(&services, Step::Set).name(), "Stray");
    assert!(calls(&services).is_empty());
    let services = FakeServices::new(Setting::PLAIN);
    services.store(TOKEN, &[PENDING], &value);
    assert_eq!(run(&services, Step::Set).name(), "GivenUp");
}

#[test]
fn a_version_that_cannot_be_decrypted_keeps_its_label() {
    let services = created(Setting::PLAIN);
    services.store("broken-off", &[SETTING], &services.value("made up by hand"));
    services.change_secret(|secret| {
        let version = secret.versions.get_mut(&VersionId::new("broken-off"));
        version.expect("a version").details.undecryptable = true;
    });
    assert_eq!(run(&services, Step::Set).name(), "ValueUnreadable");
    assert!(calls(&services).is_empty());
}

/// The label of a broken-off rotation moves only once every member of a farm would know its password.
#[test]
fn a_farm_gets_its_time_before_the_label_moves() {
    let services = created(Setting::FARM);
    run(&services, Step::Set);
    services.cancel();
    let token = "another-rotation-0000000000000000";
    services.begin(token);
    for step in Step::ALL {
        assert_eq!(crate::fake::run_for(&services, step, token).name(), "done");
    }
    assert_eq!(services.carrier(PREVIOUS), Some(VersionId::new(TOKEN)));
}

/// The pending password reaches a stale member, and AWSCURRENT's a fresh one. Neither is wrong, and no
/// advice may undo a change that worked.
#[test]
fn a_farm_that_learns_a_password_is_not_said_to_accept_none() {
    let services = created(Setting::FARM);
    assert_eq!(run(&services, Step::Set).name(), "done");
    services.output.clear();
    // The step describes the secret, reads two versions, and tries the pending password.
    services.inject(4, Mishap::Fresh);
    assert_eq!(run(&services, Step::Set).name(), "NoMemberAccepts");
    let said = services.output.said().clone();
    assert!(said.contains("(tried: AWSPENDING, AWSCURRENT)"), "{said}");
    assert!(said.contains("longer than `propagation`"), "{said}");
    assert!(!said.contains("by hand"), "{said}");
    services.pass(Setting::FARM.propagation);
    assert_eq!(run(&services, Step::Set).name(), "done");
}

#[test]
fn a_version_that_is_tried_twice_is_named_once() {
    let services = created(Setting::FARM);
    services.store("broken-off", &[SETTING], &services.value("made up by hand"));
    services.change_by_hand("somebody's own");
    assert_eq!(run(&services, Step::Set).name(), "NoMemberAccepts");
    let said = services.output.said().clone();
    let tried = "(tried: KEYROTA_SETTING, AWSCURRENT, AWSPENDING)";
    assert!(said.contains(tried), "{said}");
}
