//! Creating and storing a key, with lost responses and refused calls.

use keyrota_function::decide::PENDING;
use keyrota_function::event::Step;
use keyrota_function::port::CallErrorKind;
use keyrota_test_function::secrets::FakeSecrets as _;

use crate::fake::{FakeAws, Mishap, TOKEN, USER, key_id, rotate, run};

const CREATE: &str = "iam:CreateAccessKey";
const PUT: &str = "secretsmanager:PutSecretValue";
const READ: &str = "secretsmanager:GetSecretValue";

const UNCLEAR: CallErrorKind = CallErrorKind::Unclear;

fn begun() -> FakeAws {
    let aws = FakeAws::new("self", false);
    aws.begin(TOKEN);
    aws
}

fn count(aws: &FakeAws, action: &str) -> usize {
    aws.actions().into_iter().filter(|it| *it == action).count()
}

/// Returns the key that the pending version names.
fn pending(aws: &FakeAws) -> Option<String> {
    aws.version(PENDING)?.value?;
    Some(
        aws.fields(PENDING)["accesskey"]
            .as_str()
            .expect("text")
            .to_owned(),
    )
}

#[test]
fn a_put_whose_answer_is_lost_is_read_back() {
    let aws = begun();
    aws.inject_into_action(PUT, &[Mishap::After(UNCLEAR)]);
    assert_eq!(run(&aws, Step::Create).name(), "done");
    assert_eq!(count(&aws, PUT), 1);
    assert_eq!(count(&aws, CREATE), 1);
    assert_eq!(pending(&aws), Some(key_id(4).to_string()));
    assert_eq!(aws.ids(), [key_id(1), key_id(4)]);
}

#[test]
fn a_put_that_is_lost_is_repeated_with_the_same_value() {
    let aws = begun();
    aws.inject_into_action(PUT, &[Mishap::Before(UNCLEAR); 2]);
    assert_eq!(run(&aws, Step::Create).name(), "done");
    assert_eq!(count(&aws, PUT), 3);
    assert_eq!(count(&aws, CREATE), 1);
    assert_eq!(pending(&aws), Some(key_id(4).to_string()));
}

#[test]
fn a_put_that_is_never_taken_gives_the_key_up() {
    for fault in [UNCLEAR, CallErrorKind::Throttled, CallErrorKind::Unsent] {
        let aws = begun();
        aws.inject_into_action(PUT, &[Mishap::Before(fault); 99]);
        assert_eq!(run(&aws, Step::Create).name(), "KeyNotStored");
        assert_eq!(aws.ids(), [key_id(1)]);
        aws.calm();
        assert_eq!(rotate(&aws, TOKEN).name(), "done");
    }
}

#[test]
fn a_refused_put_gives_the_key_up_at_once() {
    for fault in [
        CallErrorKind::NotAuthorised,
        CallErrorKind::Refused,
        CallErrorKind::LimitExceeded,
        CallErrorKind::Undecryptable,
    ] {
        let aws = begun();
        aws.inject_into_action(PUT, &[Mishap::Before(fault)]);
        assert_eq!(run(&aws, Step::Create).name(), "KeyNotStored");
        assert_eq!(count(&aws, PUT), 1);
        assert_eq!(aws.ids(), [key_id(1)]);
        assert_eq!(rotate(&aws, TOKEN).name(), "done");
    }
}

/// The first call was carried out, and the second is refused: the key is in use.
#[test]
fn a_refusal_after_a_lost_answer_does_not_give_a_stored_key_up() {
    let aws = begun();
    aws.inject_into_action(
        PUT,
        &[
            Mishap::After(UNCLEAR),
            Mishap::Before(CallErrorKind::NotAuthorised),
        ],
    );
    // The first read fails, so the call is repeated.
    aws.inject_nth(READ, 3, Mishap::Before(UNCLEAR));
    assert_eq!(run(&aws, Step::Create).name(), "done");
    assert_eq!(pending(&aws), Some(key_id(4).to_string()));
    assert_eq!(aws.ids(), [key_id(1), key_id(4)]);
}

#[test]
fn a_key_that_may_be_stored_is_left() {
    let aws = begun();
    aws.inject_into_action(PUT, &[Mishap::After(UNCLEAR); 99]);
    for number in 3..99 {
        aws.inject_nth(READ, number, Mishap::Before(UNCLEAR));
    }
    assert_eq!(run(&aws, Step::Create).name(), "StoringUnclear");
    assert_eq!(aws.ids(), [key_id(1), key_id(4)]);
    aws.calm();
    assert_eq!(rotate(&aws, TOKEN).name(), "done");
    assert_eq!(aws.current_key(), key_id(4));
}

