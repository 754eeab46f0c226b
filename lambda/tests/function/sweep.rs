//! The sweep: what it does, and what it reports.

mod alone;
mod faults;

use std::time::Duration;

use keyrota_function::decide::{Activity, CURRENT, PENDING, PREVIOUS};
use keyrota_function::moment::Moment;
use keyrota_function::port::CallErrorKind;
use keyrota_function::retire::CONCEALED;
use keyrota_test_function::secrets::FakeSecrets as _;
use serde_json::Value;

use crate::fake::{
    ADMINISTRATOR_ARN, FakeAws, Mishap, OTHER, Outcome, SECRET_ARN, TOKEN, USER, key_id, rotate,
    sweep, sweep_all,
};

const HOUR: Duration = Duration::from_secs(3_600);
const DAY: Duration = Duration::from_secs(86_400);
/// When a key that the rotation has used is due, with a time of a day.
const DUE: Duration = Duration::from_secs(86_400 + CONCEALED.as_secs());

const DESCRIBE: &str = "secretsmanager:DescribeSecret";
const READ: &str = "secretsmanager:GetSecretValue";
const LIST: &str = "iam:ListAccessKeys";
const USAGE: &str = "iam:GetAccessKeyLastUsed";
const UPDATE: &str = "iam:UpdateAccessKey";
const DELETE: &str = "iam:DeleteAccessKey";

const USUAL: &str = "deactivate_after=1d delete_after=7d hold_if_used_within=1d";
const PATIENT: &str = "deactivate_after=1d delete_after=7d hold_if_used_within=1d force_after=30d";

/// Returns the state with `old_key` times after a rotation: key 1 is AWSPREVIOUS's, and key 4 is
/// AWSCURRENT's.
fn rotated_as(rotate_as: &str, timetable: &str) -> FakeAws {
    let aws = FakeAws::new(rotate_as, false);
    tag(&aws, timetable);
    assert_eq!(rotate(&aws, TOKEN).name(), "done");
    assert_eq!(aws.ids(), [key_id(1), key_id(4)]);
    aws.calls.borrow_mut().clear();
    aws
}

fn rotated(timetable: &str) -> FakeAws {
    rotated_as("self", timetable)
}

fn tag(aws: &FakeAws, timetable: &str) {
    aws.pin_old_key(timetable);
}

fn old(aws: &FakeAws) -> Option<Activity> {
    let keys = aws.keys();
    let key = keys.iter().find(|key| key.id == key_id(1));
    key.map(|key| key.activity)
}

fn swept(aws: &FakeAws) -> &'static str {
    sweep(aws).name()
}

/// Runs a sweep and returns its calls.
fn calls(aws: &FakeAws) -> Vec<&'static str> {
    aws.calls.borrow_mut().clear();
    assert_eq!(swept(aws), "done");
    aws.actions()
}

/// Returns the last log line that has this field.
fn last_with(aws: &FakeAws, field: &str) -> Value {
    let said = aws.output.said();
    let lines = said.lines().filter(|line| line.starts_with('{'));
    let mut lines = lines.map(|line| serde_json::from_str::<Value>(line).expect("JSON"));
    lines
        .rfind(|line| line.get(field).is_some())
        .expect("a line")
}

fn untouched(aws: &FakeAws) {
    let touched = aws.actions();
    assert!(
        !touched.contains(&UPDATE) && !touched.contains(&DELETE),
        "{touched:?}"
    );
}

#[test]
fn an_old_key_is_deactivated_watched_and_deleted_in_each_way() {
    is_retired(|_| {});
}

/// AWS moves AWSPREVIOUS then. The old key keeps its times, and its next rotation succeeds.
#[test]
fn an_old_key_is_found_after_somebody_added_a_field() {
    is_retired(FakeAws::add_field_by_hand);
    for (rotate_as, owns_user) in [("self", false), ("role", true), ("ops/key-admin", false)] {
        let aws = FakeAws::new(rotate_as, owns_user);
        assert_eq!(rotate(&aws, TOKEN).name(), "done");
        aws.use_key(&key_id(1));
        aws.add_field_by_hand();
        assert_eq!(
            rotate(&aws, "another-token-000000000000000000").name(),
            "done"
        );
        assert!(!aws.ids().contains(&key_id(1)), "{rotate_as}");
        assert_eq!(aws.fields(CURRENT)["bucket"], "artifacts");
    }
}

