//! `createSecret`: what it changes, and what it leaves unchanged.

use std::time::Duration;

use keyrota_function::decide::{Activity, CURRENT, PENDING, PREVIOUS};
use keyrota_function::event::Step;
use keyrota_function::mark::Record;
use keyrota_function::port::CallErrorKind;

use crate::fake::{
    ADMINISTRATOR_ARN, Mishap, OTHER, SECRET_ARN, TOKEN, World, key_id, rotate, run,
};

const WAYS: [&str; 3] = ["self", "role", "ops/key-admin"];

fn create(world: &World) -> &'static str {
    world.begin(TOKEN);
    run(world, Step::Create).name()
}

fn writes(world: &World) -> Vec<&'static str> {
    let reads = ["Describe", "Get", "List"];
    let mut actions = world.actions();
    actions.retain(|action| !reads.iter().any(|read| action.contains(read)));
    actions
}

#[test]
fn the_previous_key_makes_room_whichever_is_older() {
    for rotate_as in WAYS {
        for older in [true, false] {
            let world = World::new(rotate_as, false);
            let previous = world.give_key(crate::fake::USER, true);
            if older {
                world
                    .users
                    .borrow_mut()
                    .get_mut(crate::fake::USER)
                    .expect("keys")
                    .reverse();
            }
            world.store("before", &[PREVIOUS], &world.value(&previous, SECRET_ARN));
            assert_eq!(create(&world), "done");
            assert_eq!(world.ids(), [key_id(1), key_id(5)]);
        }
    }
}

#[test]
fn a_foreign_key_in_use_stops_it_and_is_not_touched() {
    for rotate_as in WAYS {
        for owns_user in [true, false] {
            let world = World::new(rotate_as, owns_user);
            let foreign = world.give_foreign_key(true);
            assert_eq!(create(&world), "ForeignKey");
            assert_eq!(world.ids(), [key_id(1), foreign.id.clone()]);
            assert!(writes(&world).is_empty());
            assert!(world.said.borrow().contains(foreign.id.as_str()));
        }
    }
}

/// A key does not belong to keyrota merely because it is new or was never used.
#[test]
fn a_foreign_key_that_was_never_used_stops_it_and_is_not_touched() {
    for rotate_as in WAYS {
        for is_new in [true, false] {
            let world = World::new(rotate_as, false);
            let foreign = world.give_foreign_key(false);
            if is_new {
                let now = world.today();
                world.change_key(&foreign.id, |key| key.created = now);
            }
            for _ in 0..3 {
                assert_eq!(rotate(&world, TOKEN).name(), "ForeignKey");
            }
            assert_eq!(world.keys()[1].activity, Activity::Active);
            assert_eq!(world.ids(), [key_id(1), foreign.id.clone()]);
            assert!(writes(&world).is_empty());
        }
    }
}

#[test]
fn a_key_whose_secret_was_lost_is_found_by_its_intent() {
    for rotate_as in WAYS {
        let world = World::new(rotate_as, false);
        world.begin(TOKEN);
        world.befall_action("iam:CreateAccessKey", &[Mishap::DieAfter]);
        assert_eq!(run(&world, Step::Create).name(), "died");
        assert_eq!(world.ids(), [key_id(1), key_id(4)]);
        assert_eq!(run(&world, Step::Create).name(), "done");
        assert_eq!(world.ids(), [key_id(1), key_id(5)]);
    }
}

/// If someone creates a key by hand because the rotation cannot, the rotation must not remove
/// that key when it works again.
#[test]
fn an_intent_is_taken_back_where_no_key_was_made() {
    for rotate_as in WAYS {
        let world = World::new(rotate_as, false);
        world.befall_action(
            "iam:CreateAccessKey",
            &[Mishap::Before(CallErrorKind::NotAuthorised)],
        );
        assert_eq!(create(&world), "KeyNotCreated");
        let by_hand = world.give_key(crate::fake::USER, false);
        assert_eq!(run(&world, Step::Create).name(), "ForeignKey");
        assert_eq!(world.ids(), [key_id(1), by_hand.id]);
    }
}

