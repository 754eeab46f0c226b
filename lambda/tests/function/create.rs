//! `createSecret`: what it changes, and what it leaves unchanged.

use std::time::Duration;

use keyrota_contract::error::CURRENT_KEY_MISSING;
use keyrota_function::decide::{Activity, CURRENT, PENDING, PREVIOUS};
use keyrota_function::event::Step;
use keyrota_function::mark::Record;
use keyrota_function::port::CallErrorKind;
use keyrota_test_function::secrets::FakeSecrets as _;

use crate::fake::{
    ADMINISTRATOR_ARN, FakeAws, Mishap, OTHER, SECRET_ARN, TOKEN, key_id, rotate, run,
};

const WAYS: [&str; 3] = ["self", "role", "ops/key-admin"];

fn create(aws: &FakeAws) -> &'static str {
    aws.begin(TOKEN);
    run(aws, Step::Create).name()
}

fn writes(aws: &FakeAws) -> Vec<&'static str> {
    let reads = ["Describe", "Get", "List"];
    let mut actions = aws.actions();
    actions.retain(|action| !reads.iter().any(|read| action.contains(read)));
    actions
}

#[test]
fn the_previous_key_makes_room_whichever_is_older() {
    for rotate_as in WAYS {
        for older in [true, false] {
            let aws = FakeAws::new(rotate_as, false);
            let previous = aws.give_key(crate::fake::USER, true);
            if older {
                aws.users
                    .borrow_mut()
                    .get_mut(crate::fake::USER)
                    .expect("keys")
                    .reverse();
            }
            aws.store("before", &[PREVIOUS], &aws.value(&previous, SECRET_ARN));
            assert_eq!(create(&aws), "done");
            assert_eq!(aws.ids(), [key_id(1), key_id(5)]);
        }
    }
}

#[test]
fn a_foreign_key_in_use_stops_it_and_is_not_touched() {
    for rotate_as in WAYS {
        for owns_user in [true, false] {
            let aws = FakeAws::new(rotate_as, owns_user);
            let foreign = aws.give_foreign_key(true);
            assert_eq!(create(&aws), "ForeignKey");
            assert_eq!(aws.ids(), [key_id(1), foreign.id.clone()]);
            assert!(writes(&aws).is_empty());
            assert!(aws.output.said().contains(foreign.id.as_str()));
        }
    }
}

/// A key does not belong to keyrota merely because it is new or was never used.
#[test]
fn a_foreign_key_that_was_never_used_stops_it_and_is_not_touched() {
    for rotate_as in WAYS {
        for is_new in [true, false] {
            let aws = FakeAws::new(rotate_as, false);
            let foreign = aws.give_foreign_key(false);
            if is_new {
                let now = aws.today();
                aws.change_key(&foreign.id, |key| key.created = now);
            }
            for _ in 0..3 {
                assert_eq!(rotate(&aws, TOKEN).name(), "ForeignKey");
            }
            assert_eq!(aws.keys()[1].activity, Activity::Active);
            assert_eq!(aws.ids(), [key_id(1), foreign.id.clone()]);
            assert!(writes(&aws).is_empty());
        }
    }
}

#[test]
fn a_key_whose_secret_was_lost_is_found_by_its_intent() {
    for rotate_as in WAYS {
        let aws = FakeAws::new(rotate_as, false);
        aws.begin(TOKEN);
        aws.inject_into_action("iam:CreateAccessKey", &[Mishap::DieAfter]);
        assert_eq!(run(&aws, Step::Create).name(), "died");
        assert_eq!(aws.ids(), [key_id(1), key_id(4)]);
        assert_eq!(run(&aws, Step::Create).name(), "done");
        assert_eq!(aws.ids(), [key_id(1), key_id(5)]);
    }
}

/// If someone creates a key by hand because the rotation cannot, the rotation must not remove
/// that key when it works again.
#[test]
fn an_intent_is_taken_back_where_no_key_was_made() {
    for rotate_as in WAYS {
        let aws = FakeAws::new(rotate_as, false);
        aws.inject_into_action(
            "iam:CreateAccessKey",
            &[Mishap::Before(CallErrorKind::NotAuthorised)],
        );
        assert_eq!(create(&aws), "KeyNotCreated");
        let by_hand = aws.give_key(crate::fake::USER, false);
        assert_eq!(run(&aws, Step::Create).name(), "ForeignKey");
        assert_eq!(aws.ids(), [key_id(1), by_hand.id]);
    }
}

