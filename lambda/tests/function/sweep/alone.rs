//! What a sweep leaves unchanged.

use keyrota_function::decide::VersionId;
use keyrota_function::event::Step;
use keyrota_function::mark::REPLACED;
use keyrota_test_function::secrets::FakeSecrets as _;

use super::*;
use crate::fake::run;

#[test]
fn a_secret_under_rotation_is_left_alone() {
    for with_value in [false, true] {
        let aws = rotated(USUAL);
        aws.pass(30 * DAY);
        let next = "99999999-2222-3333-4444-555555555555";
        aws.begin(next);
        if with_value {
            aws.store(next, &[PENDING], &aws.fields(CURRENT).to_string());
        }
        assert_eq!(swept(&aws), "done");
        untouched(&aws);
        assert!(!aws.actions().contains(&LIST));
        // The rotation is cancelled.
        aws.change_secret(|secret| {
            for version in secret.versions.values_mut() {
                version.labels.remove(PENDING);
            }
        });
        assert_eq!(swept(&aws), "done");
        assert_eq!(old(&aws), Some(Activity::Inactive));
    }
    // A rotation may also end with AWSPENDING on the same version as AWSCURRENT.
    let aws = rotated(USUAL);
    aws.pass(30 * DAY);
    aws.change_secret(|secret| {
        for version in secret.versions.values_mut() {
            if version.labels.contains(CURRENT) {
                version.labels.insert(PENDING.to_owned());
            }
        }
    });
    assert_eq!(swept(&aws), "done");
    assert_eq!(old(&aws), Some(Activity::Inactive));
}

#[test]
fn a_secret_without_a_key_is_left_alone() {
    let aws = rotated(USUAL);
    aws.guarded.set(false);
    aws.pass(30 * DAY);
    let seed = serde_json::json!({ "username": USER, "secretarn": SECRET_ARN });
    aws.store("seed", &[CURRENT], &seed.to_string());
    assert_eq!(swept(&aws), "done");
    assert!(!aws.actions().contains(&LIST));
}

#[test]
fn a_previous_version_that_names_no_key_of_the_user_is_left_alone() {
    let aws = rotated(USUAL);
    aws.relabel_by_hand(REPLACED, None);
    aws.pass(30 * DAY);
    let other = aws.find_key(key_id(2).as_str()).expect("a key").1;
    let current = aws.fields(CURRENT).to_string();
    for value in [
        Some("hunter2".to_owned()),
        Some("{}".to_owned()),
        Some(aws.value_of(OTHER, &other, SECRET_ARN)),
        // A field was changed by hand, and the key is the same.
        Some(current),
        None,
    ] {
        aws.store_in(SECRET_ARN, "before", &[PREVIOUS], value);
        assert_eq!(swept(&aws), "done");
        assert!(!aws.actions().contains(&LIST));
    }
    aws.change_secret(|secret| {
        for version in secret.versions.values_mut() {
            version.labels.remove(PREVIOUS);
        }
    });
    assert_eq!(swept(&aws), "done");
    assert!(!aws.actions().contains(&LIST));
}

/// Only the key that AWSPREVIOUS names is retired, whatever other keys the user has.
#[test]
fn no_other_key_is_touched() {
    for foreign_used in [true, false] {
        let aws = rotated(USUAL);
        aws.take_key(&key_id(1));
        let foreign = aws.give_foreign_key(foreign_used);
        aws.pass(90 * DAY);
        for _ in 0..3 {
            assert_eq!(swept(&aws), "done");
        }
        untouched(&aws);
        assert_eq!(aws.ids(), [key_id(4), foreign.id]);
    }
}

#[test]
fn nothing_is_touched_where_the_current_key_does_not_work() {
    type Break = fn(&FakeAws);
    let ways: [(Break, &str); 2] = [
        (|aws| aws.take_key(&key_id(4)), "not among the user's keys"),
        (
            |aws| aws.change_key(&key_id(4), |key| key.activity = Activity::Inactive),
            "is inactive",
        ),
    ];
    for (break_it, reason) in ways {
        for rotate_as in ["role", "ops/key-admin"] {
            let aws = rotated_as(rotate_as, USUAL);
            aws.guarded.set(false);
            break_it(&aws);
            aws.pass(30 * DAY);
            assert_eq!(swept(&aws), "SweepFailed");
            untouched(&aws);
            let line = last_with(&aws, "errorMessage");
            assert_eq!(line["errorType"], "SweepFailed");
            let said = aws.output.said();
            assert!(said.contains("NewKeyUnsound") && said.contains(reason));
        }
    }
}