/// A tag's value can have 256 characters.
#[test]
fn intents_do_not_pile_up() {
    let world = World::new("role", false);
    let intents = |world: &World| Record::read(&world.tags.borrow()).intents.len();
    world.begin(TOKEN);
    for number in 1..=30 {
        world.befall_action("iam:CreateAccessKey", &[Mishap::DieBefore]);
        assert_eq!(run(&world, Step::Create).name(), "died");
        world.now.set(world.now.get() + Duration::from_secs(5));
        assert_eq!(intents(&world), number.min(8));
    }
    assert_eq!(rotate(&world, TOKEN).name(), "done");
    assert_eq!(intents(&world), 0);
}

/// Each key of a user that the stack created belongs to the stack. Therefore nothing is
/// recorded, and the user's tags stay as the template defines them.
#[test]
fn nothing_is_recorded_on_a_user_of_the_stack() {
    let world = World::new("role", true);
    assert_eq!(rotate(&world, TOKEN).name(), "done");
    let tags = ["iam:ListUserTags", "iam:TagUser", "iam:UntagUser"];
    assert!(!world.actions().iter().any(|action| tags.contains(action)));
}

/// Directly after a rotation, no intent remains that would explain the key.
#[test]
fn a_key_made_by_hand_right_after_a_rotation_is_foreign() {
    for rotate_as in WAYS {
        let world = World::new(rotate_as, false);
        assert_eq!(rotate(&world, TOKEN).name(), "done");
        world.take_key(&key_id(1));
        let by_hand = world.give_key(crate::fake::USER, false);
        let again = "22222222-3333-4444-5555-666666666666";
        assert_eq!(rotate(&world, again).name(), "ForeignKey");
        assert_eq!(world.ids(), [key_id(4), by_hand.id]);
    }
}

/// An intent that could not be withdrawn expires.
#[test]
fn an_old_intent_explains_no_new_key() {
    let world = World::new("role", false);
    world.begin(TOKEN);
    world.befall_action("iam:CreateAccessKey", &[Mishap::DieBefore]);
    assert_eq!(run(&world, Step::Create).name(), "died");
    world.now.set(world.now.get() + Duration::from_secs(120));
    let by_hand = world.give_key(crate::fake::USER, false);
    assert_eq!(run(&world, Step::Create).name(), "ForeignKey");
    assert_eq!(world.ids(), [key_id(1), by_hand.id]);
}

/// Its key was tested, which counts as a use. The key still belongs to keyrota.
#[test]
fn the_key_of_a_rotation_that_was_cancelled_makes_room() {
    for rotate_as in WAYS {
        let world = World::new(rotate_as, false);
        world.begin(TOKEN);
        for step in [Step::Create, Step::Set, Step::Test] {
            assert_eq!(run(&world, step).name(), "done");
        }
        world.end();
        let again = "22222222-3333-4444-5555-666666666666";
        assert_eq!(rotate(&world, again).name(), "done");
        assert_eq!(world.ids(), [key_id(1), key_id(5)]);
        assert_eq!(world.current_key(), key_id(5));
    }
}

#[test]
fn an_orphan_of_the_stacks_own_user_goes_at_once() {
    for rotate_as in WAYS {
        let world = World::new(rotate_as, true);
        world.give_key(crate::fake::USER, false);
        assert_eq!(create(&world), "done");
        assert_eq!(world.ids(), [key_id(1), key_id(5)]);
    }
}

#[test]
fn an_inactive_unknown_key_is_reclaimed() {
    let world = World::new("self", false);
    let spare = world.give_key(crate::fake::USER, true);
    world.change_key(&spare.id, |key| key.activity = Activity::Inactive);
    assert_eq!(create(&world), "done");
    assert_eq!(world.ids(), [key_id(1), key_id(5)]);
}

