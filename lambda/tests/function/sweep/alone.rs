//! What a sweep leaves unchanged.

use keyrota_function::decide::VersionId;
use keyrota_function::event::Step;

use super::*;
use crate::fake::run;

#[test]
fn a_secret_under_rotation_is_left_alone() {
    for with_value in [false, true] {
        let world = rotated(USUAL);
        world.pass(30 * DAY);
        let next = "99999999-2222-3333-4444-555555555555";
        world.begin(next);
        if with_value {
            world.store(next, &[PENDING], &world.fields(CURRENT).to_string());
        }
        assert_eq!(swept(&world), "done");
        untouched(&world);
        assert!(!world.actions().contains(&LIST));
        // The rotation is cancelled.
        world.change_secret(|secret| {
            for version in secret.versions.values_mut() {
                version.labels.remove(PENDING);
            }
        });
        assert_eq!(swept(&world), "done");
        assert_eq!(old(&world), Some(Activity::Inactive));
    }
    // A rotation may also end with AWSPENDING on the same version as AWSCURRENT.
    let world = rotated(USUAL);
    world.pass(30 * DAY);
    world.change_secret(|secret| {
        for version in secret.versions.values_mut() {
            if version.labels.contains(CURRENT) {
                version.labels.insert(PENDING.to_owned());
            }
        }
    });
    assert_eq!(swept(&world), "done");
    assert_eq!(old(&world), Some(Activity::Inactive));
}

#[test]
fn a_secret_without_a_key_is_left_alone() {
    let world = rotated(USUAL);
    world.guarded.set(false);
    world.pass(30 * DAY);
    let seed = serde_json::json!({ "username": USER, "secretarn": SECRET_ARN });
    world.store("seed", &[CURRENT], &seed.to_string());
    assert_eq!(swept(&world), "done");
    assert!(!world.actions().contains(&LIST));
}

#[test]
fn a_previous_version_that_names_no_key_of_the_user_is_left_alone() {
    let world = rotated(USUAL);
    world.pass(30 * DAY);
    let other = world.find_key(key_id(2).as_str()).expect("a key").1;
    let current = world.fields(CURRENT).to_string();
    for value in [
        Some("hunter2".to_owned()),
        Some("{}".to_owned()),
        Some(world.value_of(OTHER, &other, SECRET_ARN)),
        // A field was changed by hand, and the key is the same.
        Some(current),
        None,
    ] {
        world.store_in(SECRET_ARN, "before", &[PREVIOUS], value);
        assert_eq!(swept(&world), "done");
        assert!(!world.actions().contains(&LIST));
    }
    world.change_secret(|secret| {
        for version in secret.versions.values_mut() {
            version.labels.remove(PREVIOUS);
        }
    });
    assert_eq!(swept(&world), "done");
    assert!(!world.actions().contains(&LIST));
}

/// Only the key that AWSPREVIOUS names is retired, whatever other keys the user has.
#[test]
fn no_other_key_is_touched() {
    for foreign_used in [true, false] {
        let world = rotated(USUAL);
        world.take_key(&key_id(1));
        let foreign = world.give_foreign_key(foreign_used);
        world.pass(90 * DAY);
        for _ in 0..3 {
            assert_eq!(swept(&world), "done");
        }
        untouched(&world);
        assert_eq!(world.ids(), [key_id(4), foreign.id]);
    }
}

#[test]
fn nothing_is_touched_where_the_current_key_does_not_work() {
    type Break = fn(&World);
    let ways: [(Break, &str); 2] = [
        (
            |world| world.take_key(&key_id(4)),
            "not among the user's keys",
        ),
        (
            |world| world.change_key(&key_id(4), |key| key.activity = Activity::Inactive),
            "is inactive",
        ),
    ];
    for (break_it, reason) in ways {
        for rotate_as in ["role", "ops/key-admin"] {
            let world = rotated_as(rotate_as, USUAL);
            world.guarded.set(false);
            break_it(&world);
            world.pass(30 * DAY);
            assert_eq!(swept(&world), "SweepFailed");
            untouched(&world);
            let line = last_with(&world, "errorMessage");
            assert_eq!(line["errorType"], "SweepFailed");
            let said = world.said.borrow();
            assert!(said.contains("NewKeyUnsound") && said.contains(reason));
        }
    }
}