/// A tag's value can have 256 characters.
#[test]
fn intents_do_not_pile_up() {
    let aws = FakeAws::new("role", false);
    let intents = |aws: &FakeAws| Record::read(&aws.tags.borrow()).intents.len();
    aws.begin(TOKEN);
    for number in 1..=30 {
        aws.inject_into_action("iam:CreateAccessKey", &[Mishap::DieBefore]);
        assert_eq!(run(&aws, Step::Create).name(), "died");
        aws.now.set(aws.now.get() + Duration::from_secs(5));
        assert_eq!(intents(&aws), number.min(8));
    }
    assert_eq!(rotate(&aws, TOKEN).name(), "done");
    assert_eq!(intents(&aws), 0);
}

/// Each key of a user that the stack created belongs to the stack. Therefore nothing is
/// recorded, and the user's tags stay as the template defines them.
#[test]
fn nothing_is_recorded_on_a_user_of_the_stack() {
    let aws = FakeAws::new("role", true);
    assert_eq!(rotate(&aws, TOKEN).name(), "done");
    let tags = ["iam:ListUserTags", "iam:TagUser", "iam:UntagUser"];
    assert!(!aws.actions().iter().any(|action| tags.contains(action)));
}

/// Directly after a rotation, no intent remains that would explain the key.
#[test]
fn a_key_made_by_hand_right_after_a_rotation_is_foreign() {
    for rotate_as in WAYS {
        let aws = FakeAws::new(rotate_as, false);
        assert_eq!(rotate(&aws, TOKEN).name(), "done");
        aws.take_key(&key_id(1));
        let by_hand = aws.give_key(crate::fake::USER, false);
        let again = "22222222-3333-4444-5555-666666666666";
        assert_eq!(rotate(&aws, again).name(), "ForeignKey");
        assert_eq!(aws.ids(), [key_id(4), by_hand.id]);
    }
}

/// An intent that could not be withdrawn expires.
#[test]
fn an_old_intent_explains_no_new_key() {
    let aws = FakeAws::new("role", false);
    aws.begin(TOKEN);
    aws.inject_into_action("iam:CreateAccessKey", &[Mishap::DieBefore]);
    assert_eq!(run(&aws, Step::Create).name(), "died");
    aws.now.set(aws.now.get() + Duration::from_secs(120));
    let by_hand = aws.give_key(crate::fake::USER, false);
    assert_eq!(run(&aws, Step::Create).name(), "ForeignKey");
    assert_eq!(aws.ids(), [key_id(1), by_hand.id]);
}

/// Its key was tested, which counts as a use. The key still belongs to keyrota.
#[test]
fn the_key_of_a_rotation_that_was_cancelled_makes_room() {
    for rotate_as in WAYS {
        let aws = FakeAws::new(rotate_as, false);
        aws.begin(TOKEN);
        for step in [Step::Create, Step::Set, Step::Test] {
            assert_eq!(run(&aws, step).name(), "done");
        }
        aws.end();
        let again = "22222222-3333-4444-5555-666666666666";
        assert_eq!(rotate(&aws, again).name(), "done");
        assert_eq!(aws.ids(), [key_id(1), key_id(5)]);
        assert_eq!(aws.current_key(), key_id(5));
    }
}

#[test]
fn an_orphan_of_the_stacks_own_user_goes_at_once() {
    for rotate_as in WAYS {
        let aws = FakeAws::new(rotate_as, true);
        aws.give_key(crate::fake::USER, false);
        assert_eq!(create(&aws), "done");
        assert_eq!(aws.ids(), [key_id(1), key_id(5)]);
    }
}

#[test]
fn an_inactive_unknown_key_is_reclaimed() {
    let aws = FakeAws::new("self", false);
    let spare = aws.give_key(crate::fake::USER, true);
    aws.change_key(&spare.id, |key| key.activity = Activity::Inactive);
    assert_eq!(create(&aws), "done");
    assert_eq!(aws.ids(), [key_id(1), key_id(5)]);
}