#[test]
fn a_current_key_that_is_gone_stops_it_before_anything_is_touched() {
    for rotate_as in ["role", "ops/key-admin"] {
        let world = World::new(rotate_as, true);
        world.guarded.set(false);
        world.take_key(&key_id(1));
        for _ in 0..2 {
            let spare = world.give_foreign_key(false);
            world.change_key(&spare.id, |key| key.activity = Activity::Inactive);
        }
        assert_eq!(create(&world), "CurrentKeyMissing");
        assert!(writes(&world).is_empty());
        assert_eq!(world.ids().len(), 2);
    }
}

#[test]
fn an_inactive_current_key_is_replaced_but_not_by_itself() {
    let inactive = |rotate_as| {
        let world = World::new(rotate_as, false);
        world.guarded.set(false);
        world.change_key(&key_id(1), |key| key.activity = Activity::Inactive);
        world
    };
    let world = inactive("self");
    assert_eq!(create(&world), "KeysUnread");
    assert!(writes(&world).is_empty());
    assert!(
        world
            .said
            .borrow()
            .contains("the key in AWSCURRENT is dead")
    );

    for rotate_as in ["role", "ops/key-admin"] {
        let world = inactive(rotate_as);
        assert_eq!(rotate(&world, TOKEN).name(), "done");
        assert_eq!(world.current_key(), key_id(4));
        assert_eq!(world.keys()[0].activity, Activity::Inactive);
    }
}

#[test]
fn a_value_that_names_another_user_stops_it() {
    for rotate_as in WAYS {
        let world = World::new(rotate_as, true);
        world.guarded.set(false);
        let other = world
            .find_key(key_id(2).as_str())
            .expect("the other's key")
            .1;
        world.store(
            "forged",
            &[CURRENT],
            &world.value_of(OTHER, &other, SECRET_ARN),
        );
        assert_eq!(create(&world), "AnotherUser");
        assert!(writes(&world).is_empty());
        assert!(!world.actions().contains(&"iam:ListAccessKeys"));
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
        let world = World::new(rotate_as, false);
        let key = world.find_key(key_id(1).as_str()).expect("the key").1;
        world.store("forged", &[CURRENT], &world.value(&key, origin));
        assert_eq!(create(&world), "AnotherOrigin", "{rotate_as} {origin}");
        assert!(writes(&world).is_empty());
    }
}

#[test]
fn a_pending_value_must_keep_to_the_pins_too() {
    let world = World::new("self", false);
    world.begin(TOKEN);
    let other = world
        .find_key(key_id(2).as_str())
        .expect("the other's key")
        .1;
    world.store(
        TOKEN,
        &[PENDING],
        &world.value_of(OTHER, &other, SECRET_ARN),
    );
    // `setSecret` does nothing, so it reads nothing.
    for step in [Step::Create, Step::Test, Step::Finish] {
        assert_eq!(run(&world, step).name(), "AnotherUser", "{}", step.name());
    }
    assert_eq!(world.current_key(), key_id(1));
}

#[test]
fn a_version_that_has_a_key_gets_no_other() {
    let world = World::new("self", false);
    assert_eq!(create(&world), "done");
    for _ in 0..3 {
        assert_eq!(run(&world, Step::Create).name(), "done");
    }
    assert_eq!(world.ids(), [key_id(1), key_id(4)]);
    let created = world
        .actions()
        .into_iter()
        .filter(|it| *it == "iam:CreateAccessKey");
    assert_eq!(created.count(), 1);
}

/// The value of a version cannot be changed, so such a rotation would fail forever.
#[test]
fn a_pending_value_that_is_of_no_use_is_given_up() {
    let current = |world: &World| world.fields(CURRENT).to_string();
    let values: [&dyn Fn(&World) -> String; 4] = [
        &|_| "{}".to_owned(),
        &|_| r#"{"accesskey":"AKIAIOSFODNN7EXAMPLE"}"#.to_owned(),
        &|_| "hunter2".to_owned(),
        &current,
    ];
    for value in values {
        let world = World::new("self", false);
        world.store(TOKEN, &[PENDING], &value(&world));
        assert_eq!(run(&world, Step::Create).name(), "GivenUp");
        assert!(world.version(PENDING).is_none());
        let again = "22222222-3333-4444-5555-666666666666";
        assert_eq!(rotate(&world, again).name(), "done");
    }
}

