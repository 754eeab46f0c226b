//! The first key of a user that the stack created.

use keyrota_function::decide::{CURRENT, PREVIOUS};
use keyrota_function::event::Step;
use keyrota_function::mark::MADE;
use keyrota_test_function::secrets::FakeSecrets as _;
use serde_json::json;

use crate::fake::{FakeAws, Mishap, Outcome, SECRET_ARN, TOKEN, USER, key_id, rotate, run};

const OTHER: &str = "token-of-another-rotation-00000000";

fn without_key() -> FakeAws {
    let aws = FakeAws::new("role", true);
    aws.begin_without_key();
    aws
}

fn said(ended: &Outcome) -> String {
    match ended {
        Outcome::Failed(error) => error.to_string(),
        other => panic!("it did not fail: {}", other.name()),
    }
}

#[test]
fn a_rotation_creates_the_first_key() {
    let aws = without_key();
    assert_eq!(rotate(&aws, TOKEN).name(), "done");
    assert_eq!(aws.ids(), [key_id(4)]);
    assert_eq!(aws.current_key(), key_id(4));
    let fields = aws.fields(CURRENT);
    assert_eq!(fields["username"], USER);
    assert_eq!(fields["secretarn"], SECRET_ARN);
    assert_eq!(fields["note"], "kept as it is");
    // All calls are the role's.
    assert!(aws.key_calls().iter().all(|(_, by)| by == "role"));
    // From then on it rotates like any other.
    assert_eq!(rotate(&aws, OTHER).name(), "done");
    assert_eq!(aws.ids(), [key_id(4), key_id(5)]);
    assert_eq!(aws.current_key(), key_id(5));
}

#[test]
fn without_the_pin_there_is_no_first_key() {
    let aws = without_key();
    aws.pin("creates_first", json!(false));
    // There is no key to guard.
    aws.guarded.set(false);
    assert_eq!(rotate(&aws, TOKEN).name(), "NotBootstrapped");
    assert!(aws.ids().is_empty());
}

/// Without a key in AWSCURRENT, only the role can make the calls, and only of a user that the stack
/// created is each key keyrota's.
#[test]
fn the_pin_is_for_the_role_and_a_user_of_the_stack() {
    for (rotate_as, owns_user) in [("role", false), ("self", true), ("ops/key-admin", true)] {
        let aws = FakeAws::new(rotate_as, owns_user);
        aws.begin_without_key();
        assert_eq!(rotate(&aws, TOKEN).name(), "PinInvalid", "{rotate_as}");
        assert!(aws.ids().is_empty());
    }
}

#[test]
fn a_first_key_that_was_lost_is_replaced() {
    let aws = without_key();
    aws.begin(TOKEN);
    aws.inject_into_action("iam:CreateAccessKey", &[Mishap::DieAfter]);
    assert_eq!(run(&aws, Step::Create).name(), "died");
    assert_eq!(aws.ids(), [key_id(4)]);
    assert_eq!(rotate(&aws, TOKEN).name(), "done");
    assert_eq!(aws.ids(), [key_id(5)]);
    assert_eq!(aws.current_key(), key_id(5));
}

#[test]
fn a_key_that_was_used_stops_it_and_is_not_touched() {
    let aws = without_key();
    let key = aws.give_key(USER, true);
    let ended = rotate(&aws, TOKEN);
    assert_eq!(ended.name(), "NotTheFirstKey");
    assert!(said(&ended).contains(key.id.as_str()));
    assert_eq!(aws.ids(), [key.id]);
}

/// Someone has stored the first value over a key, whether or not its clients have used it. A deployment
/// that changes the template's first value would do so, too.
#[test]
fn a_first_value_over_a_key_is_not_taken_for_a_new_secret() {
    for used in [true, false] {
        for twice in [true, false] {
            let aws = without_key();
            let key = aws.give_key(USER, used);
            let seed = aws.fields(CURRENT).to_string();
            let (of_key, of_seed) = match twice {
                true => ([MADE].as_slice(), [PREVIOUS].as_slice()),
                false => ([PREVIOUS, MADE].as_slice(), [].as_slice()),
            };
            aws.store("before", of_key, &aws.value(&key, SECRET_ARN));
            if twice {
                aws.store("once", of_seed, &seed);
            }
            assert_eq!(rotate(&aws, TOKEN).name(), "NotBootstrapped");
            assert_eq!(aws.ids(), [key.id]);
        }
    }
}

/// The key of a first rotation that was cancelled was never AWSCURRENT.
#[test]
fn the_key_of_a_cancelled_first_rotation_is_replaced() {
    for is_listed in [true, false] {
        let aws = without_key();
        aws.begin(TOKEN);
        for step in [Step::Create, Step::Set, Step::Test] {
            assert_eq!(run(&aws, step).name(), "done");
        }
        aws.cancel();
        aws.begin(OTHER);
        if !is_listed {
            aws.inject_into_action("iam:ListAccessKeys", &[Mishap::OutOfDate]);
        }
        assert_eq!(rotate(&aws, OTHER).name(), "done");
        assert_eq!(aws.ids(), [aws.current_key()]);
        assert_ne!(aws.current_key(), key_id(4));
    }
}

/// Half a key is damage, and not a first value.
#[test]
fn a_part_of_a_key_is_not_replaced_by_a_first_one() {
    let aws = without_key();
    let part = json!({ "username": USER, "secretarn": SECRET_ARN, "secretkey": "half" });
    aws.store("part", &[CURRENT], &part.to_string());
    assert_eq!(rotate(&aws, TOKEN).name(), "NotBootstrapped");
    assert!(aws.ids().is_empty());
}

/// The first value can be written by others. It does not decide whose key is created.
#[test]
fn a_first_value_of_another_user_stops_it() {
    let aws = without_key();
    aws.store(
        "forged",
        &[CURRENT],
        &json!({ "username": "root-operator" }).to_string(),
    );
    assert_eq!(rotate(&aws, TOKEN).name(), "AnotherUser");
    assert!(aws.ids().is_empty());
}
