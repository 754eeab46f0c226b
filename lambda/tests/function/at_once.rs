//! `finishSecret`, if the manifest retires the old key immediately.

use std::time::Duration;

use keyrota_function::decide::{Activity, CURRENT, PENDING, PREVIOUS};
use keyrota_function::event::Step;
use keyrota_function::port::CallErrorKind;
use keyrota_function::retire::CONCEALED;
use keyrota_test_function::secrets::FakeSecrets as _;

use crate::fake::{FakeAws, Mishap, TOKEN, key_id, rotate, run, sweep};

const DEACTIVATE: &str = "deactivate_after=0s delete_after=1d hold_if_used_within=1d";
const DELETE: &str = "deactivate_after=0s delete_after=0s hold_if_used_within=1d";
const LATER: &str = "deactivate_after=1d delete_after=7d hold_if_used_within=1d";

const PROMOTE: &str = "secretsmanager:UpdateSecretVersionStage";
const DESCRIBE: &str = "secretsmanager:DescribeSecret";
const READ: &str = "secretsmanager:GetSecretValue";
const LIST: &str = "iam:ListAccessKeys";

/// Returns AWS before `finishSecret`.
fn tested(rotate_as: &str, timetable: &str) -> FakeAws {
    let aws = FakeAws::new(rotate_as, false);
    aws.pin_old_key(timetable);
    aws.begin(TOKEN);
    for step in [Step::Create, Step::Set, Step::Test] {
        assert_eq!(run(&aws, step).name(), "done");
    }
    aws.calls.borrow_mut().clear();
    aws
}

fn finish(aws: &FakeAws) -> &'static str {
    run(aws, Step::Finish).name()
}

fn old(aws: &FakeAws) -> Option<Activity> {
    let keys = aws.keys();
    let key = keys.iter().find(|key| key.id == key_id(1));
    key.map(|key| key.activity)
}

#[test]
fn zero_is_at_once_by_the_new_key() {
    for (rotate_as, signer) in [
        ("self", key_id(4).to_string()),
        ("role", "role".to_owned()),
        ("ops/key-admin", key_id(3).to_string()),
    ] {
        for (timetable, expected) in [(DEACTIVATE, Some(Activity::Inactive)), (DELETE, None)] {
            let aws = tested(rotate_as, timetable);
            assert_eq!(finish(&aws), "done");
            assert_eq!(old(&aws), expected);
            assert_eq!(aws.current_key(), key_id(4));
            for (action, by) in aws.key_calls() {
                assert_eq!(by, signer, "{action} as {rotate_as}");
            }
        }
    }
}

#[test]
fn no_call_is_made_that_is_not_needed() {
    // The intent is removed at the same time as the promotion.
    const IDENTIFY: &str = "sts:GetCallerIdentity";
    let test = [IDENTIFY, IDENTIFY, IDENTIFY];
    let without = [
        &[DESCRIBE, READ, READ],
        &test[..],
        &[PROMOTE, "iam:UntagUser"],
    ]
    .concat();
    for timetable in ["until_next_rotation", LATER] {
        let aws = tested("self", timetable);
        assert_eq!(finish(&aws), "done");
        assert_eq!(aws.actions(), without, "{timetable}");
    }
    let aws = tested("self", DEACTIVATE);
    assert_eq!(finish(&aws), "done");
    let more = [LIST, DESCRIBE, "iam:ListUserTags", "iam:UpdateAccessKey"];
    assert_eq!(aws.actions(), [&without[..], &more].concat());
}

/// No key is retired before the promotion is certain.
#[test]
fn without_a_promotion_nothing_goes() {
    for fault in [
        CallErrorKind::Unclear,
        CallErrorKind::Refused,
        CallErrorKind::NotAuthorised,
    ] {
        let aws = tested("self", DELETE);
        aws.inject_into_action(PROMOTE, &[Mishap::Before(fault)]);
        assert_eq!(finish(&aws), "NotPromoted");
        assert!(!aws.actions().contains(&LIST));
        assert_eq!(aws.ids(), [key_id(1), key_id(4)]);
    }
}

