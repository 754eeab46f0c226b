//! The values and labels that a principal can write if it may write only the secret. None of
//! them makes the function change a key that does not belong to the secret.

use std::time::Duration;

use keyrota_function::decide::{Activity, CURRENT, PENDING, PREVIOUS};
use keyrota_function::event::Step;
use keyrota_function::mark::{MADE, REPLACED};
use keyrota_function::retire::CONCEALED;
use keyrota_test_function::secrets::FakeSecrets as _;

use crate::fake::{
    ADMINISTRATOR_ARN, FakeAws, Key, OTHER, SECRET_ARN, TOKEN, USER, key_id, made_up, rotate, run,
    sweep,
};

const WAYS: [&str; 3] = ["self", "role", "ops/key-admin"];
const DAY: Duration = Duration::from_secs(86_400);
const TIMED: &str = "deactivate_after=1d delete_after=1d hold_if_used_within=1d";

fn origin(rotate_as: &str) -> &'static str {
    match rotate_as {
        "self" | "role" => SECRET_ARN,
        _ => ADMINISTRATOR_ARN,
    }
}

/// Checks that a key is unchanged.
fn untouched(aws: &FakeAws, key: &Key, case: &str) {
    let found = aws.find_key(key.id.as_str());
    let (_, found) = found.unwrap_or_else(|| panic!("{case}: the key is gone"));
    assert_eq!(found.activity, Activity::Active, "{case}");
}

/// With `PutSecretValue` alone: the ID of a foreign key, with a forged secret access key, under
/// each label by which the function finds replaced keys.
#[test]
fn a_foreign_key_that_a_version_names_is_not_deleted() {
    for rotate_as in WAYS {
        for owns_user in [true, false] {
            for label in [PREVIOUS, MADE, REPLACED, PENDING] {
                for used in [true, false] {
                    // If the stack created the user, a key that was never used belongs to the
                    // stack.
                    if owns_user && !used {
                        continue;
                    }
                    let case = format!("{rotate_as} {owns_user} {label} {used}");
                    let aws = FakeAws::new(rotate_as, owns_user);
                    let foreign = aws.give_foreign_key(used);
                    let value = aws.value(&made_up(&foreign), origin(rotate_as));
                    aws.store("forged", &[label], &value);
                    let ended = rotate(&aws, TOKEN);
                    // A rotation removes AWSPENDING from the version that carries it.
                    let expected = match label {
                        PENDING => "ForeignKey",
                        _ => "UnprovenKey",
                    };
                    assert_eq!(ended.name(), expected, "{case}");
                    untouched(&aws, &foreign, &case);
                }
            }
        }
    }
}

#[test]
fn nor_does_the_sweep_retire_it() {
    for rotate_as in WAYS {
        for timetable in [
            TIMED,
            "deactivate_after=1d delete_after=2d hold_if_used_within=1d",
            "deactivate_after=0s delete_after=0s hold_if_used_within=0s",
        ] {
            let aws = FakeAws::new(rotate_as, false);
            aws.pin_old_key(timetable);
            let foreign = aws.give_foreign_key(true);
            let value = aws.value(&made_up(&foreign), origin(rotate_as));
            aws.store("forged", &[PREVIOUS], &value);
            for _ in 0..4 {
                aws.pass(DAY + CONCEALED);
                assert_eq!(sweep(&aws).name(), "SweepFailed");
                assert!(aws.output.said().contains("OldKeyUnproven"));
                untouched(&aws, &foreign, timetable);
            }
        }
    }
}

