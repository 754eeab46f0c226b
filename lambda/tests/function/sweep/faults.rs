//! Failed calls, and secrets that a sweep fails for.

use keyrota_function::error::NamedError;
use keyrota_test_function::secrets::FakeSecrets as _;

use super::*;

const MISHAPS: [Mishap; 9] = [
    Mishap::Before(CallErrorKind::Unclear),
    Mishap::After(CallErrorKind::Unclear),
    Mishap::Before(CallErrorKind::Throttled),
    Mishap::Before(CallErrorKind::Unsent),
    Mishap::Before(CallErrorKind::NotAuthorised),
    Mishap::Before(CallErrorKind::NotAuthenticated),
    Mishap::Before(CallErrorKind::NotFound),
    Mishap::DieBefore,
    Mishap::DieAfter,
];

/// One mishap at each call of each sweep in a key's life, followed by the next sweeps. The
/// fakes check after each call that AWSCURRENT's key works.
#[test]
fn every_single_mishap_is_made_good_by_the_next_sweep() {
    let mut runs = 0;
    for rotate_as in ["self", "role", "ops/key-admin"] {
        for timetable in [
            USUAL,
            "deactivate_after=1d delete_after=1d hold_if_used_within=1d",
        ] {
            for day in [1, 7] {
                for mishap in MISHAPS {
                    for call in 0.. {
                        let aws = rotated_as(rotate_as, timetable);
                        aws.pass(DUE);
                        if day > 1 {
                            assert_eq!(swept(&aws), "done");
                            aws.pass((day - 1) * DAY);
                        }
                        let before = old(&aws);
                        aws.inject(call, mishap);
                        let _ = sweep(&aws);
                        runs += 1;
                        let case = format!("{rotate_as} {timetable} {day} {mishap:?} at {call}");
                        let befell = aws.mishaps.borrow().is_empty();
                        aws.calm();
                        assert_eq!(swept(&aws), "done", "{case}");
                        let expected = match day {
                            1 if timetable == USUAL => Some(Activity::Inactive),
                            _ => None,
                        };
                        assert_eq!(old(&aws), expected, "{case}, before: {before:?}");
                        assert_eq!(aws.current_key(), key_id(4), "{case}");
                        // The next rotation finds room for its key.
                        let next = "99999999-2222-3333-4444-555555555555";
                        assert_eq!(rotate(&aws, next).name(), "done", "{case}");
                        if !befell {
                            break;
                        }
                    }
                }
            }
        }
    }
    assert!(runs > 500, "only {runs} runs");
    println!("{runs} sweeps");
}

/// Only a conclusive response counts as success.
#[test]
fn what_failed_is_an_error() {
    for (action, fault) in [
        (UPDATE, CallErrorKind::Throttled),
        (UPDATE, CallErrorKind::Unclear),
        (UPDATE, CallErrorKind::NotAuthorised),
        (LIST, CallErrorKind::NotAuthenticated),
        (USAGE, CallErrorKind::Refused),
        (DESCRIBE, CallErrorKind::Throttled),
        (READ, CallErrorKind::NotAuthorised),
    ] {
        let aws = rotated(USUAL);
        aws.pass(DUE);
        aws.inject_into_action(action, &[Mishap::Before(fault)]);
        assert_eq!(swept(&aws), "SweepFailed", "{action} {fault:?}");
        assert_eq!(old(&aws), Some(Activity::Active));
        assert_eq!(last_with(&aws, "Failures")["Failures"], 1);
        let expected = match action {
            DESCRIBE | READ => "SecretUnread",
            _ => "OldKeyNotRetired",
        };
        assert!(aws.output.said().contains(expected), "{action}");
    }
}

#[test]
fn one_secret_that_fails_does_not_stop_the_others() {
    let missing = |name: &str| {
        format!("arn:aws:secretsmanager:eu-central-1:111122223333:secret:{name}-AbCdEf")
    };
    let (gone, odd) = (missing("gone"), missing("prod/odd"));
    let aws = rotated(USUAL);
    aws.add_secret(&odd);
    aws.pass(DUE);
    let ended = sweep_all(
        &aws,
        &[&gone, &odd, ADMINISTRATOR_ARN, SECRET_ARN, SECRET_ARN],
    );
    assert_eq!(old(&aws), Some(Activity::Inactive));
    let Outcome::Failed(error) = ended else {
        panic!("it failed");
    };
    assert_eq!(
        error.sentence(),
        "failed to sweep 3 of 4 secrets (gone, prod/odd, ops/key-admin); the log says why for \
         each; Lambda tries again, and so does the next sweep within the hour"
    );
    assert_eq!(last_with(&aws, "Failures")["Failures"], 3);
    let said = aws.output.said();
    for name in ["SecretUnread", "NotPinned"] {
        assert!(said.contains(name), "{name}");
    }
}

#[test]
fn many_failures_are_counted_and_some_named() {
    let aws = FakeAws::new("self", false);
    let arns: Vec<_> = (0..30)
        .map(|number| {
            format!("arn:aws:secretsmanager:eu-central-1:111122223333:secret:s{number:02}-AbCdEf")
        })
        .collect();
    let arns: Vec<_> = arns.iter().map(String::as_str).collect();
    let Outcome::Failed(error) = sweep_all(&aws, &arns) else {
        panic!("it failed");
    };
    let said = error.sentence();
    assert!(
        said.contains("30 of 30 secrets (s00, ") && said.contains("s09, …"),
        "{said}"
    );
}

#[test]
fn what_time_does_not_allow_is_left_to_the_next() {
    let aws = rotated(USUAL);
    aws.pass(DUE);
    let more: Vec<_> = (0..12)
        .map(|number| {
            format!("arn:aws:secretsmanager:eu-central-1:111122223333:secret:s{number}-AbCdEf")
        })
        .collect();
    let all: Vec<_> = more
        .iter()
        .map(String::as_str)
        .chain([SECRET_ARN])
        .collect();
    aws.take_per_call(Duration::from_secs(10));
    assert_eq!(sweep_all(&aws, &all).name(), "SweepFailed");
    assert!(aws.output.said().contains("SweepTooShort"));
    untouched(&aws);
}
