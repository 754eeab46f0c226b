//! `testSecret` and `finishSecret`.

use std::time::Duration;

use keyrota_database_function::event::Step;
use keyrota_database_function::mark::{RETAINED, SETTING};
use keyrota_database_function::port;
use keyrota_database_function::server::ServerFault;
use keyrota_database_function::stage::{CURRENT, PENDING, PREVIOUS, VersionId};
use keyrota_test_function::secrets::FakeSecrets as _;
use serde_json::json;

use crate::fake::AnyFault::{Aws, Server};
use crate::fake::{FakeServices, Mishap, SECRET, Setting, TOKEN, USER, rotate, run};

/// Returns the state after the steps up to and including this one.
fn done_to(last: Step) -> FakeServices {
    let services = FakeServices::new(Setting::POSTGRES);
    services.begin(TOKEN);
    for step in Step::ALL {
        assert!(run(&services, step).is_done());
        if step == last {
            break;
        }
    }
    services.calls.borrow_mut().clear();
    services
}

#[test]
fn a_rotation_takes_these_calls() {
    let services = FakeServices::new(Setting::POSTGRES);
    assert_eq!(rotate(&services, TOKEN).name(), "done");
    let calls: Vec<String> = services
        .calls
        .borrow()
        .iter()
        .map(|call| call.replace("secretsmanager:", ""))
        .collect();
    assert_eq!(
        calls.join(" "),
        "DescribeSecret GetSecretValue GetSecretValue GetRandomPassword PutSecretValue \
         DescribeSecret GetSecretValue GetSecretValue inspect UpdateSecretVersionStage change authenticate \
         DescribeSecret GetSecretValue GetSecretValue authenticate \
         DescribeSecret GetSecretValue GetSecretValue authenticate UpdateSecretVersionStage \
         UpdateSecretVersionStage"
    );
    assert!(services.works(CURRENT));
    assert_eq!(services.carrier(PREVIOUS), Some(VersionId::new("first")));
    assert!(services.carrier(SETTING).is_none());
    let said = services.output.said();
    assert!(said.contains("\"Rotations\":1"));
    assert!(!said.contains(USER) && !said.contains(SECRET));
}

#[test]
fn twenty_rotations_leave_three_versions_and_no_label_of_ours() {
    for setting in [Setting::POSTGRES, Setting::MYSQL, Setting::ADMINISTRATOR] {
        let services = FakeServices::new(setting);
        for number in 0..20 {
            assert_eq!(
                rotate(&services, &format!("token-{number:0>32}")).name(),
                "done"
            );
            assert!(services.works(CURRENT));
            assert_eq!(services.works(PREVIOUS), setting.retains);
        }
        assert!(services.carrier(SETTING).is_none());
        assert_eq!(services.carrier(RETAINED).is_some(), setting.retains);
    }
}

#[test]
fn a_new_password_that_does_not_work_is_not_promoted() {
    let services = done_to(Step::Set);
    services.change_by_hand("another");
    assert_eq!(run(&services, Step::Test).name(), "TestFailed");
    assert_eq!(
        services
            .calls
            .borrow()
            .iter()
            .filter(|it| **it == "authenticate")
            .count(),
        3
    );
}

#[test]
fn a_server_that_fails_over_is_given_a_moment() {
    for fault in [
        ServerFault::Busy,
        ServerFault::TimedOut,
        ServerFault::Unreachable,
        ServerFault::WrongCredentials,
    ] {
        let services = done_to(Step::Set);
        services.inject(3, Mishap::Before(Server(fault)));
        services.inject(4, Mishap::Before(Server(fault)));
        assert_eq!(run(&services, Step::Test).name(), "done", "{fault:?}");
    }
    for fault in [
        ServerFault::Untrusted,
        ServerFault::NoTls,
        ServerFault::LoginForbidden,
    ] {
        let services = done_to(Step::Set);
        services.inject(3, Mishap::Before(Server(fault)));
        assert_eq!(run(&services, Step::Test).name(), "TestFailed", "{fault:?}");
    }
}