/// Expects that the old key is retired in time after a rotation and something that somebody does.
fn is_retired(act: impl Fn(&FakeAws)) {
    for (rotate_as, signer) in [
        ("self", key_id(4).to_string()),
        ("role", "role".to_owned()),
        ("ops/key-admin", key_id(3).to_string()),
    ] {
        let aws = rotated_as(rotate_as, USUAL);
        act(&aws);
        let mut seen = Vec::new();
        for hour in 0..24 * 9 {
            assert_eq!(swept(&aws), "done");
            if seen.last().is_none_or(|(_, state)| *state != old(&aws)) {
                seen.push((hour, old(&aws)));
            }
            aws.pass(HOUR);
        }
        let expected = [
            (0, Some(Activity::Active)),
            // The last use is so close to the promotion that it may conceal another one.
            (25, Some(Activity::Inactive)),
            (24 * 7 + 1, None),
        ];
        assert_eq!(seen, expected, "{rotate_as}");
        assert_eq!(aws.ids(), [key_id(4)]);
        for (action, by) in aws.key_calls() {
            assert_eq!(by, signer, "{action} as {rotate_as}");
        }
        let calls = aws.calls.borrow();
        // Each action happened once.
        for action in [UPDATE, DELETE] {
            assert_eq!(calls.iter().filter(|(it, _)| *it == action).count(), 1);
        }
    }
}

#[test]
fn no_call_is_made_that_is_not_needed() {
    let aws = rotated("until_next_rotation");
    aws.pass(90 * DAY);
    assert_eq!(calls(&aws), [DESCRIBE, READ]);

    let aws = rotated(USUAL);
    assert_eq!(calls(&aws), [DESCRIBE, READ, READ]);
    aws.pass(DUE);
    let all = [DESCRIBE, READ, READ, LIST, USAGE, DESCRIBE];
    let update = ["iam:ListUserTags", UPDATE];
    assert_eq!(calls(&aws), [&all[..], &update].concat());
    // An inactive key is being watched, so its last use is not read.
    assert_eq!(calls(&aws), [DESCRIBE, READ, READ, LIST]);
    aws.pass(6 * DAY);
    assert_eq!(calls(&aws), [&all[..], &[DELETE]].concat());
    assert_eq!(calls(&aws), [DESCRIBE, READ, READ, LIST]);
    assert!(aws.slept.get().is_zero());
}

#[test]
fn a_key_in_use_is_held_and_reported() {
    let aws = rotated(PATIENT);
    for _ in 0..4 * 29 {
        aws.pass(6 * HOUR);
        aws.use_key(&key_id(1));
        assert_eq!(swept(&aws), "done");
        assert_eq!(old(&aws), Some(Activity::Active));
    }
    assert_eq!(last_with(&aws, "KeysHeldBack")["KeysHeldBack"], 1);
    let note = last_with(&aws, "lastUsed");
    assert_eq!(note["decision"], "hold");
    assert_eq!(note["reason"], "still in use");
    assert_eq!(note["secret"], "prod/ci-deployer");
    assert_eq!(note["step"], "sweep");
    assert_eq!(note["accessKeyIds"][0], key_id(1).as_str());
    assert_eq!(note["lastUsedService"], "s3");
    assert_eq!(note["lastUsedRegion"], "eu-central-1");
    // The last use was just before the last sweep.
    let today = aws.today().to_string();
    assert_eq!(
        note["lastUsed"].as_str().map(|time| &time[..13]),
        Some(&today[..13])
    );

    // The key is no longer held back, and is watched from its last use on.
    aws.pass(DAY);
    aws.use_key(&key_id(1));
    assert_eq!(swept(&aws), "done");
    assert_eq!(old(&aws), Some(Activity::Inactive));
    aws.pass(6 * DAY);
    assert_eq!(swept(&aws), "done");
    assert_eq!(old(&aws), Some(Activity::Inactive));
    aws.pass(DAY);
    assert_eq!(swept(&aws), "done");
    assert_eq!(old(&aws), None);
}

#[test]
fn a_key_goes_when_its_client_has_moved_on() {
    let aws = rotated(USUAL);
    aws.pass(3 * DAY);
    aws.use_key(&key_id(1));
    aws.pass(DAY - HOUR);
    assert_eq!(swept(&aws), "done");
    assert_eq!(old(&aws), Some(Activity::Active));
    aws.pass(HOUR);
    assert_eq!(swept(&aws), "done");
    assert_eq!(old(&aws), Some(Activity::Inactive));
    assert_eq!(last_with(&aws, "KeysHeldBack")["KeysHeldBack"], 0);
}

/// With `rotate_as: self`, the old key itself creates the new one. IAM records one use in 15
/// minutes, so that nobody knows whether a client used it shortly after the promotion.
#[test]
fn what_the_rotation_signed_may_conceal_a_use_and_raises_no_alarm() {
    let aws = rotated(USUAL);
    aws.pass(DAY);
    assert_eq!(swept(&aws), "done");
    assert_eq!(old(&aws), Some(Activity::Active));
    let decision = last_with(&aws, "decision");
    assert_eq!(decision["decision"], "hold");
    assert!(decision["reason"].to_string().contains("possibly in use"));
    assert_eq!(last_with(&aws, "KeysHeldBack")["KeysHeldBack"], 0);
    aws.pass(CONCEALED);
    assert_eq!(swept(&aws), "done");
    assert_eq!(old(&aws), Some(Activity::Inactive));
}

