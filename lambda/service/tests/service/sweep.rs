//! Tests the sweep.

use std::time::Duration;

use keyrota_service_function::event::Step;
use keyrota_service_function::mark::SETTING;
use keyrota_service_function::service::ServiceFault;
use keyrota_service_function::stage::{CURRENT, VersionId};
use keyrota_test_function::secrets::FakeSecrets as _;

use crate::fake::{FakeServices, Mishap, Setting, TOKEN, run, sweep};

fn broken_off(setting: Setting, set: bool) -> FakeServices {
    let services = FakeServices::new(setting);
    services.begin(TOKEN);
    run(&services, Step::Create);
    match set {
        true => assert!(run(&services, Step::Set).is_done()),
        false => services.relabel_by_hand(SETTING, Some(&VersionId::new(TOKEN))),
    }
    services.cancel();
    services
}

#[test]
fn a_password_that_was_set_becomes_current() {
    let services = broken_off(Setting::PLAIN, true);
    assert!(!services.works(CURRENT));
    assert_eq!(sweep(&services).name(), "done");
    assert_eq!(services.carrier(CURRENT), Some(VersionId::new(TOKEN)));
    assert!(services.works(CURRENT));
}

/// A slow service, or a member of a farm, may still get it.
#[test]
fn a_password_that_was_not_set_is_forgotten_after_a_while() {
    for (setting, seconds) in [(Setting::PLAIN, 901), (Setting::FARM, 931)] {
        let services = broken_off(setting, false);
        let today = services.today();
        services.change_secret(|secret| secret.changed = Some(today));
        services.pass(Duration::from_secs(seconds - 1));
        assert_eq!(sweep(&services).name(), "done");
        assert!(services.carrier(SETTING).is_some());
        services.pass(Duration::from_secs(1));
        assert_eq!(sweep(&services).name(), "done");
        assert_eq!(services.carrier(SETTING), None);
        assert!(services.works(CURRENT));
    }
}

#[test]
fn both_passwords_may_work() {
    let services = broken_off(Setting::RETAINS, true);
    assert_eq!(sweep(&services).name(), "done");
    assert!(services.carrier(SETTING).is_some());
    assert_ne!(services.carrier(CURRENT), Some(VersionId::new(TOKEN)));
}

#[test]
fn a_service_that_cannot_be_asked_fails_the_sweep() {
    let services = broken_off(Setting::PLAIN, true);
    services.down.set(Some(ServiceFault::Unreachable));
    assert_eq!(sweep(&services).name(), "SweepFailed");
    assert!(services.carrier(SETTING).is_some());
}

#[test]
fn a_rotation_under_way_is_left_alone() {
    let services = FakeServices::new(Setting::PLAIN);
    services.begin(TOKEN);
    assert_eq!(sweep(&services).name(), "done");
    assert!(!services.calls.borrow().contains(&"authenticate"));
    let said = services.output.said();
    assert!(said.contains(r#""RotationsStuck":0"#), "{said}");
}

/// AWSCURRENT's password reaches a fresh member, and the new one a stale member.
#[test]
fn a_farm_that_learns_a_password_is_not_said_to_accept_none() {
    let services = broken_off(Setting::FARM, true);
    let before = services.fork();
    sweep(&before);
    let calls = before.calls.borrow();
    let login = calls.iter().position(|it| *it == "authenticate");
    services.inject(login.expect("a login"), Mishap::Fresh);
    services.output.clear();
    assert_eq!(sweep(&services).name(), "SweepFailed");
    let said = services.output.said().clone();
    assert!(said.contains("NoMemberAccepts"), "{said}");
    assert!(
        said.contains("(tried: AWSCURRENT, KEYROTA_SETTING)"),
        "{said}"
    );
    assert!(services.carrier(SETTING).is_some());
    services.pass(Setting::FARM.propagation);
    assert_eq!(sweep(&services).name(), "done");
    assert!(services.works(CURRENT));
}

/// The version may contain the only password that works, so nothing may look as if all were well.
#[test]
fn a_version_that_cannot_be_decrypted_fails_the_sweep() {
    let services = broken_off(Setting::PLAIN, true);
    services.change_secret(|secret| {
        let version = secret.versions.get_mut(&VersionId::new(TOKEN));
        version.expect("a version").details.undecryptable = true;
    });
    services.output.clear();
    assert_eq!(sweep(&services).name(), "SweepFailed");
    let said = services.output.said().clone();
    assert!(said.contains("ValueUnreadable"), "{said}");
    assert!(said.contains("the KEYROTA_SETTING of"), "{said}");
    assert!(services.carrier(SETTING).is_some());
}

#[test]
fn a_version_without_a_credential_of_the_user_is_left_alone() {
    let services = FakeServices::new(Setting::PLAIN);
    let value = serde_json::json!({ "username": "somebody else", "password": "p" });
    services.store(TOKEN, &[SETTING], &value);
    assert_eq!(sweep(&services).name(), "done");
    let said = services.output.said().clone();
    assert!(
        said.contains("has no credential of the pinned user"),
        "{said}"
    );
    assert!(!services.calls.borrow().contains(&"authenticate"));
}