/// `finishSecret` retires keys immediately if the manifest says so.
#[test]
fn nor_does_the_last_step() {
    let aws = FakeAws::new("role", false);
    aws.pin_old_key("deactivate_after=0s delete_after=0s hold_if_used_within=0s");
    let foreign = aws.give_foreign_key(true);
    // The genuine key is removed by hand, and AWSCURRENT names the foreign one.
    aws.guarded.set(false);
    aws.take_key(&key_id(1));
    let ours = aws.give_key(USER, false);
    aws.store(TOKEN, &[PENDING], &aws.value(&ours, SECRET_ARN));
    let forged = aws.value(&made_up(&foreign), SECRET_ARN);
    aws.store("forged", &[CURRENT], &forged);
    assert_eq!(run(&aws, Step::Finish).name(), "done");
    assert!(aws.output.said().contains("OldKeyUnproven"));
    untouched(&aws, &foreign, "at once");
}

/// With `UpdateSecretVersionStage` alone: the label with which earlier versions recorded that
/// they were about to create a key.
#[test]
fn a_forged_intent_explains_no_key() {
    for rotate_as in WAYS {
        let aws = FakeAws::new(rotate_as, false);
        let reserve = aws.give_foreign_key(false);
        let made = reserve.created.0 - 86_400;
        for time in [made, aws.today().0] {
            let label = format!("KEYROTA_MAKING_{time}");
            aws.change_secret(|secret| {
                let version = secret.versions.values_mut().next().expect("a version");
                version.labels.insert(label);
            });
        }
        assert_eq!(rotate(&aws, TOKEN).name(), "ForeignKey");
        untouched(&aws, &reserve, rotate_as);
    }
}

/// The secret access key proves that the version contains the key, whatever the user's tags are.
/// Stacks that an earlier version deployed have no such tags.
#[test]
fn a_key_that_nothing_records_makes_room_once_it_is_proven() {
    for rotate_as in WAYS {
        let aws = FakeAws::new(rotate_as, false);
        aws.tags.borrow_mut().clear();
        let before = aws.give_key(USER, true);
        aws.store(
            "before",
            &[PREVIOUS],
            &aws.value(&before, origin(rotate_as)),
        );
        assert_eq!(rotate(&aws, TOKEN).name(), "done");
        assert_eq!(aws.ids(), [key_id(1), key_id(5)]);
    }
}

/// A value that was stored by hand with an additional field moves AWSPREVIOUS to a version with
/// the same key. The key before it is recorded on the user, and no version names it.
#[test]
fn a_recorded_key_that_no_version_names_makes_room() {
    let again = "22222222-3333-4444-5555-666666666666";
    let aws = FakeAws::new("role", false);
    assert_eq!(rotate(&aws, TOKEN).name(), "done");
    let mut value = aws.fields(CURRENT);
    value["bucket"] = serde_json::json!("artifacts");
    let current = aws.carrier(CURRENT).expect("a version");
    aws.store("by-hand", &[], &value.to_string());
    aws.promote_by_hand(&keyrota_function::decide::VersionId::new("by-hand"));
    assert_eq!(aws.carrier(PREVIOUS), Some(current));
    assert_eq!(rotate(&aws, again).name(), "done");
    assert_eq!(aws.ids(), [key_id(4), key_id(5)]);
    assert_eq!(aws.fields(CURRENT)["bucket"], "artifacts");
}

/// The function uses the pinned administrator's secret and the pinned user, whatever
/// `secretarn` and `username` contain.
#[test]
fn the_pins_decide_whose_keys_are_touched_and_by_whom() {
    for (field, value) in [
        ("username", OTHER.to_owned()),
        ("secretarn", ADMINISTRATOR_ARN.to_owned()),
        (
            "secretarn",
            ADMINISTRATOR_ARN.replace("ops/key-admin", "mine"),
        ),
    ] {
        let aws = FakeAws::new("self", false);
        aws.guarded.set(false);
        let mut fields = aws.fields(CURRENT);
        fields[field] = serde_json::json!(value);
        aws.store("forged", &[CURRENT], &fields.to_string());
        let ended = rotate(&aws, TOKEN);
        assert!(
            ["AnotherUser", "AnotherOrigin"].contains(&ended.name()),
            "{value}"
        );
        assert!(aws.key_calls().is_empty());
    }
}
