//! `testSecret` and `finishSecret`.

use std::time::Duration;

use keyrota_database_function::event::Step;
use keyrota_database_function::mark::{RETAINED, SETTING};
use keyrota_database_function::port;
use keyrota_database_function::server::ServerFault;
use keyrota_database_function::stage::{CURRENT, PENDING, PREVIOUS, VersionId};
use serde_json::json;

use crate::fake::AnyFault::{Aws, Server};
use crate::fake::{Mishap, SECRET, Setting, TOKEN, USER, World, rotate, run};

/// Returns a world after the steps up to and including this one.
fn done_to(last: Step) -> World {
    let world = World::new(Setting::POSTGRES);
    world.begin(TOKEN);
    for step in Step::ALL {
        assert!(run(&world, step).is_done());
        if step == last {
            break;
        }
    }
    world.calls.borrow_mut().clear();
    world
}

#[test]
fn a_rotation_takes_these_calls() {
    let world = World::new(Setting::POSTGRES);
    assert_eq!(rotate(&world, TOKEN).name(), "done");
    let calls: Vec<String> = world
        .calls
        .borrow()
        .iter()
        .map(|call| call.replace("secretsmanager:", ""))
        .collect();
    assert_eq!(
        calls.join(" "),
        "DescribeSecret GetSecretValue GetSecretValue GetRandomPassword PutSecretValue \
         DescribeSecret GetSecretValue GetSecretValue authenticate UpdateSecretVersionStage change \
         DescribeSecret GetSecretValue GetSecretValue authenticate \
         DescribeSecret GetSecretValue GetSecretValue authenticate UpdateSecretVersionStage \
         UpdateSecretVersionStage"
    );
    assert!(world.works(CURRENT));
    assert_eq!(world.carrier(PREVIOUS), Some(VersionId::new("first")));
    assert!(world.carrier(SETTING).is_none());
    let said = world.said.borrow();
    assert!(said.contains("\"Rotations\":1"));
    assert!(!said.contains(USER) && !said.contains(SECRET));
}

#[test]
fn twenty_rotations_leave_three_versions_and_no_label_of_ours() {
    for setting in [Setting::POSTGRES, Setting::MYSQL, Setting::ADMINISTRATOR] {
        let world = World::new(setting);
        for number in 0..20 {
            assert_eq!(
                rotate(&world, &format!("token-{number:0>32}")).name(),
                "done"
            );
            assert!(world.works(CURRENT));
            assert_eq!(world.works(PREVIOUS), setting.retains);
        }
        assert!(world.carrier(SETTING).is_none());
        assert_eq!(world.carrier(RETAINED).is_some(), setting.retains);
    }
}

#[test]
fn a_new_password_that_does_not_work_is_not_promoted() {
    let world = done_to(Step::Set);
    world.change_by_hand("another");
    assert_eq!(run(&world, Step::Test).name(), "TestFailed");
    assert_eq!(
        world
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
        let world = done_to(Step::Set);
        world.befall(3, Mishap::Before(Server(fault)));
        world.befall(4, Mishap::Before(Server(fault)));
        assert_eq!(run(&world, Step::Test).name(), "done", "{fault:?}");
    }
    for fault in [
        ServerFault::Untrusted,
        ServerFault::NoTls,
        ServerFault::LoginForbidden,
    ] {
        let world = done_to(Step::Set);
        world.befall(3, Mishap::Before(Server(fault)));
        assert_eq!(run(&world, Step::Test).name(), "TestFailed", "{fault:?}");
    }
}

#[test]
fn a_test_of_the_configuration_tests_what_is_current() {
    let tests: [fn(&World); 4] = [
        |_| {},
        |world| world.begin(TOKEN),
        |world| world.store(TOKEN, &[PENDING], &json!({})),
        |world| world.store(TOKEN, &[PENDING], &world.fields(CURRENT)),
    ];
    for prepare in tests {
        let world = World::new(Setting::POSTGRES);
        prepare(&world);
        assert_eq!(run(&world, Step::Test).name(), "done");
        assert!(world.calls.borrow().contains(&"authenticate"));
        world.down.set(Some(ServerFault::Unreachable));
        assert_eq!(run(&world, Step::Test).name(), "TestFailed");
        world.down.set(None);
        // No password is set, and no version is promoted.
        if world.carrier(PENDING).is_some() {
            assert_eq!(run(&world, Step::Set).name(), "done");
            assert!(
                ["PendingIncomplete", "PendingIsCurrent"]
                    .contains(&run(&world, Step::Finish).name())
            );
        }
        assert_eq!(world.carrier(CURRENT), Some(VersionId::new("first")));
        assert!(!world.calls.borrow().contains(&"change"));

        // Before the bootstrap, there is nothing to test.
        let world = World::new(Setting::POSTGRES);
        world.store(
            "seed",
            &[CURRENT],
            &json!({ "engine": "postgres", "username": USER }),
        );
        world.forgive();
        world.begin(TOKEN);
        assert_eq!(run(&world, Step::Test).name(), "done");
        assert!(!world.calls.borrow().contains(&"authenticate"));
    }
}

#[test]
fn what_is_promoted_is_tested_in_the_same_step() {
    let world = done_to(Step::Test);
    world.pass(Duration::from_secs(600));
    let current = world.fields(CURRENT)["password"]
        .as_str()
        .expect("text")
        .to_owned();
    world.change_by_hand(&current);
    assert_eq!(run(&world, Step::Finish).name(), "TestFailed");
    assert_eq!(world.carrier(CURRENT), Some(VersionId::new("first")));
}

#[test]
fn what_was_never_set_is_tested_first() {
    let world = done_to(Step::Create);
    assert_eq!(run(&world, Step::Finish).name(), "TestFailed");
    assert!(world.works(CURRENT));
}

#[test]
fn a_move_whose_answer_was_lost_is_looked_for() {
    let world = done_to(Step::Test);
    world.befall(4, Mishap::After(Aws(port::CallErrorKind::Unclear)));
    assert_eq!(run(&world, Step::Finish).name(), "done");
    let world = done_to(Step::Test);
    world.befall(4, Mishap::Before(Aws(port::CallErrorKind::Unclear)));
    assert_eq!(run(&world, Step::Finish).name(), "NotPromoted");
    assert_eq!(run(&world, Step::Finish).name(), "done");
    assert!(world.works(CURRENT));
}

#[test]
fn a_label_that_was_left_is_taken_away_by_the_retry() {
    let world = done_to(Step::Test);
    world.befall(5, Mishap::DieBefore);
    assert_eq!(run(&world, Step::Finish).name(), "died");
    assert_eq!(world.carrier(SETTING), world.carrier(CURRENT));
    assert_eq!(run(&world, Step::Finish).name(), "done");
    assert!(world.carrier(SETTING).is_none());
}

/// If someone stored another password after the rotation ended, a late retry does not restore
/// the previous one.
#[test]
fn what_was_current_before_is_not_set_again() {
    for step in Step::ALL {
        let world = done_to(Step::Finish);
        let password = world.make_password();
        world.change_by_hand(&password);
        world.store("by-hand", &[CURRENT], &world.value(&password));
        assert_eq!(world.carrier(PENDING), world.carrier(PREVIOUS));
        assert_eq!(run(&world, step).name(), "GivenUp");
        assert!(world.works(CURRENT));
    }
}