#[test]
fn a_current_key_that_is_gone_stops_it_before_anything_is_touched() {
    for rotate_as in ["role", "ops/key-admin"] {
        let aws = FakeAws::new(rotate_as, true);
        aws.guarded.set(false);
        aws.take_key(&key_id(1));
        for _ in 0..2 {
            let spare = aws.give_foreign_key(false);
            aws.change_key(&spare.id, |key| key.activity = Activity::Inactive);
        }
        assert_eq!(create(&aws), CURRENT_KEY_MISSING);
        assert!(writes(&aws).is_empty());
        assert_eq!(aws.ids().len(), 2);
    }
}

#[test]
fn an_inactive_current_key_is_replaced_but_not_by_itself() {
    let inactive = |rotate_as| {
        let aws = FakeAws::new(rotate_as, false);
        aws.guarded.set(false);
        aws.change_key(&key_id(1), |key| key.activity = Activity::Inactive);
        aws
    };
    let aws = inactive("self");
    assert_eq!(create(&aws), "KeysUnread");
    assert!(writes(&aws).is_empty());
    assert!(
        aws.output
            .said()
            .contains("otherwise store an active key of the user")
    );

    for rotate_as in ["role", "ops/key-admin"] {
        let aws = inactive(rotate_as);
        assert_eq!(rotate(&aws, TOKEN).name(), "done");
        assert_eq!(aws.current_key(), key_id(4));
        assert_eq!(aws.keys()[0].activity, Activity::Inactive);
    }
}

#[test]
fn a_value_that_names_another_user_stops_it() {
    for rotate_as in WAYS {
        let aws = FakeAws::new(rotate_as, true);
        aws.guarded.set(false);
        let other = aws.find_key(key_id(2).as_str()).expect("the other's key").1;
        aws.store(
            "forged",
            &[CURRENT],
            &aws.value_of(OTHER, &other, SECRET_ARN),
        );
        assert_eq!(create(&aws), "AnotherUser");
        assert!(writes(&aws).is_empty());
        assert!(!aws.actions().contains(&"iam:ListAccessKeys"));
    }
}

#[test]
fn a_value_that_names_another_secret_to_rotate_with_stops_it() {
    let elsewhere = "arn:aws:secretsmanager:eu-central-1:444455556666:secret:ops/key-admin-GhIjKl";
    for (rotate_as, origin) in [
        ("self", ADMINISTRATOR_ARN),
        ("role", ADMINISTRATOR_ARN),
        ("ops/key-admin", SECRET_ARN),
        ("ops/key-admin", elsewhere),
        ("ops/key-admin", "ops/key-admin"),
        (ADMINISTRATOR_ARN, elsewhere),
    ] {
        let aws = FakeAws::new(rotate_as, false);
        let key = aws.find_key(key_id(1).as_str()).expect("the key").1;
        aws.store("forged", &[CURRENT], &aws.value(&key, origin));
        assert_eq!(create(&aws), "AnotherOrigin", "{rotate_as} {origin}");
        assert!(writes(&aws).is_empty());
    }
}

#[test]
fn a_pending_value_must_keep_to_the_pins_too() {
    let aws = FakeAws::new("self", false);
    aws.begin(TOKEN);
    let other = aws.find_key(key_id(2).as_str()).expect("the other's key").1;
    aws.store(TOKEN, &[PENDING], &aws.value_of(OTHER, &other, SECRET_ARN));
    // `setSecret` reads no value.
    for step in [Step::Create, Step::Test, Step::Finish] {
        assert_eq!(run(&aws, step).name(), "AnotherUser", "{}", step.name());
    }
    assert_eq!(aws.current_key(), key_id(1));
}

#[test]
fn a_version_that_has_a_key_gets_no_other() {
    let aws = FakeAws::new("self", false);
    assert_eq!(create(&aws), "done");
    for _ in 0..3 {
        assert_eq!(run(&aws, Step::Create).name(), "done");
    }
    assert_eq!(aws.ids(), [key_id(1), key_id(4)]);
    let created = aws
        .actions()
        .into_iter()
        .filter(|it| *it == "iam:CreateAccessKey");
    assert_eq!(created.count(), 1);
}