/// A client uses the key before the promotion and once more after it. IAM records the second use
/// only if it is 15 minutes later than the first, and to the minute. The key is held after the
/// second use whether or not it is recorded, and is retired later.
#[test]
fn a_use_holds_the_key_even_if_an_earlier_one_conceals_it() {
    const MINUTE: i64 = 60;
    let mut concealed = 0;
    for before in (0..20 * MINUTE).step_by(20) {
        for after in (MINUTE..20 * MINUTE).step_by(47) {
            let aws = rotated_as("role", USUAL);
            let promoted = aws.today();
            aws.pass(Duration::from_secs(after.unsigned_abs()));
            let is_recorded = before + after >= 15 * MINUTE;
            let recorded = promoted.0 + if is_recorded { after } else { -before };
            let to_the_minute = Moment(recorded - recorded % MINUTE);
            aws.change_key(&key_id(1), |key| {
                (key.used, key.last_used) = (true, to_the_minute);
            });
            concealed += usize::from(!is_recorded);

            let case = format!("{before} s before and {after} s after");
            aws.pass(DAY - Duration::from_secs(MINUTE.unsigned_abs()));
            assert_eq!(swept(&aws), "done", "{case}");
            assert_eq!(old(&aws), Some(Activity::Active), "{case}");
            aws.pass(CONCEALED);
            assert_eq!(swept(&aws), "done", "{case}");
            assert_eq!(old(&aws), Some(Activity::Inactive), "{case}");
        }
    }
    assert!(concealed > 400, "only {concealed} concealed uses");
}

#[test]
fn age_and_delay_are_measured() {
    let aws = rotated(USUAL);
    let due = aws.today().plus(30 * DAY);
    aws.change_secret(|secret| secret.next_rotation = Some(due));
    aws.pass(37 * DAY);
    // A client uses it, so nothing else happens.
    aws.use_key(&key_id(1));
    assert_eq!(swept(&aws), "done");
    let line = last_with(&aws, "CredentialAge");
    let age = line["CredentialAge"][0].as_u64().expect("a number");
    assert_eq!(age / 86_400, 37);
    assert_eq!(line["RotationsOverdue"], 0);
    assert_eq!(line["FunctionName"], "rotator");
    aws.pass(Duration::from_secs(60));
    aws.use_key(&key_id(1));
    assert_eq!(swept(&aws), "done");
    assert_eq!(last_with(&aws, "RotationsOverdue")["RotationsOverdue"], 1);
}

/// Returns the number of stuck rotations that a sweep measures.
fn stuck(aws: &FakeAws) -> u64 {
    assert_eq!(swept(aws), "done");
    let line = last_with(aws, "RotationsStuck");
    line["RotationsStuck"].as_u64().expect("a number")
}

/// Secrets Manager no longer retries the rotation, or cannot invoke the function, so that no step runs.
#[test]
fn a_rotation_that_does_not_end_is_measured() {
    for timetable in ["until_next_rotation", USUAL] {
        let aws = rotated(timetable);
        assert_eq!(stuck(&aws), 0);
        aws.begin("given-up");
        aws.pass(HOUR);
        assert_eq!(stuck(&aws), 0);
        aws.pass(Duration::from_secs(1));
        aws.calls.borrow_mut().clear();
        assert_eq!(stuck(&aws), 1);
        // The date in the secret's description is enough.
        assert!(aws.actions().starts_with(&[DESCRIBE, READ]));
        let said = aws.output.said().clone();
        assert!(said.contains("\"decision\":\"stuck\""), "{said}");
        untouched(&aws);
        aws.cancel();
        assert_eq!(stuck(&aws), 0);
    }
}

/// Something that tags secrets every hour does not hide a rotation that stored a key.
#[test]
fn a_change_of_something_else_hides_only_a_rotation_without_a_key() {
    let aws = rotated(USUAL);
    aws.begin("given-up");
    aws.pass(2 * HOUR);
    let touch = || {
        let now = aws.today();
        aws.change_secret(|secret| secret.changed = Some(now));
    };
    touch();
    assert_eq!(stuck(&aws), 0);

    let key = aws.give_key(USER, true);
    let value = aws.value(&key, "self");
    aws.store("given-up", &[PENDING], &value);
    touch();
    assert_eq!(stuck(&aws), 0);
    aws.pass(2 * HOUR);
    touch();
    assert_eq!(stuck(&aws), 1);
}

/// AWSPENDING on AWSCURRENT's version, or on none, is the end of a rotation.
#[test]
fn a_rotation_that_has_ended_is_not_stuck() {
    let aws = rotated(USUAL);
    let current = aws.carrier(CURRENT).expect("a version");
    aws.relabel_by_hand(PENDING, Some(&current));
    aws.pass(2 * HOUR);
    aws.calls.borrow_mut().clear();
    assert_eq!(stuck(&aws), 0);
    assert_eq!(aws.actions()[..3], [DESCRIBE, READ, READ]);
}
