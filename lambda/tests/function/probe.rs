//! `testSecret`: the new key, and tests of the configuration.

use std::time::Duration;

use keyrota_function::decide::{Activity, CURRENT, PENDING};
use keyrota_function::event::Step;
use keyrota_function::port::CallErrorKind;

use crate::fake::{Mishap, OTHER, SECRET_ARN, TOKEN, USER, World, key_id, rotate, run};

const AGAIN: &str = "22222222-3333-4444-5555-666666666666";
const IDENTIFY: &str = "sts:GetCallerIdentity";

/// Returns a world whose pending version has key 4.
fn created() -> World {
    let world = World::new("self", false);
    world.begin(TOKEN);
    assert_eq!(run(&world, Step::Create).name(), "done");
    world
}

fn test(world: &World) -> &'static str {
    run(world, Step::Test).name()
}

fn identifications(world: &World) -> usize {
    world
        .actions()
        .into_iter()
        .filter(|it| *it == IDENTIFY)
        .count()
}

#[test]
fn a_good_key_passes_without_waiting() {
    let world = created();
    assert_eq!(test(&world), "done");
    assert_eq!(identifications(&world), 3);
    assert!(world.slept.get().is_zero());
}

#[test]
fn a_key_is_waited_for_while_it_spreads() {
    let world = World::new("self", false);
    world.spread.set(Duration::from_secs(15));
    world.begin(TOKEN);
    assert_eq!(run(&world, Step::Create).name(), "done");
    assert_eq!(test(&world), "done");
    assert!(world.slept.get() < Duration::from_secs(20));
}

#[test]
fn successes_count_only_in_a_row() {
    let world = created();
    let fault = Mishap::Before(CallErrorKind::NotAuthenticated);
    for number in [2, 4] {
        world.befall_nth(IDENTIFY, number, fault);
    }
    assert_eq!(test(&world), "done");
    // Two, a failure, one, a failure, three.
    assert_eq!(identifications(&world), 8);
}

#[test]
fn what_may_pass_is_no_success() {
    for fault in [
        CallErrorKind::NotAuthenticated,
        CallErrorKind::Throttled,
        CallErrorKind::Unclear,
        CallErrorKind::Unsent,
    ] {
        let world = created();
        world.befall_action(IDENTIFY, &[Mishap::Before(fault); 999]);
        assert_eq!(test(&world), "KeyNotUsableYet");
        assert!(world.slept.get() > Duration::from_secs(50), "{fault:?}");
        assert!(world.slept.get() < Duration::from_secs(60), "{fault:?}");
    }
}

#[test]
fn what_will_not_pass_is_final() {
    for fault in [CallErrorKind::NotAuthorised, CallErrorKind::Refused] {
        let world = created();
        world.befall_action(IDENTIFY, &[Mishap::Before(fault)]);
        assert_eq!(test(&world), "KeyRefused");
        assert_eq!(identifications(&world), 3);
    }
}

#[test]
fn the_key_must_be_the_pinned_users() {
    for arn in [
        "arn:aws:iam::111122223333:user/ci-deployer2",
        "arn:aws:iam::111122223333:root",
    ] {
        let world = created();
        world.identity.replace(Some(arn.to_owned()));
        assert_eq!(test(&world), "AnotherIdentity");
    }
    // A value that names one user and contains another user's key.
    let world = World::new("self", false);
    let other = world
        .find_key(key_id(2).as_str())
        .expect("the other's key")
        .1;
    world.store(TOKEN, &[PENDING], &world.value_of(USER, &other, SECRET_ARN));
    assert_eq!(test(&world), "AnotherIdentity");
    assert_ne!(OTHER, USER);
}

#[test]
fn a_path_is_part_of_the_arn_but_not_of_the_name() {
    let world = created();
    world.pin("path", serde_json::json!("/teams/ci/"));
    world.identity.replace(Some(format!(
        "arn:aws:iam::111122223333:user/teams/ci/{USER}"
    )));
    assert_eq!(test(&world), "done");
}

/// Secrets Manager's test of the configuration, in its possible forms.
#[test]
fn a_test_of_the_configuration_passes() {
    type Prepare = fn(&World);
    let forms: [(&str, Prepare); 6] = [
        ("absent", |_| {}),
        ("without a value", |world| world.begin(TOKEN)),
        ("the current one", |world| {
            let current = world.fields(CURRENT).to_string();
            world.store(TOKEN, &[PENDING], &current);
        }),
        ("without key fields", |world| {
            let value = serde_json::json!({ "username": USER, "secretarn": SECRET_ARN });
            world.store(TOKEN, &[PENDING], &value.to_string());
        }),
        ("an empty object", |world| {
            world.store(TOKEN, &[PENDING], "{}")
        }),
        ("not JSON", |world| world.store(TOKEN, &[PENDING], "test")),
    ];
    for (form, prepare) in forms {
        let world = World::new("self", false);
        prepare(&world);
        assert_eq!(test(&world), "done", "{form}");
        assert!(
            world.said.borrow().contains("test of the configuration"),
            "{form}"
        );
        assert_eq!(identifications(&world), 0, "{form}");
        // It is always treated only as a test.
        let finished = run(&world, Step::Finish).name();
        assert_ne!(finished, "done", "{form}");
        assert_eq!(world.current_key(), key_id(1), "{form}");
        assert!(
            !world
                .actions()
                .contains(&"secretsmanager:UpdateSecretVersionStage")
        );
    }
}