/// An operator restores the old version during the sweep.
#[test]
fn a_label_that_moves_meanwhile_stops_it() {
    for call in 0..=5 {
        let aws = rotated(USUAL);
        aws.pass(DUE);
        aws.promote_before(call, "first");
        let ended = swept(&aws);
        assert_eq!(ended, "done", "{call}");
        assert_eq!(aws.current_key(), key_id(1));
        assert_eq!(old(&aws), Some(Activity::Active), "{call}");
    }
}

#[test]
fn a_version_brought_back_by_hand_is_the_one_that_stays() {
    let aws = rotated(USUAL);
    aws.use_key(&key_id(4));
    aws.pass(Duration::from_secs(60));
    aws.promote_by_hand(&keyrota_function::decide::VersionId::new("first"));
    for _ in 0..9 {
        aws.pass(DAY);
        assert_eq!(swept(&aws), "done");
    }
    // The version that was tried and rejected is retired instead.
    assert_eq!(aws.ids(), [key_id(1)]);
}

#[test]
fn a_value_that_breaks_away_from_the_pins_stops_it() {
    let aws = rotated(USUAL);
    aws.guarded.set(false);
    aws.relabel_by_hand(REPLACED, None);
    aws.pass(30 * DAY);
    let other = aws.find_key(key_id(2).as_str()).expect("a key").1;
    aws.store(
        "forged",
        &[CURRENT],
        &aws.value_of(OTHER, &other, SECRET_ARN),
    );
    aws.store(
        "before",
        &[PREVIOUS],
        &aws.value(&aws.keys()[0], SECRET_ARN),
    );
    assert_eq!(swept(&aws), "SweepFailed");
    assert!(aws.output.said().contains("AnotherUser"));
    assert!(!aws.actions().contains(&LIST));

    aws.store("odd", &[CURRENT], "hunter2");
    assert_eq!(swept(&aws), "SweepFailed");
    assert!(aws.output.said().contains("ValueUnreadable"));
}

/// Secrets Manager begins a rotation during the sweep.
#[test]
fn a_rotation_that_begins_meanwhile_stops_it() {
    for call in 0..=5 {
        let aws = rotated(USUAL);
        aws.pass(DAY);
        aws.act_before(call, |aws| aws.begin("another"));
        assert_eq!(swept(&aws), "done", "{call}");
        assert_eq!(old(&aws), Some(Activity::Active), "{call}");
    }
}

/// AWSPREVIOUS is put on another version during the sweep: the key that it named before must
/// not be touched any more.
#[test]
fn a_key_that_is_not_the_previous_one_any_more_stays() {
    for call in 0..=5 {
        let aws = rotated(USUAL);
        aws.pass(DAY);
        aws.act_before(call, |aws| aws.store("other", &[PREVIOUS], "{}"));
        assert_eq!(swept(&aws), "done", "{call}");
        // If the value was read before, the labels reveal the change. Otherwise, the sweep
        // reads the other version's value.
        assert_eq!(old(&aws), Some(Activity::Active), "{call}");
    }
}

/// A rotation that took days: the time counts from its end, and not from the creation of the
/// new key.
#[test]
fn the_time_counts_from_the_end_of_the_rotation() {
    let aws = FakeAws::new("self", false);
    tag(&aws, USUAL);
    aws.begin(TOKEN);
    assert_eq!(run(&aws, Step::Create).name(), "done");
    aws.pass(3 * DAY);
    assert_eq!(rotate_on(&aws), "done");
    assert_eq!(swept(&aws), "done");
    assert_eq!(old(&aws), Some(Activity::Active));
    aws.pass(DAY);
    assert_eq!(swept(&aws), "done");
    assert_eq!(old(&aws), Some(Activity::Inactive));
}

/// Ends the rotation that is in progress.
fn rotate_on(aws: &FakeAws) -> &'static str {
    for step in Step::ALL {
        let ended = run(aws, step).name();
        if ended != "done" {
            return ended;
        }
    }
    aws.end();
    "done"
}

/// A new value that was stored by hand, long after the last rotation.
#[test]
fn the_time_counts_from_what_was_stored_by_hand() {
    let aws = rotated(USUAL);
    aws.take_key(&key_id(1));
    aws.pass(30 * DAY);
    let by_hand = aws.give_key(USER, true);
    let value = aws.value(&by_hand, SECRET_ARN);
    aws.store("by hand", &[], &value);
    aws.promote_by_hand(&VersionId::new("by hand"));
    let replaced = |aws: &FakeAws| {
        aws.keys()
            .iter()
            .find(|key| key.id == key_id(4))
            .map(|key| key.activity)
    };
    for (hours, expected) in [
        (0, Activity::Active),
        (23, Activity::Active),
        (1, Activity::Inactive),
    ] {
        aws.pass(hours * HOUR);
        assert_eq!(swept(&aws), "done");
        assert_eq!(replaced(&aws), Some(expected), "{hours}");
    }
}
