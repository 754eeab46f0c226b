//! One mishap at each call of a rotation, followed by Secrets Manager's retries.

use keyrota_function::decide::{Activity, CURRENT, PREVIOUS};
use keyrota_function::port::CallErrorKind;

use crate::fake::{Ended, Mishap, SECRET_ARN, TOKEN, USER, World, rotate};

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

const STATES: [fn(&World); 3] = [
    |_| {},
    |world| {
        let previous = world.give_key(USER, true);
        world.store("before", &[PREVIOUS], &world.value(&previous, SECRET_ARN));
    },
    |world| {
        let inactive = world.give_key(USER, true);
        world.change_key(&inactive.id, |key| key.activity = Activity::Inactive);
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
                        let world = World::new(rotate_as, owns_user);
                        prepare(&world);
                        world.befall(call, mishap);
                        let ended = recover(&world);
                        runs += 1;
                        let case = format!("{rotate_as} {owns_user} {mishap:?} at call {call}");
                        assert!(matches!(ended, Ended::Done), "{case}: {ended:?}");
                        assert_eq!(
                            world.carrier(CURRENT).expect("a version").as_str(),
                            TOKEN,
                            "{case}"
                        );
                        assert!(world.ids().len() <= 2, "{case}");
                        if !world.mishaps.borrow().is_empty() {
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

fn recover(world: &World) -> Ended {
    let mut ended = rotate(world, TOKEN);
    for _ in 0..RETRIES {
        if matches!(ended, Ended::Done) {
            break;
        }
        ended = rotate(world, TOKEN);
    }
    ended
}