#[test]
fn a_secret_that_is_only_seeded_passes_the_test_of_the_configuration() {
    for seed in [
        Some(serde_json::json!({ "username": USER, "secretarn": SECRET_ARN })),
        Some(serde_json::json!({ "username": USER })),
        None,
    ] {
        let world = World::new("self", false);
        world.guarded.set(false);
        world.store_in(
            SECRET_ARN,
            "first",
            &[CURRENT],
            seed.map(|seed| seed.to_string()),
        );
        world.begin(TOKEN);
        assert_eq!(test(&world), "done");
    }
}

#[test]
fn a_test_of_the_configuration_checks_what_it_can() {
    let world = World::new("self", false);
    world.unpin();
    assert_eq!(test(&world), "NotPinned");

    let world = World::new("self", false);
    world.guarded.set(false);
    let seed = serde_json::json!({ "username": OTHER, "secretarn": SECRET_ARN });
    world.store("first", &[CURRENT], &seed.to_string());
    assert_eq!(test(&world), "AnotherUser");

    let world = World::new("self", false);
    world.guarded.set(false);
    world.store("first", &[CURRENT], "hunter2");
    assert_eq!(test(&world), "ValueUnreadable");

    let world = World::new("self", false);
    let seed = serde_json::json!({ "username": OTHER });
    world.store(TOKEN, &[PENDING], &seed.to_string());
    assert_eq!(test(&world), "AnotherUser");
}

#[test]
fn half_a_credential_is_no_test_of_the_configuration() {
    for value in [
        serde_json::json!({ "accesskey": key_id(1).as_str(), "username": USER }),
        serde_json::json!({ "secretkey": "s", "username": USER }),
    ] {
        let world = World::new("self", false);
        world.store(TOKEN, &[PENDING], &value.to_string());
        assert_eq!(test(&world), "PendingIncomplete");
    }
}

/// The current ID with a different secret key is an invalid value, and not the current one.
#[test]
fn the_current_id_with_another_secret_key_is_tested() {
    let world = World::new("self", false);
    let mut value = world.fields(CURRENT);
    value["secretkey"] = serde_json::json!("wrong/secret+0123456789");
    world.store(TOKEN, &[PENDING], &value.to_string());
    assert_eq!(test(&world), "KeyNotUsableYet");
}

/// The value of a version cannot be changed, so a rotation whose key no longer exists would
/// fail forever.
#[test]
fn a_rotation_whose_key_is_gone_is_given_up_and_the_next_succeeds() {
    type Meddle = fn(&World);
    // An inactive key is visible in the list. A missing key is looked up twice.
    let ways: [(Meddle, u64); 2] = [
        (|world| world.take_key(&key_id(4)), 20),
        (
            |world| world.change_key(&key_id(4), |key| key.activity = Activity::Inactive),
            5,
        ),
    ];
    for rotate_as in ["self", "role", "ops/key-admin"] {
        for (meddle, seconds) in ways {
            let world = World::new(rotate_as, false);
            world.begin(TOKEN);
            assert_eq!(run(&world, Step::Create).name(), "done");
            meddle(&world);
            assert_eq!(test(&world), "GivenUp");
            assert!(world.slept.get() < Duration::from_secs(seconds));
            assert!(world.version(PENDING).is_none());
            assert_eq!(rotate(&world, AGAIN).name(), "done");
            assert_eq!(world.ids(), [key_id(1), key_id(5)]);
        }
    }
}

/// IAM's lists are eventually consistent, as its keys are.
#[test]
fn a_key_that_a_list_lacks_once_is_not_given_up() {
    let world = World::new("role", false);
    world.spread.set(Duration::from_secs(15));
    world.begin(TOKEN);
    assert_eq!(run(&world, Step::Create).name(), "done");
    world.befall_action("iam:ListAccessKeys", &[Mishap::OutOfDate]);
    assert_eq!(test(&world), "done");
    assert!(world.actions().contains(&"iam:ListAccessKeys"));
}

/// Whatever timeout the manifest sets for a step.
#[test]
fn a_key_that_is_gone_is_given_up_when_the_time_is_up() {
    let world = created();
    world.take_key(&key_id(4));
    world.take_per_call(Duration::from_secs(4));
    assert_eq!(test(&world), "GivenUp");
}

#[test]
fn a_rotation_that_cannot_be_given_up_says_so() {
    let world = created();
    world.take_key(&key_id(4));
    let fault = Mishap::Before(CallErrorKind::NotAuthorised);
    world.befall_action("secretsmanager:UpdateSecretVersionStage", &[fault]);
    assert_eq!(test(&world), "NotGivenUp");
    assert_eq!(test(&world), "GivenUp");
}