#[test]
fn a_secret_that_is_only_seeded_is_sent_to_bootstrap() {
    let world = World::new("self", false);
    world.guarded.set(false);
    let seed = serde_json::json!({ "username": crate::fake::USER, "secretarn": SECRET_ARN });
    world.store("seed", &[CURRENT], &seed.to_string());
    assert_eq!(create(&world), "NotBootstrapped");
    assert!(world.said.borrow().contains("accesskey, secretkey missing"));
    assert!(world.said.borrow().contains("keyrota bootstrap"));
}

#[test]
fn a_current_value_that_is_no_credential_is_told_apart() {
    for value in ["hunter2", "[1]", r#"{"accesskey":7}"#] {
        let world = World::new("self", false);
        world.guarded.set(false);
        world.store("odd", &[CURRENT], value);
        assert_eq!(create(&world), "ValueUnreadable");
    }
    let world = World::new("self", false);
    world.guarded.set(false);
    world.change_secret(|secret| {
        for version in secret.versions.values_mut() {
            version.details.binary = true;
        }
    });
    assert_eq!(create(&world), "ValueUnreadable");
}

#[test]
fn an_unreadable_previous_version_says_nothing_of_its_key() {
    let world = World::new("self", false);
    let previous = world.give_foreign_key(true);
    world.store("before", &[PREVIOUS], "hunter2");
    assert_eq!(create(&world), "ForeignKey");
    // The same is true of a version that names another user.
    world.store(
        "before",
        &[PREVIOUS],
        &world.value_of(OTHER, &previous, SECRET_ARN),
    );
    assert_eq!(create(&world), "ForeignKey");
    assert_eq!(world.ids(), [key_id(1), previous.id]);
}

/// A temporary failure to read AWSPREVIOUS does not mean that it names no key.
#[test]
fn a_previous_version_that_cannot_be_read_now_stops_it() {
    for fault in [
        CallErrorKind::Throttled,
        CallErrorKind::Unclear,
        CallErrorKind::NotAuthorised,
    ] {
        let world = World::new("self", true);
        let previous = world.give_key(crate::fake::USER, false);
        world.store("before", &[PREVIOUS], &world.value(&previous, SECRET_ARN));
        world.begin(TOKEN);
        world.befall(2, Mishap::Before(fault));
        assert_eq!(run(&world, Step::Create).name(), "SecretUnread");
        assert!(writes(&world).is_empty());
    }
}

/// If an operator restores the last working version while a rotation reads the secret, that
/// rotation must not remove its key.
#[test]
fn a_label_that_moves_meanwhile_stops_it() {
    for call in 0..=5 {
        let world = World::new("role", true);
        let previous = world.give_key(crate::fake::USER, true);
        world.store("before", &[PREVIOUS], &world.value(&previous, SECRET_ARN));
        world.begin(TOKEN);
        world.promote_before(call, "before");
        let ended = run(&world, Step::Create).name();
        // Before the second call, AWSCURRENT's value has not been read yet. The value that is
        // read then is valid for the whole step.
        let expected = if call < 2 { "done" } else { "LabelsMoved" };
        assert_eq!(ended, expected, "{call}");
        assert_eq!(world.current_key(), previous.id);
        assert!(world.ids().contains(&previous.id));
    }
}

#[test]
fn an_administrators_secret_without_a_key_stops_it() {
    let world = World::new("ops/key-admin", false);
    world.store_in(ADMINISTRATOR_ARN, "only", &[CURRENT], Some("{}".to_owned()));
    assert_eq!(create(&world), "AdministratorUnreadable");
    assert!(world.said.borrow().contains("ops/key-admin"));
}