/// An operator restores the old version during the sweep.
#[test]
fn a_label_that_moves_meanwhile_stops_it() {
    for call in 0..=5 {
        let world = rotated(USUAL);
        world.pass(DAY);
        world.promote_before(call, "first");
        let ended = swept(&world);
        assert_eq!(ended, "done", "{call}");
        assert_eq!(world.current_key(), key_id(1));
        assert_eq!(old(&world), Some(Activity::Active), "{call}");
    }
}

#[test]
fn a_version_brought_back_by_hand_is_the_one_that_stays() {
    let world = rotated(USUAL);
    world.use_key(&key_id(4));
    world.pass(Duration::from_secs(60));
    world.promote_by_hand(&keyrota_function::decide::VersionId::new("first"));
    for _ in 0..9 {
        world.pass(DAY);
        assert_eq!(swept(&world), "done");
    }
    // The version that was tried and rejected is retired instead.
    assert_eq!(world.ids(), [key_id(1)]);
}

#[test]
fn a_value_that_breaks_away_from_the_pins_stops_it() {
    let world = rotated(USUAL);
    world.guarded.set(false);
    world.pass(30 * DAY);
    let other = world.find_key(key_id(2).as_str()).expect("a key").1;
    world.store(
        "forged",
        &[CURRENT],
        &world.value_of(OTHER, &other, SECRET_ARN),
    );
    world.store(
        "before",
        &[PREVIOUS],
        &world.value(&world.keys()[0], SECRET_ARN),
    );
    assert_eq!(swept(&world), "SweepFailed");
    assert!(world.said.borrow().contains("AnotherUser"));
    assert!(!world.actions().contains(&LIST));

    world.store("odd", &[CURRENT], "hunter2");
    assert_eq!(swept(&world), "SweepFailed");
    assert!(world.said.borrow().contains("ValueUnreadable"));
}

/// Secrets Manager begins a rotation during the sweep.
#[test]
fn a_rotation_that_begins_meanwhile_stops_it() {
    for call in 0..=5 {
        let world = rotated(USUAL);
        world.pass(DAY);
        world.act_before(call, |world| world.begin("another"));
        assert_eq!(swept(&world), "done", "{call}");
        assert_eq!(old(&world), Some(Activity::Active), "{call}");
    }
}

/// AWSPREVIOUS is put on another version during the sweep: the key that it named before must
/// not be touched any more.
#[test]
fn a_key_that_is_not_the_previous_one_any_more_stays() {
    for call in 0..=5 {
        let world = rotated(USUAL);
        world.pass(DAY);
        world.act_before(call, |world| world.store("other", &[PREVIOUS], "{}"));
        assert_eq!(swept(&world), "done", "{call}");
        // If the value was read before, the labels reveal the change. Otherwise, the sweep
        // reads the other version's value.
        assert_eq!(old(&world), Some(Activity::Active), "{call}");
    }
}

/// A rotation that took days: the time counts from its end, and not from the creation of the
/// new key.
#[test]
fn the_time_counts_from_the_end_of_the_rotation() {
    let world = World::new("self", false);
    tag(&world, USUAL);
    world.begin(TOKEN);
    assert_eq!(run(&world, Step::Create).name(), "done");
    world.pass(3 * DAY);
    assert_eq!(rotate_on(&world), "done");
    assert_eq!(swept(&world), "done");
    assert_eq!(old(&world), Some(Activity::Active));
    world.pass(DAY);
    assert_eq!(swept(&world), "done");
    assert_eq!(old(&world), Some(Activity::Inactive));
}

/// Ends the rotation that is in progress.
fn rotate_on(world: &World) -> &'static str {
    for step in Step::ALL {
        let ended = run(world, step).name();
        if ended != "done" {
            return ended;
        }
    }
    world.end();
    "done"
}

/// A new value that was stored by hand, long after the last rotation.
#[test]
fn the_time_counts_from_what_was_stored_by_hand() {
    let world = rotated(USUAL);
    world.take_key(&key_id(1));
    world.pass(30 * DAY);
    let by_hand = world.give_key(USER, true);
    let value = world.value(&by_hand, SECRET_ARN);
    world.store("by hand", &[], &value);
    world.promote_by_hand(&VersionId::new("by hand"));
    let replaced = |world: &World| {
        world
            .keys()
            .iter()
            .find(|key| key.id == key_id(4))
            .map(|key| key.activity)
    };
    for (hours, expected) in [
        (0, Activity::Active),
        (23, Activity::Active),
        (1, Activity::Inactive),
    ] {
        world.pass(hours * HOUR);
        assert_eq!(swept(&world), "done");
        assert_eq!(replaced(&world), Some(expected), "{hours}");
    }
}
