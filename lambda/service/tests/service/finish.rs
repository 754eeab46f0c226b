//! Tests `finishSecret`, and whole rotations.

use keyrota_service_function::event::Step;
use keyrota_service_function::mark::SETTING;
use keyrota_service_function::stage::{CURRENT, PENDING, PREVIOUS, VersionId};
use keyrota_test_function::secrets::FakeSecrets as _;

use crate::fake::{FakeServices, Setting, TOKEN, rotate, run};

#[test]
fn a_rotation_ends_with_the_new_password() {
    for setting in Setting::ALL {
        let services = FakeServices::new(setting);
        let before = services.fields(CURRENT);
        assert_eq!(rotate(&services, TOKEN).name(), "done");
        assert_eq!(services.carrier(CURRENT), Some(VersionId::new(TOKEN)));
        assert_eq!(services.fields(PREVIOUS), before);
        assert_eq!(services.carrier(SETTING), None);
        assert!(services.works(CURRENT));
        let said = services.output.said();
        assert!(said.contains(r#""Rotations":1"#), "{said}");
    }
}

#[test]
fn what_is_promoted_is_tested_in_the_same_step() {
    let services = FakeServices::new(Setting::PLAIN);
    services.begin(TOKEN);
    run(&services, Step::Create);
    assert_eq!(run(&services, Step::Finish).name(), "TestFailed");
    assert_ne!(services.carrier(CURRENT), Some(VersionId::new(TOKEN)));
}

#[test]
fn the_current_password_is_not_promoted_again() {
    let services = FakeServices::new(Setting::PLAIN);
    services.store(TOKEN, &[PENDING], &services.fields(CURRENT));
    assert_eq!(run(&services, Step::Finish).name(), "PendingIsCurrent");
}

#[test]
fn a_second_try_finds_the_promotion_done() {
    let services = FakeServices::new(Setting::PLAIN);
    assert!(rotate(&services, TOKEN).is_done());
    for step in Step::ALL {
        assert_eq!(run(&services, step).name(), "done");
    }
}
