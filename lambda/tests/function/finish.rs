//! `finishSecret`.

use std::time::Duration;

use keyrota_function::decide::{CURRENT, PENDING, PREVIOUS, VersionId};
use keyrota_function::event::Step;
use keyrota_function::port::CallErrorKind;
use keyrota_test_function::secrets::FakeSecrets as _;

use crate::fake::{FakeAws, Mishap, TOKEN, key_id, run};

const PROMOTE: &str = "secretsmanager:UpdateSecretVersionStage";

fn tested() -> FakeAws {
    let aws = FakeAws::new("self", false);
    aws.begin(TOKEN);
    for step in [Step::Create, Step::Set, Step::Test] {
        assert_eq!(run(&aws, step).name(), "done");
    }
    aws
}

fn finish(aws: &FakeAws) -> &'static str {
    run(aws, Step::Finish).name()
}

#[test]
fn it_moves_one_label_and_retires_nothing() {
    let aws = tested();
    assert_eq!(finish(&aws), "done");
    assert_eq!(aws.carrier(CURRENT), Some(VersionId::new(TOKEN)));
    assert_eq!(aws.carrier(PENDING), Some(VersionId::new(TOKEN)));
    assert_eq!(aws.carrier(PREVIOUS), Some(VersionId::new("first")));
    assert_eq!(aws.ids(), [key_id(1), key_id(4)]);
}

#[test]
fn a_move_whose_answer_is_lost_is_found_out() {
    let aws = tested();
    aws.inject_into_action(PROMOTE, &[Mishap::After(CallErrorKind::Unclear)]);
    assert_eq!(finish(&aws), "done");
    assert_eq!(aws.current_key(), key_id(4));
}

#[test]
fn a_move_that_was_not_made_is_an_error_and_is_made_by_the_retry() {
    for fault in [
        CallErrorKind::Unclear,
        CallErrorKind::Throttled,
        CallErrorKind::Refused,
        CallErrorKind::NotAuthorised,
    ] {
        let aws = tested();
        aws.inject_into_action(PROMOTE, &[Mishap::Before(fault)]);
        assert_eq!(finish(&aws), "NotPromoted");
        assert_eq!(aws.current_key(), key_id(1));
        assert_eq!(finish(&aws), "done");
        assert_eq!(aws.current_key(), key_id(4));
    }
}

#[test]
fn only_a_complete_value_is_promoted() {
    for (value, expected) in [
        (None, "PendingIncomplete"),
        (Some("{}"), "PendingIncomplete"),
        (Some("hunter2"), "ValueUnreadable"),
    ] {
        let aws = FakeAws::new("self", false);
        aws.begin(TOKEN);
        if let Some(value) = value {
            aws.store(TOKEN, &[PENDING], value);
        }
        assert_eq!(finish(&aws), expected);
        assert_eq!(aws.current_key(), key_id(1));
    }
}

/// If AWSCURRENT is moved by hand between the read and the promotion, it stays where it is.
#[test]
fn a_label_moved_by_hand_is_not_moved_back() {
    let aws = tested();
    let spare = aws.give_key(crate::fake::USER, true);
    aws.store("manual", &[], &aws.value(&spare, crate::fake::SECRET_ARN));
    aws.promote_before(3, "manual");
    assert_eq!(finish(&aws), "NotPromoted");
    assert_eq!(aws.current_key(), spare.id);
}

/// Secrets Manager may retry the last step by itself much later, and anyone who may invoke the
/// function may send this event alone.
#[test]
fn a_key_is_tested_in_the_step_that_promotes_it() {
    for hours in [0, 1] {
        let aws = FakeAws::new("role", false);
        aws.begin(TOKEN);
        for step in [Step::Create, Step::Set, Step::Test] {
            assert_eq!(run(&aws, step).name(), "done");
        }
        aws.now
            .set(aws.now.get() + Duration::from_secs(hours * 3_600));
        aws.calls.borrow_mut().clear();
        assert_eq!(run(&aws, Step::Finish).name(), "done");
        let identify = |action: &&&str| **action == "sts:GetCallerIdentity";
        assert_eq!(aws.actions().iter().filter(identify).count(), 3);
    }
}

/// With `PutSecretValue` and `lambda:InvokeFunction`, a version could be promoted without any
/// test.
#[test]
fn a_key_that_does_not_exist_is_not_promoted() {
    let aws = FakeAws::new("role", false);
    let mut value = aws.fields(CURRENT);
    value["accesskey"] = serde_json::json!(key_id(77).as_str());
    value["secretkey"] = serde_json::json!("made/up+secret+0123456789");
    aws.store(TOKEN, &[PENDING], &value.to_string());
    assert_eq!(run(&aws, Step::Finish).name(), "GivenUp");
    assert_eq!(aws.current_key(), key_id(1));
}

#[test]
fn a_key_that_was_deleted_after_its_test_is_not_promoted() {
    let aws = FakeAws::new("role", false);
    aws.begin(TOKEN);
    for step in [Step::Create, Step::Set, Step::Test] {
        assert_eq!(run(&aws, step).name(), "done");
    }
    aws.take_key(&key_id(4));
    aws.now.set(aws.now.get() + Duration::from_secs(3_600));
    assert_eq!(run(&aws, Step::Finish).name(), "GivenUp");
    assert_eq!(aws.current_key(), key_id(1));
}