/// The value of a version cannot be changed, so such a rotation would fail forever.
#[test]
fn a_pending_value_that_is_of_no_use_is_given_up() {
    let current = |aws: &FakeAws| aws.fields(CURRENT).to_string();
    let values: [&dyn Fn(&FakeAws) -> String; 4] = [
        &|_| "{}".to_owned(),
        &|_| r#"{"accesskey":"AKIAIOSFODNN7EXAMPLE"}"#.to_owned(),
        &|_| "hunter2".to_owned(),
        &current,
    ];
    for value in values {
        let aws = FakeAws::new("self", false);
        aws.store(TOKEN, &[PENDING], &value(&aws));
        assert_eq!(run(&aws, Step::Create).name(), "GivenUp");
        assert!(aws.version(PENDING).is_none());
        let again = "22222222-3333-4444-5555-666666666666";
        assert_eq!(rotate(&aws, again).name(), "done");
    }
}

#[test]
fn a_secret_that_is_only_seeded_is_sent_to_bootstrap() {
    let aws = FakeAws::new("self", false);
    aws.guarded.set(false);
    let seed = serde_json::json!({ "username": crate::fake::USER, "secretarn": SECRET_ARN });
    aws.store("seed", &[CURRENT], &seed.to_string());
    assert_eq!(create(&aws), "NotBootstrapped");
    assert!(aws.output.said().contains("accesskey, secretkey missing"));
    assert!(aws.output.said().contains("keyrota bootstrap"));
}

#[test]
fn a_current_value_that_is_no_credential_is_told_apart() {
    for value in ["hunter2", "[1]", r#"{"accesskey":7}"#] {
        let aws = FakeAws::new("self", false);
        aws.guarded.set(false);
        aws.store("odd", &[CURRENT], value);
        assert_eq!(create(&aws), "ValueUnreadable");
    }
    let aws = FakeAws::new("self", false);
    aws.guarded.set(false);
    aws.change_secret(|secret| {
        for version in secret.versions.values_mut() {
            version.details.binary = true;
        }
    });
    assert_eq!(create(&aws), "ValueUnreadable");
}

#[test]
fn an_unreadable_previous_version_says_nothing_of_its_key() {
    let aws = FakeAws::new("self", false);
    let previous = aws.give_foreign_key(true);
    aws.store("before", &[PREVIOUS], "hunter2");
    assert_eq!(create(&aws), "ForeignKey");
    // The same is true of a version that names another user.
    aws.store(
        "before",
        &[PREVIOUS],
        &aws.value_of(OTHER, &previous, SECRET_ARN),
    );
    assert_eq!(create(&aws), "ForeignKey");
    assert_eq!(aws.ids(), [key_id(1), previous.id]);
}

/// A temporary failure to read AWSPREVIOUS does not mean that it names no key.
#[test]
fn a_previous_version_that_cannot_be_read_now_stops_it() {
    for fault in [
        CallErrorKind::Throttled,
        CallErrorKind::Unclear,
        CallErrorKind::NotAuthorised,
    ] {
        let aws = FakeAws::new("self", true);
        let previous = aws.give_key(crate::fake::USER, false);
        aws.store("before", &[PREVIOUS], &aws.value(&previous, SECRET_ARN));
        aws.begin(TOKEN);
        aws.inject(2, Mishap::Before(fault));
        assert_eq!(run(&aws, Step::Create).name(), "SecretUnread");
        assert!(writes(&aws).is_empty());
    }
}

/// If an operator restores the last working version while a rotation reads the secret, that
/// rotation must not remove its key.
#[test]
fn a_label_that_moves_meanwhile_stops_it() {
    for call in 0..=5 {
        let aws = FakeAws::new("role", true);
        let previous = aws.give_key(crate::fake::USER, true);
        aws.store("before", &[PREVIOUS], &aws.value(&previous, SECRET_ARN));
        aws.begin(TOKEN);
        aws.promote_before(call, "before");
        let ended = run(&aws, Step::Create).name();
        // Before the second call, AWSCURRENT's value has not been read yet. The value that is
        // read then is valid for the whole step.
        let expected = if call < 2 { "done" } else { "LabelsMoved" };
        assert_eq!(ended, expected, "{call}");
        assert_eq!(aws.current_key(), previous.id);
        assert!(aws.ids().contains(&previous.id));
    }
}

#[test]
fn an_administrators_secret_without_a_key_stops_it() {
    let aws = FakeAws::new("ops/key-admin", false);
    aws.store_in(ADMINISTRATOR_ARN, "only", &[CURRENT], Some("{}".to_owned()));
    assert_eq!(create(&aws), "AdministratorUnreadable");
    assert!(aws.output.said().contains("ops/key-admin"));
}