#[test]
fn a_promotion_whose_answer_is_lost_is_certain_when_it_was_found() {
    let aws = tested("self", DELETE);
    aws.inject_into_action(PROMOTE, &[Mishap::After(CallErrorKind::Unclear)]);
    assert_eq!(finish(&aws), "done");
    assert_eq!(aws.ids(), [key_id(4)]);
    assert_eq!(aws.output.said().matches(r#""Rotations":1"#).count(), 1);
}

/// If anything fails after the promotion, the step succeeds, reports what failed, and leaves
/// the rest to the sweep. The same is true if the step is called again.
#[test]
fn what_fails_is_left_to_the_sweep() {
    for (timetable, expected) in [(DEACTIVATE, Some(Activity::Inactive)), (DELETE, None)] {
        for rotate_as in ["self", "role", "ops/key-admin"] {
            for fault in [
                CallErrorKind::Unclear,
                CallErrorKind::Throttled,
                CallErrorKind::NotAuthorised,
            ] {
                for call in 8..15 {
                    for again in [true, false] {
                        let aws = tested(rotate_as, timetable);
                        aws.inject(call, Mishap::Before(fault));
                        assert_eq!(finish(&aws), "done", "{rotate_as} {fault:?} {call}");
                        if aws.mishaps.borrow().is_empty() {
                            assert_eq!(old(&aws), Some(Activity::Active));
                            assert!(aws.output.said().contains(r#""level":"ERROR""#));
                        }
                        aws.calm();
                        if again {
                            assert_eq!(finish(&aws), "done");
                        } else {
                            aws.end();
                            // The use by the rotation may conceal one by a client.
                            aws.pass(Duration::from_secs(86_400) + CONCEALED);
                            assert_eq!(sweep(&aws).name(), "done");
                        }
                        assert_eq!(old(&aws), expected, "{rotate_as} {fault:?} {call}");
                    }
                }
            }
        }
    }
}

#[test]
fn a_process_that_dies_is_made_good_by_the_retry_and_by_the_sweep() {
    for (timetable, expected) in [(DEACTIVATE, Some(Activity::Inactive)), (DELETE, None)] {
        for mishap in [Mishap::DieBefore, Mishap::DieAfter] {
            for call in 0..11 {
                let aws = tested("self", timetable);
                aws.inject(call, mishap);
                assert_eq!(finish(&aws), "died");
                assert_eq!(finish(&aws), "done");
                assert_eq!(old(&aws), expected, "{mishap:?} {call}");
                // This includes a process that died at the very end.
                aws.end();
                assert_eq!(sweep(&aws).name(), "done");
                assert_eq!(old(&aws), expected, "{mishap:?} {call}");
            }
        }
    }
}

/// A step that is called long after its rotation ended must not retire a key that a client
/// uses.
#[test]
fn a_late_retry_holds_a_key_in_use() {
    let aws = tested("self", DEACTIVATE);
    aws.inject_into_action(
        "iam:UpdateAccessKey",
        &[Mishap::Before(CallErrorKind::Throttled)],
    );
    assert_eq!(finish(&aws), "done");
    aws.end();
    aws.pass(std::time::Duration::from_secs(60));
    aws.use_key(&key_id(1));
    assert_eq!(finish(&aws), "done");
    assert_eq!(old(&aws), Some(Activity::Active));
    assert!(aws.output.said().contains("still in use"));
}

#[test]
fn a_label_that_moves_meanwhile_stops_it() {
    for call in [7, 8] {
        let aws = tested("self", DELETE);
        aws.promote_before(call, "first");
        assert_eq!(finish(&aws), "done");
        assert_eq!(aws.current_key(), key_id(1));
        assert_eq!(aws.ids(), [key_id(1), key_id(4)]);
    }
}

/// The list of keys is eventually consistent.
#[test]
fn nothing_goes_while_the_new_key_is_not_listed() {
    let aws = tested("role", DELETE);
    aws.guarded.set(false);
    // After the test, and before the promotion.
    aws.act_before(6, |aws| aws.take_key(&key_id(4)));
    assert_eq!(finish(&aws), "done");
    assert_eq!(aws.ids(), [key_id(1)]);
    assert!(aws.output.said().contains("NewKeyUnsound"));
}

#[test]
fn time_that_is_too_short_is_not_used() {
    let aws = tested("self", DELETE);
    aws.take_per_call(std::time::Duration::from_secs(14));
    assert_eq!(finish(&aws), "done");
    assert!(!aws.actions().contains(&LIST));
}

#[test]
fn rotations_follow_one_another_with_one_key() {
    for rotate_as in ["self", "role", "ops/key-admin"] {
        let aws = tested(rotate_as, DELETE);
        assert_eq!(finish(&aws), "done");
        aws.end();
        for round in 1..=4 {
            let token = format!("{round:0>36}");
            assert_eq!(rotate(&aws, &token).name(), "done");
            assert_eq!(aws.ids(), [aws.current_key()]);
        }
    }
}

/// The first rotation of a secret that was created by the stack, or changed by hand.
#[test]
fn a_version_that_names_no_other_key_is_left_alone() {
    let aws = tested("self", DELETE);
    aws.store("odd", &[CURRENT], "hunter2");
    aws.guarded.set(false);
    assert_eq!(finish(&aws), "done");
    assert_eq!(aws.ids(), [key_id(1), key_id(4)]);

    let aws = tested("self", DELETE);
    assert_eq!(finish(&aws), "done");
    let current = aws.fields(CURRENT).to_string();
    aws.store("before", &[PREVIOUS], &current);
    assert_eq!(finish(&aws), "done");
    assert_eq!(aws.ids(), [key_id(4)]);
    assert!(aws.version(PENDING).is_some());
}