#[test]
fn a_key_that_can_be_neither_stored_nor_removed_is_named_and_found_again() {
    let aws = begun();
    aws.inject_into_action(PUT, &[Mishap::Before(CallErrorKind::Refused)]);
    aws.inject_into_action("iam:DeleteAccessKey", &[Mishap::Before(UNCLEAR)]);
    assert_eq!(run(&aws, Step::Create).name(), "KeyLeftBehind");
    assert!(aws.output.said().contains(key_id(4).as_str()));
    assert_eq!(rotate(&aws, TOKEN).name(), "done");
    assert_eq!(aws.ids(), [key_id(1), key_id(5)]);
}

#[test]
fn the_key_of_another_run_wins() {
    let aws = begun();
    let winner = aws.give_key(USER, false);
    // The value is stored between the read and the call, and the list is equally old.
    let value = aws.value(&winner, crate::fake::SECRET_ARN);
    aws.take_key(&winner.id);
    aws.store_before(PUT, &value);
    assert_eq!(run(&aws, Step::Create).name(), "done");
    assert_eq!(pending(&aws), Some(winner.id.to_string()));
    assert_eq!(aws.ids(), [key_id(1)]);
}

#[test]
fn a_creation_whose_answer_is_lost_is_found_by_the_next_run() {
    let aws = begun();
    aws.inject_into_action(CREATE, &[Mishap::After(UNCLEAR)]);
    assert_eq!(run(&aws, Step::Create).name(), "CreationUnclear");
    assert_eq!(count(&aws, CREATE), 1);
    assert_eq!(aws.ids(), [key_id(1), key_id(4)]);
    assert_eq!(rotate(&aws, TOKEN).name(), "done");
    assert_eq!(aws.ids(), [key_id(1), key_id(5)]);
}

#[test]
fn a_creation_that_was_lost_leaves_nothing_behind() {
    let aws = begun();
    aws.inject_into_action(CREATE, &[Mishap::Before(UNCLEAR)]);
    assert_eq!(run(&aws, Step::Create).name(), "CreationUnclear");
    assert_eq!(count(&aws, CREATE), 1);
    assert_eq!(count(&aws, "iam:DeleteAccessKey"), 0);
    assert_eq!(rotate(&aws, TOKEN).name(), "done");
}

#[test]
fn a_creation_that_was_not_taken_is_asked_for_again() {
    let aws = begun();
    aws.inject_into_action(CREATE, &[Mishap::Before(CallErrorKind::Throttled); 2]);
    assert_eq!(run(&aws, Step::Create).name(), "done");
    assert_eq!(count(&aws, CREATE), 3);
    assert_eq!(aws.ids(), [key_id(1), key_id(4)]);

    let aws = begun();
    aws.inject_into_action(CREATE, &[Mishap::Before(CallErrorKind::Throttled); 99]);
    assert_eq!(run(&aws, Step::Create).name(), "KeyNotCreated");
}

#[test]
fn a_quota_that_the_list_did_not_show_is_an_error() {
    let aws = begun();
    aws.inject_into_action(CREATE, &[Mishap::Before(CallErrorKind::LimitExceeded)]);
    assert_eq!(run(&aws, Step::Create).name(), "KeyQuotaReached");
    assert_eq!(count(&aws, CREATE), 1);
}

#[test]
fn no_key_is_made_where_there_is_no_time_to_store_it() {
    let aws = begun();
    aws.take_per_call(std::time::Duration::from_secs(10));
    assert_eq!(run(&aws, Step::Create).name(), "TooLittleTime");
    assert_eq!(count(&aws, CREATE), 0);
}

#[test]
fn a_process_that_dies_between_making_and_storing_is_recovered_from() {
    for owns_user in [true, false] {
        for (action, mishap) in [(CREATE, Mishap::DieAfter), (PUT, Mishap::DieBefore)] {
            let aws = FakeAws::new("self", owns_user);
            aws.begin(TOKEN);
            aws.inject_into_action(action, &[mishap]);
            assert_eq!(run(&aws, Step::Create).name(), "died");
            assert_eq!(aws.ids(), [key_id(1), key_id(4)]);
            assert_eq!(rotate(&aws, TOKEN).name(), "done");
            assert_eq!(aws.ids(), [key_id(1), key_id(5)]);
        }
    }
}

#[test]
fn a_process_that_dies_after_storing_goes_on_with_the_same_key() {
    let aws = begun();
    aws.inject_into_action(PUT, &[Mishap::DieAfter]);
    assert_eq!(run(&aws, Step::Create).name(), "died");
    assert_eq!(rotate(&aws, TOKEN).name(), "done");
    assert_eq!(aws.ids(), [key_id(1), key_id(4)]);
}
