//! `testSecret`, if the new key must have a permission.

use std::time::Duration;

use keyrota_function::decide::{CURRENT, PENDING};
use keyrota_function::event::Step;
use keyrota_function::port::CallErrorKind;

use crate::fake::{Mishap, TOKEN, World, key_id, rotate, run};

const BUCKET: &str = "s3:ListBucket arn:aws:s3:::artifacts eu-west-1";
const ROLE: &str = "sts:AssumeRole arn:aws:iam::111122223333:role/deploy";

const LIST: &str = "s3:ListBucket";
const ASSUME: &str = "sts:AssumeRole";

/// Pins the permission that a new key must have: an action, an ARN, and optionally a Region.
fn pin(world: &World, text: &str) {
    let words: Vec<&str> = text.split(' ').collect();
    let mut probe = serde_json::json!({ "action": words[0], "resource": words[1] });
    if let Some(region) = words.get(2) {
        probe["region"] = serde_json::json!(region);
    }
    world.pin("probe", probe);
}

/// Returns a world whose pending version has key 4.
fn created(probe: &str) -> World {
    let world = World::new("self", false);
    pin(&world, probe);
    world.begin(TOKEN);
    assert_eq!(run(&world, Step::Create).name(), "done");
    world.calls.borrow_mut().clear();
    world
}

fn test(world: &World) -> &'static str {
    run(world, Step::Test).name()
}

fn count(world: &World, action: &str) -> usize {
    world.actions().iter().filter(|it| **it == action).count()
}

#[test]
fn a_key_that_may_passes_with_one_more_call_by_itself() {
    for (probe, action) in [(BUCKET, LIST), (ROLE, ASSUME)] {
        let world = created(probe);
        assert_eq!(test(&world), "done");
        assert_eq!(count(&world, action), 1);
        let calls = world.calls.borrow();
        // The probe comes last, after the key was found to belong to the user.
        assert_eq!(calls.last(), Some(&(action, key_id(4).to_string())));
        assert!(world.slept.get().is_zero());
    }
}

#[test]
fn a_key_that_may_not_is_not_promoted() {
    for (probe, action, object) in [
        (BUCKET, LIST, "s3:ListBucket on arn:aws:s3:::artifacts"),
        (
            ROLE,
            ASSUME,
            "sts:AssumeRole on arn:aws:iam::111122223333:role/deploy",
        ),
    ] {
        let world = created(probe);
        world.allowed_at.set(None);
        assert_eq!(test(&world), "ProbeDenied");
        // The step waited for it, but not until the timeout.
        assert!(count(&world, action) > 5);
        assert!(world.slept.get() >= Duration::from_secs(20));
        assert!(world.slept.get() < Duration::from_secs(25));
        let said = world.said.borrow();
        let expected = format!("it authenticates as ci-deployer, but may not {object}: ");
        assert!(said.contains(&expected), "{said}");
        assert!(said.contains("then rotate again"));
        assert_eq!(world.current_key(), key_id(1));
    }
    // A whole rotation does not change that either.
    let world = World::new("self", false);
    pin(&world, BUCKET);
    world.allowed_at.set(None);
    assert_eq!(rotate(&world, TOKEN).name(), "ProbeDenied");
    assert_eq!(world.current_key(), key_id(1));
    // The policy is corrected.
    world.allowed_at.set(Some(Duration::ZERO));
    assert_eq!(rotate(&world, TOKEN).name(), "done");
    assert_eq!(world.current_key(), key_id(4));
}

#[test]
fn a_permission_is_waited_for_while_it_spreads() {
    let world = created(ROLE);
    world
        .allowed_at
        .set(Some(world.now.get() + Duration::from_secs(15)));
    assert_eq!(test(&world), "done");
    assert!(world.slept.get() < Duration::from_secs(20));
    assert!(world.said.borrow().contains(r#""decision":"wait""#));
}

#[test]
fn what_may_pass_is_waited_out_within_the_time_there_is() {
    for fault in [
        CallErrorKind::NotAuthenticated,
        CallErrorKind::Throttled,
        CallErrorKind::Unclear,
        CallErrorKind::Unsent,
    ] {
        let world = created(BUCKET);
        world.befall_action(LIST, &[Mishap::Before(fault); 4]);
        assert_eq!(test(&world), "done", "{fault:?}");
        assert_eq!(count(&world, LIST), 5);

        let world = created(BUCKET);
        world.befall_action(LIST, &[Mishap::Before(fault); 999]);
        assert_eq!(test(&world), "ProbeUnclear", "{fault:?}");
        assert!(world.slept.get() > Duration::from_secs(50), "{fault:?}");
        assert!(world.slept.get() < Duration::from_secs(60), "{fault:?}");
        assert_eq!(world.current_key(), key_id(1));
    }
}

#[test]
fn what_will_not_pass_is_final() {
    for fault in [
        CallErrorKind::NotFound,
        CallErrorKind::Refused,
        CallErrorKind::LimitExceeded,
    ] {
        let world = created(BUCKET);
        world.befall_action(LIST, &[Mishap::Before(fault)]);
        assert_eq!(test(&world), "ProbeRefused", "{fault:?}");
        assert_eq!(count(&world, LIST), 1);
        assert!(
            world
                .said
                .borrow()
                .contains("correct `probe` in the manifest")
        );
    }
}

#[test]
fn a_denial_is_final_where_no_time_is_left() {
    let world = created(BUCKET);
    world.allowed_at.set(None);
    world.take_per_call(Duration::from_secs(9));
    assert_eq!(test(&world), "ProbeDenied");
}

#[test]
fn a_pin_that_makes_no_sense_stops_it_before_any_call_with_the_key() {
    let world = created(BUCKET);
    pin(&world, "s3:ListBucket everything");
    assert_eq!(test(&world), "PinInvalid");
    assert_eq!(count(&world, "sts:GetCallerIdentity"), 0);
    // A test of the configuration detects this too.
    let world = World::new("self", false);
    pin(&world, "nonsense everything");
    assert_eq!(test(&world), "PinInvalid");
}

#[test]
fn a_test_of_the_configuration_has_no_key_to_try() {
    let world = World::new("self", false);
    pin(&world, BUCKET);
    let current = world.fields(CURRENT).to_string();
    world.store(TOKEN, &[PENDING], &current);
    assert_eq!(test(&world), "done");
    assert_eq!(count(&world, LIST), 0);
}