#[test]
fn a_test_of_the_configuration_tests_what_is_current() {
    let tests: [fn(&FakeServices); 4] = [
        |_| {},
        |services| services.begin(TOKEN),
        |services| services.store(TOKEN, &[PENDING], &json!({})),
        |services| services.store(TOKEN, &[PENDING], &services.fields(CURRENT)),
    ];
    for prepare in tests {
        let services = FakeServices::new(Setting::POSTGRES);
        prepare(&services);
        assert_eq!(run(&services, Step::Test).name(), "done");
        assert!(services.calls.borrow().contains(&"authenticate"));
        services.down.set(Some(ServerFault::Unreachable));
        assert_eq!(run(&services, Step::Test).name(), "TestFailed");
        services.down.set(None);
        // No password is set, and no version is promoted.
        if services.carrier(PENDING).is_some() {
            assert_eq!(run(&services, Step::Set).name(), "done");
            assert!(
                ["PendingIncomplete", "PendingIsCurrent"]
                    .contains(&run(&services, Step::Finish).name())
            );
        }
        assert_eq!(services.carrier(CURRENT), Some(VersionId::new("first")));
        assert!(!services.calls.borrow().contains(&"change"));

        // Before the bootstrap, there is nothing to test.
        let services = FakeServices::new(Setting::POSTGRES);
        services.store(
            "seed",
            &[CURRENT],
            &json!({ "engine": "postgres", "username": USER }),
        );
        services.allow_breakage();
        services.begin(TOKEN);
        assert_eq!(run(&services, Step::Test).name(), "done");
        assert!(!services.calls.borrow().contains(&"authenticate"));
    }
}

#[test]
fn what_is_promoted_is_tested_in_the_same_step() {
    let services = done_to(Step::Test);
    services.pass(Duration::from_secs(600));
    let current = services.fields(CURRENT)["password"]
        .as_str()
        .expect("text")
        .to_owned();
    services.change_by_hand(&current);
    assert_eq!(run(&services, Step::Finish).name(), "TestFailed");
    assert_eq!(services.carrier(CURRENT), Some(VersionId::new("first")));
}

#[test]
fn what_was_never_set_is_tested_first() {
    let services = done_to(Step::Create);
    assert_eq!(run(&services, Step::Finish).name(), "TestFailed");
    assert!(services.works(CURRENT));
}

#[test]
fn a_move_whose_answer_was_lost_is_looked_for() {
    let services = done_to(Step::Test);
    services.inject(4, Mishap::After(Aws(port::CallErrorKind::Unclear)));
    assert_eq!(run(&services, Step::Finish).name(), "done");
    let services = done_to(Step::Test);
    services.inject(4, Mishap::Before(Aws(port::CallErrorKind::Unclear)));
    assert_eq!(run(&services, Step::Finish).name(), "NotPromoted");
    assert_eq!(run(&services, Step::Finish).name(), "done");
    assert!(services.works(CURRENT));
}

#[test]
fn a_label_that_was_left_is_taken_away_by_the_retry() {
    let services = done_to(Step::Test);
    services.inject(5, Mishap::DieBefore);
    assert_eq!(run(&services, Step::Finish).name(), "died");
    assert_eq!(services.carrier(SETTING), services.carrier(CURRENT));
    assert_eq!(run(&services, Step::Finish).name(), "done");
    assert!(services.carrier(SETTING).is_none());
}

/// If someone stored another password after the rotation ended, a late retry does not restore
/// the previous one.
#[test]
fn what_was_current_before_is_not_set_again() {
    for step in Step::ALL {
        let services = done_to(Step::Finish);
        let password = services.make_password();
        services.change_by_hand(&password);
        services.store("by-hand", &[CURRENT], &services.value(&password));
        assert_eq!(services.carrier(PENDING), services.carrier(PREVIOUS));
        assert_eq!(run(&services, step).name(), "GivenUp");
        assert!(services.works(CURRENT));
    }
}
