//! One mishap at each call of a rotation, followed by Secrets Manager's retries.

use keyrota_function::decide::{Activity, CURRENT, PREVIOUS};
use keyrota_function::port::CallErrorKind;
use keyrota_test_function::secrets::FakeSecrets as _;

use crate::fake::{FakeAws, Mishap, Outcome, SECRET_ARN, TOKEN, USER, rotate};

const MISHAPS: [Mishap; 8] = [
    Mishap::Before(CallErrorKind::Unclear),
    Mishap::After(CallErrorKind::Unclear),
    Mishap::Before(CallErrorKind::Throttled),
    Mishap::Before(CallErrorKind::Unsent),
    Mishap::Before(CallErrorKind::NotAuthorised),
    Mishap::Before(CallErrorKind::NotAuthenticated),
    Mishap::DieBefore,
    Mishap::DieAfter,
];

/// More retries than any single mishap needs.
const RETRIES: usize = 4;

const STATES: [fn(&FakeAws); 3] = [
    |_| {},
    |aws| {
        let previous = aws.give_key(USER, true);
        aws.store("before", &[PREVIOUS], &aws.value(&previous, SECRET_ARN));
    },
    |aws| {
        let inactive = aws.give_key(USER, true);
        aws.change_key(&inactive.id, |key| key.activity = Activity::Inactive);
    },
];

/// The fakes check after each call that AWSCURRENT's key works, and that no output contains a
/// secret.
#[test]
fn every_single_mishap_is_recovered_from() {
    let mut runs = 0;
    for rotate_as in ["self", "role", "ops/key-admin"] {
        for owns_user in [true, false] {
            for prepare in STATES {
                for mishap in MISHAPS {
                    for call in 0.. {
                        let aws = FakeAws::new(rotate_as, owns_user);
                        prepare(&aws);
                        aws.inject(call, mishap);
                        let ended = recover(&aws);
                        runs += 1;
                        let case = format!("{rotate_as} {owns_user} {mishap:?} at call {call}");
                        assert!(ended.is_done(), "{case}: {ended:?}");
                        assert_eq!(
                            aws.carrier(CURRENT).expect("a version").as_str(),
                            TOKEN,
                            "{case}"
                        );
                        assert!(aws.ids().len() <= 2, "{case}");
                        if !aws.mishaps.borrow().is_empty() {
                            // The rotation ended before the mishap could occur.
                            break;
                        }
                    }
                }
            }
        }
    }
    assert!(runs > 3_000, "only {runs} runs");
}

fn recover(aws: &FakeAws) -> Outcome {
    let mut ended = rotate(aws, TOKEN);
    for _ in 0..RETRIES {
        if ended.is_done() {
            break;
        }
        ended = rotate(aws, TOKEN);
    }
    ended
}
